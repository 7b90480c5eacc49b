"""Keeps the sums of contacts per day (`repeat_days`), for a repeat call within 7 days.

A day is summed up when its 7 days are over, since until then each contact that comes may change
it; whole, and again when one of its contacts has changed (`repeat_contacts.py` marks it).
"""

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from acd.reports.repeat import DAYS

from .order_days import DayBorders, has_records

DAYS_A_TURN = 16
"A tenth of a second of work each where a day has 20,000 contacts."

DIMENSIONS = ("agent", "team", "category", "class")
"Beside project and queue; repeat_days has one of them at a time."

AFTER = timedelta(days=DAYS)
"So long after its end a day is looked at."


async def forget(connection: asyncpg.Connection) -> None:
    """Begin anew, in the days of the zone that `kpi_zone` now has."""
    for table in ("repeat_days", "repeat_days_dirty"):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("SELECT repeat_days_mark_all()")


async def due_days(
    connection: asyncpg.Connection, zone: str, settle: timedelta, most: int
) -> list[DayBorders]:
    """Return the oldest days that are marked and due."""
    rows = await connection.fetch(_DUE, settle, most, zone, AFTER)
    return [(row["day"], row["begin_at"], row["end_at"]) for row in rows]


async def compute(connection: asyncpg.Connection, due: Sequence[DayBorders]) -> None:
    """Compute days, and take the marks away that this transaction has seen."""
    for day, begin, end in due:
        if await has_records(connection, "repeat_contacts", "repeat_days", day, begin, end):
            await connection.execute("DELETE FROM repeat_days WHERE day = $1", day)
            await connection.execute(_DAY, day, begin, end, AFTER)
    days = [day for day, _, _ in due]
    await connection.execute("DELETE FROM repeat_days_dirty WHERE day = ANY($1)", days)


BLOCKED_DAYS = DAYS + 1
"A day of one zone and 7 times 24 hours reach into so many days before and after it."

# While contacts within reach are marked it would have to be done again.
BLOCKED = """
SELECT marked.day + away FROM generate_series(-{0}, {0}) AS away, (
    SELECT DISTINCT (quarter_at AT TIME ZONE {1})::date AS day FROM repeat_contacts_dirty
) marked
"""

_DUE = f"""
SELECT day, day::timestamp AT TIME ZONE $3 AS begin_at,
    (day + 1)::timestamp AT TIME ZONE $3 AS end_at
FROM repeat_days_dirty
WHERE (day + 1)::timestamp AT TIME ZONE $3 + $4::interval <= now()
    AND day NOT IN ({BLOCKED.format(BLOCKED_DAYS, "$3")})
GROUP BY day HAVING min(marked_at) <= now() - $1::interval
ORDER BY day LIMIT $2
"""

_DAY = """
INSERT INTO repeat_days
SELECT $1, dimension, project, queue, value, count(*), count(*) FILTER (WHERE repeated),
    count(*) FILTER (WHERE NOT repeated AND solved),
    count(*) FILTER (WHERE NOT repeated AND solved AND NOT again)
FROM (
    SELECT c.*, coalesce(span.team, '') AS team,
        coalesce(c.former_at >= c.started_at - $4::interval, false) AS repeated,
        coalesce(c.next_at <= c.started_at + $4::interval, false) AS again
    FROM repeat_contacts c
    LEFT JOIN agent_team_spans span ON span.agent = c.agent
        AND span.from_at <= c.started_at AND span.to_at > c.started_at
    WHERE c.started_at >= $2 AND c.started_at < $3
) c CROSS JOIN LATERAL (VALUES
    ('', ''), ('agent', c.agent), ('team', c.team), ('category', c.category),
    ('class', c.call_class)
) AS cell (dimension, value)
GROUP BY 2, 3, 4, 5
"""
"Computes day $1, which is [$2, $3)."
