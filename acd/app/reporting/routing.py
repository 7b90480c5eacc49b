"""What ranking by conversion gained over the calls held out."""

import asyncpg

from acd.config import Config
from acd.reports.report import Report
from acd.reports.request import Request, borders, microseconds, refuse_others
from acd.reports.routing_report import routing_report
from acd.storage.routing import gains


async def routing(connection: asyncpg.Connection, _config: Config, request: Request) -> Report:
    """Return the gain per queue."""
    refuse_others(request, "routing", by=("queue",), only=("project", "queue"))
    from_at, to_at = borders(request)
    found = await gains(
        connection, from_at=from_at, to_at=to_at, project=request.only.get("project")
    )
    queue = request.only.get("queue")
    return routing_report(
        (one for one in found if queue in {None, one.queue}),
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
    )
