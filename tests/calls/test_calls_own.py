"""Agents' own calls among themselves, and several calls of one agent."""

import pytest
from calls_stage import ANSWER, OFFER, Stage
from own_calls import call_out, fails, stage

from acd.calls import commands, events
from acd.calls.settings import DevicePolicy
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State, Status
from acd.sip import events as sip

# --- colleagues ---


@pytest.mark.parametrize("number", ["1002", "phone1002"])
def test_two_agents_talk(number: str) -> None:
    on = stage()
    own, other = call_out(on, number)
    started = on.all(events.CallStarted)[-1]
    assert (started.direction, started.agent, started.number) == ("internal", "1001", "1002")
    invite = on.one(commands.InviteLeg)
    assert (invite.target.uri, invite.target.caller) == ("sip:phone1002@10.0.0.0", "1001")
    assert invite.target.caller_name == "Agent 1001"
    on.on_sip(sip.LegRinging(other, 180, b""))
    assert on.one(commands.RingLeg) == commands.RingLeg(own)
    assert on.state("1001") is on.state("1002") is State.TALKING
    on.answers(other)
    assert on.one(commands.AnswerLeg) == commands.AnswerLeg(own, ANSWER)
    assert on.one(media.Bridge) == media.Bridge(own, other)
    assert {(e.agent, e.leg) for e in on.now_all(events.AgentConnected)} == {
        ("1001", own),
        ("1002", other),
    }
    on.wait(30)
    on.hangs_up(other)
    assert on.one(commands.HangUpLeg).leg == own
    assert [e.talk_s for e in on.now_all(events.AgentDisconnected)] == [30.0, 30.0]
    assert (on.ended().ended_by, on.ended().reason) == ("called", "hangup")
    assert on.state("1001") is on.state("1002") is State.IDLE
    on.check_over()


def test_a_colleague_at_the_phone_is_busy() -> None:
    on = stage()
    on.talk()
    own = on.calls("1001", account="phone1002")
    assert on.one(commands.RejectLeg) == commands.RejectLeg(own, 486)
    assert (on.ended().reason, on.ended().sip_status) == ("busy", 486)
    assert on.state("1002") is State.IDLE


def test_nobody_reaches_the_own_phone() -> None:
    on = stage()
    on.calls("1001", account="phone1001")
    assert on.ended().sip_status == 486


def test_a_colleague_without_a_phone_is_unavailable() -> None:
    on = stage()
    on.calls("1005", account="phone1001")
    assert (on.ended().reason, on.ended().sip_status) == ("call_failed", 480)
    assert on.state("1001") is State.IDLE
    on.check_over()


def test_who_calls_or_is_called_gets_no_offer() -> None:
    on = stage()
    own, other = call_out(on, "1002")
    caller = on.calls("4001")
    on.wait(5)
    assert not on.all(events.OfferMade)
    on.hangs_up(own)
    assert on.all(events.OfferMade)
    on.on_sip(sip.LegCancelled(other))
    on.hangs_up(caller)
    on.wait(30)
    on.check_over()


def ring_all(on: Stage) -> list[str]:
    """Let 1001 call 1002, who has three phones that ring together; their legs."""
    on.devices("phone1002", 3)
    on.calls("1002", account="phone1001")
    legs = [called.leg for called in on.now_all(events.PartyCalled)]
    for leg in legs:
        on.on_media(media_in.StreamOpened(leg, OFFER))
    return legs


def all_devices() -> Stage:
    return stage(devices=DevicePolicy.ALL)


def test_all_of_a_colleagues_phones_ring_and_the_first_to_answer_talks() -> None:
    on = all_devices()
    first, second, third = ring_all(on)
    uris = [invite.target.uri for invite in on.all(commands.InviteLeg)]
    assert uris == [f"sip:phone1002@10.0.0.{i}" for i in range(3)]
    on.on_sip(sip.LegRinging(second, 180, b""))
    on.on_sip(sip.LegRinging(first, 183, b"early"))
    on.on_media(media_in.StreamAccepted(first))
    assert len(on.all(commands.RingLeg)) == 1
    assert not on.all(media.Bridge)
    on.answers(second)
    assert {c.leg for c in on.all(commands.HangUpLeg)} == {first, third}
    assert on.one(media.Bridge).other == second
    on.hangs_up(second)
    on.check_over()


