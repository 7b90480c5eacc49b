"""What happened today before this start of the server, for the live figures."""

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg

from acd.reports.live_day import Earlier, EndedVisit
from acd.reports.request import microseconds

VISITS = """
    SELECT v.visit, v.interaction, v.queue, v.kind, v.outcome, coalesce(v.waited_s, 0) AS waited_s,
        v.service_level_s, v.agent, v.callback,
        coalesce(t.talk_s, 0) AS talk_s, coalesce(t.hold_s, 0) AS hold_s
    FROM queue_visits v
    JOIN interactions i USING (started_at, interaction)
    LEFT JOIN (
        SELECT visit, sum(talk_s) AS talk_s, sum(hold_s) AS hold_s FROM talk_segments
        WHERE started_at > $1::timestamptz - interval '2 days' AND visit <> '' GROUP BY visit
    ) t ON t.visit = v.visit
    WHERE v.entered_at >= $1 AND v.entered_at < $2
        AND v.started_at > $1::timestamptz - interval '2 days'
        AND v.outcome <> 'waiting' AND i.node = $3 AND i.boot <> $4
    ORDER BY v.entered_at, v.visit
"""
"An interaction is given up after a day: what belongs to today's visits began since yesterday."

WRAP_UPS = """
    SELECT interaction, queue, agent, sum(duration_s) FROM agent_state_intervals
    WHERE started_at >= $1 AND state = 'wrap_up' AND queue <> '' AND duration_s IS NOT NULL
        AND node = $2 AND boot <> $3
    GROUP BY 1, 2, 3
"""

DISPOSITIONS = """
    SELECT interaction, agent, queue, ordered FROM dispositions
    WHERE started_at > $1::timestamptz - interval '2 days' AND entered_at >= $1
"""

ORDERS = """
    SELECT interaction, agent, queue FROM order_events
    WHERE started_at > $1::timestamptz - interval '2 days' AND entered_at >= $1
        AND interaction <> '' AND agent <> ''
    ORDER BY entered_at, order_id COLLATE "C", key COLLATE "C"
"""

CONSULTS = """
    SELECT interaction, consult FROM transfers
    WHERE started_at > $1::timestamptz - interval '2 days'
        AND consult <> '' AND outcome = 'completed'
    ORDER BY requested_at
"""


async def earlier_today(
    connection: asyncpg.Connection, *, from_at: datetime, to_at: datetime, node: str, boot: str
) -> AsyncIterator[list[Earlier]]:
    """Yield what earlier boots of this node recorded of the day [from_at, to_at), all at once."""
    visits = await connection.fetch(VISITS, from_at, to_at, node, boot)
    wrap_ups = await connection.fetch(WRAP_UPS, from_at, node, boot)
    dispositions = await connection.fetch(DISPOSITIONS, from_at)
    orders = await connection.fetch(ORDERS, from_at)
    consults = await connection.fetch(CONSULTS, from_at)
    yield [
        Earlier(
            begin_us=microseconds(from_at),
            visits=[EndedVisit(**dict(row)) for row in visits],
            wrap_ups=[tuple(row) for row in wrap_ups],
            dispositions=[tuple(row) for row in dispositions],
            orders=[tuple(row) for row in orders],
            consults=[tuple(row) for row in consults],
        )
    ]
