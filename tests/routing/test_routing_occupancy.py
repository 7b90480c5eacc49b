"""The occupancy cap and the maximum share: how they are measured and who is spared by them."""

from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_world import ANYBODY, BY_RANK, World, agent, only_offer, queue

from acd.routing.model import LayerProfile, Status
from acd.routing.occupancy import OCCUPANCY_WINDOW_S, SHARE_WINDOW_CALLS, Occupancy, Shares

HOUR_S = 3600.0


def test_handling_fills_and_availability_empties_it():
    occupancy = Occupancy()
    occupancy.change(1.0, 0.0)
    assert occupancy.at(OCCUPANCY_WINDOW_S) == pytest.approx(1 - exp(-1))
    occupancy.change(0.0, OCCUPANCY_WINDOW_S)
    assert occupancy.at(2 * OCCUPANCY_WINDOW_S) == pytest.approx((1 - exp(-1)) * exp(-1))
    occupancy.change(None, 2 * OCCUPANCY_WINDOW_S)
    assert occupancy.at(9e9) == occupancy.at(2 * OCCUPANCY_WINDOW_S)


changes = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, None]), st.floats(0.0, 2 * HOUR_S)), max_size=30
)


@settings(deadline=None)
@given(changes, st.floats(0.05, 1.0))
def test_it_stays_a_share_and_says_when_it_is_down_to_the_cap(told, cap):
    occupancy, now = Occupancy(), 0.0
    for towards, seconds in told:
        occupancy.change(towards, now)
        now += seconds
        assert 0.0 <= occupancy.at(now) <= 1.0
    occupancy.change(0.0, now)
    due = occupancy.below_at(cap)
    if occupancy.at(now) <= cap:
        assert due == now
    else:
        assert occupancy.at(due) == pytest.approx(cap)
        assert due > now


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=60), st.floats(0.001, 0.05))
def test_shares_fade_with_the_calls_of_others_and_say_when_they_are_down(took, maximum):
    shares = Shares()
    for number in took:
        shares.count(number)
    kept = (1 - 1 / SHARE_WINDOW_CALLS) ** len(took)
    assert sum(shares.of(number) for number in "abc") == pytest.approx(1 - kept)
    due = shares.below_at("a", maximum)
    if shares.of("a") <= maximum:
        assert due == shares.calls
        return
    for _ in range(due - shares.calls - 1):
        shares.count("b")
    assert shares.of("a") > maximum
    shares.count("b")
    assert shares.of("a") <= maximum * (1 + 1e-9)


def test_shares_of_agents_who_are_gone_are_forgotten():
    shares = Shares()
    shares.count("a")
    shares.keep_only({"b"})
    assert shares.of("a") == 0.0


def good_and_bad(**fields):
    world = World(
        [agent("good", rank={"sales": 0.9}), agent("bad", rank={"sales": 0.1})],
        [queue(wrap_up_s=0.0, **{"layers": (BY_RANK,), **fields})],
    )
    world.log_in("bad", "good")
    return world


def serve(world, call, talk_s):
    made = only_offer(world.call(call))
    world.answer(made.offer)
    world.now += talk_s
    world.release(made.agent)
    return made


def test_who_is_above_the_cap_is_passed_over_until_rested():
    world = good_and_bad(occupancy_cap=0.5)
    busy_s = OCCUPANCY_WINDOW_S  # 1 − 1/e = 0.632
    assert serve(world, "a", busy_s).agent == "good"
    made = serve(world, "b", 1.0)
    assert (made.agent, made.choice.spared) == ("bad", 1)
    rested_s = OCCUPANCY_WINDOW_S * log((1 - exp(-1)) / 0.5)
    world.now += rested_s - 2.0
    assert only_offer(world.call("c")).agent == "bad"
    world.leave("c")
    world.now += 2.0
    made = only_offer(world.call("d"))
    assert (made.agent, made.choice.spared) == ("good", 0)


def test_if_nobody_else_is_idle_the_cap_keeps_no_caller_waiting():
    world = good_and_bad(occupancy_cap=0.5)
    serve(world, "a", OCCUPANCY_WINDOW_S)
    world.status("bad", Status.AWAY)
    made = only_offer(world.call("b"))
    assert (made.agent, made.choice.spared, made.choice.candidates_total) == ("good", 0, 1)


