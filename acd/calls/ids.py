"""UUIDv7 text from an injected clock and injected randomness (RFC 9562 section 5.7)."""

from collections.abc import Callable

_COUNTER_BITS = 12
_RANDOM_BITS = 62


class Uuid7Source:
    """Makes ids that sort by the time they were made, also within one millisecond.

    The 12 bits after the version are a counter within the millisecond (RFC 9562 6.2, method 1);
    should it run over, the ids borrow from the next millisecond rather than repeat.
    """

    def __init__(self, wall_ms: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._wall_ms = wall_ms
        self._random_bits = random_bits
        self._last = 0

    def __call__(self) -> str:
        """Return the next id: 36 characters, lower case."""
        stamp = max(self._wall_ms() << _COUNTER_BITS, self._last + 1)
        self._last = stamp
        millis, counter = stamp >> _COUNTER_BITS, stamp & 0xFFF
        low = 0b10 << _RANDOM_BITS | self._random_bits(_RANDOM_BITS)
        text = f"{millis:012x}7{counter:03x}{low:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
