"""What became of calls, summed up by the database: answers, repeat calls.

The definitions are those of `acd.reports` (csat, repeat); a test holds the two together.
"""

from datetime import datetime

import asyncpg

from acd.reports.csat import FIFTHS, SATISFIED_SHARE, CsatSums
from acd.reports.cut import Place
from acd.reports.repeat import CALLERS_MAX, RepeatCaller, RepeatSums
from acd.reports.request import microseconds

from .cuts import Cutting

SORT_MEMORY = "128MB"
"Of one report: half a million contacts are sorted in it without a file."

# Alike answers of a period are counted first: what they mean is computed once for all of them.
_CSAT = """
SELECT {keys}, sum(r.n)::bigint AS asked,
    coalesce(sum(r.n) FILTER (WHERE r.share IS NOT NULL), 0)::bigint AS answered,
    coalesce(sum(r.share * r.n), 0) AS shares,
    coalesce(sum(r.n) FILTER (WHERE r.share >= {satisfied}), 0)::bigint AS satisfied,
    ARRAY[{fifths}] AS fifths
FROM (
    SELECT min(c.started_at) AS started_at, count(*) AS n,
        (c.score - c.scale_low)::float8 / (c.scale_high - c.scale_low) AS share{columns}
    FROM csat_answers c {join}
    WHERE c.started_at >= $1 AND c.started_at < $2 AND ($4::text IS NULL OR c.question = $4)
        AND $5::timestamptz[] IS NOT NULL
    GROUP BY {group}, c.score, c.scale_low, c.scale_high{alike}
) r
WHERE {conditions}
GROUP BY {numbers} ORDER BY {numbers}
"""

# By the column that `Cutting` knows of.
_ANSWER = {
    "project": "c.project",
    "queue": "c.queue",
    "agent": "c.agent",
    "category": "coalesce(d.category, '')",
    "call_class": "coalesce(d.call_class, '')",
}
_COLUMN = {"team": "agent", "class": "call_class"}

# What the call was about: as the agent who is meant has classed it, else whoever did so last.
_CLASSED = """
LEFT JOIN LATERAL (
    SELECT d.call_class, d.category FROM dispositions d
    WHERE d.started_at = c.started_at AND d.interaction = c.interaction
    ORDER BY d.agent <> c.agent, d.entered_at DESC, d.agent LIMIT 1
) d ON true
"""


async def csat_sums(
    connection: asyncpg.Connection, cutting: Cutting, question: str | None = None
) -> dict[Place, CsatSums]:
    """Return what the questions about calls of a time add up to; None: all questions.

    Answers that are alike are counted first: what they mean is computed once for all of them.
    """
    names = {_COLUMN.get(name, name): None for name in (*cutting.by, *cutting.only)}
    # Of a question without an answer nothing is the least: least() passes NULL over.
    fifths = ", ".join(
        "coalesce(sum(r.n) FILTER (WHERE r.share IS NOT NULL"
        f" AND least(floor(r.share * {FIFTHS}), {FIFTHS - 1}) = {n}), 0)::bigint"
        for n in range(FIFTHS)
    )
    query = _CSAT.format(
        keys=cutting.keys,
        numbers=cutting.numbers,
        conditions=cutting.conditions(6),
        satisfied=SATISFIED_SHARE,
        fifths=fifths,
        join=_CLASSED if {"call_class", "category"} & {*names} else "",
        columns="".join(f", {_ANSWER[name]} AS {name}" for name in names),
        alike="".join(f", {_ANSWER[name]}" for name in names),
        group=cutting.group("c.started_at", "$5::timestamptz[]"),
    )
    rows = await connection.fetch(query, *cutting.arguments(question, cutting.begins))
    return {
        cutting.place(row): CsatSums(
            asked=row["asked"],
            answered=row["answered"],
            shares=row["shares"],
            satisfied=row["satisfied"],
            fifths=tuple(row["fifths"]),
        )
        for row in rows
    }


