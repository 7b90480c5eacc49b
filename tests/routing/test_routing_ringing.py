"""Several phones ring for one call: the first answer takes it, and nobody is worse off."""

import pytest

from acd.routing.errors import ConfigurationError
from acd.routing.events import CallTimedOut, OfferOutcome
from acd.routing.model import ActivationRule, Grade, LayerProfile, Preferred, State, Status
from tests.routing.routing_world import (
    ANYBODY,
    World,
    agent,
    offered_to,
    offers,
    only_offer,
    queue,
    withdrawn,
)

ALL = LayerProfile(name="all", order="longest_idle", ring="all")
STEPS = LayerProfile(name="steps", order="longest_idle", ring="progressively")
ELSEWHERE = OfferOutcome.ANSWERED_ELSEWHERE


def world_of(*layers, numbers="1234", logged_in=None, agents=None, **fields):
    fields.setdefault("wrap_up_s", 0.0)
    others = fields.pop("others", ())
    people = agents or [agent(number) for number in numbers]
    world = World(people, [queue(layers=layers, **fields), *others])
    world.log_in(*(numbers if logged_in is None else logged_in))
    return world


def rung(events):
    return [made.agent for made in offers(events)]


def test_every_idle_agent_rings_the_longest_idle_first():
    world = world_of(ALL)
    made = offers(world.call("a"))
    assert [each.agent for each in made] == ["1", "2", "3", "4"]
    assert len({each.offer for each in made}) == 4
    assert [each.choice.candidates_total for each in made] == [4, 3, 2, 1]
    assert world.router.position("a", world.now) == 1


def test_the_first_answer_takes_the_call_and_the_others_keep_their_idle_time():
    world = world_of(ALL, numbers="123")
    first, second, third = offers(world.call("a"))
    idle = {each: world.router.agent_view(each).idle_since for each in "123"}
    world.wait(6.0)
    events = world.answer(second.offer)
    assert withdrawn(events) == [("a", ELSEWHERE), ("a", ELSEWHERE)]
    assert world.state("2") is State.TALKING
    for number in "13":
        view = world.router.agent_view(number)
        assert (view.state, view.misses, view.offer) == (State.IDLE, 0, "")
        assert view.idle_since == idle[number]
    # An answer that comes too late is none, nor is a phone that stops ringing.
    assert world.answer(first.offer) == []
    assert world.fail(third.offer) == []
    assert world.router.agent_view("1").counters.calls == 0


def test_no_more_phones_ring_than_allowed_and_one_that_stops_is_replaced():
    world = world_of(ALL, ring_at_most=2)
    first, second = offers(world.call("a"))
    events = world.fail(first.offer, OfferOutcome.REJECTED)
    assert offered_to(events) == [("a", "3")]
    assert world.state("1") is State.PAUSED
    assert world.state("2") is State.OFFERED
    assert withdrawn(world.answer(second.offer)) == [("a", ELSEWHERE)]


def test_whoever_rejected_is_not_rung_again_while_others_ring_on():
    world = world_of(ALL, numbers="12", ring_timeout_s=60.0)
    first, _ = offers(world.call("a"))
    world.fail(first.offer, OfferOutcome.REJECTED)
    assert offers(world.wait(30.0)) == []
    assert world.state("1") is State.IDLE


def test_the_lease_of_each_phone_is_its_own_and_the_call_keeps_its_place():
    world = world_of(ALL, logged_in="1", ring_timeout_s=20.0)
    world.call("a")
    world.call("b")
    world.wait(5.0)
    world.log_in("2")  # takes b, that nobody is offered
    assert world.router.agent_view("2").interaction == "i-b"
    world.log_in("3")
    assert world.router.agent_view("3").interaction == "i-a"
    events = world.wait(14.0)
    assert withdrawn(events) == [("a", OfferOutcome.NO_ANSWER)]
    assert world.state("3") is State.OFFERED
    assert world.router.position("a", world.now) == 1


def test_when_the_last_phone_falls_silent_the_call_waits_for_the_next_agent():
    world = world_of(ALL, numbers="12", ring_timeout_s=20.0)
    world.call("a")
    events = world.wait(20.0)
    assert withdrawn(events) == [("a", OfferOutcome.NO_ANSWER)] * 2
    assert world.router.position("a", world.now) == 1
    # Both have missed it, and are the only ones: another round, once they are back.
    assert offered_to(world.wait(10.0)) == [("a", "1"), ("a", "2")]


def test_a_caller_who_hangs_up_ends_all():
    world = world_of(ALL, numbers="12")
    world.call("a")
    world.now += 3.0
    idle = [world.router.agent_view(each).idle_since for each in "12"]
    assert withdrawn(world.leave("a")) == [("a", OfferOutcome.CALLER_LEFT)] * 2
    assert [world.state(each) for each in "12"] == [State.IDLE] * 2
    assert [world.router.agent_view(each).idle_since for each in "12"] == idle
    assert world.router.queue_lengths() == {"sales": 0}


