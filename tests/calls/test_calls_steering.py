"""What supervisors do, and what agents need of them: moves, marks, limits, certificates."""

import pytest
from calls_stage import AGENTS, Stage, agent, queue

from acd.calls import commands, events
from acd.calls.certificates import certified
from acd.calls.ports import NoCertificates
from acd.routing.model import AgentRules, State, Status
from acd.routing.waiting_rules import EmptyRule, WaitingRules

RULES = AgentRules(away_limits_s={"lunch": 60.0}, cool_down_s=40.0, wrap_up_extension_s=25.0)


class ExamDue(NoCertificates):
    """1001 has to pass an exam first; nobody is certified for service."""

    def refusal(self, agent: str) -> str:
        return "exam_due" if agent == "1001" else ""

    def serves(self, agent: str, skill: str) -> bool:
        return skill != "service"


def dials(stage: Stage, code: str, *, number: str = "1001") -> str:
    return stage.calls(code, account=f"phone{number}")


# --- forced states ---


def test_a_forced_status_names_who_and_why() -> None:
    stage = Stage()
    stage.registers("1001")
    assert stage.steer(
        lambda s: s.set_status("1001", Status.AWAY, "lunch", "li", "asked by phone")
    )
    changed = stage.one(events.AgentStatusChanged)
    assert (changed.status, changed.reason) == ("away", "lunch")
    assert (changed.by, changed.note) == ("li", "asked by phone")


def test_an_agent_who_is_set_aside_is_freed_up_for_who_waits() -> None:
    stage = Stage()
    stage.registers("1001")
    caller, _ = stage.talk()
    stage.hangs_up(caller)
    stage.calls("4001")
    assert stage.state("1001") is State.WRAP_UP
    stage.steer(lambda s: s.free_up("1001"))
    assert stage.one(events.OfferMade).agent == "1001"


def test_away_for_too_long_is_an_event() -> None:
    stage = Stage(rules=RULES)
    stage.registers("1001")
    dials(stage, "*12")
    stage.wait(60)
    exceeded = stage.one(events.AwayLimitExceeded)
    assert (exceeded.agent, exceeded.reason, exceeded.limit_s) == ("1001", "lunch", 60.0)


def test_a_reason_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    stage = Stage()
    stage.dials("*128", account="phone1001")
    rejected = stage.one(events.CallRejected)
    assert (rejected.reason, rejected.detail) == ("unknown_reason", "*12 and one of 1 lunch")
    told = stage.one(commands.RejectLeg)
    assert (told.status, told.warning) == (404, "399 *12 and one of 1 lunch")
    stage.dials("*128")  # a stranger hears nothing of how the house works
    assert stage.one(events.CallRejected).reason == "unknown_number"


# --- wrap-up and cool-down ---


def test_more_time_for_the_wrap_up_by_code() -> None:
    stage = Stage(rules=RULES)
    stage.registers("1001")
    assert stage.plays(dials(stage, "*17")) == ("zh/refused",)
    caller, _ = stage.talk()
    stage.hangs_up(caller)
    stage.wait(5)
    dials(stage, "*17")
    stage.wait(29)  # the 5 s left of 10, and 25 more
    assert stage.state("1001") is State.WRAP_UP
    stage.wait(1)
    assert stage.state("1001") is State.IDLE


def test_an_upsetting_call_is_marked_by_the_agent() -> None:
    stage = Stage(rules=RULES)
    stage.registers("1001")
    assert stage.plays(dials(stage, "*16")) == ("zh/refused",)  # there was no call
    caller, _ = stage.talk()
    stage.hangs_up(caller)
    dials(stage, "*16")
    marked = stage.one(events.CallMarked)
    upset = stage.all(events.CallStarted)[1].interaction
    assert (marked.interaction, marked.mark, marked.by) == (upset, "upsetting", "agent")
    stage.wait(10)
    assert stage.state("1001") is State.COOL_DOWN
    stage.wait(40)
    assert stage.state("1001") is State.IDLE


def test_an_upsetting_call_is_marked_by_a_supervisor_who_listens() -> None:
    stage = Stage(rules=RULES)
    stage.registers("1001")
    caller, _ = stage.talk()
    assert stage.steer(lambda s: s.cool_down("1001", "li"))
    assert stage.one(events.CallMarked).by == "li"
    stage.hangs_up(caller)
    stage.wait(10)
    assert stage.state("1001") is State.COOL_DOWN
    assert not stage.steer(lambda s: s.cool_down("1002", "li"))


def test_a_wrap_up_that_was_promised_is_kept_over_a_reload_and_a_transfer() -> None:
    stage = Stage(queues=[queue("sales", wrap_up_s=10.0), queue("service", wrap_up_s=20.0)])
    stage.registers("1001", "1005")
    caller, phone = stage.talk()
    shorter = tuple(queue(name, wrap_up_s=1.0) for name in ("sales", "service"))
    stage.take(
        stage.centre.configure(
            agents=AGENTS, queues=shorter, numbers=stage.centre._arrival.numbers, now=stage.now
        )
    )
    stage.refers(phone, "4002")
    stage.hangs_up(phone)
    assert stage.state("1001") is State.WRAP_UP
    stage.wait(9)
    assert stage.state("1001") is State.WRAP_UP
    stage.wait(1)
    assert stage.state("1001") is State.IDLE
    second = stage.ringing("1005")
    stage.answers(second)
    stage.hangs_up(caller)
    stage.wait(1)  # answered after the reload
    assert stage.state("1005") is State.IDLE


# --- certificates ---


