"""Idle agents of a layer where some are to be spared, or where chance decides.

Agents above the queue's occupancy cap or maximum share stand in a second list, the spared, until
they are below it: two heaps tell when, by time and by count of calls. Each who leaves is taken
out at once, so that a place drawn by chance is somebody's.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Collection

from .agent import Agent
from .demand import Demand
from .explore import THOMPSON
from .model import LayerProfile, QueueProfile, Standing
from .occupancy import Limits
from .policy import CONVERSION, WEIGHTED_RANDOM, Admission
from .pool import CANDIDATES_RECORDED, Best, IdlePool
from .rank import QueueRank

COMPACT_ABOVE = 64
"""Stale entries of the spared are cleared out once there are more than this and four per member:
an agent who comes and goes leaves one each time until the moment it was due."""


DRAWS = 64
"""Draws by weight at most: with weights from 1 to 10, fewer than one choice in 800 needs more."""


def draws(order: str, queue: QueueProfile) -> bool:
    """Whether chance has a part in this order."""
    return order == WEIGHTED_RANDOM or (order == CONVERSION and queue.exploration == THOMPSON)


class SparingPool(IdlePool):
    """Exact at any moment, at the price of a search in each such list when somebody leaves."""

    __slots__ = ("_by_count", "_by_time", "_limits", "_members", "_random", "_ranked", "_spared")

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
        super().__init__(admission, layer, demand, order, rank)
        self._random = random if draws(order, self.queue) else None
        self._limits = limits
        self._ranked: list[Standing] = []
        self._spared: list[Standing] = []
        self._by_time: list[tuple[float, Standing]] = []
        self._by_count: list[tuple[int, Standing]] = []
        self._members: dict[str, tuple[Standing, Agent]] = {}

    def keys(self) -> list[Standing]:
        """Return the places of those who are in here, in the order in which they came."""
        return [key for key, _ in self._members.values()]

    def add(self, agent: Agent, known: float | None = None) -> None:
        """Let an idle agent in, with the score that is known or else anew."""
        key = self.key(agent, known)
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
        if self._random is not None and self.order == CONVERSION:
            self._draw_anew(self._random)
        if self._limits is not None:
            self._release(self._limits, now)
        if self._random is not None and self.order == WEIGHTED_RANDOM:
            return self._drawn(self._random, passed_over, now, spared_too=spared_too)
        total = len(self._ranked)
        if passed_over or spared_too:
            front, total = self._front(passed_over, spared_too)
        else:
            front = self._ranked[:CANDIDATES_RECORDED]
        if not front:
            return None
        first = front[0]
        spared = bisect_left(self._spared, first) if self._spared and not spared_too else 0
        return Best(self._members[first[2]][1], tuple(front), total, spared)

    def _front(self, passed_over: Collection[str], spared_too: bool) -> tuple[list[Standing], int]:
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

    def _is_current(self, key: Standing) -> bool:
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
        front = [drawn, *others[: CANDIDATES_RECORDED - 1]]
        spared = 0 if spared_too else bisect_left(self._spared, drawn)
        return Best(self._members[drawn[2]][1], tuple(front), len(open_to), spared)

    def rescore_again(self, number: str) -> None:
        """Rank the agent anew, if still in here."""
        member = self._members.get(number)
        if member is not None:
            self.rescore(member[1])


def _has(keys: list[Standing], key: Standing) -> bool:
    index = bisect_left(keys, key)
    return index < len(keys) and keys[index] == key


def _remove(keys: list[Standing], key: Standing) -> bool:
    index = bisect_left(keys, key)
    if index == len(keys) or keys[index] != key:
        return False
    del keys[index]
    return True
