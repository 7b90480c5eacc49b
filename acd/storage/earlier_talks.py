"""Which agents talked to which callers before the start, for agents to be preferred."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
from msgspec import Struct

CHUNK = 2_000


class EarlierTalk(Struct, frozen=True):
    """One talk out of a queue, with a caller who may be told."""

    caller: str
    agent: str
    interaction: str
    began_s: float
    "UTC seconds."

    solved: bool | None
    "What the interaction's disposition says, if this agent entered it; None: nothing."


QUERY = """
    SELECT newest.* FROM (
        SELECT i.caller, t.agent, t.interaction,
               extract(epoch FROM t.began_at)::float8 AS began_s, d.solved
        FROM talk_segments t
        JOIN interactions i ON i.started_at = t.started_at AND i.interaction = t.interaction
        LEFT JOIN dispositions d ON d.started_at = t.started_at
            AND d.interaction = t.interaction AND d.agent = t.agent
        WHERE t.started_at > now() - $1::interval - interval '1 day'
          AND t.began_at > now() - $1::interval
          AND t.visit <> '' AND i.caller <> '' AND NOT i.withheld
          AND i.direction IN ('inbound', 'callback')
        ORDER BY t.began_at DESC
        LIMIT $2
    ) newest
    ORDER BY newest.began_s
"""


async def earlier_talks(
    connection: asyncpg.Connection, *, within_s: float, most: int
) -> AsyncIterator[list[EarlierTalk]]:
    """Yield the newest `most` talks of the last `within_s` seconds, oldest first, in chunks."""
    async with connection.transaction():
        cursor = await connection.cursor(QUERY, timedelta(seconds=within_s), most)
        while rows := await cursor.fetch(CHUNK):
            yield [EarlierTalk(*row) for row in rows]
