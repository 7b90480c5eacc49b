"""Offers to agents' phones: every way in which one can end, and holding once it was taken."""

import pytest
from calls_stage import ANSWER, OFFER, Stage, agent, queue

from acd.calls import commands, events
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import Overflow, State, Status
from acd.sip import events as sip


def offered(**more: object) -> tuple[Stage, str, str]:
    """A caller in the sales line whose call rings at 1001; 1002 is there too."""
    stage = Stage(**more)  # type: ignore[arg-type]  # options of tests
    stage.registers("1001")
    stage.wait(1)
    stage.registers("1002")
    caller = stage.calls("4001")
    return stage, caller, stage.ringing("1001")


# --- offers that come to nothing ---


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (486, "busy"),
        (600, "busy"),
        (480, "rejected"),
        (603, "rejected"),
        (403, "rejected"),
        (408, "no_answer"),
        (487, "no_answer"),
        (404, "failed"),
        (503, "failed"),
    ],
)
def test_a_phone_that_does_not_take_the_call(status: int, outcome: str) -> None:
    stage, caller, phone = offered()
    stage.on_sip(sip.LegFailed(phone, status, ""))
    ended = stage.one(events.OfferEnded)
    assert (ended.agent, ended.outcome, ended.sip_status) == ("1001", outcome, status)
    leg = stage.one(events.LegEnded)
    assert (leg.leg, leg.ended_by, leg.reason) == (phone, "peer", outcome)
    assert stage.one(events.OfferMade).agent == "1002"
    assert stage.state("1001") is State.PAUSED
    stage.hangs_up(caller)
    stage.check_over()


@pytest.mark.parametrize("status", [300, 301, 302, 305, 380])
def test_a_phone_that_redirects_has_not_taken_the_call(status: int) -> None:
    stage, _, phone = offered()
    stage.on_sip(sip.LegFailed(phone, status, ""))
    assert stage.one(events.OfferEnded).outcome == "failed"
    assert stage.one(events.OfferMade).agent == "1002"
    assert stage.state("1001") is State.PAUSED


def test_a_phone_that_nobody_answers_falls_silent_and_the_next_one_rings() -> None:
    stage, caller, phone = offered()
    stage.wait(20)
    assert stage.one(commands.HangUpLeg).leg == phone
    ended = stage.one(events.OfferEnded)
    assert (ended.outcome, ended.ring_s) == ("no_answer", 20)
    assert stage.one(events.LegEnded).ended_by == "server"
    assert stage.one(events.OfferMade).agent == "1002"
    stage.hangs_up(caller)
    stage.check_over()


def test_media_that_does_not_fit_after_the_answer() -> None:
    stage, caller, phone = offered()
    stage.on_sip(sip.LegAnswered(phone, ANSWER))
    stage.on_media(media_in.StreamRefused(phone, 488, "no common codec"))
    assert stage.one(commands.HangUpLeg).leg == phone
    ended = stage.one(events.OfferEnded)
    assert (ended.outcome, ended.sip_status) == ("failed", 488)
    assert stage.one(events.LegEnded).ended_by == "fault"
    assert stage.one(events.OfferMade).agent == "1002"
    stage.hangs_up(caller)
    stage.check_over()


def test_no_media_for_the_agents_leg() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4001")
    leg = stage.one(events.OfferMade).leg
    stage.on_media(media_in.StreamRefused(leg, 503, "no port left"))
    assert stage.one(events.OfferEnded).outcome == "failed"
    assert stage.all(commands.InviteLeg) == []
    stage.hangs_up(caller)
    stage.check_over()


def test_the_agent_hangs_up_before_the_media_stands() -> None:
    # Answered and hung up in one breath: that is the agent's offer, not the caller's call.
    stage, caller, phone = offered()
    stage.on_sip(sip.LegAnswered(phone, ANSWER))
    stage.hangs_up(phone)
    assert stage.one(events.OfferEnded).outcome == "rejected"
    assert stage.one(events.OfferMade).agent == "1002"
    assert stage.on_media(media_in.StreamAccepted(phone)) == []
    assert stage.all(events.CallEnded) == []
    stage.hangs_up(caller)
    stage.check_over()


def test_a_fault_of_the_agents_leg_before_the_media_stands() -> None:
    stage, caller, phone = offered()
    stage.on_sip(sip.LegAnswered(phone, ANSWER))
    stage.hangs_up(phone, sip.LegEndCause.TRANSPORT)
    assert stage.one(events.OfferEnded).outcome == "failed"
    assert stage.one(events.LegEnded).ended_by == "fault"
    stage.hangs_up(caller)
    stage.check_over()


