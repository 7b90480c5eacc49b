"""Tables of the house: agents, closures, audit. A row's key is that of its journal record."""

import msgspec

from acd.calls import cdr_rows as cdr

from .table import Table, Values, at, at_or_none, columns


def _closure(row: cdr.Closure) -> Values:
    return (
        at(row.started_us),
        row.node,
        row.boot,
        row.seq,
        row.project,
        row.queue,
        row.closed,
        row.reason,
        row.changed_by,
    )


def _status_interval(row: cdr.AgentStatusInterval) -> Values:
    return (
        at(row.began_us),
        row.node,
        row.boot,
        row.seq,
        row.project,
        row.agent,
        row.status,
        row.reason,
        row.changed_by,
        row.began_mono_s,
        at_or_none(row.ended_us),
        row.duration_s,
        row.closed_by,
    )


def _state_interval(row: cdr.AgentStateInterval) -> Values:
    return (
        at(row.began_us),
        row.node,
        row.boot,
        row.seq,
        row.project,
        row.agent,
        row.state,
        row.queue,
        row.interaction,
        row.began_mono_s,
        at_or_none(row.ended_us),
        row.duration_s,
        row.closed_by,
    )


def _profile(row: cdr.AgentProfileRow) -> Values:
    return (
        at(row.started_us),
        row.node,
        row.boot,
        row.seq,
        row.project,
        row.agent,
        row.name,
        row.team,
        row.leader,
        msgspec.json.encode(row.skills).decode(),
        list(row.groups),
        row.configured,
    )


def _audit_entry(row: cdr.AuditEntry) -> Values:
    return (
        at(row.started_us),
        row.node,
        row.boot,
        row.seq,
        row.project,
        row.changed_by,
        row.role,
        row.action,
        row.subject,
        row.before,
        row.after,
        row.why,
    )


HOUSE_TABLES: dict[type[cdr.Row], Table] = {
    cdr.Closure: Table(
        "closures",
        4,
        columns("started_at node boot seq project queue closed reason changed_by"),
        _closure,
    ),
    cdr.AgentStatusInterval: Table(
        "agent_status_intervals",
        4,
        columns(
            "started_at node boot seq project agent status reason changed_by started_mono_s"
            " ended_at duration_s closed_by"
        ),
        _status_interval,
    ),
    cdr.AgentStateInterval: Table(
        "agent_state_intervals",
        4,
        columns(
            "started_at node boot seq project agent state queue interaction started_mono_s"
            " ended_at duration_s closed_by"
        ),
        _state_interval,
    ),
    cdr.AgentProfileRow: Table(
        "agent_profiles",
        4,
        columns(
            "started_at node boot seq project agent name team leader skills groups configured"
        ),
        _profile,
    ),
    cdr.AuditEntry: Table(
        "audit",
        4,
        columns(
            "started_at node boot seq project changed_by role action subject value_before"
            " value_after why"
        ),
        _audit_entry,
    ),
}
