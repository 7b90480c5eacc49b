"""Repeat calls out of the database, and who called again most often.

They come from `repeat_contacts`, and days whose sums are current and know what is asked from
`repeat_days`: project and queue, with one dimension more, and 7 days. What has changed since is
corrected: the contacts of the quarter-hours that are marked are read from the records, and those
of the same customers and classes linked anew. Where days' worth of them are marked, such as after
an update, all is read from the records instead. Everything is read as of one moment, so the sums
are always those of `acd.reports.repeat`.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import asyncpg
from msgspec import Struct, structs

from acd.reports.cells import FINE
from acd.reports.cut import Place
from acd.reports.days import day_borders
from acd.reports.repeat import CALLERS_MAX, DAYS, RepeatCaller, RepeatSums
from acd.reports.request import Period, microseconds

from .cuts import Cutting
from .kpi_rollup import QUARTER, ranges
from .repeat_contacts import CHAIN, COLUMNS
from .repeat_days import AFTER, DIMENSIONS

SORT_MEMORY = "128MB"
"Of one report: half a million contacts are sorted in it without a file."

CORRECTED_MAX = timedelta(days=5)
"""More than so many marked quarter-hours together are not set right one by one: in that time all
contacts around can be read from the records."""

Sums = dict[Place, RepeatSums]


class Changes(Struct, frozen=True):
    """What is not in repeat_contacts yet."""

    begins: Sequence[datetime] = ()
    ends: Sequence[datetime] = ()
    "Stretches whose contacts are in the records only."

    chains: Sequence[tuple[str, str, str]] = ()
    "Project, customer and class of those contacts there that are not the ones known."

    @property
    def arguments(self) -> list[list[object]]:
        """The parameters of a query: begins, ends, and the chains in three lists."""
        columns = zip(*self.chains, strict=True) if self.chains else ((), (), ())
        return [list(self.begins), list(self.ends), *map(list, columns)]


async def repeat_sums(
    connection: asyncpg.Connection, cutting: Cutting, *, days: int, now_at: datetime
) -> Sums:
    """Return what the contacts of a time add up to."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        changes = await _begin(connection, cutting, days)
        if changes is None:
            found = await _sums(connection, _OF_RECORDS, cutting, [days * 24, now_at])
        else:
            found = await _stored_sums(connection, cutting, changes, days=days, now_at=now_at)
    lines = [line for line in found.items() if line[1].calls]
    return dict(sorted(lines, key=lambda line: (line[0].period_us or 0, line[0].group)))


