"""`acd report`: figures per queue, beside a running server or without one."""

import argparse
import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from acd.reports.days import DayError, day_borders, parse_day

from ._database import from_database
from ._options import CommandError, Subparsers, add_config, add_state

if TYPE_CHECKING:
    from msgspec import Struct
    from rich.table import Table

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
        from_database(
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
        from_database(
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
        from_database(
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
