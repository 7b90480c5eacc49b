"""What ranking gained, out of the tables."""

from datetime import datetime

import asyncpg

from acd.reports.routing import Amounts, Group, RoutingGain, routing_gains

# The calls are looked up once, for counts and amounts together. An interaction is given up after
# a day, so a visit begins within it: only these months are read.
_GAINS = """
    WITH calls AS MATERIALIZED (
        SELECT v.queue, v.started_at, v.interaction, v.ordered, o.agent, o.hold_out, o.ranked_by
        FROM kpi_visits v
        JOIN offers o ON o.started_at = v.started_at AND o.interaction = v.interaction
            AND o.visit = v.visit AND o.outcome = 'answered'
            AND o.started_at > $1::timestamptz - interval '2 days' AND o.started_at < $2
        WHERE v.entered_at >= $1 AND v.entered_at < $2
            AND v.started_at > $1::timestamptz - interval '2 days' AND v.started_at < $2
            AND v.kind = 'sales' AND v.outcome = 'answered'
            AND ($3::text IS NULL OR v.project = $3)
    )
    SELECT queue, hold_out, NULL AS currency, count(*) AS calls,
        count(*) FILTER (WHERE ordered) AS orders,
        count(*) FILTER (WHERE ranked_by = 'unmeasured') AS unmeasured,
        count(*) FILTER (WHERE NOT ordered AND NOT EXISTS (
            SELECT FROM dispositions d
            WHERE d.started_at = calls.started_at AND d.interaction = calls.interaction
                AND d.agent = calls.agent)) AS pending,
        NULL::float8 AS amount, NULL::float8 AS squares
    FROM calls GROUP BY queue, hold_out
    UNION ALL
    SELECT calls.queue, calls.hold_out, d.currency, count(*), count(*), 0, 0,
        sum(d.amount)::float8, sum(d.amount::float8 ^ 2)
    FROM calls
    JOIN dispositions d ON d.started_at = calls.started_at AND d.interaction = calls.interaction
        AND d.agent = calls.agent AND d.queue IN ('', calls.queue)
    WHERE calls.ordered AND d.ordered AND d.amount IS NOT NULL
    GROUP BY calls.queue, calls.hold_out, d.currency
"""
"""Answered calls of sales queues, by how they were routed; then the amounts of their orders, with
their currency."""


async def gains(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    project: str | None = None,
) -> list[RoutingGain]:
    """Return the gain of the calls that entered in [from_at, to_at), by queue name."""
    rows = await connection.fetch(_GAINS, from_at, to_at, project)
    return routing_gains(
        [
            Group(
                queue=row["queue"],
                hold_out=row["hold_out"],
                answered=row["calls"],
                orders=row["orders"],
                unmeasured=row["unmeasured"],
                pending=row["pending"],
            )
            for row in rows
            if row["currency"] is None
        ],
        [
            Amounts(
                queue=row["queue"],
                hold_out=row["hold_out"],
                currency=row["currency"],
                orders=row["orders"],
                amount=row["amount"],
                squares=row["squares"],
            )
            for row in rows
            if row["currency"] is not None
        ],
    )
