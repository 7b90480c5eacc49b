"""Quarter-hours, or hours, over the days: when callers come, and how they are served."""

import asyncpg
from msgspec.structs import replace

from acd.config import Config
from acd.reports.cells_report import intervals_report
from acd.reports.report import Report
from acd.reports.request import DIMENSIONS, Period, Request, refuse_others

from .summing import cells_of, cut_of, service_levels


async def intervals(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them; all queues together unless wished otherwise."""
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
    cells = await cells_of(connection, request, request.by)
    return intervals_report(cells, cut_of(request, request.by), levels=service_levels(request))
