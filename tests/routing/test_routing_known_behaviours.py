"""Behaviours that app_queue's own tests name, where no other file here has them: in our terms."""

import pytest
from routing_world import World, agent, offered_to, only_offer, queue, withdrawn

from acd.routing.events import OfferOutcome
from acd.routing.model import Grade, LayerProfile, State, Status

GOOD = (LayerProfile(name="good", order="longest_idle", minimum_grade=Grade.A),)


def test_all_are_paused_and_the_first_one_back_takes_the_first_call():
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("1", "2")
    for number in ("1", "2"):
        world.status(number, Status.AWAY, "break")
    world.call("first")
    world.call("second")
    world.wait(60.0)
    assert offered_to(world.log) == []
    assert offered_to(world.status("2", Status.READY)) == [("first", "2")]
    assert offered_to(world.status("1", Status.READY)) == [("second", "1")]


def test_whose_grade_is_out_of_range_is_never_rung_however_long_the_wait():
    world = World([agent("1", grade=Grade.B)], [queue(layers=GOOD, max_wait_s=500.0)])
    world.log_in("1")
    world.call("c")
    world.wait(499.0)
    assert offered_to(world.log) == []
    assert world.state("1") is State.IDLE


def test_a_grade_that_is_set_while_calls_wait_counts_at_once():
    world = World([agent("1", grade=Grade.B)], [queue(layers=GOOD)])
    world.log_in("1")
    world.call("c")
    assert offered_to(world.configure([agent("1", grade=Grade.A)], [queue(layers=GOOD)])) == [
        ("c", "1")
    ]


def test_a_grade_that_is_taken_away_ends_no_offer_and_no_talk():
    world = World([agent("1")], [queue(layers=GOOD)])
    world.log_in("1")
    made = only_offer(world.call("c"))
    assert withdrawn(world.configure([agent("1", grade=Grade.C)], [queue(layers=GOOD)])) == []
    world.answer(made.offer)
    assert world.state("1") is State.TALKING
    world.release("1")
    world.call("next")
    world.wait(60.0)
    assert offered_to(world.log) == [("c", "1")]


@pytest.mark.parametrize("by", ["agent", "li"])
def test_a_phone_that_rings_falls_silent_when_its_agent_is_paused(by):
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("1", "2")
    world.call("c")
    events = world.status("1", Status.AWAY, "break", by)
    assert withdrawn(events) == [("c", OfferOutcome.AGENT_LEFT)]
    assert offered_to(events) == [("c", "2")]
    assert world.router.agent_view("1").misses == 0


def test_members_reload_keeps_who_is_paused_and_who_talks():
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("1", "2")
    world.status("1", Status.AWAY, "break")
    made = only_offer(world.call("c"))
    world.answer(made.offer)
    world.configure([agent("1"), agent("2"), agent("3")], [queue()])
    assert world.router.agent_view("1").reason == "break"
    assert world.state("2") is State.TALKING
    assert world.state("3") is State.OFFLINE
