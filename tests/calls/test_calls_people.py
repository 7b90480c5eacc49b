"""What agents and admins do: log-in, dialling codes, dispositions, reloads under calls."""

import pytest
from calls_stage import AGENTS, NUMBERS, Stage, agent, flows, queue

from acd.calls import commands, events
from acd.calls.desk import Disposition
from acd.calls.numbers import NumberPlan
from acd.media import events as media_in
from acd.routing.errors import ConfigurationError
from acd.routing.model import Overflow, State, Status

SALES, SERVICE = queue("sales"), queue("service")


# --- log-in by registration ---


def test_the_first_device_logs_in_and_the_last_one_gone_logs_out() -> None:
    stage = Stage()
    stage.devices("phone1001", 2)
    assert stage.status("1001") is Status.READY
    assert stage.one(events.AgentStatusChanged).by == "system"
    stage.devices("phone1001", 1)
    assert stage.now_all(events.AgentStatusChanged) == []
    stage.devices("phone1001", 0)
    assert stage.status("1001") is Status.LOGGED_OUT
    assert stage.one(events.DevicesChanged).contacts == ()


def test_away_stays_away_over_a_lost_registration() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.take(stage.centre.set_status("1001", Status.AWAY, "lunch", "agent", stage.now))
    stage.devices("phone1001", 0)
    stage.devices("phone1001", 1)
    assert stage.status("1001") is Status.AWAY


def test_without_log_in_by_registration_a_device_makes_nobody_ready() -> None:
    stage = Stage(login_at_registration=False)
    stage.registers("1001")
    assert stage.status("1001") is Status.LOGGED_OUT
    stage.take(stage.centre.set_status("1001", Status.READY, "", "agent", stage.now))
    assert stage.state("1001") is State.IDLE


def test_a_device_of_no_agent_is_on_record_only() -> None:
    stage = Stage()
    stage.devices("door", 1)
    assert [type(e) for e in stage.last] == [events.DevicesChanged]


# --- dialling codes ---


def dials(stage: Stage, code: str, *, number: str = "1001") -> str:
    return stage.calls(code, account=f"phone{number}")


def test_ready_away_and_log_out_by_code() -> None:
    stage = Stage(login_at_registration=False)
    stage.registers("1001")
    leg = dials(stage, "*11")
    assert stage.plays(leg) == ("zh/ready",)
    stage.heard_out(leg)
    assert stage.status("1001") is Status.READY
    assert (stage.ended().ended_by, stage.ended().reason) == ("system", "code_done")
    dials(stage, "*12")
    changed = stage.one(events.AgentStatusChanged)
    assert (changed.status, changed.reason, changed.by) == ("away", "lunch", "agent")
    dials(stage, "*13")  # nothing to say: the end of the call is the answer
    assert stage.status("1001") is Status.LOGGED_OUT
    assert stage.ended().reason == "code_done"


def test_ready_by_code_brings_no_call_to_a_phone_that_is_still_in_the_code_s_own() -> None:
    stage = Stage()
    stage.registers("1001")
    dials(stage, "*13")
    stage.calls("4001")
    leg = dials(stage, "*11")
    assert stage.all(events.OfferMade) == []
    stage.hangs_up(leg)  # not even the announcement is heard out
    assert stage.one(events.OfferMade).agent == "1001"


def test_the_end_of_wrap_up_by_code() -> None:
    stage = Stage()
    stage.registers("1001")
    refused = dials(stage, "*14")
    assert stage.plays(refused) == ("zh/refused",)
    caller, _ = stage.talk()
    stage.hangs_up(caller)
    assert stage.state("1001") is State.WRAP_UP
    dials(stage, "*14")  # nothing to say: its call is over at once
    assert stage.state("1001") is State.IDLE


def test_a_disposition_by_code() -> None:
    stage = Stage()
    stage.registers("1001")
    refused = dials(stage, "*152")
    assert stage.plays(refused) == ("zh/refused",)
    assert stage.all(events.DispositionEntered) == []
    caller, _ = stage.talk()
    stage.hangs_up(caller)
    dials(stage, "*152")
    entered = stage.one(events.DispositionEntered)
    assert (entered.agent, entered.call_class, entered.ordered) == ("1001", "order", True)


def test_a_code_from_an_account_of_no_agent_is_forbidden() -> None:
    stage = Stage()
    stage.dials("*11", account="door")
    assert stage.one(commands.RejectLeg).status == 403


