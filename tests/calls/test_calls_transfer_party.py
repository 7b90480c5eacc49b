"""Callers handed on to one phone: a colleague's, or one outside; and the agent's own customers."""

import pytest
from calls_stage import Stage, queue

from acd.calls import commands, events
from acd.calls.desk import Disposition
from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.model import State, Status
from acd.sip import events as sip

MOBILE, E164 = "13800138000", "+8613800138000"
PLAN = DialPlan(
    trunks=("carrier",),
    rights={"1001": Rights(CallClass.NATIONAL, "+8675512345678")},
    no_answer_s=20.0,
)


@pytest.fixture
def stage() -> Stage:
    stage = Stage(dial_plan=PLAN)
    stage.registers("1001", "1002", "1005")
    return stage


def handed_on(stage: Stage, target: str) -> tuple[str, str, str]:
    """A caller whom 1001 sends to this number; the legs of caller, agent and target."""
    caller, phone = stage.talk("4001", "1001")
    stage.wait(10)
    stage.refers(phone, target)
    return caller, phone, stage.party()


class TestBlind:
    def test_a_colleague_answers(self, stage: Stage) -> None:
        caller, phone, other = handed_on(stage, "1005")
        assert stage.all(commands.InviteLeg)[-1].target.caller == "13800"
        stage.on_sip(sip.LegRinging(other, 180, b""))
        assert stage.told(phone) == [(180, False)]
        assert stage.state("1001") is State.HELD
        stage.answers(other)
        assert stage.told(phone) == [(200, True)]
        assert media.Bridge(caller, other) in stage.last
        completed = stage.one(events.TransferCompleted)
        assert (completed.to_agent, completed.leg) == ("1005", "")
        stage.hangs_up(phone)
        assert stage.state("1001") is State.WRAP_UP
        stage.wait(20)
        stage.hangs_up(caller)
        assert stage.state("1005") is State.WRAP_UP
        stage.wait(10)
        assert stage.state("1005") is State.IDLE
        talks = stage.all(events.AgentDisconnected)
        assert [(one.agent, one.talk_s) for one in talks] == [("1001", 10), ("1005", 20)]
        assert stage.centre.dispose("1005", Disposition(call_class="inquiry")) is not None
        stage.check_over()

    def test_the_colleagues_colleague_writes_up_and_classes_as_well(self, stage: Stage) -> None:
        caller, phone, other = handed_on(stage, "1005")
        stage.answers(other)
        stage.hangs_up(phone)
        stage.refers(other, "1002")
        third = stage.party()
        stage.answers(third)
        stage.hangs_up(other)
        stage.hangs_up(caller)
        assert [stage.state(one) for one in ("1005", "1002")] == [State.WRAP_UP] * 2
        changes = stage.all(events.AgentStateChanged)
        assert {one.queue for one in changes if one.state == "wrap_up"} == {"sales"}
        assert stage.centre.dispose("1002", Disposition(call_class="inquiry")) is not None
        stage.check_over()

    def test_what_is_left_of_the_colleagues_own_work_is_done_where_it_is_longer(self) -> None:
        stage = Stage(queues=(queue("service", wrap_up_s=60.0),), dial_plan=PLAN)
        stage.registers("1001", "1005")
        first, _ = stage.talk("4002", "1005")
        stage.hangs_up(first)
        stage.wait(20)
        caller, phone, other = handed_on(stage, "1005")
        stage.answers(other)
        stage.hangs_up(phone)
        stage.hangs_up(caller)
        stage.wait(29)
        assert stage.state("1005") is State.WRAP_UP
        stage.wait(1)
        assert stage.state("1005") is State.IDLE

    def test_a_number_outside_under_the_houses_own(self, stage: Stage) -> None:
        caller, phone, other = handed_on(stage, MOBILE)
        target = stage.all(commands.InviteLeg)[-1].target
        assert (target.trunk, target.caller) == ("carrier", "+8675512345678")
        stage.answers(other)
        stage.hangs_up(phone)
        stage.hangs_up(other)
        assert (stage.ended().ended_by, stage.ended().reason) == ("called", "hangup")
        assert commands.HangUpLeg(caller) in stage.last
        stage.check_over()

    def test_early_media_is_heard(self, stage: Stage) -> None:
        caller, phone, other = handed_on(stage, MOBILE)
        stage.on_sip(sip.LegRinging(other, 183, b"sdp"))
        stage.on_media(media_in.StreamAccepted(other))
        assert media.Bridge(caller, other) in stage.last
        assert stage.told(phone) == [(180, False)]

    @pytest.mark.parametrize(
        ("status", "told", "reason"),
        [(486, 486, "busy"), (603, 603, "rejected"), (408, 480, "no_answer")],
    )
    def test_nobody_takes_it_and_the_agent_goes_on(
        self, stage: Stage, status: int, told: int, reason: str
    ) -> None:
        caller, phone, other = handed_on(stage, "1005")
        stage.wait(5)
        stage.on_sip(sip.LegFailed(other, status, ""))
        ((said, final),) = stage.told(phone)
        assert final
        assert said in {status, told}
        failed = stage.one(events.TransferFailed)
        assert (failed.reason, failed.returned_to) == (reason, "agent")
        assert media.Bridge(caller, phone) in stage.last
        assert stage.state("1001") is State.TALKING
        assert stage.state("1005") is State.IDLE
        stage.wait(7)
        stage.refers(phone, "4002", refer=3)
        stage.hangs_up(phone)
        over = stage.one(events.AgentDisconnected)
        assert (over.talk_s, over.hold_s) == (17, 5)
        stage.hangs_up(caller)
        stage.check_over()

    def test_held_by_the_agents_phone_the_caller_waits_on(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        stage.holds(phone)
        stage.refers(phone, "1005")
        stage.on_sip(sip.LegFailed(stage.party(), 486, ""))
        assert not stage.now_all(media.Bridge)
        assert stage.state("1001") is State.HELD
        stage.holds(phone, held=False)
        assert media.Bridge(caller, phone) in stage.last
        stage.hangs_up(caller)
        stage.check_over()

    def test_nobody_takes_it_and_the_agent_has_gone(self, stage: Stage) -> None:
        """The caller is back in the line, at the place of the first time."""
        caller, phone, other = handed_on(stage, "1005")
        stage.hangs_up(phone)
        assert stage.state("1001") is State.WRAP_UP
        stage.wait(20)
        assert other in {one.leg for one in stage.now_all(commands.HangUpLeg)}
        failed = stage.all(events.TransferFailed)[-1]
        assert (failed.reason, failed.returned_to) == ("no_answer", "queue")
        entered = stage.all(events.QueueEntered)[-1]
        assert (entered.queue, entered.served_before_s) == ("sales", 30.0)
        assert entered.waited_before_s == 0.0
        stage.answers(stage.ringing("1002"))
        stage.hangs_up(caller)
        stage.check_over()

    def test_the_caller_has_gone(self, stage: Stage) -> None:
        caller, phone, other = handed_on(stage, "1005")
        stage.hangs_up(caller)
        assert stage.told(phone) == [(487, True)]
        assert {c.leg for c in stage.now_all(commands.HangUpLeg)} == {phone, other}
        assert stage.one(events.TransferFailed).reason == "caller_left"
        assert stage.state("1001") is State.WRAP_UP
        assert stage.state("1005") is State.IDLE
        stage.check_over()

    def test_a_second_wish_has_to_wait(self, stage: Stage) -> None:
        _, phone, _ = handed_on(stage, "1005")
        stage.refers(phone, "4002", refer=3)
        assert stage.last == [commands.RefuseTransfer(phone, 3, 491)]

    @pytest.mark.parametrize(
        ("agent", "target", "status"), [("1002", MOBILE, 403), ("1001", "4711", 404)]
    )
    def test_nobody_gets_further_than_the_agent(
        self, stage: Stage, agent: str, target: str, status: int
    ) -> None:
        """No toll fraud: the permissions of who transfers are the transfer's."""
        stage.take(stage.centre.set_status("1001", Status.AWAY, "", "x", stage.now))
        if agent == "1001":
            stage.take(stage.centre.set_status("1001", Status.READY, "", "x", stage.now))
            stage.take(stage.centre.set_status("1002", Status.AWAY, "", "x", stage.now))
        _, phone = stage.talk("4001", agent)
        stage.refers(phone, target)
        assert commands.RefuseTransfer(phone, 2, status) in stage.last
        assert not stage.all(events.PartyCalled)


class TestAttended:
    @pytest.mark.parametrize("swapped", [False, True])
    @pytest.mark.parametrize("number", ["1005", MOBILE])
    def test_to_whom_the_agent_called(self, stage: Stage, number: str, *, swapped: bool) -> None:
        caller, phone = stage.talk("4001", "1001")
        stage.holds(phone)
        own = stage.calls(number, account="phone1001")
        other = stage.party()
        stage.answers(other)
        stage.wait(6)
        legs = (own, phone) if swapped else (phone, own)
        stage.refers(legs[0], replaces=legs[1])
        assert stage.told(legs[0]) == [(200, True)]
        assert media.Bridge(caller, other) in stage.last
        assert (stage.ended().ended_by, stage.ended().reason) == ("agent", "transferred")
        if not swapped:
            stage.hangs_up(phone)
        assert stage.state("1001") is State.WRAP_UP
        if number == "1005":
            assert stage.state("1005") is State.TALKING
        stage.wait(11)
        stage.hangs_up(caller)
        assert stage.state("1005") is (State.WRAP_UP if number == "1005" else State.IDLE)
        parts = [
            (one.agent, one.talk_s, one.hold_s) for one in stage.all(events.AgentDisconnected)
        ]
        expected = [("1001", 6, 0), ("1001", 0, 6)]
        if number == "1005":
            expected += [("1005", 6, 0), ("1005", 11, 0)]
        assert sorted(parts) == sorted(expected)
        stage.check_over()

    def test_while_it_still_rings(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        own = stage.calls("1005", account="phone1001")
        rang = stage.party()
        stage.refers(phone, replaces=own)
        assert commands.HangUpLeg(rang) in stage.last
        other = stage.party()
        stage.answers(other)
        assert media.Bridge(caller, other) in stage.last
        stage.hangs_up(phone)
        stage.hangs_up(other)
        stage.check_over()

    def test_while_it_rings_nobody_who_waits_gets_in_between(self, stage: Stage) -> None:
        """The colleague is let go by one call and rung by the other: offered nothing meanwhile."""
        caller, phone = stage.talk("4001", "1001")
        own = stage.calls("1002", account="phone1001")
        stage.party()
        waits = stage.calls("4001")
        stage.refers(phone, replaces=own)
        assert not stage.now_all(events.TransferFailed)
        other = stage.party()
        stage.answers(other)
        assert media.Bridge(caller, other) in stage.last
        stage.hangs_up(phone)
        stage.hangs_up(caller)
        stage.hangs_up(waits)
        stage.check_over()

    def test_while_it_rings_and_its_phone_is_gone(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        own = stage.calls("1005", account="phone1001")
        stage.party()
        stage.devices("phone1005", 0)
        stage.refers(phone, replaces=own)
        assert stage.one(events.TransferFailed).returned_to == "agent"
        stage.registers("1005")
        assert stage.state("1005") is State.IDLE
        stage.hangs_up(caller)
        stage.check_over()

    def test_the_colleague_hands_on_in_turn(self, stage: Stage) -> None:
        caller, phone = stage.talk("4001", "1001")
        own = stage.calls("1005", account="phone1001")
        other = stage.party()
        stage.answers(other)
        stage.refers(phone, replaces=own)
        stage.hangs_up(phone)
        stage.refers(other, "4001")
        assert stage.told(other) == [(200, True)]
        stage.hangs_up(other)
        assert stage.state("1005") is State.WRAP_UP
        stage.answers(stage.ringing("1002"))
        stage.hangs_up(caller)
        stage.check_over()


class TestOwnCustomers:
    """The agent called the customer, whose leg becomes the call's own."""

    def customer(self, stage: Stage) -> tuple[str, str]:
        own = stage.calls(MOBILE, account="phone1001")
        customer = stage.party()
        stage.answers(customer)
        stage.wait(10)
        return own, customer

    def test_to_a_queue(self, stage: Stage) -> None:
        own, customer = self.customer(stage)
        stage.refers(own, "4002")
        assert stage.told(own) == [(200, True)]
        stage.hangs_up(own)
        assert stage.state("1001") is State.IDLE
        other = stage.ringing("1005")
        assert stage.one(commands.InviteLeg).target.caller == E164
        stage.answers(other)
        assert media.Bridge(customer, other) in stage.last
        stage.hangs_up(customer)
        assert stage.all(events.AgentDisconnected)[0].talk_s == 10
        stage.check_over()

    def test_to_a_colleague_who_is_busy(self, stage: Stage) -> None:
        own, customer = self.customer(stage)
        stage.refers(own, "1005")
        stage.on_sip(sip.LegFailed(stage.party(), 486, ""))
        assert media.Bridge(own, customer) in stage.last
        stage.hangs_up(customer)
        assert commands.HangUpLeg(own) in stage.last
        assert stage.state("1001") is State.IDLE
        stage.check_over()

    @pytest.mark.parametrize("swapped", [False, True])
    def test_to_whom_the_agent_asked(self, stage: Stage, *, swapped: bool) -> None:
        own, customer = self.customer(stage)
        stage.holds(own)
        second = stage.calls("4002", account="phone1001")
        other = stage.ringing("1005")
        stage.answers(other)
        legs = (second, own) if swapped else (own, second)
        stage.refers(legs[0], replaces=legs[1])
        assert media.Bridge(customer, other) in stage.last
        if not swapped:
            stage.hangs_up(own)
        assert stage.state("1001") is State.IDLE
        stage.hangs_up(other)
        assert commands.HangUpLeg(customer) in stage.last
        stage.check_over()

    def test_a_colleague_cannot_send_the_one_who_called_elsewhere(self, stage: Stage) -> None:
        own = stage.calls("1002", account="phone1001")
        other = stage.party()
        stage.answers(other)
        for leg in (own, other):
            stage.refers(leg, "4002")
            assert stage.last == [commands.RefuseTransfer(leg, 2, 403)]
