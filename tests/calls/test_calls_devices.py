"""An agent's devices: which one rings, what becomes of one that does not answer."""

import pytest
from calls_stage import ANSWER, NUMBERS, OFFER, Stage
from msgspec.structs import replace

from acd.calls import commands, events
from acd.calls.numbers import NumberPlan
from acd.calls.settings import DevicePolicy
from acd.media import events as media_in
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


def logs_out(stage: Stage) -> None:
    stage.take(stage.centre.set_status("1001", Status.LOGGED_OUT, "", "agent", stage.now))


def test_a_device_that_wakes_up_logs_nobody_in_who_had_logged_out() -> None:
    stage = Stage()
    has(stage, device(1))
    logs_out(stage)
    has(stage, device(1, reachable=False), cause=SILENT)
    has(stage, device(1))
    assert stage.status("1001") is Status.LOGGED_OUT
    has(stage)
    has(stage, device(1))
    assert stage.status("1001") is Status.READY, "a registration does, as ever"


def test_who_is_logged_out_while_the_device_is_silent_stays_so() -> None:
    stage = Stage()
    has(stage, device(1))
    has(stage, device(1, reachable=False), cause=SILENT)
    logs_out(stage)
    has(stage, device(1), cause=sip.ContactsCause.REACHABLE)
    assert stage.status("1001") is Status.LOGGED_OUT


def test_a_silent_device_that_registers_again_is_back_like_one_that_answers() -> None:
    stage = Stage()
    has(stage, device(1))
    has(stage, device(1, reachable=False), cause=SILENT)
    has(stage, device(1))
    assert stage.status("1001") is Status.READY


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


# --- several devices ---


def together(count: int = 3) -> tuple[Stage, str, list[str]]:
    """A caller whose call rings on all of the agent's devices; their legs, newest first."""
    stage = Stage(devices=DevicePolicy.ALL)
    has(stage, *(device(n) for n in range(1, count + 1)))
    caller = stage.calls("4001")
    made = stage.one(events.OfferMade)
    legs = [made.leg, *made.further_legs]
    for leg in legs:
        stage.on_media(media_in.StreamOpened(leg, OFFER))
    return stage, caller, legs


def test_all_devices_ring_and_the_first_to_answer_takes_the_call() -> None:
    stage, caller, legs = together()
    rung = {one.leg: one.target.uri for one in stage.all(commands.InviteLeg)}
    assert rung == {leg: device(n).uri for n, leg in enumerate(legs, 1)}
    stage.on_sip(sip.LegRinging(legs[2], 180, b""))
    stage.on_sip(sip.LegAnswered(legs[1], ANSWER))
    silent = {(one.leg, one.reason) for one in stage.now_all(commands.HangUpLeg)}
    assert silent == {(leg, "Call completed elsewhere") for leg in (legs[0], legs[2])}
    reasons = {one.reason for one in stage.now_all(events.LegEnded)}
    assert reasons == {"answered_elsewhere"}
    stage.on_media(media_in.StreamAccepted(legs[1]))
    ended = stage.one(events.OfferEnded)
    assert (ended.leg, ended.outcome) == (legs[1], "answered")
    assert stage.one(events.AgentConnected).leg == legs[1]
    stage.on_sip(sip.LegAnswered(legs[0], ANSWER))
    assert stage.last == [], "it answered when it had been told already"
    stage.hangs_up(caller)
    stage.check_over()


@pytest.mark.parametrize(
    ("statuses", "outcome", "decided_by"),
    [
        ((486, 503, 404), "busy", 486),
        ((503, 480, 408), "rejected", 480),
        ((503, 408, 503), "no_answer", 408),
        ((503, 404, 500), "failed", 503),
        ((480, 486, 603), "rejected", 603),
    ],
)
def test_an_offer_is_over_when_all_devices_have_failed(
    statuses: tuple[int, ...], outcome: str, decided_by: int
) -> None:
    stage, caller, legs = together()
    for leg, status in zip(legs, statuses, strict=True):
        assert stage.all(events.OfferEnded) == []
        stage.on_sip(sip.LegFailed(leg, status, ""))
        gone = stage.one(events.LegEnded)
        assert (gone.leg, gone.sip_status, gone.ended_by) == (leg, status, "peer")
    ended = stage.one(events.OfferEnded)
    assert (ended.outcome, ended.sip_status) == (outcome, decided_by)
    stage.hangs_up(caller)
    stage.check_over()