def test_a_code_of_an_agent_who_is_removed_meanwhile_is_refused() -> None:
    stage = Stage()
    stage.registers("1001")
    leg = stage.dials("*12", account="phone1001")
    reload(stage, agents=AGENTS[1:])
    stage.on_media(media_in.StreamOpened(leg, b""))
    assert stage.plays(leg) == ("zh/refused",)


# --- people's commands ---


def test_commands_for_nobody() -> None:
    centre = Stage().centre
    assert centre.set_status("9999", Status.READY, "", "api", 0.0) is None
    assert centre.end_wrap_up("9999", 0.0) is None
    assert centre.dispose("1001", Disposition(call_class="other")) is None


def test_a_call_is_classed_and_the_class_corrected() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4000")
    stage.presses(caller, "1")
    stage.answers(stage.ringing("1001"))
    interaction = stage.all(events.CallStarted)[-1].interaction
    stage.hangs_up(caller)
    for ordered in (True, False):
        disposition = Disposition(call_class="order", order_id="A1", ordered=ordered)
        stage.take(stage.centre.dispose("1001", disposition, interaction=interaction))
    first, corrected = stage.all(events.DispositionEntered)
    assert first.interaction == corrected.interaction == interaction
    assert (first.category, first.queue) == ("jewelry", "sales")
    assert (first.ordered, corrected.ordered) == (True, False)


def test_only_the_last_call_can_be_classed() -> None:
    stage = Stage(queues=(queue(wrap_up_s=0.0),))
    stage.registers("1001")
    for _ in range(2):
        caller, _ = stage.talk()
        stage.hangs_up(caller)
    first = stage.all(events.CallStarted)[0].interaction
    assert stage.centre.dispose("1001", Disposition(call_class="other"), interaction=first) is None
    assert stage.centre.dispose("1002", Disposition(call_class="other")) is None


