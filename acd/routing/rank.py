"""Measured conversion: how likely an agent is to turn a call of a queue into an order.

Each answered sales call with a known outcome weighs 0.5^(age / half-life). Three levels, each
shrunk to the one above by a Beta prior:

    group (all agents of the queue)     Beta(α₀, β₀), fitted by `fit_prior`
    agent × queue                       (α₀ + orders) / (α₀ + β₀ + calls)
    agent × queue × category            (s·m + orders) / (s + calls), m the agent × queue mean
                                        moved by what the category is above or below the group,
                                        s fitted by `fit_category_strength`

Where a queue ranks by value, the conversion is multiplied by the mean value of an order, in three
levels too, each shrunk to the one above by VALUE_STRENGTH orders: queue, queue × category,
agent × queue × category. (The agent's own mean over all categories is left out: what an order is
worth is a matter of the product first.) Orders in another currency than the queue's, or without an
amount, count for the conversion alone.

Calls whose outcome is not known yet are simply not recorded, so that pending is not failed. Age
is counted back from the newest outcome seen, not from now: in a night without calls nothing has to
be computed anew. Whose outcomes count, and that none of them is dated ahead, is outcomes.py's.
Between two fits only the agent concerned is computed anew; the others keep means that are at most
`REFIT_AGE` of a half-life old.
"""

import math
from collections.abc import Callable, Iterable
from itertools import islice

from msgspec import Struct

from .explore import Belief, Explore, exploration
from .fitting import CATEGORY_STRENGTH, NEGLIGIBLE, Fit, Prior, fit_prior
from .model import QueueProfile
from .price import MEASURED, MINIMUM_MEANS, PriceMeasure, TimePrice, mean_over
from .tally import Tally, TallyMeasure

ORDERS_BASIS = "orders"
VALUE_BASIS = "value"
BASES = frozenset({ORDERS_BASIS, VALUE_BASIS})
"""What a queue ranks by: orders per call, or value per call."""

REFIT_GROWTH = 0.05
"""The prior is fitted again when a twentieth more outcomes are known: it moves by less."""

REFIT_AGE = 0.05
"""… or when this part of a half-life has gone by: weights then fell by 3.5 %."""

TALLIES_AT_ONCE = 400
"""Tallies, of agents and of their categories, that a slice of a fit sums up: some 2 µs each."""

BELIEFS_AT_ONCE = 150
"""Beliefs that are worked out anew for a slice of a list: some 6 µs each with their scores. An
agent's score needs two, and with a price of time one for each category, the first time."""

LITTER_AT_ONCE = 1_000
"Agents whose former beliefs are let go of in a slice: 1 µs each."


class RankMeasures(Struct, frozen=True, kw_only=True):
    """A queue's measured conversion as a value: the fields of `QueueRank`."""

    prior: Prior
    category_strength: float
    agents: dict[str, TallyMeasure]
    categories: dict[str, dict[str, TallyMeasure]]
    group: dict[str, TallyMeasure]
    group_means: dict[str, float]
    even_calls: dict[str, float]
    beliefs: dict[str, dict[str, Belief]]
    newest: float
    known: int
    fitted_known: int
    fitted_newest: float
    price: PriceMeasure
    fit: Fit | None = None


class Measure(Struct, frozen=True):
    """How a queue's outcomes are weighed: another measure weighs the kept ones anew."""

    half_life_s: float
    currency: str = "CNY"
    "Amounts in any other one are not known."