def test_of_several_phones_the_last_to_fail_ends_the_call_with_the_best_word() -> None:
    on = all_devices()
    first, second, third = ring_all(on)
    fails(on, second, 486)
    fails(on, first, 503)
    assert not on.all(events.CallEnded)
    assert on.state("1002") is State.TALKING
    fails(on, third, 408)
    assert on.one(commands.RejectLeg).status == 486
    assert on.state("1002") is State.IDLE
    on.check_over()


def test_who_declines_on_one_phone_declines_on_all() -> None:
    on = all_devices()
    first, second, third = ring_all(on)
    fails(on, second, 603)
    assert {c.leg for c in on.now_all(commands.HangUpLeg)} == {first, third}
    assert on.one(commands.RejectLeg).status == 603
    on.check_over()


@pytest.mark.parametrize("how", ["cancelled", "rung out"])
def test_all_phones_fall_silent(how: str) -> None:
    on = all_devices()
    legs = ring_all(on)
    if how == "cancelled":
        on.on_sip(sip.LegCancelled(on.all(events.CallStarted)[-1].leg))
    else:
        on.wait(40)
    assert {c.leg for c in on.all(commands.HangUpLeg)} == set(legs)
    on.check_over()


def test_a_colleagues_phone_that_is_silent_is_doubted() -> None:
    on = stage()
    _, other = call_out(on, "1002")
    on.on_sip(sip.LegFailed(other, 408, "", unreached=True))
    assert on.one(commands.DoubtContact).uri == "sip:phone1002@10.0.0.0"


# --- one agent, several calls ---


def test_asking_a_colleague_beside_a_customer_leaves_the_agent_talking() -> None:
    on = stage()
    customer, _ = on.talk()
    own, other = call_out(on, "1002")
    on.answers(other)
    on.hangs_up(own)
    assert on.state("1001") is State.TALKING
    assert on.state("1002") is State.IDLE
    on.hangs_up(customer)
    assert on.state("1001") is State.WRAP_UP
    on.wait(10)
    on.check_over()


def test_a_customer_who_goes_first_leaves_the_agent_with_the_colleague() -> None:
    on = stage()
    customer, _ = on.talk()
    own, other = call_out(on, "1002")
    on.answers(other)
    on.hangs_up(customer)
    assert on.state("1001") is State.TALKING
    on.wait(60)
    on.hangs_up(own)
    assert on.state("1001") is State.WRAP_UP
    on.wait(9)
    assert on.state("1001") is State.WRAP_UP
    on.wait(1)
    assert on.state("1001") is State.IDLE
    on.check_over()


def test_an_own_call_out_of_wrap_up_does_not_end_it() -> None:
    on = stage()
    customer, _ = on.talk()
    on.hangs_up(customer)
    on.wait(4)
    own, party = call_out(on)
    assert on.state("1001") is State.TALKING
    on.answers(party)
    on.wait(100)
    on.hangs_up(own)
    assert on.state("1001") is State.WRAP_UP
    on.wait(5.9)
    assert on.state("1001") is State.WRAP_UP
    on.wait(0.2)
    assert on.state("1001") is State.IDLE


def test_of_two_own_calls_either_may_end_first() -> None:
    on = stage()
    first, party = call_out(on)
    on.answers(party)
    second, other = call_out(on, "1002")
    on.answers(other)
    on.hangs_up(first)
    assert on.state("1001") is State.TALKING
    on.hangs_up(second)
    assert on.state("1001") is State.IDLE
    on.check_over()


def test_an_away_agent_is_away_again_afterwards() -> None:
    on = stage()
    on.take(on.centre.set_status("1001", Status.AWAY, "lunch", "agent", on.now))
    own, party = call_out(on)
    on.answers(party)
    on.hangs_up(own)
    assert on.status("1001") is Status.AWAY
    assert on.state("1001") is State.IDLE
