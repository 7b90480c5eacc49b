"""Rules about calls: the order of the line, leaving, limits, and who takes what."""

import pytest
from routing_world import World, agent, offered_to, only_offer, queue, withdrawn

from acd.routing.events import (
    AgentStateChanged,
    CallRefused,
    CallTimedOut,
    LeaveReason,
    OfferOutcome,
    PositionDue,
)
from acd.routing.model import Grade, LayerProfile, State, Status


@pytest.fixture
def world():
    return World([agent("1001"), agent("1002")], [queue()])


def serve_all(world, number):
    """The order in which one agent, logging in now, gets the waiting calls."""
    order = []
    world.log_in(number)
    while view_offer := world.router.agent_view(number).offer:
        order.append(world.log[-1].call)
        world.answer(view_offer)
        world.release(number)
        world.keep(world.router.end_wrap_up(number, world.now))
    return order


def test_first_come_first_served(world):
    for call in ("b", "a", "c"):
        world.call(call)
        world.now += 1.0
    assert serve_all(world, "1001") == ["b", "a", "c"]


def test_priority_goes_before_time_and_the_id_decides_a_tie(world):
    world.call("plain2", enqueued_at=10.0)
    world.call("plain1", enqueued_at=10.0)
    world.call("vip", enqueued_at=20.0, priority=5)
    assert serve_all(world, "1001") == ["vip", "plain1", "plain2"]


def test_a_call_that_overflowed_keeps_its_first_enqueue_time():
    world = World([agent("1001", skill="service")], [queue(max_wait_s=60.0), queue("service")])
    world.call("old", enqueued_at=world.now)
    first = world.now
    world.wait(30.0)
    world.call("young", "service")
    assert world.wait(30.0) == [CallTimedOut("old", "i-old", "sales")]
    world.call("old2", "service", enqueued_at=first)
    assert world.router.position("old2", world.now) == 1
    assert serve_all(world, "1001") == ["old2", "young"]


def test_the_maximum_wait_counts_from_entering_this_queue():
    world = World([], [queue(max_wait_s=60.0)])
    world.call("overflowed", enqueued_at=world.now - 500.0)
    assert world.wait(59.9) == []
    assert world.wait(0.1) == [CallTimedOut("overflowed", "i-overflowed", "sales")]
    world.call("announced again", entered_at=world.now - 50.0, enqueued_at=0.0)
    assert world.wait(10.0) == [CallTimedOut("announced again", "i-announced again", "sales")]


def test_the_maximum_wait_does_not_cut_off_a_ringing_phone():
    world = World([agent("1001")], [queue(max_wait_s=10.0)])
    world.call("a")
    world.wait(5.0)
    world.log_in("1001")
    assert world.state("1001") is State.OFFERED
    assert world.wait(10.0) == [], "the maximum wait has come, the phone rings on"
    events = world.wait(10.0)
    assert withdrawn(events) == [("a", OfferOutcome.NO_ANSWER)]
    assert events[-1] == CallTimedOut("a", "i-a", "sales")


def test_after_the_maximum_wait_no_further_agent_is_rung():
    world = World([agent("1001"), agent("1002")], [queue(max_wait_s=10.0)])
    world.log_in("1001", "1002")
    world.call("a")
    events = world.wait(20.0)
    assert offered_to(events) == []
    assert events[-1] == CallTimedOut("a", "i-a", "sales")


def test_a_caller_who_hangs_up_while_it_rings_frees_the_agent_at_once(world):
    world.log_in("1001", "1002")
    idle_since = world.now
    world.now += 50.0
    made = only_offer(world.call("a"))
    assert made.agent == "1001"
    world.now += 3.0
    events = world.leave("a")
    assert withdrawn(events) == [("a", OfferOutcome.CALLER_LEFT)]
    assert events[-1] == AgentStateChanged("1001", State.IDLE, "", "")
    assert world.leave("a") == []
    # The idle time goes on: she is still the one who has been idle longest.
    made = only_offer(world.call("b"))
    assert made.agent == "1001"
    assert made.choice.candidates[0].idle_s > world.now - idle_since


def test_an_agent_freed_by_a_caller_who_left_takes_the_next_in_line(world):
    world.log_in("1001")
    world.call("a")
    world.call("b")
    assert offered_to(world.leave("a")) == [("b", "1001")]
    assert world.states("1001") == [State.IDLE, State.OFFERED, State.OFFERED]


