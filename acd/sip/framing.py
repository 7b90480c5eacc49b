"""Cutting a byte stream into SIP messages (RFC 3261 section 18.3, RFC 5626 section 3.5.1)."""

import re

from .errors import BadMessageError
from .message import MAX_MESSAGE_BYTES

MAX_HEAD_BYTES = 32_768
"Half of the largest message; the longest head of RFC 4475 has 3,400 bytes."

PING = b"\r\n\r\n"
"Comes out of `feed` as a message of its own: the endpoint answers it with CRLF."

_LENGTH = re.compile(
    rb"(?:^|[\r\n])(?:content-length|l)[ \t]*:[ \t\r\n]*([^\r\n]*)", re.IGNORECASE
)


class StreamFramer:
    """Collects what a connection delivers and hands out whole messages."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0  # bytes of the message at hand, once its head is complete

    @property
    def waiting(self) -> bool:
        """Whether part of a message has come; blank lines between messages are none."""
        return bool(self._buffer) and (self._needed > 0 or not self._buffer.isspace())

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now.

        Raises `BadMessageError` when the stream cannot be cut any more (no Content-Length, or
        more bytes than the limits): the connection has to be closed.
        """
        buffer = self._buffer
        buffer += data
        messages: list[bytes] = []
        while buffer:
            if not self._needed and not self._measure(messages):
                break
            if len(buffer) < self._needed:
                break
            messages.append(bytes(buffer[: self._needed]))
            del buffer[: self._needed]
            self._needed = 0
        return messages

    def _measure(self, messages: list[bytes]) -> bool:
        """Find out how long the next message is; False while its head is incomplete."""
        buffer = self._buffer
        while buffer and buffer[0] in b"\r\n":
            # 7.5: "Implementations processing SIP messages over stream-oriented transports MUST
            # ignore any CRLF appearing before the start-line". Two of them are a ping.
            if buffer[:4] == PING:
                messages.append(PING)
                del buffer[:4]
            elif PING.startswith(bytes(buffer[:4])):
                return False  # may still become a ping
            else:
                del buffer[:1]
        end = _end_of_head(buffer)
        if not end:
            if len(buffer) > MAX_HEAD_BYTES:
                raise BadMessageError("Head of the message is too long", 513)
            return False
        lengths = _LENGTH.findall(bytes(buffer[:end]))
        if len(lengths) != 1 or not lengths[0].strip().isdigit() or len(lengths[0]) > 10:
            # 18.3: "The Content-Length header field value is used to locate the end of each SIP
            # message in a stream. It will always be present when SIP messages are sent over
            # stream-oriented transports."
            raise BadMessageError("Stream message needs exactly one Content-Length")
        self._needed = end + int(lengths[0])
        if self._needed > MAX_MESSAGE_BYTES:
            raise BadMessageError("Message is too large", 513)
        return True


def _end_of_head(buffer: bytearray) -> int:
    """Return where the body begins, 0 as long as the blank line before it has not come.

    As `acd.sip.message.read` has it: lines that end by LF only are taken as they are meant.
    """
    end = buffer.find(b"\r\n\r\n")
    bare = buffer.find(b"\n\n", 0, end) if end >= 0 else buffer.find(b"\n\n")
    if bare >= 0:
        return bare + 2
    return end + 4 if end >= 0 else 0
