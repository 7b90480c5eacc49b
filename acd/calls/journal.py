"""The journal's record: an event with its key and its two times. Writing it is `acd.storage`'s."""

from msgspec import Struct

from .events import Event


class Record(Struct, frozen=True, gc=False, array_like=True):
    """One event as it stands in the journal. (node, boot, seq) is unique for ever."""

    node: str
    boot: str
    "UUIDv7 of this start of the process."

    seq: int
    "1, 2, 3 … within the boot, without gaps."

    wall_us: int
    "UTC, µs since 1970; for people and calendars only."

    mono_s: float
    "Monotonic seconds within the boot; durations are differences of these."

    event: Event
