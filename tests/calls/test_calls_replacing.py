"""INVITE with Replaces: an agent goes on at another phone, or another agent takes the place."""

import pytest
from calls_stage import ANSWER, NUMBERS, Stage

from acd.calls import commands, events
from acd.calls.numbers import NumberPlan
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.registers("1001")
    return stage


def test_the_agent_goes_on_at_another_phone(stage: Stage) -> None:
    caller, phone = stage.talk("4001", "1001")
    stage.wait(10)
    new = stage.takes_place(phone, "phone1001")
    assert stage.one(media.OpenStream).near == caller
    assert stage.state("1001") is State.TALKING
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert commands.AnswerLeg(new, ANSWER) in stage.last
    assert commands.HangUpLeg(phone) in stage.last
    assert media.Bridge(caller, new) in stage.last
    assert stage.state("1001") is State.TALKING
    stage.on_sip(sip.LegConfirmed(new, b""))
    stage.wait(5)
    stage.hangs_up(new)
    assert stage.state("1001") is State.WRAP_UP
    assert [one.talk_s for one in stage.all(events.AgentDisconnected)] == [10, 5]
    assert stage.ledger.transfers == {"moved completed": 1}
    stage.check_over()


@pytest.mark.parametrize("named", ["sip:phone1001@acd", "sip:1001@acd"])
def test_another_agent_on_behalf_of_the_first(stage: Stage, named: str) -> None:
    stage.registers("1005")
    caller, phone = stage.talk("4001", "1001")
    new = stage.takes_place(phone, "phone1005", referred_by=named)
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert media.Bridge(caller, new) in stage.last
    assert stage.state("1001") is State.WRAP_UP
    assert stage.state("1005") is State.TALKING
    stage.hangs_up(caller)
    assert stage.state("1005") is State.WRAP_UP
    stage.check_over()


def test_who_may_not(stage: Stage) -> None:
    """A stranger, an agent without a word of the first one, a place that is no agent's."""
    stage.registers("1002", "1005")
    caller, phone = stage.talk("4001", "1001")
    stage.talk("4001", "1002")
    for of, account, by, status in (
        (phone, "door", "", 403),
        (phone, "phone1005", "", 403),
        (phone, "phone1005", "sip:1006@acd", 403),
        (phone, "phone1002", "sip:1001@acd", 486),
        (caller, "phone1001", "", 403),
        ("gone", "phone1001", "", 403),
    ):
        new = stage.takes_place(of, account, referred_by=by)
        assert stage.one(commands.RejectLeg) == commands.RejectLeg(new, status)
        assert stage.one(events.CallRejected).reason == "not_replaceable"
    assert stage.state("1001") is State.TALKING


def test_what_does_not_come_about_changes_nothing(stage: Stage) -> None:
    caller, phone = stage.talk("4001", "1001")
    new = stage.takes_place(phone, "phone1001")
    stage.on_media(media_in.StreamRefused(new, 488, "video only"))
    assert stage.last == [commands.RejectLeg(new, 488)]
    new = stage.takes_place(phone, "phone1001")
    assert stage.on_sip(sip.LegCancelled(new)) == []
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert stage.last == [media.CloseStream(new)]
    new = stage.takes_place(phone, "phone1001")
    stage.on_media(media_in.StreamsLost((new,), "died"))
    assert stage.last == [commands.RejectLeg(new, 503)]
    new = stage.takes_place(phone, "phone1001")
    stage.hangs_up(caller)
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert stage.last == [commands.RejectLeg(new, 481), media.CloseStream(new)]
    assert stage.ledger.transfers == {}
    stage.check_over()


@pytest.mark.parametrize("removed", [False, True])
def test_another_agent_who_is_taken_meanwhile(stage: Stage, removed: bool) -> None:
    """Between the INVITE and its media another caller may come to the one who steps in."""
    stage.registers("1005")
    caller, phone = stage.talk("4001", "1001")
    new = stage.takes_place(phone, "phone1005", referred_by="sip:1001@acd")
    if removed:
        stage.take(
            stage.centre.configure(
                agents=[one for one in stage.agents if one.number != "1005"],
                queues=stage.queues,
                numbers=NumberPlan(targets=NUMBERS),
                now=stage.now,
            )
        )
    else:
        second, _ = stage.talk("4002", "1005")
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert stage.last == [commands.RejectLeg(new, 486), media.CloseStream(new)]
    assert stage.state("1001") is State.TALKING
    for leg in (caller,) if removed else (caller, second):
        stage.hangs_up(leg)
    stage.check_over()


def test_out_of_a_transfer_that_lingers(stage: Stage) -> None:
    stage.registers("1005")
    caller, phone = stage.talk("4001", "1001")
    stage.refers(phone, "4002")
    other = stage.ringing("1005")
    stage.answers(other)
    new = stage.takes_place(other, "phone1005")
    stage.on_media(media_in.StreamOpened(new, ANSWER))
    assert {one.leg for one in stage.now_all(commands.HangUpLeg)} == {phone, other}
    stage.hangs_up(caller)
    stage.check_over()
