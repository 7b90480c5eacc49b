"""Rules about a configuration that changes under waiting calls and talking agents."""

import pytest
from routing_world import ANYBODY, BY_RANK, World, agent, offered_to, queue, statuses, withdrawn

from acd.routing.errors import ConfigurationError, UnknownAgentError
from acd.routing.events import CallRefused, LeaveReason, OfferOutcome
from acd.routing.model import Grade, LayerProfile, MissRule, Overflow, State, Status


def test_every_mistake_is_named_at_once_and_nothing_is_changed():
    world = World([agent("1")], [queue()])
    world.log_in("1")
    bad = queue(
        "bad",
        layers=(LayerProfile(name="x", order="ringall"), LayerProfile(name="x", after_s=-1.0)),
        ring_timeout_s=0.0,
        wrap_up_s=-1.0,
        max_wait_s=0.0,
        max_length=0,
        position_every_s=0.1,
        success_half_life_s=0.0,
        hold_out=0.5,
        overflow=Overflow(queue="nowhere"),
        miss=MissRule(busy_s=0.0, away_after_misses=-1),
    )
    missing = agent("3", miss=MissRule(rejected_s=0.2), wrap_up_s=-2.0)
    agents = [agent("1"), agent("1"), agent("2", rank={"sales": 7.0}), agent(""), missing]
    with pytest.raises(ConfigurationError) as caught:
        world.configure(agents, [bad, queue("empty", layers=(), hold_out=2.0), queue("empty")])
    told = str(caught.value)
    for part in (
        "agent number '1' stands 2 times",
        "agent '2': rank for 'sales' is 7.0",
        "the number is empty",
        "agent '3': miss.rejected_s is 0.2",
        "agent '3': wrap_up_s is -2.0",
        "queue 'empty' stands 2 times",
        "it has no layer",
        "hold_out is 2.0",
        "layer 'x' stands 2 times",
        "order 'ringall' is unknown; one of conversion, category_grade, longest_idle",
        "after_s is -1.0",
        "ring_timeout_s is 0.0; at least 1.0 s",
        "wrap_up_s is -1.0",
        "max_wait_s is 0.0",
        "max_length is 0",
        "position_every_s is 0.1",
        "success_half_life_s is 0.0",
        "hold_out needs a source of random numbers",
        "queue 'nowhere', which is not configured",
        "miss.busy_s is 0.0",
        "miss.away_after_misses is -1",
    ):
        assert part in told
    assert offered_to(world.call("a")) == [("a", "1")]


def test_a_queue_cannot_overflow_into_itself_nor_have_an_empty_name():
    with pytest.raises(ConfigurationError, match="to the queue itself"):
        World([], [queue(overflow=Overflow(queue="sales"))])
    for overflow in (Overflow(), Overflow(flow="sorry", hang_up_prompt="bye")):
        with pytest.raises(ConfigurationError, match="exactly one of queue, flow"):
            World([], [queue(overflow=overflow)])
    with pytest.raises(ConfigurationError, match="the name is empty"):
        World([], [queue("")])


def test_the_same_configuration_again_changes_nothing():
    world = World([agent("1")], [queue()])
    world.log_in("1")
    assert world.configure([agent("1")], [queue()]) == []
    assert offered_to(world.call("a")) == [("a", "1")]
    assert world.configure([agent("1")], [queue()]) == []
    assert world.state("1") is State.OFFERED


def test_a_call_on_offer_is_not_offered_again_after_a_reload():
    agents = [agent("1"), agent("2")]
    world = World(agents, [queue()])
    world.log_in("1")
    world.call("a")
    world.configure(agents, [queue()])
    world.log_in("2")
    assert world.state("2") is State.IDLE
    world.leave("a")
    assert world.router.queue_lengths() == {"sales": 0}


def test_an_agent_who_is_taught_a_skill_takes_the_call_that_waits_for_it():
    world = World([agent("1", skill="service")], [queue()])
    world.log_in("1")
    world.call("late", enqueued_at=20.0)
    world.call("early", enqueued_at=10.0)
    assert offered_to(world.configure([agent("1")], [queue()])) == [("early", "1")]


def test_changed_layers_hold_for_the_calls_that_wait():
    strict = LayerProfile(name="strict", order="longest_idle", minimum_grade=Grade.AAA)
    world = World([agent("1")], [queue(layers=(strict,))])
    world.log_in("1")
    assert offered_to(world.call("a")) == []
    late = LayerProfile(name="late", order="longest_idle", after_s=30.0)
    assert world.configure([agent("1")], [queue(layers=(strict, late))]) == []
    assert offered_to(world.wait(30.0)) == [("a", "1")]


def test_a_changed_rank_by_hand_holds_for_idle_agents():
    def agents(first, second):
        return [agent("1", rank={"sales": first}), agent("2", rank={"sales": second})]

    world = World(agents(0.9, 0.1), [queue(layers=(BY_RANK,))])
    world.log_in("1", "2")
    assert offered_to(world.call("a")) == [("a", "1")]
    world.leave("a")
    world.configure(agents(0.1, 0.9), [queue(layers=(BY_RANK,))])
    assert offered_to(world.call("b")) == [("b", "2")]


def test_measured_conversion_outlives_a_reload():
    world = World([agent("1"), agent("2")], [queue(layers=(BY_RANK,))])
    for index in range(50):
        world.router.record_outcome("2", "sales", "", f"x{index}", True, 0.0)
        world.router.record_outcome("1", "sales", "", f"y{index}", False, 0.0)
    world.configure([agent("1"), agent("2")], [queue(layers=(BY_RANK,))])
    world.log_in("1", "2")
    assert offered_to(world.call("a")) == [("a", "2")]


