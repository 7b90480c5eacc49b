"""Idle agents of a layer: the usual list, from which nobody has to be taken out.

An idle agent stands in the lists of many layers and categories, and would have to leave them all
at the very moment when a caller is to be served. Instead `Idle` says who is idle; an entry whose
agent is not is dropped when a choice comes upon it, or when the agent comes back: there is one for
each agent at most, and the search for it is done when nobody waits for the outcome. Bits of those
at the front tell in one step that no such entry is among them: the agents themselves, far apart
in memory, need not be looked at.
"""

from bisect import bisect_left
from collections.abc import Collection

from .agent import Agent
from .demand import Demand
from .idle import Idle
from .model import LayerProfile, Standing
from .policy import Admission
from .pool import CANDIDATES_RECORDED, Best, IdlePool
from .rank import QueueRank


class PlainPool(IdlePool):
    """Agents are admitted once, and then come and go."""

    __slots__ = ("_admitted", "_front", "_idle", "_keys", "_ranked")

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
        self._front = 0
        "Bits of the first `CANDIDATES_RECORDED` of these, and maybe of others."

        self._keys: dict[str, Standing] = {}
        "The entry of each agent in `_ranked`, idle or not."

    def admit(self, agents: list[Agent]) -> None:
        """Take these for all that may ever be in here."""
        self._admitted = self._idle.mask([agent.number for agent in agents])

    def keys(self) -> list[Standing]:
        """Return the places of those who are in here, in the order in which they came."""
        return [key for number, key in self._keys.items() if self._is_idle(number)]

    def numbers(self) -> list[str]:
        """Return who is in here, in the order of `keys`."""
        bits, places = bin(self._idle.bits)[:1:-1], self._idle.places  # the lowest bit first
        beyond = len(bits)
        return [
            number
            for number in self._keys
            if (place := places[number]) < beyond and bits[place] == "1"
        ]

    def _is_idle(self, number: str) -> bool:
        return bool(self._idle.bits >> self._idle.places[number] & 1)

    def add(self, agent: Agent, known: float | None = None) -> None:
        """Let an idle agent in, with the score that is known or else anew."""
        number, ranked = agent.number, self._ranked
        if known is None:
            known = self.score(agent)
        key = (-known, agent.idle_since, number)
        earlier = self._keys.pop(number, None)
        if earlier is not None:
            index = bisect_left(ranked, earlier)
            del ranked[index]
            if index < CANDIDATES_RECORDED <= len(ranked):  # another one has moved up
                self._front |= 1 << self._idle.places[ranked[CANDIDATES_RECORDED - 1][2]]
        self._keys[number] = key
        index = bisect_left(ranked, key)
        ranked.insert(index, key)
        if index < CANDIDATES_RECORDED:
            self._front |= 1 << self._idle.places[number]

    def rescore(self, agent: Agent) -> None:
        """Rank the agent anew, if in here."""
        if agent.number in self._keys:
            self.add(agent)

    def best(
        self, passed_over: Collection[str], now: float, *, spared_too: bool = False
    ) -> Best | None:
        """Find the best idle agent but the passed over; nobody is spared here."""
        idle = self._idle.bits
        total = (self._admitted & idle).bit_count()
        if not total:
            return None
        if passed_over:
            return self._best_but(passed_over, total)
        if self._front & idle != self._front:
            self._drop_gone(CANDIDATES_RECORDED)
        front = tuple(self._ranked[:CANDIDATES_RECORDED])
        return Best(self._idle.agents[front[0][2]], front, total, 0)

    def _best_but(self, passed_over: Collection[str], total: int) -> Best | None:
        few = CANDIDATES_RECORDED + len(passed_over)
        self._drop_gone(few)
        front = [key for key in self._ranked[:few] if key[2] not in passed_over]
        if not front:
            return None
        total -= sum(number in self._keys and self._is_idle(number) for number in passed_over)
        return Best(self._idle.agents[front[0][2]], tuple(front[:CANDIDATES_RECORDED]), total, 0)

    def _drop_gone(self, few: int) -> None:
        """Drop what stands among the first few of agents who are not idle.

        Each turn looks at twice as many, so that its price is that of what it drops.
        """
        idle, length = self._idle.bits, few
        while (front := self._bits(self._ranked[:few])) & idle != front:
            seen = self._ranked[:length]
            self._ranked[:length] = [key for key in seen if self._is_idle(key[2])]
            for key in seen:
                if not self._is_idle(key[2]):
                    del self._keys[key[2]]
            length *= 2
        self._front = front

    def _bits(self, keys: list[Standing]) -> int:
        places, bits = self._idle.places, 0
        for key in keys:
            bits |= 1 << places[key[2]]
        return bits

    def rescore_again(self, number: str) -> None:
        """Rank the agent anew, if still in here."""
        if number in self._keys and self._is_idle(number):
            self.add(self._idle.agents[number])
