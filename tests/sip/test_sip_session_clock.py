"""The session clock against a simple model: a timer strikes once, within a tick of its time."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.deadlines import Deadlines
from acd.sip.session_clock import TICKS_PER_S, SessionClock

TICK_S = 1 / TICKS_PER_S
STEP = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 4), st.integers(0, 400).map(lambda n: n / 100)),
    st.tuples(st.just("put"), st.integers(0, 4), st.just(math.inf)),
    st.tuples(st.just("drop"), st.integers(0, 4)),
    st.tuples(st.just("pass"), st.integers(0, 300).map(lambda n: n / 100)),
)


class Timer:
    """A session that is due once, or again and again."""

    def __init__(self, clock: SessionClock, again_s: float) -> None:
        self.clock, self.again_s = clock, again_s
        self.due_at, self.tick, self.struck = math.inf, 0, 0

    def put(self, due_at: float) -> None:
        self.due_at = due_at
        self.clock.put(self)

    def on_due(self, now: float) -> None:
        assert self.due_at <= now < self.due_at + TICK_S + 1e-9
        self.struck += 1
        self.put(now + self.again_s)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_sequence(steps) -> None:
    deadlines, now = Deadlines(), 10.0
    clock = SessionClock(deadlines)
    timers = [Timer(clock, again_s) for again_s in (math.inf, math.inf, math.inf, 1.0, 0.3)]
    for what, *arguments in steps:
        if what == "put":
            timers[arguments[0]].put(now + arguments[1])
        elif what == "drop":
            timers[arguments[0]].due_at = math.inf
            clock.drop(timers[arguments[0]])
        else:
            until = now + arguments[0]
            while (at := deadlines.next()) <= until:
                now = max(now, at)
                machine = deadlines.pop_due(now)
                assert machine is clock
                machine.on_time(now)
                deadlines.watch(machine)
            now = until
        running = [timer for timer in timers if timer.due_at < math.inf]
        assert len(clock) == len(running)
        first = min((timer.due_at for timer in running), default=math.inf)
        assert first <= clock.deadline < first + TICK_S or first == clock.deadline == math.inf


def test_a_timer_that_is_set_anew_all_the_time_leaves_no_heap_behind() -> None:
    """A phone may refresh as often as it likes, and name another interval each time."""
    clock = SessionClock(Deadlines())
    other, restless = Timer(clock, math.inf), Timer(clock, math.inf)
    other.put(50.0)
    for number in range(10_000):
        restless.put(1_800.0 + number % 7)
    assert len(clock) == 2
    assert len(clock._ticks) < 500
    restless.put(60.0)
    assert clock.deadline == 50.0
    clock.on_time(50.0)
    assert (other.struck, clock.deadline) == (1, 60.0)
