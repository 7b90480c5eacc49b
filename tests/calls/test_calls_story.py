"""A caller's whole way, and every way in which a call can end."""

from math import inf

import pytest
from calls_stage import ANSWER, OFFER, Stage, flows, queue

from acd.calls import commands, events
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import Overflow, State
from acd.sip import events as sip


def test_the_whole_story() -> None:
    stage = Stage()
    stage.registers("1001")
    assert stage.state("1001") is State.IDLE

    caller = stage.dials("4000")
    assert stage.one(media.OpenStream) == media.OpenStream(caller, OFFER, waits=True)
    stage.on_media(media_in.StreamOpened(caller, ANSWER))
    assert stage.one(commands.AnswerLeg) == commands.AnswerLeg(caller, ANSWER)
    assert stage.plays(caller) == ("zh/menu",)

    stage.presses(caller, "1")
    assert stage.plays(caller) == ("music/default",)
    entered = stage.one(events.QueueEntered)
    assert (entered.queue, entered.category, entered.priority) == ("sales", "jewelry", 2)
    offer = stage.one(events.OfferMade)
    assert (offer.agent, offer.choice.layer) == ("1001", "all")

    phone = stage.ringing("1001")
    invite = stage.one(commands.InviteLeg)
    assert invite.target.uri == "sip:phone1001@10.0.0.0"
    assert invite.target.caller == "13800"
    assert invite.target.caller_name == "sales Li"

    stage.wait(3)
    stage.answers(phone)
    assert stage.one(media.Bridge) == media.Bridge(caller, phone)
    assert stage.one(events.QueueLeft).reason == "answered"
    assert stage.one(events.OfferEnded).ring_s == 3
    assert stage.state("1001") is State.TALKING

    stage.wait(60)
    stage.hangs_up(caller)
    assert stage.one(commands.HangUpLeg).leg == phone
    over = stage.one(events.AgentDisconnected)
    assert (over.talk_s, over.hold_s) == (60, 0)
    ended = stage.ended()
    assert (ended.ended_by, ended.reason) == ("caller", "hangup")
    assert stage.state("1001") is State.WRAP_UP
    stage.wait(10)
    assert stage.state("1001") is State.IDLE

    counted = media_in.StreamClosed(caller, 5, 4, 3, 2, 1, 0.5)
    stage.on_media(counted)
    measured = stage.one(events.StreamMeasured)
    assert (measured.leg, measured.packets_received) == (caller, 5)
    assert stage.on_media(counted) == []
    stage.check_over()


def test_the_agent_hangs_up() -> None:
    stage = Stage()
    stage.registers("1001")
    caller, phone = stage.talk()
    stage.hangs_up(phone)
    assert stage.one(commands.HangUpLeg).leg == caller
    legs = {e.leg: (e.ended_by, e.reason) for e in stage.now_all(events.LegEnded)}
    assert legs == {phone: ("peer", "hangup"), caller: ("server", "hangup")}
    assert stage.ended().ended_by == "agent"
    stage.check_over()


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        (sip.LegEndCause.ACK_MISSING, "ack_missing"),
        (sip.LegEndCause.PEER_GONE, "peer_gone"),
        (sip.LegEndCause.TRANSPORT, "transport"),
    ],
)
@pytest.mark.parametrize("side", [0, 1], ids=["caller", "agent"])
def test_a_fault_ends_the_talk(side: int, cause: sip.LegEndCause, reason: str) -> None:
    stage = Stage()
    stage.registers("1001")
    legs = stage.talk()
    stage.hangs_up(legs[side], cause)
    assert (stage.ended().ended_by, stage.ended().reason) == ("fault", reason)
    by = {e.leg: e.ended_by for e in stage.now_all(events.LegEnded)}
    assert by == {legs[side]: "fault", legs[1 - side]: "server"}
    stage.check_over()


