"""Rules about agents: two tracks, leases, misses, wrap-up, and nobody ever stuck."""

import math

import pytest
from routing_world import (
    World,
    agent,
    offered_to,
    only_offer,
    queue,
    statuses,
    withdrawn,
)

from acd.routing.errors import RoutingError, UnknownAgentError
from acd.routing.events import AgentStateChanged, OfferOutcome
from acd.routing.model import MissRule, State, Status
from acd.routing.router import LONGEST_WRAP_UP_S, Router


@pytest.fixture
def world():
    made = World([agent("1001"), agent("1002")], [queue()])
    made.log_in("1001")
    return made


def test_an_agent_begins_offline_and_logged_out_without_an_event():
    world = World([agent("1001")], [queue()])
    view = world.router.agent_view("1001")
    assert (view.state, view.status, view.reachable) == (State.OFFLINE, Status.LOGGED_OUT, False)
    assert world.log == []


def test_idle_needs_both_a_device_and_a_log_in():
    world = World([agent("1001")], [queue()])
    world.reachable("1001", True)
    assert world.state("1001") is State.OFFLINE
    world.status("1001", Status.READY)
    assert world.state("1001") is State.IDLE
    world.reachable("1001", False)
    assert world.state("1001") is State.OFFLINE


def test_a_repeated_input_changes_nothing(world):
    assert world.status("1001", Status.READY) == []
    assert world.reachable("1001", True) == []
    made = only_offer(world.call("a"))
    assert world.call("a") == []
    assert world.answer(made.offer) != []
    assert world.answer(made.offer) == []
    assert world.fail(made.offer) == []
    assert world.call("a") == []
    assert world.router.position("a", world.now) == 0, (
        "a call that is being talked to is not waiting"
    )
    assert world.release("1001") != []
    assert world.release("1001") == []
    world.call("a")
    assert world.router.position("a", world.now) == 1, (
        "a talk that is over is not remembered for ever"
    )


def test_the_state_track_of_a_whole_call_has_no_gap_and_no_repetition(world):
    made = only_offer(world.call("a"))
    world.answer(made.offer)
    world.keep(world.router.hold("1001", True, world.now))
    assert world.router.hold("1001", True, world.now) == []
    world.keep(world.router.hold("1001", False, world.now))
    world.release("1001")
    world.wait(30.0)
    assert world.states("1001") == [
        State.IDLE,
        State.OFFERED,
        State.TALKING,
        State.HELD,
        State.TALKING,
        State.WRAP_UP,
        State.IDLE,
    ]


def test_the_wrap_up_names_its_call_and_idle_names_none(world):
    world.talk("a", "1001")
    assert world.release("1001") == [AgentStateChanged("1001", State.WRAP_UP, "sales", "i-a")]
    assert world.wait(30.0) == [AgentStateChanged("1001", State.IDLE, "", "")]


def test_a_queue_without_wrap_up_frees_the_agent_at_once():
    world = World([agent("1001")], [queue(wrap_up_s=0.0)])
    world.log_in("1001")
    world.talk("a", "1001")
    assert world.release("1001") == [AgentStateChanged("1001", State.IDLE, "", "")]


def test_the_wrap_up_ends_when_the_agent_says_so_or_later_when_asked(world):
    world.talk("a", "1001")
    world.release("1001")
    began = world.now
    assert world.router.extend_wrap_up("1001", began + 90.0, world.now) == []
    assert world.wait(60.0) == []
    world.router.extend_wrap_up("1001", began + 70.0, world.now)
    assert world.router.next_deadline() == began + 90.0, "an extension never shortens"
    assert world.keep(world.router.end_wrap_up("1001", world.now))
    assert world.state("1001") is State.IDLE
    assert world.router.end_wrap_up("1001", world.now) == []


def test_no_wrap_up_can_be_extended_for_ever(world):
    world.talk("a", "1001")
    world.release("1001")
    world.router.extend_wrap_up("1001", math.inf, world.now)
    assert world.router.next_deadline() == world.now + LONGEST_WRAP_UP_S


def test_away_while_talking_is_noted_at_once_and_counts_after_the_wrap_up(world):
    world.talk("a", "1001")
    assert statuses(world.status("1001", Status.AWAY, "lunch")) == [
        ("1001", Status.AWAY, "lunch", "agent")
    ]
    assert world.state("1001") is State.TALKING
    world.release("1001")
    assert world.state("1001") is State.WRAP_UP
    world.call("b")
    assert offered_to(world.wait(30.0)) == []
    assert world.state("1001") is State.IDLE
    assert offered_to(world.status("1001", Status.READY)) == [("b", "1001")]


