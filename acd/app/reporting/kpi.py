"""Volumes, rates and waits of any period, by whatever they can be cut by."""

import asyncpg

from acd.config import Config
from acd.reports.cells_report import figures_report, with_all_queues
from acd.reports.report import Report
from acd.reports.request import DIMENSIONS, Period, Request, RequestError, refuse_others

from .summing import cells_of, cut_of, service_levels


async def kpi(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return them; by queue unless wished otherwise."""
    refuse_others(
        request,
        "kpi",
        by=DIMENSIONS,
        only=DIMENSIONS,
        per=tuple(Period),
        options=("service_level", "percentiles"),
    )
    levels, percentiles = service_levels(request), _percentiles(request)
    by = request.by or ("queue",)
    cells = await cells_of(connection, request, by, sketches=percentiles)
    cut = cut_of(request, by)
    if not request.only.keys() - {"project"}:
        cells = dict(with_all_queues(cells, cut, config.queues.queues))
    return figures_report(cells, cut, levels=levels, percentiles=percentiles)


def _percentiles(request: Request) -> bool:
    text = request.options.get("percentiles", "no")
    if text not in {"yes", "no"}:
        raise RequestError(f"percentiles={text}: expected yes or no", field="options")
    return text == "yes"
