"""Agents' two tracks cut at quarter-hours: how long who was in which state, in which of them.

An interval lasts as long as the monotonic clock says, from the wall time at which it began: a wall
clock that is set meanwhile makes no second and loses none. What still lasts is counted up to now.
Quarters are those of UTC; every zone of today keeps whole quarter-hours to it, so that hours and
days of any zone are made of them, be the day 23 or 25 hours long. The same in SQL:
`agent_quarter_sums` in acd/storage/migrations; a test holds the two against each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from math import inf

from msgspec import Struct

from acd.calls.cdr_rows import AgentStateInterval, AgentStatusInterval, Interval

QUARTER_US = 900_000_000
LONGEST_S = 31 * 86_400.0
"A stretch longer than this is counted up to here: nobody worked a month without a break."

STATE_MEASURES = {
    "idle": "idle_s",
    "offered": "ringing_s",
    "talking": "talk_s",
    "held": "hold_s",
    "wrap_up": "wrap_up_s",
    "paused": "paused_s",
    "cool_down": "cool_down_s",
}
"By state; offline is no time of an agent's."

Span = tuple[int, int]
"From and to, microseconds."


class AgentQuarter(Struct, kw_only=True):
    """One agent's times in one quarter-hour; those of work for a queue by queue, else ''."""

    ready_s: float = 0.0
    "Status ready."

    away_s: dict[str, float]
    "Status away, by reason."

    available_s: float = 0.0
    "Ready and idle: a call could have come."

    idle_s: float = 0.0
    "State idle, also while away."

    ringing_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    paused_s: float = 0.0
    cool_down_s: float = 0.0


Key = tuple[int, str, str]
"Begin of the quarter-hour (µs), agent, queue."


def quarters(began_us: int, length_us: int) -> Iterator[Span]:
    """Cut a stretch at the quarter-hours: the parts, in order, without gap or overlap."""
    at_us, end_us = began_us, began_us + length_us
    while at_us < end_us:
        cut_us = min(end_us, (at_us // QUARTER_US + 1) * QUARTER_US)
        yield at_us, cut_us
        at_us = cut_us


def length_us(interval: Interval, now_us: int) -> int:
    """Return how long an interval has lasted; one that lasts ends now."""
    if interval.duration_s is None:
        lasted_us = now_us - interval.began_us
    else:
        lasted_us = round(interval.duration_s * 1e6)
    return min(max(0, lasted_us), int(LONGEST_S * 1e6))


def agent_quarters(
    statuses: Iterable[AgentStatusInterval], states: Iterable[AgentStateInterval], *, now_us: int
) -> dict[Key, AgentQuarter]:
    """Return the times of all agents by quarter-hour, agent and queue."""
    found: dict[Key, AgentQuarter] = defaultdict(lambda: AgentQuarter(away_s={}))
    ready = _ReadyTimes()
    for status in statuses:
        if status.status == "ready":
            ready.add(status)
        _count_status(found, status, now_us)
    for state in states:
        _count_state(found, state, ready, now_us)
    return dict(found)


def _count_status(
    found: dict[Key, AgentQuarter], status: AgentStatusInterval, now_us: int
) -> None:
    if status.status not in {"ready", "away"}:
        return
    for from_us, to_us in quarters(status.began_us, length_us(status, now_us)):
        quarter = found[from_us // QUARTER_US * QUARTER_US, status.agent, ""]
        seconds = (to_us - from_us) / 1e6
        if status.status == "ready":
            quarter.ready_s += seconds
        else:
            quarter.away_s[status.reason] = quarter.away_s.get(status.reason, 0.0) + seconds


def _count_state(
    found: dict[Key, AgentQuarter],
    state: AgentStateInterval,
    ready: "_ReadyTimes",
    now_us: int,
) -> None:
    measure = STATE_MEASURES.get(state.state)
    if measure is None:
        return
    for from_us, to_us in quarters(state.began_us, length_us(state, now_us)):
        quarter_us = from_us // QUARTER_US * QUARTER_US
        quarter = found[quarter_us, state.agent, state.queue]
        setattr(quarter, measure, getattr(quarter, measure) + (to_us - from_us) / 1e6)
        if measure == "idle_s":
            found[quarter_us, state.agent, ""].available_s += ready.within(state, from_us, to_us)


class _ReadyTimes:
    """When agents wanted calls, on the monotonic clock of each boot."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)

    def add(self, status: AgentStatusInterval) -> None:
        """Take an interval of being ready; one that lasts has no end yet."""
        began_s = status.began_mono_s
        lasted_s = inf if status.duration_s is None else status.duration_s
        self._spans[status.agent, status.node, status.boot].append((began_s, began_s + lasted_s))

    def within(self, state: AgentStateInterval, from_us: int, to_us: int) -> float:
        """Return how long of a part of the state its agent was ready."""
        from_s = state.began_mono_s + (from_us - state.began_us) / 1e6
        to_s = state.began_mono_s + (to_us - state.began_us) / 1e6
        spans = self._spans.get((state.agent, state.node, state.boot), ())
        return sum(max(0.0, min(to_s, end_s) - max(from_s, begin_s)) for begin_s, end_s in spans)
