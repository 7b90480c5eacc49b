"""What number, flow and queue say of a call reaches the router, over every way on."""

from calls_stage import Stage, flows, queue

from acd.calls import events
from acd.calls.numbers import FlowTarget, NumberPlan, QueueTarget
from acd.routing.model import AgentProfile, Grade, Overflow, Requirements

FLOW = """
flow: hotline
start: line
nodes:
  line:
    {type: queue, queue: sales, skills: {english: B}, region: 广东, tags: [vip], priority: 3}
"""


def person(number, **fields):
    skills = fields.pop("skills", {"sales": Grade.A})
    return AgentProfile(
        number=number, name=number, account=f"phone{number}", skills=skills, **fields
    )


AGENTS = (
    person("1001"),
    person("1002", languages=("yue",), skills={"sales": Grade.A, "english": Grade.B}),
    person(
        "1003",
        languages=("yue",),
        regions=("广东",),
        skills={"sales": Grade.A, "service": Grade.A, "english": Grade.A},
    ),
)


def stage_of(*queues, agents=AGENTS):
    numbers = NumberPlan(
        targets={
            "4000": FlowTarget("hotline", Requirements(language="yue")),
            "4001": QueueTarget("sales", requires=Requirements(language="yue")),
        }
    )
    return Stage(agents=agents, queues=queues, numbers=numbers, book=flows(hotline=FLOW))


def test_a_number_s_requirements_choose_the_agent():
    stage = stage_of(queue("sales"))
    stage.registers("1001", "1002", "1003")
    stage.calls("4001")
    assert stage.one(events.OfferMade).agent in {"1002", "1003"}


def test_flow_and_number_add_up_and_are_kept_over_an_overflow():
    line = queue("sales", max_wait_s=10.0, overflow=Overflow(queue="service"))
    stage = stage_of(line, queue("service"), agents=AGENTS)
    stage.registers("1001", "1002")
    stage.calls("4000")
    assert stage.all(events.OfferMade) == []
    stage.wait(11)
    assert [event.queue for event in stage.all(events.QueueEntered)] == ["sales", "service"]
    assert [event.priority for event in stage.all(events.QueueEntered)] == [3, 3]
    assert [event.region for event in stage.all(events.QueueEntered)] == ["广东", "广东"]
    assert [event.skill for event in stage.all(events.QueueEntered)] == ["sales", "service"]
    stage.registers("1003")
    assert stage.one(events.OfferMade).agent == "1003"
