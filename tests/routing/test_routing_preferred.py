"""Agents whom a call is to reach: waited for, for so long, and as long as they are there."""

from acd.routing.events import OfferOutcome
from acd.routing.model import Grade, Preferred, Status
from tests.routing.routing_world import World, agent, offered_to, offers, only_offer, queue

FOR_2 = (Preferred("2", "open_matter"),)
FOR_3_OR_2 = (Preferred("3", "manager"), Preferred("2", "last_agent"))


def world_of(**fields):
    world = World(
        [agent(number) for number in ("1", "2", "3")],
        [queue(**{"preferred_wait_s": 10.0, "wrap_up_s": 0.0} | fields)],
    )
    world.log_in("1", "2", "3")
    return world


def busy(world, number):
    """Let the agent talk: only this one is preferred, so that this one gets it."""
    made = only_offer(world.call(f"busy{number}", preferred=(Preferred(number, "manager"),)))
    assert made.agent == number
    world.answer(made.offer)


def test_a_preferred_agent_who_is_idle_gets_the_call_at_once():
    world = world_of()
    made = only_offer(world.call("c", preferred=FOR_2))
    assert (made.agent, made.choice.layer, made.choice.order) == ("2", "preferred", "open_matter")


def test_a_preferred_agent_who_frees_up_in_time_gets_it_though_others_are_idle():
    world = world_of()
    busy(world, "2")
    assert offered_to(world.call("c", preferred=FOR_2)) == []
    world.wait(9.0)
    assert offered_to(world.release("2")) == [("c", "2")]


def test_after_that_time_the_layers_open():
    world = world_of()
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    assert offered_to(world.wait(9.9)) == []
    assert offered_to(world.wait(0.1)) == [("c", "1")]


def test_of_several_the_most_wanted_who_is_idle():
    world = world_of()
    assert offered_to(world.call("c", preferred=FOR_3_OR_2)) == [("c", "3")]
    assert offered_to(world.call("d", preferred=FOR_3_OR_2)) == [("d", "2")]


def test_nobody_is_waited_for_who_is_not_there():
    world = world_of()
    world.status("2", Status.AWAY, "lunch")
    assert offered_to(world.call("c", preferred=FOR_2)) == [("c", "1")]
    assert offered_to(world.call("d", preferred=(Preferred("gone", "manager"),))) == [("d", "3")]


def test_who_leaves_while_being_waited_for_opens_the_call():
    world = world_of()
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    assert offered_to(world.status("2", Status.AWAY, "lunch")) == [("c", "1")]
    busy(world, "3")
    world.call("d", preferred=(Preferred("3", "manager"),))
    assert offered_to(world.reachable("3", False)) == []
    world.release("2")
    world.status("2", Status.READY)
    assert offers(world.log)[-1].call == "d"


def test_who_misses_it_is_not_waited_for_any_longer():
    world = world_of()
    made = only_offer(world.call("c", preferred=FOR_2))
    assert offered_to(world.fail(made.offer, OfferOutcome.REJECTED)) == [("c", "1")]


def test_a_reserved_call_is_in_nobody_s_way_and_keeps_its_place():
    world = world_of()
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    assert offered_to(world.call("d")) == [("d", "1")]
    assert world.router.position("c", world.now) == 1
    assert world.router.oldest_wait(world.now + 5.0)["sales"] == 5.0 + world.now - 1003.0


def test_the_certificate_is_needed_all_the_same():
    world = World(
        [agent("1"), agent("2", skills={"service": Grade.AAA})], [queue(preferred_wait_s=10.0)]
    )
    world.log_in("1", "2")
    assert offered_to(world.call("c", preferred=FOR_2)) == [("c", "1")]


def test_a_call_at_its_starvation_bound_goes_before_a_reserved_one():
    world = world_of(starvation_s=60.0)
    for number in ("1", "3"):
        world.status(number, Status.AWAY, "lunch")
    busy(world, "2")
    world.call("old")
    world.wait(61.0)
    world.call("c", preferred=FOR_2)
    assert offered_to(world.release("2")) == [("old", "2")]


def test_it_leaves_like_any_other():
    world = world_of(max_wait_s=5.0)
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    world.call("d", preferred=FOR_2)
    world.leave("d")
    (event,) = world.wait(5.0)
    assert event.call == "c"
    assert offered_to(world.release("2")) == []


def test_at_the_starvation_bound_the_call_that_came_first_goes_first():
    world = world_of(starvation_s=20.0, preferred_wait_s=100.0)
    for number in ("1", "3"):
        world.status(number, Status.AWAY, "lunch")
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    world.wait(1.0)
    world.call("later")
    world.wait(50.0)
    assert offered_to(world.release("2")) == [("c", "2")]


def test_of_two_that_wait_for_an_agent_one_at_its_bound_goes_before_a_patient_queue_s():
    patient = queue("patient", skill="sales", preferred_wait_s=100.0, wrap_up_s=0.0)
    urgent = queue(starvation_s=20.0, preferred_wait_s=100.0, wrap_up_s=0.0)
    world = World([agent("2")], [patient, urgent])
    world.log_in("2")
    busy(world, "2")
    world.call("patient", "patient", preferred=FOR_2)
    world.wait(1.0)
    world.call("c", preferred=FOR_2)
    world.wait(1.0)
    world.call("later")
    world.wait(50.0)
    assert offered_to(world.release("2")) == [("c", "2")]


def test_who_loses_the_certificate_by_a_reload_is_not_waited_for_any_longer():
    world = world_of()
    busy(world, "2")
    world.call("c", preferred=FOR_2)
    people = [agent("1"), agent("2", skill="service"), agent("3")]
    assert offered_to(world.configure(people, [queue(preferred_wait_s=10.0)])) == [("c", "1")]
