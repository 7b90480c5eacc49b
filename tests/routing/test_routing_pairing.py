"""When calls wait: which one an agent who frees up takes, and how far it may go ahead."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_world import BY_RANK, World, agent, offered_to, offers, only_offer, queue

SELLS = {("1", "tv"): 40, ("1", "pans"): 10, ("2", "tv"): 10, ("2", "pans"): 40}
"""Orders of 50 calls."""


def learned(window_s, *, random=None, **fields):
    world = World(
        [agent("1"), agent("2")],
        [queue(layers=(BY_RANK,), fairness_window_s=window_s, wrap_up_s=0.0, **fields)],
        random=random,
    )
    for (number, category), orders in SELLS.items():
        for index in range(50):
            interaction = f"{number}{category}{index}"
            world.router.record_outcome(
                number, "sales", category, interaction, index < orders, 0.0
            )
    return world


def test_the_call_that_suits_goes_first_within_the_window_and_the_choice_says_so():
    world = learned(20.0)
    world.call("head", category="pans")
    world.now += 5.0
    world.call("suits", category="tv")
    world.log_in("1")
    made = only_offer(world.log)
    assert (made.call, made.choice.order, made.choice.overtook_s) == ("suits", "pairing", 5.0)
    assert made.choice.candidates[0].score > 0.6


@pytest.mark.parametrize(("window_s", "gap_s"), [(20.0, 20.1), (0.0, 0.1)])
def test_beyond_the_window_the_order_is_strict(window_s, gap_s):
    world = learned(window_s)
    world.call("head", category="pans")
    world.now += gap_s
    world.call("suits", category="tv")
    world.log_in("1")
    made = only_offer(world.log)
    assert (made.call, made.choice.order, made.choice.overtook_s) == ("head", "conversion", 0.0)


def test_it_is_the_advantage_over_the_group_that_counts_not_the_best_sale():
    world = learned(20.0)
    for number in ("1", "2"):  # toys sell themselves, with anybody
        for index in range(50):
            world.router.record_outcome(number, "sales", "toys", f"{number}t{index}", True, 0.0)
    world.router.refit(world.now)
    world.call("toys", category="toys")
    world.now += 1.0
    world.call("tv", category="tv")
    world.log_in("1")
    assert only_offer(world.log).call == "tv"


def test_higher_priority_is_not_overtaken():
    world = learned(20.0)
    world.call("vip", category="pans", priority=1)
    world.now += 1.0
    world.call("suits", category="tv")
    world.log_in("1")
    assert only_offer(world.log).call == "vip"


@pytest.mark.parametrize("held", ["head", "suits"])
def test_a_call_of_the_hold_out_share_neither_overtakes_nor_is_overtaken(held):
    draws = iter([0.05, 0.9] if held == "head" else [0.9, 0.05])
    world = learned(20.0, random=lambda: next(draws), hold_out=0.1)
    world.call("head", category="pans")
    world.now += 1.0
    world.call("suits", category="tv")
    world.log_in("1")
    made = only_offer(world.log)
    assert (made.call, made.choice.hold_out) == ("head", held == "head")


def test_a_conversion_set_by_hand_counts_here_too():
    world = World(
        [agent("1", rank={"sales": 0.9})],
        [queue(layers=(BY_RANK,), fairness_window_s=20.0, wrap_up_s=0.0)],
    )
    for index in range(40):
        world.router.record_outcome("9", "sales", "tv", f"t{index}", index < 30, 0.0)
        world.router.record_outcome("9", "sales", "pans", f"p{index}", index < 10, 0.0)
    world.call("head", category="tv")
    world.call("further above the others", category="pans")
    world.log_in("1")
    assert only_offer(world.log).call == "further above the others"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.sampled_from(["tv", "pans", ""]), st.floats(0.0, 30.0)),
        st.tuples(st.just("free"), st.sampled_from(["1", "2"]), st.floats(0.0, 30.0)),
        st.tuples(st.just("leave"), st.integers(0, 5), st.floats(0.0, 5.0)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps, st.sampled_from([0.0, 5.0, 20.0, 60.0]), st.floats(0.0, 1.0))
def test_nobody_is_overtaken_by_more_than_the_window(told, window_s, held):
    draws = (index * 0.618 % 1.0 for index in count(1))
    world = learned(window_s, random=lambda: next(draws), hold_out=held)
    waiting, names = {}, count()

    def check(events):
        for made in offers(events):
            came = waiting.pop(made.call)
            before = [call for call, at in waiting.items() if (at, call) < (came, made.call)]
            overtaken_s = max((came - waiting[call] for call in before), default=0.0)
            assert overtaken_s <= window_s
            assert made.choice.overtook_s == pytest.approx(overtaken_s)
            if window_s == 0.0 or made.choice.hold_out:
                assert before == [], "strict order"
            world.answer(made.offer)

    world.log_in("1", "2")
    for what, which, seconds in told:
        world.now += seconds
        if what == "call":
            name = f"c{next(names):03}"
            waiting[name] = world.now
            check(world.call(name, category=which))
        elif what == "free":
            check(world.release(which))
        elif waiting:
            call = sorted(waiting)[which % len(waiting)]
            del waiting[call]
            check(world.leave(call))
    # Nobody is left behind for good.
    for number in ("1", "2") * (len(waiting) + 1):
        check(world.release(number))
    assert not waiting
    assert offered_to(world.release("1")) == []
