"""Agents hand callers on: REFER to a number (blind) and to a consulted agent (attended)."""

import pytest
from calls_stage import ANSWER, EVENTS, Stage, queue

from acd.calls import commands, events
from acd.calls.call import EndReason
from acd.calls.cdr import Fold
from acd.calls.cdr_recovery import recover
from acd.calls.cdr_rows import Transfer
from acd.calls.desk import Disposition
from acd.calls.journal import Record
from acd.calls.transfer import LINGER_S
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State
from acd.sip import events as sip


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.registers("1001", "1005")
    return stage


def consult(stage: Stage, called: str = "4002", agent: str = "1001") -> str:
    """The agent's second call, answered by us; its leg."""
    return stage.calls(called, account=f"phone{agent}")


class TestBlind:
    def test_to_a_queue_the_caller_waits_and_is_answered_there(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        stage.wait(30)
        stage.refers(phone, "4002")
        assert commands.AcceptTransfer(phone, 2) in stage.last
        assert media.Unbridge(caller) in stage.last
        assert stage.told(phone) == [(200, True)]
        entered = stage.one(events.QueueEntered)
        assert (entered.queue, entered.waited_before_s) == ("service", 0.0), "a talk is no wait"
        assert entered.served_before_s == 30.0, "but the place is that of the first time"
        stage.hangs_up(phone)
        assert stage.one(events.AgentDisconnected).talk_s == 30
        assert stage.state("1001") is State.WRAP_UP
        other = stage.ringing("1005")
        stage.answers(other)
        assert media.Bridge(caller, other) in stage.last
        stage.wait(20)
        stage.hangs_up(caller)
        talks = stage.all(events.AgentDisconnected)
        assert [(one.agent, one.queue, one.talk_s) for one in talks] == [
            ("1001", "sales", 30),
            ("1005", "service", 20),
        ]
        assert len({one.interaction for one in talks}) == 1
        assert stage.ledger.left == {"answered": 2}
        stage.check_over()

    def test_of_two_transfers_both_talks_are_no_wait_and_the_wait_between_is(self) -> None:
        stage = Stage()
        stage.registers("1001")
        _, phone = stage.talk("4001", "1001")
        stage.wait(30)
        stage.refers(phone, "4002")
        stage.hangs_up(phone)
        stage.wait(5)
        stage.registers("1005")
        other = stage.ringing("1005")
        stage.answers(other)
        stage.wait(40)
        stage.refers(other, "4002")
        entered = stage.all(events.QueueEntered)[-1]
        assert (entered.waited_before_s, entered.served_before_s) == (5.0, 70.0)

    def test_what_the_flow_said_of_the_caller_goes_along(self, stage: Stage) -> None:
        caller = stage.calls("4000")
        stage.presses(caller, "1")
        stage.answers(stage.ringing("1001"))
        stage.refers(stage.all(events.OfferMade)[-1].leg, "4002")
        entered = stage.one(events.QueueEntered)
        assert (entered.queue, entered.priority, entered.category) == ("service", 2, "jewelry")

    def test_a_category_of_the_queue_stays_there(self) -> None:
        stage = Stage(queues=(queue(category="health"), queue("service", category="claims")))
        stage.registers("1001")
        _, phone = stage.talk()
        stage.refers(phone, "4002")
        assert stage.one(events.QueueEntered).category == "claims"

    def test_to_a_flow(self, stage: Stage) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, "4000")
        assert stage.told(phone) == [(200, True)]
        assert stage.one(events.FlowEntered).flow == "hotline"
        assert stage.plays(caller) == ("zh/menu",)
        stage.hangs_up(phone)
        stage.presses(caller, "2")
        stage.answers(stage.ringing("1005"))
        stage.hangs_up(caller)
        stage.check_over()

    def test_a_phone_that_does_not_hang_up_is_hung_up(self, stage: Stage) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, "4002")
        stage.wait(LINGER_S - 0.1)
        assert stage.state("1001") is State.HELD
        stage.wait(0.1)
        assert commands.HangUpLeg(phone) in stage.last
        assert stage.state("1001") is State.WRAP_UP
        stage.hangs_up(caller)
        stage.check_over()

    def test_the_caller_hangs_up_before_the_agents_phone(self, stage: Stage) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, "4002")
        stage.hangs_up(caller)
        assert commands.HangUpLeg(phone) in stage.last
        assert stage.state("1001") is State.WRAP_UP
        stage.hangs_up(phone)
        stage.check_over()

    def test_hold_before_the_transfer_stays_hold(self, stage: Stage) -> None:
        caller, phone = stage.talk()
        stage.wait(10)
        stage.holds(phone)
        stage.wait(5)
        stage.refers(phone, "4002")
        assert media.StopPlay(caller) in stage.last
        stage.hangs_up(phone)
        over = stage.one(events.AgentDisconnected)
        assert (over.talk_s, over.hold_s) == (10, 5)
        stage.answers(stage.ringing("1005"))
        assert stage.state("1005") is State.TALKING
        assert stage.all(events.HoldStarted)[-1].agent == "1001"
        stage.hangs_up(caller)
        stage.check_over()

    def test_a_reinvite_of_the_parting_phone_does_not_touch_the_next_talk(
        self, stage: Stage
    ) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, "4002")
        stage.answers(stage.ringing("1005"))
        stage.holds(phone)
        assert stage.now_all(events.HoldStarted) == []
        assert stage.state("1005") is State.TALKING
        stage.on_media(media_in.StreamRefused(phone, 488, "late"))
        assert commands.HangUpLeg(phone) in stage.last
        assert stage.state("1001") is State.WRAP_UP
        stage.hangs_up(caller)
        stage.check_over()

    def test_an_answer_of_the_parting_phone_is_not_the_next_agents(self, stage: Stage) -> None:
        _, phone = stage.talk()
        stage.refers(phone, "4002")
        stage.ringing("1005")
        stage.on_media(media_in.StreamAccepted(phone))
        assert stage.state("1005") is State.OFFERED

    def test_again_by_the_next_agent(self, stage: Stage) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, "4002")
        other = stage.ringing("1005")
        stage.answers(other)
        stage.refers(other, "4001")
        assert commands.HangUpLeg(phone) in stage.last
        assert stage.told(other) == [(200, True)]
        stage.hangs_up(other)
        assert [stage.state(number) for number in ("1001", "1005")] == [State.WRAP_UP] * 2
        stage.hangs_up(caller)
        stage.check_over()

    @pytest.mark.parametrize(
        ("target", "status", "reason"),
        [
            ("9999", 404, "unknown_number"),
            ("4099", 403, "not_allowed"),
            ("*11", 403, "not_allowed"),
        ],
    )
    def test_where_nobody_may_go(
        self, stage: Stage, target: str, status: int, reason: str
    ) -> None:
        caller, phone = stage.talk()
        stage.refers(phone, target)
        assert commands.RefuseTransfer(phone, 2, status) in stage.last
        failed = stage.one(events.TransferFailed)
        assert (failed.reason, failed.sip_status, failed.returned_to) == (reason, status, "agent")
        assert stage.state("1001") is State.TALKING
        assert not stage.now_all(media.Unbridge)
        stage.hangs_up(caller)
        stage.check_over()

    def test_a_full_queue_leaves_the_caller_with_the_agent(self) -> None:
        stage = Stage(queues=(queue("service", max_length=1),))
        stage.registers("1001")
        stage.calls("4002")
        _, phone = stage.talk()
        stage.refers(phone, "4002")
        assert stage.last[-2] == commands.RefuseTransfer(phone, 2, 486)
        assert stage.one(events.TransferFailed).reason == "full"

    @pytest.mark.parametrize("who", ["caller", "waiting", "ringing", "gone"])
    def test_nobody_but_a_talking_agent_may(self, stage: Stage, who: str) -> None:
        leg = {"gone": lambda: "gone", "waiting": lambda: stage.calls("4001")}.get(who)
        if leg is not None:
            leg = leg()
        elif who == "caller":
            leg, _ = stage.talk()
        else:
            stage.calls("4001")
            leg = stage.ringing("1001")
        stage.refers(leg, "4002")
        assert stage.last == [commands.RefuseTransfer(leg, 2, 403)]

    def test_a_queue_that_times_out_does_not_go_back_to_the_first_flow(self) -> None:
        stage = Stage(queues=(queue("service", max_wait_s=30.0),))
        stage.registers("1001")
        caller = stage.calls("4000")
        stage.presses(caller, "1")
        phone = stage.ringing("1001")
        stage.answers(phone)
        stage.refers(phone, "4002")
        stage.wait(31)
        assert stage.plays(caller) == ("zh/sorry",)
        stage.heard_out(caller)
        assert stage.ended().reason == "max_wait"
        stage.check_over()


