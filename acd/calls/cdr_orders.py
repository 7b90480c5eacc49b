"""Rows of what outlives calls and boots: call-backs, closures, agents, audit (part of the CDR).

Each of their events is complete in itself, so that no state is kept from one to the next: a later
row of the same key replaces the earlier one.
"""

from . import events as ev
from .cdr_agents import PROJECT
from .cdr_rows import AgentProfileRow, AuditEntry, Callback, Closure, Row
from .journal import Record

CallbackEvent = ev.CallbackRequested | ev.CallbackAttempted | ev.CallbackEnded
OwnEvent = CallbackEvent | ev.ClosureChanged | ev.AgentDescribed | ev.CommandAudited


def own_rows(record: Record, event: OwnEvent) -> list[Row]:
    """Return the rows that the event completes."""
    match event:
        case ev.ClosureChanged():
            return [closure_row(record, event)]
        case ev.AgentDescribed():
            return [profile_row(record, event)]
        case ev.CommandAudited():
            return [audit_row(record, event)]
        case _:
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


def profile_row(record: Record, event: ev.AgentDescribed) -> Row:
    """Return who the agent is from now on."""
    return AgentProfileRow(
        node=record.node,
        boot=record.boot,
        seq=record.seq,
        project=event.project,
        started_us=record.wall_us,
        agent=event.agent,
        name=event.name,
        team=event.team,
        leader=event.leader,
        skills=event.skills,
        groups=event.groups,
        configured=event.configured,
    )


def audit_row(record: Record, event: ev.CommandAudited) -> Row:
    """Return what somebody changed."""
    return AuditEntry(
        node=record.node,
        boot=record.boot,
        seq=record.seq,
        project=PROJECT,
        started_us=record.wall_us,
        changed_by=event.by,
        role=event.role,
        action=event.action,
        subject=event.subject,
        before=event.before,
        after=event.after,
        why=event.why,
    )
