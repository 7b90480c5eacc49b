"""The status track of agents over a time, for what a shift plan is held against."""

from datetime import datetime, timedelta

import asyncpg

from acd.reports.adherence import StatusSpan
from acd.reports.request import microseconds

LONGEST = timedelta(days=31)
"""A status that began longer before is not looked for: nobody is ready or away for a month, and
partitions of all time would be read."""

_SPANS = """
    SELECT agent, started_at, ended_at, status, reason
    FROM agent_status_intervals
    WHERE started_at >= $1 AND started_at < $2 AND (ended_at IS NULL OR ended_at > $3)
        AND status IN ('ready', 'away')
    ORDER BY agent, started_at, seq
"""


async def status_spans(
    connection: asyncpg.Connection, *, from_at: datetime, to_at: datetime, now_at: datetime
) -> list[StatusSpan]:
    """Return the stretches in which agents were ready or away that reach into [from_at, to_at).

    What lasts ends at `now_at`.
    """
    rows = await connection.fetch(_SPANS, from_at - LONGEST, to_at, from_at)
    return [
        StatusSpan(
            agent=row["agent"],
            begin_us=microseconds(row["started_at"]),
            end_us=microseconds(row["ended_at"] or now_at),
            status=row["status"],
            reason=row["reason"],
        )
        for row in rows
    ]