class TestAttended:
    @pytest.mark.parametrize("asked_in", ["caller's call", "consult"])
    def test_the_caller_goes_on_with_whom_the_agent_asked(
        self, stage: Stage, asked_in: str
    ) -> None:
        caller, phone = stage.talk("4001", "1001")
        stage.wait(10)
        stage.holds(phone)
        second = consult(stage)
        other = stage.ringing("1005")
        stage.answers(other)
        stage.wait(8)
        legs = (phone, second) if asked_in == "caller's call" else (second, phone)
        stage.refers(legs[0], "4002", replaces=legs[1])
        assert stage.told(legs[0]) == [(200, True)]
        assert commands.HangUpLeg(legs[1]) in stage.last
        assert media.Bridge(caller, other) in stage.last
        if asked_in == "caller's call":
            stage.hangs_up(phone)
        assert stage.state("1001") is State.WRAP_UP
        assert stage.state("1005") is State.TALKING
        ended = stage.ended()
        assert (ended.ended_by, ended.reason) == ("agent", "transferred")
        stage.wait(20)
        stage.hangs_up(caller)
        assert stage.state("1005") is State.WRAP_UP
        parts = [
            (one.interaction, one.agent, one.queue, one.talk_s, one.hold_s)
            for one in stage.all(events.AgentDisconnected)
        ]
        main, asked = (one.interaction for one in stage.all(events.CallStarted))
        assert sorted(parts, key=lambda part: part[1:]) == [
            (main, "1001", "sales", 10, 8),
            (asked, "1005", "service", 8, 0),
            (main, "1005", "service", 20, 0),
        ]
        completed = stage.all(events.TransferCompleted)
        assert [(c.interaction, c.to_agent, c.leg) for c in completed] == [(main, "1005", other)]
        stage.check_over()

    def test_each_agent_classes_the_own_part(self, stage: Stage) -> None:
        _, phone = stage.talk("4001", "1001")
        second = consult(stage)
        stage.answers(stage.ringing("1005"))
        stage.refers(phone, replaces=second)
        main = stage.all(events.CallStarted)[0].interaction
        for agent in ("1001", "1005"):
            own = Disposition(call_class="order", ordered=True)
            stage.take(stage.centre.dispose(agent, own, interaction=main))
        entered = stage.all(events.DispositionEntered)
        assert [(one.agent, one.queue) for one in entered] == [
            ("1001", "sales"),
            ("1005", "service"),
        ]

    def test_the_consults_stream_is_placed_near_the_callers(self, stage: Stage) -> None:
        caller, _ = stage.talk("4001", "1001")
        second = stage.dials("4002", account="phone1001")
        assert stage.one(media.OpenStream).near == caller
        assert stage.one(media.OpenStream).leg == second
        stage.dials("4002", account="phone1005")
        assert stage.one(media.OpenStream).near == ""

    def test_out_of_a_line_the_caller_takes_the_agents_place(self, stage: Stage) -> None:
        stage = Stage()
        stage.registers("1001")
        caller, phone = stage.talk("4001", "1001")
        stage.wait(7)
        second = consult(stage)
        stage.wait(12)
        stage.refers(phone, replaces=second)
        stage.hangs_up(phone)
        entered = stage.all(events.QueueEntered)[-1]
        assert (entered.queue, entered.served_before_s) == ("service", 19.0)
        assert stage.ledger.left == {"answered": 1, "exited": 1}
        assert stage.centre.calls_total == 1
        stage.registers("1005")
        stage.answers(stage.ringing("1005"))
        stage.hangs_up(caller)
        stage.check_over()

    def test_out_of_a_menu_the_caller_comes_to_its_start(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        second = consult(stage, "4000")
        stage.refers(second, replaces=phone)
        assert stage.plays(caller) == ("zh/menu",)
        assert commands.HangUpLeg(phone) in stage.last
        stage.hangs_up(caller)
        stage.check_over()

    def test_the_other_phones_hold_is_kept(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        second = consult(stage)
        other = stage.ringing("1005")
        stage.answers(other)
        stage.holds(other)
        stage.refers(phone, replaces=second)
        assert stage.state("1005") is State.HELD
        stage.holds(other, held=False)
        assert media.Bridge(caller, other) in stage.last
        stage.hangs_up(phone)
        stage.hangs_up(caller)
        stage.check_over()

    def test_a_reinvite_under_way_is_answered_in_the_new_call(self, stage: Stage) -> None:
        _, phone = stage.talk("4001", "1001")
        second = consult(stage)
        other = stage.ringing("1005")
        stage.answers(other)
        stage.on_sip(sip.LegReoffered(other, b"moved"))
        stage.refers(phone, replaces=second)
        stage.on_media(media_in.StreamReoffered(other, ANSWER, held=False))
        assert commands.AcceptOffer(other, ANSWER) in stage.last

    def test_what_is_not_the_agents_own_is_refused(self, stage: Stage) -> None:
        stage.registers("1002")
        _, phone = stage.talk("4001", "1001")
        _, other = stage.talk("4001", "1002")
        somebody = stage.calls("4002")
        for replaces in (other, somebody, phone, "gone"):
            stage.refers(phone, replaces=replaces)
            assert stage.last == [commands.RefuseTransfer(phone, 2, 403)]
        echo = consult(stage, "4099")
        stage.refers(phone, replaces=echo)
        assert commands.RefuseTransfer(phone, 2, 403) in stage.last
        assert stage.one(events.TransferFailed).reason == "not_allowed"

    def test_two_consults_one_after_the_other(self, stage: Stage) -> None:
        """The agent who took over hands on in turn."""
        stage.registers("1006")
        caller, phone = stage.talk("4001", "1001")
        second = consult(stage)
        other = stage.ringing("1005")
        stage.answers(other)
        stage.refers(phone, replaces=second)
        stage.hangs_up(phone)
        third = consult(stage, "4002", "1005")
        last = stage.ringing("1006")
        stage.answers(last)
        stage.refers(other, replaces=third)
        stage.hangs_up(other)
        assert media.Bridge(caller, last) in stage.last or stage.state("1006") is State.TALKING
        stage.hangs_up(caller)
        assert stage.ledger.transfers == {"attended completed": 2}
        stage.check_over()


def record(stage: Stage, event: events.Event, seq: int) -> Record:
    return Record("node", "boot", seq, 1_000_000 * seq, float(seq), event)


def test_a_transfer_that_the_server_did_not_survive_has_a_record(stage: Stage) -> None:
    _, phone = stage.talk("4001", "1001")
    stage.refers(phone, "1005")
    told = [event for event in stage.log if type(event) in EVENTS]
    died = [record(stage, event, seq) for seq, event in enumerate(told, 1)]  # type: ignore[arg-type]  # told by its type
    closing = recover(died)
    assert events.TransferFailed in {type(event) for event in closing}
    machine, found = Fold(), []
    for one in [*died, *(record(stage, event, 99) for event in closing)]:
        found += machine.apply(one)
    [row] = [row for row in found if isinstance(row, Transfer)]
    assert (row.kind, row.target, row.outcome) == ("blind", "1005", "restart")
    assert machine.open_calls == machine.strays == 0


def test_a_transferred_interaction_ends_for_everybody_at_shutdown(stage: Stage) -> None:
    _, phone = stage.talk()
    stage.refers(phone, "4002")
    stage.answers(stage.ringing("1005"))
    stage.take(stage.centre.shut_down(stage.now))
    assert {one.reason for one in stage.now_all(events.CallEnded)} == {EndReason.SHUTDOWN.value}
    stage.check_over()
