"""Log lines of calls and agents: which are written at which level, and what stands in them."""

from collections.abc import Iterable

import pytest
from structlog.testing import capture_logs

from acd.calls import events
from acd.calls.journal import Record
from acd.telemetry.call_log import CallLog

ENDED = events.CallEnded(interaction="i1", ended_by="caller", reason="hangup")
STEP = events.FlowStepTaken(interaction="i1", flow="hotline", node="menu", outcome="1")
FAILED_STEP = events.FlowStepTaken(
    interaction="i1", flow="hotline", node="check", outcome="else", note="no such key"
)
STARTED = events.CallStarted(
    interaction="i1", leg="l1", sip_call_id="c1", caller="1", called="4000", peer="udp:x:1"
)
LEG_ENDED = events.LegEnded(interaction="i1", leg="l1", ended_by="peer")


def lines(level: str, happened: Iterable[events.Event]) -> list[tuple[str, str]]:
    """What is written of these events: (level, name of the line)."""
    call_log = CallLog(level)
    with capture_logs() as logs:
        for event in happened:
            call_log(Record("n", "b", 1, 0, 0.0, event))
    return [(line["log_level"], line["event"]) for line in logs]


@pytest.mark.parametrize(
    ("level", "written"),
    [
        (
            "debug",
            [("debug", "call_started"), ("debug", "flow_step_taken"), ("info", "call_ended")],
        ),
        ("info", [("info", "call_ended")]),
        ("warning", []),
        ("error", []),
    ],
)
def test_a_call_at_each_level(level: str, written: list[tuple[str, str]]) -> None:
    assert lines(level, [STARTED, STEP, LEG_ENDED, ENDED]) == written


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_what_went_wrong_in_a_flow_is_a_warning(level: str) -> None:
    assert lines(level, [FAILED_STEP]) == [("warning", "flow_step_failed")]


def test_what_went_wrong_in_a_flow_is_no_error() -> None:
    assert lines("error", [FAILED_STEP]) == []


def test_a_line_has_what_says_something_and_the_interaction() -> None:
    with capture_logs() as logs:
        CallLog("info")(Record("n", "b", 1, 0, 0.0, ENDED))
    [line] = logs
    assert line["interaction"] == "i1"
    assert line["reason"] == "hangup"
    disposition = events.DispositionEntered(interaction="i1", agent="1001", call_class="other")
    with capture_logs() as logs:
        CallLog("info")(Record("n", "b", 1, 0, 0.0, disposition))
    assert logs[0]["ordered"] is False
    assert "solved" not in logs[0]
    assert "order_id" not in logs[0]


@pytest.mark.parametrize(
    "event",
    [
        events.AgentStatusChanged(agent="1001", status="away", reason="lunch"),
        events.CallRejected(
            sip_call_id="c", caller="1", called="9", peer="udp:x:1", sip_status=404, reason="x"
        ),
    ],
)
def test_what_people_do_is_written_as_a_rule(event: events.Event) -> None:
    assert len(lines("info", [event])) == 1


def test_a_phone_that_registers_anew_is_written_on_request_only() -> None:
    refreshed = events.DevicesChanged(account="1001", contacts=("sip:1001@192.0.2.1",))
    assert lines("info", [refreshed]) == []
    assert len(lines("debug", [refreshed])) == 1
