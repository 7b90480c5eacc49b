"""What became of a simulated day: counted while it runs, in memory that does not grow by calls."""

from collections import Counter

from msgspec import Struct

from acd.routing.events import AgentStateChanged
from acd.routing.model import State

QUARTER_S = 900.0
"Trends go by quarter-hour, and a visit belongs to the one in which it was offered."

LONGEST_WAIT_KEPT_S = 3600
"Waits are counted by the second for their percentiles; all beyond an hour are alike."

_WORK = {State.TALKING: "talk_s", State.HELD: "talk_s", State.WRAP_UP: "wrap_up_s"}


class Visits(Struct):
    """Counts of queue visits: of a queue, and of one quarter-hour of it."""

    offered: int = 0
    answered: int = 0
    short_abandons: int = 0
    abandons: int = 0
    overflowed: int = 0
    timed_out: int = 0
    refused_full: int = 0
    answered_in_time: int = 0
    orders: int = 0
    waited_s: float = 0.0
    "Of the answered."

    def count(self, part: str, waited_s: float, in_time: bool) -> None:
        """Count one visit that is over."""
        self.offered += 1
        setattr(self, part, getattr(self, part) + 1)
        if part == "answered":
            self.answered_in_time += in_time
            self.waited_s += waited_s

    @property
    def service_level(self) -> float | None:
        """Answered within the queue's threshold / offered (规定期间接通率)."""
        return self.answered_in_time / self.offered if self.offered else None

    @property
    def asa_s(self) -> float | None:
        """Σ wait of the answered / answered (平均应答速度)."""
        return self.waited_s / self.answered if self.answered else None


class QueueFigures:
    """One queue's day."""

    def __init__(self, *, sales: bool) -> None:
        self.sales = sales
        self.total = Visits()
        self.quarters: dict[int, Visits] = {}
        "By quarter-hour since midnight of the first day."

        self.handled_s = 0.0
        "Talk and after-call work."

        self.longest_wait_s = 0.0
        self._waits: Counter[int] = Counter()

    def count(self, part: str, offered_at_s: float, waited_s: float, in_time: bool) -> None:
        """Count one visit that is over."""
        self.total.count(part, waited_s, in_time)
        self._quarter(offered_at_s).count(part, waited_s, in_time)
        if part == "answered":
            self._waits[min(int(waited_s), LONGEST_WAIT_KEPT_S)] += 1
            self.longest_wait_s = max(self.longest_wait_s, waited_s)

    def count_order(self, offered_at_s: float) -> None:
        """Count an order."""
        self.total.orders += 1
        self._quarter(offered_at_s).orders += 1

    def _quarter(self, at_s: float) -> Visits:
        return self.quarters.setdefault(int(at_s // QUARTER_S), Visits())

    def wait_s(self, share: float) -> float | None:
        """Wait that this share of the answered did not exceed, rounded up to the second."""
        reached, wanted = 0, share * self.total.answered
        for second in sorted(self._waits):
            reached += self._waits[second]
            if reached >= wanted:
                return second + 1.0
        return None


class AgentFigures(Struct):
    """One agent's day; the names are those of reports."""

    agent: str
    handled: int = 0
    orders: int = 0
    talk_s: float = 0.0
    wrap_up_s: float = 0.0
    ready_s: float = 0.0
    "Idle, or with a phone that rings."

    logged_in_s: float = 0.0
    _state: State = State.OFFLINE
    _since: float = 0.0
    _queue: str = ""

    @property
    def occupancy(self) -> float | None:
        """Handling time / (handling time + available time) (在线繁忙度)."""
        handling_s = self.talk_s + self.wrap_up_s
        return handling_s / (handling_s + self.ready_s) if handling_s + self.ready_s else None


class DayFigures:
    """The whole day's."""

    def __init__(self, agents: tuple[str, ...], queues: dict[str, bool]) -> None:
        """`queues` says of each whether it is one of sales."""
        self.agents = {agent: AgentFigures(agent) for agent in agents}
        self.queues = {queue: QueueFigures(sales=sales) for queue, sales in queues.items()}
        self.callers = 0
        self.ended_s = 0.0

    def enter(self, event: AgentStateChanged, now: float) -> None:
        """Book the state that an agent leaves."""
        figures = self.agents[event.agent]
        self._book(figures, now)
        figures._state, figures._since, figures._queue = event.state, now, event.queue

    def close(self, now: float) -> None:
        """Book what everybody is in at the end."""
        self.ended_s = now
        for figures in self.agents.values():
            self._book(figures, now)
            figures._since = now

    def _book(self, figures: AgentFigures, now: float) -> None:
        passed_s, state = now - figures._since, figures._state
        if state is State.OFFLINE:
            return
        figures.logged_in_s += passed_s
        work = _WORK.get(state)
        if work is None:
            figures.ready_s += passed_s
            return
        setattr(figures, work, getattr(figures, work) + passed_s)
        if figures._queue:
            self.queues[figures._queue].handled_s += passed_s
