"""Values of the headers that this server reads (RFC 3261 section 20, grammar in 25.1)."""

from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from .errors import BadMessageError
from .uri import TEXT_CHARS, Uri, parse_host_port, text

_MAX_CSEQ = 2**31
# RFC 3261 8.1.1.5: "The sequence number value MUST be expressible as a 32-bit unsigned integer
# and MUST be less than 2**31."

# A call says its From, To, Contact and its small CSeq numbers in each of its messages, a phone
# its address in each Via: they are read once. Some 5 MB at most, longer values are read anew.
_CACHED_VALUES = 8192
_CACHED_BYTES = 160


class NameAddr(Struct, frozen=True, gc=False):
    """From, To, Contact, Route: a URI with an optional display name and parameters."""

    uri: bytes
    display: bytes
    "As it stood, quotes and escapes included."

    parameters: dict[bytes, bytes]
    "Names in lower case; a parameter without a value maps to empty bytes."

    @classmethod
    def parse(cls, value: bytes) -> "NameAddr":
        """Take either form, `"name" <uri>;parameter` or `uri;parameter`.

        Equal values share one result: its parameters are not to be changed.
        """
        return _name_addr_cached(value) if len(value) <= _CACHED_BYTES else _name_addr(value)

    @property
    def tag(self) -> bytes:
        """The tag parameter; empty when there is none (RFC 2543)."""
        return self.parameters.get(b"tag", b"")

    @property
    def display_text(self) -> str:
        """The display name as people read it."""
        name = self.display
        if name[:1] == b'"':
            name = name[1:-1]
            if b"\\" in name:
                name = _unquote(name)
        return text(name)[:TEXT_CHARS] if name else ""

    def user_text(self) -> str:
        """Return the URI's user part; empty when it has none or is no SIP or tel URI."""
        uri = self.uri
        return _user_text_cached(uri) if len(uri) <= _CACHED_BYTES else _user_text(uri)

    def __bytes__(self) -> bytes:
        name = self.display + b" " if self.display else b""
        return b"%b<%b>%b" % (name, self.uri, join_parameters(self.parameters))


class Via(Struct, frozen=True, gc=False):
    """The topmost Via: whose request this is and where its answer belongs."""

    transport: bytes
    host: bytes
    port: int | None
    branch: bytes
    parameters: dict[bytes, bytes]

    @classmethod
    def parse(cls, value: bytes) -> "Via":
        """Take one via-parm, without a comma that separates it from a next one."""
        sent, semicolon, tail = value.partition(b";")
        read = _sender_cached if len(sent) <= _CACHED_BYTES else _sender
        transport, host, port = read(sent)
        parameters = parse_parameters(semicolon + tail)
        return cls(transport, host, port, parameters.get(b"branch", b""), parameters)

    @property
    def sent_by(self) -> bytes:
        """Host and port as one key."""
        return b"%b:%d" % (self.host, self.port) if self.port is not None else self.host

    def __bytes__(self) -> bytes:
        tail = join_parameters(self.parameters)
        return b"SIP/2.0/%b %b%b" % (self.transport, self.sent_by, tail)


class CSeq(Struct, frozen=True, gc=False):
    """Sequence number and method."""

    number: int
    method: bytes

    @classmethod
    def parse(cls, value: bytes) -> "CSeq":
        """Raise `BadMessageError` for a number of 2**31 and above (RFC 3261 8.1.1.5)."""
        return _cseq_cached(value) if len(value) <= _CACHED_BYTES else _cseq(value)

    def __bytes__(self) -> bytes:
        return b"%d %b" % (self.number, self.method)


