"""The queues beside each other: every service level, percentiles of waits and handle times."""

import asyncpg

from acd.config import Config
from acd.reports.cells_report import queues as layout_of
from acd.reports.cells_report import with_all_queues
from acd.reports.report import Report
from acd.reports.request import Request, refuse_others

from .summing import cells_of, cut_of, own_queues


async def queues(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return them."""
    refuse_others(request, "queues", by=("queue",), only=("project", "queue"))
    by = ("queue",)
    cells = await cells_of(connection, request, by, sketches=True)
    cut = cut_of(request, by)
    if "queue" not in request.only:
        cells = dict(with_all_queues(cells, cut, own_queues(config, request)))
    layout = layout_of(cut)
    return layout.report(layout.of_cells(cells))
