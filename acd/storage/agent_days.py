"""Sums up agents' days in the background, so that no report has to wait for a year of them.

A report sums up what it wants and what is not there yet by itself (`agent_sums.py`): first of all
after an update, after a change of the zone, and where something late has changed a day.
"""

from zoneinfo import ZoneInfo

import asyncpg

from acd.reports.days import day_borders

DAYS_A_TURN = 8
"Of 500 agents a tenth of a second each, in which the shipper does not compute quarter-hours."


async def sum_days(connection: asyncpg.Connection, zone: str) -> int:
    """Sum up the latest days that are over and not summed up, each by itself; return how many."""
    rows = await connection.fetch(_MISSING, zone, DAYS_A_TURN)
    for row in rows:
        borders = day_borders(row["day"], ZoneInfo(zone))
        await connection.execute(
            "SELECT sum_agent_day($1, $2, $3, $4)", zone, row["day"], *borders
        )
    return len(rows)


# Quarter-hours that are noted come first: they would take the day's sums away again.
_MISSING = """
SELECT at::date AS day
FROM (
    SELECT (min(quarter_at) AT TIME ZONE $1)::date AS first,
        least((max(quarter_at) AT TIME ZONE $1)::date, (now() AT TIME ZONE $1)::date - 1) AS last
    FROM agent_quarters
) known, generate_series(first::timestamp, last::timestamp, '1 day') AS at
WHERE NOT EXISTS (SELECT FROM agent_days_current c WHERE c.zone = $1 AND c.day = at::date)
    AND NOT EXISTS (
        SELECT FROM agent_quarters_dirty d
        WHERE d.quarter_at >= at AT TIME ZONE $1
            AND d.quarter_at < (at + interval '1 day') AT TIME ZONE $1
    )
ORDER BY 1 DESC LIMIT $2
"""