def test_the_caller_leaves_while_the_phone_rings() -> None:
    stage, caller, phone = offered()
    stage.hangs_up(caller)
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.one(events.OfferEnded).outcome == "caller_left"
    assert stage.one(events.QueueLeft).reason == "short_abandon"
    assert stage.state("1001") is State.IDLE
    # What the phone still has to say changes nothing.
    assert stage.on_sip(sip.LegFailed(phone, 487, "")) == []
    stage.check_over()


def test_the_caller_leaves_before_the_phone_could_ring() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4001")
    leg = stage.one(events.OfferMade).leg
    stage.hangs_up(caller)
    stage.on_media(media_in.StreamOpened(leg, OFFER))
    assert stage.last == [media.CloseStream(leg)]
    assert stage.all(commands.InviteLeg) == []
    stage.check_over()


def test_the_caller_leaves_between_the_agents_answer_and_the_media() -> None:
    stage, caller, phone = offered()
    stage.on_sip(sip.LegAnswered(phone, ANSWER))
    stage.hangs_up(caller)
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.on_media(media_in.StreamAccepted(phone)) == []
    assert stage.all(events.AgentConnected) == []
    stage.check_over()


def test_the_agent_answers_as_the_lease_ends() -> None:
    stage, caller, phone = offered()
    stage.wait(20)
    assert stage.on_sip(sip.LegAnswered(phone, ANSWER)) == []
    assert stage.on_media(media_in.StreamAccepted(phone)) == []
    assert stage.all(media.Bridge) == []
    stage.hangs_up(caller)
    stage.check_over()


def test_an_answer_to_an_offer_that_the_router_has_ended_is_hung_up() -> None:
    stage, caller, phone = offered()
    # Somebody else has told the router meanwhile.
    stage.router.leave(stage.all(events.OfferMade)[-1].visit, stage.now)
    stage.answers(phone)
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.all(media.Bridge) == []
    stage.hangs_up(caller)
    assert stage.ended().reason == "hangup"


def test_the_agent_unregisters_while_ringing() -> None:
    stage, caller, phone = offered()
    stage.devices("phone1001", 0)
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.one(events.OfferEnded).outcome == "agent_left"
    assert stage.one(events.OfferMade).agent == "1002"
    assert stage.status("1001") is Status.LOGGED_OUT
    stage.hangs_up(caller)
    stage.check_over()


def test_the_agent_goes_away_while_ringing() -> None:
    stage, caller, phone = offered()
    stage.take(stage.centre.set_status("1001", Status.AWAY, "lunch", "agent", stage.now))
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.one(events.OfferEnded).outcome == "agent_left"
    stage.hangs_up(caller)
    stage.check_over()


def test_the_longest_wait_strikes_as_an_agent_goes_away() -> None:
    # The clock of the command counts, not that of whatever was heard last.
    stage = Stage(queues=(queue(max_wait_s=10.0, overflow=Overflow(flow="at_once")),))
    stage.registers("1001")
    caller = stage.calls("4001")
    stage.ringing("1001")
    stage.now += 15
    stage.take(stage.centre.set_status("1001", Status.AWAY, "lunch", "agent", stage.now))
    assert stage.one(events.QueueLeft).waited_s == 15
    stage.hangs_up(caller)
    assert stage.one(events.QueueLeft).waited_s == 0
    stage.check_over()


def test_what_overflows_does_not_tell_an_agents_states_in_the_wrong_order() -> None:
    # One stroke of the clock frees 1005 and gives a call back, which overflows to 1005 at once.
    stage = Stage(
        queues=(
            queue(max_wait_s=30.0, overflow=Overflow(queue="service")),
            queue("service", wrap_up_s=30.0),
        )
    )
    stage.registers("1005")
    service_caller, _ = stage.talk("4002", "1005")
    stage.calls("4001")
    stage.hangs_up(service_caller)
    stage.now += 30
    stage.take(stage.centre.on_time(stage.now))
    told = [e.state for e in stage.all(events.AgentStateChanged) if e.agent == "1005"]
    assert told[-1] == stage.state("1005").value == "offered"


def test_who_waits_is_served_by_whoever_frees_up() -> None:
    stage = Stage(queues=(queue(wrap_up_s=0.0),))
    stage.registers("1001")
    first, _ = stage.talk()
    stage.calls("4001")
    stage.hangs_up(first)
    assert stage.one(events.OfferMade).agent == "1001"
    ordered = [type(e) for e in stage.last]
    assert ordered.index(events.AgentDisconnected) < ordered.index(events.OfferMade)


