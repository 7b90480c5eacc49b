"""The callback node: what it asks for, both ways out of it, and what is wrong in a file."""

import pytest
from ivr_stage import CONTEXT, Caller, book_of

from acd.ivr.book import FlowError, load_flows
from acd.ivr.drawing import mermaid
from acd.ivr.effects import AskCallback, EndCall, StepTaken
from acd.ivr.events import CallbackAnswered

FLOW = """
start: wish
variables: {number: "NUMBER"}
nodes:
  wish: {type: callback, queue: sales, number: number, priority: 2, next: yes, on_refused: no}
  yes: {type: hangup, reason: taken}
  no: {type: hangup, reason: refused}
"""


def entered(flow):
    effects = []
    caller = Caller.__new__(Caller)
    caller.take = lambda found: effects.extend(found) or found
    Caller.__init__(caller, book_of(main=flow), "main")
    return caller, effects


@pytest.mark.parametrize(("taken", "reason"), [(True, "taken"), (False, "refused")])
def test_it_asks_and_goes_on_by_the_answer(taken, reason):
    caller, effects = entered(FLOW.replace("NUMBER", "13900139000"))
    assert [one for one in effects if isinstance(one, AskCallback)] == [
        AskCallback("sales", "13900139000", 2, "")
    ]
    after = caller.run.on_event(CallbackAnswered(taken), 1.0)
    outcome = "next" if taken else "refused"
    assert next(one.outcome for one in after if isinstance(one, StepTaken)) == outcome
    assert EndCall(reason) in after


def test_an_empty_variable_is_no_wish_to_be_called_at_the_own_number():
    _, effects = entered(FLOW.replace("NUMBER", ""))
    assert not [one for one in effects if isinstance(one, AskCallback)]
    assert EndCall("refused") in effects


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("queue: sales", "queue: sale", "unknown queue 'sale'"),
        ("number: number,", "number: nummer,", "undefined variable 'nummer'"),
        ('"NUMBER"', "3", "digits do not fit variable 'number'"),
        (", on_refused: no", "", "on_refused"),
    ],
)
def test_mistakes_are_told_with_their_line(old, new, said):
    with pytest.raises(FlowError) as caught:
        load_flows({"main.yaml": f"flow: main\n{FLOW.replace(old, new)}"}, CONTEXT)
    assert said in str(caught.value)


def test_call_backs_that_send_refused_callers_to_each_other_are_a_ring():
    text = """flow: main
start: one
nodes:
  one: {type: callback, queue: sales, next: bye, on_refused: other}
  other: {type: callback, queue: service, next: bye, on_refused: one}
  bye: {type: hangup}
"""
    with pytest.raises(FlowError) as caught:
        load_flows({"main.yaml": text}, CONTEXT)
    assert "a call would spin without a wait: one → other → one" in str(caught.value)


def test_it_is_drawn_with_its_two_ways():
    picture = mermaid(book_of(main=FLOW).flow("main").model)
    assert "refused" in picture
    assert "number" in picture
