"""Offer and answer (RFC 3264) for one audio stream of G.711 with key presses (RFC 4733)."""

from functools import lru_cache
from ipaddress import ip_address
from operator import itemgetter

from msgspec import Struct
from msgspec.structs import replace

from .codec import CLOCK_RATE_HZ, DEFAULT_EVENT_TYPE, EVENT_ENCODING, Codec
from .description import MediaDescription, SessionDescription, parse
from .errors import (
    INCOMPATIBLE_ADDRESS,
    INCOMPATIBLE_FORMAT,
    INCOMPATIBLE_PROTOCOL,
    NO_SUCH_MEDIA,
    SdpUnusableError,
)
from .form import form_of

PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF"})
"""Profiles we serve. AVPF (RFC 4585) only permits earlier RTCP, which we need not use; the SRTP
ones are other keys' business and get refused."""

PACKET_MS = 20
"Audio per packet that we send and ask for: the default of G.711 (RFC 3551 table 1)."

UNSPECIFIED = frozenset({"0.0.0.0", "::"})
"Addresses that say hold without a direction (RFC 3264 section 8.4)."

_MIRRORED = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
"What an answer says to an offer of this direction (RFC 3264 section 6.1)."

_SILENT = {
    "sendrecv": "recvonly",
    "recvonly": "recvonly",
    "sendonly": "inactive",
    "inactive": "inactive",
}
"The same where there is no address to send to."

_STATIC = {str(codec.value): codec for codec in Codec}
_BY_ENCODING = {codec.name: codec for codec in Codec}


class Capabilities(Struct, frozen=True, kw_only=True):
    """Our side of a session."""

    address: str
    "Where the peer shall send to; an IP address."

    port: int
    "Our RTP port."

    session_id: int
    "Of the o= line; the same for all descriptions of one session."

    session_version: int = 0
    "Of the o= line: one more for each changed description (RFC 3264 section 8)."

    codecs: tuple[Codec, ...] = (Codec.PCMA, Codec.PCMU)
    "In the order in which we offer them."

    preferred: Codec | None = None
    "Take this one whatever order the peer likes: a bridge without transcoding."


class Negotiated(Struct, frozen=True, gc=False):
    """What both sides agreed on."""

    address: str
    "The peer's RTP address; 0.0.0.0 or :: when it is on hold that way."

    port: int

    codec: Codec
    "What we send."

    payload_type: int
    "The number that the peer gave it."

    event_type: int | None
    "The number to send key presses with; None: the peer does not take them."

    received: tuple[tuple[int, Codec], ...]
    "Payload types that may arrive."

    received_event_type: int | None
    "The number that key presses arrive with."

    packet_ms: int
    "Audio per packet that the peer asks for (a=ptime); PACKET_MS if it does not say."

    held: bool
    "The peer put us on hold: sendonly, inactive, or no address (RFC 3264 8.4)."

    sending: bool
    "We may send: not when held, and not when our answer or offer said recvonly."


class _Stream(Struct, frozen=True):
    """The audio line of a peer's description, understood."""

    index: int
    media: MediaDescription
    address: str
    direction: str
    codecs: tuple[tuple[int, Codec], ...]
    event_type: int | None
    packet_ms: int

    muxed: bool
    "RTCP may come on the port of RTP (RFC 5761)."


class _AnswerPlan(Struct, frozen=True):
    """An answer but for our address, port and o= line."""

    agreed: Negotiated
    line: int
    "Of the m= line that is served."
    time: str
    "Start and stop of the offer."
    before: str
    "The refused m= lines above ours."
    after: str
    "From the protocol of our m= line on."


def answer_offer(offer: bytes, local: Capabilities) -> tuple[bytes, Negotiated]:
    """Answer the first audio line we can serve and refuse the others; raise `SdpError`.

    The answer names one codec only, so that the peer cannot change it in mid-stream.
    """
    usual = form_of(offer)
    if usual is None:
        plan = _plan_answer(offer, local.codecs, local.preferred)
        agreed = plan.agreed
    else:
        form, address, port = usual
        plan = _plan_recurring_answer(form, local.codecs, local.preferred)
        agreed = _agreed_at(plan.agreed, address, port, plan.line)
    head = _head(local, plan.time)
    body = f"{head}{plan.before}m=audio {local.port} {plan.after}"
    return body.encode(), agreed


