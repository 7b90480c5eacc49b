"""Keeps the orders' days: sums of orders and answered sales calls per day, computed whole.

A day is marked by the turn that computes its quarter-hours (`kpi_rollup.py`), and these by whoever
changes records. Days of which the records are gone stay as they are.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import asyncpg

DAYS_A_TURN = 8
"A tenth of a second of work each where a day has 30,000 calls."

DayBorders = tuple[date, datetime, datetime]
"A day, its begin and its end."

DIMENSIONS = ("agent", "team", "category")
"Beside project and queue; order_days has one of them at a time."

MARK = """
INSERT INTO order_days_dirty (day)
SELECT DISTINCT (at AT TIME ZONE $2)::date FROM unnest($1::timestamptz[]) AS at
"""
"Marks the days of quarter-hours $1 in zone $2."


async def forget(connection: asyncpg.Connection) -> None:
    """Begin anew, in the days of the zone that `kpi_zone` now has."""
    for table in ("order_days", "order_day_values", "order_day_splits", "order_days_dirty"):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("SELECT order_days_mark_all()")


async def due_days(
    connection: asyncpg.Connection, zone: str, settle: timedelta, most: int
) -> list[DayBorders]:
    """Return the oldest days that are marked and over."""
    rows = await connection.fetch(_DUE, settle, most, zone)
    return [(row["day"], row["begin_at"], row["end_at"]) for row in rows]


async def compute(connection: asyncpg.Connection, due: Sequence[DayBorders]) -> None:
    """Compute days, and take the marks away that this transaction has seen."""
    for borders in due:
        if await has_records(connection, "order_events", "order_days", *borders):
            await _day(connection, *borders)
    days = [day for day, _, _ in due]
    await connection.execute("DELETE FROM order_days_dirty WHERE day = ANY($1)", days)


async def has_records(
    connection: asyncpg.Connection,
    records: str,
    sums: str,
    day: date,
    begin: datetime,
    end: datetime,
) -> bool:
    """Return whether the day can be computed without losing what was known of it.

    `records` is a table by months, `sums` the one of the days computed from it.
    """
    last = end - timedelta(microseconds=1)
    parts = sorted({f"{records}_{at.year:04d}{at.month:02d}" for at in (begin, last)})
    there: int = await connection.fetchval(
        "SELECT count(to_regclass(part)) FROM unnest($1::text[]) AS part", parts
    )
    if there == len(parts):
        return True
    # Half of a day on which a month ends: a month before the first record, or one that is gone.
    known: bool = await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM {sums} WHERE day = $1)", day
    )
    return there > 0 and not known


async def _day(connection: asyncpg.Connection, day: date, begin: datetime, end: datetime) -> None:
    for table in ("order_days", "order_day_values", "order_day_splits"):
        await connection.execute(f"DELETE FROM {table} WHERE day = $1", day)
    await connection.execute(_DAY, day, begin, end)


_DUE = """
SELECT day, day::timestamp AT TIME ZONE $3 AS begin_at,
    (day + 1)::timestamp AT TIME ZONE $3 AS end_at
FROM order_days_dirty
WHERE day < (now() AT TIME ZONE $3)::date
    -- While quarter-hours of it are marked it would have to be done again.
    AND day NOT IN (SELECT (quarter_at AT TIME ZONE $3)::date FROM kpi_dirty)
GROUP BY day HAVING min(marked_at) <= now() - $1::interval
ORDER BY day LIMIT $2
"""

_CELLS = """
    LATERAL (VALUES ('', ''), ('agent', p.agent), ('team', p.team), ('category', p.category))
        AS cell (dimension, value)
"""

_DAY = f"""
WITH parts AS MATERIALIZED (
    SELECT * FROM order_day_parts($2, $3)
), split AS MATERIALIZED (
    SELECT interaction FROM parts WHERE interaction <> ''
    GROUP BY interaction
    HAVING count(DISTINCT (project, queue, agent, category)) > 1
), worths AS (
    INSERT INTO order_day_values
    SELECT $1, dimension, project, queue, value, currency, count(*), sum(amount),
        coalesce(sum(amount) FILTER (WHERE state = 'signed'), 0)
    FROM parts p CROSS JOIN {_CELLS} WHERE amount IS NOT NULL
    GROUP BY 2, 3, 4, 5, 6
), splits AS (
    INSERT INTO order_day_splits
    SELECT DISTINCT $1, p.interaction, project, queue, agent, team, category
    FROM parts p JOIN split USING (interaction)
)
INSERT INTO order_days
SELECT $1, dimension, project, queue, value, sum(answered),
    count(DISTINCT p.interaction) FILTER (WHERE p.interaction <> '' AND s.interaction IS NULL),
    count(*) FILTER (WHERE state = 'placed'),
    count(*) FILTER (WHERE state = 'cancelled'),
    count(*) FILTER (WHERE state = 'signed'),
    count(*) FILTER (WHERE state = 'refused'),
    count(*) FILTER (WHERE state = 'returned')
FROM parts p LEFT JOIN split s USING (interaction) CROSS JOIN {_CELLS}
GROUP BY 2, 3, 4, 5
"""
"Computes day $1, which is [$2, $3)."