def test_the_caller_cancels_while_media_is_opened() -> None:
    stage = Stage()
    caller = stage.dials("4000")
    stage.on_sip(sip.LegCancelled(caller))
    ended = stage.ended()
    assert (ended.reason, ended.sip_status) == ("cancelled", 487)
    # The engine's answer comes too late, and the stream is given back.
    stage.on_media(media_in.StreamOpened(caller, ANSWER))
    assert stage.last == [media.CloseStream(caller)]
    stage.check_over()


def test_media_refused_before_the_answer_refuses_the_call() -> None:
    stage = Stage()
    caller = stage.dials("4000")
    stage.on_media(media_in.StreamRefused(caller, 488, "no common codec"))
    assert stage.one(commands.RejectLeg) == commands.RejectLeg(
        caller, 488, warning="399 no common codec"
    )
    assert (stage.ended().reason, stage.ended().sip_status) == ("media_refused", 488)
    stage.check_over()


def test_a_call_for_which_no_media_port_is_left_is_asked_to_come_again() -> None:
    """RFC 3261 21.5.4: "The server MAY indicate when the client should retry"."""
    stage = Stage()
    caller = stage.dials("4000")
    stage.on_media(media_in.StreamRefused(caller, 503, "no port left"))
    refusal = stage.one(commands.RejectLeg)
    assert (refusal.status, refusal.retry_after_s > 0) == (503, True)
    stage.check_over()


def test_an_invite_without_sdp_is_answered_with_an_offer() -> None:
    stage = Stage()
    caller = stage.dials("4000", offer=b"")
    stage.on_media(media_in.StreamOpened(caller, OFFER))
    assert stage.one(commands.AnswerLeg).sdp == OFFER
    stage.on_sip(sip.LegConfirmed(caller, ANSWER))
    assert stage.last == [media.Begin(caller), media.AcceptAnswer(caller, ANSWER)]
    assert stage.on_media(media_in.StreamAccepted(caller)) == []


def test_nothing_is_sent_to_a_caller_who_may_not_be_there() -> None:
    """Over UDP an INVITE may bear anybody's address; who acknowledges the answer received it."""
    stage = Stage()
    caller = stage.dials("4000")
    assert stage.one(media.OpenStream).waits
    stage.on_media(media_in.StreamOpened(caller, ANSWER))
    assert not stage.all(media.Begin)
    stage.on_sip(sip.LegConfirmed(caller, b""))
    assert stage.last == [media.Begin(caller)]


def test_an_account_has_proved_that_it_is_there() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.dials("4000", account="1001")
    assert not stage.one(media.OpenStream).waits


def test_a_leg_of_no_call_is_heard_all_the_same_once_it_is_acknowledged() -> None:
    """It may be on its way from one call to another when its ACK comes at last."""
    stage = Stage()
    stage.on_sip(sip.LegConfirmed("parted", b""))
    assert stage.last == [media.Begin("parted")]


def test_an_invite_without_sdp_whose_ack_has_none_either_is_hung_up() -> None:
    stage = Stage()
    caller = stage.dials("4000", offer=b"")
    stage.on_media(media_in.StreamOpened(caller, OFFER))
    stage.on_sip(sip.LegConfirmed(caller, b""))
    assert stage.one(commands.HangUpLeg).leg == caller
    assert stage.ended().reason == "media_refused"
    stage.check_over()


def test_an_answer_in_the_ack_that_does_not_fit_ends_the_call() -> None:
    stage = Stage()
    caller = stage.dials("4000", offer=b"")
    stage.on_media(media_in.StreamOpened(caller, OFFER))
    stage.on_sip(sip.LegConfirmed(caller, b"nonsense"))
    stage.on_media(media_in.StreamRefused(caller, 488, "unusable"))
    assert stage.one(commands.HangUpLeg).leg == caller
    assert stage.ended().reason == "media_refused"
    stage.check_over()


