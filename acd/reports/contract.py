"""The performance contract (业绩合同): weighted scores of what was measured against targets.

Each measure scores 0 at its floor and 100 at its target, in a straight line between and beyond, up
to its cap. A floor above the target means that less is better (handling time, cost per call). The
total is the weighted mean of the scores; a measure without a value (nobody was asked, nothing was
entered) takes no part, and how much of the weight was measured stands beside the total.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from .report import Words

FULL_SCORE = 100.0


class Measure(Struct, frozen=True, kw_only=True):
    """One line of a contract."""

    name: str
    weight: float
    floor: float
    "Value that scores 0."

    target: float
    "Value that scores 100; never equal to the floor."

    cap: float = FULL_SCORE
    "Highest score, for what is beyond the target."

    def score(self, value: float | None) -> float | None:
        """Return 0 to `cap`; None where there is no value."""
        if value is None:
            return None
        share = (value - self.floor) / (self.target - self.floor)
        return min(self.cap, max(0.0, FULL_SCORE * share))


class Band(Struct, frozen=True, kw_only=True):
    """What a total from here on is called."""

    start: float
    name: str


class Contract(Struct, frozen=True, kw_only=True):
    """One contract; its weights total 100."""

    name: str
    title: Words
    measures: tuple[Measure, ...]
    teams: frozenset[str] = frozenset()
    "Whose it is; empty: everybody's."

    bands: tuple[Band, ...] = ()
    "From low to high."

    def is_for(self, team: str) -> bool:
        """Tell whether agents of this team have the contract."""
        return not self.teams or team in self.teams


class Scored(Struct, frozen=True, kw_only=True):
    """What one agent reached in one month."""

    values: tuple[float | None, ...]
    "Of each measure, in the contract's order."

    scores: tuple[float | None, ...]
    total: float | None
    "None: nothing was measured at all."

    measured_weight: float
    "0 to 100: the weight of what has a value."

    band: str


def scored(contract: Contract, values: Mapping[str, float | None]) -> Scored:
    """Return the scores of one agent's values, by measure's name; a missing one has none."""
    found = tuple(values.get(measure.name) for measure in contract.measures)
    scores = tuple(
        measure.score(value) for measure, value in zip(contract.measures, found, strict=True)
    )
    counted = [
        (measure.weight, score)
        for measure, score in zip(contract.measures, scores, strict=True)
        if score is not None
    ]
    weight = sum(part for part, _ in counted)
    total = sum(part * score for part, score in counted) / weight if weight else None
    return Scored(
        values=found,
        scores=scores,
        total=total,
        measured_weight=weight,
        band=_band(contract.bands, total),
    )


def _band(bands: Iterable[Band], total: float | None) -> str:
    reached = "" if total is None else [band.name for band in bands if band.start <= total]
    return reached[-1] if reached else ""


class Tier(Struct, frozen=True, kw_only=True):
    """From which traffic index on the pay is multiplied by which factor."""

    start: float
    "Traffic index, a fraction: 1 is the unit target."

    factor: float


def tier_factor(tiers: Iterable[Tier], traffic_index: float | None) -> float | None:
    """Return the factor of the highest tier that was reached; None below the first.

    `tiers` from low to high.
    """
    if traffic_index is None:
        return None
    reached = [tier.factor for tier in tiers if tier.start <= traffic_index]
    return reached[-1] if reached else None


def traffic_index(handled: int, complaints: int, unit_target: float) -> float | None:
    """Return 话务量指标: (calls handled - complaint-handling calls) / the unit target.

    A fraction; None without a target.
    """
    return (handled - complaints) / unit_target if unit_target > 0 else None
