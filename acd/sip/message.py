"""SIP messages as bytes: a lazy reader and what writes them (RFC 3261 section 7).

Reading cuts the head into lines and files each under its name, no more. A header's value is
parsed when it is first asked for, and kept. What is wrong with a message is found out in two
steps: `read` notes faults of the framing in `Message.fault` so that a request can still be
answered, and the properties raise `BadMessageError` for faults in a value.
"""

import re

from .errors import BadMessageError
from .headers import CSeq, NameAddr, Via, split_list

MAX_MESSAGE_BYTES = 65_535
"The largest UDP datagram; the same limit holds for streams."

MAX_HEADER_LINES = 256
"RFC 4475's longest has 48. A request that passed 70 proxies has 70 Via and 70 Record-Route."

_COMPACT = {
    b"i": b"call-id",
    b"m": b"contact",
    b"e": b"content-encoding",
    b"l": b"content-length",
    b"c": b"content-type",
    b"f": b"from",
    b"s": b"subject",
    b"k": b"supported",
    b"t": b"to",
    b"v": b"via",
    b"x": b"session-expires",
    b"o": b"event",
    b"r": b"refer-to",
    b"u": b"allow-events",
    b"b": b"referred-by",
}
_USUAL_NAMES = (
    "Via From To Call-ID CSeq Contact Max-Forwards Content-Type Content-Length Allow Supported "
    "User-Agent Server Expires Record-Route Route Authorization WWW-Authenticate Accept Require "
    "Proxy-Authorization Proxy-Authenticate Reason Date Allow-Events Session-Expires Min-SE"
)
# Spelling as it stands on the wire to the name under which the value is filed.
_NAMES: dict[bytes, bytes] = {
    spelling: name.lower().encode()
    for name in _USUAL_NAMES.split()
    for spelling in (name.encode(), name.lower().encode(), name.upper().encode())
} | {spelling: name for short, name in _COMPACT.items() for spelling in (short, short.upper())}

# Headers that may stand in a message once only.
_SINGLE = frozenset(
    {
        b"from",
        b"to",
        b"call-id",
        b"cseq",
        b"max-forwards",
        b"content-length",
        b"content-type",
        b"expires",
    }
)
# Read as a whole; every other status line is taken apart.
_USUAL_STATUS = {
    b"SIP/2.0 %d %b" % (status, reason): (status, reason)
    for status, reason in ((100, b"Trying"), (180, b"Ringing"), (200, b"OK"))
}
_TOKEN = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+")
_FOLD = re.compile(rb"\r\n[ \t]+")


class Message:
    """What requests and responses have in common."""

    __slots__ = ("_cseq", "_from", "_to", "_via", "body", "fault", "headers", "more")

    def __init__(self, headers: dict[bytes, bytes], more: dict[bytes, list[bytes]]) -> None:
        self.headers = headers
        "Lower-case long name to the first line's value."
        self.more = more
        "The same for the second and further lines of a name."
        self.body = b""
        self.fault: BadMessageError | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._via: Via | None = None
        self._cseq: CSeq | None = None

    def get(self, name: bytes) -> bytes:
        """Return the first line's value under this lower-case name, or empty."""
        return self.headers.get(name, b"")

    def need(self, name: bytes) -> bytes:
        """Return a header that must be there."""
        value = self.headers.get(name)
        if not value:
            raise BadMessageError(f"Missing {name.decode().title()} header")
        return value

    def all(self, name: bytes) -> list[bytes]:
        """Return the entries of a list header, from all its lines, commas taken apart."""
        first = self.headers.get(name)
        if first is None:
            return []
        entries = split_list(first)
        for line in self.more.get(name, ()):
            entries += split_list(line)
        return [entry for entry in entries if entry]

    def readable(self, name: bytes) -> list[bytes]:
        """Return the same, and nothing where the commas cannot be told from those in quotes.

        For headers that are advice: without them the message can be served all the same.
        """
        try:
            return self.all(name)
        except BadMessageError:
            return []

    @property
    def from_(self) -> NameAddr:
        """From, parsed once."""
        value = self._from
        if value is None:
            value = self._from = NameAddr.parse(self.headers.get(b"from") or self.need(b"from"))
        return value

    @property
    def to(self) -> NameAddr:
        """To, parsed once."""
        value = self._to
        if value is None:
            value = self._to = NameAddr.parse(self.headers.get(b"to") or self.need(b"to"))
        return value

    @property
    def cseq(self) -> CSeq:
        """CSeq, parsed once."""
        value = self._cseq
        if value is None:
            value = self._cseq = CSeq.parse(self.headers.get(b"cseq") or self.need(b"cseq"))
        return value

    @property
    def via(self) -> Via:
        """The topmost Via, parsed once."""
        value = self._via
        if value is None:
            top = self.headers.get(b"via") or self.need(b"via")
            value = self._via = Via.parse(split_list(top)[0] if b"," in top else top)
        return value

    @property
    def branch(self) -> bytes:
        """The topmost Via's branch, without a look at the rest of it.

        That is enough for a response: this Via is our own, or the branch matches nothing.
        """
        via = self.headers.get(b"via") or self.need(b"via")
        branch = via.partition(b";branch=")[2].partition(b";")[0]
        return branch if branch and b"," not in branch else self.via.branch


