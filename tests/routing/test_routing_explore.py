"""Trying agents of whom little is known: who is tried, how soon, and what it costs."""

from math import inf, log, sqrt
from random import Random
from statistics import mean, stdev

import pytest
from routing_world import BY_RANK, World, agent, offers, only_offer, queue

from acd.routing.explore import Belief, exploration, posterior_draw, upper_bound
from acd.routing.rank import Measure, Outcome, QueueRank


def test_the_upper_bound_is_for_those_who_had_less_than_an_even_part():
    belief = Belief(0.5, 0.01, 19.0)
    assert upper_bound(belief, 20.0) == 0.5
    assert upper_bound(belief, 200.0) == pytest.approx(0.5 + 0.1 * sqrt(2 * log(10)))
    assert exploration("ucb", None) is upper_bound
    assert exploration("none", Random(1).random) is None


def test_draws_are_normal_around_the_mean():
    draw = posterior_draw(Random(5).random)
    draws = [draw(Belief(0.6, 0.05**2, 10.0), 10.0) for _ in range(20_000)]
    assert mean(draws) == pytest.approx(0.6, abs=4 * 0.05 / sqrt(20_000))
    assert stdev(draws) == pytest.approx(0.05, rel=0.03)
    below = sum(value < 0.6 - 1.6449 * 0.05 for value in draws) / len(draws)
    assert below == pytest.approx(0.05, abs=0.006)


def test_a_draw_is_finite_whatever_the_source_gives():
    for value in (0.0, 1.0 - 2**-53):
        assert -inf < posterior_draw(lambda value=value: value)(Belief(0.5, 0.01, 0.0), 1.0) < inf


def test_what_is_believed_narrows_with_the_outcomes():
    rank = QueueRank(Measure(1e6))
    for index in range(200):
        for number, calls in (("few", 5), ("some", 50), ("many", 200)):
            if index < calls:
                rank.add(Outcome(number, "sales", "tv", index % 2 == 0, 0.0))
    rank.refresh()
    spreads = [rank.belief(number).deviation for number in ("stranger", "few", "some", "many")]
    assert spreads == sorted(spreads, reverse=True)
    assert rank.belief("few", "tv").variance > rank.belief("few").variance
    # Beta(α, β): variance m(1 − m)/(α + β + n + 1)
    strength, m = rank.prior.alpha + rank.prior.beta, rank.mean("many")
    assert rank.belief("many").variance == pytest.approx(m * (1 - m) / (strength + 200 + 1))


def shop(name, sells, seed, calls=1500):
    """One call after the other to four agents; returns who got each of them."""
    random = Random(seed)
    numbers = list(sells)
    world = World(
        [agent(number) for number in numbers],
        [queue(layers=(BY_RANK,), exploration=name, wrap_up_s=0.0)],
        random=random.random,
    )
    world.log_in(*numbers)
    served = []
    for index in range(calls):
        made = only_offer(world.call(f"c{index}"))
        world.answer(made.offer)
        world.now += 60.0
        sold = random.random() < sells[made.agent]
        world.router.record_outcome(made.agent, "sales", "", f"c{index}", sold, world.now)
        world.release(made.agent)
        world.router.refit(world.now)
        served.append(made.agent)
    return served


@pytest.mark.parametrize("name", ["ucb", "thompson"])
def test_a_newcomer_is_tried_although_the_others_are_proven(name):
    random = Random(3)
    world = World(
        [agent(f"{index}") for index in range(9)] + [agent("new")],
        [queue(layers=(BY_RANK,), exploration=name, wrap_up_s=0.0)],
        random=random.random,
    )
    for index in range(9):
        for call in range(300):
            won = call % 300 < 120 + 8 * index
            world.router.record_outcome(f"{index}", "sales", "", f"{index}-{call}", won, 0.0)
    world.router.refit(world.now)
    world.log_in(*(f"{index}" for index in range(9)), "new")
    tried = []
    for index in range(300):
        made = only_offer(world.call(f"c{index}"))
        tried.append(made.agent)
        world.answer(made.offer)
        world.now += 60.0
        world.release(made.agent)
    assert "new" in tried


@pytest.mark.parametrize("name", ["ucb", "thompson"])
@pytest.mark.parametrize("seed", range(5))
def test_regret_is_bounded(name, seed):
    sells = {"a": 0.35, "b": 0.45, "c": 0.55, "d": 0.7}
    served = shop(name, sells, seed)
    regret = sum(0.7 - sells[number] for number in served)
    # Chance alone costs 0.1875 a call, 281 in all; always the second best 225.
    assert regret < 75
    assert served[-500:].count("d") > 300


def test_without_exploration_bad_luck_can_last():
    """Five lost calls of the best one, and the estimate alone never asks again."""
    world = World(
        [agent("unlucky"), agent("usual")],
        [queue(layers=(BY_RANK,), exploration="none", wrap_up_s=0.0)],
    )
    for index in range(200):
        world.router.record_outcome("usual", "sales", "", f"u{index}", index % 2 == 0, 0.0)
    for index in range(5):
        world.router.record_outcome("unlucky", "sales", "", f"x{index}", False, 0.0)
    world.log_in("unlucky", "usual")
    for index in range(50):
        assert only_offer(world.call(f"c{index}")).agent == "usual"
        world.leave(f"c{index}")


def test_a_draw_does_not_last_while_an_agent_stands_idle():
    world = World(
        [agent(f"{index}") for index in range(5)],
        [queue(layers=(BY_RANK,), exploration="thompson", wrap_up_s=0.0)],
        random=Random(2).random,
    )
    for index in range(5):
        for call in range(10):
            world.router.record_outcome(f"{index}", "sales", "", f"{index}{call}", call < 5, 0.0)
    world.log_in(*(f"{index}" for index in range(5)))
    first = set()
    for index in range(200):
        made = only_offer(world.call(f"c{index}"))
        first.add(made.agent)
        world.leave(f"c{index}")
    assert first == {f"{index}" for index in range(5)}


def test_with_nothing_measured_nobody_is_drawn_ahead_and_the_choice_says_so():
    world = World(
        [agent("1"), agent("2")],
        [queue(layers=(BY_RANK,), exploration="thompson")],
        random=Random(2).random,
    )
    world.log_in("2", "1")
    for index in range(20):
        made = only_offer(world.call(f"c{index}"))
        assert (made.agent, made.choice.order) == ("2", "unmeasured")
        assert offers(world.leave(f"c{index}")) == []