# --- hold ---


def talking(**more: object) -> tuple[Stage, str, str]:
    stage = Stage(**more)  # type: ignore[arg-type]  # options of tests
    stage.registers("1001")
    return stage, *stage.talk()


@pytest.mark.parametrize("holder", [0, 1], ids=["caller", "agent"])
def test_hold_and_resume(holder: int) -> None:
    stage, *legs = talking()
    holding, waiting = legs[holder], legs[1 - holder]
    stage.wait(10)
    stage.holds(holding)
    assert commands.AcceptOffer(holding, ANSWER) in stage.last
    assert stage.one(events.HoldStarted).agent == "1001"
    assert stage.state("1001") is State.HELD
    assert stage.plays(waiting) == ("music/default",)
    stage.holds(holding)  # a session refresh says the same again
    assert stage.now_all(events.HoldStarted) == []
    stage.wait(5)
    stage.holds(holding, held=False)
    assert stage.one(media.Bridge) == media.Bridge(legs[0], legs[1])
    stage.one(events.HoldEnded)
    assert stage.state("1001") is State.TALKING
    stage.wait(20)
    stage.hangs_up(legs[0])
    over = stage.one(events.AgentDisconnected)
    assert (over.talk_s, over.hold_s) == (30, 5)
    stage.check_over()


@pytest.mark.parametrize("holder", [0, 1], ids=["caller", "agent"])
def test_a_resume_whose_answer_comes_in_the_ack(holder: int) -> None:
    """A re-INVITE without offer: our offer goes out as it is, and the ACK says that it resumes."""
    stage, *legs = talking()
    holding = legs[holder]
    stage.holds(holding)
    stage.on_sip(sip.LegReoffered(holding, b""))
    assert stage.one(media.Reoffer) == media.Reoffer(holding, b"")
    stage.on_media(media_in.StreamReoffered(holding, OFFER, held=True))
    assert stage.now_all(events.HoldEnded) == []
    stage.on_sip(sip.LegConfirmed(holding, ANSWER))
    assert stage.one(media.AcceptAnswer) == media.AcceptAnswer(holding, ANSWER)
    stage.on_media(media_in.StreamAccepted(holding, held=False))
    stage.one(events.HoldEnded)
    assert stage.one(media.Bridge) == media.Bridge(legs[0], legs[1])
    assert stage.state("1001") is State.TALKING
    stage.hangs_up(legs[0])
    stage.check_over()


def test_the_answer_to_an_offer_of_ours_reaches_the_media() -> None:
    stage, caller, phone = talking()
    stage.on_sip(sip.ReofferAnswered(phone, ANSWER))
    assert stage.one(media.AcceptAnswer) == media.AcceptAnswer(phone, ANSWER)
    stage.on_media(media_in.StreamAccepted(phone, held=True))
    stage.one(events.HoldStarted)
    assert stage.on_sip(sip.ReofferRefused(phone, 488)) == []
    assert stage.on_sip(sip.ReofferAnswered("nobody", ANSWER)) == []
    stage.hangs_up(caller)
    stage.check_over()


def test_a_session_that_expires_ends_the_call_with_its_own_reason() -> None:
    stage, caller, _ = talking()
    stage.hangs_up(caller, sip.LegEndCause.SESSION_EXPIRED)
    assert (stage.ended().ended_by, stage.ended().reason) == ("fault", "session_expired")
    stage.check_over()


def test_a_call_is_on_hold_while_either_side_holds() -> None:
    stage, caller, phone = talking()
    stage.holds(phone)
    assert stage.plays(caller) == ("music/default",)
    stage.holds(caller)
    assert stage.now_all(events.HoldStarted) == []
    assert stage.one(media.StopPlay).leg == caller  # nobody listens any more
    stage.holds(phone, held=False)
    assert stage.now_all(events.HoldEnded) == stage.now_all(media.Bridge) == []
    assert stage.plays(phone) == ("music/default",)
    assert stage.state("1001") is State.HELD
    stage.holds(caller, held=False)
    stage.one(events.HoldEnded)
    stage.one(media.Bridge)
    stage.hangs_up(phone)
    stage.check_over()


def test_hold_without_music_is_silent() -> None:
    stage, caller, phone = talking(queues=(queue(music=""),))
    stage.holds(phone)
    assert stage.one(media.Unbridge).leg == caller
    assert stage.now_all(media.Play) == []


