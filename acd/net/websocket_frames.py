"""Following WebSocket frames (RFC 6455 section 5.2) beside the library that reads them.

It hands out whole messages, so it does not show when one begins, nor whether frames are masked.
Only heads are looked at here; what is in the frames is skipped.
"""

from math import inf

FIN, OPCODE, CONTROL = 0x80, 0x0F, 0x08
MASKED, LENGTH = 0x80, 0x7F
LENGTH_16, LENGTH_64 = 126, 127
MASK_BYTES = 4

HTTP_END = b"\r\n\r\n"


class FrameWatch:
    """Sees what a client sends, from the first byte of its HTTP request on."""

    __slots__ = ("_fragmented", "_head", "_left", "_request", "began_at", "heard", "unmasked")

    def __init__(self) -> None:
        self._request: bytes | None = b""  # the last bytes of the request, while it lasts
        self._head = bytearray()
        self._left = 0
        self._fragmented = False
        self.began_at = inf
        "When the message or frame began that is not complete; inf: none."
        self.heard = False
        "Something came behind the request."
        self.unmasked = False
        """RFC 6455 5.1: "The server MUST close the connection upon receiving a frame that is not
        masked." Nothing is looked at any more."""

    def feed(self, data: bytes, now: float) -> None:
        """Take the next bytes."""
        if self._request is not None:
            data = self._behind_request(data)
        self.heard = self.heard or bool(data)
        at = 0
        while at < len(data) and not self.unmasked:
            if self._left:
                at += self._skip(len(data) - at)
            else:
                self.began_at = min(self.began_at, now)
                self._head.append(data[at])
                at += 1
                self._look_at_head()

    def _behind_request(self, data: bytes) -> bytes:
        """Return what is no longer of the HTTP request: the upgrade's has no body."""
        seen = (self._request or b"") + data
        _, end, rest = seen.partition(HTTP_END)
        self._request = None if end else seen[1 - len(HTTP_END) :]
        return rest

    def _skip(self, available: int) -> int:
        """Skip what is at hand of a frame behind its head; return how much."""
        skipped = min(self._left, available)
        self._left -= skipped
        if not self._left:
            self._over()
        return skipped

    def _look_at_head(self) -> None:
        head = self._head
        if len(head) < 2:
            return
        if not head[1] & MASKED:
            self.unmasked = True
            return
        length = head[1] & LENGTH
        extended = {LENGTH_16: 2, LENGTH_64: 8}.get(length, 0)
        if len(head) < 2 + extended:
            return
        if extended:
            length = int.from_bytes(head[2:])
        self._left = length + MASK_BYTES

    def _over(self) -> None:
        """Take the end of a frame."""
        first = self._head[0]
        self._head.clear()
        if not first & OPCODE & CONTROL:
            self._fragmented = not first & FIN
        # 5.4: control frames "MAY be injected in the middle of a fragmented message".
        if not self._fragmented:
            self.began_at = inf