def test_a_removed_agent_finishes_the_talk_and_the_wrap_up():
    world = World([agent("1")], [queue()])
    world.log_in("1")
    world.talk("a", "1")
    assert statuses(world.configure([], [queue()])) == [
        ("1", Status.LOGGED_OUT, "removed", "system")
    ]
    assert world.state("1") is State.TALKING
    with pytest.raises(UnknownAgentError):
        world.status("1", Status.READY)
    world.release("1")
    world.call("b")
    assert offered_to(world.wait(30.0)) == []
    assert world.states("1")[-1] is State.OFFLINE
    with pytest.raises(UnknownAgentError):
        world.router.agent_view("1")


def test_a_removed_agent_who_was_not_there_is_gone_at_once():
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("2")
    assert world.configure([], [queue()])[-1].state is State.OFFLINE
    assert world.router.agents() == []


def test_a_removed_agents_phone_stops_ringing_and_the_call_goes_on():
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("1", "2")
    world.call("a")
    events = world.configure([agent("2")], [queue()])
    assert withdrawn(events) == [("a", OfferOutcome.AGENT_LEFT)]
    assert offered_to(events) == [("a", "2")]
    assert world.states("1") == [State.IDLE, State.OFFERED, State.OFFLINE]


def test_a_removed_agent_who_comes_back_while_talking_is_simply_there():
    world = World([agent("1")], [queue()])
    world.log_in("1")
    world.talk("a", "1")
    world.configure([], [queue()])
    assert world.configure([agent("1", name="Renamed")], [queue()]) == []
    world.status("1", Status.READY)
    world.release("1")
    world.wait(30.0)
    assert world.state("1") is State.IDLE


def test_a_removed_queue_serves_those_who_wait_and_takes_nobody_else():
    world = World([agent("1")], [queue(), queue("service")])
    world.call("a")
    world.configure([agent("1")], [queue("service")])
    assert world.call("b") == [CallRefused("b", "i-b", "sales", LeaveReason.FAULTED)]
    assert world.router.queue_lengths() == {"sales": 1, "service": 0}
    world.log_in("1")
    view = world.router.agent_view("1")
    assert view.interaction == "i-a"
    world.answer(view.offer)
    assert world.router.queue_lengths() == {"service": 0}
    world.release("1")
    assert world.state("1") is State.WRAP_UP, "as that queue would have had it"


def test_a_removed_queue_that_comes_back_goes_on_where_it_was():
    world = World([], [queue()])
    world.call("a")
    world.configure([], [])
    world.configure([], [queue(layers=(ANYBODY,))])
    assert world.call("b") == []
    assert world.router.position("b", world.now) == 2


def test_agents_are_listed_as_configured():
    world = World([agent("1"), agent("2")], [queue()])
    world.log_in("2")
    assert [
        (view.agent, view.name, view.account, view.state) for view in world.router.agents()
    ] == [
        ("1", "Agent 1", "sip1", State.OFFLINE),
        ("2", "Agent 2", "sip2", State.IDLE),
    ]


def test_a_changed_service_level_threshold_is_told():
    world = World([], [queue(service_level_s=20.0)])
    assert world.router.service_level_s("sales") == 20.0
    world.configure([], [queue(service_level_s=10.0)])
    assert world.router.service_level_s("sales") == 10.0
    assert world.router.service_level_s("no such queue") == 0.0


def test_positions_that_are_told_no_more_leave_no_deadline_that_is_always_due():
    """The clock must go on: once it struck the same call for ever."""
    world = World([agent("1")], [queue(position_every_s=6.0)])
    world.call("a")
    world.configure([agent("1")], [queue()])
    assert world.wait(20.0) == []
    assert world.router.next_deadline() > world.now


def test_nobody_is_ranked_for_a_removed_queue_any_more_once_its_last_call_is_over():
    draws = []
    later = LayerProfile(name="later", order="conversion", after_s=5.0)
    drawing = queue(layers=(BY_RANK, later), exploration="thompson")
    agents = [agent("1", skills={"sales": Grade.A, "service": Grade.A})]
    world = World(agents, [drawing, queue("service")], random=lambda: draws.append(1) or 0.5)
    world.router.record_outcome("1", "sales", "", "earlier", True, 0.0)
    world.log_in("1")
    world.talk("a", "1", queue="service")
    world.call("b")
    world.configure(agents, [queue("service")])
    world.wait(5.0)
    world.leave("b")
    before = len(draws)
    world.release("1")
    world.wait(30.0)
    assert world.state("1") is State.IDLE
    assert len(draws) == before


def test_the_pace_of_a_line_is_left_alone_when_another_queue_is_removed():
    agents = [agent("1", skills={"sales": Grade.A, "service": Grade.A})]
    line = queue(wrap_up_s=0.0)
    world = World(agents, [line, queue("service")])
    world.log_in("1")
    for call in ("a", "b", "c"):
        world.call(call)
    for _ in range(2):
        world.answer(world.router.agent_view("1").offer)
        world.wait(40.0)
        world.release("1")
    world.call("d")
    world.wait(1.0)
    before_s = world.router.estimated_wait("d", world.now)
    assert before_s is not None
    world.configure(agents, [line])
    assert world.router.estimated_wait("d", world.now) == before_s
