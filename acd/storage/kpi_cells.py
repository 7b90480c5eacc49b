"""Cells of KPI reports out of the database: always exact, quick where roll-ups are current.

Each stretch of time comes from the coarsest table that is current for it and knows what is asked:
whole days from kpi_days (project and queue, with one dimension more), quarter-hours from
kpi_quarters (project and queue) or kpi_facts (anything), and what is marked as changed from the
records themselves. All are read in one transaction, as of one moment, marks included; so no visit
is counted twice or not at all. The cells are those of `acd.reports.cells`.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from acd.reports.cells import FINE, Cell, Key
from acd.reports.days import day_borders
from acd.reports.measures import MEASURES, Measures
from acd.reports.request import Period, microseconds
from acd.reports.sketch import Sketch

from .kpi_rollup import ranges
from .kpi_sums import DIMENSION_COLUMNS, SUMS_OF_SUMS, SUMS_OF_VISITS

GROUP_MEMORY = "64MB"
"Of one report: the lines of a month by quarter-hour and agent are grouped in it without a file."

Stretch = tuple[datetime, datetime]
"[begin, end), UTC."


class Wanted(Struct, frozen=True, kw_only=True):
    """Which cells are wanted."""

    first: date
    last: date
    "Days of the zone, both included."

    zone: ZoneInfo
    period: Period = Period.ALL
    by: tuple[str, ...] = ()
    only: Mapping[str, str] = {}
    sketches: bool = False
    "Percentiles too: they cost as much as all the rest."

    @property
    def stretch(self) -> Stretch:
        """All of it."""
        return day_borders(self.first, self.zone)[0], day_borders(self.last, self.zone)[1]

    @property
    def dimensions(self) -> list[str]:
        """What is asked beside project and queue."""
        return sorted({*self.by, *self.only} & DIMENSION_COLUMNS.keys())


class Sources(Struct, frozen=True, kw_only=True):
    """Which stretch of time comes from which table."""

    days: Sequence[date] = ()
    "From kpi_days."

    rolled: Sequence[Stretch] = ()
    "From kpi_quarters, or kpi_facts where more is asked than that knows."

    records: Sequence[Stretch] = ()
    "From the records."


@asynccontextmanager
async def one_moment(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Have all that is read in it be as of one moment, and planned for large sums."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL jit = off")
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        await connection.execute(f"SET LOCAL work_mem = '{GROUP_MEMORY}'")
        yield


async def query_of(connection: asyncpg.Connection, wanted: Wanted) -> "Query":
    """Return the statements for a wish, by the roll-ups that are current just now."""
    return Query(wanted, await _sources(connection, wanted))


async def kpi_cells(connection: asyncpg.Connection, wanted: Wanted) -> dict[Key, Cell]:
    """Return the cells by key; those without visits are left out."""
    async with one_moment(connection):
        query = await query_of(connection, wanted)
        measures = await query.measures(connection)
        if not wanted.sketches:
            return {key: Cell(sums) for key, sums in measures.items()}
        waits = await query.sketches(connection, "wait", "waited_s")
        handles = await query.sketches(connection, "handle", "talk_s + hold_s + wrap_up_s")
    return {
        key: Cell(sums, waits.get(key, Sketch()), handles.get(key, Sketch()))
        for key, sums in measures.items()
    }


async def dirty_quarters(connection: asyncpg.Connection, stretch: Stretch) -> list[datetime]:
    """Return the quarter-hours of a stretch of time that are marked as changed."""
    rows = await connection.fetch(
        "SELECT DISTINCT quarter_at FROM kpi_dirty WHERE quarter_at >= $1 AND quarter_at < $2",
        *stretch,
    )
    return [row["quarter_at"] for row in rows]


async def _sources(connection: asyncpg.Connection, wanted: Wanted) -> Sources:
    begin, end = wanted.stretch
    dirty = await dirty_quarters(connection, wanted.stretch)
    records = ranges(dirty)
    if wanted.period in FINE or len(wanted.dimensions) > 1:
        return Sources(rolled=without([(begin, end)], records), records=records)
    rolled_zone = await connection.fetchval("SELECT zone FROM kpi_zone")
    if rolled_zone != wanted.zone.key:
        return Sources(rolled=without([(begin, end)], records), records=records)
    rows = await connection.fetch(
        "SELECT DISTINCT day FROM kpi_dirty_days WHERE day BETWEEN $1 AND $2",
        wanted.first,
        wanted.last,
    )
    changed = {row["day"] for row in rows} | {at.astimezone(wanted.zone).date() for at in dirty}
    days = [day for day in _days(wanted) if day not in changed]
    others = sorted(set(_days(wanted)) - set(days))
    stretches = _joined(day_borders(day, wanted.zone) for day in others)
    return Sources(days=days, rolled=without(stretches, records), records=records)


def _days(wanted: Wanted) -> list[date]:
    count = (wanted.last - wanted.first).days + 1
    return [wanted.first + timedelta(days=number) for number in range(count)]


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, those that touch made one."""
    found: list[Stretch] = []
    for begin, end in stretches:
        if found and found[-1][1] == begin:
            found[-1] = (found[-1][0], end)
        else:
            found.append((begin, end))
    return found


