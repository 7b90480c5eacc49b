"""The idle agents that one layer of a queue admits, best first."""

from bisect import bisect_left, insort
from collections.abc import Collection

from .agent import Agent
from .model import Candidate, LayerProfile, QueueProfile
from .policy import CONVERSION, admits, score
from .rank import QueueRank

CANDIDATES_RECORDED = 10
"""Best candidates kept in `Choice`: enough to see why, small enough for every offer's record."""


class IdlePool:
    """Kept sorted by (−score, idle since, number), so that a choice looks at the front only."""

    __slots__ = (
        "_members",
        "_ranked",
        "_version",
        "category",
        "layer",
        "order",
        "queue",
        "rank",
    )

    def __init__(
        self,
        queue: QueueProfile,
        layer: LayerProfile,
        category: str,
        order: str,
        rank: QueueRank,
    ) -> None:
        self.queue = queue
        self.layer = layer
        self.category = category
        self.order = order
        self.rank = rank
        self._ranked: list[tuple[float, float, str]] = []
        self._members: dict[str, tuple[tuple[float, float, str], Agent]] = {}
        self._version = rank.version

    def __len__(self) -> int:
        return len(self._ranked)

    def admits(self, agent: Agent) -> bool:
        """Whether this agent may ever be in here."""
        return admits(self.layer, self.queue, agent.profile, self.category)

    def score(self, agent: Agent) -> float:
        """Rank the agent as this layer does."""
        return score(self.order, self.queue, self.rank, agent.profile, self.category)

    def add(self, agent: Agent) -> None:
        """Let an idle agent in."""
        key = (-self.score(agent), agent.idle_since, agent.number)
        self._members[agent.number] = (key, agent)
        insort(self._ranked, key)

    def discard(self, agent: Agent) -> None:
        """Let an agent out; one who is not in here is no mistake."""
        member = self._members.pop(agent.number, None)
        if member is not None:
            del self._ranked[bisect_left(self._ranked, member[0])]

    def rescore(self, agent: Agent) -> None:
        """Rank the agent anew, if in here."""
        if agent.number in self._members:
            self.discard(agent)
            self.add(agent)

    def best(
        self, passed_over: Collection[str], now: float
    ) -> tuple[Agent, tuple[Candidate, ...], int] | None:
        """Find the best idle agent, the best few, and how many there are, but the passed over."""
        if self.order == CONVERSION and self._version != self.rank.version:
            self._rescore_all()
        ranked = self._ranked
        total = len(ranked)
        if passed_over:
            total -= sum(number in self._members for number in passed_over)
            # Nobody passed over stands behind this point with an unseen candidate before it.
            front = ranked[: CANDIDATES_RECORDED + len(passed_over)]
            front = [key for key in front if key[2] not in passed_over][:CANDIDATES_RECORDED]
        else:
            front = ranked[:CANDIDATES_RECORDED]
        if not front:
            return None
        candidates = tuple([Candidate(key[2], -key[0], now - key[1]) for key in front])
        return self._members[front[0][2]][1], candidates, total

    def _rescore_all(self) -> None:
        agents = [agent for _, agent in self._members.values()]
        keyed = [(-self.score(agent), agent.idle_since, agent.number) for agent in agents]
        self._members = {
            agent.number: (key, agent) for key, agent in zip(keyed, agents, strict=True)
        }
        self._ranked = sorted(keyed)
        self._version = self.rank.version
