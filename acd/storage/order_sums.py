"""Orders and answered sales calls out of the database, summed by period and group.

Days that are over come from `order_days`, as far as that is current and knows what is asked:
project and queue, with one dimension more. The rest comes from the records. All is read as of one
moment, so no order is counted twice or not at all. The sums are those of `acd.reports.orders`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

import asyncpg
from msgspec import Struct, structs

from acd.reports.cells import FINE
from acd.reports.cut import Place
from acd.reports.days import day_borders
from acd.reports.orders import STATES, OrderSums, Worth
from acd.reports.request import Period

from .cuts import COLUMNS, Cutting
from .order_days import DIMENSIONS

SORT_MEMORY = "64MB"
"Of one report: the orders of a month of ten million contacts are sorted in it without a file."

Sums = dict[Place, OrderSums]


class Sources(Struct, frozen=True):
    """Which part of the time comes from where."""

    days: Sequence[date]
    "From order_days."

    stretches: Sequence[tuple[datetime, datetime]]
    "From the records."


async def order_sums(connection: asyncpg.Connection, cutting: Cutting) -> Sums:
    """Return what the orders of calls of a time, and its answered sales calls, add up to."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(f"SET LOCAL work_mem = '{SORT_MEMORY}'")
        sources = await _sources(connection, cutting)
        rolled = _OfDays(cutting, sources.days)
        parts = [
            _OfRecords(structs.replace(cutting, from_at=begin, to_at=end))
            for begin, end in sources.stretches
        ]
        tables: list[_OfDays | _OfRecords] = [rolled, *parts] if sources.days else [*parts]
        sales = sorted({queue for one in tables for queue in await one.sales_queues(connection)})
        found: Sums = {}
        for one in tables:
            for place, sums in (await one.sums(connection, sales)).items():
                found[place] = found[place] + sums if place in found else sums
    return dict(sorted(found.items(), key=lambda line: (line[0].period_us or 0, line[0].group)))


async def _sources(connection: asyncpg.Connection, cutting: Cutting) -> Sources:
    whole = (cutting.from_at, cutting.to_at)
    asked = {*cutting.by, *cutting.only} & set(DIMENSIONS)
    zone = await connection.fetchval("SELECT zone FROM kpi_zone")
    if cutting.period in FINE or len(asked) > 1 or zone != cutting.zone.key:
        return Sources((), (whole,))
    borders = _days(cutting)
    rows = await connection.fetch(_CHANGED, zone, *whole, min(borders), max(borders))
    changed = {row["day"] for row in rows}
    stretches: list[tuple[datetime, datetime]] = []
    for begin, end in (borders[day] for day in sorted(changed & borders.keys())):
        if stretches and stretches[-1][1] == begin:
            begin, _ = stretches.pop()
        stretches.append((begin, end))
    return Sources([day for day in borders if day not in changed], stretches)


def _days(cutting: Cutting) -> dict[date, tuple[datetime, datetime]]:
    """Return the days of the time, with begin and end."""
    first = cutting.from_at.astimezone(cutting.zone).date()
    last = (cutting.to_at - timedelta(microseconds=1)).astimezone(cutting.zone).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return {day: day_borders(day, cutting.zone) for day in days}


_CHANGED = """
SELECT day FROM order_days_dirty WHERE day BETWEEN $4 AND $5
UNION
SELECT (quarter_at AT TIME ZONE $1)::date FROM kpi_dirty WHERE quarter_at >= $2 AND quarter_at < $3
"""


