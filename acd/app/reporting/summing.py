"""What the reports out of cells have in common: reading the wish, and asking the database."""

import asyncpg

from acd.reports.cells import Cell, Key
from acd.reports.cells_report import Cut
from acd.reports.request import Request, RequestError, borders, microseconds
from acd.reports.service_level import ServiceLevel
from acd.storage.kpi_cells import Wanted, kpi_cells


def cut_of(request: Request, by: tuple[str, ...]) -> Cut:
    """Return how the figures are cut: as wished, by what the report says."""
    from_at, to_at = borders(request)
    return Cut(
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        zone=request.zone,
        period=request.period,
        by=by,
    )


def wanted(request: Request, by: tuple[str, ...], *, sketches: bool = False) -> Wanted:
    """Return the same for the database."""
    return Wanted(
        first=request.first,
        last=request.last,
        zone=request.zone,
        period=request.period,
        by=by,
        only=request.only,
        sketches=sketches,
    )


async def cells_of(
    connection: asyncpg.Connection,
    request: Request,
    by: tuple[str, ...],
    *,
    sketches: bool = False,
) -> dict[Key, Cell]:
    """Return the cells that are wished for."""
    return await kpi_cells(connection, wanted(request, by, sketches=sketches))


def service_levels(request: Request) -> tuple[ServiceLevel, ...]:
    """Return the definitions asked for, separated by commas; `all`: every one."""
    text = request.options.get("service_level", ServiceLevel.OFFERED.value)
    if text == "all":
        return tuple(ServiceLevel)
    try:
        return tuple(dict.fromkeys(ServiceLevel(name.strip()) for name in text.split(",")))
    except ValueError:
        names = ", ".join(level.value for level in ServiceLevel)
        raise RequestError(
            f"{text}: expected one or several of {names}, or all", field="service_level"
        ) from None
