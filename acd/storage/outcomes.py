"""What became of answered sales calls, for the measured rank of a server that has just started."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
from msgspec import Struct

HISTORY = timedelta(days=180)
"Six half-lives at the stock setting: what is older weighs under 2 %."

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


async def sales_outcomes(connection: asyncpg.Connection) -> AsyncIterator[list[SalesOutcome]]:
    """Yield the classed calls of sales queues, oldest first, some thousand at a time."""
    query = """
        SELECT d.agent, d.queue, d.category, d.interaction, d.ordered,
               extract(epoch FROM d.started_at)::float8,
               d.amount, d.currency
        FROM dispositions d
        WHERE d.started_at > now() - $1::interval
          AND EXISTS (
              SELECT FROM (
                  SELECT d.started_at, d.interaction
                  UNION ALL
                  SELECT x.consult_started_at, x.consult FROM transfers x
                  WHERE x.started_at = d.started_at AND x.interaction = d.interaction
                    AND x.consult <> '' AND x.outcome = 'completed'
              ) part
              JOIN queue_visits v
                ON v.started_at = part.started_at AND v.interaction = part.interaction
              WHERE v.queue = d.queue AND v.kind = 'sales' AND v.outcome = 'answered')
        ORDER BY d.started_at
    """
    async with connection.transaction():
        cursor = await connection.cursor(query, HISTORY)
        while rows := await cursor.fetch(CHUNK):
            yield [SalesOutcome(*row) for row in rows]
