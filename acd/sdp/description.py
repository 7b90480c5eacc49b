"""Session descriptions as values: a tolerant parser and the serialiser (RFC 8866).

Kept are the lines that offer and answer work with (o, s, c, t, m, a); the others (b, e, p, k,
...) are accepted and left out. "Be tolerant" covers what phones really send: bare LF, empty
lines, a missing o, s or t line, an attribute or a line type that nobody knows.
"""

from msgspec import Struct

from .errors import SdpSyntaxError

MAX_BODY_BYTES = 65_535
"Longer than this fits no UDP datagram, and no real description over TCP comes near."

MAX_MEDIA = 32
"Media lines per description; a WebRTC conference is the largest user known, with about ten."

MAX_LINES = 2_000
"Bounds the work for one body: a browser's longest offers have some hundred lines."


class Origin(Struct, frozen=True):
    """The o= line (RFC 8866 section 5.2); ids are text since peers exceed 64 bits."""

    user: str = "-"
    session_id: str = "0"
    session_version: str = "0"
    address: str = "0.0.0.0"


class MediaDescription(Struct, frozen=True):
    """An m= line with the c= and a= lines below it (RFC 8866 section 5.14)."""

    kind: str
    '"audio", "video", "image" ...'

    port: int
    "0 refuses the stream (RFC 3264 section 6)."

    protocol: str
    '"RTP/AVP" ...'

    formats: tuple[str, ...]
    "Payload types, in the order of preference."

    address: str = ""
    "From its own c= line; empty: the session's holds."

    attributes: tuple[tuple[str, str], ...] = ()
    "Name and value of each a= line in order; the value of a flag is empty."

    line: int = 0
    "Line number of the m= line in the body it was read from."


class SessionDescription(Struct, frozen=True):
    """A whole body."""

    origin: Origin
    media: tuple[MediaDescription, ...]
    name: str = "-"
    address: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    time: str = "0 0"
    "Start and stop of the first t= line; calls have no planned end (RFC 3264 section 5)."

    def address_of(self, media: MediaDescription) -> str:
        """Return the address that media goes to, empty if none is given."""
        return media.address or self.address

    def __bytes__(self) -> bytes:
        """Write it as a body that `parse` reads back to the same values."""
        origin = self.origin
        lines = [
            "v=0",
            f"o={origin.user} {origin.session_id} {origin.session_version} "
            f"IN {_family(origin.address)} {origin.address}",
            f"s={self.name}",
        ]
        if self.address:
            lines.append(f"c=IN {_family(self.address)} {self.address}")
        lines.append(f"t={self.time}")
        lines += [_attribute_line(attribute) for attribute in self.attributes]
        for media in self.media:
            formats = " ".join(media.formats)
            lines.append(f"m={media.kind} {media.port} {media.protocol} {formats}")
            if media.address:
                lines.append(f"c=IN {_family(media.address)} {media.address}")
            lines += [_attribute_line(attribute) for attribute in media.attributes]
        lines.append("")
        return "\r\n".join(lines).encode()


def parse(body: bytes) -> SessionDescription:
    """Read a body; raise `SdpSyntaxError` that names the line and what is wrong with it."""
    if len(body) > MAX_BODY_BYTES:
        raise SdpSyntaxError(1, f"{len(body)} bytes are more than {MAX_BODY_BYTES}")
    lines = body.decode("utf-8", "replace").split("\n")
    if len(lines) > MAX_LINES:
        raise SdpSyntaxError(MAX_LINES, f"more than {MAX_LINES} lines")
    builder = _Builder()
    for number, line in enumerate(lines, 1):
        text = line.rstrip()
        if text:
            if text[1:2] != "=":
                raise SdpSyntaxError(number, f"expected <letter>=<value>, found {text[:40]!r}")
            builder.add(number, text[0], text[2:])
    return builder.build()


