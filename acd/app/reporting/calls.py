"""Interactions one by one: who, where, how long, and how it ended."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from acd.config import Config
from acd.reports.calls import LIMIT, MOST, CallsView
from acd.reports.pages import Page
from acd.reports.paging import part_of
from acd.reports.report import Report, Row
from acd.reports.request import Request, RequestError, borders, microseconds, refuse_others
from acd.storage.calls import Calls, Selection
from acd.storage.kpi_cells import one_moment

from .streamed import Stream

CALLS_AT_ONCE = 2_000
"Read and written together: a fifth of a second of Postgres' work, a megabyte."

T = TypeVar("T")


async def calls(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return the list: a page of it, or `limit` lines."""
    found, view = _asked(connection, config, request)
    page = request.page
    limit = _limit(request, LIMIT if page is None else page.lines)
    if page is None:
        return view.report(_known(await found.find(limit), request), limit=limit)
    page = Page(number=page.number, lines=limit)
    async with one_moment(connection):
        part = part_of(page, _known(await found.count(), request))
        rows = await found.find(page.lines, skipped=page.skipped)
    return view.report(_known(rows, request), part=part)


@asynccontextmanager
async def stream(
    connection: asyncpg.Connection,
    config: Config,
    request: Request,
    *,
    at_once: int = CALLS_AT_ONCE,
) -> AsyncIterator[Stream | None]:
    """Give all of them; None where `limit` says how many."""
    if "limit" in request.options:
        yield None
        return
    found, view = _asked(connection, config, request)

    async def lines() -> AsyncIterator[Sequence[Row]]:
        after: str | None = None
        while rows := await found.find(at_once, after=after):
            yield view.lines(rows)
            after = rows[-1].interaction

    async with one_moment(connection):
        yield Stream(view.report(()), _known(await found.count(), request), lines())


def _asked(
    connection: asyncpg.Connection, config: Config, request: Request
) -> tuple[Calls, CallsView]:
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
    from_at, to_at = borders(request)
    selection = Selection(
        project=request.only.get("project", ""),
        queue=request.only.get("queue", ""),
        agent=request.only.get("agent", ""),
        number=number,
        after=request.options.get("after", ""),
    )
    view = CallsView(
        sight=sight,
        role=request.role,
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
    )
    return Calls(connection, selection, from_at=from_at, to_at=to_at), view


def _known(found: T | None, request: Request) -> T:
    if found is None:
        after = request.options.get("after", "")
        raise RequestError(f"after={after}: no such interaction", field="options")
    return found


def _limit(request: Request, usual: int) -> int:
    text = request.options.get("limit", str(usual))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise RequestError(f"limit={text}: a number from 1 to {MOST} is wanted", field="options")
    return int(text)
