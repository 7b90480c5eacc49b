"""A talk before a transfer: the place in the line is kept over it, and it is no wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from routing_world import World, agent, offered_to, only_offer, queue

from acd.routing.events import GroupActivated
from acd.routing.model import ActivationRule, LayerProfile, Preferred, Status

TALK_S = 240.0
LAYERS = (
    LayerProfile(name="team", order="longest_idle"),
    LayerProfile(name="mobile", order="longest_idle", groups=("mobile",)),
)


def handed_on(world, name, *, waited_s=20.0, **fields):
    """A caller who has waited and talked, and is lined up now by the first enqueue time."""
    first = world.now - waited_s - TALK_S
    return world.call(name, enqueued_at=first, entered_at=world.now, served_s=TALK_S, **fields)


def test_who_was_handed_on_goes_before_who_came_during_the_talk():
    world = World([agent("1")], [queue()])
    world.call("c1")
    world.wait(10.0)
    handed_on(world, "c2")
    assert [world.router.position(name, world.now) for name in ("c2", "c1")] == [1, 2]
    world.log_in("1")
    assert offered_to(world.log) == [("c2", "1")]


def test_the_longest_wait_is_without_the_talk():
    world = World([agent("1")], [queue()])
    handed_on(world, "c1")
    assert world.router.oldest_wait(world.now) == {"sales": pytest.approx(20.0)}
    world.wait(5.0)
    world.call("c2", enqueued_at=world.now - 30.0)  # has overflowed
    assert world.router.oldest_wait(world.now) == {"sales": pytest.approx(30.0)}


def test_no_rule_on_waits_calls_the_mobile_group_for_a_talk():
    rule = ActivationRule(group="mobile", longest_wait_s=60.0)
    people = [agent("1"), agent("2", groups=("mobile",))]
    world = World(people, [queue(layers=LAYERS, activations=(rule,))])
    world.log_in("2")
    assert handed_on(world, "c1") == []
    assert world.wait(39.9) == []
    events = world.wait(0.1)
    assert [type(event) for event in events][:1] == [GroupActivated]
    assert offered_to(events) == [("c1", "2")]


@pytest.mark.parametrize("way", ["frees up", "is idle", "is preferred"])
def test_an_offer_records_the_wait_without_the_talk(way):
    world = World([agent("1")], [queue()])
    world.log_in("1")
    preferred = (Preferred("1", "last_agent"),) if way == "is preferred" else ()
    if way == "frees up":
        world.status("1", Status.AWAY)
        handed_on(world, "c1")
        made = only_offer(world.status("1", Status.READY))
    else:
        made = only_offer(handed_on(world, "c1", preferred=preferred))
    assert made.choice.waited_s == pytest.approx(20.0)


CALLS = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from([0, 0, 0, 5, 60, 600]), st.integers(0, 2)),
    max_size=25,
)


@given(CALLS, st.sampled_from([0.0, 60.0]))
def test_the_longest_wait_is_that_of_whoever_has_waited_longest(calls, ageing_s):
    world = World([agent("1")], [queue(ageing_s=ageing_s)])
    for index, (ago, served, priority) in enumerate(calls):
        world.call(
            f"{index:02}",
            enqueued_at=world.now - ago,
            served_s=float(min(served, ago)),
            priority=priority,
        )
    longest = max((ago - min(served, ago) for ago, served, _ in calls), default=0)
    assert world.router.oldest_wait(world.now) == {"sales": pytest.approx(longest)}
    for index, _ in enumerate(calls[: len(calls) // 2]):
        world.leave(f"{index:02}")
    rest = calls[len(calls) // 2 :]
    longest = max((ago - min(served, ago) for ago, served, _ in rest), default=0)
    assert world.router.oldest_wait(world.now) == {"sales": pytest.approx(longest)}