class _Builder:
    """Collects lines until the next m= line closes a section."""

    __slots__ = (
        "_address",
        "_attributes",
        "_head",
        "_media",
        "_name",
        "_origin",
        "_session_address",
        "_session_attributes",
        "_time",
        "_version_seen",
    )

    def __init__(self) -> None:
        self._version_seen = False
        self._origin = Origin()
        self._name = "-"
        self._time = ""
        self._session_address = ""
        self._session_attributes: tuple[tuple[str, str], ...] = ()
        self._media: list[MediaDescription] = []
        # Of the section being read; the session's own has no head.
        self._head: tuple[int, str, int, str, tuple[str, ...]] | None = None
        self._address = ""
        self._attributes: list[tuple[str, str]] = []

    def add(self, number: int, letter: str, value: str) -> None:
        if not self._version_seen:
            # "v=" comes first (RFC 8866 section 5); without it the body is something else.
            if letter != "v" or value.strip() != "0":
                raise SdpSyntaxError(number, "a session description starts with v=0")
            self._version_seen = True
        elif letter == "a":
            name, _, argument = value.partition(":")
            self._attributes.append((name, argument))
        elif letter == "m":
            self._close()
            self._head = _media_head(number, value)
        elif letter == "c":
            # Several c= lines are a layered multicast; the first is as good as any.
            self._address = self._address or _connection(number, value)
        elif letter == "o":
            self._origin = _origin(number, value)
        elif letter == "s":
            self._name = value.strip() or "-"
        elif letter == "t":
            self._time = self._time or _time(value)

    def _close(self) -> None:
        """End the section above: the session's, or that of an m= line."""
        attributes = tuple(self._attributes)
        if self._head is None:
            self._session_address, self._session_attributes = self._address, attributes
        else:
            line, kind, port, protocol, formats = self._head
            if len(self._media) == MAX_MEDIA:
                raise SdpSyntaxError(line, f"more than {MAX_MEDIA} media lines")
            self._media.append(
                MediaDescription(kind, port, protocol, formats, self._address, attributes, line)
            )
        self._attributes.clear()
        self._address = ""

    def build(self) -> SessionDescription:
        if not self._version_seen:
            raise SdpSyntaxError(1, "the body is empty; a session description starts with v=0")
        self._close()
        return SessionDescription(
            self._origin,
            tuple(self._media),
            self._name,
            self._session_address,
            self._session_attributes,
            self._time or "0 0",
        )


def _origin(number: int, value: str) -> Origin:
    fields = value.split()
    if len(fields) != 6:
        raise SdpSyntaxError(
            number, f"o= has 6 fields (user, id, version, IN, IP4, address), not {len(fields)}"
        )
    return Origin(fields[0], fields[1], fields[2], fields[5])


def _time(value: str) -> str:
    """Return start and stop, or nothing for what is none: no phone is refused for its clock."""
    fields = value.split()
    plain = len(fields) == 2 and all(one.isascii() and one.isdecimal() for one in fields)
    return " ".join(fields) if plain else ""


def _connection(number: int, value: str) -> str:
    fields = value.split()
    if len(fields) != 3 or fields[0] != "IN" or fields[1] not in {"IP4", "IP6"}:
        raise SdpSyntaxError(number, f"expected c=IN IP4 <address>, found {value[:60]!r}")
    return fields[2].partition("/")[0]  # "/ttl" and "/number" belong to multicast


def _media_head(number: int, value: str) -> tuple[int, str, int, str, tuple[str, ...]]:
    fields = value.split()
    if len(fields) < 4:
        raise SdpSyntaxError(
            number, f"expected m=<kind> <port> <protocol> <formats>, found {value[:60]!r}"
        )
    port_text = fields[1].partition("/")[0]
    # isdecimal alone also holds for digits of other scripts, which int() would take.
    if not (port_text.isascii() and port_text.isdecimal() and len(port_text) <= 5):
        raise SdpSyntaxError(number, f"port {port_text[:20]!r} is not a number")
    port = int(port_text)
    if port > 65_535:
        raise SdpSyntaxError(number, f"port {port} is above 65535")
    return number, fields[0], port, fields[2], tuple(fields[3:])


def _family(address: str) -> str:
    return "IP6" if ":" in address else "IP4"


def _attribute_line(attribute: tuple[str, str]) -> str:
    name, value = attribute
    return f"a={name}:{value}" if value else f"a={name}"
