"""Trying agents of whom little is known, so that the good ones among them are found.

An estimate alone never learns that it was wrong: who starts with bad luck gets no further call.
Two remedies, chosen per queue. Both add to the posterior mean m of a conversion in the measure of
its standard deviation s, so that they fade as outcomes come in.

    ucb         m + s·√(2·max(0, ln(f/(n + 1))))  optimism for those who had few calls: n are the
                                    agent's, f = all calls / agents. Whoever has had the fair part
                                    gets no bonus (MOSS: Audibert and Bubeck, COLT 2009; with a
                                    posterior's s in place of the range)
    thompson    a draw from N(m, s²)  each agent is tried as often as it may be the best one
                                    (Thompson, Biometrika 25, 1933)

The normal stands in for the Beta: at ten calls' strength and more (fitting.MINIMUM_STRENGTH) their
quantiles differ by less than what either remedy depends on.
"""

from collections.abc import Callable
from math import cos, log, pi, sqrt

from msgspec import Struct

NONE = "none"
UCB = "ucb"
THOMPSON = "thompson"
EXPLORATIONS = frozenset({NONE, UCB, THOMPSON})


class Belief(Struct, frozen=True, gc=False):
    """What is believed of an agent's conversion."""

    mean: float
    variance: float
    calls: float
    "The agent's own, by weight, that it rests on."

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return sqrt(self.variance)


Explore = Callable[[Belief, float], float]
"""(belief, calls that each agent would have in even parts) → the value to rank by."""


def upper_bound(belief: Belief, even_calls: float) -> float:
    """Rank an agent who had few calls as good as it may well be."""
    ratio = even_calls / (belief.calls + 1.0)
    if ratio <= 1.0:
        return belief.mean
    return belief.mean + belief.deviation * sqrt(2.0 * log(ratio))


def posterior_draw(random: Callable[[], float]) -> Explore:
    """Rank an agent by a draw from what is believed of it; `random` is uniform in [0, 1)."""

    def draw(belief: Belief, even_calls: float) -> float:
        # Box and Muller, Ann. Math. Stat. 29, 1958; 1 − u keeps the logarithm off 0.
        radius = sqrt(-2.0 * log(1.0 - random()))
        return belief.mean + belief.deviation * radius * cos(2.0 * pi * random())

    return draw


def exploration(name: str, random: Callable[[], float] | None) -> Explore | None:
    """Return the remedy of this name; None: rank by the mean."""
    if name == UCB:
        return upper_bound
    if name == THOMPSON and random is not None:
        return posterior_draw(random)
    return None