class _Slot(Struct, frozen=True):
    """Where our stream stands in a session."""

    before: str = ""
    "The refused m= lines above it."
    after: str = ""
    "Those below it."
    protocol: str = "RTP/AVP"
    event_type: int = DEFAULT_EVENT_TYPE


_ALONE = _Slot()


def make_offer(local: Capabilities, former: bytes = b"") -> bytes:
    """Offer our codecs, the preferred one first, and key presses.

    `former` is our last description in a session that stands. RFC 3264 8: "the new SDP MUST
    have a matching "m=" line" for each of that one's, so that refused streams stay in their
    places.
    """
    slot = _slot_of(former) if former else _ALONE
    audio = _offered(local.codecs, local.preferred, slot.protocol, slot.event_type)
    head = _head(local, "0 0")
    return f"{head}{slot.before}m=audio {local.port} {audio}{slot.after}".encode()


def read_answer(offer: bytes, answer: bytes) -> Negotiated:
    """Understand the peer's answer to an offer that `make_offer` wrote; raise `SdpError`."""
    ours, usual = form_of(offer), form_of(answer)
    if ours is None or usual is None:
        return _read_answer(offer, answer)[0]
    form, address, port = usual
    agreed, line = _read_recurring_answer(ours[0], form)
    return _agreed_at(agreed, address, port, line)


def _plan_answer(offer: bytes, codecs: tuple[Codec, ...], preferred: Codec | None) -> _AnswerPlan:
    description = parse(offer)
    stream = _first_usable(description, codecs)
    payload_type, codec = chosen = _choose(stream, codecs, preferred)
    refused = [_refusal_of(media) for media in description.media]
    audio = _audio_lines(stream.media.protocol, (chosen,), stream.event_type)
    # RFC 5761 5.1.1: "If the answerer wishes to multiplex RTP and RTCP onto a single port, it
    # MUST include an "a=rtcp-mux" attribute in the answer." RTCP's packet types are none of the
    # payload types that we name, so that a stream passes over it.
    muxed = "a=rtcp-mux\r\n" if stream.muxed else ""
    direction = _MIRRORED[stream.direction]
    if stream.address in UNSPECIFIED:
        direction = _SILENT[direction]
    return _AnswerPlan(
        agreed=_negotiated(stream, payload_type, codec, (chosen,), stream.event_type),
        line=stream.media.line,
        # RFC 3264 6: "The "t=" line in the answer MUST be equal to the value in the "t=" line of
        # the offer."
        time=description.time,
        before="".join(refused[: stream.index]),
        after="".join(
            (
                f"{audio}\r\na={direction}\r\n{muxed}",
                *refused[stream.index + 1 :],
            )
        ),
    )


def _read_answer(offer: bytes, answer: bytes) -> tuple[Negotiated, int]:
    """Return what was agreed on and the line of the answer that says so."""
    ours = parse(offer)
    index = _served_in(ours)
    offered = _understand(ours, index)
    description = parse(answer)
    if len(description.media) <= index:
        raise SdpUnusableError("the answer has no media line; it must have one for each offered")
    # "the answer MUST contain exactly the same number of "m=" lines as the offer" (RFC 3264
    # section 6): whatever else is in a wrong answer was not asked for.
    stream = _understand(description, index)
    if stream.media.port == 0:
        raise SdpUnusableError("the peer refused the audio stream (port 0)")
    if not stream.codecs:
        raise SdpUnusableError(
            f"none of {' '.join(stream.media.formats)} is a codec that was offered",
            INCOMPATIBLE_FORMAT,
        )
    _check_address(stream.address, stream.media.line)
    # The peer names its most wanted first; of what it lists all may arrive (RFC 3264 section 7).
    payload_type, codec = stream.codecs[0]
    events = offered.event_type if stream.event_type is not None else None
    agreed = _negotiated(stream, payload_type, codec, offered.codecs, events)
    return agreed, stream.media.line


