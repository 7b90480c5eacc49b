"""Lines of KPI reports out of the database, in columns: a page of them, or all, day by day.

What is counted first is how many lines each day has; so a page costs the days that it lies in, and
a whole year is read some days at a time. The lines are the cells of `acd.storage.kpi_cells`.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, zip_longest
from operator import add

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from acd.reports.cells_report import Lines
from acd.reports.measures import MEASURES, PARTS
from acd.reports.pages import Page

from .kpi_cells import Wanted, one_moment, query_of

LINES_AT_ONCE = 20_000
"Read and written together, where a day has not more: some 10 MB."


class Days(Struct, frozen=True):
    """Days that no stretch of a period crosses, and their lines."""

    first: date
    last: date
    count: int


async def line_counts(connection: asyncpg.Connection, wanted: Wanted) -> list[Days]:
    """Return the days that have lines, with how many; `wanted` has to be cut by time."""
    async with one_moment(connection):
        counts = await (await query_of(connection, wanted)).counts(connection)

    def day_of(one: tuple[int, int]) -> date:
        day = datetime.fromtimestamp(one[0] // 1_000_000, UTC).astimezone(wanted.zone).date()
        return max(wanted.first, day)  # a week may begin before what is asked for

    begun = [(day, sum(n for _, n in found)) for day, found in groupby(counts, key=day_of)]
    following = [day for day, _ in begun[1:]]
    return [
        Days(day, next_day - timedelta(days=1) if next_day else wanted.last, count)
        for (day, count), next_day in zip_longest(begun, following)
    ]


async def page_lines(
    connection: asyncpg.Connection, wanted: Wanted, counts: Sequence[Days], page: Page
) -> Lines:
    """Return the lines of a page that begins within the lines counted."""
    passed = 0
    chosen: list[Days] = []
    skipped = page.skipped
    for days in counts:
        if passed < page.skipped + page.lines and passed + days.count > page.skipped:
            if not chosen:
                skipped = page.skipped - passed
            chosen.append(days)
        passed += days.count
    if not chosen:
        return _lines([], wanted, lambda _begin: 0)
    narrowed = replace(wanted, first=chosen[0].first, last=chosen[-1].last)
    return await kpi_lines(connection, narrowed, skipped=skipped, most=page.lines)


async def all_lines(
    connection: asyncpg.Connection,
    wanted: Wanted,
    counts: Iterable[Days],
    *,
    at_once: int = LINES_AT_ONCE,
) -> AsyncIterator[Lines]:
    """Yield all lines in their order, some days of them at a time."""
    waiting: list[Days] = []
    for days in counts:
        if waiting and sum(one.count for one in waiting) + days.count > at_once:
            yield await _of_days(connection, wanted, waiting)
            waiting = []
        waiting.append(days)
    if waiting:
        yield await _of_days(connection, wanted, waiting)


async def kpi_lines(
    connection: asyncpg.Connection, wanted: Wanted, *, skipped: int = 0, most: int | None = None
) -> Lines:
    """Return lines in their order: those after `skipped` ones, `most` of them."""
    async with one_moment(connection):
        query = await query_of(connection, wanted)
        rows = await query.lines(connection, skipped=skipped, most=most)
    return _lines(rows, wanted, query.begin_us)


async def _of_days(connection: asyncpg.Connection, wanted: Wanted, days: list[Days]) -> Lines:
    return await kpi_lines(connection, replace(wanted, first=days[0].first, last=days[-1].last))


def _lines(
    rows: Sequence[asyncpg.Record], wanted: Wanted, begin_us: Callable[[datetime | date], int]
) -> Lines:
    width = 1 + len(wanted.by)
    columns = list(zip(*rows, strict=True)) or [()] * (width + len(MEASURES))
    sums: dict[str, Sequence[float]] = dict(zip(MEASURES, columns[width:], strict=True))
    offered: Sequence[float] = sums[PARTS[0]]
    for part in PARTS[1:]:
        offered = list(map(add, offered, sums[part]))
    return Lines(
        begins=list(_begins(columns[0], begin_us)),
        groups=columns[1:width],
        sums={**sums, "offered": offered},
    )


def _begins(
    column: Sequence[datetime | date], begin_us: Callable[[datetime | date], int]
) -> Iterable[int]:
    """Yield begins as microseconds; lines of the same stretch stand together."""
    last, found = None, 0
    for begin in column:
        if begin != last:
            last, found = begin, begin_us(begin)
        yield found