async def repeat_callers(
    connection: asyncpg.Connection, cutting: Cutting, *, days: int
) -> list[RepeatCaller]:
    """Return the customers with most repeat calls, their numbers whole."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        changes = await _begin(connection, cutting, days)
        head, more = (_RECORDED, []) if changes is None else (_STORED, changes.arguments)
        query = head + _CALLERS.format(conditions=cutting.conditions(6 + len(more)))
        rows = await connection.fetch(query, *cutting.arguments(days * 24, CALLERS_MAX, *more))
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


async def _begin(connection: asyncpg.Connection, cutting: Cutting, days: int) -> Changes | None:
    """Prepare the transaction and return what is to be corrected; None: too much."""
    for setting in _SETTINGS:
        await connection.execute(setting)
    around = timedelta(days=days)
    rows = await connection.fetch(
        _MARKED, cutting.from_at - around - QUARTER, cutting.to_at + around
    )
    if len(rows) > CORRECTED_MAX // QUARTER:
        # Half a million calls are not looked up one by one.
        await connection.execute("SET LOCAL enable_nestloop = off")
        return None
    if not rows:
        return Changes()
    begins, ends = zip(*ranges([row["quarter_at"] for row in rows]), strict=True)
    chains = await connection.fetch(_CHANGED, list(begins), list(ends))
    return Changes(begins, ends, [tuple(row) for row in chains])


# Plans for the very period: that of a day is not that of a year.
_SETTINGS = (
    f"SET LOCAL work_mem = '{SORT_MEMORY}'",
    "SET LOCAL plan_cache_mode = force_custom_plan",
    "SET LOCAL jit = off",
)

_MARKED = """
SELECT quarter_at FROM kpi_dirty WHERE quarter_at >= $1 AND quarter_at < $2
UNION
SELECT quarter_at FROM repeat_contacts_dirty WHERE quarter_at >= $1 AND quarter_at < $2
"""


async def _stored_sums(
    connection: asyncpg.Connection,
    cutting: Cutting,
    changes: Changes,
    *,
    days: int,
    now_at: datetime,
) -> Sums:
    summed = await _summed_days(connection, cutting, days, now_at)
    parts = [await _sums_of_days(connection, cutting, summed)] if summed else []
    for begin, end in _others(cutting, summed):
        part = structs.replace(cutting, from_at=begin, to_at=end)
        parts.append(await _sums(connection, _OF_CONTACTS, part, [days * 24, now_at]))
    if changes.chains:
        more = [days * 24, now_at, *changes.arguments]
        parts.append(await _sums(connection, _CORRECTION, cutting, more))
    found: Sums = {}
    for part_sums in parts:
        for place, sums in part_sums.items():
            found[place] = found[place] + sums if place in found else sums
    return found


async def _sums(
    connection: asyncpg.Connection, query: str, cutting: Cutting, more: Sequence[object]
) -> Sums:
    rows = await connection.fetch(
        query.format(
            keys=cutting.keys,
            numbers=cutting.numbers,
            conditions=cutting.conditions(4 + len(more)),
        ),
        *cutting.arguments(*more),
    )
    names = RepeatSums.__struct_fields__
    return {cutting.place(row): RepeatSums(**{name: row[name] for name in names}) for row in rows}


async def _summed_days(
    connection: asyncpg.Connection, cutting: Cutting, days: int, now_at: datetime
) -> list[date]:
    """Return the days of the time that repeat_days answers for."""
    asked = {*cutting.by, *cutting.only} & set(DIMENSIONS)
    if cutting.period in FINE or len(asked) > 1 or days != DAYS:
        return []
    if await connection.fetchval("SELECT zone FROM kpi_zone") != cutting.zone.key:
        return []
    rows = await connection.fetch("SELECT DISTINCT day FROM repeat_days_dirty")
    marked = {row["day"] for row in rows}
    day = cutting.from_at.astimezone(cutting.zone).date()
    found = []
    while (borders := day_borders(day, cutting.zone))[1] <= min(cutting.to_at, now_at - AFTER):
        if borders[0] >= cutting.from_at and day not in marked:
            found.append(day)
        day += timedelta(days=1)
    return found


def _others(cutting: Cutting, days: Sequence[date]) -> list[tuple[datetime, datetime]]:
    """Return the stretches of the time that lie between these days."""
    stretches = []
    at = cutting.from_at.astimezone(UTC)
    for begin, end in (day_borders(day, cutting.zone) for day in days):
        if at < begin:
            stretches.append((at, begin))
        at = end
    if at < cutting.to_at:
        stretches.append((at, cutting.to_at))
    return stretches


async def _sums_of_days(
    connection: asyncpg.Connection, cutting: Cutting, days: Sequence[date]
) -> Sums:
    def column(name: str) -> str:
        return "r.value" if name in DIMENSIONS else f"r.{name}"

    period = cutting.period
    begin = (
        "NULL::timestamptz"
        if period is Period.ALL
        else f"date_trunc('{period.value}', r.day::timestamp)::date"
    )
    selected = [f"{column(name)} = ${number}" for number, name in enumerate(cutting.only, 3)]
    query = _DAYS.format(
        keys=", ".join([begin, *map(column, cutting.by)]),
        numbers=cutting.numbers,
        conditions=" AND ".join(["r.day = ANY($1::date[])", "r.dimension = $2", *selected]),
    )
    asked = {*cutting.by, *cutting.only} & set(DIMENSIONS)
    rows = await connection.fetch(query, days, next(iter(asked), ""), *cutting.only.values())
    return {
        cutting.place(row): RepeatSums(
            calls=row["calls"],
            repeats=row["repeats"],
            solved=row["solved"],
            resolved=row["resolved"],
        )
        for row in rows
    }


_DAYS = """
SELECT {keys}, sum(calls) AS calls, sum(repeats) AS repeats, sum(solved) AS solved,
    sum(resolved) AS resolved
FROM repeat_days r WHERE {conditions} GROUP BY {numbers}
"""

_MATTERS = """
    coalesce(former_at >= started_at - $4::int * interval '1 hour', false) AS repeated,
    coalesce(next_at <= started_at + $4::int * interval '1 hour', false) AS again
"""


def _added_up(count: str) -> str:
    """Return the query of sums; `count` adds up rows of which a FILTER says which."""
    matters = {
        "repeats": "r.repeated",
        "solved": "NOT r.repeated AND r.solved",
        "resolved": "NOT r.repeated AND r.solved AND NOT r.again",
        "open": "NOT r.repeated AND r.started_at + $4::int * interval '1 hour' > $5",
    }
    columns = [
        f"coalesce({count} FILTER (WHERE {condition}), 0) AS {name}"
        for name, condition in matters.items()
    ]
    return f"""
