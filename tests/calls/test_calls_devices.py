"""An agent's devices: which one rings, what becomes of one that does not answer."""

import pytest
from calls_stage import Stage

from acd.calls import commands, events
from acd.routing.model import State, Status
from acd.sip import events as sip
from acd.sip.peer import Peer


def device(n: int, **fields: object) -> sip.Contact:
    return sip.Contact(
        f"sip:phone1001@10.0.0.{n}", Peer("udp", f"10.0.0.{n}", 5060), 1e9, **fields
    )  # type: ignore[arg-type]  # of tests


def has(
    stage: Stage,
    *contacts: sip.Contact,
    cause: sip.ContactsCause = sip.ContactsCause.REGISTERED,
) -> None:
    stage.on_sip(sip.ContactsChanged("phone1001", contacts, cause))


SILENT = sip.ContactsCause.UNREACHABLE


# --- devices that do not answer ---


def test_a_device_that_does_not_answer_is_as_good_as_none() -> None:
    stage = Stage()
    has(stage, device(1))
    has(stage, device(1, reachable=False), cause=SILENT)
    gone = stage.one(events.DevicesChanged)
    assert (gone.contacts, gone.cause) == ((), "unreachable")
    assert (stage.status("1001"), stage.state("1001")) == (Status.LOGGED_OUT, State.OFFLINE)
    stage.calls("4001")
    assert stage.all(events.OfferMade) == []
    has(stage, device(1), cause=sip.ContactsCause.REACHABLE)
    assert stage.one(events.DevicesChanged).cause == "reachable"
    assert stage.one(events.OfferMade).agent == "1001"


def test_the_agent_stays_while_one_device_is_left() -> None:
    stage = Stage()
    has(stage, device(2), device(1))
    has(stage, device(2, reachable=False), device(1), cause=SILENT)
    assert stage.status("1001") is Status.READY
    stage.calls("4001")
    stage.ringing("1001")
    assert stage.one(commands.InviteLeg).target.uri == device(1).uri
    has(stage, device(1))
    assert stage.now_all(events.DevicesChanged) == []
    assert stage.state("1001") is State.OFFERED


def test_a_device_elsewhere_is_rung_there_and_no_record() -> None:
    stage = Stage()
    has(stage, device(1))
    moved = sip.Contact(device(1).uri, Peer("tcp", "203.0.113.9", 61000), 1e9, path=("<sip:e>",))
    has(stage, moved)
    assert stage.last == []
    stage.calls("4001")
    stage.ringing("1001")
    target = stage.one(commands.InviteLeg).target
    assert (target.peer, target.route) == (moved.peer, ("<sip:e>",))


@pytest.mark.parametrize("unreached", [True, False])
def test_a_device_that_an_invite_did_not_reach_is_doubted(unreached: bool) -> None:
    stage = Stage()
    has(stage, device(1))
    stage.calls("4001")
    phone = stage.ringing("1001")
    stage.on_sip(sip.LegFailed(phone, 408, "", unreached=unreached))
    doubted = [commands.DoubtContact("phone1001", device(1).uri)] if unreached else []
    assert stage.now_all(commands.DoubtContact) == doubted


@pytest.mark.parametrize("rang", [True, False])
def test_a_device_that_said_nothing_while_it_should_ring_is_doubted(rang: bool) -> None:
    stage = Stage()
    has(stage, device(1))
    stage.calls("4001")
    phone = stage.ringing("1001")
    if rang:
        stage.on_sip(sip.LegRinging(phone, 180, b""))
    stage.wait(20)
    assert len(stage.now_all(commands.DoubtContact)) == (not rang)


def test_a_caller_who_hangs_up_early_says_nothing_of_the_device() -> None:
    stage = Stage()
    has(stage, device(1))
    caller = stage.calls("4001")
    stage.ringing("1001")
    stage.hangs_up(caller)
    assert stage.all(commands.DoubtContact) == []
