"""Agents at rest: away for how long, own wrap-up and miss rule, cool-down, and over a restart."""

import pytest
from msgspec.structs import replace
from routing_world import World, agent, offers, only_offer, queue, statuses

from acd.routing.events import AwayLimitExceeded, OfferOutcome
from acd.routing.model import AgentRules, MissRule, State, Status
from acd.routing.remembering import memory_of

COOL_DOWN_S = 120.0
RULES = AgentRules(away_limits_s={"break": 900.0, "meal": 1800.0}, cool_down_s=COOL_DOWN_S)


def world_of(*agents, queues=None, rules=RULES):
    world = World(agents, queues or [queue()])
    world.keep(world.router.configure(agents, queues or [queue()], world.now, rules))
    return world


@pytest.fixture
def world():
    return world_of(agent("1"), agent("2"))


def exceeded(events):
    return [
        (event.agent, event.reason, event.limit_s)
        for event in events
        if isinstance(event, AwayLimitExceeded)
    ]


# --- away for how long ---


def test_too_long_a_break_is_told_once(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    assert exceeded(world.wait(899.0)) == []
    assert exceeded(world.wait(1.0)) == [("1", "break", 900.0)]
    assert world.router.agent_view("1").away_exceeded
    assert exceeded(world.wait(100_000.0)) == []


def test_whoever_comes_back_in_time_is_not_told(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.wait(890.0)
    world.status("1", Status.READY)
    assert exceeded(world.wait(3600.0)) == []
    world.status("1", Status.AWAY, "break")
    assert exceeded(world.wait(900.0)) == [("1", "break", 900.0)]


def test_another_reason_begins_anew_with_its_own_limit(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.wait(800.0)
    world.status("1", Status.AWAY, "meal")
    assert exceeded(world.wait(1799.0)) == []
    assert exceeded(world.wait(1.0)) == [("1", "meal", 1800.0)]


def test_a_reason_without_limit_lasts(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "training")
    assert world.router.next_deadline() == float("inf")


def test_a_break_begins_when_the_work_at_hand_is_done(world):
    world.log_in("1")
    world.talk("c", "1")
    world.status("1", Status.AWAY, "break")
    world.wait(1000.0)
    world.release("1")
    world.wait(30.0)  # the wrap-up
    assert world.state("1") is State.IDLE
    assert exceeded(world.wait(899.0)) == []
    assert exceeded(world.wait(1.0)) == [("1", "break", 900.0)]


def test_an_own_call_does_not_stop_the_clock(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.wait(600.0)
    world.keep(world.router.engage("1", "own", "own", "", world.now))
    assert exceeded(world.wait(300.0)) == [("1", "break", 900.0)]


def test_a_limit_that_a_reload_shortens_holds_for_who_is_away(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.wait(600.0)
    rules = AgentRules(away_limits_s={"break": 300.0})
    agents, queues = [agent("1"), agent("2")], [queue()]
    world.keep(world.router.configure(agents, queues, world.now, rules))
    assert exceeded(world.wait(0.0)) == [("1", "break", 300.0)]
    world.keep(world.router.configure(agents, queues, world.now, RULES))
    assert exceeded(world.wait(3600.0)) == []


def test_a_removed_agent_leaves_no_deadline(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.configure([agent("2")], [queue()])
    assert world.router.next_deadline() == float("inf")


# --- what is an agent's own ---


@pytest.mark.parametrize(("own_s", "lasts_s"), [(None, 30.0), (90.0, 90.0), (5.0, 5.0)])
def test_an_agents_own_wrap_up_goes_before_the_queues(own_s, lasts_s):
    world = world_of(agent("1", wrap_up_s=own_s))
    world.log_in("1")
    world.talk("c", "1")
    world.release("1")
    world.wait(lasts_s - 1.0)
    assert world.state("1") is State.WRAP_UP
    world.wait(1.0)
    assert world.state("1") is State.IDLE


def test_no_wrap_up_of_the_own_frees_at_once():
    world = world_of(agent("1", wrap_up_s=0.0))
    world.log_in("1")
    world.talk("c", "1")
    world.release("1")
    assert world.state("1") is State.IDLE


@pytest.mark.parametrize("how", ["queue", "agent"])
def test_what_was_promised_at_the_answer_is_kept_over_a_reload(how):
    world = world_of(agent("1"))
    world.log_in("1")
    world.talk("c", "1")
    agents = [agent("1", wrap_up_s=None if how == "queue" else 3.0)]
    world.configure(agents, [queue(wrap_up_s=3.0 if how == "queue" else 30.0)])
    world.release("1")
    world.wait(29.0)
    assert world.state("1") is State.WRAP_UP
    world.wait(1.0)
    assert world.state("1") is State.IDLE
    world.talk("next", "1")
    world.release("1")
    world.wait(3.0)
    assert world.state("1") is State.IDLE


def test_an_agents_own_miss_rule_goes_before_the_queues():
    own = MissRule(no_answer_s=60.0, away_after_misses=2)
    world = world_of(agent("1", miss=own))
    world.log_in("1")
    made = only_offer(world.call("c"))
    world.fail(made.offer)
    assert world.state("1") is State.PAUSED
    again = only_offer(world.wait(60.0))
    world.fail(again.offer)
    assert statuses(world.log)[-1] == ("1", Status.AWAY, "missed", "system")


# --- cool-down ---


def test_a_cool_down_follows_the_wrap_up(world):
    world.log_in("1")
    world.talk("c", "1")
    assert world.router.cool_down("1", world.now) == []
    world.release("1")
    world.call("next")
    world.wait(30.0)
    assert world.state("1") is State.COOL_DOWN
    world.wait(119.0)
    assert world.state("1") is State.COOL_DOWN
    assert only_offer(world.wait(1.0)).call == "next"


def test_a_cool_down_asked_for_after_the_wrap_up_begins_at_once(world):
    world.log_in("1")
    world.keep(world.router.cool_down("1", world.now))
    assert world.state("1") is State.COOL_DOWN
    world.wait(120.0)
    assert world.state("1") is State.IDLE


def test_a_wrap_up_ended_early_does_not_end_the_cool_down(world):
    world.log_in("1")
    world.talk("c", "1")
    world.release("1")
    world.router.cool_down("1", world.now)
    world.keep(world.router.end_wrap_up("1", world.now))
    assert world.state("1") is State.COOL_DOWN


def test_whoever_goes_away_needs_no_cool_down(world):
    world.log_in("1")
    world.talk("c", "1")
    world.router.cool_down("1", world.now)
    world.status("1", Status.AWAY, "break")
    world.release("1")
    world.wait(30.0)
    assert world.state("1") is State.IDLE
    world.status("1", Status.READY)
    assert world.state("1") is State.IDLE  # the break was rest enough


def test_an_own_call_is_no_cool_down(world):
    world.log_in("1")
    world.keep(world.router.cool_down("1", world.now))
    world.wait(20.0)
    world.keep(world.router.engage("1", "own", "own", "", world.now))
    world.wait(500.0)
    world.release("1")
    assert world.state("1") is State.COOL_DOWN
    world.wait(99.0)
    assert world.state("1") is State.COOL_DOWN
    world.wait(1.0)
    assert world.state("1") is State.IDLE


@pytest.mark.parametrize("state", [State.WRAP_UP, State.PAUSED, State.COOL_DOWN])
def test_a_supervisor_frees_up_who_is_set_aside(world, state):
    world.log_in("1")
    if state is State.WRAP_UP:
        world.talk("c", "1")
        world.release("1")
        world.router.cool_down("1", world.now)  # that is over, too
    elif state is State.PAUSED:
        world.fail(only_offer(world.call("c")).offer)
        world.leave("c")
    else:
        world.keep(world.router.cool_down("1", world.now))
    assert world.state("1") is state
    world.keep(world.router.free_up("1", world.now))
    assert world.state("1") is State.IDLE


def test_who_is_rung_or_not_there_gets_no_cool_down(world):
    assert world.router.cool_down("1", world.now) is None
    world.log_in("1")
    world.call("c")
    assert world.state("1") is State.OFFERED
    assert world.router.cool_down("1", world.now) is None


# --- over a restart ---


def remembered(world, number):
    """What another process is told."""
    return memory_of(world.router.agent_view(number), world.now)


def restarted(world, memory):
    other = world_of(agent("1"), agent("2"))
    other.reachable(memory.agent, True)
    other.keep(other.router.restore(memory, "system", other.now))
    return other


@pytest.mark.parametrize("state", [State.WRAP_UP, State.PAUSED, State.COOL_DOWN])
def test_a_state_that_ends_by_itself_goes_on_in_another_process(world, state):
    world.log_in("1")
    if state is State.WRAP_UP:
        world.talk("c", "1")
        world.release("1")
    elif state is State.PAUSED:
        world.fail(only_offer(world.call("c")).offer, OfferOutcome.NO_ANSWER)
        world.leave("c")
    else:
        world.keep(world.router.cool_down("1", world.now))
    world.wait(4.0)
    left_s = world.router.agent_view("1").deadline - world.now
    before = world.router.agent_view("1")
    other = restarted(world, remembered(world, "1"))
    view = other.router.agent_view("1")
    assert (view.state, view.queue, view.interaction) == (
        before.state,
        before.queue,
        before.interaction,
    )
    assert view.misses == before.misses
    assert view.deadline - other.now == pytest.approx(left_s)
    other.wait(left_s)
    assert other.state("1") is State.IDLE


def test_a_break_goes_on_and_is_told_only_once(world):
    world.log_in("1")
    world.status("1", Status.AWAY, "break")
    world.wait(600.0)
    other = restarted(world, remembered(world, "1"))
    assert exceeded(other.wait(299.0)) == []
    assert exceeded(other.wait(1.0)) == [("1", "break", 900.0)]
    third = restarted(other, remembered(other, "1"))
    assert third.router.agent_view("1").away_exceeded
    assert exceeded(third.wait(3600.0)) == []


def test_a_break_that_follows_a_wrap_up_does_not_begin_with_the_process(world):
    world.log_in("1")
    world.talk("c", "1")
    world.status("1", Status.AWAY, "break")
    world.release("1")
    world.wait(10.0)
    other = restarted(world, remembered(world, "1"))
    assert exceeded(other.wait(20.0 + 899.0)) == []
    assert exceeded(other.wait(1.0)) == [("1", "break", 900.0)]


def test_the_order_of_the_idle_outlives_the_process(world):
    world.log_in("2", "1")  # 2 has been idle longest
    memories = [remembered(world, number) for number in ("1", "2")]
    other = world_of(agent("1"), agent("2"))
    for memory in memories:
        other.reachable(memory.agent, True)
        other.keep(other.router.restore(memory, "system", other.now))
    assert only_offer(other.call("c")).agent == "2"


def test_a_talk_ends_with_its_process(world):
    world.log_in("1")
    world.talk("c", "1")
    other = restarted(world, remembered(world, "1"))
    assert other.state("1") is State.IDLE


def interrupted(world):
    """Twelve seconds of the wrap-up are over when the agent dials somebody."""
    world.log_in("1")
    world.talk("c", "1")
    world.release("1")
    world.wait(12.0)
    world.keep(world.router.engage("1", "own", "i-own", "", world.now))


@pytest.mark.parametrize("held", [False, True])
def test_a_wrap_up_that_an_own_call_interrupted_follows_it_in_another_process(world, held):
    interrupted(world)
    world.keep(world.router.hold("1", held, world.now))
    world.wait(600.0)  # however long that call is
    other = restarted(world, remembered(world, "1"))
    view = other.router.agent_view("1")
    assert (view.state, view.queue, view.interaction) == (State.WRAP_UP, "sales", "i-c")
    assert view.deadline - other.now == pytest.approx(18.0)
    other.wait(18.0)
    assert other.state("1") is State.IDLE


def test_no_wrap_up_follows_an_own_call_into_which_none_came(world):
    world.log_in("1")
    world.keep(world.router.engage("1", "own", "i-own", "", world.now))
    assert restarted(world, remembered(world, "1")).state("1") is State.IDLE


def test_a_cool_down_marked_in_mid_talk_begins_with_the_process(world):
    world.log_in("1")
    world.talk("c", "1")
    world.keep(world.router.cool_down("1", world.now))
    other = restarted(world, remembered(world, "1"))
    assert other.state("1") is State.COOL_DOWN
    assert other.call("d") == []
    assert offers(other.wait(COOL_DOWN_S - 0.1)) == []
    assert only_offer(other.wait(0.1)).agent == "1"


def test_a_cool_down_follows_the_wrap_up_that_was_interrupted(world):
    interrupted(world)
    world.keep(world.router.cool_down("1", world.now))
    other = restarted(world, remembered(world, "1"))
    other.wait(18.0)
    assert other.state("1") is State.COOL_DOWN
    assert other.router.agent_view("1").deadline - other.now == pytest.approx(COOL_DOWN_S)


def test_a_cool_down_comes_though_the_wrap_up_before_it_is_long_over(world):
    world.log_in("1")
    world.talk("c", "1")
    world.release("1")
    world.keep(world.router.cool_down("1", world.now))
    memory = replace(remembered(world, "1"), remaining_s=0.0)
    assert restarted(world, memory).state("1") is State.COOL_DOWN


@pytest.mark.parametrize("status", [Status.AWAY, Status.LOGGED_OUT])
def test_who_went_away_in_the_talk_has_no_cool_down(world, status):
    world.log_in("1")
    world.talk("c", "1")
    world.keep(world.router.cool_down("1", world.now))
    world.status("1", status, "break")
    other = restarted(world, remembered(world, "1"))
    assert other.state("1") in {State.IDLE, State.OFFLINE}
    other.status("1", Status.READY)
    assert other.state("1") is State.IDLE


@pytest.mark.parametrize("marked_in", [State.TALKING, State.COOL_DOWN])
def test_a_cool_down_waits_for_the_phone_that_has_to_answer_first(world, marked_in):
    world.log_in("1")
    world.talk("c", "1")
    world.keep(world.router.cool_down("1", world.now))
    if marked_in is State.COOL_DOWN:
        world.release("1")
        world.router.end_wrap_up("1", world.now)
    memory = replace(remembered(world, "1"), status=Status.LOGGED_OUT)  # as the keeper has it
    other = world_of(agent("1"), agent("2"))
    other.keep(other.router.restore(memory, "system", other.now))
    other.wait(40.0)
    other.log_in("1")
    assert other.state("1") is State.COOL_DOWN
    left_s = other.router.agent_view("1").deadline - (other.now - 1.0)
    assert left_s == pytest.approx(COOL_DOWN_S)


def test_nobody_is_remembered_who_is_no_more(world):
    world.log_in("1")
    memory = remembered(world, "1")
    world.configure([agent("2")], [queue()])
    assert world.router.restore(memory, "system", world.now) == []


# --- calls ---


def test_a_waiting_call_that_matters_more_goes_first(world):
    world.call("first")
    world.call("second")
    assert world.router.set_priority("second", 5, world.now) == []
    assert [world.router.position(call, world.now) for call in ("first", "second")] == [2, 1]
    world.reachable("1", True)
    assert only_offer(world.status("1", Status.READY)).call == "second"
    assert world.router.set_priority("nobody", 5, world.now) is None


def test_a_call_on_offer_keeps_its_offer_when_its_priority_changes(world):
    world.log_in("1")
    made = only_offer(world.call("first"))
    world.call("second")
    assert world.router.set_priority("first", -1, world.now) == []
    assert world.router.position("first", world.now) == 2
    world.fail(made.offer)
    assert only_offer(world.wait(10.0)).call == "second"