def test_a_log_out_while_talking_ends_offline_after_the_wrap_up(world):
    world.talk("a", "1001")
    world.status("1001", Status.LOGGED_OUT)
    world.reachable("1001", False)
    world.release("1001")
    assert world.state("1001") is State.WRAP_UP
    world.wait(30.0)
    assert world.state("1001") is State.OFFLINE


@pytest.mark.parametrize(
    "leave",
    [
        lambda world: world.status("1001", Status.AWAY, "toilet"),
        lambda world: world.status("1001", Status.LOGGED_OUT),
        lambda world: world.reachable("1001", False),
    ],
)
def test_an_agent_who_leaves_while_the_phone_rings_is_not_rung_any_longer(world, leave):
    world.log_in("1002")
    world.call("a")
    events = leave(world)
    assert withdrawn(events) == [("a", OfferOutcome.AGENT_LEFT)]
    assert offered_to(events) == [("a", "1002")]
    assert world.router.agent_view("1001").misses == 0


def test_an_away_agent_is_no_candidate_although_idle(world):
    world.status("1001", Status.AWAY, "training")
    assert world.state("1001") is State.IDLE
    assert offered_to(world.call("a")) == []


def test_an_offer_is_a_lease_that_ends_by_itself(world):
    made = only_offer(world.call("a"))
    assert made.expires_at == world.now + 20.0
    assert world.wait(19.9) == []
    assert withdrawn(world.wait(0.1)) == [("a", OfferOutcome.NO_ANSWER)]
    assert world.answer(made.offer) == [], "too late: the lease is over"
    assert world.state("1001") is State.PAUSED


@pytest.mark.parametrize(
    ("outcome", "pause_s"),
    [
        (OfferOutcome.NO_ANSWER, 11.0),
        (OfferOutcome.BUSY, 6.0),
        (OfferOutcome.REJECTED, 9.0),
        (OfferOutcome.FAILED, 4.0),
    ],
)
def test_a_missed_offer_sets_aside_for_as_long_as_the_rule_says(outcome, pause_s):
    rule = MissRule(no_answer_s=11.0, busy_s=6.0, rejected_s=9.0, failed_s=4.0)
    world = World([agent("1001")], [queue(miss=rule)])
    world.log_in("1001")
    made = only_offer(world.call("a"))
    assert world.fail(made.offer, outcome) == [AgentStateChanged("1001", State.PAUSED, "", "")]
    assert world.wait(pause_s - 0.1) == []
    assert offered_to(world.wait(0.1)) == [("a", "1001")]


def test_three_misses_in_a_row_are_away(world):
    world.call("a")
    assert world.states("1001")[-1] is State.OFFERED
    events = world.wait(20.0 + 10.0 + 20.0 + 10.0 + 20.0)
    assert statuses(events) == [("1001", Status.AWAY, "missed", "system")]
    assert world.state("1001") is State.IDLE
    assert world.wait(60.0) == [], "nobody rings an agent who is away"
    assert offered_to(world.status("1001", Status.READY)) == [("a", "1001")]
    assert world.router.agent_view("1001").misses == 0


def test_calls_that_never_reached_the_phone_are_no_misses(world):
    world.call("a")
    for _ in range(5):
        view = world.router.agent_view("1001")
        world.fail(view.offer, OfferOutcome.FAILED)
        world.wait(5.0)
    view = world.router.agent_view("1001")
    assert (view.status, view.state, view.misses) == (Status.READY, State.OFFERED, 0)


def test_an_answered_call_ends_the_row_of_misses(world):
    world.call("a")
    world.wait(20.0 + 10.0 + 20.0 + 10.0)
    view = world.router.agent_view("1001")
    assert (view.state, view.misses) == (State.OFFERED, 2)
    world.answer(view.offer)
    assert world.router.agent_view("1001").misses == 0


def test_zero_misses_means_never_away():
    world = World([agent("1001")], [queue(miss=MissRule(away_after_misses=0))])
    world.log_in("1001")
    world.call("a")
    assert statuses(world.wait(300.0)) == []


def test_going_away_ends_a_pause_and_ready_while_set_aside_does_not(world):
    made = only_offer(world.call("a"))
    world.fail(made.offer)
    assert world.status("1001", Status.READY) == []
    assert world.state("1001") is State.PAUSED
    world.status("1001", Status.AWAY, "lunch")
    assert world.state("1001") is State.IDLE
    assert world.router.next_deadline() == pytest.approx(world.now + 600.0), "the call's, no pause"


