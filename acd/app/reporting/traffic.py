"""What became of everybody who called: self-service, agents, call-backs, lost."""

import asyncpg

from acd.config import Config
from acd.reports.report import Report
from acd.reports.request import Period, Request, borders, microseconds, refuse_others
from acd.reports.traffic import TRAFFIC_DIMENSIONS, traffic_report
from acd.storage.traffic import traffic_cells

from .summing import wanted


async def traffic(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return them."""
    refuse_others(
        request,
        "traffic",
        by=TRAFFIC_DIMENSIONS,
        only=TRAFFIC_DIMENSIONS,
        per=tuple(Period),
    )
    cells = await traffic_cells(connection, wanted(request, request.by))
    from_at, to_at = borders(request)
    return traffic_report(
        cells,
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
        period=request.period,
        by=request.by,
    )