@pytest.mark.parametrize(("status", "outcome"), [(603, "rejected"), (600, "busy")])
def test_who_declines_on_one_device_declines_on_all(status: int, outcome: str) -> None:
    stage, caller, legs = together()
    stage.on_sip(sip.LegFailed(legs[1], status, ""))
    assert {one.leg for one in stage.now_all(commands.HangUpLeg)} == {legs[0], legs[2]}
    ended = stage.one(events.OfferEnded)
    assert (ended.leg, ended.outcome, ended.sip_status) == (legs[1], outcome, status)
    stage.hangs_up(caller)
    stage.check_over()


def test_nobody_answers_any_of_them() -> None:
    stage, caller, legs = together()
    stage.on_sip(sip.LegRinging(legs[1], 180, b""))
    stage.wait(20)
    assert {one.leg for one in stage.now_all(commands.HangUpLeg)} == set(legs)
    assert stage.one(events.OfferEnded).outcome == "no_answer"
    doubted = {one.uri for one in stage.now_all(commands.DoubtContact)}
    assert doubted == {device(1).uri, device(3).uri}
    stage.hangs_up(caller)
    stage.check_over()


def test_the_caller_hangs_up_while_all_ring() -> None:
    stage, caller, legs = together()
    stage.on_sip(sip.LegFailed(legs[0], 486, ""))
    stage.hangs_up(caller)
    assert {one.leg for one in stage.now_all(commands.HangUpLeg)} == set(legs[1:])
    assert stage.one(events.OfferEnded).outcome == "caller_left"
    stage.check_over()


def test_a_device_without_media_does_not_take_the_others_along() -> None:
    stage = Stage(devices=DevicePolicy.ALL)
    has(stage, device(1), device(2))
    caller = stage.calls("4001")
    made = stage.one(events.OfferMade)
    stage.on_media(media_in.StreamRefused(made.leg, 503, "no port left"))
    assert stage.now_all(events.OfferEnded) == []
    [other] = made.further_legs
    stage.on_media(media_in.StreamOpened(other, OFFER))
    stage.answers(other)
    assert stage.all(events.AgentConnected)[-1].leg == other
    stage.hangs_up(other)
    assert stage.ended().ended_by == "agent"
    assert caller
    stage.check_over()


def test_one_device_rings_as_ever_where_all_would() -> None:
    stage = Stage(devices=DevicePolicy.ALL)
    has(stage, device(1), device(2, reachable=False))
    stage.calls("4001")
    assert stage.one(events.OfferMade).further_legs == ()
    stage.ringing("1001")
    assert stage.one(commands.InviteLeg).target.uri == device(1).uri


def rings(stage: Stage) -> str:
    caller = stage.calls("4001")
    stage.ringing("1001")
    uri = stage.one(commands.InviteLeg).target.uri
    stage.hangs_up(caller)
    stage.wait(1)
    return uri


def test_the_device_used_last_rings() -> None:
    stage = Stage(devices=DevicePolicy.LAST_ACTIVE)
    has(stage, device(2), device(1))
    assert rings(stage) == device(2).uri
    peer = device(1).peer
    event = sip.InviteReceived("own", "own", peer, "1001", "", "4099", "phone1001", OFFER)
    stage.on_sip(event)
    stage.on_sip(sip.LegCancelled("own"))
    assert rings(stage) == device(1).uri
    has(stage, device(2), device(1, reachable=False))
    caller = stage.calls("4001")
    stage.answers(stage.ringing("1001"))
    stage.hangs_up(caller)
    stage.wait(20)
    has(stage, device(2), device(1))
    assert rings(stage) == device(2).uri, "it took the last call"
    has(stage, device(3), device(2), device(1))
    assert rings(stage) == device(2).uri
    has(stage)
    has(stage, device(3), device(2))
    assert rings(stage) == device(3).uri, "who unregisters all begins anew"


def test_the_device_registered_last_rings_otherwise() -> None:
    stage = Stage()
    has(stage, device(2), device(1))
    stage.dials("4099", account="phone1001")
    stage.on_sip(sip.LegCancelled("caller1"))
    assert rings(stage) == device(2).uri
