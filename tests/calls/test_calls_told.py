"""What phones are told about why a call of theirs ends (RFC 3326)."""

import re

import pytest
from calls_stage import Stage

from acd.calls import commands
from acd.calls.call import EndReason
from acd.calls.told import END_TOLD, OFFER_TOLD
from acd.media import events as media_in
from acd.sip import events as sip
from acd.sip.writing import reason_line


def hung_up(stage: Stage) -> dict[str, str]:
    return {command.leg: command.reason for command in stage.all(commands.HangUpLeg)}


def talking() -> tuple[Stage, str, str]:
    stage = Stage()
    stage.registers("1001")
    return stage, *stage.talk()


def test_who_hangs_up_needs_no_reason() -> None:
    stage, caller, phone = talking()
    stage.hangs_up(caller)
    assert hung_up(stage) == {phone: ""}


def test_a_fault_is_told_to_the_other_side() -> None:
    stage, caller, phone = talking()
    stage.hangs_up(caller, sip.LegEndCause.SESSION_EXPIRED)
    assert hung_up(stage) == {phone: 'Q.850;cause=102;text="session_expired"'}
    stage, caller, phone = talking()
    stage.on_media(media_in.StreamsLost((caller, phone), "died"))
    told = 'Q.850;cause=41;text="media_lost"'
    assert hung_up(stage) == {caller: told, phone: told}


def test_a_phone_that_rings_in_vain_is_told_why() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4001")
    phone = stage.ringing("1001")
    stage.hangs_up(caller)
    assert hung_up(stage)[phone] == 'SIP;cause=487;text="caller_left"'


@pytest.mark.parametrize("told", [*END_TOLD.values(), *OFFER_TOLD.values()])
def test_what_is_told_is_a_reason_header(told: str) -> None:
    form = rb'Reason: (SIP|Q\.850);cause=[0-9]+;text="[A-Za-z_ ]+"\r\n'
    assert re.fullmatch(form, reason_line(told))


def test_a_person_who_hangs_up_is_no_reason() -> None:
    assert not {EndReason.HANGUP, EndReason.CANCELLED} & END_TOLD.keys()
