"""What the outcomes of a group say of its agents before the first of their own: fitted priors."""

from collections.abc import Iterable

from msgspec import Struct

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
    spread = sum(calls * (orders / calls - mean) ** 2 for calls, orders in seen)
    return _solved(spread / (mean * (1.0 - mean)), freedom, room, DEFAULT_STRENGTH)


def _solved(spread: float, freedom: float, room: float, default: float) -> float:
    if room <= NEGLIGIBLE:
        return default
    correlation = (spread - freedom) / room
    if correlation <= 1.0 / (MAXIMUM_STRENGTH + 1.0):
        return MAXIMUM_STRENGTH
    return max(MINIMUM_STRENGTH, 1.0 / correlation - 1.0)


def fit_category_strength(agents: Iterable[list[tuple[float, float, float]]]) -> float:
    """Fit how firmly categories are bound to their agent's mean, by the moments of `fit_prior`.

    For each agent (calls, orders, offset) by category; the offset is what the category is above
    or below the group. The spread is taken around each agent's own mean, and spread, freedom and
    room are summed over the agents: all have the same strength.
    """
    spread = freedom = room = 0.0
    for categories in agents:
        seen = [each for each in categories if each[0] > NEGLIGIBLE]
        if len(seen) < 2:
            continue
        total = sum(calls for calls, _, _ in seen)
        mean = sum(orders - calls * offset for calls, orders, offset in seen) / total
        for calls, orders, offset in seen:
            expected = min(0.99, max(0.01, mean + offset))
            spread += calls * (orders / calls - expected) ** 2 / (expected * (1.0 - expected))
        freedom += len(seen) - 1
        room += total - sum(calls * calls for calls, _, _ in seen) / total - (len(seen) - 1)
    return _solved(spread, freedom, room, CATEGORY_STRENGTH)
