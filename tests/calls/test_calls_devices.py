"""An agent's devices: which one rings, what becomes of one that does not answer."""

import pytest
from calls_stage import NUMBERS, Stage
from msgspec.structs import replace

from acd.calls import commands, events
from acd.calls.numbers import NumberPlan
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


# --- an agent's call to one of our own numbers ---


@pytest.mark.parametrize("number", ["4000", "4001", "4099"])
def test_an_agent_in_an_own_call_is_offered_nothing(number: str) -> None:
    stage = Stage()
    has(stage, device(1))
    own = stage.calls(number, account="phone1001")
    assert stage.state("1001") is State.TALKING
    caller = stage.calls("4001")
    assert stage.all(events.OfferMade) == []
    stage.hangs_up(own)
    assert [one.agent for one in stage.all(events.OfferMade)] == ["1001"]
    stage.answers(stage.ringing("1001"))
    stage.hangs_up(caller)
    stage.check_over()


def test_an_own_call_takes_a_ringing_offer_back() -> None:
    stage = Stage()
    has(stage, device(1))
    caller = stage.calls("4001")
    stage.ringing("1001")
    own = stage.dials("4099", account="phone1001")
    assert stage.one(events.OfferEnded).outcome == "agent_left"
    stage.on_sip(sip.LegCancelled(own))
    assert stage.one(events.OfferMade).agent == "1001"
    stage.hangs_up(caller)
    stage.check_over()


def test_a_code_is_no_call_of_that_kind() -> None:
    stage = Stage()
    has(stage, device(1))
    stage.calls("*152", account="phone1001")
    assert stage.state("1001") is State.IDLE


def test_an_agent_whose_account_is_anothers_by_now_is_freed_all_the_same() -> None:
    stage = Stage()
    has(stage, device(1))
    own = stage.calls("4099", account="phone1001")
    stage.take(
        stage.centre.configure(
            agents=tuple(replace(one, account=f"new{one.number}") for one in stage.agents),
            queues=stage.queues,
            numbers=NumberPlan(targets=NUMBERS),
            now=stage.now,
        )
    )
    stage.hangs_up(own)
    assert stage.state("1001") is State.OFFLINE
    stage.check_over()
