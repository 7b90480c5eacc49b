"""Measured conversion: how likely an agent is to turn a call of a queue into an order.

Each answered sales call with a known outcome weighs 0.5^(age / half-life). Three levels, each
shrunk to the one above by a Beta prior:

    group (all agents of the queue)     Beta(α₀, β₀), fitted by `fit_prior`
    agent × queue                       (α₀ + orders) / (α₀ + β₀ + calls)
    agent × queue × category            (s·m + orders) / (s + calls), m the agent × queue mean,
                                        s = CATEGORY_STRENGTH

Calls whose outcome is not known yet are simply not recorded, so that pending is not failed. Age
is counted back from the newest outcome seen, which keeps this room free of a wall clock. Between
two fits only the agent concerned is computed anew; the others keep means that are at most
`REFIT_AGE` of a half-life old.
"""

import math
from collections.abc import Iterable

from msgspec import Struct

CATEGORY_STRENGTH = 20.0
"""After this many calls of a category, they count as much as the agent's whole queue record."""

DEFAULT_STRENGTH = 20.0
"""Where the spread between agents cannot be measured: fewer than two agents with outcomes, or
too few calls each. Some twenty calls, a day's work, then speak as loud as the group."""

MINIMUM_STRENGTH = 10.0
"""However far the agents lie apart, ten calls do not outweigh the group: small groups overrate
their own spread."""

MAXIMUM_STRENGTH = 1000.0
"""Agents who differ by no more than chance would have an infinite strength."""

MAXIMUM_OUTCOMES = 200_000
"""Outcomes kept for correction, oldest forgotten first (their weight stays): about a week of
sales calls of a centre of 1,000 seats, 50 MB."""

REFIT_GROWTH = 0.05
"""The prior is fitted again when a twentieth more outcomes are known: it moves by less."""

REFIT_AGE = 0.05
"""… or when this part of a half-life has gone by: weights then fell by 3.5 %."""

NEGLIGIBLE = 1e-6
"""Calls, by weight, below which a tally counts as empty."""


class Prior(Struct, frozen=True):
    """Beta(α, β): what is believed of an agent before the first outcome."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """Expected conversion."""
        return self.alpha / (self.alpha + self.beta)


def fit_prior(tallies: Iterable[tuple[float, float]]) -> Prior:
    """Fit the group's Beta prior to (calls, orders) of its agents by the method of moments.

    Moments of the Beta-Binomial (Kleinman, J. Am. Stat. Assoc. 68, 1973), weights nᵢ: with
    N = Σnᵢ, μ = Σkᵢ/N and S = Σnᵢ(kᵢ/nᵢ − μ)², over m agents,
        E[S] = μ(1 − μ) · (m − 1 + ρ·(N − Σnᵢ²/N − (m − 1))),    α₀ + β₀ = 1/ρ − 1.
    Solved for ρ; no spread beyond chance (ρ ≤ 0) gives MAXIMUM_STRENGTH, and a spread that cannot
    be measured DEFAULT_STRENGTH. The prior's mean is μ·(m + 1)/(m + 2), as though two further
    agents of half the group's conversion had been seen: in a group of few, its mean is mostly
    its best agent's, and a newcomer is not to inherit that. With many agents this vanishes.
    """
    seen = [(calls, orders) for calls, orders in tallies if calls > NEGLIGIBLE]
    total = sum(calls for calls, _ in seen)
    # Half a call added on either side keeps the mean off 0 and 1, where a Beta has no strength.
    mean = (sum(orders for _, orders in seen) + 0.5) / (total + 1.0)
    strength = _strength(seen, total, mean)
    if seen:
        mean *= (len(seen) + 1) / (len(seen) + 2)
    return Prior(mean * strength, (1.0 - mean) * strength)


def _strength(seen: list[tuple[float, float]], total: float, mean: float) -> float:
    if len(seen) < 2:
        return DEFAULT_STRENGTH
    freedom = len(seen) - 1
    room = total - sum(calls * calls for calls, _ in seen) / total - freedom
    if room <= NEGLIGIBLE:
        return DEFAULT_STRENGTH
    spread = sum(calls * (orders / calls - mean) ** 2 for calls, orders in seen)
    correlation = (spread / (mean * (1.0 - mean)) - freedom) / room
    if correlation <= 1.0 / (MAXIMUM_STRENGTH + 1.0):
        return MAXIMUM_STRENGTH
    return max(MINIMUM_STRENGTH, 1.0 / correlation - 1.0)


class Tally:
    """Calls and orders, weighted as of the newest of them."""

    __slots__ = ("as_of", "calls", "orders")

    def __init__(self, as_of: float) -> None:
        self.calls = 0.0
        self.orders = 0.0
        self.as_of = as_of

    def add(self, success: bool, wall_s: float, half_life_s: float, sign: float) -> None:
        """Count an outcome in (sign 1) or take it back (sign −1)."""
        if wall_s > self.as_of:
            faded = 0.5 ** ((wall_s - self.as_of) / half_life_s)
            self.calls *= faded
            self.orders *= faded
            self.as_of = wall_s
        weight = sign * 0.5 ** ((self.as_of - wall_s) / half_life_s)
        self.calls = max(0.0, self.calls + weight)
        if success:
            self.orders = max(0.0, self.orders + weight)

    def at(self, wall_s: float, half_life_s: float) -> tuple[float, float]:
        """Return (calls, orders) as they weigh at `wall_s`."""
        faded = 0.5 ** (max(0.0, wall_s - self.as_of) / half_life_s)
        return self.calls * faded, self.orders * faded


class QueueRank:
    """Measured conversion of one queue's agents."""

    def __init__(self, half_life_s: float) -> None:
        self.half_life_s = half_life_s
        self.version = 0
        "Counts the fits: every agent's mean may differ from the version before."

        self.prior = fit_prior(())
        self._agents: dict[str, Tally] = {}
        self._categories: dict[str, dict[str, Tally]] = {}
        self._means: dict[str, dict[str, float]] = {}
        self._newest = -math.inf
        self._known = 0
        self._fitted_known = 0
        self._fitted_newest = -math.inf

    def add(
        self, agent: str, category: str, success: bool, wall_s: float, sign: float = 1.0
    ) -> None:
        """Count an outcome in, or take it back with sign −1."""
        self._newest = max(self._newest, wall_s)
        self._known += 1
        tally = self._agents.get(agent)
        if tally is None:
            tally = self._agents[agent] = Tally(wall_s)
        tally.add(success, wall_s, self.half_life_s, sign)
        if category:
            categories = self._categories.setdefault(agent, {})
            tally = categories.get(category)
            if tally is None:
                tally = categories[category] = Tally(wall_s)
            tally.add(success, wall_s, self.half_life_s, sign)
        self._means.pop(agent, None)

    @property
    def stale(self) -> bool:
        """Whether the prior is due to be fitted again."""
        news = self._known - self._fitted_known
        return news > 0 and (
            news > REFIT_GROWTH * self._fitted_known
            or self._newest - self._fitted_newest > REFIT_AGE * self.half_life_s
        )

    def refresh(self) -> None:
        """Fit the prior again if it is due; costs one pass over the agents with outcomes."""
        if not self.stale:
            return
        self.prior = fit_prior(
            tally.at(self._newest, self.half_life_s) for tally in self._agents.values()
        )
        self._fitted_known = self._known
        self._fitted_newest = self._newest
        self._means.clear()
        self.version += 1

    def mean(self, agent: str, category: str = "") -> float:
        """Posterior mean of the conversion, 0–1."""
        means = self._means.get(agent)
        if means is None:
            means = self._means[agent] = {}
        mean = means.get(category)
        if mean is None:
            mean = means[category] = self._measure(agent, category)
        return mean

    def _measure(self, agent: str, category: str) -> float:
        if category:
            return self._shrunk(
                self._categories.get(agent, {}).get(category),
                self.mean(agent),
                CATEGORY_STRENGTH,
            )
        prior = self.prior
        return self._shrunk(self._agents.get(agent), prior.mean, prior.alpha + prior.beta)

    def _shrunk(self, tally: Tally | None, mean: float, strength: float) -> float:
        if tally is None:
            return mean
        calls, orders = tally.at(self._newest, self.half_life_s)
        return (strength * mean + orders) / (strength + calls)