class _OfDays:
    """Sums out of order_days."""

    def __init__(self, cutting: Cutting, days: Sequence[date]) -> None:
        self._cutting = cutting
        self._days = days
        asked = {*cutting.by, *cutting.only} & set(DIMENSIONS)
        self._dimension = next(iter(asked), "")

    async def sales_queues(self, connection: asyncpg.Connection) -> list[str]:
        """Return the queues of which sales calls were answered."""
        rows = await connection.fetch(
            "SELECT DISTINCT queue FROM order_days"
            " WHERE day = ANY($1::date[]) AND dimension = '' AND answered > 0",
            self._days,
        )
        return [row["queue"] for row in rows]

    async def sums(self, connection: asyncpg.Connection, sales: Sequence[str]) -> Sums:
        """Return the sums; calls of `sales` queues can be converted."""
        keys = self._keys(self._column)
        values = await self._values(connection)
        query = _DAYS.format(keys=keys, numbers=self._numbers, conditions=self._conditions())
        found = {
            self._cutting.place(row): OrderSums(
                values=values.get(self._cutting.place(row), {}),
                **{name: row[name] for name in _COUNTS},
            )
            for row in await connection.fetch(query, *self._arguments(sales))
        }
        for place, count in (await self._splits(connection, sales)).items():
            found[place] = found[place] + OrderSums(converted=count)
        return found

    async def _values(self, connection: asyncpg.Connection) -> dict[Place, dict[str, Worth]]:
        query = _DAY_VALUES.format(
            keys=self._keys(self._column), numbers=self._numbers, conditions=self._conditions()
        )
        values: dict[Place, dict[str, Worth]] = {}
        for row in await connection.fetch(query, *self._arguments([])):
            worth = Worth(row["valued"], row["value"], row["signed_value"])
            values.setdefault(self._cutting.place(row), {})[row["currency"]] = worth
        return values

    async def _splits(
        self, connection: asyncpg.Connection, sales: Sequence[str]
    ) -> dict[Place, int]:
        # The others are one to a line; these count once in each line that they have an order in.
        query = _DAY_SPLITS.format(
            keys=self._keys("r.{}".format),
            numbers=self._numbers,
            conditions=self._conditions("r.{}".format),
        )
        rows = await connection.fetch(query, *self._arguments(sales))
        return {self._cutting.place(row): row["converted"] for row in rows}

    def _column(self, name: str) -> str:
        return "r.value" if name in DIMENSIONS else f"r.{name}"

    def _keys(self, column: Callable[[str], str]) -> str:
        period = self._cutting.period
        begin = (
            "NULL::timestamptz"
            if period is Period.ALL
            else f"date_trunc('{period.value}', r.day::timestamp)::date"
        )
        return ", ".join([begin, *map(column, self._cutting.by)])

    @property
    def _numbers(self) -> str:
        return self._cutting.numbers

    def _conditions(self, column: Callable[[str], str] | None = None) -> str:
        column = column or self._column
        selected = [f"{column(name)} = ${at}" for at, name in enumerate(self._cutting.only, 4)]
        # Every parameter has to have a use, or the database cannot tell its type.
        used = "($2::text, $3::text[]) IS NOT NULL"
        return " AND ".join(["r.day = ANY($1::date[])", used, *selected])

    def _arguments(self, sales: Sequence[str]) -> list[object]:
        return [self._days, self._dimension, list(sales), *self._cutting.only.values()]


_COUNTS = ("answered", "converted", *STATES)

_DAYS = f"""
SELECT {{keys}}, sum(answered) AS answered,
    coalesce(sum(converted) FILTER (WHERE r.queue = ANY($3)), 0) AS converted,
    {", ".join(f"sum({state}) AS {state}" for state in STATES)}
FROM order_days r WHERE r.dimension = $2 AND {{conditions}}
GROUP BY {{numbers}}
"""

_DAY_VALUES = """
SELECT {keys}, r.currency, sum(orders)::bigint AS valued, sum(worth)::bigint AS value,
    sum(signed_worth)::bigint AS signed_value
FROM order_day_values r WHERE r.dimension = $2 AND {conditions}
GROUP BY {numbers}, r.currency
"""

_DAY_SPLITS = """
SELECT {keys}, count(DISTINCT r.interaction) AS converted
FROM order_day_splits r WHERE r.queue = ANY($3) AND {conditions}
GROUP BY {numbers}
"""


