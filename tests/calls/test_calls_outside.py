"""Agents' own calls outside, from the INVITE or the order to the record, and who may make them."""

import pytest
from calls_stage import ANSWER, OFFER, Stage
from own_calls import E164, MOBILE, PLAN, call_out, fails, stage

from acd.calls import commands, events
from acd.calls.dial_plan import Barred
from acd.calls.settings import CentrePrompts
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip
from acd.sip.peer import Peer

# --- outside ---


def test_a_call_outside_goes_over_the_first_trunk_under_its_number() -> None:
    on = stage()
    own, party = call_out(on)
    started, called = on.all(events.CallStarted)[-1], on.all(events.PartyCalled)[-1]
    assert (started.direction, started.called, started.number) == ("outbound", MOBILE, E164)
    assert (called.trunk, called.number, called.agent) == ("carrier", E164, "")
    target = on.one(commands.InviteLeg).target
    assert target.trunk == "carrier"
    assert target.uri.startswith(f"sip:{E164}@")
    assert (target.caller, target.caller_name) == ("+8675512345678", "")
    on.answers(party)
    on.wait(10)
    on.hangs_up(own)
    talk = on.one(events.AgentDisconnected)
    assert (talk.agent, talk.visit, talk.talk_s) == ("1001", "", 10.0)
    assert on.ended().ended_by == "caller"
    on.check_over()


def test_early_media_of_the_far_end_is_heard() -> None:
    on = stage()
    own, party = call_out(on)
    on.on_sip(sip.LegRinging(party, 183, b"early"))
    assert on.one(media.AcceptAnswer) == media.AcceptAnswer(party, b"early")
    on.on_media(media_in.StreamAccepted(party))
    assert on.one(commands.RingLeg) == commands.RingLeg(own, 183, ANSWER)
    assert on.one(media.Bridge) == media.Bridge(own, party)
    assert not on.all(events.CallAnswered)
    on.on_sip(sip.LegRinging(party, 180, b""))
    assert not on.now_all(commands.RingLeg)
    on.answers(party)
    assert on.one(commands.AnswerLeg) == commands.AnswerLeg(own, ANSWER)
    assert len(on.now_all(events.AgentConnected)) == 1
    on.hangs_up(party)
    on.check_over()


def test_early_media_that_cannot_be_used_is_done_without() -> None:
    on = stage()
    own, party = call_out(on)
    on.on_sip(sip.LegRinging(party, 180, b"broken"))
    on.on_media(media_in.StreamRefused(party, 488, ""))
    assert on.all(commands.RingLeg) == [commands.RingLeg(own)]
    on.answers(party)
    assert on.one(events.AgentConnected).agent == "1001"
    on.hangs_up(own)
    on.check_over()


def test_a_phone_without_offer_hears_its_own_ringing() -> None:
    on = stage()
    own = on.dials(MOBILE, account="phone1001", offer=b"")
    on.on_media(media_in.StreamOpened(own, OFFER))
    party = on.party()
    on.on_sip(sip.LegRinging(party, 183, b"early"))
    on.on_media(media_in.StreamAccepted(party))
    assert on.one(commands.RingLeg) == commands.RingLeg(own, sdp=OFFER)
    assert not on.all(media.Bridge)
    on.on_sip(sip.LegCancelled(own))
    on.check_over()


@pytest.mark.parametrize(
    ("status", "cause", "answer", "reason"),
    [
        (486, 0, 486, "busy"),
        (600, 0, 600, "busy"),
        (603, 0, 603, "rejected"),
        (404, 0, 404, "call_failed"),
        (480, 0, 480, "rejected"),
        (480, 17, 486, "busy"),
        (404, 17, 404, "call_failed"),
        (480, 1, 404, "call_failed"),
        (420, 0, 500, "call_failed"),
        (302, 0, 480, "call_failed"),
    ],
)
def test_the_far_ends_refusal_is_the_phones_answer(
    status: int, cause: int, answer: int, reason: str
) -> None:
    on = stage()
    own, party = call_out(on)
    fails(on, party, status, cause)
    assert on.one(commands.RejectLeg) == commands.RejectLeg(own, answer)
    assert (on.ended().ended_by, on.ended().reason) == ("called", reason)
    assert len(on.all(events.PartyCalled)) == 1
    assert on.state("1001") is State.IDLE
    on.check_over()


@pytest.mark.parametrize(("status", "cause"), [(503, 0), (408, 0), (500, 34), (407, 0), (480, 41)])
def test_the_next_trunk_is_tried_when_one_fails(status: int, cause: int) -> None:
    on = stage()
    own, party = call_out(on)
    fails(on, party, status, cause)
    assert on.one(events.LegEnded).leg == party
    told = [(one.leg, one.q850_cause) for one in on.all(events.CauseTold)]
    assert told == ([(party, cause)] if cause else [])
    second = on.party()
    assert on.all(events.PartyCalled)[-1].trunk == "spare"
    assert on.one(commands.InviteLeg).target.trunk == "spare"
    on.answers(second)
    on.hangs_up(own)
    on.check_over()


