"""Outcomes of sales calls as they are told: late, corrected, more than once, and wrongly dated.

An outcome is dated by its call. While the machine's clock runs ahead (a wrong year until the first
synchronisation is enough) calls are dated ahead, and one such outcome would make all others
weightless: each weighs by its age against the newest. So nothing that lies further ahead than
`AHEAD_S` counts, however it came to be recorded; and when the clock has been set back, what was
counted by then and lies ahead now is left out again.
"""

import math
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from .rank import Measure, Outcome, QueueRank

MAXIMUM_OUTCOMES = 200_000
"""Outcomes kept for correction, oldest forgotten first (their weight stays): about a week of
sales calls of a centre of 1,000 seats, 50 MB."""

AHEAD_S = 3_600.0
"""Clocks of nodes that share a database may differ by so much: an hour is the slip of whoever sets
one by hand over a change to summer time. At a half-life of a day it makes others 3 % lighter."""


class ConversionRanks:
    """The measured conversion of every queue, fed by outcomes that may come late and change."""

    def __init__(
        self,
        maximum_outcomes: int = MAXIMUM_OUTCOMES,
        wall_s: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """`wall_s` is the time, UTC seconds; without it no outcome is known to lie ahead."""
        self.queues: dict[str, QueueRank] = {}
        self._wall_s = wall_s
        self._outcomes: dict[str, Outcome] = {}
        self._maximum_outcomes = maximum_outcomes
        self._forgotten_before = 0.0
        self._newest = -math.inf
        self.left_out = 0
        "Outcomes that were dated ahead, so far."

    def configure(self, measures: dict[str, Measure]) -> None:
        """Keep exactly these queues; a changed measure weighs the kept outcomes anew."""
        kept = self.queues
        self.queues = {
            name: kept[name]
            if name in kept and kept[name].measure == measure
            else QueueRank(measure)
            for name, measure in measures.items()
        }
        for outcome in self._outcomes.values():
            rank = self.queues.get(outcome.queue)
            if rank is not None and rank is not kept.get(outcome.queue):
                rank.add(outcome)

    def record(self, interaction: str, outcome: Outcome) -> Outcome | None:
        """Count an outcome in, in place of the interaction's earlier one, which is returned.

        `wall_s` is when the call was answered, also in a correction. An outcome of an unknown
        interaction from before the oldest one kept cannot be told from a correction of one that
        was forgotten, and is left out; so is one of an unknown queue, and one that is dated ahead.
        A correction that is dated ahead has the date that was known.
        """
        latest = self._wall_s() + AHEAD_S
        if self._newest > latest:
            self._leave_out_after(latest)
        earlier = self._outcomes.get(interaction)
        if outcome.wall_s > latest and earlier is not None:
            outcome = replace(outcome, wall_s=earlier.wall_s)
        if outcome.wall_s > latest:
            self.left_out += 1
            return None
        if earlier == outcome or (earlier is None and outcome.wall_s < self._forgotten_before):
            return earlier
        if earlier is not None and earlier.queue in self.queues:
            self.queues[earlier.queue].add(earlier, -1.0)
        if outcome.queue in self.queues:
            self._outcomes[interaction] = outcome
            self._newest = max(self._newest, outcome.wall_s)
            self.queues[outcome.queue].add(outcome)
            self._forget()
        elif earlier is not None:
            del self._outcomes[interaction]
        return earlier

    def _leave_out_after(self, latest: float) -> None:
        """Count anew without what lies ahead: a pass over all outcomes, after a clock's slip."""
        kept = [(name, one) for name, one in self._outcomes.items() if one.wall_s <= latest]
        self.left_out += len(self._outcomes) - len(kept)
        self._outcomes = dict(kept)
        dates = [outcome.wall_s for outcome in self._outcomes.values()]
        self._newest = max(dates, default=-math.inf)
        if self._forgotten_before > latest:
            self._forgotten_before = min(dates, default=0.0)
        ahead = {name for name, rank in self.queues.items() if rank.newest > latest}
        for name in ahead:
            self.queues[name].start_over()
        for outcome in self._outcomes.values():
            if outcome.queue in ahead:
                self.queues[outcome.queue].add(outcome)

    def outcomes(self) -> list[tuple[str, Outcome]]:
        """Return the outcomes that are kept, with their interactions."""
        return [*self._outcomes.items()]

    @property
    def forgotten_before(self) -> float:
        """Until when an outcome of an unknown interaction may be of one that was forgotten."""
        return self._forgotten_before

    def take(self, outcomes: Iterable[tuple[str, Outcome]], forgotten_before: float) -> None:
        """Keep these outcomes for correction; what they weigh is told by `QueueRank.take`."""
        self._outcomes = dict(outcomes)
        self._forgotten_before = forgotten_before
        dates = [outcome.wall_s for outcome in self._outcomes.values()]
        self._newest = max([forgotten_before, *dates])

    def _forget(self) -> None:
        while len(self._outcomes) > self._maximum_outcomes:
            oldest = next(iter(self._outcomes))
            self._forgotten_before = max(self._forgotten_before, self._outcomes.pop(oldest).wall_s)
