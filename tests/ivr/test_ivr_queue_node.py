"""What a queue node asks of agents: fixed, or computed from the flow's variables."""

import pytest
from ivr_stage import CONTEXT, Caller, book_of

from acd.ivr.book import FlowError, load_flows
from acd.ivr.effects import EnterQueue, StepTaken

FLOW = """
start: home
variables: {home_region: "", rank: 7, unknown: 0}
nodes:
  home: {type: set, values: {home_region: 广东}, next: line}
  line:
    type: queue
    queue: sales
    skills: {english: B}
    tags: [vip]
    on_timeout: bye
    language: zh
    expressions: {region: home_region, priority: rank * 20, language: LANGUAGE}
  bye: {type: hangup}
"""


def entered(flow):
    caller = Caller.__new__(Caller)
    effects = []
    caller.take = lambda found: effects.extend(found) or found
    Caller.__init__(caller, book_of(main=flow), "main")
    return effects


def test_attributes_are_fixed_or_computed_for_the_caller():
    effects = entered(FLOW.replace("LANGUAGE", "language + 'yue'"))
    (request,) = [effect for effect in effects if isinstance(effect, EnterQueue)]
    assert request == EnterQueue("sales", 100, "", (("english", "B"),), "zhyue", "广东", ("vip",))


def test_without_a_value_the_fixed_one_serves_and_the_record_says_so():
    effects = entered(FLOW.replace("LANGUAGE", "string(1 / unknown)"))
    (request,) = [effect for effect in effects if isinstance(effect, EnterQueue)]
    assert request.language == "zh"
    notes = [effect.note for effect in effects if isinstance(effect, StepTaken) and effect.note]
    assert len(notes) == 1
    assert notes[0].startswith("language: ")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("LANGUAGE", "rank", "13:71: bad expression: gives int, but string is needed"),
        ("LANGUAGE", "tongue", "13:71: bad expression: undeclared reference to 'tongue'"),
        ("english: B", "english: E", "9:23"),
        ("LANGUAGE}", '"zh", colour: "1"}', "unknown key 'colour'"),
    ],
)
def test_faults_say_where(old, new, fault):
    with pytest.raises(FlowError) as caught:
        load_flows({"main.yaml": "flow: main" + FLOW.replace(old, new)}, CONTEXT)
    assert any(fault in str(each) for each in caught.value.faults), caught.value.faults
