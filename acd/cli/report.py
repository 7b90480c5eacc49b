"""`acd report`: figures from the call records, beside a running server or without one."""

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zoneinfo import ZoneInfo

from ._options import CommandError, Subparsers, add_config, add_state
from ._output import file_at, show

if TYPE_CHECKING:
    import asyncpg

    from acd.config import Config
    from acd.reports.report import Report
    from acd.reports.request import Request

BINARY = frozenset({"xlsx", "png"})
FORMATS = ("table", "json", "csv", "xlsx", "png", "html")

READ = frozenset({"table", "html"})
"Forms that people read, by pages; the others have all lines unless said otherwise."

OPTION_OF_FIELD = {
    **{name: f"--{name}" for name in ("day", "from", "to", "per", "by", "only", "format")},
    **{name: f"--{name}" for name in ("page", "lines")},
    "options": "--option",
    "service_level": "--service-level",
}
"Where a part of the request is said on the command line."


def add_parser(subparsers: Subparsers) -> None:
    """Add `report`."""
    parser = subparsers.add_parser(
        "report",
        help="figures from the call records",
        description="Without NAME: which reports there are. docs/reports.md explains them.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which report: kpi, abandoned …")
    add_config(parser)
    add_state(parser)
    _add_request(parser)
    parser.add_argument(
        "--page", default="", metavar="NUMBER", help="of a long report, from 1 (default: 1)"
    )
    parser.add_argument(
        "--lines",
        default="",
        metavar="NUMBER",
        help="on a page, or all (default: 500 in table and html, else all)",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="default: by the ending of --output, else table"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there")
    parser.add_argument(
        "--locale",
        choices=("zh", "en"),
        help="language of what people read (default: the centre's)",
    )
    parser.set_defaults(run=report)


def _add_request(parser: argparse.ArgumentParser) -> None:
    """Add what says which figures are wanted."""
    parser.add_argument(
        "--day",
        default="",
        metavar="DAY",
        help="today, yesterday or YYYY-MM-DD, in the centre's time zone (default: today)",
    )
    parser.add_argument(
        "--from", dest="first", default="", metavar="DAY", help="first day of several"
    )
    parser.add_argument(
        "--to", dest="last", default="", metavar="DAY", help="last day, included (default: today)"
    )
    parser.add_argument(
        "--per",
        default="",
        metavar="PERIOD",
        help="a row for each quarter_hour, hour, day, week, month, quarter or year",
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="DIMENSION",
        help="a row for each queue, agent, team …; several with commas",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="DIMENSION=VALUE",
        help="nothing else counts, such as queue=sales",
    )
    parser.add_argument(
        "--service-level",
        default="",
        metavar="DEFINITION",
        help="what the answered-in-time are divided by (default: offered)",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what one report alone knows",
    )


def report(arguments: argparse.Namespace) -> int:
    """Print one report, or which there are."""
    from acd.config import load_config
    from acd.reports.request import RequestError

    if arguments.name is None:
        _list()
        return 0
    form = _form(arguments)
    config = load_config(arguments.config)
    locale = arguments.locale or config.server.centre.locale
    try:
        if form == "table":
            with _progress() as tell:
                found = asyncio.run(_made(arguments, config, tell))
            show(found, locale, arguments.output)
        else:
            with _progress() as tell, file_at(arguments.output) as file:
                asyncio.run(_exported(arguments, config, form, locale, file, tell))
    except RequestError as error:
        option = OPTION_OF_FIELD.get(error.field, "")
        raise CommandError(f"{option} {error}".lstrip()) from error
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that shows on a terminal what is being done, and for how long.

    It is on standard error, and gone when the figures come; elsewhere it says nothing.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _text: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda text: progress.update(task, description=text)


def _list() -> None:
    from acd.app.reporting import REPORTS
    from acd.app.reporting.asked import about

    for name in sorted(REPORTS):
        print(f"{name:<16}{about(name)}")


def _form(arguments: argparse.Namespace) -> str:
    """Return the form wanted: as said, else by the file's ending."""
    if arguments.format is not None:
        form = str(arguments.format)
        if form in BINARY and arguments.output is None and sys.stdout.isatty():
            raise CommandError(f"--format {form} is nothing for a terminal; say --output FILE")
        return form
    if arguments.output is None:
        return "table"
    ending = arguments.output.suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        forms = ", ".join(FORMATS)
        raise CommandError(f"--output {arguments.output}: say --format, one of {forms}")
    return str(ending)


async def _made(
    arguments: argparse.Namespace, config: "Config", tell: Callable[[str], None]
) -> "Report":
    from acd.app.reporting import REPORTS

    from ._database import from_database

    request = _request(arguments, config, "table")

    async def make(connection: "asyncpg.Connection") -> "Report":
        tell(f"{arguments.name}: the database is asked")
        return await REPORTS[arguments.name](connection, config, request)

    tell("the records are brought together")
    return await from_database(arguments.state, config, make)


async def _exported(
    arguments: argparse.Namespace,
    config: "Config",
    form: str,
    locale: str,
    file: IO[bytes],
    tell: Callable[[str], None],
) -> None:
    from acd.app.reporting.exporting import export

    from ._database import from_database

    request = _request(arguments, config, form)

    def written(done: int, total: int) -> None:
        tell(f"{arguments.name}: {done:,} of {total:,} lines are written")

    async def make(connection: "asyncpg.Connection") -> None:
        tell(f"{arguments.name}: the database is asked")
        await export(
            *(connection, config, arguments.name, request, form, locale, file), tell=written
        )

    tell("the records are brought together")
    await from_database(arguments.state, config, make)


def _request(arguments: argparse.Namespace, config: "Config", form: str) -> "Request":
    from acd.app.reporting import REPORTS
    from acd.reports.asking import Wish, request_of
    from acd.reports.pages import READ_LINES

    if arguments.name not in REPORTS:
        names = ", ".join(sorted(REPORTS))
        raise CommandError(f"there is no report {arguments.name}; there are {names}")

    zone = ZoneInfo(config.server.centre.timezone)
    options = {"service_level": arguments.service_level}
    for text in arguments.option:
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"--option {text}: expected NAME=VALUE")
        options[name] = value
    wish = Wish(
        day=arguments.day,
        first=arguments.first,
        last=arguments.last,
        per=arguments.per,
        by=tuple(arguments.by),
        only=tuple(arguments.only),
        options=options,
        page=arguments.page,
        lines=arguments.lines,
    )
    return request_of(
        wish,
        today=datetime.now(zone).date(),
        zone=zone,
        form=form,
        lines=READ_LINES if form in READ else None,
    )
