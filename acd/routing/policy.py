"""Who may take a call, from when on, and what ranks them: a queue's layers read as rules."""

import math
from collections.abc import Iterable, Set

from msgspec import Struct

from .agent import Agent
from .demand import Demand, call_rules
from .errors import RoutingError
from .model import Grade, LayerProfile, QueueProfile
from .rank import QueueRank
from .rule import Rule

CONVERSION = "conversion"
CATEGORY_GRADE = "category_grade"
LONGEST_IDLE = "longest_idle"
FEWEST_CALLS = "fewest_calls"
LEAST_TALK_TIME = "least_talk_time"
ROUND_ROBIN = "round_robin"
TOP_DOWN = "top_down"
WEIGHTED_RANDOM = "weighted_random"
ORDERS = (
    CONVERSION,
    CATEGORY_GRADE,
    LONGEST_IDLE,
    FEWEST_CALLS,
    LEAST_TALK_TIME,
    ROUND_ROBIN,
    TOP_DOWN,
    WEIGHTED_RANDOM,
)
"Names of what ranks a layer's agents; docs/routing.md, Strategies, says what each does."

ONE = "one"
ALL = "all"
PROGRESSIVELY = "progressively"
WAYS = (ONE, ALL, PROGRESSIVELY)
"How a layer's agents ring for one call: see ringing.py."

MAXIMUM_RINGING = 50
"""Upper end of `ring_at_most`: our own, a large team in one room. Each phone that rings takes a
leg and a media stream, and all but one of them ring in vain."""

VALUE = "value"
"""Order recorded where the conversion is weighed with the value of orders."""

UNMEASURED = "unmeasured"
"""Order recorded where conversion would rank, but no outcome is known: longest idle."""

HOLD_OUT = "hold_out"
"""Order recorded for a call of the hold-out share: longest idle where conversion would rank."""

SKILLS = "skills"
LANGUAGE = "language"
REGION = "region"
REQUIREMENTS = (SKILLS, LANGUAGE, REGION)
"What a call may require of agents, and a layer may waive."


class Way(Struct, frozen=True, gc=False):
    """How calls of one demand come to one agent."""

    after_s: float
    "Wait after which they may; inf: never."

    layers: tuple[int, ...]
    "Places of the layers that admit the agent, in the queue's list."


