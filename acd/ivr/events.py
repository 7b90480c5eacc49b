"""What a running flow is told."""

from msgspec import Struct


class SoundsFinished(Struct, frozen=True):
    """A play ended by itself."""

    play: int


class DigitPressed(Struct, frozen=True):
    """The caller pressed a key: 0-9 * # A-D."""

    digit: str


class QueueLeft(Struct, frozen=True):
    """The queue gave the caller back without an agent."""

    reason: str
    '"timed_out", "refused_full", "overflowed", "exited", "empty" or "closed".'


class CallbackAnswered(Struct, frozen=True):
    """The wish to be called back was taken, or cannot be fulfilled."""

    taken: bool


Event = SoundsFinished | DigitPressed | QueueLeft | CallbackAnswered