def test_agents_who_rang_in_vain_take_the_calls_that_wait():
    world = world_of(ALL, numbers="123")
    _, second, _ = offers(world.call("a"))
    assert offers(world.call("b")) == []
    assert offered_to(world.answer(second.offer)) == [("b", "1"), ("b", "3")]


def test_whoever_leaves_while_ringing_leaves_the_others_ringing():
    world = world_of(ALL, numbers="12")
    world.call("a")
    assert withdrawn(world.reachable("1", False)) == [("a", OfferOutcome.AGENT_LEFT)]
    assert world.state("2") is State.OFFERED
    assert withdrawn(world.keep(world.router.engage("2", "x", "ix", "", world.now))) == [
        ("a", OfferOutcome.AGENT_LEFT)
    ]
    assert offered_to(world.reachable("1", True)) == [("a", "1")]


def test_an_agent_who_frees_up_joins_the_most_urgent_call_that_rings():
    world = world_of(ALL, numbers="123", logged_in="1")
    world.call("a")
    world.now += 1.0
    world.call("b", priority=1)
    world.log_in("2")
    assert world.router.agent_view("2").interaction == "i-b"
    world.log_in("3")
    made = offers(world.log)[-1]
    assert (made.call, made.agent) == ("b", "3")
    assert (made.choice.layer, made.choice.candidates[0].agent) == ("all", "3")


def test_a_call_without_any_phone_goes_before_joining():
    plain = queue("service", skill="sales", wrap_up_s=0.0)
    world = world_of(ALL, numbers="12", logged_in="1", others=[plain])
    world.call("a")
    world.call("b", queue="service")
    world.log_in("2")
    assert world.router.agent_view("2").interaction == "i-b"


def test_progressively_one_more_phone_rings_with_each_step():
    world = world_of(STEPS, ring_step_s=4.0, ring_timeout_s=10.0)
    assert rung(world.call("a")) == ["1"]
    assert rung(world.wait(3.9)) == []
    assert rung(world.wait(0.2)) == ["2"]
    assert rung(world.wait(4.0)) == ["3"]
    events = world.wait(2.0)
    assert withdrawn(events) == [("a", OfferOutcome.NO_ANSWER)]
    assert world.state("2") is State.OFFERED
    assert rung(world.wait(2.0)) == ["4"]


def test_progressively_a_step_that_found_nobody_waits_for_the_next_agent():
    world = world_of(STEPS, logged_in="1", ring_step_s=4.0)
    world.call("a")
    world.log_in("2")
    assert world.state("2") is State.IDLE
    assert rung(world.wait(4.0)) == ["2"]
    world.wait(4.5)
    world.log_in("3", "4")
    # The step was due and is taken; the next one begins with it.
    assert world.state("3") is State.OFFERED
    assert world.state("4") is State.IDLE
    assert rung(world.wait(3.0)) == ["4"]


def test_progressively_no_step_is_due_after_the_maximum_wait():
    """There nobody joins: the router would be woken for nothing."""
    world = world_of(STEPS, ring_step_s=4.0, ring_timeout_s=15.0, max_wait_s=10.0)
    world.call("a")
    assert rung(world.wait(9.0)) == ["2", "3"]
    lease_ends_at = world.router.agent_view("1").deadline
    assert world.router.next_deadline() == lease_ends_at > world.now


def test_progressively_the_best_come_first():
    layer = LayerProfile(name="steps", order="category_grade", ring="progressively")
    people = [
        agent("1", categories={"tv": Grade.C}),
        agent("2", categories={"tv": Grade.AA}),
        agent("3", categories={"tv": Grade.B}),
    ]
    world = world_of(layer, agents=people, numbers="123", ring_step_s=3.0)
    assert rung(world.call("a", category="tv")) == ["2"]
    assert rung(world.wait(6.0)) == ["3", "1"]


def test_a_layer_that_rings_all_opens_beside_the_phone_that_rings():
    first = LayerProfile(name="first", order="longest_idle", minimum_grade=Grade.AA)
    late = LayerProfile(name="late", order="longest_idle", ring="all", after_s=10.0)
    people = [agent("1", grade=Grade.AA), agent("2"), agent("3")]
    world = world_of(first, late, agents=people, numbers="123", ring_timeout_s=30.0)
    assert rung(world.call("a")) == ["1"]
    events = world.wait(10.0)
    assert rung(events) == ["2", "3"]
    assert [each.choice.layer for each in offers(events)] == ["late", "late"]


