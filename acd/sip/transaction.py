"""What the four transaction machines share: their effects and the face they show to a driver.

A machine ends when nothing is left for it to decide. What RFC 3261 then still wants for up to
64*T1 (timers D, J, K, L, M: repeat an answer, absorb a retransmission) needs no machine but the
bytes to repeat: `Ended` hands them over, and `Tombstones` keeps them.
"""

import math
from abc import abstractmethod

from msgspec import Struct

from .effects import Send


class Deliver(Struct, frozen=True, gc=False):
    """Pass the response to the transaction user."""


class TimedOut(Struct, frozen=True, gc=False):
    """Tell the transaction user that nothing came from the other side."""


class Ended(Struct, frozen=True, gc=False):
    """Forget the machine; for `linger_s` repeat `repeat` on each retransmission."""

    linger_s: float
    repeat: Send | None


TransactionEffect = Send | Deliver | TimedOut | Ended
Effects = tuple[TransactionEffect, ...]

NOTHING: Effects = ()
DELIVER = Deliver()
TIMED_OUT = TimedOut()
GONE = Ended(0.0, None)
"An end with nothing to remember."


class Machine:
    """Something with a deadline, kept in the endpoint's one heap (`Deadlines`)."""

    __slots__ = ("deadline", "queued_at")

    def __init__(self) -> None:
        self.deadline = math.inf
        "When `on_time` must next be called; infinity when no timer runs."
        self.queued_at = math.inf
        "Owned by `Deadlines`: the earliest entry of this machine in the heap."

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called."""
        return self.deadline

    @abstractmethod
    def on_time(self, now: float) -> object:
        """Fire what is due."""


class Transaction(Machine):
    """A machine between one request and its final answer."""

    __slots__ = ("key", "reliable")

    def __init__(self, key: bytes, *, reliable: bool) -> None:
        # `Machine`'s own, set here: a transaction is begun four times in each call.
        self.deadline = self.queued_at = math.inf
        self.key = key
        self.reliable = reliable
        "The transport repeats what it loses (TCP); no timer does it again."

    @abstractmethod
    def on_time(self, now: float) -> Effects:
        """Fire the timers that are due."""