class Admission:
    """Which agents the layers of a queue let in.

    Fixed for a profile and a set of activated groups; a change of either makes a new one.
    """

    __slots__ = (
        "_active",
        "_by_grades",
        "_held_back",
        "_of_grades",
        "_ways",
        "orders",
        "queue",
        "rules",
    )

    def __init__(self, queue: QueueProfile, active: Set[str] = frozenset()) -> None:
        self.queue = queue
        self.rules = call_rules([layer.rule for layer in queue.layers if layer.rule is not None])
        self.orders = _orders(queue, hold_out=False), _orders(queue, hold_out=True)
        """Order of each layer and whether calls of two categories see it differently: first for
        calls outside the hold-out share, then for those in it."""

        self._ways: dict[tuple[int, ...], Way] = {}
        "Most agents share one of a few."

        self._of_grades: dict[int, tuple[Way, ...]] = {}
        "By the grade in the queue's skill, then in the category, where these alone decide."

        self._active = active
        self._held_back = frozenset(group for layer in queue.layers for group in layer.groups)
        self._by_grades = not any(
            layer.groups or layer.skills or layer.rule for layer in queue.layers
        )

    def admits(self, layer: LayerProfile, agent: Agent, demand: Demand) -> bool:
        """Whether this layer lets the agent take a call of this demand now.

        The agent needs `minimum_grade` in the queue's skill or, where the layer borrows from
        other lines, in one of those skills instead; the grade in the category if the layer names
        one; and what the call requires, as far as the layer insists on it. An agent without the
        skill's certificate is never admitted. Members of a group that a layer of the queue names
        are admitted by such layers only, and only while the group is activated.
        """
        if self._held_back and not self._calls_up(layer, agent):
            return False
        return self._suits(layer, agent, demand)

    def serves(self, agent: Agent) -> bool:
        """Whether some layer lets the agent take calls now, be it only of one category or kind."""
        return any(
            self._calls_up(layer, agent)
            and self._skilled(layer, agent)
            and (layer.rule is None or layer.rule.call_facts or _holds_of(agent, layer.rule))
            and (
                layer.minimum_category_grade is None
                or max(agent.profile.categories.values(), default=0)
                >= layer.minimum_category_grade
            )
            for layer in self.queue.layers
        )

    def _calls_up(self, layer: LayerProfile, agent: Agent) -> bool:
        if layer.groups:
            return any(group in self._active and group in agent.groups for group in layer.groups)
        return agent.groups.isdisjoint(self._held_back)

    def _skilled(self, layer: LayerProfile, agent: Agent) -> bool:
        skills = agent.profile.skills
        if not layer.skills:
            return skills.get(self.queue.skill, 0) >= layer.minimum_grade
        return any(skills.get(skill, 0) >= layer.minimum_grade for skill in layer.skills)

    def _suits(self, layer: LayerProfile, agent: Agent, demand: Demand) -> bool:
        if not self._skilled(layer, agent):
            return False
        if (
            layer.minimum_category_grade is not None
            and agent.profile.categories.get(demand.category, 0) < layer.minimum_category_grade
        ):
            return False
        if demand.plain and layer.rule is None:
            return True
        return _meets(layer, agent, demand) and _obeys(layer, agent, demand)

    def way(self, agent: Agent, demand: Demand) -> Way:
        """Return by which layers, and when, calls of this demand come to this agent."""
        if not (self._by_grades and demand.plain):
            return self._work_out(agent, demand)
        return self.by_category(agent)[agent.profile.categories.get(demand.category, 0)]

    def by_category(self, agent: Agent) -> tuple[Way, ...]:
        """Return how plain calls come to the agent, by the agent's grade in their category.

        Empty where not grades alone decide.
        """
        if not self._by_grades:
            return ()
        grade = agent.profile.skills.get(self.queue.skill, 0)
        ways = self._of_grades.get(grade)
        if ways is None:
            ways = self._of_grades[grade] = tuple(
                self._way_of(
                    index
                    for index, layer in enumerate(self.queue.layers)
                    if grade >= layer.minimum_grade
                    and (known >= (layer.minimum_category_grade or 0))
                )
                for known in range(max(Grade) + 1)
            )
        return ways

    def _work_out(self, agent: Agent, demand: Demand) -> Way:
        return self._way_of(
            index
            for index, layer in enumerate(self.queue.layers)
            if self.admits(layer, agent, demand)
        )

    def _way_of(self, admitting: Iterable[int]) -> Way:
        layers, admit = self.queue.layers, tuple(admitting)
        way = self._ways.get(admit)
        if way is None:
            after_s = min((layers[index].after_s for index in admit), default=math.inf)
            way = self._ways[admit] = Way(after_s, admit)
        return way

    def first_open(self, way: Way, enqueued_at: float, now: float) -> int:
        """Which layer, of those open to a call by now, is the first of this way.

        There has to be one: ask only for an agent who may take the call.
        """
        for index in way.layers:
            if now >= enqueued_at + self.queue.layers[index].after_s:
                return index
        raise RoutingError(f"no open layer of {self.queue.name} admits this agent")

    def ever(self, agent: Agent, demand: Demand) -> bool:
        """Whether a layer suits, opened or not, its group activated or not."""
        return any(self._suits(layer, agent, demand) for layer in self.queue.layers)


