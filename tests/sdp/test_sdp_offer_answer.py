"""Offer and answer: each test names the RFC sentence it checks."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.sdp.codec import Codec
from acd.sdp.description import parse
from acd.sdp.errors import SdpError, SdpUnusableError
from acd.sdp.form import MAX_FORM_BYTES, form_of
from acd.sdp.offer_answer import Capabilities, answer_offer, make_offer, read_answer

LOCAL = Capabilities(address="10.0.0.1", port=20000, session_id=7)


def offer(
    *media: str, session: tuple[str, ...] = (), connection: str = "c=IN IP4 192.0.2.1"
) -> bytes:
    head = ("v=0", "o=alice 1 1 IN IP4 192.0.2.1", "s=-", connection, "t=0 0")
    return "\r\n".join((*head, *session, *media, "")).encode()


AUDIO = "m=audio 49170 RTP/AVP 0 8 96"
EVENTS = "a=rtpmap:96 telephone-event/8000"


def test_answer_keeps_order_and_refuses_what_is_not_served() -> None:
    """RFC 3264 6: the same number of m= lines; "the port number ... MUST be set to zero"."""
    body, agreed = answer_offer(
        offer(
            "m=video 5000 RTP/AVP 31",
            AUDIO,
            EVENTS,
            "m=audio 6000 RTP/AVP 8",
            "m=image 6002 udptl t38",
        ),
        LOCAL,
    )
    answer = parse(body)
    assert [(m.kind, m.port) for m in answer.media] == [
        ("video", 0),
        ("audio", 20000),
        ("audio", 0),
        ("image", 0),
    ]
    assert answer.media[1].formats == ("0", "96")
    assert ("rtpmap", "96 telephone-event/8000") in answer.media[1].attributes
    assert (agreed.codec, agreed.event_type, agreed.received_event_type) == (Codec.PCMU, 96, 96)
    assert (agreed.address, agreed.port) == ("192.0.2.1", 49170)
    assert answer.origin.session_id == "7"
    assert answer.address == "10.0.0.1"


@pytest.mark.parametrize(
    ("kind", "taken"), [("127", True), ("128", False), ("1270", False), ("\u0663", False)]
)
def test_payload_types_end_at_127(kind: str, taken: bool) -> None:
    """RFC 3550 5.1: the type has seven bits."""
    body = offer(f"m=audio 4 RTP/AVP 0 {kind}", f"a=rtpmap:{kind} telephone-event/8000")
    _, agreed = answer_offer(body, LOCAL)
    assert agreed.event_type == (int(kind) if taken else None)


@pytest.mark.parametrize(
    ("wish", "packet_ms"), [("200", 200), ("201", 20), ("0", 20), ("30.0", 30), ("1000", 20)]
)
def test_longer_packets_than_must_be_taken_are_no_wish(wish: str, packet_ms: int) -> None:
    _, agreed = answer_offer(offer(AUDIO, f"a=ptime:{wish}"), LOCAL)
    assert agreed.packet_ms == packet_ms


@pytest.mark.parametrize(("family", "address"), [("IP4", "10.0.0.1"), ("IP6", "2001:db8::1")])
def test_an_offer_as_it_leaves(family: str, address: str) -> None:
    """RFC 8866 5.2 and 5.7: the address type is named; RFC 3264 5: the time is "0 0"."""
    ours = make_offer(Capabilities(address=address, port=20000, session_id=7))
    assert ours.decode() == (
        f"v=0\r\no=- 7 0 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\n"
        "m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )


def test_preferred_codec_wins_over_the_peers_order() -> None:
    local = Capabilities(address="10.0.0.1", port=2, session_id=1, preferred=Codec.PCMA)
    assert answer_offer(offer(AUDIO), local)[1].codec is Codec.PCMA
    assert parse(make_offer(local)).media[0].formats == ("8", "0", "101")


def test_one_channel_may_be_said_of_key_presses_too() -> None:
    """RFC 8866 6.6: the number of channels "may be omitted if the number of channels is one"."""
    assert answer_offer(offer(AUDIO, f"{EVENTS}/1"), LOCAL)[1].event_type == 96
    assert answer_offer(offer(AUDIO, f"{EVENTS}/2"), LOCAL)[1].event_type is None


def test_codec_under_a_dynamic_payload_type() -> None:
    body, agreed = answer_offer(
        offer("m=audio 4 RTP/AVP 18 97", "a=rtpmap:97 pcma/8000/1", "a=ptime:30"), LOCAL
    )
    assert (agreed.codec, agreed.payload_type, agreed.packet_ms) == (Codec.PCMA, 97, 30)
    assert agreed.received == ((97, Codec.PCMA),)
    assert agreed.event_type is None
    assert parse(body).media[0].formats == ("97",)


@pytest.mark.parametrize(
    ("direction", "answered", "held", "sending"),
    [
        ("sendrecv", "sendrecv", False, True),
        ("sendonly", "recvonly", True, False),
        ("recvonly", "sendonly", False, True),
        ("inactive", "inactive", True, False),
    ],
)
@pytest.mark.parametrize("level", ["session", "media"])
def test_direction_is_mirrored(
    level: str, direction: str, answered: str, held: bool, sending: bool
) -> None:
    """RFC 3264 6.1: sendonly is answered recvonly or inactive, and so on."""
    line = f"a={direction}"
    body, agreed = answer_offer(
        offer(AUDIO, session=(line,)) if level == "session" else offer(AUDIO, line), LOCAL
    )
    assert (answered, "") in parse(body).media[0].attributes
    assert (agreed.held, agreed.sending) == (held, sending)


def test_media_level_direction_overrides_the_sessions() -> None:
    _, agreed = answer_offer(offer(AUDIO, "a=sendrecv", session=("a=inactive",)), LOCAL)
    assert not agreed.held


def test_no_address_is_hold() -> None:
    """RFC 3264 8.4: "a connection address of 0.0.0.0 ... no RTP is to be sent"."""
    body, agreed = answer_offer(offer(AUDIO, connection="c=IN IP4 0.0.0.0"), LOCAL)
    assert (agreed.held, agreed.sending) == (True, False)
    assert ("recvonly", "") in parse(body).media[0].attributes
    body, _ = answer_offer(offer(AUDIO, "a=recvonly", connection="c=IN IP4 0.0.0.0"), LOCAL)
    assert ("inactive", "") in parse(body).media[0].attributes


def test_media_level_address_overrides_the_sessions() -> None:
    _, agreed = answer_offer(offer(AUDIO, "c=IN IP4 198.51.100.9"), LOCAL)
    assert agreed.address == "198.51.100.9"


@pytest.mark.parametrize(
    ("body", "says", "warning_code"),
    [
        (offer(), "no audio stream", 304),
        (offer("m=audio 0 RTP/AVP 0"), "no audio stream", 304),
        (offer("m=audio 4 RTP/SAVP 0"), "RTP/SAVP is not served", 302),
        (offer("m=audio 4 RTP/AVP 18 9"), "line 6: no codec we speak", 305),
        (offer("m=audio 4 RTP/AVP 97", "a=rtpmap:97 PCMA/16000"), "no codec we speak", 305),
        (offer(AUDIO, connection="b=AS:64"), "no c= line", 301),
        (offer(AUDIO, connection="c=IN IP4 pbx.example"), "names are not looked up", 301),
        (offer(AUDIO, connection="c=IN IP4 224.2.1.1/127"), "multicast", 301),
    ],
)
def test_unusable_offers_are_refused_with_the_reason(
    body: bytes, says: str, warning_code: int
) -> None:
    with pytest.raises(SdpUnusableError, match=says) as caught:
        answer_offer(body, LOCAL)
    assert (caught.value.status, caught.value.warning_code) == (488, warning_code)


def test_rtcp_on_the_port_of_rtp_is_taken_when_offered() -> None:
    """RFC 5761 5.1.1: an answer says rtcp-mux only to an offer that did."""
    muxed, agreed = answer_offer(offer(AUDIO, "a=rtcp-mux"), LOCAL)
    plain, same = answer_offer(offer(AUDIO), LOCAL)
    assert b"a=rtcp-mux\r\n" in muxed
    assert b"rtcp-mux" not in plain
    assert agreed == same


def test_read_answer() -> None:
    ours = make_offer(LOCAL)
    answer, _ = answer_offer(
        ours, Capabilities(address="192.0.2.9", port=30000, session_id=3, codecs=(Codec.PCMU,))
    )
    agreed = read_answer(ours, answer)
    assert (agreed.address, agreed.port, agreed.codec) == ("192.0.2.9", 30000, Codec.PCMU)
    assert (agreed.event_type, agreed.received_event_type) == (101, 101)
    assert agreed.received == ((8, Codec.PCMA), (0, Codec.PCMU))


SEVERAL = (
    "m=video 5000 RTP/AVP 31",
    "m=audio 49170 RTP/AVPF 8 96",
    EVENTS,
    "m=image 6002 udptl t38",
)


def test_an_offer_in_a_session_keeps_all_its_lines() -> None:
    """RFC 3264 8: "the new SDP MUST have a matching "m=" line"; 8.3.2: numbers stay."""
    former, _ = answer_offer(offer(*SEVERAL), LOCAL)
    ours = make_offer(LOCAL, former)
    assert [(m.kind, m.port, m.protocol) for m in parse(ours).media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 20000, "RTP/AVPF"),
        ("image", 0, "udptl"),
    ]
    assert parse(ours).media[1].formats == ("8", "0", "96")
    assert ("rtpmap", "96 telephone-event/8000") in parse(ours).media[1].attributes
    assert parse(make_offer(LOCAL, ours)).media == parse(ours).media
    # The answer to it is read where the stream stands.
    answer = offer(
        "m=video 0 RTP/AVP 31", "m=audio 7 RTP/AVPF 0 96", EVENTS, "m=image 0 udptl t38"
    )
    agreed = read_answer(ours, answer)
    assert (agreed.port, agreed.codec, agreed.event_type) == (7, Codec.PCMU, 96)
    with pytest.raises(SdpUnusableError, match="no media line"):
        read_answer(ours, offer("m=video 0 RTP/AVP 31"))


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("t=2873397496 2873404696", "2873397496 2873404696"),
        ("t=0  0\r\nt=5 6", "0 0"),
        ("t=now", "0 0"),
        ("a=x", "0 0"),
    ],
)
def test_the_answers_time_is_the_offers(said: str, answered: str) -> None:
    """RFC 3264 6: "The "t=" line in the answer MUST be equal to … the "t=" line of the offer"."""
    for end in ("\r\n", "\n"):
        body = offer(AUDIO).decode().replace("t=0 0", said)
        answer, _ = answer_offer(body.replace("\r\n", end).encode(), LOCAL)
        assert f"\r\nt={answered}\r\n".encode() in answer
        assert parse(answer).time == answered


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (offer(), "no media line"),
        (offer("m=audio 0 RTP/AVP 8"), "refused the audio"),
        (offer("m=audio 4000 RTP/AVP 18"), "18"),
    ],
)
def test_unusable_answers(answer: bytes, says: str) -> None:
    with pytest.raises(SdpUnusableError, match=says):
        read_answer(make_offer(LOCAL), answer)


TOKENS = st.sampled_from([
    "v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0", "t=0 0",
    AUDIO, EVENTS, "m=video 1 RTP/AVP 99", "a=sendonly", "a=inactive", "a=ptime:x", "a=rtpmap:8",
    "m=audio 70000 RTP/AVP 0", "c=IN IP6 ::1", "a=rtpmap:0 PCMA/8000", "m=audio 5 RTP/AVP 8 x",
])  # fmt: skip


@given(st.lists(TOKENS, max_size=12) | st.lists(TOKENS, max_size=9).map(lambda t: ["v=0", *t]))
def test_any_mixture_is_answered_line_by_line_or_refused(lines: list[str]) -> None:
    body = "\r\n".join(lines).encode()
    try:
        answer, agreed = answer_offer(body, LOCAL)
    except SdpError:
        return
    offered, answered = parse(body).media, parse(answer).media
    assert [m.kind for m in answered] == [m.kind for m in offered]
    assert [m.port for m in answered if m.port] == [LOCAL.port]
    assert not (agreed.held and agreed.sending)
    # What we answer must be readable by another one of us.
    read = read_answer(make_offer(LOCAL), offer("m=audio 5 RTP/AVP 8"))
    assert read.codec is Codec.PCMA


HEAD = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=call"]
CONNECTIONS = st.sampled_from([
    "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0", "c=IN IP6 ::", "c=IN IP6 2001:db8::1",
    "c=IN IP4 224.2.1.1", "c=IN IP4 1.2.3", "c=IN IP4 192.0.2.1/127",
])  # fmt: skip
AUDIO_LINES = st.sampled_from([
    AUDIO, "m=audio 4 RTP/AVP 8 97", "m=audio 4 RTP/SAVP 8", "m=audio 0 RTP/AVP 8",
    "m=audio 65536 RTP/AVP 8", "m=audio 4", "m=audio 7000/2 RTP/AVPF 0", "m=audio 4 RTP/AVP 18",
])  # fmt: skip


def outcome_of(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except SdpError as error:
        return str(error)


@given(CONNECTIONS, st.lists(TOKENS, max_size=2), AUDIO_LINES, st.lists(TOKENS, max_size=4))
def test_what_is_remembered_of_a_form_is_what_the_description_says(
    connection: str, session: list[str], audio: str, media: list[str]
) -> None:
    """Bare line feeds are never of the usual form, so these are read anew each time."""
    lines = [*HEAD, connection, *session, audio, *media, ""]
    crlf, bare = "\r\n".join(lines).encode(), "\n".join(lines).encode()
    ours = make_offer(LOCAL)
    expected = outcome_of(lambda: answer_offer(bare, LOCAL))
    assert outcome_of(lambda: answer_offer(crlf, LOCAL)) == expected
    assert outcome_of(lambda: answer_offer(crlf, LOCAL)) == expected
    assert outcome_of(lambda: read_answer(ours, crlf)) == outcome_of(
        lambda: read_answer(ours, bare)
    )


def test_calls_of_one_phone_have_one_form() -> None:
    one, other = (
        form_of(offer(AUDIO.replace("49170", port), EVENTS, connection=f"c=IN IP4 {address}"))
        for address, port in (("192.0.2.1", "4000"), ("10.1.2.3", "60000"))
    )
    assert one is not None
    assert other is not None
    assert one[0] == other[0]
    assert (one[1:], other[1:]) == (("192.0.2.1", 4000), ("10.1.2.3", 60000))
    assert [m.attributes for m in parse(one[0]).media] == [(("rtpmap", EVENTS[9:]),)]


def test_a_form_ends_at_the_last_port() -> None:
    ports = [form_of(offer(AUDIO.replace("49170", port), EVENTS)) for port in ("65535", "65536")]
    assert [form and form[2] for form in ports] == [65_535, None]


def test_long_bodies_have_no_form() -> None:
    assert form_of(offer(AUDIO, EVENTS, "a=" + "x" * MAX_FORM_BYTES)) is None
