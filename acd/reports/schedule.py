"""When reports are due by themselves: each day, week or month that is over, exactly once.

A run covers the last whole day, week (from Monday) or month before it is due, and is known by the
last day that it covers. What was missed while the server was away is due at once, the oldest
first. Time is an argument; the state that has to survive is `kept()`.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from msgspec import Struct

MISSED_MAX = 31
"Runs of one plan that are made up for: a month of days. What lies further back is asked for."

ATTEMPTS_MAX = 24
"With the pauses below they last most of a day: a night's outage and the morning that mends it."

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
"Between attempts, doubled each time: a database that starts is met soon, and not pressed."

NEVER = datetime.max.replace(tzinfo=UTC)


class Every(Enum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Plan(Struct, frozen=True, kw_only=True):
    """When one report is due."""

    every: Every
    at: time
    "Of the day after the period, on the centre's clock."

    zone: ZoneInfo


class Run(Struct, frozen=True, kw_only=True):
    """One report to be made."""

    plan: str
    first: date
    last: date
    "The days it covers."


class _State(Struct):
    until: date
    "The last day that was covered, or given up."

    attempts: int = 0
    next_try: datetime = datetime.min.replace(tzinfo=UTC)
    running: bool = False


class Schedule:
    """The machine: plans and what became of their runs."""

    def __init__(self, kept: Mapping[str, date]) -> None:
        """`kept` is what `kept()` returned before."""
        self._plans: dict[str, Plan] = {}
        self._states = {name: _State(until) for name, until in kept.items()}

    def take(self, plans: Mapping[str, Plan], now: datetime) -> None:
        """Go by these plans. One that is new begins with the next period that ends."""
        self._plans = dict(plans)
        for name, plan in plans.items():
            if name not in self._states:
                self._states[name] = _State(_last_covered(plan, now))
        for name in [name for name in self._states if name not in plans]:
            del self._states[name]

    def kept(self) -> dict[str, date]:
        """Return the last day that each plan has covered."""
        return {name: state.until for name, state in self._states.items()}

    def next_deadline(self) -> datetime:
        """Return when `on_time` has something to do; `NEVER`: at no time."""
        return min((self._due(name) for name in self._plans), default=NEVER)

    def on_time(self, now: datetime) -> list[Run]:
        """Return what has to be made now, a run per plan; `on_made` or `on_failed` ends each."""
        due = sorted((self._due(name), name) for name in self._plans)
        return [self._begun(name, now) for at, name in due if at <= now]

    def on_made(self, run: Run) -> None:
        """Note that a run was made."""
        self._end(run, _State(run.last))

    def on_failed(self, run: Run, now: datetime) -> bool:
        """Note that a run failed; return whether it is given up."""
        state = self._states.get(run.plan)
        if state is None:
            return True
        if state.attempts + 1 >= ATTEMPTS_MAX:
            self._end(run, _State(run.last))
            return True
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**state.attempts)
        self._end(run, _State(state.until, state.attempts + 1, now + pause))
        return False

    def _end(self, run: Run, state: _State) -> None:
        if run.plan in self._states:
            self._states[run.plan] = state

    def _due(self, name: str) -> datetime:
        plan, state = self._plans[name], self._states[name]
        if state.running:
            return NEVER
        _, last = _next_period(plan.every, state.until)
        return max(due_at(plan, last), state.next_try)

    def _begun(self, name: str, now: datetime) -> Run:
        plan, state = self._plans[name], self._states[name]
        state.until = max(state.until, _oldest_made_up(plan, now))
        first, last = _next_period(plan.every, state.until)
        state.running = True
        return Run(plan=name, first=first, last=last)


def due_at(plan: Plan, last: date) -> datetime:
    """Return when the period that ends with a day is due, in UTC.

    A time that the clock skips is taken as an hour later, one that comes twice is the first.
    """
    wall = datetime.combine(last + timedelta(days=1), plan.at, tzinfo=plan.zone)
    return wall.astimezone(UTC)


def _last_covered(plan: Plan, now: datetime) -> date:
    """Return the last day of the latest period that has been due by now."""
    last = _period_before(plan.every, now.astimezone(plan.zone).date())[1]
    return last if due_at(plan, last) <= now else _period_before(plan.every, last)[1]


def _oldest_made_up(plan: Plan, now: datetime) -> date:
    """Return the last day of the period before the oldest one that is still made up for."""
    last = _last_covered(plan, now)
    for _ in range(MISSED_MAX):
        last = _period_before(plan.every, last)[1]
    return last


def _period_before(every: Every, day: date) -> tuple[date, date]:
    """Return the last period that is over before a day begins."""
    match every:
        case Every.DAY:
            return day - timedelta(days=1), day - timedelta(days=1)
        case Every.WEEK:
            monday = day - timedelta(days=day.weekday() + 7)
            return monday, monday + timedelta(days=6)
        case Every.MONTH:
            last = day.replace(day=1) - timedelta(days=1)
            return last.replace(day=1), last


def _next_period(every: Every, last: date) -> tuple[date, date]:
    """Return the first period that begins after a day."""
    first = last + timedelta(days=1)
    match every:
        case Every.DAY:
            return first, first
        case Every.WEEK:
            monday = first + timedelta(days=-first.weekday() % 7)
            return monday, monday + timedelta(days=6)
        case Every.MONTH:
            begin = first if first.day == 1 else (first.replace(day=1) + timedelta(days=32))
            begin = begin.replace(day=1)
            return begin, (begin + timedelta(days=32)).replace(day=1) - timedelta(days=1)
