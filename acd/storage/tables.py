"""Which table a row of the CDR goes into, under which key, with which values."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from acd.calls import cdr_rows as cdr

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LAST_YEAR = 2200
"A clock beyond it is wrong; partitions are not made for it."

RECENT_TIMES = 4096
"""Wall times whose conversion is kept: those of a batch at 500 calls/s. An interaction's start
stands in all its rows, and what was journalled together has one time."""

Values = tuple[Any, ...]
"A row as the database driver takes it; the key's columns first."


class Table(Struct, frozen=True):
    """One table: its name, its columns in the order of `values`, the first of them the key."""

    name: str
    key_columns: int
    columns: tuple[str, ...]
    values: Callable[[Any], Values]

    written_once: bool = False
    """Each row comes when it is complete, and never again: it goes into the table directly. Should
    it stand there all the same, the batch is written a second time, with care."""

    @property
    def upsert(self) -> str:
        """Move the staged rows over; a complete row replaces the one that was still open."""
        columns = ", ".join(self.columns)
        key = ", ".join(self.columns[: self.key_columns])
        rest = self.columns[self.key_columns :]
        changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in rest)
        return (
            f"INSERT INTO {self.name} ({columns}) SELECT {columns} FROM stage_{self.name}"
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )

    @property
    def stage(self) -> str:
        """Make the staging table, which is emptied at the end of each transaction."""
        return f"CREATE TEMP TABLE stage_{self.name} (LIKE {self.name}) ON COMMIT DELETE ROWS"


@lru_cache(RECENT_TIMES)
def at(wall_us: int) -> datetime:
    """Return a wall time as the driver takes it."""
    return EPOCH + timedelta(microseconds=wall_us)


@lru_cache(RECENT_TIMES)
def at_or_none(wall_us: int | None) -> datetime | None:
    """Return a wall time as the driver takes it; None stays."""
    return None if wall_us is None else at(wall_us)


@lru_cache(RECENT_TIMES)
def month_of(wall_us: int) -> tuple[int, int]:
    """Return year and month (UTC) of a wall time: the partition. Raises ValueError."""
    moment = at(wall_us)
    if moment.year >= LAST_YEAR:
        raise ValueError(f"{moment} is no time of a call: set the clock")
    return moment.year, moment.month


def _interaction(row: cdr.Interaction) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.project,
        row.node,
        row.boot,
        row.direction,
        row.agent,
        row.number,
        row.caller,
        row.caller_name,
        row.called,
        row.account,
        row.peer,
        row.sip_call_id,
        row.flow,
        at_or_none(row.answered_us),
        at_or_none(row.ended_us),
        row.duration_s,
        row.ended_by,
        row.reason,
        row.sip_status,
        row.detail,
        row.withheld,
        row.customer_key,
    )


def _leg(row: cdr.Leg) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.side,
        row.agent,
        row.trunk,
        row.number,
        row.sip_call_id,
        at(row.began_us),
        at_or_none(row.answered_us),
        at_or_none(row.ended_us),
        row.duration_s,
        row.ended_by,
        row.reason,
        row.sip_status,
    )


def _visit(row: cdr.QueueVisit) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.visit,
        row.project,
        row.queue,
        row.kind,
        row.priority,
        row.category,
        at(row.entered_us),
        at_or_none(row.left_us),
        row.outcome,
        row.waited_s,
        row.waited_before_s,
        row.short_abandon_s,
        row.service_level_s,
        row.agent,
        row.callback,
    )


def _callback(row: cdr.Callback) -> Values:
    return (
        at(row.started_us),
        row.callback,
        row.project,
        row.queue,
        row.number,
        at(row.first_enqueued_us),
        row.attempts,
        at_or_none(row.last_attempt_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.agent,
        row.by,
    )


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


def _offer(row: cdr.Offer) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.offer,
        row.project,
        row.visit,
        row.queue,
        row.agent,
        row.leg,
        at(row.offered_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.sip_status,
        row.ring_s,
        row.layer,
        row.ranked_by,
        row.waited_s,
        msgspec.json.encode(row.candidates).decode(),
        row.candidates_total,
        row.hold_out,
        row.spared,
        row.overtook_s,
    )


def _flow_step(row: cdr.FlowStep) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.step,
        row.project,
        at(row.at_us),
        row.flow,
        row.version,
        row.node,
        row.outcome,
        row.note,
    )


def _talk(row: cdr.TalkSegment) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.visit,
        row.queue,
        row.agent,
        at(row.began_us),
        at_or_none(row.ended_us),
        row.talk_s,
        row.hold_s,
    )


def _transfer(row: cdr.Transfer) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.transfer,
        row.project,
        row.agent,
        row.kind,
        row.target,
        row.consult,
        at_or_none(row.consult_started_us),
        at(row.requested_us),
        at_or_none(row.ended_us),
        row.outcome,
        row.sip_status,
        row.queue,
        row.to_agent,
        row.returned_to,
    )


def _disposition(row: cdr.Disposition) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.agent,
        row.project,
        at(row.entered_us),
        row.queue,
        row.call_class,
        row.category,
        row.order_id,
        row.ordered,
        row.solved,
        row.amount,
        row.currency,
    )


def _stream(row: cdr.StreamQuality) -> Values:
    return (
        at(row.started_us),
        row.interaction,
        row.leg,
        row.project,
        row.packets_received,
        row.packets_sent,
        row.packets_lost,
        row.packets_late,
        row.packets_foreign,
        row.jitter_ms,
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


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TABLES: dict[type[cdr.Row], Table] = {
    cdr.Interaction: Table(
        "interactions",
        2,
        _columns(
            "started_at interaction project node boot direction agent number caller"
            " caller_name called account peer sip_call_id flow answered_at ended_at duration_s"
            " ended_by reason sip_status detail withheld customer_key"
        ),
        _interaction,
    ),
    cdr.Leg: Table(
        "legs",
        3,
        _columns(
            "started_at interaction leg project side agent trunk number sip_call_id began_at"
            " answered_at ended_at duration_s ended_by reason sip_status"
        ),
        _leg,
        written_once=True,
    ),
    cdr.QueueVisit: Table(
        "queue_visits",
        3,
        _columns(
            "started_at interaction visit project queue kind priority category entered_at left_at"
            " outcome waited_s waited_before_s short_abandon_s service_level_s agent callback"
        ),
        _visit,
    ),
    cdr.Offer: Table(
        "offers",
        3,
        _columns(
            "started_at interaction offer project visit queue agent leg offered_at ended_at"
            " outcome sip_status ring_s layer ranked_by waited_s candidates candidates_total"
            " hold_out spared overtook_s"
        ),
        _offer,
        written_once=True,
    ),
    cdr.FlowStep: Table(
        "flow_steps",
        3,
        _columns("started_at interaction step project at flow version node outcome note"),
        _flow_step,
        written_once=True,
    ),
    cdr.TalkSegment: Table(
        "talk_segments",
        3,
        _columns(
            "started_at interaction leg project visit queue agent began_at ended_at talk_s hold_s"
        ),
        _talk,
        written_once=True,
    ),
    cdr.Transfer: Table(
        "transfers",
        3,
        _columns(
            "started_at interaction transfer project agent kind target consult"
            " consult_started_at requested_at ended_at outcome sip_status queue to_agent"
            " returned_to"
        ),
        _transfer,
    ),
    cdr.Callback: Table(
        "callbacks",
        2,
        _columns(
            "started_at callback project queue number first_enqueued_at attempts last_attempt_at"
            " ended_at outcome agent cancelled_by"
        ),
        _callback,
    ),
    cdr.Closure: Table(
        "closures",
        4,
        _columns("started_at node boot seq project queue closed reason changed_by"),
        _closure,
    ),
    cdr.Disposition: Table(
        "dispositions",
        3,
        _columns(
            "started_at interaction agent project entered_at queue call_class category order_id"
            " ordered solved amount currency"
        ),
        _disposition,
    ),
    cdr.StreamQuality: Table(
        "streams",
        3,
        _columns(
            "started_at interaction leg project packets_received packets_sent packets_lost"
            " packets_late packets_foreign jitter_ms"
        ),
        _stream,
        written_once=True,
    ),
    cdr.AgentStatusInterval: Table(
        "agent_status_intervals",
        4,
        _columns(
            "started_at node boot seq project agent status reason changed_by started_mono_s"
            " ended_at duration_s closed_by"
        ),
        _status_interval,
    ),
    cdr.AgentStateInterval: Table(
        "agent_state_intervals",
        4,
        _columns(
            "started_at node boot seq project agent state queue interaction started_mono_s"
            " ended_at duration_s closed_by"
        ),
        _state_interval,
    ),
    cdr.AgentProfileRow: Table(
        "agent_profiles",
        4,
        _columns(
            "started_at node boot seq project agent name team leader skills groups configured"
        ),
        _profile,
    ),
    cdr.AuditEntry: Table(
        "audit",
        4,
        _columns(
            "started_at node boot seq project changed_by role action subject value_before"
            " value_after why"
        ),
        _audit_entry,
    ),
}
