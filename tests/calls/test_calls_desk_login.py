"""Hot-desking: number and PIN keyed in at a desk phone, and what comes of it."""

import pytest
from calls_stage import Stage
from hypothesis import given
from hypothesis import strategies as st

from acd.calls import commands, events
from acd.calls.call import Phase
from acd.calls.desk_login import KEY_PAUSE_S
from acd.calls.ports import NoCertificates
from acd.routing.model import State


class ExamDue(NoCertificates):
    """Nobody may log in."""

    def refusal(self, agent: str) -> str:
        return "exam_due" if agent else ""


def wish(stage: Stage) -> commands.VerifyPin:
    return stage.all(commands.VerifyPin)[-1]


def keyed(stage: Stage, keys: str) -> tuple[str, commands.VerifyPin]:
    leg = stage.calls("*20", account="d01")
    stage.presses(leg, keys)
    return leg, wish(stage)


def verified(stage: Stage, interaction: str, *, right: bool) -> str:
    effects, agent = stage.centre.desk_login_verified(interaction, right, stage.now)
    stage.take(effects)
    return agent


def test_number_and_pin_are_asked_for_and_checked_outside() -> None:
    stage = Stage()
    leg = stage.calls("*20", account="d01")
    assert stage.plays(leg) == ("zh/number?",)
    stage.presses(leg, "1001#")
    assert stage.plays(leg) == ("zh/pin?",)
    stage.presses(leg, "99*2468#")  # * takes back
    asked = wish(stage)
    assert (asked.account, asked.agent, asked.pin) == ("d01", "1001", "2468")
    stage.presses(leg, "1#")
    assert len(stage.all(commands.VerifyPin)) == 1
    assert verified(stage, asked.interaction, right=True) == "1001"
    assert verified(stage, asked.interaction, right=True) == ""


def test_the_agent_is_busy_until_the_phone_is_put_down() -> None:
    stage = Stage()
    leg, asked = keyed(stage, "1001#2468#")
    verified(stage, asked.interaction, right=True)
    assert stage.state("1001") is State.TALKING
    stage.hangs_up(leg)
    assert stage.state("1001") is State.OFFLINE  # whoever seats the agent comes after this
    stage.check_over()


@pytest.mark.parametrize("why", ["wrong", "unknown", "exam"])
def test_who_is_not_let_in_hears_one_and_the_same(why: str) -> None:
    stage = Stage(certificates=ExamDue() if why == "exam" else None)
    leg, asked = keyed(stage, "9999#2468#" if why == "unknown" else "1001#2468#")
    assert verified(stage, asked.interaction, right=why != "wrong") == ""
    assert stage.plays(leg) == ("zh/refused",)
    stage.heard_out(leg)
    assert stage.ended().reason == "code_done"
    stage.check_over()


def test_only_desk_phones_ask() -> None:
    stage = Stage()
    for account in ("phone1001", None):
        stage.dials("*20", account=account)
        assert stage.one(events.CallRejected).reason == "not_permitted"


def test_without_a_key_for_a_while_it_is_over() -> None:
    stage = Stage()
    leg = stage.calls("*20", account="d01")
    stage.wait(KEY_PAUSE_S - 1)
    stage.presses(leg, "1")
    stage.wait(KEY_PAUSE_S - 1)
    assert stage.plays(leg) == ("zh/number?",)
    stage.wait(1)
    assert stage.plays(leg) == ("zh/refused",)
    stage.hangs_up(leg)
    stage.check_over()


def test_whoever_puts_the_phone_down_is_not_seated() -> None:
    stage = Stage()
    leg, asked = keyed(stage, "1001#2468#")
    stage.hangs_up(leg)
    assert verified(stage, asked.interaction, right=True) == ""
    assert stage.state("1001") is State.OFFLINE
    stage.wait(60)
    stage.check_over()


def test_no_key_is_in_any_event() -> None:
    stage = Stage()
    leg, asked = keyed(stage, "1001#8642#")
    verified(stage, asked.interaction, right=True)
    stage.hangs_up(leg)
    kept = [one for one in stage.log if isinstance(one, events.Event)]
    assert kept
    assert "8642" not in repr(kept)


@given(st.lists(st.sampled_from([*"0123456789*#", "wait", "right", "wrong", "down"]), max_size=40))
def test_any_sequence_ends(steps: list[str]) -> None:
    stage = Stage()
    leg = stage.calls("*20", account="d01")
    interaction = stage.all(events.CallStarted)[0].interaction
    for step in steps:
        [*calls] = stage.centre.calls
        if step == "wait":
            stage.wait(4)
        elif step in {"right", "wrong"} and stage.all(commands.VerifyPin):
            verified(stage, interaction, right=step == "right")
        elif step == "down" and calls:
            stage.hangs_up(leg)
        elif len(step) == 1 and calls and calls[0].phase is Phase.LOGGING_IN:
            stage.presses(leg, step)
    if stage.centre.calls_total:
        stage.hangs_up(leg)
    assert stage.centre.next_deadline() <= stage.now + KEY_PAUSE_S or (
        stage.centre.next_deadline() == float("inf")
    )
    stage.wait(KEY_PAUSE_S)
    stage.check_over()
    assert {stage.state(number) for number in ("1001", "1002")} == {State.OFFLINE}
