"""What an expression may take of time and memory, whatever its author wrote."""

import pytest
from ivr_stage import call

from acd.ivr.effects import StepTaken
from acd.ivr.expressions import MAX_TEXT_CHARACTERS, EvaluationError, Expressions

DATA = {"caller": "", "called": "", "language": "zh", "text": "x"}

DOUBLES = """
start: double
variables: {text: "x"}
nodes:
  double: {type: set, expressions: {text: text + text}, next: hear}
  hear: {type: play, sounds: [welcome], next: double}
"""


def nested(levels: int) -> str:
    """Return an expression that takes 10 ** levels steps."""
    text = "true"
    for level in range(levels):
        text = f"[1,1,1,1,1,1,1,1,1,1].all(v{level}, {text})"
    return text


def test_macros_within_macros_are_an_error_of_the_case_and_not_of_the_server():
    expressions = Expressions({"text": "x"})
    assert expressions.condition(nested(2))(DATA) is True
    with pytest.raises(EvaluationError):
        expressions.condition(nested(6))(DATA)
    with pytest.raises(EvaluationError):
        expressions.value(f"{nested(6)} ? 1 : 2", int)(DATA)


def test_a_text_that_grows_in_a_ring_keeps_its_last_value():
    caller = call(DOUBLES)
    for _ in range(40):
        effects = caller.does(".")
    assert len(caller.run.variables["text"]) <= MAX_TEXT_CHARACTERS
    [step] = [one for one in effects if isinstance(one, StepTaken) and one.node == "double"]
    assert (step.outcome, "characters" in step.note) == ("error", True)