def test_a_caller_on_hold_while_waiting_is_connected_on_hold() -> None:
    stage, caller, phone = offered()
    stage.holds(caller)
    assert stage.all(events.HoldStarted) == []
    stage.answers(phone)
    stage.one(events.HoldStarted)
    assert stage.plays(phone) == ("music/default",)
    stage.holds(caller, held=False)
    stage.one(events.HoldEnded)
    stage.hangs_up(caller)
    stage.check_over()


def test_a_caller_may_hold_in_the_menu() -> None:
    stage = Stage()
    caller = stage.calls("4000")
    stage.holds(caller)
    assert stage.last == [commands.AcceptOffer(caller, ANSWER)]
    stage.presses(caller, "1")
    stage.one(events.QueueEntered)


def test_the_hold_time_of_a_talk_that_ends_on_hold_is_booked() -> None:
    stage, caller, phone = talking()
    stage.wait(10)
    stage.holds(phone)
    stage.wait(7)
    stage.hangs_up(caller)
    over = stage.one(events.AgentDisconnected)
    assert (over.talk_s, over.hold_s) == (10, 7)
    assert stage.state("1001") is State.WRAP_UP
    stage.check_over()


def test_the_next_talk_is_not_on_hold_because_the_last_one_was() -> None:
    stage, caller, phone = talking(queues=(queue(wrap_up_s=0.0),))
    stage.holds(phone)
    stage.hangs_up(phone)
    stage.talk()
    assert stage.now_all(events.HoldStarted) == []
    assert stage.state("1001") is State.TALKING
    del caller


def test_an_offer_in_the_call_that_does_not_fit_leaves_the_talk_as_it_was() -> None:
    stage, caller, phone = talking()
    for leg in (caller, phone):
        stage.on_sip(sip.LegReoffered(leg, b"video only"))
        stage.on_media(media_in.StreamRefused(leg, 488, "no audio"))
        assert stage.last == [commands.RefuseOffer(leg, 488, "399 no audio")]
    assert stage.state("1001") is State.TALKING


def test_a_refused_bridge_ends_the_talk() -> None:
    stage, caller, phone = talking()
    stage.on_media(media_in.StreamRefused(caller, 503, "in another worker"))
    assert {c.leg for c in stage.now_all(commands.HangUpLeg)} == {caller, phone}
    assert stage.ended().reason == "media_refused"
    stage.check_over()


def test_an_answer_of_the_agents_phone_that_does_not_fit_ends_the_talk() -> None:
    # A re-INVITE without SDP: our offer in the 200, the phone's answer in the ACK.
    stage, caller, phone = talking()
    stage.on_sip(sip.LegReoffered(phone, b""))
    stage.on_media(media_in.StreamReoffered(phone, OFFER, held=False))
    stage.on_sip(sip.LegConfirmed(phone, b"nonsense"))
    assert stage.last == [media.AcceptAnswer(phone, b"nonsense")]
    stage.on_media(media_in.StreamRefused(phone, 488, "unusable"))
    assert {c.leg for c in stage.now_all(commands.HangUpLeg)} == {caller, phone}
    stage.check_over()


def test_a_re_invite_of_a_leg_that_is_gone() -> None:
    stage = Stage()
    stage.on_sip(sip.LegReoffered("gone", b""))
    assert stage.last == [commands.RefuseOffer("gone", 481)]
    assert stage.on_media(media_in.StreamReoffered("gone", ANSWER, held=True)) == []


# --- the display ---


@pytest.mark.parametrize(
    ("display", "shown"), [("Jewellery hotline", "Jewellery hotline Li"), ("", "sales Li")]
)
def test_the_agent_sees_queue_and_caller(display: str, shown: str) -> None:
    stage = Stage(queues=(queue(display_name=display),))
    stage.registers("1001")
    stage.calls("4001")
    stage.ringing("1001")
    assert stage.one(commands.InviteLeg).target.caller_name == shown


def test_an_agent_whose_phone_is_gone_when_it_should_ring() -> None:
    # The account was changed by a reload between offer and media.
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4001")
    leg = stage.one(events.OfferMade).leg
    stage.centre.desk.devices().pop("phone1001")
    stage.on_media(media_in.StreamOpened(leg, OFFER))
    ended = stage.one(events.OfferEnded)
    assert (ended.outcome, ended.sip_status) == ("failed", 480)
    assert stage.all(commands.InviteLeg) == []
    stage.hangs_up(caller)
    stage.check_over()


def test_agents_of_the_other_line_are_not_rung() -> None:
    stage = Stage(agents=(agent("1005", "service"),))
    stage.registers("1005")
    stage.calls("4001")
    assert stage.all(events.OfferMade) == []