def test_the_flow_ends_the_call() -> None:
    stage = Stage()
    caller = stage.calls("4000")
    stage.presses(caller, "99")
    assert stage.plays(caller) == ("zh/bye",)
    stage.heard_out(caller)
    assert (stage.ended().ended_by, stage.ended().reason) == ("flow", "flow_ended")
    assert stage.ended().detail == "no_choice"
    stage.check_over()


def test_the_menu_goes_on_by_time_alone() -> None:
    stage = Stage()
    caller = stage.calls("4000")
    stage.heard_out(caller)
    stage.wait(5)
    stage.heard_out(caller)
    stage.wait(5)
    assert stage.plays(caller) == ("zh/bye",)


def test_keys_in_one_moment_do_not_trip_over_each_other() -> None:
    # A clock of whole milliseconds gives two of them the same time, and so the same deadline.
    stage = Stage()
    caller = stage.calls("4000")
    stage.heard_out(caller)
    stage.presses(caller, "9")
    stage.heard_out(caller)
    stage.presses(caller, "9")
    stage.heard_out(caller)
    stage.wait(600)
    assert stage.ended().reason == "flow_ended"


def test_what_a_call_waited_for_is_forgotten_with_it() -> None:
    stage = Stage()
    for _ in range(20):
        stage.hangs_up(stage.calls("4000"))
    assert stage.centre.next_deadline() == inf


def test_a_play_that_something_else_replaced_ends_nothing() -> None:
    stage = Stage()
    caller = stage.calls("4000")
    stage.presses(caller, "1")
    assert stage.on_media(media_in.PlayFinished(caller, 1)) == []
    assert stage.on_media(media_in.PlayFinished("unknown", 1)) == []
    assert stage.plays(caller) == ("music/default",)


def test_the_echo_test() -> None:
    stage = Stage()
    caller = stage.calls("4099")
    assert stage.one(media.Echo).leg == caller
    stage.presses(caller, "1")
    assert stage.last == []
    stage.hangs_up(caller)
    stage.check_over()


@pytest.mark.parametrize("at", ["menu", "queue", "ringing", "talk", "held"])
@pytest.mark.parametrize("which", ["both", "caller", "agent"])
def test_a_dead_media_worker_ends_its_calls_and_leaves_nothing(at: str, which: str) -> None:
    stage = Stage()
    caller = stage.calls("4000")
    legs = [caller]
    if at != "menu":
        if at != "queue":
            stage.registers("1001")
        stage.presses(caller, "1")
    if at in {"ringing", "talk", "held"}:
        legs.append(stage.ringing("1001"))
    if at in {"talk", "held"}:
        stage.answers(legs[1])
    if at == "held":
        stage.holds(legs[1])
    lost = {"both": legs, "caller": legs[:1], "agent": legs[-1:]}[which]
    stage.on_media(media_in.StreamsLost(tuple(lost), "died"))
    assert (stage.ended().ended_by, stage.ended().reason) == ("fault", "media_lost")
    stage.check_over()
    # The other leg's stream lives in another worker perhaps, and is still counted.
    for leg in legs:
        counted = stage.on_media(media_in.StreamClosed(leg, 0, 0, 0, 0, 0, 0.0))
        assert bool(counted) is (leg not in lost)


@pytest.mark.parametrize(
    ("called", "account", "status", "reason"),
    [("4711", None, 404, "unknown_number"), ("*11", None, 403, "not_an_agent")],
)
def test_a_number_that_is_not_served(
    called: str, account: str | None, status: int, reason: str
) -> None:
    stage = Stage()
    caller = stage.dials(called, account=account)
    assert stage.one(commands.RejectLeg) == commands.RejectLeg(caller, status)
    rejected = stage.one(events.CallRejected)
    assert (rejected.sip_status, rejected.reason) == (status, reason)
    assert rejected.peer == "udp:192.0.2.7:5060"
    assert stage.all(events.CallStarted) == []