def test_without_the_exam_nobody_is_logged_in_by_a_phone() -> None:
    stage = Stage(certificates=ExamDue())
    stage.registers("1001", "1002")
    assert (stage.status("1001"), stage.status("1002")) == (Status.LOGGED_OUT, Status.READY)
    refused = stage.all(events.LogInRefused)
    assert [(one.agent, one.reason) for one in refused] == [("1001", "exam_due")]


def test_without_the_exam_no_code_and_no_supervisor_logs_in() -> None:
    stage = Stage(certificates=ExamDue(), login_at_registration=False)
    stage.registers("1001")
    for code in ("*11", "*12"):
        leg = dials(stage, code)
        assert stage.plays(leg) == ("zh/refused",)
        stage.hangs_up(leg)
    assert not stage.steer(lambda s: s.set_status("1001", Status.READY, "", "li", "needed"))
    assert stage.status("1001") is Status.LOGGED_OUT
    assert stage.centre.desk.refusal("1001") == "exam_due"
    assert stage.centre.desk.refusal("1002") == ""


def test_a_skill_without_its_certificate_does_not_count() -> None:
    both = agent("1009", "sales")
    profiles = certified([*AGENTS, both], ExamDue())
    assert [sorted(profile.skills) for profile in profiles] == [
        ["sales"],
        ["sales"],
        [],
        [],
        ["sales"],
    ]
    assert certified(AGENTS, NoCertificates()) == AGENTS


# --- calls ---


def test_a_call_moved_between_queues_keeps_its_first_enqueue_time() -> None:
    stage = Stage()
    early = stage.calls("4001")
    stage.wait(30)
    late = stage.calls("4002")
    started = {one.leg: one.interaction for one in stage.all(events.CallStarted)}
    assert stage.steer(lambda s: s.move_call(started[early], "service")) == "sales"
    left, entered = stage.one(events.QueueLeft), stage.one(events.QueueEntered)
    assert (left.queue, left.reason, left.waited_s) == ("sales", "overflowed", 30.0)
    assert (entered.queue, entered.waited_before_s) == ("service", 30.0)
    stage.registers("1005")
    assert stage.one(events.OfferMade).interaction == started[early]
    stage.hangs_up(early)
    assert stage.one(events.OfferMade).interaction == started[late]
    stage.hangs_up(late)
    stage.devices("phone1005", 0)
    stage.check_over()


def test_a_phone_that_rings_for_a_call_moved_away_falls_silent() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.calls("4001")
    phone = stage.ringing("1001")
    interaction = stage.one(commands.InviteLeg) and stage.all(events.CallStarted)[0].interaction
    assert stage.steer(lambda s: s.move_call(interaction, "service")) == "sales"
    assert [one.leg for one in stage.now_all(commands.HangUpLeg)] == [phone]
    assert stage.state("1001") is State.IDLE


def test_only_a_call_that_waits_can_be_moved() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.talk()
    interaction = stage.all(events.CallStarted)[0].interaction
    assert stage.steer(lambda s: s.move_call(interaction, "service")) is None
    assert stage.steer(lambda s: s.set_priority(interaction, 5)) is None
    assert stage.steer(lambda s: s.move_call("nobody", "service")) is None
    assert stage.last == []


@pytest.mark.parametrize(
    ("service", "to", "why"),
    [
        ({}, "nowhere", "unknown_queue"),
        ({}, "sales", "already_there"),
        ({"max_length": 1}, "service", "queue_full"),
        ({"waiting": WaitingRules(closed="fire")}, "service", "queue_closed"),
        (
            {"waiting": WaitingRules(refuse_when_empty=EmptyRule.LOGGED_OUT)},
            "service",
            "queue_empty",
        ),
        ({}, "service", ""),
    ],
)
def test_nobody_is_moved_where_the_caller_would_be_turned_away(
    service: dict[str, object], to: str, why: str
) -> None:
    stage = Stage(queues=[queue("service", **service)])
    if why == "queue_full":
        stage.calls("4002")
    stage.calls("4001")
    interaction = stage.all(events.CallStarted)[-1].interaction
    assert stage.steer(lambda s: s.immovable(interaction, to)) == why
    moved = stage.steer(lambda s: s.move_call(interaction, to))
    assert moved == (None if why else "sales")
    assert not stage.all(events.CallEnded)


def test_a_call_that_matters_more_is_answered_first() -> None:
    stage = Stage()
    stage.calls("4001")
    stage.wait(5)
    stage.calls("4001")
    second = stage.all(events.CallStarted)[1].interaction
    assert stage.steer(lambda s: s.set_priority(second, 7)) == 0
    stage.registers("1001")
    assert stage.one(events.OfferMade).interaction == second


def test_a_queue_that_matters_more_by_a_reload_takes_its_waiting_calls_along() -> None:
    stage = Stage(queues=[queue("sales"), queue("service")])
    stage.calls("4001")
    stage.wait(5)
    more = (queue("sales", priority=3), queue("service"))
    stage.take(
        stage.centre.configure(
            agents=AGENTS, queues=more, numbers=stage.centre._arrival.numbers, now=stage.now
        )
    )
    first = stage.all(events.QueueEntered)[0]
    assert (first.priority, stage.one(events.PriorityChanged).priority) == (0, 3)
    # What a supervisor says is what the call counts for, the queue's part included.
    stage.calls("4001")
    second = stage.all(events.CallStarted)[1].interaction
    assert stage.steer(lambda s: s.set_priority(second, 2)) == 3
    stage.registers("1001")
    assert stage.one(events.OfferMade).visit == first.visit
