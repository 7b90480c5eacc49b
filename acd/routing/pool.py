"""The idle agents that one layer of a queue admits, best first."""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Collection

from msgspec import Struct

from .agent import Agent
from .announcing import CandidateList
from .demand import Demand
from .explore import THOMPSON
from .model import Candidate, LayerProfile
from .occupancy import Limits
from .policy import CONVERSION, WEIGHTED_RANDOM, Admission, score
from .rank import QueueRank

CANDIDATES_RECORDED = 10
"""Best candidates kept in `Choice`: enough to see why, small enough for every offer's record."""

COMPACT_ABOVE = 64
"""Stale entries of the spared are cleared out once there are more than this and four per member:
an agent who comes and goes leaves one each time until the moment it was due."""


Key = tuple[float, float, str]
"""(−score, idle since, number). Smaller is better."""


class Best(Struct, frozen=True, gc=False):
    """The best agent of a pool, and what it was chosen from."""

    agent: Agent
    candidates: tuple[Candidate, ...]
    total: int
    "Candidates in all."

    spared: int
    "Idle agents who rank before this one and are above the queue's cap or share."


DRAWS = 64
"""Draws by weight at most: with weights from 1 to 10, fewer than one choice in 800 needs more."""


class IdlePool:
    """Kept sorted by `Key`, so that a choice looks at the front only.

    Agents above the queue's occupancy cap or maximum share stand in a second list, the spared,
    until they are below it: two heaps tell when, by time and by count of calls.
    """

    __slots__ = (
        "_by_count",
        "_by_time",
        "_limits",
        "_members",
        "_ranked",
        "_spared",
        "_version",
        "admission",
        "category",
        "demand",
        "layer",
        "order",
        "queue",
        "random",
        "rank",
    )

    def __init__(
        self,
        admission: Admission,
        layer: LayerProfile,
        demand: Demand,
        order: str,
        rank: QueueRank,
        limits: Limits | None = None,
        random: Callable[[], float] | None = None,
    ) -> None:
        self.admission = admission
        self.queue = admission.queue
        self.layer = layer
        self.demand = demand
        self.category = demand.category
        self.order = order
        self.rank = rank
        draws = order == CONVERSION and self.queue.exploration == THOMPSON
        self.random = random if draws or order == WEIGHTED_RANDOM else None
        self._limits = limits
        self._ranked: list[Key] = []
        self._spared: list[Key] = []
        self._by_time: list[tuple[float, Key]] = []
        self._by_count: list[tuple[int, Key]] = []
        self._members: dict[str, tuple[Key, Agent]] = {}
        self._version = rank.version

    def __len__(self) -> int:
        return len(self._members)

    def admits(self, agent: Agent) -> bool:
        """Whether this agent may ever be in here."""
        return self.admission.admits(self.layer, agent, self.demand)

    def score(self, agent: Agent) -> float:
        """Rank the agent as this layer does."""
        if self.order == CONVERSION:  # `policy.score` without its way there: the usual order
            by_hand = agent.profile.rank.get(self.queue.name)
            return self.rank.worth(agent.number, self.category, by_hand)
        return score(self.order, self.queue, self.rank, agent, self.category)

    def candidates(self, layer: int) -> CandidateList:
        """Return who is in here with which score; `layer` is the place of the pool's layer."""
        demand = self.demand
        return CandidateList(
            layer=layer,
            order=self.order,
            current=self._version == self.rank.version,
            scores={number: -key[0] for number, (key, _) in self._members.items()},
            category=demand.category,
            skills=demand.skills,
            language=demand.language,
            region=demand.region,
            verdicts=demand.verdicts,
            facts=demand.facts,
        )

    def outdate(self) -> None:
        """Take the scores for those of an earlier fit."""
        self._version = self.rank.version - 1

    def add(self, agent: Agent, known: float | None = None) -> None:
        """Let an idle agent in, with the score that is known or else anew."""
        key = (-(self.score(agent) if known is None else known), agent.idle_since, agent.number)
        self._members[agent.number] = (key, agent)
        due = self._limits.due(agent.number, agent.occupancy) if self._limits is not None else None
        if due is None:
            insort(self._ranked, key)
        else:
            insort(self._spared, key)
            if len(self._by_time) + len(self._by_count) > COMPACT_ABOVE + 4 * len(self._members):
                self._compact()
            heapq.heappush(self._by_time, (due[0], key))

    def discard(self, agent: Agent) -> None:
        """Let an agent out; one who is not in here is no mistake."""
        member = self._members.pop(agent.number, None)
        if member is None:
            return
        key, ranked = member[0], self._ranked
        index = bisect_left(ranked, key)
        if index < len(ranked) and ranked[index] == key:
            del ranked[index]
        else:
            # The heaps drop what is left of it when its time comes.
            _remove(self._spared, key)

    def rescore(self, agent: Agent) -> None:
        """Rank the agent anew, if in here."""
        if agent.number in self._members:
            self.discard(agent)
            self.add(agent)

    def best(
        self, passed_over: Collection[str], now: float, *, spared_too: bool = False
    ) -> Best | None:
        """Find the best idle agent but the passed over, and without `spared_too` the spared."""
        if not self._members:
            return None
        if self._version != self.rank.version and self.order == CONVERSION:
            self._rescore_all()
        if self.random is not None and self.order == CONVERSION:
            self._draw_anew(self.random)
        if self._limits is not None:
            self._release(self._limits, now)
        if self.random is not None and self.order == WEIGHTED_RANDOM:
            return self._drawn(self.random, passed_over, now, spared_too=spared_too)
        total = len(self._ranked)
        if passed_over or spared_too:
            front, total = self._front(passed_over, spared_too)
        else:
            front = self._ranked[:CANDIDATES_RECORDED]
        if not front:
            return None
        first = front[0]
        candidates = tuple([Candidate(key[2], -key[0], now - key[1]) for key in front])
        spared = bisect_left(self._spared, first) if self._spared and not spared_too else 0
        return Best(self._members[first[2]][1], candidates, total, spared)

    def _front(self, passed_over: Collection[str], spared_too: bool) -> tuple[list[Key], int]:
        """Return the best few but the passed over, and how many there are in all."""
        few = CANDIDATES_RECORDED + len(passed_over)
        ranked = self._ranked[:few]
        total = len(self._ranked)
        if spared_too:
            ranked = sorted(ranked + self._spared[:few])
            total += len(self._spared)
        for number in passed_over:
            member = self._members.get(number)
            if member is not None:
                total -= spared_too or _has(self._ranked, member[0])
        # Nobody passed over stands behind the first few with an unseen candidate before it.
        return [key for key in ranked if key[2] not in passed_over][:CANDIDATES_RECORDED], total

    def spared(self) -> int:
        """How many of the idle agents are above a limit."""
        return len(self._spared)

    def _release(self, limits: Limits, now: float) -> None:
        """Move those over who keep both limits again; each entry is looked at once or twice."""
        while self._by_time and self._by_time[0][0] <= now:
            key = heapq.heappop(self._by_time)[1]
            if self._is_current(key):
                share_due = limits.share_due(key[2])
                heapq.heappush(self._by_count, (share_due, key))
        while self._by_count and self._by_count[0][0] <= limits.calls:
            key = heapq.heappop(self._by_count)[1]
            if self._is_current(key) and _remove(self._spared, key):
                insort(self._ranked, key)

    def _is_current(self, key: Key) -> bool:
        member = self._members.get(key[2])
        return member is not None and member[0] == key

    def _compact(self) -> None:
        self._by_time = [entry for entry in self._by_time if self._is_current(entry[1])]
        self._by_count = [entry for entry in self._by_count if self._is_current(entry[1])]
        heapq.heapify(self._by_time)
        heapq.heapify(self._by_count)

    def _draw_anew(self, random: Callable[[], float]) -> None:
        """Draw one agent, any one, anew: nobody is left for long where one draw has put it."""
        ranked = self._ranked or self._spared
        self.rescore(self._members[ranked[int(random() * len(ranked))][2]][1])

    def _drawn(
        self,
        random: Callable[[], float],
        passed_over: Collection[str],
        now: float,
        *,
        spared_too: bool,
    ) -> Best | None:
        """Draw an agent by weight: a place by chance, kept with the odds of its weight.

        Some tries suffice as long as weights are of one size; after `DRAWS` the last one counts.
        """
        open_to = sorted(self._ranked + self._spared) if spared_too else self._ranked
        if passed_over:
            open_to = [key for key in open_to if key[2] not in passed_over]
        if not open_to:
            return None
        heaviest = -open_to[0][0]
        drawn = open_to[0]
        for _ in range(DRAWS):
            drawn = open_to[min(int(random() * len(open_to)), len(open_to) - 1)]
            if random() * heaviest < -drawn[0]:
                break
        others = [key for key in open_to[:CANDIDATES_RECORDED] if key is not drawn]
        shown = [drawn, *others[: CANDIDATES_RECORDED - 1]]
        candidates = tuple([Candidate(key[2], -key[0], now - key[1]) for key in shown])
        spared = 0 if spared_too else bisect_left(self._spared, drawn)
        return Best(self._members[drawn[2]][1], candidates, len(open_to), spared)

    def _rescore_all(self) -> None:
        self._version = self.rank.version
        agents = [agent for _, agent in self._members.values()]
        self._members = {}
        self._ranked, self._spared, self._by_time, self._by_count = [], [], [], []
        if self._limits is not None:
            for agent in agents:
                self.add(agent)
            return
        keyed = [(-self.score(agent), agent.idle_since, agent.number) for agent in agents]
        self._members = {
            agent.number: (key, agent) for key, agent in zip(keyed, agents, strict=True)
        }
        self._ranked = sorted(keyed)


def _has(keys: list[Key], key: Key) -> bool:
    index = bisect_left(keys, key)
    return index < len(keys) and keys[index] == key


def _remove(keys: list[Key], key: Key) -> bool:
    index = bisect_left(keys, key)
    if index == len(keys) or keys[index] != key:
        return False
    del keys[index]
    return True