class _OfRecords:
    """Sums out of the records of one stretch of time."""

    def __init__(self, cutting: Cutting) -> None:
        self._cutting = cutting

    async def sales_queues(self, connection: asyncpg.Connection) -> list[str]:
        """Return the queues of which sales calls were answered."""
        cutting = self._cutting
        rows = await connection.fetch(_SALES_QUEUES, cutting.from_at, cutting.to_at)
        return [row["queue"] for row in rows]

    async def sums(self, connection: asyncpg.Connection, sales: Sequence[str]) -> Sums:
        """Return the sums; calls of `sales` queues can be converted."""
        cutting = self._cutting
        answered = await self._sales_calls(connection)
        columns = [f"key_{number}" for number in range(len(cutting.by) + 1)]
        query = _ORDERS.format(
            names=", ".join(
                f"{key} AS {column}" for key, column in zip(cutting.key_list, columns, strict=True)
            ),
            columns=", ".join(columns),
            conditions=cutting.conditions(5),
            states=", ".join(
                f"count(*) FILTER (WHERE state = '{one}') AS {one}" for one in STATES
            ),
        )
        found = {place: OrderSums(answered=calls) for place, calls in answered.items()}
        values: dict[Place, dict[str, Worth]] = {}
        for row in await connection.fetch(query, *cutting.arguments(list(sales))):
            place = cutting.place(row)
            worths = values.setdefault(place, {})
            if row["whole"]:
                found[place] = OrderSums(
                    answered=answered.get(place, 0),
                    converted=row["converted"],
                    values=worths,
                    **{state: row[state] for state in STATES},
                )
            elif row["valued"]:
                worths[row["currency"]] = Worth(row["valued"], row["value"], row["signed_value"])
        return found

    async def _sales_calls(self, connection: asyncpg.Connection) -> Mapping[Place, int]:
        cutting = self._cutting
        by_category = "category" in {*cutting.by, *cutting.only}
        category = "coalesce(nullif(d.category, ''), v.category)" if by_category else "v.category"
        query = _SALES.format(
            keys=cutting.keys,
            numbers=cutting.numbers,
            conditions=cutting.conditions(),
            category=category,
            join=_CATEGORY if by_category else "",
        )
        rows = await connection.fetch(query, *cutting.arguments())
        return {cutting.place(row): row["answered"] for row in rows}


# An order's line per group, and one per group and currency for what they are worth.
_ORDERS = """
WITH found AS (
    SELECT {names}, r.interaction, r.state, r.amount, r.currency,
        r.interaction <> '' AND r.queue = ANY($4::text[]) AS sold
    FROM orders_of($1, $2) r WHERE {conditions}
)
SELECT {columns}, currency, GROUPING(currency) = 1 AS whole,
    count(DISTINCT interaction) FILTER (WHERE sold) AS converted,
    {states},
    count(amount) AS valued, coalesce(sum(amount), 0)::bigint AS value,
    coalesce(sum(amount) FILTER (WHERE state = 'signed'), 0)::bigint AS signed_value
FROM found
GROUP BY GROUPING SETS (({columns}), ({columns}, currency))
ORDER BY {columns}, whole DESC, currency
"""

_SALES = """
SELECT {keys}, count(*) AS answered
FROM (
    SELECT v.project, v.started_at, v.queue, v.agent, {category} AS category
    FROM queue_visits v {join}
    WHERE v.started_at >= $1 AND v.started_at < $2
        AND v.kind = 'sales' AND v.outcome = 'answered'
) r
WHERE {conditions}
GROUP BY {numbers}
"""

_SALES_QUEUES = """
SELECT DISTINCT queue FROM queue_visits
WHERE started_at >= $1 AND started_at < $2 AND kind = 'sales' AND outcome = 'answered'
"""

_CATEGORY = """
LEFT JOIN dispositions d
    ON d.started_at = v.started_at AND d.interaction = v.interaction AND d.agent = v.agent
    AND d.started_at >= $1 AND d.started_at < $2
"""

assert set(DIMENSIONS) < set(COLUMNS)
