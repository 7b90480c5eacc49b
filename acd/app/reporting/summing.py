"""What the reports out of cells have in common: reading the wish, and asking the database."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import asyncpg
from msgspec.structs import replace

from acd.config import Config
from acd.reports.cells import Cell, Key
from acd.reports.cells_report import Cut, Layout, drawn
from acd.reports.paging import part_of
from acd.reports.report import Report, Row
from acd.reports.request import Period, Request, RequestError, borders, microseconds
from acd.reports.service_level import ServiceLevel
from acd.storage.kpi_cells import Wanted, kpi_cells, one_moment
from acd.storage.kpi_lines import all_lines, kpi_lines, line_counts, page_lines

from .streamed import Stream


def cut_of(request: Request, by: tuple[str, ...]) -> Cut:
    """Return how the figures are cut: as wished, by what the report says."""
    from_at, to_at = borders(request)
    return Cut(
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        zone=request.zone,
        period=request.period,
        by=by,
    )


def wanted(request: Request, by: tuple[str, ...], *, sketches: bool = False) -> Wanted:
    """Return the same for the database."""
    return Wanted(
        first=request.first,
        last=request.last,
        zone=request.zone,
        period=request.period,
        by=by,
        only=request.only,
        sketches=sketches,
    )


async def cells_of(
    connection: asyncpg.Connection,
    request: Request,
    by: tuple[str, ...],
    *,
    sketches: bool = False,
) -> dict[Key, Cell]:
    """Return the cells that are wished for."""
    return await kpi_cells(connection, wanted(request, by, sketches=sketches))


def own_queues(config: Config, request: Request) -> Collection[str]:
    """Return the queues of queues.yaml that have a line without calls, too: those asked for."""
    project = config.server.centre.project
    return config.queues.queues if request.only.get("project", project) == project else ()


def service_levels(request: Request) -> tuple[ServiceLevel, ...]:
    """Return the definitions asked for, separated by commas; `all`: every one."""
    text = request.options.get("service_level", ServiceLevel.OFFERED.value)
    if text == "all":
        return tuple(ServiceLevel)
    try:
        return tuple(dict.fromkeys(ServiceLevel(name.strip()) for name in text.split(",")))
    except ValueError:
        names = ", ".join(level.value for level in ServiceLevel)
        raise RequestError(
            f"{text}: expected one or several of {names}, or all", field="service_level"
        ) from None


async def of_lines(connection: asyncpg.Connection, layout: Layout, request: Request) -> Report:
    """Return a report that is cut by time: all its lines, or the page that is wanted."""
    wish = wanted(request, layout.cut.by)
    if request.page is None:
        return layout.report(layout.of_lines(await kpi_lines(connection, wish)))
    async with one_moment(connection):
        counts = await line_counts(connection, wish)
        part = part_of(request.page, sum(days.count for days in counts))
        rows = layout.of_lines(await page_lines(connection, wish, counts, request.page))
        report = replace(layout.report(rows), part=part)
        if part.is_all:
            return report
        return replace(
            report,
            totals=await _totals(connection, layout, request),
            drawn=await _drawn(connection, layout, request) if request.is_drawn else (),
        )


@asynccontextmanager
async def stream_of_lines(
    connection: asyncpg.Connection, layout: Layout, request: Request
) -> AsyncIterator[Stream]:
    """Give a report that is cut by time as a stream, all of it as of one moment."""
    wish = wanted(request, layout.cut.by)
    async with one_moment(connection):
        counts = await line_counts(connection, wish)
        rows = (layout.of_lines(lines) async for lines in all_lines(connection, wish, counts))
        yield Stream(layout.report(), sum(days.count for days in counts), rows)


async def _totals(connection: asyncpg.Connection, layout: Layout, request: Request) -> Row:
    wish = replace(wanted(request, ()), period=Period.ALL)
    cells = await kpi_cells(connection, wish)
    return layout.totals(cells.get((None,), Cell()))


async def _drawn(
    connection: asyncpg.Connection, layout: Layout, request: Request
) -> tuple[Report, ...]:
    found = []
    for one in drawn(layout):
        wish = replace(wanted(request, one.cut.by), period=one.cut.period)
        found.append(one.report(one.of_lines(await kpi_lines(connection, wish))))
    return tuple(found)
