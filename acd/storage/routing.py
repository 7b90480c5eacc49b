"""What ranking gained, out of the tables."""

from datetime import datetime

import asyncpg

from acd.reports.routing import Amounts, Group, RoutingGain, routing_gains

# An interaction is given up after a day, so a visit begins within it: only these months are read.
_CALLS = """
    WITH calls AS (
        SELECT v.queue, v.started_at, v.interaction, v.ordered, o.agent, o.hold_out, o.ranked_by
        FROM kpi_visits v
        JOIN offers o ON o.started_at = v.started_at AND o.interaction = v.interaction
            AND o.visit = v.visit AND o.outcome = 'answered'
            AND o.started_at > $1::timestamptz - interval '2 days' AND o.started_at < $2
        WHERE v.entered_at >= $1 AND v.entered_at < $2
            AND v.kind = 'sales' AND v.outcome = 'answered'
            AND ($3::text IS NULL OR v.project = $3)
    )
"""
"Answered calls of sales queues, with how they were routed and who took them."

_GROUPS = (
    _CALLS
    + """
    SELECT queue, hold_out, count(*) AS answered, count(*) FILTER (WHERE ordered) AS orders,
        count(*) FILTER (WHERE ranked_by = 'unmeasured') AS unmeasured,
        count(*) FILTER (WHERE NOT ordered AND NOT EXISTS (
            SELECT FROM dispositions d
            WHERE d.started_at = calls.started_at AND d.interaction = calls.interaction
                AND d.agent = calls.agent)) AS pending
    FROM calls GROUP BY queue, hold_out
"""
)

_AMOUNTS = (
    _CALLS
    + """
    SELECT calls.queue, calls.hold_out, d.currency, count(*) AS orders,
        sum(d.amount)::float8 AS amount, sum(d.amount::float8 ^ 2) AS squares
    FROM calls
    JOIN dispositions d ON d.started_at = calls.started_at AND d.interaction = calls.interaction
        AND d.agent = calls.agent AND d.queue IN ('', calls.queue)
    WHERE calls.ordered AND d.ordered AND d.amount IS NOT NULL
    GROUP BY calls.queue, calls.hold_out, d.currency
"""
)


async def gains(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    project: str | None = None,
) -> list[RoutingGain]:
    """Return the gain of the calls that entered in [from_at, to_at), by queue name."""
    groups = await connection.fetch(_GROUPS, from_at, to_at, project)
    amounts = await connection.fetch(_AMOUNTS, from_at, to_at, project)
    return routing_gains(
        [Group(**dict(row)) for row in groups], [Amounts(**dict(row)) for row in amounts]
    )
