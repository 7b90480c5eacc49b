"""Strategies under the names people know: who comes first among agents who may take the call."""

from collections import Counter
from random import Random

import pytest

from acd.routing.errors import ConfigurationError
from acd.routing.model import LayerProfile, Status
from tests.routing.routing_world import World, agent, offers, only_offer, queue


def world_of(order, numbers=("1", "2", "3"), *, random=None, **fields):
    layer = LayerProfile(name="all", order=order)
    return World(
        [agent(number, **fields.get(number, {})) for number in numbers],
        [queue(layers=(layer,), wrap_up_s=0.0)],
        random=random,
    )


def take(world, call, talk_s=10.0):
    """A call from its arrival to its end; returns who took it."""
    made = only_offer(world.call(call))
    world.answer(made.offer)
    world.wait(talk_s)
    world.release(made.agent)
    return made.agent


def test_fewest_calls_brings_a_late_comer_level():
    world = world_of("fewest_calls")
    world.log_in("1", "2")
    assert [take(world, f"c{n}") for n in range(4)] == ["1", "2", "1", "2"]
    world.log_in("3")
    assert [take(world, f"d{n}") for n in range(3)] == ["3", "3", "1"]


def test_least_talk_time_goes_by_seconds_not_by_calls():
    world = world_of("least_talk_time", ("1", "2"))
    world.log_in("1", "2")
    assert take(world, "long", 100.0) == "1"
    assert [take(world, f"c{n}", 30.0) for n in range(5)] == ["2", "2", "2", "2", "1"]


def test_hold_counts_as_talk_time():
    world = world_of("least_talk_time", ("1", "2"))
    world.log_in("1", "2")
    made = only_offer(world.call("held"))
    world.answer(made.offer)
    world.keep(world.router.hold(made.agent, True, world.now))
    world.wait(50.0)
    world.release(made.agent)
    assert take(world, "next", 49.0) == "2"
    assert take(world, "third") == "2"


def test_round_robin_goes_on_after_the_last_one_whatever_the_idle_time():
    world = world_of("round_robin")
    world.log_in("1", "2", "3")
    assert [take(world, f"c{n}") for n in range(4)] == ["1", "2", "3", "1"]
    # A missed offer is a turn, too.
    made = only_offer(world.call("missed"))
    assert made.agent == "2"
    assert [each.agent for each in offers(world.fail(made.offer))] == ["3"]


def test_top_down_goes_by_the_list_and_its_order_is_taken_over():
    world = world_of("top_down", ("2", "1", "3"))
    world.log_in("1", "2", "3")
    assert [take(world, f"c{n}") for n in range(3)] == ["2", "2", "2"]
    layer = LayerProfile(name="all", order="top_down")
    world.configure([agent("3"), agent("2"), agent("1")], [queue(layers=(layer,), wrap_up_s=0.0)])
    assert take(world, "d") == "3"


def test_weighted_random_gives_shares_by_weight():
    layer = LayerProfile(name="all", order="weighted_random")
    world = World(
        [agent("1", weight=1.0), agent("2", weight=2.0), agent("3", weight=7.0)],
        [queue(layers=(layer,), wrap_up_s=0.0)],
        random=Random(4).random,
    )
    world.log_in("1", "2", "3")
    taken = Counter(take(world, f"c{n}", 1.0) for n in range(4000))
    # Standard errors: 19, 25, 29 calls. Four of them.
    assert abs(taken["1"] - 400) < 80
    assert abs(taken["2"] - 800) < 105
    assert abs(taken["3"] - 2800) < 120


def test_weighted_random_without_a_source_of_chance_is_refused():
    with pytest.raises(ConfigurationError, match="weighted_random needs a source of random"):
        world_of("weighted_random")


def test_counters_begin_anew_with_the_log_in():
    world = world_of("fewest_calls", ("1", "2"))
    world.log_in("1", "2")
    assert [take(world, f"c{n}") for n in range(3)] == ["1", "2", "1"]
    world.status("1", Status.LOGGED_OUT)
    world.status("1", Status.READY)
    assert take(world, "d") == "1"
