"""What the outcomes of a group say of its agents before the first of their own: fitted priors."""

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

CATEGORY_STRENGTH = 20.0
"""Where the spread over the categories cannot be measured: after this many calls of a category,
they count as much as the agent's whole queue record."""

DEFAULT_STRENGTH = 20.0
"""Where the spread between agents cannot be measured: fewer than two agents with outcomes, or
too few calls each. Some twenty calls, a day's work, then speak as loud as the group."""

MINIMUM_STRENGTH = 10.0
"""However far the agents lie apart, ten calls do not outweigh the group: small groups overrate
their own spread."""

MAXIMUM_STRENGTH = 1000.0
"""Agents who differ by no more than chance would have an infinite strength."""

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


class PriorSums(Struct):
    """Sums over a group's agents, of which its prior is fitted: they can be taken bit by bit."""

    agents: int = 0
    calls: float = 0.0
    orders: float = 0.0
    squared_calls: float = 0.0
    squared_orders: float = 0.0
    "Each agent's by that agent's calls: Σkᵢ²/nᵢ."

    def add(self, calls: float, orders: float) -> None:
        """Take an agent in; one without calls says nothing."""
        if calls > NEGLIGIBLE:
            self.agents += 1
            self.calls += calls
            self.orders += orders
            self.squared_calls += calls * calls
            self.squared_orders += orders * orders / calls

    def prior(self) -> Prior:
        """Fit the group's Beta prior by the method of moments.

        Moments of the Beta-Binomial (Kleinman, J. Am. Stat. Assoc. 68, 1973), weights nᵢ: with
        N = Σnᵢ, μ = Σkᵢ/N and S = Σnᵢ(kᵢ/nᵢ − μ)² = Σkᵢ²/nᵢ − 2μΣkᵢ + μ²N, over m agents,
            E[S] = μ(1 − μ) · (m − 1 + ρ·(N − Σnᵢ²/N − (m − 1))),    α₀ + β₀ = 1/ρ − 1.
        Solved for ρ; no spread beyond chance (ρ ≤ 0) gives MAXIMUM_STRENGTH, and a spread that
        cannot be measured DEFAULT_STRENGTH. The prior's mean is μ·(m + 1)/(m + 2), as though two
        further agents of half the group's conversion had been seen: in a group of few, its mean is
        mostly its best agent's, and a newcomer is not to inherit that. With many agents this
        vanishes.
        """
        # Half a call on either side keeps the mean off 0 and 1, where a Beta has no strength.
        mean = (self.orders + 0.5) / (self.calls + 1.0)
        strength = self._strength(mean)
        if self.agents:
            mean *= (self.agents + 1) / (self.agents + 2)
        return Prior(mean * strength, (1.0 - mean) * strength)

    def _strength(self, mean: float) -> float:
        if self.agents < 2:
            return DEFAULT_STRENGTH
        freedom = self.agents - 1
        room = self.calls - self.squared_calls / self.calls - freedom
        spread = self.squared_orders - 2.0 * mean * self.orders + mean * mean * self.calls
        return _solved(spread / (mean * (1.0 - mean)), freedom, room, DEFAULT_STRENGTH)


def fit_prior(tallies: Iterable[tuple[float, float]]) -> Prior:
    """Fit the group's Beta prior to (calls, orders) of its agents, in one go."""
    sums = PriorSums()
    for calls, orders in tallies:
        sums.add(calls, orders)
    return sums.prior()


def _solved(spread: float, freedom: float, room: float, default: float) -> float:
    if room <= NEGLIGIBLE:
        return default
    correlation = (spread - freedom) / room
    if correlation <= 1.0 / (MAXIMUM_STRENGTH + 1.0):
        return MAXIMUM_STRENGTH
    return max(MINIMUM_STRENGTH, 1.0 / correlation - 1.0)


class CategorySums(Struct):
    """Sums over agents of how far their categories lie from their own mean."""

    spread: float = 0.0
    freedom: float = 0.0
    room: float = 0.0

    def add(self, categories: list[tuple[float, float, float]]) -> None:
        """Take an agent's (calls, orders, offset) by category.

        The offset is what the category is above or below the group.
        """
        seen = [each for each in categories if each[0] > NEGLIGIBLE]
        if len(seen) < 2:
            return
        total = sum(calls for calls, _, _ in seen)
        mean = sum(orders - calls * offset for calls, orders, offset in seen) / total
        for calls, orders, offset in seen:
            expected = min(0.99, max(0.01, mean + offset))
            off = orders / calls - expected
            self.spread += calls * off**2 / (expected * (1.0 - expected))
        self.freedom += len(seen) - 1
        self.room += total - sum(calls * calls for calls, _, _ in seen) / total - (len(seen) - 1)

    def strength(self) -> float:
        """Fit how firmly categories are bound to their agent's mean.

        By the moments of `PriorSums.prior`: the spread is taken around each agent's own mean, and
        spread, freedom and room are summed over the agents: all have the same strength.
        """
        return _solved(self.spread, self.freedom, self.room, CATEGORY_STRENGTH)


def fit_category_strength(agents: Iterable[list[tuple[float, float, float]]]) -> float:
    """Fit how firmly categories are bound to their agent's mean, in one go."""
    sums = CategorySums()
    for categories in agents:
        sums.add(categories)
    return sums.strength()


class Fit(Struct, kw_only=True):
    """A fit in the making: what has been summed up, and of how many agents."""

    newest: float
    "As of when outcomes are weighed."

    known: int
    "Outcomes that were known when it began."

    group_means: dict[str, float]
    even_calls: dict[str, float]
    done: int = 0
    "Agents who are in the sums, in the order in which their outcomes first came."

    prior: PriorSums = field(default_factory=PriorSums)
    categories: CategorySums = field(default_factory=CategorySums)

    def copy(self) -> "Fit":
        """Return it as it stands."""
        return replace(self, prior=replace(self.prior), categories=replace(self.categories))
