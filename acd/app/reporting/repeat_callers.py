"""The customers who called again most often."""

import asyncpg
from msgspec.structs import replace

from acd.config import Config
from acd.reports.repeat import DIMENSIONS, callers_report
from acd.reports.report import Report
from acd.reports.request import Request, refuse_others
from acd.storage.repeat_sums import repeat_callers as find_callers

from .cutting import cut_of, days_of


async def repeat_callers(
    connection: asyncpg.Connection, config: Config, request: Request
) -> Report:
    """Return the list, numbers masked by the reader's role."""
    refuse_others(request, "repeat_callers", only=DIMENSIONS, options=("days",))
    cutting, cut = cut_of(request, "repeat_callers", DIMENSIONS, ("days",))
    days = days_of(request)
    sight = config.number_sight()
    found = await find_callers(connection, cutting, days=days)
    return callers_report(
        (replace(one, caller=sight.number(one.caller, request.role)) for one in found), cut, days
    )
