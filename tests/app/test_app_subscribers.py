"""Who gets which records."""

from typing import get_args

from acd.app.keeper import Keeper
from acd.app.subscribers import Subscribers
from acd.calls import events
from acd.calls.journal import Record
from acd.telemetry.call_log import CallLog
from acd.telemetry.metrics import Metrics
from acd.telemetry.trace import Tracer

ENDED = events.CallEnded(interaction="i1", ended_by="caller", reason="hangup")
ANSWERED = events.CallAnswered(interaction="i1", leg="l1")


def record(event: events.Event) -> Record:
    return Record("n", "b", 1, 0, 0.0, event)


def test_each_gets_the_kinds_it_wants_in_the_order_given() -> None:
    taken: list[tuple[str, Record]] = []
    pass_on = Subscribers(
        [
            (lambda one: taken.append(("ends", one)), {events.CallEnded}),
            (lambda one: taken.append(("both", one)), {events.CallEnded, events.CallAnswered}),
        ]
    )
    for event in (ANSWERED, ENDED, events.ServerStopped()):
        pass_on(record(event))
    assert taken == [
        ("both", record(ANSWERED)),
        ("ends", record(ENDED)),
        ("both", record(ENDED)),
    ]


def test_what_subscribers_want_are_kinds_of_events() -> None:
    kinds = set(get_args(events.Event))
    for wanted in (Metrics.KINDS, Tracer.KINDS, Keeper.KINDS, CallLog("debug").kinds):
        assert wanted
        assert wanted <= kinds


def test_the_trace_wants_whatever_is_part_of_an_interaction() -> None:
    assert events.CallAnswered in Tracer.KINDS
    assert events.AgentStateChanged in Tracer.KINDS
    assert events.DevicesChanged not in Tracer.KINDS


def test_the_log_wants_no_steps_of_a_flow_where_only_errors_are_written() -> None:
    assert events.FlowStepTaken in CallLog("warning").kinds
    assert not CallLog("error").kinds
    assert CallLog("info").kinds < CallLog("debug").kinds
