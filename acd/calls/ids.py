"""UUIDv7 text from an injected clock and injected randomness (RFC 9562 section 5.7)."""

from collections.abc import Callable

_COUNTER_BITS = 12
_RANDOM_BITS = 62
_VARIANT = 0b10 << _RANDOM_BITS
_LOWEST_48 = (1 << 48) - 1


class Uuid7Source:
    """Makes ids that sort by the time they were made, also within one millisecond.

    The 12 bits after the version are a counter within the millisecond (RFC 9562 6.2, method 1);
    should it run over, the ids borrow from the next millisecond rather than repeat.
    """

    def __init__(self, wall_ms: Callable[[], int], random_bits: Callable[[int], int]) -> None:
        self._wall_ms = wall_ms
        self._random_bits = random_bits
        self._last = 0
        self._millis = -1
        self._head = ""
        "The text of `_millis` and of the version: a call's ids come in bursts within one."

    def __call__(self) -> str:
        """Return the next id: 36 characters, lower case."""
        stamp = self._wall_ms() << _COUNTER_BITS
        if stamp <= self._last:
            stamp = self._last + 1
        self._last = stamp
        millis = stamp >> _COUNTER_BITS
        if millis != self._millis:
            self._millis = millis
            text = f"{millis:012x}"
            self._head = f"{text[:8]}-{text[8:]}-7"
        low = _VARIANT | self._random_bits(_RANDOM_BITS)
        return f"{self._head}{stamp & 0xFFF:03x}-{low >> 48:x}-{low & _LOWEST_48:012x}"