def without(stretches: Sequence[Stretch], holes: Sequence[Stretch]) -> list[Stretch]:
    """Return the stretches with the holes left out; both in order, each without overlaps."""
    found: list[Stretch] = []
    for begin, end in stretches:
        at = begin
        for hole_begin, hole_end in holes:
            if hole_end <= at or hole_begin >= end:
                continue
            if hole_begin > at:
                found.append((at, hole_begin))
            at = max(at, hole_end)
        if at < end:
            found.append((at, end))
    return found


class _Table(Struct, frozen=True):
    """One source: where from, when, and what its columns are."""

    source: str
    moment: str
    "The column that says when; a date for kpi_days."

    sums: str
    is_summed: bool
    "It has measures and sketches, not single visits."


class Query:
    """Builds and runs the statements for one wish."""

    def __init__(self, wanted: Wanted, sources: Sources) -> None:
        self._wanted = wanted
        self._sources = sources
        self._arguments: list[object] = []

    async def measures(self, connection: asyncpg.Connection) -> dict[Key, Measures]:
        """Return the sums by key."""
        query = self._sums()
        if not query:
            return {}
        width = self._width()
        rows = await self._fetch(connection, query)
        found = {
            self._key(row): Measures(**dict(zip(MEASURES, row[width:], strict=True)))
            for row in rows
        }
        return {key: sums for key, sums in found.items() if sums.offered}

    async def lines(
        self, connection: asyncpg.Connection, *, skipped: int = 0, most: int | None = None
    ) -> list[asyncpg.Record]:
        """Return the sums in the order of lines: the keys, then MEASURES."""
        query = self._sums()
        if not query:
            return []
        # By code point, as Python sorts: the database's own order depends on its language.
        order = [str(number + 1) for number in range(self._width() - len(self._wanted.by))]
        order += (f'k{number} COLLATE "C"' for number in range(len(order), self._width()))
        limits = f"OFFSET {skipped} LIMIT {'ALL' if most is None else most}"
        return await self._fetch(
            connection, f"SELECT * FROM ({query}) sums ORDER BY {', '.join(order)} {limits}"
        )

    async def counts(self, connection: asyncpg.Connection) -> list[tuple[int, int]]:
        """Return how many lines each stretch of time has, with its begin; time has to be cut."""
        parts = [
            f"SELECT DISTINCT {self._keys(table).rstrip(', ')} FROM {table.source}"
            f" WHERE {self._condition(table)}"
            for table in self._tables()
        ]
        if not parts:
            return []
        rows = await self._fetch(
            connection,
            f"SELECT k0, count(*) FROM ({' UNION '.join(parts)}) found GROUP BY 1 ORDER BY 1",
        )
        return [(self.begin_us(begin), count) for begin, count in rows]

    def begin_us(self, begin: datetime | date) -> int:
        """Return when a stretch of time begins, as the database tells it."""
        if not isinstance(begin, datetime):
            begin = day_borders(begin, self._wanted.zone)[0]
        return microseconds(begin)

    def _sums(self) -> str:
        """Return the statement for the sums by key; empty: there is no time to ask for."""
        parts = [
            f"SELECT {self._keys(table)}{table.sums} FROM {table.source}"
            f" WHERE {self._condition(table)}{self._group()}"
            for table in self._tables()
        ]
        if len(parts) < 2:
            return "".join(parts)
        return (
            f"SELECT {self._names()}{SUMS_OF_SUMS} FROM ({' UNION ALL '.join(parts)}) parts"
            f"{self._group()}"
        )

    async def sketches(
        self, connection: asyncpg.Connection, of: str, value: str
    ) -> dict[Key, Sketch]:
        """Return the sketches by key: `of` names the roll-ups' columns, `value` the visits'."""
        parts = []
        for table in self._tables():
            bucket = f"unnest({of}_buckets)" if table.is_summed else f"kpi_bucket({value})"
            times = f"unnest({of}_counts)" if table.is_summed else "1"
            condition = self._condition(table)
            if not table.is_summed:
                condition += " AND outcome = 'answered'"
            parts.append(
                f"SELECT {self._keys(table)}{bucket} AS bucket, {times} AS times"
                f" FROM {table.source} WHERE {condition}"
            )
        if not parts:
            return {}
        keys = self._names()
        group = ", ".join(str(number + 1) for number in range(self._width() + 1))
        query = (
            f"SELECT {keys}bucket, sum(times) AS times FROM ({' UNION ALL '.join(parts)}) parts"
            f" GROUP BY {group}"
        )
        found: dict[Key, dict[int, int]] = {}
        for row in await self._fetch(connection, query):
            found.setdefault(self._key(row), {})[row["bucket"]] = row["times"]
        return {key: Sketch(counts) for key, counts in found.items()}

    async def _fetch(self, connection: asyncpg.Connection, query: str) -> list[asyncpg.Record]:
        arguments, self._arguments = self._arguments, []
        rows: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return rows

    def _argument(self, value: object) -> str:
        self._arguments.append(value)
        return f"${len(self._arguments)}"

    # --- where from ---

    def _tables(self) -> Iterable[_Table]:
        sources = self._sources
        if sources.days:
            yield _Table("kpi_days", "day", SUMS_OF_SUMS, True)
        if sources.rolled and not self._wanted.dimensions:
            source = self._stretched("kpi_quarters", "quarter_at", sources.rolled)
            yield _Table(source, "quarter_at", SUMS_OF_SUMS, True)
        elif sources.rolled:
            source = self._stretched("kpi_facts", "entered_at", sources.rolled)
            yield _Table(source, "entered_at", SUMS_OF_VISITS, False)
        if sources.records:
            source = self._stretched("kpi_visits", "entered_at", sources.records)
            yield _Table(source, "entered_at", SUMS_OF_VISITS, False)

    def _stretched(self, table: str, moment: str, stretches: Sequence[Stretch]) -> str:
        begins = self._argument([begin for begin, _ in stretches])
        ends = self._argument([end for _, end in stretches])
        counted = " AND NOT callback" if table == "kpi_visits" else ""
        return (
            f"unnest({begins}::timestamptz[], {ends}::timestamptz[]) AS stretch (begin_at, end_at)"
            f" JOIN {table} ON {moment} >= begin_at AND {moment} < end_at{counted}"
        )

    def _condition(self, table: _Table) -> str:
        conditions = [
            f"{self._column(name, table)} = {self._argument(value)}"
            for name, value in self._wanted.only.items()
        ]
        if table.source == "kpi_days":
            dimension = next(iter(self._wanted.dimensions), "")
            conditions += (
                f"day = ANY({self._argument(self._sources.days)}::date[])",
                f"dimension = {self._argument(dimension)}",
            )
        return " AND ".join(conditions) or "true"

    # --- keys ---

    def _width(self) -> int:
        return len(self._wanted.by) + (self._wanted.period is not Period.ALL)

    def _names(self) -> str:
        names = [f"k{number}" for number in range(self._width())]
        return "".join(f"{name}, " for name in names)

    def _group(self) -> str:
        numbers = ", ".join(str(number + 1) for number in range(self._width()))
        return f" GROUP BY {numbers}" if numbers else ""

    def _keys(self, table: _Table) -> str:
        columns = [self._column(name, table) for name in self._wanted.by]
        if self._wanted.period is not Period.ALL:
            columns.insert(0, self._begin(table))
        return "".join(f"{column} AS k{number}, " for number, column in enumerate(columns))

    def _column(self, name: str, table: _Table) -> str:
        if name in DIMENSION_COLUMNS and table.source == "kpi_days":
            return "value"
        return DIMENSION_COLUMNS.get(name, name)

    def _begin(self, table: _Table) -> str:
        period, zone = self._wanted.period, self._wanted.zone.key
        if period is Period.QUARTER_HOUR:
            return f"kpi_quarter({table.moment})"
        if period is Period.HOUR:
            return f"date_trunc('hour', {table.moment}, {self._argument(zone)})"
        if table.source == "kpi_days":
            return f"date_trunc('{period.value}', day::timestamp)::date"
        local = f"{table.moment} AT TIME ZONE {self._argument(zone)}"
        return f"date_trunc('{period.value}', {local})::date"

    def _key(self, row: asyncpg.Record) -> Key:
        values = list(row.values())[: self._width()]
        if self._wanted.period is Period.ALL:
            return (None, *values)
        return (self.begin_us(values[0]), *values[1:])
