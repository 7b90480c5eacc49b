"""A report into a file, in the form that somebody wants; long ones as a stream."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import IO

import asyncpg

from acd.config import Config
from acd.reports.request import Request

from . import REPORTS
from .calls import stream as calls
from .forms import FORMS, WRITERS
from .intervals import stream as intervals
from .kpi import stream as kpi
from .streamed import Stream, at_once

Streamer = Callable[
    [asyncpg.Connection, Config, Request], AbstractAsyncContextManager[Stream | None]
]
"None: this time the report is a short one, and made whole."

STREAMS: Mapping[str, Streamer] = {"calls": calls, "intervals": intervals, "kpi": kpi}
"Reports that can be longer than memory should hold."

Tell = Callable[[int, int], None]
"How far it is: (lines written, lines there will be)."


async def export(
    connection: asyncpg.Connection,
    config: Config,
    name: str,
    request: Request,
    form: str,
    locale: str,
    file: IO[bytes],
    tell: Tell = lambda _done, _total: None,
) -> None:
    """Write a report. Raises what the database raises, or RequestError."""
    if form not in WRITERS:
        report = await REPORTS[name](connection, config, request)
        file.write(FORMS[form](report, locale))
        return
    async with _streamed(connection, config, name, request) as stream:
        writer = WRITERS[form](stream.report, locale, stream.total, file)
        writer.begin()
        done = 0
        async for rows in stream.rows:
            writer.lines(rows)
            done += len(rows)
            tell(done, stream.total)
        writer.end()


@asynccontextmanager
async def _streamed(
    connection: asyncpg.Connection, config: Config, name: str, request: Request
) -> AsyncIterator[Stream]:
    if request.page is None and name in STREAMS:
        async with STREAMS[name](connection, config, request) as stream:
            if stream is not None:
                yield stream
                return
    report = await REPORTS[name](connection, config, request)
    yield Stream(report, len(report.rows), at_once(report.rows))
