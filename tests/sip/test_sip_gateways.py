"""Gateways: health over any sequence of answers, failures and time; order by rank and weight."""

import math
from collections import Counter
from itertools import count, cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.sip.gateways import (
    FIRST_PING_S,
    LONGEST_REST_S,
    GatewayMonitor,
    GatewaySet,
    Located,
    weighted,
)
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway, Health

PEER = Peer("udp", "192.0.2.50", 5060)
INTERVAL_S, PATIENCE_S, REST_S = 30.0, 4.0, 20.0


class Watched:
    """One monitor on a virtual clock, with the pings that it sent."""

    def __init__(self, interval_s=INTERVAL_S, peer=PEER, now=0.0):
        self.now = now
        self.pings = []
        halves = cycle([0.5, 0.1, 0.9])
        self.monitor = GatewayMonitor(
            peer,
            interval_s=interval_s,
            patience_s=PATIENCE_S,
            rest_s=REST_S,
            ping=lambda _monitor, at: self.pings.append(at),
            random=lambda: next(halves),
            watch=lambda machine: None,
            now=now,
        )

    def run_to(self, at):
        while self.monitor.next_deadline() <= at:
            self.now = self.monitor.next_deadline()
            self.monitor.on_time(self.now)
        self.now = max(self.now, at)

    @property
    def health(self):
        return self.monitor.health


def test_the_first_ping_comes_soon_and_the_next_ones_spread_around_the_interval():
    watched = Watched()
    for _ in range(4):
        watched.run_to(watched.monitor.next_deadline())
        watched.monitor.pinged(watched.now + 0.05, answered=True)
    assert watched.health is Health.UP
    assert watched.monitor.round_trip_s == pytest.approx(0.05)
    assert watched.pings[0] <= FIRST_PING_S
    gaps = [
        after - before for before, after in zip(watched.pings, watched.pings[1:], strict=False)
    ]
    assert all(0.9 * INTERVAL_S <= gap <= 1.1 * INTERVAL_S for gap in gaps)
    assert len(set(gaps)) > 1


def test_a_ping_without_answer_lets_the_gateway_rest_and_its_late_answer_ends_that():
    watched = Watched()
    watched.run_to(1.0 + PATIENCE_S)
    assert watched.health is Health.RESTING
    watched.monitor.pinged(10.0, answered=True)
    assert watched.health is Health.UP


def test_no_second_ping_while_the_first_is_under_way():
    watched = Watched()
    watched.run_to(3 * INTERVAL_S)
    assert len(watched.pings) == 1
    watched.monitor.pinged(watched.now, answered=False)
    watched.run_to(watched.now + 1.2 * INTERVAL_S)
    assert len(watched.pings) == 2
    assert watched.health is Health.RESTING


def test_without_pings_the_rest_ends_by_time():
    watched = Watched(interval_s=0.0)
    assert watched.monitor.next_deadline() == math.inf
    watched.monitor.failed(5.0)
    assert not watched.monitor.usable
    watched.run_to(5.0 + REST_S)
    assert watched.health is Health.UNKNOWN
    assert watched.monitor.next_deadline() == math.inf


def test_with_pings_the_rest_ends_by_an_answer_only_and_one_is_asked_for_at_its_end():
    watched = Watched()
    watched.run_to(0.5)
    watched.monitor.pinged(0.6, answered=True)
    watched.monitor.failed(1.0)
    watched.run_to(1.0 + REST_S)
    assert watched.pings[1:] == [1.0 + REST_S]
    assert watched.health is Health.RESTING
    watched.monitor.pinged(watched.now + 0.1, answered=True)
    assert watched.health is Health.UP


def test_who_is_sent_away_asks_nothing_before_the_time_and_believes_no_answer():
    watched = Watched()
    watched.run_to(0.5)
    watched.monitor.sent_away(100.0, 1.0)
    watched.monitor.pinged(2.0, answered=True)
    assert watched.health is Health.RESTING
    watched.run_to(100.9)
    assert len(watched.pings) == 1
    watched.run_to(101.0)
    assert watched.pings[1:] == [101.0]


def test_a_rest_is_an_hour_at_most():
    watched = Watched(interval_s=0.0)
    watched.monitor.sent_away(10**9, 0.0)
    watched.run_to(LONGEST_REST_S)
    assert watched.monitor.usable


STEP = st.one_of(
    st.tuples(st.sampled_from(["answered", "failed", "pong", "no pong"]), st.just(0.0)),
    st.tuples(st.just("sent away"), st.floats(0.1, 10_000.0)),
    st.tuples(st.just("pass"), st.floats(0.0, 90.0)),
)