SELECT {{keys}}, {count} AS calls, {", ".join(columns)}
FROM counted r WHERE {{conditions}} GROUP BY {{numbers}}
"""


# The contacts of the time and of N days (of 24 hours) around it, each beside its neighbours.
# They are sorted by a number before the texts that it was made of: that takes half the time.
_RECORDED = f"""
WITH linked AS (
    SELECT c.*, lag(c.started_at) OVER same AS former_at, lead(c.started_at) OVER same AS next_at
    FROM (
        SELECT *, hashtextextended(customer_key, hashtext(call_class)) AS chain
        FROM repeat_contacts_of(
            $1::timestamptz - $4::int * interval '1 hour',
            $2::timestamptz + $4::int * interval '1 hour'
        )
    ) c
    WINDOW same AS (PARTITION BY c.chain, {CHAIN} ORDER BY c.started_at, c.interaction)
), counted AS (
    SELECT *, {_MATTERS} FROM linked WHERE started_at >= $1 AND started_at < $2
)
"""

_CONTACTS = f"""
WITH counted AS (
    SELECT *, {_MATTERS} FROM repeat_contacts WHERE started_at >= $1 AND started_at < $2
)
"""

_FRESH = """
fresh AS MATERIALIZED (
    SELECT c.* FROM dirty CROSS JOIN LATERAL repeat_contacts_of(begin_at, end_at) c
)
"""

_CHANGED = f"""
WITH dirty AS MATERIALIZED (
    SELECT * FROM unnest($1::timestamptz[], $2::timestamptz[]) AS d (begin_at, end_at)
), {_FRESH}, known AS MATERIALIZED (
    SELECT {COLUMNS} FROM dirty JOIN repeat_contacts
        ON started_at >= begin_at AND started_at < end_at
)
SELECT DISTINCT {CHAIN} FROM (
    (SELECT {COLUMNS} FROM fresh EXCEPT SELECT {COLUMNS} FROM known)
    UNION ALL
    (SELECT {COLUMNS} FROM known EXCEPT SELECT {COLUMNS} FROM fresh)
) changed
"""


def _relinked(first: int) -> str:
    """Return what links the changed chains anew; their parameters begin at `first`.

    `touched` is what is stored of them, `relinked` what is true.
    """
    begins, ends, projects, customers, classes = (f"${first + number}" for number in range(5))
    hours = "$4::int * interval '1 hour'"
    return f"""
WITH dirty AS MATERIALIZED (
    SELECT * FROM unnest({begins}::timestamptz[], {ends}::timestamptz[]) AS d (begin_at, end_at)
), chains AS MATERIALIZED (
    SELECT * FROM unnest({projects}::text[], {customers}::text[], {classes}::text[])
        AS c ({CHAIN})
), {_FRESH}, touched AS MATERIALIZED (
    SELECT * FROM repeat_contacts JOIN chains USING ({CHAIN})
    WHERE customer_key = ANY({customers})
        AND started_at >= $1::timestamptz - {hours} AND started_at < $2::timestamptz + {hours}
), relinked AS MATERIALIZED (
    SELECT one.*, lag(started_at) OVER same AS former_at, lead(started_at) OVER same AS next_at
    FROM (
        SELECT {COLUMNS} FROM touched WHERE NOT EXISTS (
            SELECT FROM dirty WHERE started_at >= begin_at AND started_at < end_at
        )
        UNION ALL
        SELECT {COLUMNS} FROM fresh JOIN chains USING ({CHAIN})
    ) one
    WINDOW same AS (PARTITION BY {CHAIN} ORDER BY started_at, interaction)
)
"""


_OF_RECORDS = _RECORDED + _added_up("count(*)")

_OF_CONTACTS = _CONTACTS + _added_up("count(*)")

_CORRECTION = f"""
{_relinked(6)}, counted AS (
    SELECT *, {_MATTERS} FROM (
        SELECT {COLUMNS}, former_at, next_at, -1 AS weight FROM touched
        UNION ALL
        SELECT {COLUMNS}, former_at, next_at, 1 FROM relinked
    ) one WHERE started_at >= $1 AND started_at < $2
)
{_added_up("sum(r.weight)")}
"""

_STORED = f"""
{_relinked(6)}, counted AS (
    SELECT {COLUMNS}, {_MATTERS} FROM repeat_contacts known
    WHERE started_at >= $1 AND started_at < $2
        AND NOT EXISTS (
            SELECT FROM chains c WHERE c.customer_key = known.customer_key
                AND c.project = known.project AND c.call_class = known.call_class
        )
    UNION ALL
    SELECT {COLUMNS}, {_MATTERS} FROM relinked WHERE started_at >= $1 AND started_at < $2
)
"""

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
