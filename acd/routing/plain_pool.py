"""Idle agents of a layer: the usual list, from which nobody has to be taken out.

An idle agent stands in the lists of many layers and categories, and would have to leave them all
at the very moment when a caller is to be served. Instead `Idle` says who is idle; an entry whose
agent is not is dropped when a choice comes upon it, or when the agent comes back: there is one for
each agent at most, and the search for it is done when nobody waits for the outcome.
"""

from bisect import bisect_left, insort
from collections.abc import Collection
from operator import itemgetter

from .agent import Agent
from .demand import Demand
from .idle import Idle
from .model import LayerProfile, Standing
from .policy import CONVERSION, Admission
from .pool import CANDIDATES_RECORDED, Best, IdlePool
from .rank import QueueRank

_NUMBER = itemgetter(2)


class PlainPool(IdlePool):
    """Agents are admitted once, and then come and go."""

    __slots__ = ("_admitted", "_idle", "_keys", "_ranked")

    def __init__(
        self,
        admission: Admission,
        layer: LayerProfile,
        demand: Demand,
        order: str,
        rank: QueueRank,
        idle: Idle,
    ) -> None:
        super().__init__(admission, layer, demand, order, rank)
        self._idle = idle
        self._admitted = 0
        "Bits of all who may ever be in here."

        self._ranked: list[Standing] = []
        self._keys: dict[str, Standing] = {}
        "The entry of each agent in `_ranked`, idle or not."

    def admit(self, agents: list[Agent]) -> None:
        """Take these for all that may ever be in here."""
        self._admitted = self._idle.mask(agent.number for agent in agents)

    def keys(self) -> list[Standing]:
        """Return the places of those who are in here, in the order in which they came."""
        return [key for number, key in self._keys.items() if number in self._idle.numbers]

    def add(self, agent: Agent, known: float | None = None) -> None:
        """Let an idle agent in, with the score that is known or else anew."""
        number, ranked = agent.number, self._ranked
        if known is None:
            known = self.score(agent)
        key = (-known, agent.idle_since, number)
        earlier = self._keys.pop(number, None)
        if earlier is not None:
            del ranked[bisect_left(ranked, earlier)]
        self._keys[number] = key
        insort(ranked, key)

    def rescore(self, agent: Agent) -> None:
        """Rank the agent anew, if in here."""
        if agent.number in self._keys:
            self.add(agent)

    def best(
        self, passed_over: Collection[str], now: float, *, spared_too: bool = False
    ) -> Best | None:
        """Find the best idle agent but the passed over; nobody is spared here."""
        idle = self._idle
        total = (self._admitted & idle.bits).bit_count()
        if not total:
            return None
        if self._version != self.rank.version and self.order == CONVERSION:
            self._rescore_all()
        if passed_over:
            front = self._front(CANDIDATES_RECORDED + len(passed_over))
            front = [key for key in front if key[2] not in passed_over][:CANDIDATES_RECORDED]
            total -= sum(number in self._keys and number in idle.numbers for number in passed_over)
            if not front:
                return None
        else:
            front = self._ranked[:CANDIDATES_RECORDED]
            if not idle.numbers.issuperset(map(_NUMBER, front)):
                front = self._front(CANDIDATES_RECORDED)
        return Best(idle.agents[front[0][2]], tuple(front), total, 0)

    def _front(self, few: int) -> list[Standing]:
        """Return the best few; entries found among them whose agents are not idle are dropped.

        Each turn looks at twice as many, so that its price is that of what it drops.
        """
        numbers, length = self._idle.numbers, few
        front = self._ranked[:few]
        while not numbers.issuperset(map(_NUMBER, front)):
            seen = self._ranked[:length]
            self._ranked[:length] = [key for key in seen if key[2] in numbers]
            for key in seen:
                if key[2] not in numbers:
                    del self._keys[key[2]]
            front, length = self._ranked[:few], 2 * length
        return front

    def _rescore_all(self) -> None:
        self._version = self.rank.version
        agents = [self._idle.agents[key[2]] for key in self.keys()]
        self._keys = {agent.number: self.key(agent, None) for agent in agents}
        self._ranked = sorted(self._keys.values())