def _name_addr(value: bytes) -> NameAddr:
    if value[:1] == b"<":
        uri, bracket, tail = value[1:].partition(b">")
        display = b""
    elif value[:1] == b'"':
        end = _end_of_quotes(value, 0)
        display = value[:end]
        gap, opening, tail = value[end:].partition(b"<")
        uri, bracket, tail = tail.partition(b">")
        if gap.strip() or not opening:
            raise BadMessageError("Quoted name is not followed by <URI>")
    elif b"<" in value:
        display, _, tail = value.partition(b"<")
        uri, bracket, tail = tail.partition(b">")
        display = display.strip()
    else:
        # "If the URI is not enclosed in angle brackets, any semicolon-delimited parameters
        # are header-parameters, not URI parameters."
        uri, semicolon, tail = value.partition(b";")
        return NameAddr(_plain_uri(uri), b"", parse_parameters(semicolon + tail))
    if not bracket:
        raise BadMessageError("Angle bracket is not closed")
    return NameAddr(_plain_uri(uri), display, parse_parameters(tail))


_name_addr_cached = lru_cache(_CACHED_VALUES)(_name_addr)


def _user_text(uri: bytes) -> str:
    try:
        return Uri.parse(uri).user_text
    except BadMessageError:
        return ""


_user_text_cached = lru_cache(_CACHED_VALUES)(_user_text)


def _sender(sent: bytes) -> tuple[bytes, bytes, int | None]:
    """Return transport, host and port of a Via's part before the parameters."""
    if sent[:8] != b"SIP/2.0/" or sent.count(b" ") != 1:
        sent = _tidy_sent_protocol(sent)
    transport, _, sent_by = sent[8:].partition(b" ")
    host, port = parse_host_port(sent_by)
    return transport.upper(), host, port


_sender_cached = lru_cache(_CACHED_VALUES)(_sender)


def _cseq(value: bytes) -> CSeq:
    digits, _, method = value.partition(b" ")
    method = method.strip()
    if not digits.isdigit() or not method:
        raise BadMessageError("CSeq is not a number and a method")
    number = parse_number(digits)
    if number >= _MAX_CSEQ:
        raise BadMessageError("CSeq is 2**31 or more")
    return CSeq(number, method)


_cseq_cached = lru_cache(_CACHED_VALUES)(_cseq)


def parse_number(digits: bytes, largest: int = 2**32 - 1) -> int:
    """Read a delta-seconds or the like; `BadMessageError` beyond 32 bits or for anything else."""
    if len(digits) < 10 and digits.isdigit():
        number = int(digits)
        if number <= largest:
            return number
    # Ten digits hold 2**32; longer ones need no arithmetic, only leading zeros are forgiven.
    digits = digits.lstrip(b"0") or digits[-1:]
    if not digits.isdigit() or len(digits) > 10 or int(digits) > largest:
        raise BadMessageError("Number is broken or too large")
    return int(digits)


def read_retry_after(value: bytes) -> int:
    """Return the seconds of a Retry-After (20.33), its comment and parameters left out.

    0 for nothing and for what cannot be read: the header is advice, never a reason to fail.
    """
    digits = value.partition(b";")[0].partition(b"(")[0].strip()
    try:
        return parse_number(digits) if digits else 0
    except BadMessageError:
        return 0


def read_q850_cause(values: list[bytes]) -> int:
    """Return the telephone network's cause in a Reason (RFC 3326); 0 where there is none.

    What cannot be read says nothing: a call ends all the same.
    """
    for reason in (one for value in values for one in _readable_list(value)):
        protocol, _, parameters = reason.partition(b";")
        if protocol.strip().lower() != b"q.850":
            continue
        try:
            cause = parse_number(parse_parameters(b";" + parameters).get(b"cause", b"0"))
        except BadMessageError:
            continue
        if 0 < cause < 128:  # a cause has seven bits
            return cause
    return 0


