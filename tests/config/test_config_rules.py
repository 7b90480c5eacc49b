"""Business rules as CEL: compiled, type-checked with their place, and what the router asks."""

import pytest

from acd.config.load import load_config
from acd.config.rules import compile_rule
from acd.routing.facts import agent_facts, call_facts
from acd.routing.model import AgentProfile, Grade, WaitingCall
from acd.routing.rule import AGENT_FACTS, CALL_FACTS
from tests.config.test_config_load import faults_of

AGENT = AgentProfile(
    number="1",
    name="1",
    account="1",
    skills={"sales": Grade.AA},
    team="一组",
    languages=("zh",),
)
CALL = WaitingCall(
    call="c", interaction="i", queue="sales", enqueued_at=0.0, tags=("vip",), visits=3
)


@pytest.mark.parametrize(
    ("text", "seen", "of_agent", "holds"),
    [
        ("agent.skills.sales >= AA", set(), True, True),
        ("agent.skills.sales > AA", set(), True, False),
        ("agent.skills.service >= C", set(), True, False),
        ("'zh' in agent.languages && agent.team == '一组'", set(), True, True),
        ("'vip' in call.tags", {"call.tags"}, False, True),
        ("call.visits > 5 && agent.number == '1'", {"call.visits"}, True, False),
        ("call.language in agent.languages", {"call.language"}, True, False),
        ("true", set(), False, True),
    ],
)
def test_a_rule_says_what_it_looks_at(text, seen, of_agent, holds):
    rule = compile_rule(text)
    assert (rule.call_facts, rule.of_agent) == (seen, of_agent)
    facts = call_facts(CALL, "")
    assert rule.holds({name: facts[name] for name in seen} | agent_facts(AGENT)) is holds


def test_facts_are_complete():
    assert call_facts(CALL, "").keys() == CALL_FACTS.keys()
    assert agent_facts(AGENT).keys() == AGENT_FACTS.keys()
    for facts, kinds in ((call_facts(CALL, ""), CALL_FACTS), (agent_facts(AGENT), AGENT_FACTS)):
        assert {name: type(value) for name, value in facts.items()} == kinds


def test_the_file_s_rule_reaches_the_router(folder, change):
    layers = "layers: [{name: all, when: 'agent.skills.sales >= AA'}, {name: rest}]"
    change("queues.yaml", "kind: sales", layers)
    queue = next(queue for queue in load_config(folder).queue_profiles() if queue.name == "sales")
    assert [layer.rule and layer.rule.text for layer in queue.layers] == [
        "agent.skills.sales >= AA",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("agent.skils.sales >= AA", "bad expression, 1:"),
        (
            'call.categry == "tv"',
            "(did you mean 'call.category'?)",
        ),
        ("call.visits + 1", "gives int, but bool is needed"),
        ('call.visits > "2"', "1:13 in it: found no matching overload"),
        ("call.visits >", "1:14 in it"),
    ],
)
def test_a_mistake_is_told_with_its_place(folder, change, text, fault):
    change("queues.yaml", "kind: sales", f"layers:\n      - name: all\n        when: '{text}'")
    (told,) = faults_of(folder)
    assert told.startswith("queues.yaml:5:"), told
    assert fault in told
