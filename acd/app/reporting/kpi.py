"""Volumes, rates and waits of any period, by whatever they can be cut by."""

import asyncpg

from acd.config import Config
from acd.reports.cells_report import figures, with_all_queues
from acd.reports.report import Report
from acd.reports.request import DIMENSIONS, Period, Request, RequestError, refuse_others

from .summing import cells_of, cut_of, of_lines, service_levels


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
    by, percentiles = request.by or ("queue",), _percentiles(request)
    cut = cut_of(request, by)
    layout = figures(cut, levels=service_levels(request), percentiles=percentiles)
    if request.period is not Period.ALL and not percentiles:
        return await of_lines(connection, layout, request)
    cells = await cells_of(connection, request, by, sketches=percentiles)
    if not request.only.keys() - {"project"}:
        cells = dict(with_all_queues(cells, cut, config.queues.queues))
    return layout.report(layout.of_cells(cells))


def _percentiles(request: Request) -> bool:
    text = request.options.get("percentiles", "no")
    if text not in {"yes", "no"}:
        raise RequestError(f"percentiles={text}: expected yes or no", field="options")
    return text == "yes"
