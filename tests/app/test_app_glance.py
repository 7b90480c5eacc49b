"""Glance: a look within a second after something happened, none while nothing does."""

import asyncio
import itertools
import math

import pytest

from acd.app.glance import INTERVAL_S, Glance


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_nothing_happens_and_nothing_wakes() -> None:
    looks = 0

    def look() -> float:
        nonlocal looks
        looks += 1
        return math.inf

    glance = Glance(look)
    await asyncio.sleep(1000)
    assert looks == 0
    for _ in range(100):
        glance.stir()
    await asyncio.sleep(1000)
    assert looks == 1


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_traffic_is_looked_at_once_a_second() -> None:
    looks = []
    loop = asyncio.get_running_loop()

    def look() -> float:
        looks.append(loop.time())
        return math.inf

    glance = Glance(look)
    for _ in range(100):
        glance.stir()
        await asyncio.sleep(0.1)
    assert len(looks) in {9, 10}
    assert min(b - a for a, b in itertools.pairwise(looks)) >= INTERVAL_S


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_what_is_left_to_do_is_done_at_its_time_and_not_before_new_things() -> None:
    looks = []
    loop = asyncio.get_running_loop()
    due = [100.0, math.inf, math.inf]

    def look() -> float:
        looks.append(loop.time())
        return due.pop(0)

    glance = Glance(look)
    glance.stir()
    await asyncio.sleep(50)
    glance.stir()
    await asyncio.sleep(1000)
    assert looks == [1.0, 51.0]
    due[:] = [loop.time() + 300, math.inf]
    begun_at = loop.time()
    glance.stir()
    await asyncio.sleep(1000)
    assert [at - begun_at for at in looks[2:]] == [1.0, 300.0]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_stopped_it_looks_no_more() -> None:
    glance = Glance(lambda: pytest.fail("looked"))
    glance.stir()
    glance.stop()
    await asyncio.sleep(10)