@settings(max_examples=200)
@given(st.sampled_from([0.0, INTERVAL_S]), st.lists(STEP, max_size=40))
def test_whatever_happens_it_comes_back(interval_s, steps):
    watched = Watched(interval_s)
    monitor, away_until, under_way = watched.monitor, -math.inf, 0
    for what, value in steps:
        match what:
            case "answered":
                monitor.answered(watched.now)
                assert monitor.usable or watched.now < away_until
            case "failed":
                monitor.failed(watched.now)
                assert not monitor.usable
            case "sent away":
                monitor.sent_away(value, watched.now)
                away_until = watched.now + min(value, LONGEST_REST_S)
                assert not monitor.usable
            case "pong" | "no pong" if under_way < len(watched.pings):
                under_way = len(watched.pings)
                monitor.pinged(watched.now, answered=what == "pong")
            case "pass":
                watched.run_to(watched.now + value)
        assert monitor.next_deadline() > watched.now or what != "pass"
        # A resting gateway always has an end of its rest, or a sign of life, to wait for.
        assert monitor.usable or monitor.next_deadline() < math.inf
        assert len(watched.pings) - under_way <= 1
    for _ in range(3):
        watched.run_to(watched.now + LONGEST_REST_S)
        if under_way < len(watched.pings):
            under_way = len(watched.pings)
            monitor.pinged(watched.now, answered=True)
    assert monitor.usable
    monitor.stop()
    assert monitor.next_deadline() == math.inf


# Order.


def order_of(entries, random):
    return weighted(entries, lambda e: (e[0],), lambda e: e[1], random)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100)), max_size=8),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
)
def test_the_order_has_all_entries_by_rank(entries, numbers):
    source = cycle(numbers)
    ordered = order_of(entries, lambda: next(source))
    assert Counter(ordered) == Counter(entries)
    assert [rank for rank, _ in ordered] == sorted(rank for rank, _ in entries)


def test_weights_are_shares():
    steps = count()
    firsts = Counter(
        order_of([(1, 30), (1, 10), (1, 0)], lambda: (next(steps) * 0.61803398875) % 1)[0]
        for _ in range(4000)
    )
    assert firsts[1, 30] / 4000 == pytest.approx(30 / 41, abs=0.03)
    assert firsts[1, 10] / 4000 == pytest.approx(10 / 41, abs=0.03)
    assert firsts[1, 0] / 4000 == pytest.approx(1 / 41, abs=0.02)


def test_two_gateways_that_lead_to_one_address_share_its_monitor_and_one_try():
    one, other = Gateway(host="a.example"), Gateway(host="b.example", priority=20)
    gateways = GatewaySet(lambda: 0.0)
    watched = {PEER: Watched().monitor}
    place = Located(PEER)
    gateways.place(one, [place], watched.__getitem__)
    gateways.place(other, [place], watched.__getitem__)
    assert [candidate.gateway for candidate in gateways.order()] == [one]
    gateways.place(one, [], watched.__getitem__)
    assert watched[PEER].next_deadline() < math.inf
    gateways.place(other, [], watched.__getitem__)
    assert watched[PEER].next_deadline() == math.inf


def test_equal_weights_both_come_first_at_times():
    """RFC 2782's draw includes the sum itself."""
    firsts = {order_of([(1, 1), (1, 1 + 0)], lambda n=n: n / 10)[0] for n in range(10)}
    assert firsts == {(1, 1)}
    names = {"a": 1, "b": 1}
    drawn = {
        weighted(names, lambda _: (1,), names.__getitem__, lambda n=n: n / 10)[0]
        for n in range(10)
    }
    assert drawn == {"a", "b"}


def test_a_failure_does_not_shorten_a_time_that_was_asked_for():
    watched = Watched(interval_s=0.0)
    watched.monitor.sent_away(100.0, 1.0)
    watched.monitor.failed(2.0)
    watched.run_to(100.9)
    assert not watched.monitor.usable
    watched.run_to(101.0)
    assert watched.monitor.usable


def test_a_ping_that_fails_late_is_no_second_failure():
    watched = Watched()
    watched.run_to(1.0 + PATIENCE_S)
    ends_at = watched.monitor._rest_until
    assert watched.monitor.failures == 1
    watched.monitor.pinged(20.0, answered=False)
    assert (watched.monitor.failures, watched.monitor._rest_until) == (1, ends_at)


def test_an_answer_ends_the_rest_for_good():
    watched = Watched(interval_s=0.0)
    watched.monitor.failed(1.0)
    watched.monitor.answered(2.0)
    assert watched.monitor.next_deadline() == math.inf
    watched.run_to(1.0 + REST_S)
    assert watched.health is Health.UP
