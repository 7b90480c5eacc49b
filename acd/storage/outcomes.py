"""What became of answered sales calls, for the measured rank of a server that has just started."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
from msgspec import Struct

HISTORY = timedelta(days=180)
"Six half-lives at the stock setting: what is older weighs under 2 %."

AHEAD = timedelta(days=1)
"Nodes' clocks differ; nothing that is recorded lies further ahead."

CHUNK = 2_000


class SalesOutcome(Struct, frozen=True):
    """One classed call."""

    agent: str
    queue: str
    category: str
    interaction: str
    ordered: bool
    started_s: float
    "UTC seconds."

    amount: int | None
    currency: str


# What a disposition says of an order counts as long as no event of the order says otherwise; a
# call whose orders were all cancelled, refused or sent back was no success in the end.
QUERY = """
    WITH sold AS (
        SELECT o.started_at, o.interaction, o.agent, max(o.queue) AS queue,
            max(o.category) AS category, bool_or(o.state IN ('placed', 'signed')) AS ordered,
            sum(o.amount) FILTER (WHERE o.state IN ('placed', 'signed'))::bigint AS amount,
            min(o.currency) FILTER (WHERE o.amount IS NOT NULL) AS currency,
            max(o.currency) FILTER (WHERE o.amount IS NOT NULL) AS other_currency
        FROM orders_of($1, $2) o
        WHERE o.interaction <> '' AND o.agent <> ''
        GROUP BY 1, 2, 3
    ), known AS (
        SELECT started_at, interaction, agent, d.queue AS said_queue, s.queue AS sold_queue,
            coalesce(nullif(d.category, ''), s.category, '') AS category,
            coalesce(s.ordered, false) AS ordered,
            CASE WHEN s.currency = s.other_currency THEN s.amount END AS amount,
            CASE WHEN s.currency = s.other_currency AND s.amount IS NOT NULL THEN s.currency
                ELSE '' END AS currency
        FROM (
            SELECT * FROM dispositions WHERE started_at >= $1 AND started_at < $2
        ) d
        FULL JOIN sold s USING (started_at, interaction, agent)
    )
    SELECT k.agent, coalesce(k.said_queue, k.sold_queue), k.category, k.interaction, k.ordered,
           extract(epoch FROM k.started_at)::float8,
           k.amount, k.currency
    FROM known k
    WHERE EXISTS (
          SELECT FROM (
              SELECT k.started_at, k.interaction
              UNION ALL
              SELECT x.consult_started_at, x.consult FROM transfers x
              WHERE x.started_at = k.started_at AND x.interaction = k.interaction
                AND x.consult <> '' AND x.outcome = 'completed'
          ) part
          JOIN queue_visits v
            ON v.started_at = part.started_at AND v.interaction = part.interaction
          WHERE v.queue = coalesce(k.said_queue, k.sold_queue) AND v.kind = 'sales'
            AND v.outcome = 'answered')
    ORDER BY k.started_at
"""


async def sales_outcomes(connection: asyncpg.Connection) -> AsyncIterator[list[SalesOutcome]]:
    """Yield the classed calls of sales queues, oldest first, some thousand at a time.

    Calls that have an order count as classed.
    """
    async with connection.transaction():
        now = await connection.fetchval("SELECT now()")
        cursor = await connection.cursor(QUERY, now - HISTORY, now + AHEAD)
        while rows := await cursor.fetch(CHUNK):
            yield [SalesOutcome(*row) for row in rows]


async def outcomes_of_call(
    connection: asyncpg.Connection, interaction: str, started_at: datetime
) -> list[SalesOutcome]:
    """Return what became of one call that began then: an outcome for each agent's part."""
    rows = await connection.fetch(QUERY, started_at, started_at + timedelta(microseconds=1))
    return [one for row in rows if (one := SalesOutcome(*row)).interaction == interaction]
