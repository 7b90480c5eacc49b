"""Reports by name: each asks the database for rows and has `acd.reports` make figures of them.

The command line, the HTTP interface and the schedule all get their reports here.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps

import asyncpg

from acd.config import Config
from acd.reports.paging import cut
from acd.reports.report import Report
from acd.reports.request import Request

from .abandoned import abandoned
from .adherence import adherence
from .agents import agents
from .calls import calls
from .contract import contract
from .csat import csat
from .dialling import dialling
from .intervals import intervals
from .kpi import kpi
from .orders import orders
from .pay import pay
from .quadrant import quadrant
from .queues import queues
from .repeat import repeat
from .repeat_callers import repeat_callers
from .routing import routing
from .traffic import traffic

Maker = Callable[[asyncpg.Connection, Config, Request], Awaitable[Report]]
"""Makes one report; the first line of its file stands in lists of reports.

Raises what the database raises, or RequestError with what would be right.
"""

_ASKED: Mapping[str, Maker] = {
    "abandoned": abandoned,
    "adherence": adherence,
    "agents": agents,
    "calls": calls,
    "csat": csat,
    "dialling": dialling,
    "intervals": intervals,
    "kpi": kpi,
    "orders": orders,
    "queues": queues,
    "repeat": repeat,
    "repeat_callers": repeat_callers,
    "routing": routing,
    "traffic": traffic,
}
"Those that ask the records."


def _by_pages(maker: Maker) -> Maker:
    """Return a maker that cuts what is long into pages, where `maker` does not do so itself."""

    @wraps(maker)
    async def make(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
        report = await maker(connection, config, request)
        if request.page is None or report.part is not None:
            return report
        return cut(report, request.page)

    return make


REPORTS: Mapping[str, Maker] = {
    name: _by_pages(maker)
    for name, maker in {
        **_ASKED,
        "contract": contract(_ASKED),
        "pay": pay(_ASKED),
        "quadrant": quadrant(_ASKED),
    }.items()
}
"All; the last ones are made of what others say of the same agents."
