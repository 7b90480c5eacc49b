"""Timers that are due by a clock of whole milliseconds when they fire."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sip_wire import run

from acd.net.limits import Patience
from acd.net.whole_ms import first_at

DELAYS_S = (0.0004, 0.0006, 0.0103, 0.003, 0.02, 0.05, 0.3)


@given(st.integers(0, 10**10), st.floats(0, 1e5))
def test_the_first_whole_millisecond_that_is_not_before(count, delay_s):
    time_s = count / 1000 + delay_s
    at = first_at(time_s)
    assert round(at * 1000) / 1000 == at
    assert time_s <= at < time_s + 0.001 + 1e-6


@given(st.integers(0, 10**10))
def test_a_whole_millisecond_stays_as_it_is(count):
    assert first_at(count / 1000) == count / 1000


def test_a_timer_that_fires_finds_its_time_come():
    async def scenario():
        loop = asyncio.get_running_loop()
        early = []
        for delay_s in DELAYS_S * 5:
            fired = loop.create_future()
            due_at = loop.time() + delay_s
            loop.call_at(first_at(due_at), fired.set_result, None)
            await fired
            if loop.time() < due_at:
                early.append((delay_s, due_at))
        assert early == []

    run(scenario)


def test_patience_looks_once_where_nothing_moved():
    class Counting:
        """A loop that counts the timers asked of it."""

        def __init__(self, loop):
            self.loop, self.armed, self.time = loop, [], loop.time

        def call_at(self, when, callback):
            self.armed.append(when)
            return self.loop.call_at(when, callback)

    async def scenario():
        loop = Counting(asyncio.get_running_loop())
        for delay_s in DELAYS_S * 5:
            over = asyncio.Event()
            patience = Patience(loop, over.set)
            patience.until(loop.time() + delay_s)
            await over.wait()
        assert len(loop.armed) == 5 * len(DELAYS_S)
        assert all(former < later for former, later in pairwise(loop.armed))

    run(scenario)
