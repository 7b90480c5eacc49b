"""Random bytes of the kernel, fetched in stock: a call takes ten small helpings.

Each helping by itself would be a system call, and ten of those are a twentieth of a whole call.
"""

import secrets
import struct

STOCK_BYTES = 8_192
"Some 100 calls' worth."

WORD_BITS = 64
WORDS = struct.Struct(f"{STOCK_BYTES * 8 // WORD_BITS}Q")


class Entropy:
    """Cryptographically strong randomness. Not for several threads."""

    def __init__(self) -> None:
        self._stock = b""
        self._at = 0
        # Numbers have a stock of their own, unpacked at once: most of all helpings are ids.
        self._words: list[int] = []

    def token_bytes(self, count: int) -> bytes:
        """Return so many random bytes, each handed out once."""
        end = self._at + count
        if end > len(self._stock):
            self._stock = secrets.token_bytes(max(STOCK_BYTES, count))
            self._at, end = 0, count
        taken = self._stock[self._at : end]
        self._at = end
        return taken

    def bits(self, count: int) -> int:
        """Return a random number of so many bits."""
        if count > WORD_BITS:
            size = (count + 7) // 8
            return int.from_bytes(self.token_bytes(size)) >> (8 * size - count)
        if not self._words:
            self._words.extend(WORDS.unpack(secrets.token_bytes(STOCK_BYTES)))
        return self._words.pop() >> (WORD_BITS - count)