# The contacts of the time and of N days (of 24 hours) around it, each beside its neighbours.
# They are sorted by a number before the texts that it was made of: that takes half the time.
_CONTACTS = """
WITH contacts AS (
    SELECT DISTINCT ON (d.started_at, d.interaction)
        d.started_at, d.interaction, i.project, i.customer_key, d.call_class, d.agent, d.queue,
        d.category, d.solved,
        hashtextextended(i.customer_key, hashtext(d.call_class)) AS chain
    FROM dispositions d JOIN interactions i ON i.interaction = d.interaction
    WHERE d.started_at >= $1::timestamptz - $4::int * interval '1 hour'
        AND d.started_at < $2::timestamptz + $4::int * interval '1 hour'
        AND i.started_at >= $1::timestamptz - $4::int * interval '1 hour'
        AND i.started_at < $2::timestamptz + $4::int * interval '1 hour'
        AND i.direction = 'inbound' AND i.customer_key <> ''
    ORDER BY d.started_at, d.interaction, d.entered_at DESC, d.agent
), linked AS (
    SELECT c.*, lag(c.started_at) OVER same AS former_at, lead(c.started_at) OVER same AS next_at
    FROM contacts c
    WINDOW same AS (
        PARTITION BY c.chain, c.project, c.customer_key, c.call_class
        ORDER BY c.started_at, c.interaction
    )
), told AS (
    SELECT interaction, bool_and(solved) AS solved FROM matter_outcomes
    WHERE started_at >= $1 AND started_at < $2 GROUP BY 1
), counted AS (
    SELECT l.*,
        coalesce(l.former_at >= l.started_at - $4::int * interval '1 hour', false) AS repeated,
        coalesce(l.next_at <= l.started_at + $4::int * interval '1 hour', false) AS again,
        coalesce(t.solved, l.solved, false) AS closed
    FROM linked l LEFT JOIN told t ON t.interaction = l.interaction
    WHERE l.started_at >= $1 AND l.started_at < $2
)
"""

# Half a million calls are not looked up one by one.
_WHOLE_TABLES = (f"SET LOCAL work_mem = '{SORT_MEMORY}'", "SET LOCAL enable_nestloop = off")

_REPEAT = """
SELECT {keys}, count(*) AS calls, count(*) FILTER (WHERE r.repeated) AS repeats,
    count(*) FILTER (WHERE NOT r.repeated AND r.closed) AS solved,
    count(*) FILTER (WHERE NOT r.repeated AND r.closed AND NOT r.again) AS resolved,
    count(*) FILTER (
        WHERE NOT r.repeated AND r.started_at + $4::int * interval '1 hour' > $5
    ) AS open
FROM counted r
WHERE {conditions}
GROUP BY {numbers}
"""


async def repeat_sums(
    connection: asyncpg.Connection, cutting: Cutting, *, days: int, now_at: datetime
) -> dict[Place, RepeatSums]:
    """Return what the contacts of a time add up to."""
    query = _CONTACTS + _REPEAT.format(
        keys=cutting.keys, numbers=cutting.numbers, conditions=cutting.conditions(6)
    )
    async with connection.transaction():
        for setting in _WHOLE_TABLES:
            await connection.execute(setting)
        rows = await connection.fetch(query, *cutting.arguments(days * 24, now_at))
    names = RepeatSums.__struct_fields__
    found = [
        (cutting.place(row), RepeatSums(**{name: row[name] for name in names})) for row in rows
    ]
    return dict(sorted(found, key=lambda line: (line[0].period_us or 0, line[0].group)))


_CALLERS = """
, most AS (
    SELECT r.project, r.customer_key, count(*) AS calls,
        count(*) FILTER (WHERE r.repeated) AS repeats,
        mode() WITHIN GROUP (ORDER BY r.call_class) FILTER (WHERE r.repeated) AS call_class,
        min(r.started_at) AS first_at, max(r.started_at) AS last_at,
        (array_agg(r.interaction ORDER BY r.started_at DESC, r.interaction DESC))[1] AS last,
        (array_agg(r.agent ORDER BY r.started_at DESC, r.interaction DESC))[1] AS agent
    FROM counted r
    WHERE {conditions}
    GROUP BY 1, 2
    HAVING count(*) FILTER (WHERE r.repeated) > 0
    ORDER BY repeats DESC, calls DESC, last_at DESC, customer_key
    LIMIT $5 * 2
)
SELECT i.caller, m.* FROM most m
JOIN interactions i ON i.started_at = m.last_at AND i.interaction = m.last
WHERE NOT i.withheld
ORDER BY m.repeats DESC, m.calls DESC, m.last_at DESC, m.customer_key
LIMIT $5
"""


async def repeat_callers(
    connection: asyncpg.Connection, cutting: Cutting, *, days: int
) -> list[RepeatCaller]:
    """Return the customers with most repeat calls, their numbers whole."""
    query = _CONTACTS + _CALLERS.format(conditions=cutting.conditions(6))
    async with connection.transaction():
        for setting in _WHOLE_TABLES:
            await connection.execute(setting)
        rows = await connection.fetch(query, *cutting.arguments(days * 24, CALLERS_MAX))
    return [
        RepeatCaller(
            caller=row["caller"],
            calls=row["calls"],
            repeats=row["repeats"],
            call_class=row["call_class"],
            first_us=microseconds(row["first_at"]),
            last_us=microseconds(row["last_at"]),
            agent=row["agent"],
        )
        for row in rows
    ]
