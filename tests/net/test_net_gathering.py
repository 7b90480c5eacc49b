"""Gathering: while many datagrams come they are taken together; few are taken at once."""

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from acd.net.gathering import GATHER_ABOVE, GATHER_BELOW, WINDOW_S, Pace
from tests.net.sip_wire import Serving, message, run


def steady(pace: Pace, per_second: float, *, seconds: float, now: float) -> float:
    """Take datagrams one by one at a rate; return when it ends."""
    for _ in range(int(per_second * seconds)):
        now += 1 / per_second
        pace.took(1, now)
    return now


def test_the_rate_decides_and_does_not_flutter():
    pace = Pace(0.002)
    now = steady(pace, 0.9 * GATHER_ABOVE, seconds=1, now=0.0)
    assert not pace.gathering
    now = steady(pace, 1.1 * GATHER_ABOVE, seconds=1, now=now)
    assert pace.gathering
    now = steady(pace, 0.9 * GATHER_ABOVE, seconds=1, now=now)
    assert pace.gathering
    steady(pace, 0.9 * GATHER_BELOW * GATHER_ABOVE, seconds=1, now=now)
    assert not pace.gathering


def test_silence_ends_it_within_two_windows():
    pace = Pace(0.002)
    now = steady(pace, 2 * GATHER_ABOVE, seconds=1, now=0.0)
    assert pace.gathering
    pace.took(0, now + WINDOW_S)
    assert not pace.took(0, now + 2.1 * WINDOW_S)


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 10)), max_size=50))
def test_without_an_interval_nothing_ever_gathers(reads):
    pace, now = Pace(0.0), 0.0
    for count, passed_s in reads:
        now += passed_s
        assert not pace.took(count, now)


@given(st.lists(st.tuples(st.integers(0, 89), st.floats(WINDOW_S, 10)), max_size=50))
def test_what_comes_slower_never_gathers(reads):
    pace, now = Pace(0.002), 100.0
    pace.took(0, now)
    for count, passed_s in reads:
        now += passed_s
        assert not pace.took(count, now)


def test_nothing_is_lost_while_they_gather_nor_when_it_ends():
    """Rounds of datagrams well above the rate, then single ones: each is delivered, in order."""

    async def scenario():
        async with Serving("udp", gather_s=0.002) as server:
            listener = server.transports._udp._listeners[0]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(server.peer()[1:])
                sent = gathered = 0
                while gathered < 20:
                    for _ in range(100):
                        sock.send(message(sent))
                        sent += 1
                    for number in range(sent - 100, sent):
                        assert (await server.arrivals.message())[0] == message(number)
                    gathered += listener._pace.gathering
                for number in range(sent, sent + 5):
                    sock.send(message(number))
                    assert (await server.arrivals.message())[0] == message(number)
                while listener._pace.gathering:
                    sock.send(message(sent))
                    await server.arrivals.message()
                    await asyncio.sleep(0.05)
                sock.send(message(1))
                assert (await server.arrivals.message())[0] == message(1)

    run(scenario)


def test_closed_while_they_gather_it_reads_no_more():
    async def scenario():
        async with Serving("udp", gather_s=0.002) as server:
            listener = server.transports._udp._listeners[0]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.connect(server.peer()[1:])
                while not listener._pace.gathering:
                    for _ in range(100):
                        sock.send(message(1))
                    for _ in range(100):
                        await server.arrivals.message()
            await server.transports.close()
            await asyncio.sleep(0.02)  # ten times the interval

    run(scenario)