class Outcome(Struct, frozen=True, gc=False):
    """What became of one sales call."""

    agent: str
    queue: str
    category: str
    success: bool
    wall_s: float


class ConversionRanks:
    """The measured conversion of every queue, fed by outcomes that may come late and change."""

    def __init__(self, maximum_outcomes: int = MAXIMUM_OUTCOMES) -> None:
        self.queues: dict[str, QueueRank] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._maximum_outcomes = maximum_outcomes
        self._forgotten_before = 0.0

    def configure(self, half_lives_s: dict[str, float]) -> None:
        """Keep exactly these queues; a changed half-life weighs the kept outcomes anew."""
        kept = self.queues
        self.queues = {
            name: kept[name]
            if name in kept and kept[name].half_life_s == half_life_s
            else QueueRank(half_life_s)
            for name, half_life_s in half_lives_s.items()
        }
        for outcome in self._outcomes.values():
            rank = self.queues.get(outcome.queue)
            if rank is not None and rank is not kept.get(outcome.queue):
                rank.add(outcome.agent, outcome.category, outcome.success, outcome.wall_s)

    def record(self, interaction: str, outcome: Outcome) -> Outcome | None:
        """Count an outcome in, in place of the interaction's earlier one, which is returned.

        `wall_s` is when the call was answered, also in a correction. An outcome of an unknown
        interaction from before the oldest one kept cannot be told from a correction of one that
        was forgotten, and is left out; so is one of an unknown queue.
        """
        earlier = self._outcomes.get(interaction)
        if earlier == outcome or (earlier is None and outcome.wall_s < self._forgotten_before):
            return earlier
        if earlier is not None and earlier.queue in self.queues:
            self._add(earlier, -1.0)
        if outcome.queue in self.queues:
            self._outcomes[interaction] = outcome
            self._add(outcome, 1.0)
            self._forget()
        elif earlier is not None:
            del self._outcomes[interaction]
        return earlier

    def _add(self, outcome: Outcome, sign: float) -> None:
        self.queues[outcome.queue].add(
            outcome.agent, outcome.category, outcome.success, outcome.wall_s, sign
        )

    def _forget(self) -> None:
        while len(self._outcomes) > self._maximum_outcomes:
            oldest = next(iter(self._outcomes))
            self._forgotten_before = max(self._forgotten_before, self._outcomes.pop(oldest).wall_s)