def test_why_a_party_hung_up_is_recorded_before_its_leg_ends() -> None:
    on = stage()
    _, party = call_out(on)
    on.answers(party)
    reason = 'SIP;cause=200, Q.850;cause=16;text="Normal call clearing"'
    on.on_sip(sip.LegEnded(party, sip.LegEndCause.BYE, reason))
    told, ended = on.one(events.CauseTold), on.now_all(events.LegEnded)[0]
    assert (told.leg, told.q850_cause) == (party, 16)
    assert ended.leg == party
    kinds = [type(effect) for effect in on.last]
    assert kinds.index(events.CauseTold) < kinds.index(events.LegEnded)
    on.check_over()


def test_when_all_trunks_fail_the_phone_hears_of_the_last_one() -> None:
    on = stage()
    _, party = call_out(on)
    fails(on, party, 503)
    fails(on, on.party(), 500)
    assert on.one(commands.RejectLeg).status == 503
    on.check_over()


def test_a_phone_that_rang_is_not_called_again_over_another_trunk() -> None:
    on = stage()
    _, party = call_out(on)
    on.on_sip(sip.LegRinging(party, 180, b""))
    fails(on, party, 503)
    assert len(on.all(events.PartyCalled)) == 1
    on.check_over()


def test_a_phone_that_nobody_answers_is_given_up() -> None:
    on = stage()
    own, party = call_out(on)
    on.on_sip(sip.LegRinging(party, 180, b""))
    on.wait(39)
    assert not on.all(events.CallEnded)
    on.wait(1)
    assert on.all(commands.HangUpLeg)[-1].leg == party
    assert on.all(commands.RejectLeg)[-1] == commands.RejectLeg(own, 480)
    assert on.ended().reason == "no_answer"
    on.check_over()


def test_the_agent_cancels_while_it_rings() -> None:
    on = stage()
    own, party = call_out(on)
    on.on_sip(sip.LegCancelled(own))
    assert on.one(commands.HangUpLeg).leg == party
    assert on.ended().reason == "cancelled"
    on.check_over()


def test_the_agent_hangs_up_before_the_party_is_even_invited() -> None:
    on = stage()
    own = on.calls(MOBILE, account="phone1001")
    on.on_sip(sip.LegCancelled(own))
    on.check_over()
    party = on.all(events.PartyCalled)[-1].leg
    on.on_media(media_in.StreamOpened(party, OFFER))
    assert not on.all(commands.InviteLeg)


def test_hold_and_resume_are_counted_and_play_music() -> None:
    on = stage(prompts=CentrePrompts(hold_music="music/default"))
    own, party = call_out(on)
    on.answers(party)
    on.wait(10)
    on.holds(own)
    assert on.one(events.HoldStarted).agent == "1001"
    assert on.plays(party) == ("music/default",)
    assert on.state("1001") is State.HELD
    on.wait(5)
    on.holds(own, held=False)
    assert on.one(media.Bridge) == media.Bridge(own, party)
    on.wait(1)
    on.hangs_up(party)
    talk = on.one(events.AgentDisconnected)
    assert (talk.talk_s, talk.hold_s) == (11.0, 5.0)
    on.check_over()


def test_media_that_the_answer_does_not_fit_ends_the_call() -> None:
    on = stage()
    own, party = call_out(on)
    on.on_sip(sip.LegAnswered(party, b"broken"))
    on.on_media(media_in.StreamRefused(party, 488, ""))
    assert on.one(commands.HangUpLeg).leg == party
    assert on.one(commands.RejectLeg) == commands.RejectLeg(own, 488)
    on.check_over()


# --- who may ---


@pytest.mark.parametrize(
    ("agent", "number", "status", "reason"),
    [
        ("1002", MOBILE, 403, "not_permitted"),
        ("1001", "+14155552671", 403, "not_permitted"),
        ("1001", "16812345", 403, "forbidden_number"),
        ("1001", "1099", 404, "unknown_number"),
    ],
)
def test_no_further_than_the_dial_plan_lets(
    agent: str, number: str, status: int, reason: str
) -> None:
    on = stage()
    on.dials(number, account=f"phone{agent}")
    assert on.one(commands.RejectLeg).status == status
    assert on.one(events.CallRejected).reason == reason
    assert not on.all(media.OpenStream)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (MOBILE, "no_transit"),
        ("+8613800138000", "no_transit"),
        ("1001", "unknown_number"),
        ("110", "unknown_number"),
    ],
)
@pytest.mark.parametrize("trunk", ["", "carrier"])
def test_strangers_and_trunks_never_get_out(number: str, reason: str, trunk: str) -> None:
    on = stage()
    peer = Peer("udp", "192.0.2.7", 5060)
    # The name in From proves nothing: the endpoint says who proved to be whom.
    on.on_sip(
        sip.InviteReceived("x", "x", peer, "phone1001", "", number, None, OFFER, trunk=trunk)
    )
    assert on.one(commands.RejectLeg).status == 404
    assert on.one(events.CallRejected).reason == reason
    assert not on.all(media.OpenStream)
    assert not on.all(commands.InviteLeg)