# A centre has some ten makes of phones with some versions each; each entry is of a few kilobytes.
_plan_recurring_answer = lru_cache(maxsize=256)(_plan_answer)
_read_recurring_answer = lru_cache(maxsize=256)(_read_answer)


def _agreed_at(agreed: Negotiated, address: str, port: int, line: int) -> Negotiated:
    """Put the peer's address in the place of the form's."""
    _check_address(address, line)
    return replace(agreed, address=address, port=port)


def _negotiated(
    stream: _Stream,
    payload_type: int,
    codec: Codec,
    received: tuple[tuple[int, Codec], ...],
    received_event_type: int | None,
) -> Negotiated:
    no_address = stream.address in UNSPECIFIED
    held = no_address or stream.direction in {"sendonly", "inactive"}
    return Negotiated(
        stream.address,
        stream.media.port,
        codec,
        payload_type,
        stream.event_type,
        received,
        received_event_type,
        stream.packet_ms,
        held,
        not held,
    )


def _refusal_of(media: MediaDescription) -> str:
    """Return the m= line that refuses a stream.

    "To reject an offered stream, the port number in the corresponding stream in the answer MUST
    be set to zero" (RFC 3264 section 6); the formats are irrelevant then.
    """
    return f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}\r\n"


def _served_in(ours: SessionDescription) -> int:
    """Return which m= line of a description of ours is the stream: all others are refused."""
    return next((at for at, media in enumerate(ours.media) if media.port), 0)


def _slot_of(former: bytes) -> _Slot:
    ours = parse(former)
    index = _served_in(ours)
    refused = [_refusal_of(media) for media in ours.media]
    stream = _understand(ours, index)
    # RFC 3264 8.3.2: the codec of a payload type number "MUST NOT change for the duration of a
    # session"; where the other side chose the one for key presses, it stays.
    return _Slot(
        before="".join(refused[:index]),
        after="".join(refused[index + 1 :]),
        protocol=stream.media.protocol,
        event_type=DEFAULT_EVENT_TYPE if stream.event_type is None else stream.event_type,
    )


def _first_usable(description: SessionDescription, codecs: tuple[Codec, ...]) -> _Stream:
    """Return the first audio line with a codec of ours, or raise what the first one lacked."""
    lack, warning_code = "there is no audio stream in it", NO_SUCH_MEDIA
    for index, media in enumerate(description.media):
        if media.kind != "audio" or media.port == 0:
            continue
        if media.protocol not in PROTOCOLS:
            lack = f"line {media.line}: {media.protocol} is not served, RTP/AVP would be"
            warning_code = INCOMPATIBLE_PROTOCOL
            continue
        stream = _understand(description, index)
        if any(codec in codecs for _, codec in stream.codecs):
            _check_address(stream.address, media.line)
            return stream
        names = " or ".join(codec.name for codec in codecs)
        lack = f"line {media.line}: no codec we speak is offered, {names} would be"
        warning_code = INCOMPATIBLE_FORMAT
    raise SdpUnusableError(f"unusable session description: {lack}", warning_code)


def _understand(description: SessionDescription, index: int) -> _Stream:
    media = description.media[index]
    encodings: dict[str, str] = {}
    direction, packet_ms, muxed = "", PACKET_MS, False
    for name, value in media.attributes:
        if name == "rtpmap":
            payload_type, _, encoding = value.strip().partition(" ")
            encodings[payload_type] = encoding.strip().upper()
        elif name in _MIRRORED:
            direction = name
        elif name == "ptime":
            packet_ms = _packet_ms(value)
        elif name == "rtcp-mux":
            muxed = True
    if not direction:
        direction = next((n for n, _ in description.attributes if n in _MIRRORED), "sendrecv")
    codecs: list[tuple[int, Codec]] = []
    event_type = None
    for text in media.formats:
        encoding = encodings.get(text, "")
        codec = _codec_of(encoding) if encoding else _STATIC.get(text)
        if codec is not None and _is_payload_type(text):
            codecs.append((int(text), codec))
        elif encoding.removesuffix("/1") == _EVENTS and _is_payload_type(text):
            event_type = int(text) if event_type is None else event_type
    address = description.address_of(media)
    return _Stream(index, media, address, direction, tuple(codecs), event_type, packet_ms, muxed)