def test_a_layer_of_one_phone_adds_none():
    ringing = LayerProfile(name="top", order="longest_idle", minimum_grade=Grade.AA, ring="all")
    people = [agent("1", grade=Grade.AA), agent("2", grade=Grade.AA), agent("3")]
    world = world_of(ringing, ANYBODY, agents=people, numbers="123")
    assert rung(world.call("a")) == ["1", "2"]
    assert world.state("3") is State.IDLE


def test_after_the_maximum_wait_nobody_joins_and_the_call_is_led_on():
    world = world_of(ALL, numbers="12", logged_in="1", max_wait_s=10.0, ring_timeout_s=15.0)
    world.call("a")
    world.wait(11.0)
    world.log_in("2")
    assert world.state("2") is State.IDLE
    events = world.wait(5.0)
    assert [event.call for event in events if isinstance(event, CallTimedOut)] == ["a"]


def test_who_is_above_the_cap_does_not_ring_beside_others():
    world = world_of(ALL, numbers="123", occupancy_cap=0.2, logged_in="1")
    world.talk("before", "1")
    world.wait(900.0)
    world.release("1")
    world.log_in("2", "3")
    made = offers(world.call("a"))
    assert [each.agent for each in made] == ["2", "3"]
    assert made[0].choice.spared == 1
    # Nor join on becoming free.
    world.status("1", Status.AWAY)
    world.status("1", Status.READY)
    assert world.state("1") is State.IDLE
    # Alone, it is better than nobody.
    for each in made:
        world.status(each.agent, Status.AWAY)
    assert world.state("1") is State.OFFERED


def test_a_preferred_agent_rings_alone():
    world = world_of(ALL, numbers="12", prefers=("manager",), ring_timeout_s=20.0)
    preferred = (Preferred("2", "manager"),)
    assert rung(world.call("a", preferred=preferred)) == ["2"]
    assert rung(world.wait(15.0)) == []
    assert rung(world.wait(5.0)) == ["1"]


def test_an_activated_group_rings_beside_the_others():
    mobile = LayerProfile(name="mobile", order="longest_idle", ring="all", groups=("mobile",))
    people = [agent("1"), agent("2", groups=("mobile",)), agent("3", groups=("mobile",))]
    world = world_of(
        ALL,
        mobile,
        agents=people,
        numbers="123",
        activations=(ActivationRule(group="mobile", longest_wait_s=500.0),),
    )
    assert rung(world.call("a")) == ["1"]
    events = world.keep(world.router.activate("sales", "mobile", True, "boss", world.now))
    assert rung(events) == ["2", "3"]


def test_a_reload_goes_on_under_the_new_way_to_ring():
    world = world_of(ANYBODY, numbers="123")
    made = only_offer(world.call("a"))
    people = [agent(number) for number in "123"]
    events = world.configure(people, [queue(layers=(ALL,), wrap_up_s=0.0)])
    assert rung(events) == ["2", "3"]
    world.configure(people, [queue(layers=(ANYBODY,), wrap_up_s=0.0)])
    assert withdrawn(world.answer(made.offer)) == [("a", ELSEWHERE)] * 2
    assert [world.state(each) for each in "23"] == [State.IDLE] * 2
    world.call("b")
    world.call("c")
    assert [world.state(each) for each in "23"] == [State.OFFERED] * 2


def test_a_rebuilt_router_knows_all_that_rings():
    world = world_of(STEPS, numbers="1234", ring_step_s=4.0)
    world.call("a")
    world.wait(5.0)
    first, second = (made.offer for made in offers(world.log))
    line = queue(layers=(STEPS,), ring_step_s=4.0, wrap_up_s=0.0)
    again = World([agent(number) for number in "1234"], [line], ids_from=100)
    again.now = world.now
    for value in world.router.announcements():
        again.router.announce(value)
    assert again.keep(again.router.settle(again.now)) == []
    assert rung(again.wait(2.9)) == []
    assert rung(again.wait(0.2)) == ["3"]
    assert withdrawn(again.answer(second)) == [("a", ELSEWHERE)] * 2
    assert again.answer(first) == []
    assert [again.state(each) for each in "134"] == [State.IDLE] * 3


@pytest.mark.parametrize(
    ("layer", "fields", "message"),
    [
        (LayerProfile(name="all", ring="loudly"), {}, "one of one, all, progressively"),
        (ALL, {"ring_at_most": 0}, "ring_at_most is 0; 1 to 50 phones"),
        (ALL, {"ring_at_most": 51}, "ring_at_most is 51; 1 to 50 phones"),
        (STEPS, {"ring_step_s": 0.0}, "ring_step_s is 0.0; at least 1.0 s"),
    ],
)
def test_what_cannot_be_meant_is_refused(layer, fields, message):
    with pytest.raises(ConfigurationError, match=message):
        world_of(layer, **fields)
