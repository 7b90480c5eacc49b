"""Groups held back for peaks: by hand, by rule, and back again without flicker."""

import math

import pytest

from acd.routing.errors import UnknownGroupError
from acd.routing.events import GroupActivated
from acd.routing.model import ActivationRule, LayerProfile, Status
from tests.routing.routing_world import World, agent, offered_to, offers, queue

LAYERS = (
    LayerProfile(name="team", order="longest_idle"),
    LayerProfile(name="mobile", order="longest_idle", groups=("mobile",)),
)


def world_of(*rules, **fields):
    people = [agent("1"), agent("2", groups=("mobile",)), agent("3", team="mobile")]
    line = queue(layers=LAYERS, activations=rules, **{"wrap_up_s": 0.0} | fields)
    world = World(people, [line])
    world.log_in("1", "2", "3")
    return world


def switch(world, on, by="lin"):
    return world.keep(world.router.activate("sales", "mobile", on, by, world.now))


def activations(events):
    return [(event.on, event.by) for event in events if isinstance(event, GroupActivated)]


def test_members_are_held_back_until_a_supervisor_calls_them_up():
    world = world_of()
    assert offered_to(world.call("c1")) == [("c1", "1")]
    assert offered_to(world.call("c2")) == []
    events = switch(world, True)
    assert (activations(events), offered_to(events)) == ([(True, "lin")], [("c2", "2")])
    assert offered_to(world.call("c3")) == [("c3", "3")]
    assert world.router.active_groups("sales") == {"mobile": "lin"}
    assert switch(world, True) == []
    assert activations(switch(world, False)) == [(False, "lin")]
    assert offered_to(world.answer(offers(world.log)[1].offer)) == []
    world.call("c4")
    assert offered_to(world.release("2")) == []


def test_a_member_who_frees_up_takes_calls_while_the_group_is_active():
    world = world_of()
    switch(world, True)
    world.status("1", Status.AWAY, "lunch")
    for call in ("c1", "c2"):
        world.answer(offers(world.call(call))[0].offer)
    world.call("c3")
    assert offered_to(world.release("3")) == [("c3", "3")]


def test_what_no_layer_names_cannot_be_switched():
    world = world_of()
    for line, group in (("sales", "leaders"), ("nowhere", "mobile")):
        with pytest.raises(UnknownGroupError):
            world.router.activate(line, group, True, "lin", world.now)


def test_a_long_wait_activates_and_only_a_calm_takes_it_back():
    rule = ActivationRule(group="mobile", longest_wait_s=60.0, off_after_s=100.0)
    world = world_of(rule, ring_timeout_s=900.0)
    world.call("c1")
    world.call("c2")
    assert activations(world.wait(59.0)) == []
    events = world.wait(1.0)
    assert (activations(events), offered_to(events)) == ([(True, "rule")], [("c2", "2")])
    assert activations(world.wait(99.0)) == []
    # c1 still rings at somebody, unanswered: that is a wait, too.
    assert activations(world.wait(50.0)) == []
    for call in ("c1", "c2"):
        world.leave(call)
    assert activations(world.wait(99.0)) == []
    assert activations(world.wait(60.0)) == [(False, "rule")]


def test_a_long_line_activates():
    world = world_of(ActivationRule(group="mobile", length=3))
    for call in ("c1", "c2"):
        assert activations(world.call(call)) == []
    events = world.call("c3")
    assert activations(events) == [(True, "rule")]
    assert offered_to(events) == [("c2", "2"), ("c3", "3")]


def test_a_low_service_level_activates():
    rule = ActivationRule(group="mobile", service_level=0.8, last_calls=5)
    world = world_of(rule, service_level_s=20.0, short_abandon_s=5.0)
    for n in range(4):
        world.answer(offers(world.call(f"good{n}"))[0].offer)
        world.release("1")
    world.status("1", Status.AWAY, "lunch")
    world.call("short")
    world.wait(4.0)
    assert activations(world.leave("short")) == []
    world.call("lost")
    world.wait(30.0)
    assert activations(world.leave("lost")) == []
    world.call("lost too")
    world.wait(30.0)
    assert activations(world.leave("lost too")) == [(True, "rule")]