def test_a_later_layer_takes_the_call_before_one_above_the_cap():
    best = LayerProfile(name="best", order="conversion", minimum_category_grade=3)
    world = World(
        [agent("good", categories={"tv": 3}), agent("other")],
        [queue(layers=(best, ANYBODY), wrap_up_s=0.0, occupancy_cap=0.5)],
    )
    world.log_in("good", "other")
    assert only_offer(world.call("a", category="tv")).agent == "good"
    world.answer(world.log[-1].offer)
    world.now += OCCUPANCY_WINDOW_S
    world.release("good")
    made = only_offer(world.call("b", category="tv"))
    assert (made.agent, made.choice.layer, made.choice.spared) == ("other", "anybody", 1)


def test_absence_is_no_rest():
    world = good_and_bad(occupancy_cap=0.5)
    serve(world, "a", OCCUPANCY_WINDOW_S)
    world.status("good", Status.AWAY)
    world.now += 8 * HOUR_S
    world.status("good", Status.READY)
    assert only_offer(world.call("b")).agent == "bad"


def test_nobody_gets_more_than_the_maximum_share_while_another_is_idle():
    world = good_and_bad(maximum_share=0.6)
    took = []
    for index in range(2 * SHARE_WINDOW_CALLS):
        took.append(serve(world, f"c{index}", 1.0).agent)
        world.now += 10.0
    last = took[SHARE_WINDOW_CALLS:]
    assert last.count("good") / len(last) == pytest.approx(0.6, abs=0.01)


def test_limits_hold_on_over_a_reload_and_over_a_new_fit():
    world = good_and_bad(occupancy_cap=0.5)
    serve(world, "a", OCCUPANCY_WINDOW_S)
    world.router.record_outcome("bad", "sales", "", "x", True, 0.0)
    assert only_offer(world.call("b")).agent == "bad"
    world.leave("b")
    agents = [agent("good", rank={"sales": 0.9}), agent("bad", rank={"sales": 0.1})]
    world.configure(agents, [queue(wrap_up_s=0.0, layers=(BY_RANK,), occupancy_cap=0.5)])
    assert only_offer(world.call("c")).agent == "bad"
    world.leave("c")
    world.configure(agents, [queue(wrap_up_s=0.0, layers=(BY_RANK,))])
    assert only_offer(world.call("d")).agent == "good"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(1.0, 2000.0), st.floats(0.0, 900.0)),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([0.3, 0.6, 0.9]),
)
def test_never_is_one_above_the_cap_chosen_before_an_idle_one_below(told, cap):
    numbers = [f"{index}" for index in range(4)]
    world = World(
        [agent(number, rank={"sales": 0.9 - int(number) / 10}) for number in numbers],
        [queue(layers=(BY_RANK,), wrap_up_s=0.0, occupancy_cap=cap)],
    )
    world.log_in(*numbers)
    occupancies = {number: Occupancy() for number in numbers}
    talking = []
    for number in numbers:
        occupancies[number].change(0.0, world.now)
    for index, (end_one, talk_s, pause_s) in enumerate(told):
        if end_one and talking:
            number = talking.pop(0)
            occupancies[number].change(0.0, world.now)
            world.release(number)
        if len(talking) < len(numbers):
            idle = [number for number in numbers if number not in talking]
            made = only_offer(world.call(f"c{index}"))
            below = [each for each in idle if occupancies[each].at(world.now) <= cap * (1 - 1e-9)]
            above = [each for each in idle if occupancies[each].at(world.now) > cap * (1 + 1e-9)]
            if below:
                assert made.agent not in above
            best = min(below or above or idle)
            if set(below) | set(above) == set(idle):
                assert made.agent == best
                assert made.choice.spared == (
                    sum(each < made.agent for each in above) if below else 0
                )
            occupancies[made.agent].change(None, world.now)
            occupancies[made.agent].change(1.0, world.now)
            world.answer(made.offer)
            talking.append(made.agent)
            world.now += talk_s
        world.now += pause_s