def test_a_call_keeps_its_place_while_it_is_offered_and_after_a_miss(world):
    world.log_in("1001")
    made = only_offer(world.call("a"))
    world.call("b")
    assert (world.router.position("a", world.now), world.router.position("b", world.now)) == (1, 2)
    assert offered_to(world.fail(made.offer)) == []
    assert (world.router.position("a", world.now), world.router.position("b", world.now)) == (1, 2)
    world.log_in("1002")
    assert world.router.agent_view("1002").interaction == "i-a"


def test_the_next_agent_is_rung_at_once_after_a_miss(world):
    world.log_in("1001", "1002")
    made = only_offer(world.call("a"))
    assert offered_to(world.fail(made.offer, OfferOutcome.REJECTED)) == [("a", "1002")]


def test_an_agent_who_missed_a_call_is_passed_over_while_another_is_idle(world):
    world.log_in("1001", "1002")
    first = only_offer(world.call("a"))
    second = only_offer(world.fail(first.offer))  # 1002 rings, 1001 is set aside
    world.wait(15.0)  # 1001 is idle again
    world.status("1002", Status.AWAY)
    assert second.agent == "1002"
    assert world.router.agent_view("1001").interaction == "i-a", "nobody else is there"


def test_whoever_missed_the_call_is_passed_over_even_if_ranked_first():
    layers = (LayerProfile(name="rank", order="conversion"),)
    world = World(
        [
            agent("best", rank={"sales": 0.9}),
            agent("next", rank={"sales": 0.5}),
            agent("third", rank={"sales": 0.1}),
        ],
        [queue(layers=layers)],
    )
    world.log_in("best", "next")
    made = only_offer(world.call("a"))
    assert made.agent == "best"
    made = only_offer(world.fail(made.offer, OfferOutcome.BUSY))
    assert made.agent == "next"
    world.wait(10.0)
    world.log_in("third")
    assert world.state("best") is State.IDLE
    made = only_offer(world.fail(made.offer))
    assert (made.agent, made.choice.candidates_total) == ("third", 1)
    made = only_offer(world.fail(made.offer))
    assert made.agent == "best", "everybody else had a go"


def test_of_two_calls_whose_layer_opens_at_the_same_moment_the_first_in_line_goes_first():
    layers = (
        LayerProfile(name="sellers", order="longest_idle"),
        LayerProfile(name="lent", order="longest_idle", skills=("service",), after_s=9.0),
    )
    world = World([agent("1001"), agent("lent", skill="service")], [queue(layers=layers)])
    world.log_in("1001", "lent")
    world.call("a", enqueued_at=world.now)
    world.call("b", enqueued_at=world.now)
    world.reachable("1001", False)  # "a" comes back: its deadline is armed after that of "b"
    assert offered_to(world.wait(9.0)) == [("a", "lent")]


def test_a_late_clock_does_not_let_a_new_call_overtake():
    layers = (
        LayerProfile(
            name="experts",
            order="category_grade",
            minimum_category_grade=Grade.A,
        ),
        LayerProfile(name="all", order="longest_idle", after_s=9.0),
    )
    world = World([agent("1001", categories={"tv": Grade.A})], [queue(layers=layers)])
    world.log_in("1001")
    world.call("first")
    world.now += 10.0  # nobody struck the deadline at 9 s
    assert offered_to(world.call("second", category="tv")) == [("first", "1001")]


def test_a_full_queue_refuses_and_an_unknown_one_too():
    world = World([], [queue(max_length=1)])
    world.call("a")
    assert world.call("b") == [CallRefused("b", "i-b", "sales")]
    assert world.call("a") == [], "told again, not refused"
    assert world.call("c", "nowhere") == [CallRefused("c", "i-c", "nowhere", LeaveReason.FAULTED)]
    world.leave("a")
    assert world.call("b") == []


def test_an_agent_of_several_queues_takes_the_oldest_over_all_of_them():
    both = agent("1001", skills={"sales": Grade.A, "service": Grade.C})
    world = World([both], [queue("sales"), queue("service")])
    for call, line in (("s1", "sales"), ("v1", "service"), ("s2", "sales")):
        world.call(call, line)
        world.now += 1.0
    assert serve_all(world, "1001") == ["s1", "v1", "s2"]


def test_a_queue_of_higher_priority_goes_first():
    both = agent("1001", skills={"sales": Grade.A, "service": Grade.C})
    world = World([both], [queue("sales"), queue("service", priority=1)])
    world.call("s1", "sales")
    world.now += 1.0
    world.call("v1", "service")
    assert serve_all(world, "1001") == ["v1", "s1"]


