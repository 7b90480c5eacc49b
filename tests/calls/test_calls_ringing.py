"""Numbers whose callers hear ringing until an agent answers."""

import pytest
from calls_stage import ANSWER, Stage, queue

from acd.calls import commands, events
from acd.calls.settings import CentrePrompts
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import Overflow, State
from acd.sip import events as sip

LOUD = queue(music="music/default", position_every_s=10.0)


def test_the_caller_is_answered_when_the_agent_is() -> None:
    stage = Stage(queues=[LOUD])
    stage.registers("1001")
    caller = stage.calls("4003")
    assert stage.one(commands.RingLeg).leg == caller
    assert not stage.all(commands.AnswerLeg)
    phone = stage.ringing("1001")
    stage.answers(phone)
    answer, bridge = stage.one(commands.AnswerLeg), stage.one(media.Bridge)
    assert answer == commands.AnswerLeg(caller, ANSWER)
    assert stage.last.index(answer) < stage.last.index(bridge)
    assert stage.one(events.CallAnswered).leg == caller
    stage.hangs_up(caller)
    stage.check_over()


def test_a_waiting_caller_hears_nothing_of_ours() -> None:
    stage = Stage(queues=[LOUD])
    stage.calls("4003")
    stage.wait(60)
    assert not stage.all(media.Play)
    assert not stage.all(commands.AnswerLeg)


def test_a_caller_who_gives_up_is_an_abandoned_one() -> None:
    stage = Stage()
    caller = stage.calls("4003")
    stage.wait(30)
    stage.on_sip(sip.LegCancelled(caller))
    assert stage.one(events.QueueLeft).reason == "abandoned"
    assert stage.ended().reason == "cancelled"
    assert stage.one(media.CloseStream).leg == caller
    stage.on_media(media_in.StreamClosed(caller, 0, 0, 0, 0, 0, 0.0))
    assert stage.one(events.StreamMeasured).leg == caller
    stage.check_over()


def test_after_the_longest_wait_the_call_is_refused() -> None:
    """Without a prompt there is nothing to answer for: 480, and nobody pays."""
    stage = Stage(queues=[queue(max_wait_s=20.0)], prompts=CentrePrompts())
    caller = stage.calls("4003")
    stage.wait(20)
    assert not stage.all(commands.AnswerLeg)
    assert stage.all(commands.HangUpLeg)[-1].leg == caller
    assert stage.all(events.CallEnded)[-1].sip_status == 480


@pytest.mark.parametrize("overflow", [Overflow(flow="later"), Overflow(hang_up_prompt="sorry")])
def test_what_has_to_be_heard_answers_first(overflow: Overflow) -> None:
    stage = Stage(queues=[queue(max_wait_s=20.0, overflow=overflow)])
    caller = stage.calls("4003")
    stage.wait(20)
    answer = stage.one(commands.AnswerLeg)
    assert stage.plays(caller) == ("zh/sorry",)
    play = stage.all(media.Play)[-1]
    assert stage.log.index(answer) < stage.log.index(play)


def test_the_agent_is_idle_again_when_the_ringing_caller_cancels() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4003")
    phone = stage.ringing("1001")
    stage.on_sip(sip.LegCancelled(caller))
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.state("1001") is State.IDLE


def test_another_legs_ack_is_not_the_callers() -> None:
    """A caller who made no offer still owes the answer to ours."""
    stage = Stage()
    stage.registers("1001")
    caller = stage.dials("4003", offer=b"")
    stage.on_media(media_in.StreamOpened(caller, ANSWER))
    phone = stage.ringing("1001")
    stage.answers(phone)
    stage.on_sip(sip.LegConfirmed(phone, ANSWER))
    stage.on_sip(sip.LegConfirmed(caller, b""))
    assert stage.ended().reason == "media_refused"
    stage.check_over()
