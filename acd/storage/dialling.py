"""Loss in dialling out of the records: the attempts to call customers back, summed up.

The definitions are those of `acd.reports.dialling`; a test holds the two together. Attempts are
found by an index of their own, and what belongs to each by its key: call-backs are one contact in
a hundred, and no report should read the other ninety-nine. Months are asked for one by one: a
statement for all of a year would look for the partition of each attempt anew.
"""

from datetime import UTC, timedelta

import asyncpg
from msgspec.structs import replace

from acd.reports.cut import Place
from acd.reports.dialling import COUNTED, TAKEN_WITHIN_S, Dialling

from .cuts import Cutting
from .kpi_cells import one_moment
from .kpi_rollup import months

LONGEST_WISH = timedelta(days=8)
"A wish expires after 7 days at most (`expires_s` in acd/config/waiting.py), and one for clocks."

_DIALLED = """
    SELECT i.started_at, i.project, coalesce(b.queue, '') AS queue,
        CASE WHEN i.ended_at IS NOT NULL AND i.answered_at IS NOT NULL THEN v.wait_s END AS wait_s,
        CASE
            WHEN i.ended_at IS NULL THEN 'under_way'
            WHEN i.answered_at IS NOT NULL THEN CASE
                WHEN v.wait_s IS NULL THEN 'never_taken'
                WHEN v.wait_s <= $5::float8 THEN 'taken_in_time'
                ELSE 'taken_late' END
            WHEN NOT v.taken THEN 'without_agent'
            WHEN i.ended_by = 'agent' THEN 'given_up'
            WHEN i.reason IN ('busy', 'no_answer', 'rejected') THEN i.reason
            ELSE 'failed' END AS outcome
    FROM interactions i
    LEFT JOIN (
        SELECT callback, queue FROM callbacks WHERE started_at >= $4 AND started_at < $2
    ) b ON b.callback = i.interaction
    LEFT JOIN LATERAL (
        SELECT bool_or(q.outcome = 'answered') AS taken,
            (array_agg(
                greatest(0, extract(epoch FROM q.entered_at - i.answered_at)::float8
                    + coalesce(q.waited_s, 0))
                ORDER BY q.entered_at, q.visit COLLATE "C"
            ) FILTER (WHERE q.outcome = 'answered'))[1] AS wait_s
        FROM queue_visits q
        WHERE q.started_at >= $1 AND q.started_at < $2
            AND q.started_at = i.started_at AND q.interaction = i.interaction
    ) v ON true
    WHERE i.direction = 'callback' AND i.started_at >= $1 AND i.started_at < $2
"""

_COUNTS = ", ".join(
    f"count(*) FILTER (WHERE r.outcome = '{name}')::bigint AS {name}"
    for name in COUNTED
    if name != "wait_s"
)


async def dialling_sums(
    connection: asyncpg.Connection, cutting: Cutting, *, within_s: float = TAKEN_WITHIN_S
) -> dict[Place, Dialling]:
    """Return the attempts that began in the time, summed up by period and group, in order."""
    query = (
        f"SELECT {cutting.keys}, {_COUNTS}, coalesce(sum(r.wait_s), 0) AS wait_s"
        f" FROM ({_DIALLED}) r WHERE {cutting.conditions(6)} GROUP BY {cutting.numbers}"
    )
    found: dict[Place, Dialling] = {}
    async with one_moment(connection):
        for begin, end in months(cutting.from_at.astimezone(UTC), cutting.to_at.astimezone(UTC)):
            month = replace(cutting, from_at=begin, to_at=end)
            rows = await connection.fetch(query, *month.arguments(begin - LONGEST_WISH, within_s))
            for row in rows:
                place, sums = cutting.place(row), {name: row[name] for name in COUNTED}
                found[place] = found.get(place, Dialling()) + Dialling(**sums)
    return dict(sorted(found.items(), key=lambda line: (line[0].period_us or 0, line[0].group)))
