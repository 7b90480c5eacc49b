"""Strangers' answered calls whose ACK is missing, and how many of them may wait for it.

Over UDP nobody has to receive our 200 to have sent the INVITE: a made-up address costs its sender
one datagram, and us a call for the 32 s until we give it up. Some hundred a second would hold
every line. So beyond a limit the oldest is given up at once: an honest caller's ACK takes a round
trip, so the longer one waits, the less there is anybody.
"""

from typing import Protocol


class Waiting(Protocol):
    """What is asked of a leg here (`acd.sip.incoming_leg.IncomingLeg`)."""

    id: str

    def give_up(self, now: float) -> None:
        """Wait for the ACK no longer."""


class Unacknowledged:
    """The legs that wait, the oldest first."""

    __slots__ = ("_limit", "_waiting")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[str, Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, leg: Waiting, now: float) -> None:
        """Take one more; the oldest goes where that is too many."""
        self._waiting[leg.id] = leg
        if len(self._waiting) > self._limit:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            oldest.give_up(now)

    def over(self, leg_id: str) -> None:
        """Forget one that has its ACK, or has ended."""
        self._waiting.pop(leg_id, None)
