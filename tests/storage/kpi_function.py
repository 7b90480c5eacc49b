"""The KPI figures by the function `kpi_queues`, which the database has for psql and others."""

from datetime import datetime

import asyncpg

from acd.reports.kpi import QueueKpi, ServiceLevel


async def queue_kpis(
    connection: asyncpg.Connection,
    *,
    from_at: datetime,
    to_at: datetime,
    service_level: ServiceLevel = ServiceLevel.OFFERED,
    project: str | None = None,
) -> list[QueueKpi]:
    """Return the figures of the visits that entered in [from_at, to_at), by queue name.

    `project` None: all projects together. Both times carry a zone.
    """
    rows = await connection.fetch(
        "SELECT * FROM kpi_queues($1, $2, $3, $4)", from_at, to_at, service_level.value, project
    )
    return [QueueKpi(**dict(row), service_level_definition=service_level.value) for row in rows]
