"""How busy agents are and how much of a queue's calls each gets; limits on both.

Occupancy is handling / (handling + available) time, as in the reports, here with exponential
forgetting: while an agent handles calls, the free part 1 − x decays with OCCUPANCY_WINDOW_S, and
while it is available, x does. Ringing, pauses and absence leave x as it is. An agent starts the
day at 0. A share is the agent's part of a queue's answered calls, each of which lets the shares of
all fade by 1/SHARE_WINDOW_CALLS and adds that much to its own agent's.

Both only fall while an agent stands idle, so that one look says when a limit is met again: at
a time, or at the queue's n-th call. No decision has to look at all agents.
"""

from math import ceil, exp, log

from msgspec import Struct

from .model import QueueProfile, State

OCCUPANCY_WINDOW_S = 1800.0
"""Half an hour, some ten calls. Over much longer a cap strikes only when the shift is over; over
much less a single long call looks like an overload."""

SHARE_WINDOW_CALLS = 1_000
"""Enough that an agent's part is told from chance: at 2 % that is 20 ± 4 calls."""

_KEPT = 1.0 - 1.0 / SHARE_WINDOW_CALLS
"Of each share, from one call to the next."

HANDLING = (State.TALKING, State.HELD, State.WRAP_UP)
"A tuple: to look a member up in a set, Enum hashes it by a call into Python."


class OccupancyMeasure(Struct, frozen=True):
    """An agent's occupancy as a value."""

    value: float = 0.0
    as_of: float = 0.0
    towards: float | None = None
    "1 while handling, 0 while available, None while neither."


class Occupancy:
    """One agent's occupancy, 0–1, as a function of time since the last change."""

    __slots__ = ("_towards", "_value", "as_of")

    def __init__(self) -> None:
        self._value = 0.0
        self.as_of = 0.0
        self._towards: float | None = None
        "1 while handling, 0 while available, None while neither."

    def change(self, towards: float | None, now: float) -> None:
        """Go on as handling (1), available (0) or neither (None)."""
        if towards and towards == self._towards:
            return  # hold and wrap-up follow the talk: handling all along
        if self._towards is not None:
            faded = exp((self.as_of - now) / OCCUPANCY_WINDOW_S)
            self._value = self._towards + (self._value - self._towards) * faded
        self.as_of = now
        self._towards = towards

    def measure(self) -> OccupancyMeasure:
        """Return all that is known."""
        return OccupancyMeasure(self._value, self.as_of, self._towards)

    def take(self, measure: OccupancyMeasure) -> None:
        """Go on from here."""
        self._value, self.as_of, self._towards = measure.value, measure.as_of, measure.towards

    def at(self, now: float) -> float:
        """Return the occupancy at this moment."""
        if self._towards is None:
            return self._value
        faded = exp((self.as_of - now) / OCCUPANCY_WINDOW_S)
        return self._towards + (self._value - self._towards) * faded

    def below_at(self, cap: float) -> float:
        """When an available agent is down to the cap; not after `now`: it is already."""
        if self._value <= cap:
            return self.as_of
        return self.as_of + OCCUPANCY_WINDOW_S * log(self._value / cap)


class Shares:
    """Each agent's share of a queue's answered calls, as of the n-th."""

    __slots__ = ("_shares", "calls")

    def __init__(self) -> None:
        self.calls = 0
        self._shares: dict[str, tuple[float, int]] = {}

    def count(self, agent: str) -> None:
        """Count an answered call."""
        self.calls += 1
        share, as_of = self._shares.get(agent, (0.0, self.calls))
        share = share * _KEPT ** (self.calls - as_of) + 1.0 / SHARE_WINDOW_CALLS
        self._shares[agent] = (share, self.calls)

    def of(self, agent: str) -> float:
        """Return the share, 0–1."""
        share, as_of = self._shares.get(agent, (0.0, self.calls))
        return share * _KEPT ** (self.calls - as_of)

    def below_at(self, agent: str, maximum: float) -> int:
        """With which call of others the share is down to the maximum; `calls`: it is already."""
        share = self.of(agent)
        if share <= maximum:
            return self.calls
        return self.calls + ceil(log(maximum / share) / log(_KEPT))

    def measure(self) -> dict[str, tuple[float, int]]:
        """Return each agent's share, and as of which call."""
        return dict(self._shares)

    def take(self, calls: int, shares: dict[str, tuple[float, int]]) -> None:
        """Go on from these shares and this number of answered calls."""
        self.calls, self._shares = calls, dict(shares)

    def keep_only(self, agents: set[str]) -> None:
        """Forget agents who are no longer configured."""
        for gone in self._shares.keys() - agents:
            del self._shares[gone]


class Limits:
    """A queue's occupancy cap and maximum share, and when an idle agent keeps both again."""

    __slots__ = ("_cap", "_maximum_share", "_shares")

    def __init__(self, queue: QueueProfile, shares: Shares) -> None:
        self._cap = queue.occupancy_cap
        self._maximum_share = queue.maximum_share
        self._shares = shares

    @property
    def calls(self) -> int:
        """The queue's answered calls, by which `share_due` counts."""
        return self._shares.calls

    def due(self, agent: str, occupancy: Occupancy) -> tuple[float, int] | None:
        """Return from which time and call on an idle agent keeps both; None: it does already."""
        occupancy_due = occupancy.below_at(self._cap)
        share_due = self.share_due(agent)
        if occupancy_due <= occupancy.as_of and share_due <= self._shares.calls:
            return None
        return occupancy_due, share_due

    def share_due(self, agent: str) -> int:
        """Return from which call on the agent's share is down to the maximum."""
        return self._shares.below_at(agent, self._maximum_share)


def limits_of(queue: QueueProfile, shares: Shares) -> Limits | None:
    """Return the queue's limits; None where it has none, which costs nothing."""
    if queue.occupancy_cap >= 1.0 and queue.maximum_share >= 1.0:
        return None
    return Limits(queue, shares)
