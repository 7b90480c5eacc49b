"""Volumes, rates and waits per queue."""

import asyncpg

from acd.config import Config
from acd.reports.kpi import ServiceLevel, with_all_queues
from acd.reports.kpi_report import kpi_report
from acd.reports.report import Report
from acd.reports.request import Request, RequestError, borders, microseconds, refuse_others
from acd.storage.kpi import queue_kpis


async def kpi(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return them."""
    refuse_others(
        request, "kpi", by=("queue",), only=("project", "queue"), options=("service_level",)
    )
    level = _service_level(request)
    from_at, to_at = borders(request)
    found = await queue_kpis(
        connection,
        from_at=from_at,
        to_at=to_at,
        service_level=level,
        project=request.only.get("project"),
    )
    queue = request.only.get("queue")
    figures = with_all_queues(found, config.queues.queues)
    return kpi_report(
        (one for one in figures if queue in {None, one.queue}),
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
        service_level=level,
    )


def _service_level(request: Request) -> ServiceLevel:
    name = request.options.get("service_level", ServiceLevel.OFFERED.value)
    try:
        return ServiceLevel(name)
    except ValueError:
        names = ", ".join(level.value for level in ServiceLevel)
        raise RequestError(f"{name}: expected one of {names}", field="service_level") from None
