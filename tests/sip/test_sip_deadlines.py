"""The lazy heap and the tombstones against simple models."""

import math

from hypothesis import given
from hypothesis import strategies as st

from acd.sip.deadlines import COMPACT_ABOVE, Deadlines
from acd.sip.tombstones import Tombstone, Tombstones
from acd.sip.transaction import Machine


class Timer(Machine):
    def on_time(self, now: float) -> None:
        self.deadline = math.inf


TIMES = st.integers(0, 40).map(float) | st.just(math.inf)


@given(st.lists(st.tuples(st.integers(0, 4), TIMES), max_size=40))
def test_the_next_deadline_is_always_the_least(moves) -> None:
    deadlines, timers = Deadlines(), [Timer() for _ in range(5)]
    for index, at in moves:
        timers[index].deadline = at
        deadlines.watch(timers[index])
        assert deadlines.next() == min(timer.deadline for timer in timers)
    fired = []
    while (timer := deadlines.pop_due(100.0)) is not None:
        fired.append(timer.deadline)
        timer.on_time(100.0)
        deadlines.watch(timer)
    assert fired == sorted(fired)
    assert deadlines.next() == math.inf


@given(st.lists(st.tuples(st.sampled_from([5.0, 32.0]), st.floats(0, 10)), max_size=30))
def test_tombstones_last_their_time_and_one_sweep_longer_at_most(steps) -> None:
    tombstones, now, expected = Tombstones(limit=1000), 0.0, {}
    for number, (linger_s, pause_s) in enumerate(steps):
        key = b"%d" % number
        tombstones.add(key, Tombstone(None), linger_s, now)
        expected[key] = now + linger_s
        now += pause_s
        while tombstones.sweep_at <= now:
            tombstones.on_time(tombstones.sweep_at)
        for old, until in expected.items():
            found = tombstones.get(old) is not None
            assert found or until <= now
            assert not found or until > now - 2 * Tombstones.SWEEP_S
    while tombstones.sweep_at < math.inf:
        tombstones.on_time(tombstones.sweep_at)
    assert len(tombstones) == 0


def test_tombstones_are_limited() -> None:
    tombstones = Tombstones(limit=2)
    for key in (b"a", b"b", b"c"):
        tombstones.add(key, Tombstone(None), 32.0, 0.0)
    assert len(tombstones) == 2


def test_machines_that_want_nothing_any_more_are_let_go_of():
    deadlines = Deadlines()
    for n in range(20 * COMPACT_ABOVE):
        machine = Timer()
        machine.deadline = 1_800.0 + n
        deadlines.watch(machine)
        if n % 10:
            machine.deadline = math.inf

    living = 2 * COMPACT_ABOVE
    assert living <= len(deadlines) <= 2 * living + COMPACT_ABOVE
    due = 0
    while (at := deadlines.next()) < math.inf:
        assert deadlines.pop_due(at).deadline == at
        due += 1
    assert due == living
