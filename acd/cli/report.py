"""`acd report kpi`: a day's figures per queue, beside a running server or without one."""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from acd.reports.days import DayError, day_borders, parse_day

from ._options import CommandError, Subparsers, add_config, add_state
from ._running import find_running

if TYPE_CHECKING:
    from acd.config import Config
    from acd.reports.kpi import QueueKpi, ServiceLevel
    from acd.storage.journal import Journal

TABLE_WIDTH = 200
"Columns where no terminal tells its own width."


def add_parser(subparsers: Subparsers) -> None:
    """Add `report`."""
    parser = subparsers.add_parser("report", help="figures from the call records")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    kpi_parser = verbs.add_parser("kpi", help="a day's figures per queue")
    add_config(kpi_parser)
    add_state(kpi_parser)
    kpi_parser.add_argument(
        "--day",
        default="today",
        metavar="DAY",
        help="today, yesterday or YYYY-MM-DD, in the centre's time zone (default: today)",
    )
    kpi_parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    kpi_parser.add_argument(
        "--locale", choices=("zh", "en"), help="language of the table (default: the centre's)"
    )
    kpi_parser.add_argument(
        "--service-level",
        choices=("offered", "offered_without_short_abandons", "answered", "abandons_met"),
        default="offered",
        help="what the answered-in-time are divided by (default: offered)",
    )
    kpi_parser.set_defaults(run=kpi)


def kpi(arguments: argparse.Namespace) -> int:
    """Print the day's figures of all queues."""
    from acd.config import load_config
    from acd.reports.kpi import ServiceLevel, with_all_queues

    config = load_config(arguments.config)
    zone = ZoneInfo(config.server.centre.timezone)
    try:
        day = parse_day(arguments.day, datetime.now(zone).date())
    except DayError as error:
        raise CommandError(f"--day {error}") from error
    from_at, to_at = day_borders(day, zone)
    found = asyncio.run(
        _figures(arguments.state, config, from_at, to_at, ServiceLevel(arguments.service_level))
    )
    figures = with_all_queues(found, config.queues.queues)
    locale = arguments.locale or config.server.centre.locale
    _print(figures, arguments.format, title=f"KPI {day} ({zone})", locale=locale)
    return 0


async def _figures(
    state: Path,
    config: "Config",
    from_at: datetime,
    to_at: datetime,
    service_level: "ServiceLevel",
) -> "list[QueueKpi]":
    import asyncpg

    from acd.storage.database import UNREACHABLE
    from acd.storage.kpi import queue_kpis

    async with _database(state, config) as dsn:
        try:
            connection = await asyncpg.connect(dsn, timeout=5)
            try:
                return await queue_kpis(
                    connection, from_at=from_at, to_at=to_at, service_level=service_level
                )
            finally:
                await connection.close()
        except UNREACHABLE as error:
            reason = str(error) or type(error).__name__
            raise CommandError(f"the database does not answer: {reason}") from error


@asynccontextmanager
async def _database(state: Path, config: "Config") -> AsyncIterator[str]:
    """Give the DSN of a database that holds all of the state folder's records.

    Beside a running server that is the server's. Otherwise its work is done first: the embedded
    Postgres started, calls that a killed server left open closed, the journal shipped.
    """
    from acd.storage.journal import is_locked
    from acd.storage.postgres import EmbeddedPostgres, embedded_dsn

    dsn = config.server.database.dsn
    if is_locked(state / "journal"):
        server = find_running(state)
        yield (server.database if server else "") or dsn or embedded_dsn(state)
        return
    if not (state / "journal").is_dir():
        if not dsn:
            raise CommandError(
                f"{state}: no server has run on this state folder; start `acd run`, or name"
                " another with --state"
            )
        yield dsn
        return
    postgres = None if dsn else EmbeddedPostgres(state, on_event=_tell)
    try:
        if postgres is not None:
            dsn = await postgres.start()
        await _ship_rest(state, config, dsn)
        yield dsn
    finally:
        if postgres is not None:
            await postgres.stop()


async def _ship_rest(state: Path, config: "Config", dsn: str) -> None:
    """Bring the records of a server that does not run into the database."""
    import socket
    import uuid

    from acd.storage.journal import Journal

    journal = Journal.open(
        state / "journal",
        node=socket.gethostname(),
        boot=str(uuid.uuid4()),
        wall_us=lambda: time.time_ns() // 1000,
        on_alarm=_tell,
        settings=config.journal_settings(),
    )
    try:
        await _recover_and_ship(journal, dsn)
    finally:
        journal.close()


async def _recover_and_ship(journal: "Journal", dsn: str) -> None:
    from importlib.metadata import version

    from acd.calls.events import ServerStopped
    from acd.storage.recovery import begin_boot, needs_recovery
    from acd.storage.shipper import Shipper

    if needs_recovery(journal):
        begin_boot(journal, version=version("acd"), mono_s=time.monotonic())
        journal.append([ServerStopped()], time.monotonic())
    trouble: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_alarm(text: str) -> None:
        _tell(text)
        if not shipper.connected and not trouble.done():
            trouble.set_result(text)

    shipper = Shipper(journal, dsn, on_alarm=on_alarm)
    running = asyncio.create_task(shipper.run())
    drained = asyncio.create_task(shipper.drain())
    try:
        await asyncio.wait((running, drained, trouble), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        if not drained.done():
            raise CommandError("the journal could not be brought into the database")
    finally:
        running.cancel()
        drained.cancel()
        await asyncio.gather(running, drained, return_exceptions=True)


def _print(figures: "list[QueueKpi]", form: str, *, title: str, locale: str) -> None:
    from rich.console import Console

    from acd.reports.table import as_csv, as_json, as_table, fitting

    match form:
        case "json":
            print(as_json(figures))
        case "csv":
            print(as_csv(figures), end="")
        case _:
            console = Console()
            if not console.is_terminal:
                console = Console(width=TABLE_WIDTH)
            console.print(fitting(as_table(figures, title=title, locale=locale), console))


def _tell(text: str) -> None:
    print(f"acd: {text}", file=sys.stderr)
