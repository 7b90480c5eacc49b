"""The idle agents that one layer of a queue admits for one demand, best first.

What all such lists have in common. `plain_pool.py` is the usual one; `sparing_pool.py` also keeps
apart who is above the queue's limits, and draws by chance.
"""

from abc import abstractmethod
from collections.abc import Collection

from msgspec import Struct

from .agent import Agent
from .announcing import CandidateList
from .demand import Demand
from .model import LayerProfile, Standing
from .policy import CONVERSION, Admission, score
from .rank import QueueRank

CANDIDATES_RECORDED = 10
"""Best candidates kept in `Choice`: enough to see why, small enough for every offer's record."""


class Best(Struct, frozen=True, gc=False):
    """The best agent of a pool, and what it was chosen from."""

    agent: Agent
    standings: tuple[Standing, ...]
    total: int
    "Candidates in all."

    spared: int
    "Idle agents who rank before this one and are above the queue's cap or share."


class IdlePool:
    """Kept sorted by `Standing`, so that a choice looks at the front only."""

    __slots__ = (
        "_version",
        "admission",
        "category",
        "demand",
        "layer",
        "order",
        "pending",
        "queue",
        "rank",
    )

    def __init__(
        self,
        admission: Admission,
        layer: LayerProfile,
        demand: Demand,
        order: str,
        rank: QueueRank,
    ) -> None:
        self.admission = admission
        self.queue = admission.queue
        self.layer = layer
        self.demand = demand
        self.category = demand.category
        self.order = order
        self.rank = rank
        self._version = rank.version
        self.pending: list[str] = []
        "Agents who are still to be ranked anew by the last fit, the next one last."

    def score(self, agent: Agent) -> float:
        """Rank the agent as this layer does."""
        if self.order == CONVERSION:  # `policy.score` without its way there: the usual order
            by_hand = agent.profile.rank.get(self.queue.name)
            return self.rank.score(agent.number, self.category, by_hand)
        return score(self.order, self.queue, self.rank, agent, self.category)

    def candidates(self, layer: int) -> CandidateList:
        """Return who is in here with which score; `layer` is the place of the pool's layer."""
        demand = self.demand
        return CandidateList(
            layer=layer,
            order=self.order,
            current=self._version == self.rank.version,
            scores={key[2]: -key[0] for key in self.keys()},
            pending=tuple(self.pending),
            category=demand.category,
            skills=demand.skills,
            language=demand.language,
            region=demand.region,
            verdicts=demand.verdicts,
            facts=demand.facts,
        )

    @property
    def outdated(self) -> bool:
        """Whether the scores are of an earlier fit."""
        return self.order == CONVERSION and (
            self._version != self.rank.version or bool(self.pending)
        )

    def outdate(self) -> None:
        """Take the scores for those of an earlier fit."""
        self._version = self.rank.version - 1

    def key(self, agent: Agent, known: float | None) -> Standing:
        """Return where the agent stands, with the score that is known or else anew."""
        return (
            -(self.score(agent) if known is None else known),
            agent.idle_since,
            agent.number,
        )

    def spared(self) -> int:
        """How many of the idle agents are above a limit."""
        return 0

    @abstractmethod
    def keys(self) -> list[Standing]:
        """Return the places of those who are in here, in the order in which they came."""

    def numbers(self) -> list[str]:
        """Return who is in here, in the order of `keys`."""
        return [key[2] for key in self.keys()]

    @abstractmethod
    def add(self, agent: Agent, known: float | None = None) -> None:
        """Let an idle agent in, with the score that is known or else anew."""

    @abstractmethod
    def rescore(self, agent: Agent) -> None:
        """Rank the agent anew, if in here."""

    def rescore_some(self) -> None:
        """Rank some of those in here anew, after a fit; of many, first only note who that is."""
        at_once = self.rank.scores_at_once
        if self._version != self.rank.version:
            self._version = self.rank.version
            self.pending = self.numbers()
            self.pending.reverse()
            if len(self.pending) > at_once:
                return
        some = self.pending[-at_once:]
        del self.pending[-len(some) :]
        for number in reversed(some):
            self.rescore_again(number)

    @abstractmethod
    def rescore_again(self, number: str) -> None:
        """Rank the agent anew, if still in here."""

    @abstractmethod
    def best(
        self, passed_over: Collection[str], now: float, *, spared_too: bool = False
    ) -> Best | None:
        """Find the best idle agent but the passed over, and without `spared_too` the spared."""
