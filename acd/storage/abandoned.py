"""The list of abandoned callers to call back, from the records."""

from datetime import datetime

import asyncpg

from acd.reports.abandoned import AbandonedCaller

MAX_CALLERS = 10_000
"A day's list that is longer is no list to call from; the first to have given up come first."

QUERY = """
    WITH gone AS (
        SELECT i.caller, v.queue, v.entered_at, v.left_at, v.waited_s, v.interaction
        FROM queue_visits v
        JOIN interactions i ON i.started_at = v.started_at AND i.interaction = v.interaction
        WHERE v.outcome IN ('abandoned', 'short_abandon') AND NOT v.callback
            AND v.entered_at >= $1 AND v.entered_at < $2
            AND ($3::text IS NULL OR v.project = $3)
            AND i.caller ~ '^[+]?[0-9]+$' AND NOT i.withheld
    ), callers AS (
        SELECT caller, queue, count(*) AS calls, min(entered_at) AS first_at,
            max(entered_at) AS last_at, max(left_at) AS gone_at,
            max(waited_s) AS longest_wait_s,
            (array_agg(interaction ORDER BY entered_at DESC))[1] AS interaction
        FROM gone GROUP BY caller, queue
    )
    SELECT c.caller, c.queue, c.calls, c.first_at, c.last_at, c.longest_wait_s, c.interaction,
        coalesce((
            SELECT b.outcome FROM callbacks b
            WHERE b.number = c.caller AND b.started_at >= c.first_at - interval '1 day'
                AND coalesce(b.ended_at, now()) >= c.gone_at
            ORDER BY b.started_at DESC LIMIT 1
        ), '') AS callback
    FROM callers c
    WHERE NOT EXISTS (
        -- The number called again, or was called back, and an agent has talked to it.
        SELECT FROM interactions i
        JOIN queue_visits v ON v.started_at = i.started_at AND v.interaction = i.interaction
        WHERE i.caller = c.caller AND i.direction IN ('inbound', 'callback')
            AND v.outcome = 'answered' AND v.left_at >= c.gone_at
            AND (i.direction = 'inbound' OR i.answered_at IS NOT NULL)
            AND i.started_at >= c.first_at - interval '1 day'
    ) AND NOT EXISTS (
        -- An agent has called the number, and somebody answered.
        SELECT FROM interactions i
        JOIN legs l ON l.started_at = i.started_at AND l.interaction = i.interaction
        WHERE i.number = c.caller AND i.direction = 'outbound'
            AND l.side = 'called' AND l.answered_at >= c.gone_at
            AND i.started_at >= c.first_at - interval '1 day'
    )
    ORDER BY c.first_at
    LIMIT $4
"""


async def abandoned_callers(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    project: str | None = None,
    most: int | None = MAX_CALLERS,
) -> list[AbandonedCaller]:
    """Return who gave up waiting in [from_at, to_at) and was not talked to since.

    `most` None: all of them. Both times carry a zone. Numbers that are none (anonymous) or were
    withheld are left out.
    """
    rows = await connection.fetch(QUERY, from_at, to_at, project, most)
    return [AbandonedCaller(**dict(row)) for row in rows]