class Request(Message):
    """A request as it was read."""

    __slots__ = ("method", "uri")

    method: bytes
    uri: bytes


class Response(Message):
    """A response as it was read."""

    __slots__ = ("reason", "status")

    status: int
    reason: bytes


def read(data: bytes) -> Request | Response:
    """Read one message.

    Raises `BadMessageError` when it cannot even be told what it is; such bytes get no answer.
    Faults behind the start line are noted in `fault`, with whatever headers could be read.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise BadMessageError("Message is too large", 513)
    if data[:1] in {b"\r", b"\n"}:
        # 7.5: "Implementations processing SIP messages over stream-oriented transports MUST
        # ignore any CRLF appearing before the start-line"; over UDP it does no harm.
        data = data.lstrip(b"\r\n")
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    ends = len(lines) - 1
    if not blank or head.count(b"\n") != ends or head.count(b"\r") != ends:
        if not blank or b"\n\n" in head:
            head, blank, body = data.partition(b"\n\n")  # lines ended by LF only: tolerated
        lines = _mend_lines(head)
    elif b"\r\n " in head or b"\r\n\t" in head:
        lines = _mend_lines(head)
    headers: dict[bytes, bytes] = {}
    more: dict[bytes, list[bytes]] = {}
    message = _start(lines[0], headers, more)
    fault = _file_headers(lines, headers, more)
    message.body = body
    fault = _cut_body(message, body) or fault
    if not blank:
        fault = BadMessageError("No empty line after the headers")
    if message.fault is None:
        message.fault = fault
    return message


def _mend_lines(head: bytes) -> list[bytes]:
    """Bring LF and folded lines into the usual form; a CR on its own becomes a space."""
    head = head.replace(b"\r\n", b"\n").replace(b"\r", b" ").replace(b"\n", b"\r\n")
    return _FOLD.sub(b" ", head).split(b"\r\n")


def _start(
    line: bytes, headers: dict[bytes, bytes], more: dict[bytes, list[bytes]]
) -> Request | Response:
    if line[:8] == b"SIP/2.0 ":
        response = Response(headers, more)
        usual = _USUAL_STATUS.get(line)
        if usual is not None:
            response.status, response.reason = usual
            return response
        words = line.split(None, 2)
        if len(words) < 2 or len(words[1]) != 3 or not words[1].isdigit():
            raise BadMessageError("Status code is not three digits")
        response.status = int(words[1])
        response.reason = words[2] if len(words) == 3 else b""
        if not 100 <= response.status <= 699:
            raise BadMessageError("Status code is not within 100 to 699")
        return response
    words = line.split(None, 2)
    if len(words) != 3:
        raise BadMessageError("Start line is no request and no response")
    request = Request(headers, more)
    request.method, request.uri, version = words
    if version == b"SIP/2.0":
        return request
    version = version.rstrip()
    if b" " in version:
        request.uri, version = b"", version.rpartition(b" ")[2]
        request.fault = BadMessageError("White space in the Request-URI")
    if version[:4].upper() != b"SIP/" or request.method[:4].upper() == b"SIP/":
        raise BadMessageError("Start line is not of SIP")
    if version.upper() != b"SIP/2.0":
        request.fault = BadMessageError("Version Not Supported", 505)
    return request


def _file_headers(
    lines: list[bytes], headers: dict[bytes, bytes], more: dict[bytes, list[bytes]]
) -> BadMessageError | None:
    fault = None
    if len(lines) > MAX_HEADER_LINES:
        fault = BadMessageError("Too many headers")
        del lines[MAX_HEADER_LINES:]
    known = _NAMES.get
    for line in lines[1:]:
        spelling, colon, value = line.partition(b":")
        name = known(spelling) or _canonical(spelling)
        if colon and name and name not in headers:
            headers[name] = value.strip()
        elif not colon or not name:
            fault = BadMessageError("Header line has no name and colon")
        elif name in _SINGLE:
            fault = BadMessageError(f"More than one {name.decode().title()} header")
        else:
            more.setdefault(name, []).append(value.strip())
    return fault


def _canonical(spelling: bytes) -> bytes:
    """Return the name under which an unusual spelling is filed; empty when it is no name."""
    name = spelling.rstrip()
    if not _TOKEN.fullmatch(name):
        return b""
    name = name.lower()
    return _COMPACT.get(name, name)


def _cut_body(message: Message, body: bytes) -> BadMessageError | None:
    """Apply Content-Length.

    RFC 3261 18.3: "If there are additional bytes in the transport packet beyond the end of the
    body, they MUST be discarded. If the transport packet ends before the end of the message
    body, this is considered an error. If the message is a request, the element SHOULD generate a
    400 (Bad Request) response."
    """
    length = message.headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or len(length) > 10:
        return BadMessageError("Content-Length is not a number")
    size = int(length)
    if size > len(body):
        return BadMessageError("Body is shorter than Content-Length")
    if size < len(body):
        message.body = body[:size]
    return None