def test_an_agent_on_a_direct_call_is_offered_none(world):
    engaged = world.router.engage("1001", "direct", "i-direct", "", world.now)
    assert engaged == [AgentStateChanged("1001", State.TALKING, "", "i-direct")]
    assert world.router.engage("1001", "direct", "i-direct", "", world.now) == []
    assert offered_to(world.call("a")) == []
    assert offered_to(world.release("1001")) == [("a", "1001")]


def test_a_wrap_up_that_a_direct_call_comes_into_goes_on_afterwards(world):
    world.talk("a", "1001")
    world.release("1001")
    assert world.state("1001") is State.WRAP_UP
    world.wait(10)
    world.keep(world.router.engage("1001", "direct", "i-direct", "", world.now))
    assert world.router.talk("1001") == "i-direct"
    world.wait(100)
    [again] = world.release("1001")
    assert (again.state, again.queue, again.interaction) == (State.WRAP_UP, "sales", "i-a")
    world.wait(19.9)
    assert world.state("1001") is State.WRAP_UP
    world.wait(0.2)
    assert world.state("1001") is State.IDLE
    assert world.router.talk("1001") == ""


def test_another_talk_that_goes_on_keeps_the_agent_and_wrap_up_comes_after_both(world):
    world.talk("a", "1001")
    world.call("b")
    switched = world.keep(world.router.switch("1001", "direct", "i-direct", world.now))
    assert switched == [AgentStateChanged("1001", State.TALKING, "", "i-direct")]
    [wrap_up] = world.release("1001")
    assert (wrap_up.state, wrap_up.queue, wrap_up.interaction) == (State.WRAP_UP, "sales", "i-a")
    assert world.router.switch("1001", "direct", "i-direct", world.now) == []


def test_who_takes_a_caller_over_owes_the_queues_wrap_up(world):
    world.router.owe_wrap_up("1001", "sales", "i-a")  # nobody talks yet: nothing
    world.router.engage("1001", "direct", "i-direct", "", world.now)
    for name in ("sales", "sales", "nowhere"):
        world.router.owe_wrap_up("1001", name, "i-a")
    [wrap_up] = world.release("1001")
    assert (wrap_up.state, wrap_up.queue, wrap_up.interaction) == (State.WRAP_UP, "sales", "i-a")
    world.wait(100)
    assert world.state("1001") is State.IDLE
    world.router.engage("1001", "again", "i-again", "", world.now)
    assert world.release("1001")[-1].state is State.IDLE, "owed once"


def test_a_direct_call_while_the_phone_rings_sends_the_queued_call_to_the_next(world):
    world.log_in("1002")
    world.call("a")
    events = world.keep(world.router.engage("1001", "direct", "i-direct", "", world.now))
    assert withdrawn(events) == [("a", OfferOutcome.AGENT_LEFT)]
    assert offered_to(events) == [("a", "1002")]
    assert world.state("1001") is State.TALKING


def test_a_new_router_is_told_of_talks_and_waiting_calls_again():
    """What the owners of agents and calls say anew puts everybody back in place."""
    world = World([agent("1001"), agent("1002")], [queue(max_wait_s=60.0)])
    world.reachable("1001", True)
    world.router.engage("1001", "old", "i-old", "sales", world.now)
    world.status("1001", Status.READY)
    world.call("second", enqueued_at=20.0, entered_at=world.now - 30.0)
    world.call("first", enqueued_at=10.0, entered_at=world.now - 40.0)
    assert world.call("old") == []
    assert world.router.position("old", world.now) == 0, "that one is being talked to"
    assert world.router.position("first", world.now) == 1
    assert world.router.next_deadline() == world.now + 20.0
    world.release("1001")
    assert world.state("1001") is State.WRAP_UP


def test_an_offer_cannot_fail_by_being_answered(world):
    made = only_offer(world.call("a"))
    with pytest.raises(RoutingError, match="cannot fail"):
        world.fail(made.offer, OfferOutcome.ANSWERED)


def test_steering_an_unknown_agent_is_an_error_and_a_phone_of_nobody_is_not(world):
    with pytest.raises(UnknownAgentError, match="9999"):
        world.status("9999", Status.READY)
    assert world.reachable("9999", True) == []
    assert world.release("9999") == []
    assert world.router.hold("9999", True, world.now) == []


def test_hold_without_a_talk_is_nothing(world):
    assert world.router.hold("1001", True, world.now) == []


def test_an_agent_is_offline_since_the_router_began():
    router = Router(agents=(agent("1001"),), queues=(), new_id=str, now=5000.0)
    view = router.agent_view("1001")
    assert (view.state, view.since) == (State.OFFLINE, 5000.0)
