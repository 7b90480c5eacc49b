"""Rows of what outlives calls and boots: call-backs and closures (part of the CDR).

Each of their events is complete in itself, so that no state is kept from one to the next: a later
row of the same key replaces the earlier one.
"""

from . import events as ev
from .cdr_agents import PROJECT
from .cdr_rows import Callback, Closure, Row
from .journal import Record

OrderEvent = ev.CallbackRequested | ev.CallbackAttempted | ev.CallbackEnded | ev.ClosureChanged
CallbackEvent = ev.CallbackRequested | ev.CallbackAttempted | ev.CallbackEnded


def order_rows(record: Record, event: OrderEvent) -> list[Row]:
    """Return the rows that the event completes."""
    if isinstance(event, ev.ClosureChanged):
        return [closure_row(record, event)]
    return callback_rows(record, event)


def callback_rows(record: Record, event: CallbackEvent) -> list[Row]:
    """Return the call-back's row as it stands after the event; none for a wish that was merged."""
    row = Callback(
        callback=event.callback,
        started_us=event.requested_us,
        project=PROJECT,
        queue=event.queue,
        number=event.number,
        first_enqueued_us=event.first_enqueued_us,
    )
    match event:
        case ev.CallbackRequested(merged=True):
            return []
        case ev.CallbackAttempted():
            row.attempts, row.last_attempt_us = event.attempt, record.wall_us
        case ev.CallbackEnded():
            row.attempts, row.ended_us = event.attempts, record.wall_us
            row.outcome, row.agent, row.by = event.outcome, event.agent, event.by
            row.last_attempt_us = event.last_attempt_us or None
        case _:
            pass
    return [row]


def closure_row(record: Record, event: ev.ClosureChanged) -> Row:
    """Return the row of a switch that was turned."""
    return Closure(
        node=record.node,
        boot=record.boot,
        seq=record.seq,
        project=PROJECT,
        started_us=record.wall_us,
        queue=event.queue,
        closed=event.closed,
        reason=event.reason,
        changed_by=event.by,
    )
