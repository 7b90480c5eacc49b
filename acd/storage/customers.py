"""Answers of customers, summed up by the database.

The definitions are those of `acd.reports.csat`; a test holds the two together.
"""

import asyncpg

from acd.reports.csat import FIFTHS, SATISFIED_SHARE, CsatSums
from acd.reports.cut import Place

from .cuts import Cutting

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
