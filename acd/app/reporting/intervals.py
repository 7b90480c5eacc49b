"""Quarter-hours, or hours, over the days: when callers come, and how they are served."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from msgspec.structs import replace

from acd.config import Config
from acd.reports.cells_report import Layout
from acd.reports.cells_report import intervals as layout_of
from acd.reports.report import Report
from acd.reports.request import DIMENSIONS, Period, Request, refuse_others

from .streamed import Stream
from .summing import cut_of, of_lines, service_levels, stream_of_lines


async def intervals(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them; all queues together unless wished otherwise."""
    layout, request = _layout(request)
    return await of_lines(connection, layout, request)


@asynccontextmanager
async def stream(
    connection: asyncpg.Connection, _config: Config, request: Request
) -> AsyncIterator[Stream]:
    """Give all of them, day by day."""
    layout, request = _layout(request)
    async with stream_of_lines(connection, layout, request) as found:
        yield found


def _layout(request: Request) -> tuple[Layout, Request]:
    refuse_others(
        request,
        "intervals",
        by=DIMENSIONS,
        only=DIMENSIONS,
        per=(Period.ALL, Period.QUARTER_HOUR, Period.HOUR),
        options=("service_level",),
    )
    if request.period is Period.ALL:
        request = replace(request, period=Period.QUARTER_HOUR)
    return layout_of(cut_of(request, request.by), levels=service_levels(request)), request
