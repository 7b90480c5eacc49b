"""Callers of whom nothing shows that they are there: their INVITE came in a datagram."""

import pytest
from calls_stage import ANSWER, OFFER, Stage

from acd.calls import commands, events
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip

QUEUE, RINGING, FLOW = "4001", "4003", "4000"


def calls(stage: Stage, number: str, *, unproved: bool = True, offer: bytes = OFFER) -> str:
    leg = stage.dials(number, unproved=unproved, offer=offer)
    stage.on_media(media_in.StreamOpened(leg, ANSWER))
    return leg


def test_no_agents_phone_rings_before_the_caller_has_acknowledged_our_answer() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = calls(stage, QUEUE)
    assert stage.one(commands.AnswerLeg).leg == caller
    assert not stage.all(events.QueueEntered)
    assert stage.state("1001") is State.IDLE
    stage.on_sip(sip.LegConfirmed(caller, b""))
    assert stage.one(events.QueueEntered).queue == "sales"
    assert stage.one(events.OfferMade).agent == "1001"


def test_it_is_queued_once_however_often_it_acknowledges() -> None:
    stage = Stage()
    caller = calls(stage, QUEUE)
    for _ in range(3):  # re-INVITEs without SDP are acknowledged, too
        stage.on_sip(sip.LegConfirmed(caller, b""))
    assert len(stage.all(events.QueueEntered)) == 1


@pytest.mark.parametrize("cause", [sip.LegEndCause.ACK_MISSING, sip.LegEndCause.BYE])
def test_whoever_never_does_was_in_no_queue(cause: sip.LegEndCause) -> None:
    stage = Stage()
    stage.registers("1001")
    caller = calls(stage, QUEUE)
    stage.on_sip(sip.LegEnded(caller, cause, ""))
    assert not stage.all(events.QueueEntered)
    assert stage.ended().interaction
    stage.check_over()


def test_the_others_are_queued_at_once() -> None:
    stage = Stage()
    calls(stage, QUEUE, unproved=False)
    assert stage.all(events.QueueEntered)


def test_a_flow_begins_and_waits_at_its_first_sound() -> None:
    """It is not heard out before the stream may send, so nobody comes to a queue behind it."""
    stage = Stage()
    caller = calls(stage, FLOW)
    assert stage.plays(caller) == ("zh/menu",)
    assert stage.all(media.OpenStream)[0].waits
    assert not stage.all(media.Begin)


def test_an_ack_without_the_answer_that_it_owes_leads_to_no_queue() -> None:
    stage = Stage()
    caller = calls(stage, QUEUE, offer=b"")
    stage.on_sip(sip.LegConfirmed(caller, b""))
    assert stage.ended().reason == "media_refused"
    assert not stage.all(events.QueueEntered)
    stage.check_over()


def rings(stage: Stage, leg: str) -> bool:
    rang = leg in {command.leg for command in stage.all(commands.RingLeg)}
    assert rang is (leg not in {command.leg for command in stage.all(commands.AnswerLeg)})
    return rang


def test_beyond_the_limit_they_are_answered_in_place_of_hearing_ringing() -> None:
    stage = Stage(max_ringing=2)
    first, second, third = (calls(stage, RINGING) for _ in range(3))
    assert [rings(stage, leg) for leg in (first, second, third)] == [True, True, False]
    assert len(stage.all(events.QueueEntered)) == 2
    stage.on_sip(sip.LegConfirmed(third, b""))
    assert len(stage.all(events.QueueEntered)) == 3
    stage.on_sip(sip.LegCancelled(first))
    assert rings(stage, calls(stage, RINGING))
    assert not rings(stage, calls(stage, RINGING))


def test_who_is_answered_rings_no_longer() -> None:
    stage = Stage(max_ringing=1)
    stage.registers("1001")
    caller = calls(stage, RINGING)
    stage.answers(stage.ringing("1001"))
    assert caller in {command.leg for command in stage.all(commands.AnswerLeg)}
    assert rings(stage, calls(stage, RINGING))


def test_the_others_ring_as_many_as_there_are() -> None:
    stage = Stage(max_ringing=1)
    legs = [calls(stage, RINGING, unproved=False) for _ in range(3)]
    assert all(rings(stage, leg) for leg in legs)
    assert rings(stage, calls(stage, RINGING))
