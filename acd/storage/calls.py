"""Interactions with what became of them, one row each."""

from datetime import datetime

import asyncpg
from msgspec import Struct

from acd.reports.calls import CallRow

WRAP_UP_WITHIN = "2 days"
"After-call work begins when the call ends, and calls last hours at most: so far partitions count."

CHOSEN = """
FROM interactions one
WHERE one.started_at >= $1 AND one.started_at < $2
    AND ($3::timestamptz IS NULL OR (one.started_at, one.interaction) > ($3, $4))
    AND ($5 = '' OR one.project = $5)
    AND ($6 = '' OR EXISTS (
        SELECT FROM queue_visits q WHERE q.started_at = one.started_at
            AND q.interaction = one.interaction AND q.queue = $6))
    AND ($7 = '' OR one.agent = $7 OR EXISTS (
        SELECT FROM talk_segments s WHERE s.started_at = one.started_at
            AND s.interaction = one.interaction AND s.agent = $7))
    AND ($8 = '' OR one.caller = $8 OR one.number = $8)
"""

CALLS = f"""
SELECT i.started_at, i.interaction, i.project, i.direction, i.withheld,
    CASE WHEN i.direction = 'outbound' THEN i.number ELSE i.caller END AS customer,
    CASE WHEN i.direction = 'outbound' THEN i.caller ELSE i.called END AS our_number,
    i.flow, i.duration_s, i.ended_by, i.reason, i.detail, i.sip_status,
    coalesce(v.visits, 0) AS visits, coalesce(v.queue, '') AS queue,
    coalesce(v.outcome, CASE
        WHEN i.ended_at IS NULL THEN 'under_way'
        WHEN t.agent IS NOT NULL THEN 'answered'
        ELSE '' END) AS outcome,
    v.waited_s, coalesce(t.agent, i.agent) AS agent, t.talk_s, t.hold_s, w.wrap_up_s,
    coalesce(l.q850_cause, 0) AS q850_cause, coalesce(x.transfers, 0) AS transfers
FROM (
    SELECT * {CHOSEN}
    ORDER BY one.started_at, one.interaction
    OFFSET $9 LIMIT $10
) i
LEFT JOIN LATERAL (
    SELECT count(*) AS visits, sum(q.waited_s) AS waited_s,
        (array_agg(q.queue ORDER BY q.entered_at DESC, q.visit DESC))[1] AS queue,
        (array_agg(q.outcome ORDER BY q.entered_at DESC, q.visit DESC))[1] AS outcome
    FROM queue_visits q
    WHERE q.started_at = i.started_at AND q.interaction = i.interaction
) v ON true
LEFT JOIN LATERAL (
    SELECT sum(s.talk_s) AS talk_s, sum(s.hold_s) AS hold_s,
        (array_agg(s.agent ORDER BY s.began_at DESC))[1] AS agent
    FROM talk_segments s
    WHERE s.started_at = i.started_at AND s.interaction = i.interaction
) t ON true
LEFT JOIN LATERAL (
    SELECT sum(s.duration_s) AS wrap_up_s FROM agent_state_intervals s
    WHERE s.state = 'wrap_up' AND s.interaction = i.interaction
        AND s.started_at >= i.started_at
        AND s.started_at < i.started_at + interval '{WRAP_UP_WITHIN}'
) w ON true
LEFT JOIN LATERAL (
    SELECT g.q850_cause FROM legs g
    WHERE g.started_at = i.started_at AND g.interaction = i.interaction AND g.q850_cause > 0
    ORDER BY g.ended_at DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS transfers FROM transfers f
    WHERE f.started_at = i.started_at AND f.interaction = i.interaction
) x ON true
ORDER BY i.started_at, i.interaction
"""


Place = tuple[datetime, str]
"""Start and interaction: what a line is known by. One interaction may have several, since a
customer who is called back is called under the id of the wish."""


class Selection(Struct, frozen=True, kw_only=True):
    """Which interactions; empty: whichever."""

    project: str = ""
    queue: str = ""
    "It was in this queue."

    agent: str = ""
    "Who talked in it, or placed it."

    number: str = ""
    "The customer's, as the records have it."

    after: Place | None = None
    "The line that the list goes on behind."


class Calls:
    """The interactions begun in [from_at, to_at) that are selected, by their start."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        selection: Selection,
        *,
        from_at: datetime,
        to_at: datetime,
    ) -> None:
        self._connection = connection
        self._selection = selection
        self._from_at = from_at
        self._to_at = to_at

    async def count(self) -> int:
        """Return how many there are."""
        arguments = self._arguments(self._selection.after)
        count: int = await self._connection.fetchval(f"SELECT count(*) {CHOSEN}", *arguments)
        return count

    async def find(
        self, limit: int, *, skipped: int = 0, after: Place | None = None
    ) -> list[CallRow]:
        """Return them: those after `skipped` ones, `limit` at most.

        `after` is `selection.after` unless said otherwise.
        """
        arguments = self._arguments(after or self._selection.after)
        rows = await self._connection.fetch(CALLS, *arguments, skipped, limit)
        return [CallRow(**dict(row)) for row in rows]

    def _arguments(self, after: Place | None) -> tuple[object, ...]:
        one = self._selection
        place = (self._from_at, self._to_at, *(after or (None, "")))
        return (*place, one.project, one.queue, one.agent, one.number)


async def starts_of(connection: asyncpg.Connection, interaction: str) -> list[datetime]:
    """Return when an interaction, and each attempt to call its customer back, began."""
    rows = await connection.fetch(
        "SELECT started_at FROM interactions WHERE interaction = $1 ORDER BY 1", interaction
    )
    return [row["started_at"] for row in rows]
