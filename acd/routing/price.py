"""The price of an agent's time: who takes this call cannot take the next one.

Best first gives a call to whoever sells its category best, also where the runner-up is nearly as
good and the best one will be wanted in a moment for what nobody else sells so well. The optimal
assignment (the transportation problem: Hitchcock, J. Math. Phys. 20, 1941; its dual variables
are the prices) ranks by what the call earns with the agent less what the agent's time is worth
elsewhere. Here that price is estimated by what is known anyway:

    score = worth of this call − π · (the agent's mean worth over all calls − the group's)

with each category weighing as much as it has calls, and π the chance that the agent would have
another call meanwhile: the mean occupancy of those on duty. With many idle agents, π near 0,
nothing is given up and the best one goes first; near full load what counts is how much better the
agent is at this category than at others. An agent who is as good in every category keeps the
place that conversion gives; so does everybody in a queue of one category.

In simulation the prices from the dual problem itself gained 0.1 to 0.3 points more where every
conversion was known, and not reliably more where it had to be learned; they would need the demand
of each queue, and a solver.
"""

from collections.abc import Callable, Mapping
from math import fsum

from msgspec import Struct

NONE = "none"
MEASURED = "measured"
TIME_PRICES = frozenset({NONE, MEASURED})
"""What a queue's layers by conversion take off for an agent's time."""

HIGHEST = 0.9
"""At 1 an agent who sells everything better would come after one who sells everything worse but
this. In simulation 0.8 and 0.9 gained equally much at loads from 0.95 on, and 1 less."""

STEP = 0.05
"""Every score changes with π, and every list is sorted anew: not for less than a twentieth."""

EVERY_S = 300.0
"""How often π is looked at: occupancy has a memory of half an hour (occupancy.OCCUPANCY_WINDOW_S),
in which it moves by a sixth of the way in five minutes."""


MINIMUM_MEANS = 3
"""Group's means, of two categories and of all calls: with one category an agent's time has no
other use."""


SMALLEST_REST = 1e-9
"Part of the calls below which none is without a category: sums of weights round that far off."


class PriceMeasure(Struct, frozen=True):
    """The price as a value: the fields of `TimePrice`."""

    share: float
    due_at: float
    standings: dict[str, float]
    seen: int = 0
    on_duty: int = 0
    occupancy: float = 0.0


class TimePrice:
    """One queue's π, and how far each agent's mean worth lies above the group's."""

    __slots__ = ("_occupancy", "_on_duty", "due_at", "seen", "share", "standings")

    def __init__(self) -> None:
        self.share = 0.0
        "π, 0–HIGHEST."

        self.due_at = 0.0
        "When it is looked at again."

        self.standings: dict[str, float] = {}
        "By agent, as far as asked for since the agent's last outcome and the last fit."

        self.seen = 0
        "Agents looked at so far, where it is being measured."

        self._on_duty = 0
        self._occupancy = 0.0
        "Sum over those of them who are on duty."

    def measure(self) -> PriceMeasure:
        """Return all that is known."""
        return PriceMeasure(
            *(self.share, self.due_at, dict(self.standings)),
            *(self.seen, self._on_duty, self._occupancy),
        )

    def take(self, measure: PriceMeasure) -> None:
        """Go on from here."""
        self.share, self.due_at = measure.share, measure.due_at
        self.standings = dict(measure.standings)
        self.seen, self._on_duty = measure.seen, measure.on_duty
        self._occupancy = measure.occupancy

    def look(self, occupancies: list[float], seen: int) -> None:
        """Take in some more agents, `seen` with those who are not on duty."""
        self.seen += seen
        self._on_duty += len(occupancies)
        self._occupancy += fsum(occupancies)

    def settle(self, now: float) -> bool:
        """Measure π by those who were looked at; whether it moved so far that all scores change.

        Where nobody is on duty π stays.
        """
        self.due_at = now + EVERY_S
        on_duty, occupancy = self._on_duty, self._occupancy
        self.seen, self._on_duty, self._occupancy = 0, 0, 0.0
        if not on_duty:
            return False
        share = min(HIGHEST, occupancy / on_duty)
        if abs(share - self.share) < STEP:
            return False
        self.share = share
        return True


def mean_over(calls: Mapping[str, float], advantage: Callable[[str], float]) -> float:
    """Return the mean of the advantages by category, as many calls as there are of each.

    `calls` has those of all categories, and of none, under the empty one.
    """
    total = calls.get("", 0.0)
    if total <= 0.0:
        return 0.0
    value, rest = 0.0, total
    for category, part in calls.items():
        if category:
            value += part * advantage(category)
            rest -= part
    if rest > SMALLEST_REST * total:
        value += rest * advantage("")
    return value / total
