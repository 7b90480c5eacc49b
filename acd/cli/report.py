"""`acd report`: figures per queue, beside a running server or without one."""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from acd.reports.days import DayError, day_borders, parse_day

from ._options import CommandError, Subparsers, add_config, add_state
from ._running import find_running

if TYPE_CHECKING:
    import asyncpg
    from msgspec import Struct
    from rich.table import Table

    from acd.config import Config
    from acd.storage.journal import Journal

T = TypeVar("T")

TABLE_WIDTH = 200
"Columns where no terminal tells its own width."


def add_parser(subparsers: Subparsers) -> None:
    """Add `report`."""
    parser = subparsers.add_parser("report", help="figures from the call records")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    kpi_parser = verbs.add_parser("kpi", help="a day's figures per queue")
    _add_common(kpi_parser)
    kpi_parser.add_argument(
        "--service-level",
        choices=("offered", "offered_without_short_abandons", "answered", "abandons_met"),
        default="offered",
        help="what the answered-in-time are divided by (default: offered)",
    )
    kpi_parser.set_defaults(run=kpi)
    routing_parser = verbs.add_parser("routing", help="what ranking by conversion gained")
    _add_common(routing_parser)
    routing_parser.add_argument("--from", dest="first", metavar="DAY", help="first day of several")
    routing_parser.add_argument("--to", dest="last", metavar="DAY", help="last day, included")
    routing_parser.set_defaults(run=routing)
    abandoned_parser = verbs.add_parser(
        "abandoned", help="callers who gave up and were not reached since"
    )
    _add_common(abandoned_parser)
    abandoned_parser.set_defaults(run=abandoned)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    add_state(parser)
    parser.add_argument(
        "--day",
        default="today",
        metavar="DAY",
        help="today, yesterday or YYYY-MM-DD, in the centre's time zone (default: today)",
    )
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table")
    parser.add_argument(
        "--locale", choices=("zh", "en"), help="language of the table (default: the centre's)"
    )


def kpi(arguments: argparse.Namespace) -> int:
    """Print the day's figures of all queues."""
    from acd.config import load_config
    from acd.reports.kpi import QueueKpi, ServiceLevel, with_all_queues
    from acd.reports.table import as_table
    from acd.storage.kpi import queue_kpis

    config = load_config(arguments.config)
    zone = ZoneInfo(config.server.centre.timezone)
    day = _day("--day", arguments.day, zone)
    from_at, to_at = day_borders(day, zone)
    level = ServiceLevel(arguments.service_level)
    found = asyncio.run(
        _from_database(
            arguments.state,
            config,
            lambda connection: queue_kpis(
                connection, from_at=from_at, to_at=to_at, service_level=level
            ),
        )
    )
    figures = with_all_queues(found, config.queues.queues)
    locale = arguments.locale or config.server.centre.locale
    table = as_table(figures, title=f"KPI {day} ({zone})", locale=locale)
    _print(figures, QueueKpi, arguments.format, table)
    return 0


def routing(arguments: argparse.Namespace) -> int:
    """Print what ranking gained against the calls held out from it."""
    from acd.config import load_config
    from acd.reports.routing import RoutingGain
    from acd.reports.routing_table import as_table
    from acd.storage.routing import gains

    config = load_config(arguments.config)
    zone = ZoneInfo(config.server.centre.timezone)
    first, last = _days(arguments, zone)
    from_at, to_at = day_borders(first, zone)[0], day_borders(last, zone)[1]
    found = asyncio.run(
        _from_database(
            arguments.state,
            config,
            lambda connection: gains(connection, from_at=from_at, to_at=to_at),
        )
    )
    days = f"{first}" if first == last else f"{first} … {last}"
    locale = arguments.locale or config.server.centre.locale
    name = "优选路由效果" if locale == "zh" else "What ranking gained"
    table = as_table(found, title=f"{name} {days} ({zone})", locale=locale)
    _print(found, RoutingGain, arguments.format, table)
    return 0


def abandoned(arguments: argparse.Namespace) -> int:
    """Print the day's abandoned callers, the first to have given up first."""
    from acd.config import load_config
    from acd.reports.abandoned import AbandonedCaller, as_table
    from acd.storage.abandoned import abandoned_callers

    config = load_config(arguments.config)
    zone = ZoneInfo(config.server.centre.timezone)
    day = _day("--day", arguments.day, zone)
    from_at, to_at = day_borders(day, zone)
    found = asyncio.run(
        _from_database(
            arguments.state,
            config,
            lambda connection: abandoned_callers(connection, from_at=from_at, to_at=to_at),
        )
    )
    locale = arguments.locale or config.server.centre.locale
    name = "放弃来电" if locale == "zh" else "Abandoned"
    table = as_table(found, title=f"{name} {day} ({zone})", locale=locale, zone=zone)
    _print(found, AbandonedCaller, arguments.format, table)
    return 0


def _days(arguments: argparse.Namespace, zone: ZoneInfo) -> tuple[date, date]:
    """Return first and last day; `--from` and `--to` win over `--day`, one alone is till today."""
    if arguments.first is None and arguments.last is None:
        day = _day("--day", arguments.day, zone)
        return day, day
    if arguments.first is None:
        raise CommandError("--to: wants --from too, the first day")
    first = _day("--from", arguments.first, zone)
    last = _day("--to", arguments.last or "today", zone)
    if last < first:
        raise CommandError(f"--to {last} lies before --from {first}")
    return first, last


def _day(option: str, text: str, zone: ZoneInfo) -> date:
    try:
        return parse_day(text, datetime.now(zone).date())
    except DayError as error:
        raise CommandError(f"{option} {error}") from error


async def _from_database(
    state: Path,
    config: "Config",
    query: "Callable[[asyncpg.Connection], Awaitable[T]]",
) -> T:
    import asyncpg

    from acd.storage.database import UNREACHABLE

    async with _database(state, config) as dsn:
        try:
            connection = await asyncpg.connect(dsn, timeout=5)
            try:
                return await query(connection)
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


def _print(figures: "Sequence[Struct]", kind: "type[Struct]", form: str, table: "Table") -> None:
    from rich.console import Console

    from acd.reports.table import as_csv, as_json, fitting

    match form:
        case "json":
            print(as_json(figures))
        case "csv":
            print(as_csv(figures, kind), end="")
        case _:
            console = Console()
            if not console.is_terminal:
                console = Console(width=TABLE_WIDTH)
            console.print(fitting(table, console))


def _tell(text: str) -> None:
    print(f"acd: {text}", file=sys.stderr)
