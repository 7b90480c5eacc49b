"""What has to hold in the tables by themselves, wherever their rows come from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
from msgspec import Struct

from acd.calls.cdr_rows import AgentStateInterval, AgentStatusInterval, Interval
from acd.reports.agent_tracks import TrackFault, track_faults
from acd.routing.events import LeaveReason

from .table import EPOCH

SHOWN = 20

OUTCOMES = (*(reason.value for reason in LeaveReason), "short_abandon", "waiting")
"All that a visit can come to: the parts that add up to offered."


class Rule(Struct, frozen=True):
    """A rule, and the query for what breaks it since a moment ($1)."""

    name: str
    query: str


class Broken(Struct, frozen=True):
    """Where a rule does not hold."""

    rule: str
    count: int
    examples: tuple[str, ...]


RULES: Sequence[Rule] = (
    Rule(
        "an interaction has one record",
        """SELECT interaction AS what FROM interactions
        WHERE started_at >= $1 AND direction <> 'callback'
        GROUP BY interaction HAVING count(*) > 1""",
    ),
    Rule(
        "an interaction has ended within a day",
        """SELECT interaction AS what FROM interactions
        WHERE started_at >= $1 AND ended_at IS NULL AND started_at < now() - interval '2 days'""",
    ),
    Rule(
        "a part belongs to an interaction",
        """SELECT part.what FROM (
            SELECT started_at, interaction, 'leg ' || leg AS what FROM legs
            UNION ALL SELECT started_at, interaction, 'visit ' || visit FROM queue_visits
            UNION ALL SELECT started_at, interaction, 'offer ' || offer FROM offers
            UNION ALL SELECT started_at, interaction, 'talk ' || leg FROM talk_segments
        ) part
        WHERE part.started_at >= $1 AND part.started_at < now() - interval '2 days'
            AND NOT EXISTS (SELECT FROM interactions i WHERE i.started_at = part.started_at
                AND i.interaction = part.interaction)""",
    ),
    Rule(
        "the parts add up to offered: a visit has one known outcome",
        f"""SELECT visit || ': ' || outcome AS what FROM queue_visits
        WHERE started_at >= $1 AND NOT (outcome IN {OUTCOMES!r})""",
    ),
    Rule(
        "nobody waits in an interaction that has ended",
        """SELECT v.visit AS what FROM queue_visits v JOIN interactions i
            ON i.started_at = v.started_at AND i.interaction = v.interaction
        WHERE v.started_at >= $1 AND v.outcome = 'waiting' AND i.ended_at IS NOT NULL""",
    ),
    Rule(
        "an answered visit has the agent who took it",
        """SELECT visit AS what FROM queue_visits
        WHERE started_at >= $1 AND outcome = 'answered' AND agent = ''""",
    ),
    Rule(
        "the holds of a talk add up",
        """SELECT t.leg AS what FROM talk_segments t JOIN (
            SELECT started_at, interaction, leg, sum(duration_s) AS held_s FROM hold_segments
            WHERE started_at >= $1 GROUP BY 1, 2, 3
        ) h ON h.started_at = t.started_at AND h.interaction = t.interaction AND h.leg = t.leg
        WHERE t.started_at >= $1 AND abs(h.held_s - t.hold_s) > 0.001""",
    ),
)


async def broken_rules(connection: asyncpg.Connection, since: datetime) -> list[Broken]:
    """Return the rules that do not hold for what began since a moment (with its zone)."""
    found = []
    for rule in RULES:
        counted = f"SELECT what, count(*) OVER () AS total FROM ({rule.query}) one LIMIT {SHOWN}"
        rows = await connection.fetch(counted, since)
        if rows:
            examples = tuple(row["what"] for row in rows)
            found.append(Broken(rule.name, rows[0]["total"], examples))
    faults = await interval_faults(connection, since)
    if faults:
        words = tuple(_words(fault) for fault in faults[:SHOWN])
        found.append(Broken("an agent's intervals have no gap and no overlap", len(faults), words))
    return found


async def interval_faults(connection: asyncpg.Connection, since: datetime) -> list[TrackFault]:
    """Return where agents' tracks have gaps or overlaps, of the intervals begun since then."""
    statuses = await connection.fetch(_STATUSES, since)
    states = await connection.fetch(_STATES, since)
    intervals: list[Interval] = [AgentStatusInterval(**_fields(row)) for row in statuses]
    intervals += [AgentStateInterval(**_fields(row)) for row in states]
    return track_faults(intervals)


_COMMON = (
    "node, boot, seq, project, agent, started_at, started_mono_s, ended_at, duration_s, closed_by"
)
_STATUSES = (
    f"SELECT {_COMMON}, status, reason, changed_by FROM agent_status_intervals"
    " WHERE started_at >= $1"
)
_STATES = (
    f"SELECT {_COMMON}, state, queue, interaction FROM agent_state_intervals"
    " WHERE started_at >= $1"
)


def _fields(row: asyncpg.Record) -> dict[str, Any]:
    fields = dict(row)
    fields["began_us"] = _us(fields.pop("started_at"))
    fields["began_mono_s"] = fields.pop("started_mono_s")
    ended_at = fields.pop("ended_at")
    fields["ended_us"] = None if ended_at is None else _us(ended_at)
    return fields


def _us(moment: datetime) -> int:
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _words(fault: TrackFault) -> str:
    return (
        f"agent {fault.agent}, {fault.track}, record {fault.seq} of boot {fault.boot}:"
        f" {fault.fault} of {fault.seconds:g} s"
    )
