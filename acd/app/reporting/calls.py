"""Interactions one by one: who, where, how long, and how it ended."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from acd.config import Config
from acd.reports.calls import LIMIT, MOST, CallsView, place_words
from acd.reports.pages import Page
from acd.reports.paging import part_of
from acd.reports.report import Report, Row
from acd.reports.request import (
    Request,
    RequestError,
    borders,
    microseconds,
    refuse_others,
    whole_number,
)
from acd.storage.calls import Calls, Place, Selection, starts_of
from acd.storage.kpi_cells import one_moment

from .streamed import Stream

CALLS_AT_ONCE = 2_000
"Read and written together: a fifth of a second of Postgres' work, a megabyte."


async def calls(connection: asyncpg.Connection, config: Config, request: Request) -> Report:
    """Return the list: a page of it, or `limit` lines."""
    found, view = await _asked(connection, config, request)
    page = request.page
    limit = _limit(request, LIMIT if page is None else page.lines)
    if page is None:
        return view.report(await found.find(limit), limit=limit)
    page = Page(number=page.number, lines=limit)
    async with one_moment(connection):
        part = part_of(page, await found.count())
        rows = await found.find(page.lines, skipped=page.skipped)
    return view.report(rows, part=part)


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
    found, view = await _asked(connection, config, request)

    async def lines() -> AsyncIterator[Sequence[Row]]:
        after: Place | None = None
        while rows := await found.find(at_once, after=after):
            yield view.lines(rows)
            after = rows[-1].started_at, rows[-1].interaction

    async with one_moment(connection):
        yield Stream(view.report(()), await found.count(), lines())


async def _asked(
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
    for name, value in request.only.items():
        if not value:
            raise RequestError(f"{name}=: a {name} is wanted here", field="only")
    from_at, to_at = borders(request)
    selection = Selection(
        project=request.only.get("project", ""),
        queue=request.only.get("queue", ""),
        agent=request.only.get("agent", ""),
        number=number,
        after=await _after(connection, request),
    )
    view = CallsView(
        sight=sight,
        role=request.role,
        from_us=microseconds(from_at),
        to_us=microseconds(to_at),
        timezone=request.zone.key,
    )
    return Calls(connection, selection, from_at=from_at, to_at=to_at), view


async def _after(connection: asyncpg.Connection, request: Request) -> Place | None:
    """Return the line that the list goes on behind. Raises RequestError where none is meant."""
    text = request.options.get("after", "")
    if not text:
        return None
    interaction, at, start = text.partition("@")
    starts = await starts_of(connection, interaction)
    if at:
        starts = [one for one in starts if one == _moment(start)]
    if not starts:
        raise RequestError(f"after={text}: no such interaction", field="options")
    if len(starts) > 1:
        # Whoever was called back has several lines; behind which of them the list goes on, who
        # guessed would leave calls out or give them twice.
        raise RequestError(
            f"after={text}: it has {len(starts)} lines, say which by its start,"
            f" such as after={place_words(starts[0], interaction)}",
            field="options",
        )
    return starts[0], interaction


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _limit(request: Request, usual: int) -> int:
    text = request.options.get("limit", str(usual))
    limit = whole_number(text, MOST)
    if limit is None:
        raise RequestError(f"limit={text}: a number from 1 to {MOST} is wanted", field="options")
    return limit
