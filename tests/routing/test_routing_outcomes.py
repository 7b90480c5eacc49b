"""Outcomes that are dated ahead: by a mistake of whoever tells them, or by the machine's clock."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_world import BY_RANK, World, agent, only_offer, queue

from acd.routing.model import QueueKind
from acd.routing.outcomes import AHEAD_S, ConversionRanks
from acd.routing.rank import Measure, Outcome

DAY_S = 86_400.0
HALF_LIFE_S = 30 * DAY_S
NOW_S = 1.8e9
YEARS_S = 9 * 365 * DAY_S


class Clock:
    def __init__(self):
        self.now_s = NOW_S

    def __call__(self):
        return self.now_s


def ranks(clock, maximum_outcomes=1_000):
    made = ConversionRanks(maximum_outcomes, clock)
    made.configure({"sales": Measure(HALF_LIFE_S), "other": Measure(HALF_LIFE_S)})
    return made


def feed(made, agent, orders, calls, wall_s=NOW_S, name=""):
    for index in range(calls):
        outcome = Outcome(agent, "sales", "", index < orders, wall_s)
        made.record(f"{agent}{name}{index}", outcome)


def test_one_call_dated_years_ahead_makes_no_other_weightless():
    made = ranks(Clock())
    feed(made, "good", 80, 100)
    feed(made, "poor", 20, 100)
    rank = made.queues["sales"]
    rank.refresh()
    before = rank.mean("good"), rank.mean("poor")
    made.record("slip", Outcome("poor", "sales", "", True, NOW_S + YEARS_S))
    assert (rank.mean("good"), rank.mean("poor")) == before
    assert len(made.outcomes()) == 200
    # The next call of today counts as one.
    made.record("next", Outcome("poor", "sales", "", True, NOW_S))
    assert rank.belief("poor").calls == pytest.approx(101)


def test_what_lies_ahead_by_less_than_clocks_differ_counts():
    made = ranks(Clock())
    made.record("c", Outcome("1", "sales", "", True, NOW_S + AHEAD_S))
    made.record("d", Outcome("1", "sales", "", True, math.nextafter(NOW_S + AHEAD_S, math.inf)))
    assert [interaction for interaction, _ in made.outcomes()] == ["c"]


def test_a_correction_dated_ahead_takes_effect_at_the_date_that_was_known():
    made = ranks(Clock())
    feed(made, "1", 10, 10)
    made.record("10", Outcome("1", "sales", "", False, NOW_S + YEARS_S))
    assert dict(made.outcomes())["10"] == Outcome("1", "sales", "", False, NOW_S)
    measures = made.queues["sales"].measures()
    assert (measures.agents["1"].calls, measures.agents["1"].orders) == pytest.approx((10, 9))


def test_a_clock_that_is_set_back_leaves_nothing_of_its_slip():
    clock = Clock()
    made = ranks(clock)
    feed(made, "good", 40, 50)
    clock.now_s = NOW_S + YEARS_S  # such as before the first synchronisation
    feed(made, "poor", 30, 30, clock.now_s)
    assert made.queues["sales"].mean("good") == pytest.approx(0.5, abs=0.01), "the slip counts"
    clock.now_s = NOW_S + DAY_S
    feed(made, "poor", 5, 20, clock.now_s, name="later")
    right = ranks(clock)
    feed(right, "good", 40, 50)
    feed(right, "poor", 5, 20, clock.now_s, name="later")
    for each in (made, right):
        each.queues["sales"].refresh()
    assert made.outcomes() == right.outcomes()
    for name in ("good", "poor"):
        assert made.queues["sales"].belief(name) == right.queues["sales"].belief(name)


def test_where_all_was_learned_by_a_wrong_clock_nothing_is_known_any_more():
    clock = Clock()
    clock.now_s = NOW_S + YEARS_S
    made = ranks(clock)
    feed(made, "1", 30, 30, clock.now_s)
    rank = made.queues["sales"]
    rank.refresh()
    clock.now_s = NOW_S
    version = rank.version
    made.record("slip", Outcome("1", "sales", "", True, NOW_S + YEARS_S))
    assert (made.outcomes(), rank.measured, rank.stale) == ([], False, True)
    assert rank.mean("1") == rank.mean("2") > 0.5, "as fitted before, until the next fit"
    rank.refresh()
    assert rank.mean("1") == rank.mean("2") == 0.5
    assert rank.version > version
    assert rank.worth("1", "", None) == rank.worth("2", "tv", None)


def test_a_forgotten_call_from_ahead_does_not_keep_later_ones_out():
    clock = Clock()
    clock.now_s = NOW_S + YEARS_S
    made = ranks(clock, maximum_outcomes=3)
    feed(made, "1", 4, 4, clock.now_s)
    assert made.forgotten_before > NOW_S
    clock.now_s = NOW_S
    made.record("today", Outcome("1", "other", "", True, NOW_S))
    assert [interaction for interaction, _ in made.outcomes()] == ["today"]
    assert made.forgotten_before <= NOW_S


TOLD = st.tuples(
    st.integers(0, 12),
    st.sampled_from(["1", "2"]),
    st.sampled_from(["sales", "other"]),
    st.booleans(),
    st.sampled_from([-40 * DAY_S, -DAY_S, 0.0, 60.0, AHEAD_S, 2 * AHEAD_S, 90 * DAY_S, YEARS_S]),
)
CLOCKS = st.sampled_from([0.0, 600.0, DAY_S, 100 * DAY_S, YEARS_S])


@given(st.lists(st.tuples(TOLD, CLOCKS), max_size=40))
def test_whatever_is_told_by_whichever_clock_the_sums_are_those_of_what_is_kept(steps):
    clock = Clock()
    made = ranks(clock)
    for (of, who, name, success, age_s), ahead_s in steps:
        clock.now_s = NOW_S + ahead_s
        made.record(f"i{of}", Outcome(who, name, "", success, NOW_S + age_s))
        rank, latest = made.queues[name], clock.now_s + AHEAD_S
        assert rank.newest <= latest
        kept = [one for _, one in made.outcomes() if one.queue == name]
        assert all(one.wall_s <= latest for one in kept)
        for number, tally in rank.measures().agents.items():
            own = [one for one in kept if one.agent == number]
            weights = [0.5 ** ((tally.as_of - one.wall_s) / HALF_LIFE_S) for one in own]
            orders = [w for w, one in zip(weights, own, strict=True) if one.success]
            # Taken back is what was counted, to the rounding of weights of 100 days' difference.
            assert tally.calls == pytest.approx(sum(weights), abs=1e-4)
            assert tally.orders == pytest.approx(sum(orders), abs=1e-4)


def test_the_router_goes_on_ranking_by_what_was_known():
    clock = Clock()
    sales = queue(kind=QueueKind.SALES, layers=(BY_RANK,))
    world = World(agents=(agent("1"), agent("2")), queues=(sales,), wall_s=clock)
    for index in range(60):
        for number, orders in (("1", 12), ("2", 48)):
            name = f"{number}c{index}"
            world.router.record_outcome(number, "sales", "", name, index < orders, NOW_S)
    world.router.refit(world.now)
    world.log_in("1", "2")
    world.router.record_outcome("1", "sales", "", "slip", True, NOW_S + YEARS_S)
    made = only_offer(world.call("c"))
    assert made.agent == "2"
    assert made.choice.order == "conversion"