@pytest.mark.parametrize(
    ("called", "number", "learned"), [("4001", "1001", 1), ("4002", "1005", 0)]
)
def test_conversion_is_learned_from_sales_calls_only(
    called: str, number: str, learned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    told: list[object] = []
    monkeypatch.setattr(stage.router, "record_outcome", lambda *what, **_: told.append(what))
    stage.registers(number)
    stage.hangs_up(stage.talk(called, number)[0])
    stage.take(stage.centre.dispose(number, Disposition(call_class="order", ordered=True)))
    assert len(told) == learned


# --- reloads under calls ---


def reload(
    stage: Stage,
    *,
    agents: tuple[object, ...] = AGENTS,
    queues: tuple[object, ...] = (SALES, SERVICE),
    numbers: dict[str, object] = NUMBERS,  # type: ignore[assignment]  # targets of tests
    **more: bool,
) -> None:
    plan = NumberPlan(targets=numbers)  # type: ignore[arg-type]  # targets of tests
    stage.take(
        stage.centre.configure(
            agents=agents,  # type: ignore[arg-type]  # profiles of tests
            queues=queues,  # type: ignore[arg-type]  # profiles of tests
            numbers=plan,
            now=stage.now,
            **more,
        )
    )


def test_an_agent_configured_in_the_middle_of_a_call_is_offered_none_beside_it() -> None:
    """The phone may call before its account is an agent's: nobody's call becomes somebody's."""
    stage = Stage(agents=AGENTS[1:])
    stage.registers("1001")
    own = stage.calls("4099", account="phone1001")
    reload(stage)
    assert stage.state("1001") is State.TALKING
    stage.calls("4001")
    assert stage.state("1001") is State.TALKING
    stage.hangs_up(own)
    assert stage.state("1001") is State.OFFERED


def test_a_reload_of_the_same_changes_nothing() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.talk()
    stage.calls("4001")
    reload(stage)
    assert stage.last == []


def test_a_configuration_that_the_router_refuses_changes_nothing() -> None:
    stage = Stage()
    twice = (SALES, SALES)
    with pytest.raises(ConfigurationError):
        reload(stage, agents=(), queues=twice, numbers={})
    assert stage.centre.desk.profile("1001") is not None
    stage.calls("4001")
    assert stage.one(events.QueueEntered).queue == "sales"


def test_an_agent_removed_while_ringing() -> None:
    stage = Stage()
    stage.registers("1001")
    caller = stage.calls("4001")
    phone = stage.ringing("1001")
    reload(stage, agents=AGENTS[1:])
    assert stage.one(commands.HangUpLeg).leg == phone
    assert stage.one(events.OfferEnded).outcome == "agent_left"
    stage.hangs_up(caller)
    stage.check_over()


def test_an_agent_removed_while_talking_finishes_the_call() -> None:
    stage = Stage()
    stage.registers("1001")
    caller, _ = stage.talk()
    reload(stage, agents=AGENTS[1:])
    assert stage.all(events.CallEnded) == []
    stage.hangs_up(caller)
    stage.wait(10)
    assert "1001" not in {view.agent for view in stage.router.agents()}
    stage.check_over()


def test_an_agent_who_comes_back_by_a_reload_is_ready_again() -> None:
    stage = Stage()
    stage.registers("1001")
    reload(stage, agents=AGENTS[1:])
    reload(stage)
    assert stage.state("1001") is State.IDLE


def test_an_agent_with_another_account_is_where_that_account_is() -> None:
    stage = Stage()
    stage.registers("1001")
    elsewhere = (agent("1001", account="remote"), *AGENTS[1:])
    reload(stage, agents=elsewhere)
    assert stage.status("1001") is Status.LOGGED_OUT
    stage.calls("4001")
    assert stage.all(events.OfferMade) == []
    stage.devices("remote", 1)
    assert stage.one(events.OfferMade).agent == "1001"
    stage.ringing("1001")
    assert stage.one(commands.InviteLeg).target.uri == "sip:remote@10.0.0.0"


def test_who_had_logged_out_is_not_logged_in_by_a_reload() -> None:
    stage = Stage()
    stage.registers("1001")
    stage.take(stage.centre.set_status("1001", Status.LOGGED_OUT, "", "agent", stage.now))
    reload(stage)
    assert stage.status("1001") is Status.LOGGED_OUT


def test_log_in_by_registration_can_be_switched_off_by_a_reload() -> None:
    stage = Stage()
    reload(stage, login_at_registration=False)
    stage.registers("1001")
    assert stage.status("1001") is Status.LOGGED_OUT


def test_a_queue_removed_while_callers_wait_serves_them() -> None:
    stage = Stage()
    waiting = stage.calls("4001")
    reload(stage, queues=(SERVICE,), numbers={})
    stage.registers("1001")
    assert stage.one(events.OfferMade).queue == "sales"
    stage.answers(stage.ringing("1001"))
    stage.hangs_up(waiting)
    assert stage.ended().reason == "hangup"
    stage.check_over()


def test_an_overflow_into_a_queue_that_was_removed_ends_like_a_long_wait() -> None:
    stage = Stage(queues=(queue(max_wait_s=30.0, overflow=Overflow(queue="service")),))
    caller = stage.calls("4001")
    reload(stage, queues=(SALES,), numbers={})
    stage.wait(30)
    assert stage.one(events.QueueLeft).reason == "timed_out"
    assert stage.plays(caller) == ("zh/sorry",)


def test_a_flow_under_way_that_leads_to_a_removed_queue_ends() -> None:
    stage = Stage()
    caller = stage.calls("4000")
    reload(stage, queues=(SERVICE,))
    stage.presses(caller, "1")
    assert (stage.ended().ended_by, stage.ended().reason) == ("system", "queue_unknown")
    stage.check_over()


def test_a_number_taken_away_between_invite_and_answer_still_counts() -> None:
    stage = Stage()
    caller = stage.dials("4001")
    reload(stage, numbers={})
    stage.on_media(media_in.StreamOpened(caller, b""))
    assert stage.one(events.QueueEntered).queue == "sales"


def test_an_unknown_flow_ends_the_call() -> None:
    stage = Stage()
    caller = stage.dials("4000")
    stage.centre.replace_flows(flows().__class__({}))
    stage.on_media(media_in.StreamOpened(caller, b""))
    assert stage.ended().reason == "flow_unknown"


def test_calls_under_way_finish_on_the_flows_they_began_with() -> None:
    stage = Stage()
    former = stage.calls("4000")
    changed = """
flow: hotline
start: bye
languages: [zh]
nodes:
  bye: {type: hangup, sounds: [bye]}
"""
    stage.centre.replace_flows(flows(hotline=changed))
    newcomer = stage.calls("4000")
    assert stage.plays(newcomer) == ("zh/bye",)
    stage.presses(former, "1")
    assert stage.one(events.QueueEntered).queue == "sales"


def test_a_reload_while_draining_changes_no_refusal() -> None:
    stage = Stage()
    stage.centre.refusing = "draining"
    reload(stage)
    stage.dials("4000")
    assert stage.one(events.CallRejected).reason == "draining"
