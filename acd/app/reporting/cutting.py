"""What reports of calls have in common: how they are cut, for the database and for readers."""

from collections.abc import Collection

from acd.reports.cut import Cut
from acd.reports.repeat import DAYS, DAYS_MAX
from acd.reports.request import (
    Period,
    Request,
    RequestError,
    borders,
    microseconds,
    refuse_others,
    whole_number,
)
from acd.storage.cuts import Cutting


def cut_of(
    request: Request, report: str, dimensions: Collection[str], options: Collection[str]
) -> tuple[Cutting, Cut]:
    """Return how rows are cut, for the database and for the report. Raises RequestError."""
    refuse_others(
        request, report, by=dimensions, only=dimensions, per=tuple(Period), options=options
    )
    from_at, to_at = borders(request)
    by = request.by or (("queue",) if "queue" not in request.only else ())
    cutting = Cutting(
        from_at=from_at,
        to_at=to_at,
        zone=request.zone,
        period=request.period,
        by=by,
        only=request.only,
    )
    cut = Cut(
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
        period=request.period,
        by=by,
    )
    return cutting, cut


def days_of(request: Request) -> int:
    """Return within how many days a call repeats another. Raises RequestError."""
    text = request.options.get("days", str(DAYS))
    days = whole_number(text, DAYS_MAX)
    if days is None:
        raise RequestError(
            f"{text}: expected days from 1 to {DAYS_MAX}, such as {DAYS}",
            field="days",
        )
    return days