_EVENTS = f"{EVENT_ENCODING}/{CLOCK_RATE_HZ}".upper()


def _codec_of(encoding: str) -> Codec | None:
    """Read "PCMA/8000" or "PCMA/8000/1"; encoding names are case-insensitive (RFC 8866 6.6)."""
    name, _, rate = encoding.partition("/")
    return _BY_ENCODING.get(name) if rate in {"8000", "8000/1"} else None


def _is_payload_type(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 127


def _packet_ms(value: str) -> int:
    """Read a=ptime; nonsense is as good as nothing, since it is only a wish."""
    # Some phones write 20.0; a packet of more than 200 ms need not be taken (RFC 3551 4.2).
    whole = value.partition(".")[0]
    plain = whole.isascii() and whole.isdecimal() and len(whole) <= 3
    return int(whole) if plain and 0 < int(whole) <= 200 else PACKET_MS


def _check_address(address: str, line: int) -> None:
    fault = _fault_of(address)
    if fault:
        raise SdpUnusableError(f"line {line}: {fault}", INCOMPATIBLE_ADDRESS)


@lru_cache(maxsize=4096)  # the phones of a large centre; parsing an address takes 3 µs
def _fault_of(address: str) -> str:
    """Say why audio cannot be sent to this address; empty if it can."""
    if not address:
        return "no c= line says where the audio goes"
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address[:60]!r} is not an IP address; names are not looked up"
    return f"{parsed} is multicast, a call has one other side" if parsed.is_multicast else ""


def _choose(
    stream: _Stream, codecs: tuple[Codec, ...], preferred: Codec | None
) -> tuple[int, Codec]:
    """Take the preferred codec if offered, else the peer's first of ours."""
    served = [entry for entry in stream.codecs if entry[1] in codecs]
    return next((entry for entry in served if entry[1] is preferred), served[0])


def _head(local: Capabilities, time: str) -> str:
    family = "IP6" if ":" in local.address else "IP4"
    return (
        f"v=0\r\no=- {local.session_id} {local.session_version} IN {family} {local.address}\r\n"
        f"s=-\r\nc=IN {family} {local.address}\r\nt={time}\r\n"
    )


@lru_cache(maxsize=64)  # a few orders of our codecs, and numbers that phones take for key presses
def _offered(
    codecs: tuple[Codec, ...], preferred: Codec | None, protocol: str, event_type: int
) -> str:
    """Return our offer from the protocol of its m= line on."""
    ordered = sorted(codecs, key=lambda codec: codec is not preferred)
    numbered = tuple((codec.value, codec) for codec in ordered)
    return f"{_audio_lines(protocol, numbered, event_type)}\r\na=sendrecv\r\n"


def _audio_lines(
    protocol: str, codecs: tuple[tuple[int, Codec], ...], event_type: int | None
) -> str:
    """Return an m= line from its protocol on, and the attributes that all of ours have."""
    numbers = " ".join(map(str, map(itemgetter(0), codecs)))
    maps = "".join(
        f"\r\na=rtpmap:{number} {codec.name}/{CLOCK_RATE_HZ}" for number, codec in codecs
    )
    if event_type is not None:
        numbers += f" {event_type}"
        maps += (
            f"\r\na=rtpmap:{event_type} {EVENT_ENCODING}/{CLOCK_RATE_HZ}"
            f"\r\na=fmtp:{event_type} 0-15"
        )
    return f"{protocol} {numbers}{maps}\r\na=ptime:{PACKET_MS}"
