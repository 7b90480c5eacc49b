"""SIP and tel URIs (RFC 3261 section 19.1, RFC 3966)."""

import re
from functools import lru_cache

from msgspec import Struct

from .errors import BadMessageError

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_SCHEME_CHARS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-."
_HOST_CHARS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
_IPV6_CHARS = b"0123456789abcdefABCDEF:."
_SUBSCRIBER = re.compile(rb"[+0-9*#().\-]+;")
# RFC 3261 25.1: user = 1*( unreserved / escaped / user-unreserved )
_USER_CHARS = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,;?/"
)

TEXT_CHARS = 255
"""Of names and numbers as people and records get them: E.164 has 15 digits, the longest mailbox
254 (RFC 5321). A datagram holds 65,000, and each call is kept in journal and database."""

# The same few URIs come all day: our own, the phones', the numbers dialled. Some 2 MB at most.
_CACHED_URIS = 8192
_CACHED_BYTES = 100


class Uri(Struct, frozen=True, gc=False):
    """One URI, cut into its parts; the parts keep their bytes (escapes are not undone)."""

    scheme: bytes
    "Lower case."

    user: bytes
    "Empty when there is none. For tel, the number."

    host: bytes
    "Lower case; an IPv6 address keeps its brackets. Empty for tel and unknown schemes."

    port: int | None = None

    parameters: bytes = b""
    "From the first semicolon on, or empty."

    headers: bytes = b""
    "After the question mark, or empty."

    @classmethod
    def parse(cls, value: bytes) -> "Uri":
        """Cut a URI into its parts; `BadMessageError` when it is none."""
        return _parse_cached(value) if len(value) <= _CACHED_BYTES else _parse(value)

    @property
    def user_text(self) -> str:
        """The user part as people read it."""
        user = self.user
        if self.scheme == b"tel":
            # RFC 3966 section 4: numbers are compared without their visual separators.
            user = user.translate(None, b"-.()")
        elif b";" in user and _SUBSCRIBER.match(user):
            # RFC 3261 19.1.1: the user part may be a telephone-subscriber with its parameters, as
            # carriers write +8613800138000;cpc=ordinary. They are not of the number.
            user = user.partition(b";")[0]
        return unescape(user)[:TEXT_CHARS]

    def identity(self) -> bytes:
        """Return a key that equal URIs share (RFC 3261 19.1.4, as far as contacts differ).

        Parameters other than transport do not tell devices apart and are left out.
        """
        transport = b"udp"
        for piece in self.parameters.lower().split(b";"):
            if piece.startswith(b"transport="):
                transport = piece[10:]
        port = self.port or 5060
        return b"%b:%b@%b:%d;%b" % (self.scheme, self.user, self.host, port, transport)

    def __bytes__(self) -> bytes:
        user = self.user + b"@" if self.user and self.host else self.user
        port = b":%d" % self.port if self.port is not None else b""
        headers = b"?" + self.headers if self.headers else b""
        return b"%b:%b%b%b%b%b" % (self.scheme, user, self.host, port, self.parameters, headers)


def _parse(value: bytes) -> Uri:
    scheme, colon, rest = value.partition(b":")
    if not colon or not scheme or scheme.translate(None, _SCHEME_CHARS):
        raise BadMessageError("URI has no scheme")
    scheme = scheme.lower()
    if scheme in {b"sip", b"sips"}:
        return _parse_sip(scheme, rest)
    number, semicolon, parameters = rest.partition(b";")
    user = number if scheme == b"tel" else b""
    return Uri(scheme, user, b"", None, semicolon + parameters)


_parse_cached = lru_cache(_CACHED_URIS)(_parse)


def _parse_sip(scheme: bytes, rest: bytes) -> Uri:
    user, at, place = rest.rpartition(b"@")
    if at:
        # The part after a colon is a password, which nobody should send (19.1.1).
        user = user.partition(b":")[0]
        if not user or b"@" in user:
            raise BadMessageError("URI has an empty or broken user part")
    place, _, headers = place.partition(b"?")
    place, semicolon, parameters = place.partition(b";")
    host, port = parse_host_port(place)
    return Uri(scheme, user, host, port, semicolon + parameters, headers)


def is_sips(uri: bytes) -> bool:
    """Tell a SIPS URI from every other one."""
    return uri[:5].lower() == b"sips:"


def parse_host_port(value: bytes) -> tuple[bytes, int | None]:
    """Return the host in lower case and the port, if one is named."""
    return _host_port_cached(value) if len(value) <= _CACHED_BYTES else _host_port(value)


def _host_port(value: bytes) -> tuple[bytes, int | None]:
    if value.startswith(b"["):
        address, bracket, tail = value[1:].partition(b"]")
        if not bracket or not address or address.translate(None, _IPV6_CHARS):
            raise BadMessageError("IPv6 address is broken")
        host, colon, digits = value[: len(address) + 2], tail[:1], tail[1:]
        if colon not in {b"", b":"}:
            raise BadMessageError("IPv6 address is followed by something else than a port")
    else:
        host, colon, digits = value.partition(b":")
        if not host or host.translate(None, _HOST_CHARS):
            raise BadMessageError("Host is empty or broken")
    if not colon:
        return host.lower(), None
    if not digits.isdigit() or len(digits) > 5 or int(digits) > 65535:
        raise BadMessageError("Port is not a number up to 65535")
    return host.lower(), int(digits)


_host_port_cached = lru_cache(_CACHED_URIS)(_host_port)


def unescape(value: bytes) -> str:
    """Undo %-escapes. Bytes that are no UTF-8 and control characters become U+FFFD.

    Control characters are legal behind an escape (RFC 4475 3.1.1.5, a NUL), but no display,
    file or database should meet them.
    """
    if b"%" in value:
        value = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), value)
    return text(value)


def text(value: bytes) -> str:
    """Decode what people are to read: UTF-8, anything unprintable as U+FFFD."""
    decoded = value.decode("utf-8", "replace")
    return decoded if decoded.isprintable() else _CONTROLS.sub("\ufffd", decoded)


def escape_user(user: str) -> bytes:
    """Make any text fit to be the user part of a URI."""
    raw = user.encode("utf-8", "replace")
    if raw.isalnum():
        return raw
    return b"".join(b"%c" % byte if byte in _USER_CHARS else b"%%%02X" % byte for byte in raw)