@pytest.mark.parametrize("reason", ["draining", "journal_failing"])
def test_new_calls_are_refused_and_running_ones_go_on(reason: str) -> None:
    stage = Stage()
    stage.registers("1001")
    caller, _ = stage.talk()
    stage.centre.refusing = reason
    stage.dials("4000")
    rejected = stage.one(commands.RejectLeg)
    assert (rejected.status, rejected.retry_after_s) == (503, 10)
    assert stage.one(events.CallRejected).reason == reason
    stage.hangs_up(caller)
    assert stage.ended().reason == "hangup"
    stage.centre.refusing = None
    stage.calls("4000")
    assert stage.centre.calls_total == 1


def test_a_full_server_refuses() -> None:
    stage = Stage(max_calls=1)
    stage.calls("4000")
    stage.dials("4000")
    assert stage.one(events.CallRejected).reason == "full"


def test_shutting_down_hangs_up_on_everybody() -> None:
    stage = Stage()
    stage.registers("1001", "1002")
    stage.talk()
    stage.calls("4001")
    stage.ringing("1002")
    stage.calls("4001")
    stage.calls("4000")
    unanswered = stage.dials("4000")
    stage.take(stage.centre.shut_down(stage.now))
    ended = stage.now_all(events.CallEnded)
    assert {(e.ended_by, e.reason) for e in ended} == {("system", "shutdown")}
    assert [e.sip_status for e in ended] == [0, 0, 0, 0, 480]
    assert unanswered in {c.leg for c in stage.now_all(commands.HangUpLeg)}
    assert stage.centre.calls_total == 0
    stage.check_over()


# --- the queue gives the caller back ---


def full(**more: object) -> Stage:
    """A sales line with room for one caller, who is there."""
    stage = Stage(queues=(queue(max_length=1, max_wait_s=60.0, **more), queue("service")))
    stage.calls("4001")
    return stage


def test_a_full_queue_says_so_and_hangs_up() -> None:
    stage = full()
    caller = stage.calls("4001")
    assert stage.one(events.QueueLeft).reason == "refused_full"
    assert stage.plays(caller) == ("zh/full",)
    stage.heard_out(caller)
    assert (stage.ended().ended_by, stage.ended().reason) == ("system", "queue_full")


def test_a_full_queue_gives_back_to_the_flow() -> None:
    stage = full()
    caller = stage.calls("4000")
    stage.presses(caller, "1")
    assert stage.plays(caller) == ("zh/bye",)


def test_full_queues_that_lead_to_each_other_let_the_caller_go() -> None:
    stage = Stage(
        queues=(
            queue(max_length=1, overflow=Overflow(queue="service")),
            queue("service", max_length=1, overflow=Overflow(queue="sales")),
        )
    )
    stage.calls("4001")
    stage.calls("4001")
    caller = stage.calls("4001")
    assert [e.queue for e in stage.now_all(events.QueueLeft)] == ["sales", "service", "sales"]
    assert stage.plays(caller) == ("zh/full",)


def test_a_full_queue_whose_overflow_leads_back_into_it_lets_the_caller_go() -> None:
    stage = full(overflow=Overflow(flow="at_once"))
    caller = stage.calls("4001")
    assert stage.plays(caller) == ("zh/full",)
    stage.heard_out(caller)
    assert stage.ended().reason == "queue_full"


def test_a_flow_that_asks_a_full_queue_again_and_again_lets_the_caller_go() -> None:
    stage = Stage(queues=(queue("service", max_length=1),))
    stage.calls("4002")
    caller = stage.calls("4000")
    stage.presses(caller, "2")
    assert stage.plays(caller) == ("zh/full",)