class QueueRank:
    """Measured conversion of one queue's agents, and by it the value to rank them by."""

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.half_life_s = measure.half_life_s
        self.version = 0
        "Counts the fits: every agent's mean may differ from the version before."

        self.prior = fit_prior(())
        self.category_strength = CATEGORY_STRENGTH
        self.by_value = False
        self.measured = False
        "Whether any outcome is known; without one all agents are even."

        self.valued = False
        "Whether the value of any order is known; without one all orders are worth the same."

        self.stale = False
        "Whether the prior is due to be fitted again."

        self._explore: Explore | None = None
        self._agents: dict[str, Tally] = {}
        self._categories: dict[str, dict[str, Tally]] = {}
        self._group: dict[str, Tally] = {}
        "All agents together, by category; of all categories under the empty one."

        self._group_means = {"": self.prior.mean}
        self._even_calls: dict[str, float] = {}
        self._beliefs: dict[str, dict[str, Belief]] = {}
        self._litter: list[dict[str, dict[str, Belief]]] = []
        "Beliefs of before: to let go of thousands at once takes as long as some calls."

        self._unmeasured: dict[str, Belief] = {}
        "Of whoever it is, by category, as long as no outcome of anybody is known."

        self._newest = -math.inf
        self._known = 0
        self._fitted_known = 0
        self._fitted_newest = -math.inf
        self._fit: Fit | None = None
        self.price: TimePrice | None = None
        "What an agent's time is worth; None: nothing is taken off for it."

    def follow(self, profile: QueueProfile, random: Callable[[], float] | None) -> None:
        """Rank as this profile says from now on."""
        self.by_value = profile.rank_by == VALUE_BASIS
        self._explore = exploration(profile.exploration, random)
        if profile.time_price != MEASURED:
            self.price = None
        elif self.price is None:
            self.price = TimePrice()
        else:
            self.price.standings.clear()  # they may have been of another basis
        self.version += 1

    def measures(self) -> RankMeasures:
        """Return all that is measured and believed."""
        return RankMeasures(
            prior=self.prior,
            category_strength=self.category_strength,
            agents=_measured(self._agents),
            categories={agent: _measured(each) for agent, each in self._categories.items()},
            group=_measured(self._group),
            group_means=dict(self._group_means),
            even_calls=dict(self._even_calls),
            beliefs={agent: dict(each) for agent, each in self._beliefs.items()},
            newest=self._newest,
            known=self._known,
            fitted_known=self._fitted_known,
            fitted_newest=self._fitted_newest,
            price=(self.price or TimePrice()).measure(),
            fit=self._fit and self._fit.copy(),
        )

    def take(self, measures: RankMeasures) -> None:
        """Go on from here; every agent has to be ranked anew."""
        self.prior, self.category_strength = measures.prior, measures.category_strength
        self._agents = _tallies(measures.agents)
        self._categories = {each: _tallies(of) for each, of in measures.categories.items()}
        self._group = _tallies(measures.group)
        self._group_means = dict(measures.group_means)
        self._even_calls = dict(measures.even_calls)
        self._beliefs = {agent: dict(each) for agent, each in measures.beliefs.items()}
        self._unmeasured.clear()
        self._newest, self._known = measures.newest, measures.known
        self._fitted_known = measures.fitted_known
        self._fitted_newest = measures.fitted_newest
        self._fit = measures.fit and measures.fit.copy()
        if self.price is not None:
            self.price.take(measures.price)
        self._weigh()
        self.version += 1

    @property
    def newest(self) -> float:
        """When the newest outcome's call was answered, UTC seconds; −inf: none is known."""
        return self._newest

    def start_over(self) -> None:
        """Forget every outcome; what was fitted holds until the next fit, which is due."""
        self._agents, self._categories, self._group = {}, {}, {}
        self._newest, self._known = -math.inf, 0
        self._fitted_known, self._fitted_newest = 0, -math.inf
        self._fit = None
        self._forget_beliefs()
        self._weigh()
        self.stale = True
        self.version += 1

    def add(self, outcome: "Outcome", sign: float = 1.0) -> None:
        """Count an outcome in, or take it back with sign −1."""
        self._newest = max(self._newest, outcome.wall_s)
        self._known += 1
        known = outcome.amount is not None and outcome.currency == self.measure.currency
        amount = outcome.amount if known else None
        for tally in self._tallies(outcome):
            tally.add(outcome.success, outcome.wall_s, self.half_life_s, sign, amount)
        self._beliefs.pop(outcome.agent, None)
        if self.price is not None:
            self.price.standings.pop(outcome.agent, None)
        self._weigh()

    def _weigh(self) -> None:
        """Work out whether the outcomes can be relied on: at each of them, not per decision."""
        group = self._group.get("")
        self.measured = group is not None and group.calls > NEGLIGIBLE
        self.valued = group is not None and group.valued > NEGLIGIBLE
        news = self._known - self._fitted_known
        self.stale = news > 0 and (
            news > REFIT_GROWTH * self._fitted_known
            or self._newest - self._fitted_newest > REFIT_AGE * self.half_life_s
        )

    def _tallies(self, outcome: "Outcome") -> Iterable[Tally]:
        agent, category, wall_s = outcome.agent, outcome.category, outcome.wall_s
        yield _tally(self._group, "", wall_s)
        yield _tally(self._agents, agent, wall_s)
        if category:
            yield _tally(self._group, category, wall_s)
            yield _tally(self._categories.setdefault(agent, {}), category, wall_s)

    def refresh(self) -> None:
        """Fit the prior again if it is due, at once."""
        while self.stale:
            self.fit_slice()

    def fit_slice(self) -> None:
        """Go on with the fit that is due, by some agents; the last of them puts it in force."""
        if self._fit is None:
            self._fit = self._begin_fit()
        fit, half_life_s, left = self._fit, self.half_life_s, TALLIES_AT_ONCE
        offset_of, mean = fit.group_means, fit.group_means[""]
        for agent, tally in islice(self._agents.items(), fit.done, None):
            if left <= 0:
                return
            categories = self._categories.get(agent, {})
            left -= 1 + len(categories)
            fit.done += 1
            fit.prior.add(*tally.at(fit.newest, half_life_s))
            fit.categories.add(
                [
                    # A category that came after the fit had begun is as the group so far.
                    (*own.at(fit.newest, half_life_s), offset_of.get(category, mean) - mean)
                    for category, own in categories.items()
                ]
            )
        self._finish(fit)

    def _begin_fit(self) -> Fit:
        newest, half_life_s = self._newest, self.half_life_s
        fit = Fit(newest=newest, known=self._known, group_means={}, even_calls={})
        if not self._group:  # all of them have been forgotten
            fit.group_means[""] = fit_prior(()).mean
            return fit
        calls, orders = self._group[""].at(newest, half_life_s)
        fit.group_means[""] = mean = (orders + 0.5) / (calls + 1.0)
        fit.even_calls[""] = calls / len(self._agents)
        for category, tally in self._group.items():
            if category:
                calls, orders = tally.at(newest, half_life_s)
                shrunk = (CATEGORY_STRENGTH * mean + orders) / (CATEGORY_STRENGTH + calls)
                fit.group_means[category] = shrunk
                fit.even_calls[category] = calls / len(self._agents)
        return fit

    def _finish(self, fit: Fit) -> None:
        self.prior, self.category_strength = fit.prior.prior(), fit.categories.strength()
        self._group_means, self._even_calls = fit.group_means, fit.even_calls
        self._fitted_known, self._fitted_newest = fit.known, fit.newest
        self._fit = None
        self._weigh()
        self._forget_beliefs()
        self.version += 1

    def clear_litter(self) -> bool:
        """Let go of some of what was believed before the last fit; whether there was any."""
        if not self._litter:
            return False
        former = self._litter[-1]
        for _ in range(min(LITTER_AT_ONCE, len(former))):
            former.popitem()
        if not former:
            self._litter.pop()
        return True

    def _forget_beliefs(self) -> None:
        if len(self._beliefs) > LITTER_AT_ONCE:
            self._litter.append(self._beliefs)
            self._beliefs = {}
        else:
            self._beliefs.clear()
        self._unmeasured.clear()
        if self.price is not None:
            self.price.standings.clear()

    @property
    def scores_at_once(self) -> int:
        """How many agents of a list a slice ranks anew."""
        priced = self.price is not None and self.price.share > 0.0
        return max(1, BELIEFS_AT_ONCE // (1 + len(self._even_calls) if priced else 2))

    # --- what is believed ---

    def mean(self, agent: str, category: str = "") -> float:
        """Posterior mean of the conversion, 0–1."""
        return self.belief(agent, category).mean

    def group_mean(self, category: str = "") -> float:
        """Conversion of all agents together as of the last fit; an unknown category's: of all."""
        return self._group_means.get(category, self._group_means[""])

    def order_value(self, agent: str, category: str = "") -> float:
        """Mean value of the agent's orders in minor units; 1 where no amount is known."""
        mean = self._group_value(category)
        tally = self._categories.get(agent, {}) if category else self._agents
        own = tally.get(category or agent)
        return own.value(self._newest, self.half_life_s, mean) if own is not None else mean

    def _group_value(self, category: str) -> float:
        group = self._group.get("")
        if group is None or not self.valued:
            return 1.0
        mean = group.amount / group.valued
        tally = self._group.get(category) if category else None
        return mean if tally is None else tally.value(self._newest, self.half_life_s, mean)

    # --- what to rank by ---

    def score(self, agent: str, category: str, by_hand: float | None) -> float:
        """Return what ranks the agent: `worth`, less the price of the agent's time."""
        price = self.price
        if price is None:
            return self.worth(agent, category, by_hand)
        worth = self.worth(agent, category, by_hand)
        if not price.share or len(self._group_means) < MINIMUM_MEANS:
            return worth
        standing = price.standings.get(agent) if by_hand is None else None
        if standing is None:
            standing = self._standing(agent, by_hand)
            if by_hand is None:
                price.standings[agent] = standing
        return worth - price.share * standing

    def _standing(self, agent: str, by_hand: float | None) -> float:
        return mean_over(
            self._even_calls, lambda category: self.advantage(agent, category, by_hand)
        )

    def worth(
        self, agent: str, category: str, by_hand: float | None, *, exploring: bool = True
    ) -> float:
        """Return what a call is worth with the agent: conversion, or expected value per call.

        A conversion set by hand wins over the measured one, and is multiplied by the group's
        order value.
        """
        if by_hand is not None:
            return by_hand * self._group_value(category) if self.by_value else by_hand
        try:
            belief = (self._beliefs[agent] if self._agents else self._unmeasured)[category]
        except KeyError:
            belief = self.belief(agent, category)
        conversion = belief.mean
        if self._explore is not None and exploring and self.measured:
            conversion = self._explore(belief, self._even_calls.get(category, 0.0))
        return conversion * self.order_value(agent, category) if self.by_value else conversion

    def advantage(self, agent: str, category: str, by_hand: float | None) -> float:
        """Return how far the agent's worth on such a call lies above the whole group's."""
        group = self.group_mean(category)
        if self.by_value:
            group *= self._group_value(category)
        return self.worth(agent, category, by_hand, exploring=False) - group

    def belief(self, agent: str, category: str = "") -> Belief:
        """Return the posterior of the agent's conversion."""
        beliefs = self._beliefs.get(agent) if self._agents else self._unmeasured
        if beliefs is None:
            beliefs = self._beliefs[agent] = {}
        belief = beliefs.get(category)
        if belief is None:
            belief = beliefs[category] = self._measure(agent, category)
        return belief

    def _measure(self, agent: str, category: str) -> Belief:
        if category:
            queue = self.belief(agent)
            offset = self.group_mean(category) - self._group_means[""]
            mean = min(1.0, max(0.0, queue.mean + offset))
            variance, strength = queue.variance, self.category_strength
            tally = self._categories.get(agent, {}).get(category)
        else:
            mean, variance = self.prior.mean, 0.0
            strength = self.prior.alpha + self.prior.beta
            tally = self._agents.get(agent)
        calls = orders = 0.0
        if tally is not None:
            calls, orders = tally.at(self._newest, self.half_life_s)
        total = strength + calls
        # What is not known of the agent's queue mean is not known here either, by its weight.
        variance *= (strength / total) ** 2
        mean = (strength * mean + orders) / total
        return Belief(mean, mean * (1.0 - mean) / (total + 1.0) + variance, calls)


def _measured(tallies: dict[str, Tally]) -> dict[str, TallyMeasure]:
    return {name: tally.measure() for name, tally in tallies.items()}


def _tallies(measures: dict[str, TallyMeasure]) -> dict[str, Tally]:
    return {name: Tally.of(measure) for name, measure in measures.items()}


def _tally(tallies: dict[str, Tally], name: str, wall_s: float) -> Tally:
    tally = tallies.get(name)
    if tally is None:
        tally = tallies[name] = Tally(wall_s)
    return tally


class Outcome(Struct, frozen=True, gc=False):
    """What became of one sales call."""

    agent: str
    queue: str
    category: str
    success: bool
    wall_s: float
    amount: int | None = None
    "What the order is worth, in minor units; None: not known."

    currency: str = ""