def parse_parameters(value: bytes) -> dict[bytes, bytes]:
    """Read `;name=value;name…`; `BadMessageError` when a name is empty."""
    if not value:
        return {}
    if value[:5] == b";tag=" and value.find(b";", 5) < 0 and value.find(b" ", 5) < 0:
        return {b"tag": value[5:]}  # nearly every From and To
    if value[:8] == b";branch=" and value.find(b";", 8) < 0 and len(value.split()) == 1:
        return {b"branch": value[8:]}  # the Via of most requests
    pieces = split_outside_quotes(value, b";") if b'"' in value else value.split(b";")
    if pieces[0].strip():
        raise BadMessageError("Parameters do not begin with a semicolon")
    parameters = {}
    for piece in pieces[1:]:
        name, _, content = piece.partition(b"=")
        name = name.strip().lower()
        if not name:
            raise BadMessageError("Parameter has no name")
        parameters[name] = content.strip()
    return parameters


def join_parameters(parameters: dict[bytes, bytes]) -> bytes:
    """Write parameters the way `parse_parameters` reads them."""
    return b"".join(
        b";%b=%b" % (name, value) if value else b";" + name for name, value in parameters.items()
    )


def split_list(value: bytes) -> list[bytes]:
    """Split at commas outside quotes and angle brackets; entries are stripped."""
    if b"," not in value:
        return [value]
    if b'"' not in value and b"<" not in value:
        return [piece.strip() for piece in value.split(b",")]
    return [piece.strip() for piece in split_outside_quotes(value, b",")]


def _readable_list(value: bytes) -> list[bytes]:
    try:
        return split_list(value)
    except BadMessageError:
        return []


def split_outside_quotes(value: bytes, separator: bytes) -> list[bytes]:
    """Split at a one-byte separator that is neither in a quoted string nor inside <>."""
    pieces, start = [], 0
    for at in _bare_positions(value, separator[0]):
        pieces.append(value[start:at])
        start = at + 1
    pieces.append(value[start:])
    return pieces


def _bare_positions(value: bytes, separator: int) -> Iterator[int]:
    at, inside = 0, False
    while at < len(value):
        byte = value[at]
        if byte == 0x22 and not inside:  # a quotation mark
            at = _end_of_quotes(value, at)
            continue
        if byte == 0x3C:  # <
            inside = True
        elif byte == 0x3E:  # >
            inside = False
        elif byte == separator and not inside:
            yield at
        at += 1


def quote(name: str) -> bytes:
    """Write a quoted-string; line breaks and other control characters become spaces."""
    clean = name
    if not name.isprintable():
        clean = "".join(" " if char < " " or char == "\x7f" else char for char in name)
    clean = clean.replace("\\", "\\\\").replace('"', '\\"')
    return b'"%b"' % clean.encode("utf-8", "replace")


def _end_of_quotes(value: bytes, start: int) -> int:
    """Return the index after the quotation mark that closes the one at `start`."""
    at = start + 1
    end = value.find(b'"', at)
    if end >= 0 and value.find(b"\\", at, end) < 0:
        return end + 1
    while at < len(value):
        if value[at] == 0x5C:  # a backslash escapes the next byte
            at += 1
        elif value[at] == 0x22:
            return at + 1
        at += 1
    raise BadMessageError("Quotation mark is not closed")


def _unquote(name: bytes) -> bytes:
    plain, escaped = bytearray(), False
    for byte in name:
        if byte == 0x5C and not escaped:
            escaped = True
        else:
            plain.append(byte)
            escaped = False
    return bytes(plain)


def _plain_uri(uri: bytes) -> bytes:
    uri = uri.strip()
    if not uri or b" " in uri or b'"' in uri:
        raise BadMessageError("URI is empty or broken")
    return uri


def _tidy_sent_protocol(sent: bytes) -> bytes:
    """Take the white space out that RFC 3261 allows around the slashes of sent-protocol."""
    protocol, slash, rest = sent.partition(b"/")
    version, slash2, rest = rest.partition(b"/")
    words = rest.split(None, 1)
    if not slash or not slash2 or len(words) != 2 or protocol.strip().upper() != b"SIP":
        raise BadMessageError("Via is not SIP/2.0/transport and host")
    if version.strip() != b"2.0":
        raise BadMessageError("Via is of another SIP version", 505)
    return b"SIP/2.0/%b %b" % (words[0], b"".join(words[1].split()))
