"""When rules are asked, and that what they say is obeyed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from acd.routing.model import LayerProfile, Status
from acd.routing.waiting_rules import EmptyRule
from tests.routing.routing_world import World, agent, offered_to, queue


@dataclass(eq=False)
class Rule:
    """A rule that counts how often it is asked."""

    text: str
    test: Callable[[dict], bool]
    call_facts: frozenset[str] = frozenset()
    of_agent: bool = False
    asked: list = field(default_factory=list)

    def holds(self, facts):
        self.asked.append(dict(facts))
        return self.test(facts)


def world_with(rule, agents=("1", "2", "3"), **fields):
    layers = (LayerProfile(name="rule", order="longest_idle", rule=rule),)
    people = [agent(number, team=f"t{number}") for number in agents]
    return World(people, [queue(layers=layers, wrap_up_s=0.0, **fields)])


def test_a_rule_over_the_agent_is_asked_once_until_the_agent_changes():
    rule = Rule("team", lambda facts: facts["agent.team"] == "t2", of_agent=True)
    world = world_with(rule)
    world.log_in("1", "2", "3")
    for n in range(5):
        for category in ("tv", "pans"):
            made = offered_to(world.call(f"{category}{n}", category=category))
            assert made == [(f"{category}{n}", "2")]
            world.leave(f"{category}{n}")
    assert len(rule.asked) == 3
    layers = (LayerProfile(name="rule", order="longest_idle", rule=rule),)
    people = [agent("1", team="t2"), agent("2", team="t1"), agent("3")]
    world.configure(people, [queue(layers=layers)])
    assert offered_to(world.call("later")) == [("later", "1")]
    assert len(rule.asked) == 6


def test_a_rule_over_the_call_is_asked_once_per_call():
    facts = frozenset({"call.caller"})
    rule = Rule("caller", lambda facts: facts["call.caller"].endswith("7"), facts)
    world = world_with(rule)
    world.log_in("1", "2", "3")
    for n in range(20):
        made = offered_to(world.call(f"c{n}", caller=f"138{n}"))
        assert bool(made) == (n in {7, 17})
        world.leave(f"c{n}")
    assert len(rule.asked) == 20


def test_a_rule_over_both_is_asked_once_per_agent_and_kind_of_call():
    facts = frozenset({"call.region"})
    rule = Rule("both", lambda facts: facts["agent.team"] == facts["call.region"], facts, True)
    world = world_with(rule)
    world.log_in("1", "2", "3")
    for n in range(4):
        for region in ("t1", "t3"):
            call = f"{region}-{n}"
            # The region is no requirement here: nobody serves it but by the rule.
            made = offered_to(world.call(call, tags=(region,), visits=n, region=""))
            assert made == []
            world.leave(call)
    assert len(rule.asked) == 3


@pytest.mark.parametrize(("holds", "made"), [(True, [("c", "1")]), (False, [])])
def test_a_rule_over_neither_is_obeyed_too(holds, made):
    """As one writes it who switches a layer off for a while: `when: "false"`."""
    world = world_with(Rule("constant", lambda _facts: holds), agents=("1",))
    world.log_in("1")
    assert offered_to(world.call("c")) == made


@pytest.mark.parametrize("of_agent", [False, True])
def test_a_rule_knows_a_category_in_which_no_agent_is_graded(of_agent):
    facts = frozenset({"call.category"})
    rule = Rule("loans", lambda facts: facts["call.category"] == "loans", facts, of_agent)
    world = world_with(rule, agents=("1",))
    world.log_in("1")
    assert offered_to(world.call("other", category="cards")) == []
    assert offered_to(world.call("c", category="loans")) == [("c", "1")]


def test_of_a_call_without_a_category_a_rule_sees_the_queue_s():
    facts = frozenset({"call.category"})
    rule = Rule("loans", lambda facts: facts["call.category"] == "loans", facts)
    world = world_with(rule, agents=("1",), category="loans")
    world.log_in("1")
    assert offered_to(world.call("c")) == [("c", "1")]


def test_who_obeys_no_layer_s_rule_does_not_serve_the_queue():
    rule = Rule("team", lambda facts: facts["agent.team"] == "t2", of_agent=True)
    world = world_with(rule)
    world.log_in("1", "3")
    assert world.router.is_empty("sales", EmptyRule.AWAY)
    world.log_in("2")
    assert not world.router.is_empty("sales", EmptyRule.AWAY)


def test_who_may_obey_a_rule_over_the_call_serves_the_queue():
    rule = Rule("vip", lambda facts: "vip" in facts["call.tags"], frozenset({"call.tags"}))
    world = world_with(rule)
    world.log_in("1")
    assert not world.router.is_empty("sales", EmptyRule.AWAY)


def test_calls_that_no_rule_lets_through_do_not_hold_up_others():
    rule = Rule("vip", lambda facts: "vip" in facts["call.tags"], frozenset({"call.tags"}))
    world = world_with(rule, agents=("1",))
    world.call("plain")
    world.call("vip", tags=("vip",))
    world.log_in("1")
    assert [event.call for event in world.log if hasattr(event, "choice")] == ["vip"]


def test_a_rule_over_the_priority_is_asked_again_when_that_changes():
    facts = frozenset({"call.priority"})
    rule = Rule("urgent", lambda facts: facts["call.priority"] > 2, facts)
    world = world_with(rule, agents=("1",))
    world.log_in("1")
    assert offered_to(world.call("c")) == []
    assert offered_to(world.keep(world.router.set_priority("c", 1, world.now))) == []
    events = world.keep(world.router.set_priority("c", 5, world.now))
    assert offered_to(events) == [("c", "1")]
    assert world.router.set_priority("c", 0, world.now) == []  # it rings on
    world.status("1", Status.AWAY, "lunch")
    assert offered_to(world.status("1", Status.READY)) == []
    assert len(rule.asked) == 4