def _meets(layer: LayerProfile, agent: Agent, demand: Demand) -> bool:
    profile = agent.profile
    if demand.skills and SKILLS not in layer.waives:
        for skill, grade in demand.skills:
            if profile.skills.get(skill, 0) < max(Grade.C, grade - layer.lower_by):
                return False
    if (
        demand.language
        and LANGUAGE not in layer.waives
        and demand.language not in profile.languages
    ):
        return False
    return not (
        demand.region and REGION not in layer.waives and demand.region not in profile.regions
    )


def _obeys(layer: LayerProfile, agent: Agent, demand: Demand) -> bool:
    rule = layer.rule
    if rule is None:
        return True
    if rule.call_facts:
        if not rule.of_agent:
            return rule.text in demand.verdicts
        return rule.holds({**demand.facts, **agent.facts})
    return _holds_of(agent, rule)


def _holds_of(agent: Agent, rule: Rule) -> bool:
    """Ask a rule that looks at no call: once per change of the agent."""
    verdict = agent.verdicts.get(rule.text)
    if verdict is None:
        verdict = agent.verdicts[rule.text] = rule.holds(agent.facts)
    return verdict


def rings_several(queue: QueueProfile) -> bool:
    """Whether some layer lets several phones ring for one call."""
    return any(layer.ring != ONE for layer in queue.layers)


def phones_at_most(queues: Iterable[QueueProfile]) -> dict[str, int]:
    """Return how many phones may ring for one call, by queue, of those that ring several."""
    return {queue.name: queue.ring_at_most for queue in queues if rings_several(queue)}


def depends_on_category(layer: LayerProfile, order: str) -> bool:
    """Whether calls of two categories see this layer's agents differently."""
    return layer.minimum_category_grade is not None or order in {CONVERSION, CATEGORY_GRADE}


def _orders(queue: QueueProfile, *, hold_out: bool) -> tuple[tuple[str, bool], ...]:
    orders = [order_of(layer, hold_out) for layer in queue.layers]
    return tuple(
        (order, depends_on_category(layer, order))
        for layer, order in zip(queue.layers, orders, strict=True)
    )


def order_of(layer: LayerProfile, hold_out: bool) -> str:
    """Say what ranks the layer's agents for a call in, or not in, the hold-out share."""
    return HOLD_OUT if hold_out and layer.order == CONVERSION else layer.order


def score(order: str, queue: QueueProfile, rank: QueueRank, agent: Agent, category: str) -> float:
    """Rank the agent: higher first; equal scores go by longest idle, then by number.

    A conversion set by hand wins over the measured one. Orders by idle time score all alike.
    """
    if order == CONVERSION:
        return rank.score(agent.number, category, agent.profile.rank.get(queue.name))
    if order == CATEGORY_GRADE:
        return float(agent.profile.categories.get(category, 0))
    return _by_record(order, agent)


def score_alone(
    order: str, queue: QueueProfile, rank: QueueRank, agent: Agent, category: str
) -> float:
    """Score an agent with whom nobody is compared.

    So nothing is added for exploration nor taken off for the agent's time.
    """
    if order == CONVERSION:
        by_hand = agent.profile.rank.get(queue.name)
        return rank.worth(agent.number, category, by_hand, exploring=False)
    return score(order, queue, rank, agent, category)


def _by_record(order: str, agent: Agent) -> float:
    """Score what is neither knowledge nor success: shares of the work, the list, the weight."""
    counters = agent.counters
    if order == FEWEST_CALLS:
        return -float(counters.calls)
    if order == LEAST_TALK_TIME:
        return -counters.talk_s
    if order == ROUND_ROBIN:
        return -float(counters.turn)
    if order == TOP_DOWN:
        return -float(agent.listed)
    if order == WEIGHTED_RANDOM:
        return agent.profile.weight
    return 0.0


def recorded_order(queue: QueueProfile, rank: QueueRank, agent: Agent) -> str:
    """Say what `conversion` came to for this agent, so that a missing source of it is seen."""
    if not rank.measured and queue.name not in agent.profile.rank:
        return UNMEASURED
    return VALUE if rank.by_value and rank.valued else CONVERSION
