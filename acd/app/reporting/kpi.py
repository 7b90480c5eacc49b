"""Volumes, rates and waits of any period, by whatever they can be cut by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from acd.config import Config
from acd.reports.cells_report import Layout, figures, with_all_queues
from acd.reports.report import Report
from acd.reports.request import DIMENSIONS, Period, Request, RequestError, refuse_others

from .streamed import Stream
from .summing import cells_of, cut_of, of_lines, own_queues, service_levels, stream_of_lines


async def kpi(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return them; by queue unless wished otherwise."""
    layout = _layout(request)
    if _is_cut_by_time(layout):
        return await of_lines(connection, layout, request)
    cut = layout.cut
    cells = await cells_of(connection, request, cut.by, sketches=_percentiles(request))
    if not request.only.keys() - {"project"}:
        cells = dict(with_all_queues(cells, cut, own_queues(config, request)))
    return layout.report(layout.of_cells(cells))


@asynccontextmanager
async def stream(
    connection: asyncpg.Connection, _config: Config, request: Request
) -> AsyncIterator[Stream | None]:
    """Give all of them, day by day, where time is cut; else None."""
    layout = _layout(request)
    if not _is_cut_by_time(layout):
        yield None
        return
    async with stream_of_lines(connection, layout, request) as found:
        yield found


def _layout(request: Request) -> Layout:
    refuse_others(
        request,
        "kpi",
        by=DIMENSIONS,
        only=DIMENSIONS,
        per=tuple(Period),
        options=("service_level", "percentiles"),
    )
    return figures(
        cut_of(request, request.by or ("queue",)),
        levels=service_levels(request),
        percentiles=_percentiles(request),
    )


def _is_cut_by_time(layout: Layout) -> bool:
    """Whether it may be long, and is had without percentiles, which take cells of their own."""
    return layout.cut.period is not Period.ALL and not layout.has_percentiles


def _percentiles(request: Request) -> bool:
    text = request.options.get("percentiles", "no")
    if text not in {"yes", "no"}:
        raise RequestError(f"percentiles={text}: expected yes or no", field="options")
    return text == "yes"