def test_who_waited_too_long_overflows_and_keeps_the_place() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0, overflow=Overflow(queue="service")),))
    caller = stage.calls("4000")
    stage.presses(caller, "1")
    stage.wait(30)
    assert stage.one(events.QueueLeft).reason == "overflowed"
    entered = stage.one(events.QueueEntered)
    assert (entered.queue, entered.waited_before_s) == ("service", 30)
    assert (entered.priority, entered.category) == (2, "jewelry")
    stage.wait(30)
    assert stage.centre.calls_total == 1  # the maximum wait of the second queue counts anew
    assert caller not in {c.leg for c in stage.all(commands.HangUpLeg)}


def test_who_waited_too_long_goes_into_a_flow() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0, overflow=Overflow(flow="later")),))
    caller = stage.calls("4001")
    stage.wait(30)
    assert stage.one(events.QueueLeft).reason == "overflowed"
    assert stage.plays(caller) == ("zh/sorry",)
    stage.heard_out(caller)
    assert stage.one(events.QueueEntered).queue == "sales"


def test_who_waited_too_long_hears_the_queues_prompt() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0, overflow=Overflow(hang_up_prompt="bye")),))
    caller = stage.calls("4001")
    stage.wait(30)
    assert stage.one(events.QueueLeft).reason == "timed_out"
    assert stage.plays(caller) == ("zh/bye",)
    stage.heard_out(caller)
    assert stage.ended().reason == "max_wait"
    stage.check_over()


def test_who_waited_too_long_without_overflow_goes_back_into_the_flow() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0),))
    caller = stage.calls("4000")
    stage.presses(caller, "1")
    stage.wait(30)
    assert stage.plays(caller) == ("zh/menu",)
    stage.presses(caller, "1")
    assert stage.one(events.QueueEntered).queue == "sales"


def test_who_waited_too_long_without_anything_is_hung_up() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0),))
    caller = stage.calls("4001")
    stage.wait(30)
    assert stage.plays(caller) == ("zh/sorry",)
    stage.heard_out(caller)
    assert (stage.ended().ended_by, stage.ended().reason) == ("system", "max_wait")
    stage.check_over()


def test_an_abandon_is_short_up_to_the_threshold() -> None:
    stage = Stage()
    for waited_s in (4.0, 6.0):
        caller = stage.calls("4001")
        stage.wait(waited_s)
        stage.hangs_up(caller)
    assert [e.reason for e in stage.all(events.QueueLeft)] == ["short_abandon", "abandoned"]


# --- what the waiting hear ---


def test_the_place_is_announced_and_the_music_comes_back() -> None:
    stage = Stage(queues=(queue(position_every_s=20.0),))
    stage.calls("4001")
    caller = stage.calls("4001")
    assert stage.plays(caller)[0] == "zh/queue_position_before"
    stage.heard_out(caller)
    assert stage.plays(caller) == ("music/default",)
    stage.wait(20)
    assert stage.plays(caller)[0] == "zh/queue_position_before"


def test_a_queue_without_music_is_silent_also_after_an_announcement() -> None:
    stage = Stage(queues=(queue(music="", position_every_s=20.0),))
    caller = stage.calls("4001")
    stage.heard_out(caller)
    assert stage.last == []
    stage.hangs_up(caller)
    stage.check_over()


def test_a_queue_without_music_ends_that_of_the_queue_before() -> None:
    stage = Stage(
        queues=(
            queue(max_wait_s=30.0, overflow=Overflow(queue="service")),
            queue("service", music=""),
        )
    )
    caller = stage.calls("4001")
    stage.wait(30)
    assert stage.one(media.StopPlay).leg == caller


def test_what_went_wrong_in_a_flow_is_on_record() -> None:
    text = """
flow: faulty
start: check
languages: [zh]
variables: {typed: "x"}
nodes:
  check:
    type: branch
    cases: [{when: "int(typed) > 1", next: bye}]
    else: bye
  bye: {type: hangup, sounds: [bye]}
"""
    stage = Stage(book=flows(hotline=text.replace("faulty", "hotline")))
    stage.calls("4000")
    assert "check" in {e.node for e in stage.now_all(events.FlowStepTaken) if e.note}
