"""Interactions one by one: who, where, how long, and how it ended."""

import asyncpg

from acd.config import Config
from acd.reports.calls import LIMIT, MOST, calls_report
from acd.reports.report import Report
from acd.reports.request import Request, RequestError, borders, microseconds, refuse_others
from acd.storage.calls import Selection, find_calls


async def calls(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return the list."""
    refuse_others(
        request,
        "calls",
        only=("project", "queue", "agent"),
        options=("limit", "after", "number"),
    )
    sight = config.number_sight()
    number = request.options.get("number", "")
    if number and request.role not in sight.shown_to:
        # Whoever may not see numbers must not find out by trying either.
        raise RequestError(f"the role {request.role} may not search by number", field="options")
    limit = _limit(request.options.get("limit", str(LIMIT)))
    from_at, to_at = borders(request)
    selection = Selection(
        project=request.only.get("project", ""),
        queue=request.only.get("queue", ""),
        agent=request.only.get("agent", ""),
        number=number,
        after=request.options.get("after", ""),
    )
    rows = await find_calls(
        connection, from_at=from_at, to_at=to_at, selection=selection, limit=limit
    )
    if rows is None:
        raise RequestError(f"after={selection.after}: no such interaction", field="options")
    return calls_report(
        rows,
        sight=sight,
        role=request.role,
        limit=limit,
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
    )


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise RequestError(f"limit={text}: a number from 1 to {MOST} is wanted", field="options")
    return int(text)
