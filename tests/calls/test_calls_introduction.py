"""The agent's number before the talk (工号播报): the caller hears it; no call is lost by it."""

import pytest
from calls_stage import OFFER, Stage, queue

from acd.calls import events
from acd.ivr.speech import say_agent
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip

NUMBER = ("zh/agent_number_before", "zh/number_1", "zh/number_0", "zh/number_0", "zh/number_1")
SOUNDS = (*NUMBER, "zh/agent_number_after")


@pytest.fixture
def stage() -> Stage:
    stage = Stage(queues=[queue("sales", announce_agent=True, music="music/default")])
    stage.registers("1001")
    return stage


def bridges(stage: Stage) -> list[media.Bridge]:
    return stage.all(media.Bridge)


def test_the_number_is_heard_out_before_the_two_hear_each_other(stage: Stage) -> None:
    caller, phone = stage.talk()
    assert stage.plays(caller) == SOUNDS
    assert stage.plays(phone) == ()
    assert bridges(stage) == []
    assert stage.state("1001") is State.TALKING
    stage.wait(4)
    stage.heard_out(caller)
    assert bridges(stage) == [media.Bridge(caller, phone)]
    stage.hangs_up(caller)
    stage.check_over()


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_either_side_may_hang_up_in_it(stage: Stage, who: str) -> None:
    caller, phone = stage.talk()
    stage.wait(2)
    stage.hangs_up(caller if who == "caller" else phone)
    ended = stage.one(events.AgentDisconnected)
    assert (ended.agent, ended.talk_s) == ("1001", 2.0)
    assert (stage.ended().ended_by, stage.ended().reason) == (who, "hangup")
    assert stage.state("1001") is State.WRAP_UP
    stage.heard_out(caller)  # what the engine says too late
    assert bridges(stage) == []
    stage.check_over()


@pytest.mark.parametrize("holder", [0, 1])
def test_a_hold_in_it_takes_the_rest_away(stage: Stage, holder: int) -> None:
    legs = stage.talk()
    caller, phone = legs
    stage.holds(legs[holder])
    stage.heard_out(caller)
    assert bridges(stage) == []
    stage.holds(legs[holder], held=False)
    assert bridges(stage) == [media.Bridge(caller, phone)]
    stage.hangs_up(caller)
    stage.check_over()


def test_a_hold_without_music_lets_it_go_on_and_joins_nobody() -> None:
    stage = Stage(queues=[queue("sales", announce_agent=True, music="")])
    stage.registers("1001")
    caller, phone = stage.talk()
    stage.holds(phone)
    stage.heard_out(caller)
    assert bridges(stage) == []
    stage.holds(phone, held=False)
    assert bridges(stage) == [media.Bridge(caller, phone)]


def test_a_transfer_in_it_goes_on(stage: Stage) -> None:
    stage.registers("1005")
    caller, phone = stage.talk()
    stage.refers(phone, "4002")
    stage.hangs_up(phone)
    second = stage.ringing("1005")
    stage.answers(second)
    assert bridges(stage) == [media.Bridge(caller, second)]  # that queue tells no number
    stage.hangs_up(caller)
    stage.check_over()


def test_a_worker_that_dies_in_it_ends_the_call(stage: Stage) -> None:
    caller, phone = stage.talk()
    stage.on_media(media_in.StreamsLost((caller, phone), "worker died"))
    assert stage.ended().reason == "media_lost"
    stage.check_over()


def test_who_waited_unanswered_is_answered_for_it(stage: Stage) -> None:
    caller = stage.calls("4003")
    assert stage.all(events.CallAnswered) == []
    phone = stage.ringing("1001")
    stage.on_sip(sip.LegAnswered(phone, OFFER))
    stage.on_media(media_in.StreamAccepted(phone))
    assert stage.one(events.CallAnswered).leg == caller
    assert stage.plays(caller) == SOUNDS


@pytest.mark.parametrize(
    ("number", "language", "sounds"),
    [
        ("1001", "zh", SOUNDS),
        ("a7", "en", ("en/agent_number_before", "en/number_7", "en/agent_number_after")),
        ("anna", "zh", ()),
        ("1001", "fr", ()),
    ],
)
def test_the_words(number: str, language: str, sounds: tuple[str, ...]) -> None:
    assert say_agent(number, language) == sounds
