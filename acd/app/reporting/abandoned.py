"""Callers who gave up waiting and were not reached since: the list to call back."""

import asyncpg
from msgspec.structs import replace

from acd.config import Config
from acd.reports.abandoned import abandoned_report
from acd.reports.report import Report
from acd.reports.request import Request, borders, microseconds, refuse_others
from acd.storage.abandoned import abandoned_callers


async def abandoned(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return the list."""
    refuse_others(request, "abandoned", only=("project", "queue"))
    from_at, to_at = borders(request)
    callers = await abandoned_callers(
        connection,
        from_at=from_at,
        to_at=to_at,
        project=request.only.get("project"),
        most=None,
    )
    sight = config.number_sight()
    queue = request.only.get("queue")
    return abandoned_report(
        (
            replace(one, caller=sight.number(one.caller, request.role))
            for one in callers
            if queue in {None, one.queue}
        ),
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
    )