@pytest.mark.parametrize("account", ["phone1002", "door"])
def test_emergency_calls_go_out_whatever_else_holds(account: str) -> None:
    on = stage(max_calls=0)
    on.centre.refusing = "journal_failing"
    own = on.calls("110", account=account)
    party = on.party()
    target = on.one(commands.InviteLeg).target
    assert target.uri.startswith("sip:110@")
    assert target.emergency
    on.answers(party)
    on.hangs_up(own)
    on.check_over()


@pytest.mark.parametrize("status", [403, 404, 480, 484, 486, 503, 603])
def test_no_refusal_of_a_trunk_is_the_last_word_on_an_emergency_call(status: int) -> None:
    on = stage()
    own = on.calls("110", account="phone1002")
    fails(on, on.party(), status)
    second = on.party()
    target = on.one(commands.InviteLeg).target
    assert (target.trunk, target.emergency) == ("spare", True)
    fails(on, second, status)
    assert on.one(commands.RejectLeg).leg == own
    on.check_over()


def test_the_number_plan_comes_first() -> None:
    """An agent who dials 4001 waits like any customer."""
    on = Stage(dial_plan=PLAN)
    on.registers("1001", "1002")
    on.calls("4001", account="phone1001")
    assert on.all(events.QueueEntered)


# --- ordered (click-to-dial) ---


def order(on: Stage, number: str = MOBILE, agent: str = "1001") -> tuple[str, str]:
    """Order a call; the leg to the agent's own phone, invited, and the interaction."""
    effects, interaction = on.centre.place_call(agent, number, on.now)
    on.take(effects)
    assert isinstance(interaction, str)
    leg = on.one(events.CallStarted).leg
    on.on_media(media_in.StreamOpened(leg, OFFER))
    return leg, interaction


def test_an_ordered_call_rings_the_own_phone_first() -> None:
    on = stage()
    own, interaction = order(on)
    invite = on.one(commands.InviteLeg)
    assert (invite.leg, invite.target.uri) == (own, "sip:phone1001@10.0.0.0")
    assert invite.target.caller == MOBILE
    assert on.state("1001") is State.TALKING
    assert not on.all(events.PartyCalled)
    on.answers(own)
    party = on.party()
    assert on.one(commands.InviteLeg).target.trunk == "carrier"
    on.answers(party)
    assert on.one(media.Bridge) == media.Bridge(own, party)
    assert not on.all(commands.AnswerLeg)
    on.take(on.centre.hang_up_calls("1001", on.now))
    assert {c.leg for c in on.now_all(commands.HangUpLeg)} == {own, party}
    assert on.ended().interaction == interaction
    on.check_over()


def test_an_own_phone_that_is_not_picked_up_ends_the_order() -> None:
    on = stage()
    own, _ = order(on)
    on.wait(30)
    assert on.all(commands.HangUpLeg)[-1].leg == own
    assert on.ended().reason == "no_answer"
    on.check_over()
    assert on.state("1001") is State.IDLE


def test_an_own_phone_that_refuses_ends_the_order() -> None:
    on = stage()
    own, _ = order(on)
    fails(on, own, 486)
    assert (on.ended().ended_by, on.ended().reason) == ("agent", "busy")
    on.wait(31)
    on.check_over()


def test_a_party_that_refuses_an_ordered_call_ends_it() -> None:
    on = stage()
    own, _ = order(on)
    on.answers(own)
    fails(on, on.party(), 486)
    assert on.one(commands.HangUpLeg).leg == own
    assert on.ended().reason == "busy"
    on.check_over()


def test_an_order_needs_a_permission_and_a_phone() -> None:
    on = stage()
    effects, refused = on.centre.place_call("1002", MOBILE, on.now)
    assert (effects, refused) == ([], Barred(403, "not_permitted"))
    assert on.centre.place_call("1005", "1001", on.now)[1] == Barred(480, "no_device")
    assert on.centre.place_call("nobody", "1001", on.now)[1] == Barred(404, "unknown_agent")


def test_a_server_that_takes_no_calls_takes_orders_for_emergency_numbers_only() -> None:
    on = stage(max_calls=1)
    on.centre.refusing = "draining"
    assert on.centre.place_call("1001", MOBILE, on.now)[1] == Barred(503, "draining")
    order(on, "110")
    on.centre.refusing = None
    assert on.centre.place_call("1001", MOBILE, on.now)[1] == Barred(503, "full")
    order(on, "110")


def test_whoever_shuts_down_hangs_up_on_both() -> None:
    on = stage()
    own, party = call_out(on)
    on.answers(party)
    on.take(on.centre.shut_down(on.now))
    assert {c.leg for c in on.now_all(commands.HangUpLeg)} == {own, party}
    on.check_over()