def test_the_priorities_of_call_and_queue_add_up():
    both = agent("1001", skills={"sales": Grade.A, "service": Grade.C})
    world = World([both], [queue("sales"), queue("service", priority=3)])
    world.call("v1", "service")
    world.call("vip", "sales", priority=5)
    world.call("s1", "sales", priority=2)
    assert serve_all(world, "1001") == ["vip", "v1", "s1"]


def test_the_head_waits_for_a_grade_and_does_not_hold_up_the_others():
    experts = LayerProfile(name="experts", order="category_grade", minimum_category_grade=Grade.AA)
    world = World(
        [
            agent("novice", categories={"tv": Grade.C, "pans": Grade.AA}),
            agent("expert", categories={"tv": Grade.AAA}),
        ],
        [queue(layers=(experts,))],
    )
    world.call("tv call", category="tv")
    world.now += 1.0
    world.call("pan call", category="pans")
    world.log_in("novice")
    assert world.router.agent_view("novice").interaction == "i-pan call"
    world.log_in("expert")
    assert world.router.agent_view("expert").interaction == "i-tv call"


def test_positions_are_told_at_the_start_and_then_at_the_interval():
    world = World([], [queue(position_every_s=15.0)])
    assert world.call("a") == [PositionDue("a", 1)]
    assert world.call("b") == [PositionDue("b", 2)]
    assert world.wait(14.9) == []
    assert world.wait(0.1) == [PositionDue("a", 1), PositionDue("b", 2)]
    world.leave("a")
    assert world.wait(15.0) == [PositionDue("b", 1)]


def test_a_late_clock_tells_one_position_and_not_a_row_of_them():
    world = World([], [queue(position_every_s=15.0)])
    world.call("a")
    assert world.router.on_time(world.now + 100.0) == [PositionDue("a", 1)]
    assert world.router.next_deadline() == world.now + 115.0


def test_no_position_is_told_to_a_caller_whose_agent_rings_already():
    world = World([agent("1001")], [queue(position_every_s=15.0)])
    world.log_in("1001")
    assert not [event for event in world.call("a") if isinstance(event, PositionDue)]


def test_views_of_the_lines():
    world = World([], [queue(), queue("service")])
    world.call("a", enqueued_at=world.now - 10.0)
    world.call("vip", enqueued_at=world.now - 5.0, priority=1)
    assert world.router.queue_lengths() == {"sales": 2, "service": 0}
    # The VIP is the head, but it is the other one who has waited longest.
    assert world.router.oldest_wait(world.now) == {"sales": 10.0, "service": 0.0}
    assert (world.router.position("vip", world.now), world.router.position("a", world.now)) == (
        1,
        2,
    )
    assert world.router.position("nobody", world.now) == 0


def test_the_estimated_wait_is_the_position_times_the_pace_of_answers():
    world = World([agent("1001")], [queue(wrap_up_s=0.0)])
    world.log_in("1001")
    for call in ("a", "b", "c", "d"):
        world.call(call)
    assert world.router.estimated_wait("d", world.now) is None
    for _ in range(2):  # a at 0 s, b 40 s later: one gap of 40 s
        world.answer(world.router.agent_view("1001").offer)
        world.wait(40.0)
        world.release("1001")
        assert world.state("1001") is State.OFFERED
    assert world.router.estimated_wait("d", world.now) == pytest.approx(2 * 40.0)
    assert world.router.estimated_wait("nobody", world.now) is None


def test_the_estimated_wait_knows_who_is_on_duty():
    world = World([agent("1001"), agent("1002")], [queue(wrap_up_s=0.0)])
    world.log_in("1001", "1002")
    for call in ("a", "b", "c", "d"):
        world.call(call)
    for _ in range(2):
        for number in ("1001", "1002"):
            if world.state(number) is State.OFFERED:
                world.answer(world.router.agent_view(number).offer)
        world.wait(40.0)
        world.release("1001")
    both_s = world.router.estimated_wait("d", world.now)
    assert both_s is not None
    world.router.set_status("1002", Status.AWAY, "break", "agent", world.now)
    assert world.router.estimated_wait("d", world.now) == pytest.approx(2 * both_s)
    world.router.set_reachable("1001", False, world.now)
    assert world.router.estimated_wait("d", world.now) is None