def test_a_low_service_level_needs_nobody_once_no_calls_come():
    rule = ActivationRule(group="mobile", service_level=0.8, last_calls=2, off_after_s=50.0)
    world = world_of(rule, short_abandon_s=5.0)
    world.status("1", Status.AWAY, "lunch")
    for n in range(3):
        world.call(f"lost{n}")
        world.wait(30.0)
        world.leave(f"lost{n}")
    assert activations(world.log) == [(True, "rule")]
    assert activations(world.wait(49.0)) == []
    assert activations(world.wait(1.0)) == [(False, "rule")]
    assert world.router.next_deadline() == math.inf


def test_a_person_s_word_goes_before_the_rule():
    world = world_of(ActivationRule(group="mobile", length=2, off_after_s=50.0))
    switch(world, True)
    assert activations(world.wait(500.0)) == []
    switch(world, False)
    world.call("c1")
    assert activations(world.call("c2")) == [(True, "rule")]
    switch(world, False)
    assert activations(world.call("c3")) == []
    for call in ("c1", "c2", "c3"):
        world.leave(call)
    world.wait(60.0)
    world.call("d1")
    assert activations(world.call("d2")) == [(True, "rule")]


def test_what_is_active_stays_so_over_a_reload_as_long_as_it_is_named():
    world = world_of()
    switch(world, True)
    people = [agent("2", groups=("mobile",))]
    world.configure(people, [queue(layers=LAYERS)])
    assert world.router.active_groups("sales") == {"mobile": "lin"}
    world.configure(people, [queue(layers=LAYERS[:1])])
    assert world.router.active_groups("sales") == {}
    assert offered_to(world.call("c")) == [("c", "2")]


def test_whoever_takes_over_from_the_rule_is_on_record():
    world = world_of(ActivationRule(group="mobile", length=1, off_after_s=50.0))
    world.status("1", Status.AWAY, "lunch")
    assert activations(world.call("c1")) == [(True, "rule")]
    assert activations(switch(world, True)) == [(True, "lin")]
    world.leave("c1")
    assert activations(world.wait(500.0)) == []
    assert world.router.active_groups("sales") == {"mobile": "lin"}


def restarted(world, *rules):
    again = world_of(*rules)
    again.router.restore_groups(world.router.switched_groups())
    return again


def test_what_a_person_said_outlives_the_process():
    rule = ActivationRule(group="mobile", length=1, off_after_s=50.0)
    world = world_of(rule)
    assert world.router.switched_groups() == ()
    switch(world, True)
    again = restarted(world, rule)
    assert again.router.active_groups("sales") == {"mobile": "lin"}
    again.status("1", Status.AWAY, "lunch")
    assert offered_to(again.call("c1")) == [("c1", "2")]
    assert activations(again.wait(500.0)) == []


def test_what_a_person_forbade_ahead_the_rule_leaves_alone_after_a_restart_too():
    rule = ActivationRule(group="mobile", length=1, off_after_s=50.0)
    world = world_of(rule)
    world.status("1", Status.AWAY, "lunch")
    world.call("c1")
    assert activations(switch(world, False)) == [(False, "lin")]
    again = restarted(world, rule)
    again.status("1", Status.AWAY, "lunch")
    assert activations(again.call("c1")) == []


def test_what_the_rule_did_is_for_the_rule_to_do_again():
    rule = ActivationRule(group="mobile", length=1)
    world = world_of(rule)
    world.call("c1")
    assert world.router.active_groups("sales") == {"mobile": "rule"}
    assert restarted(world, rule).router.active_groups("sales") == {}
