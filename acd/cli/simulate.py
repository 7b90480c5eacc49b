"""`acd simulate`: what a day of given callers would have been with these queues and agents."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import inf, nan
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

from ._options import CommandError, Subparsers, add_config

if TYPE_CHECKING:
    from acd.config import Config
    from acd.reports.simulated import SimulatedDay
    from acd.simulation.day import Day, DaySettings
    from acd.simulation.day_files import Caller, Times

TOLD_EVERY_S = 0.5
"Between two lines of progress."

TABLE_WIDTH = 200
"Columns where no terminal tells its own width."

LONGEST_RING = 2 / 3
"Of the shortest ring_timeout_s: some agents take one and a half times the mean to answer."


def add_parser(subparsers: Subparsers) -> None:
    """Add `simulate`."""
    parser = subparsers.add_parser(
        "simulate",
        help="service level, waits, occupancy and orders as they would have been",
        description="Send the callers of a file through the router that serves, on a virtual"
        " clock, with the queues and agents of a configuration folder.",
    )
    add_config(parser)
    parser.add_argument(
        "--arrivals",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="callers by time: columns time, queue; where wanted service_s, patience_s, category,"
        " priority, caller",
    )
    parser.add_argument(
        "--shifts",
        type=Path,
        metavar="FILE.csv",
        help="agents on duty: columns agent, from, to; where wanted conversion"
        " (default: all agents, all the time)",
    )
    _add_draws(parser)
    parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (default: 1)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.add_argument(
        "--charts", type=Path, metavar="FOLDER", help="write charts there: SVG, PNG, report.html"
    )
    parser.add_argument("--locale", choices=("zh", "en"), help="language (default: the centre's)")
    parser.set_defaults(run=simulate)


def _add_draws(parser: argparse.ArgumentParser) -> None:
    """Add what is drawn where the files say nothing."""
    parser.add_argument(
        "--talk-s", type=_above_0, default=180.0, metavar="S", help="mean talk (default: 180)"
    )
    parser.add_argument(
        "--talk",
        choices=("lognormal", "exponential"),
        default="lognormal",
        help="distribution of talk times (default: lognormal)",
    )
    parser.add_argument(
        "--talk-spread",
        type=_from_0,
        default=1.0,
        metavar="X",
        help="standard deviation of lognormal talk times over their mean (default: 1)",
    )
    parser.add_argument(
        "--patience-s",
        type=_above_0,
        default=240.0,
        metavar="S",
        help="mean patience, exponential; inf: nobody gives up (default: 240)",
    )
    parser.add_argument(
        "--ring-s",
        type=_from_0,
        default=3.0,
        metavar="S",
        help="mean time until an agent answers (default: 3)",
    )
    parser.add_argument(
        "--conversion",
        type=_share,
        metavar="P",
        help="share of sales calls that end in an order, 0-1, for agents of whom neither --shifts"
        " nor a rank in agents.yaml says it (default: no orders of theirs)",
    )


def _above_0(text: str) -> float:
    return _number(text, "a number above 0", lambda value: value > 0.0)


def _from_0(text: str) -> float:
    return _number(text, "a number from 0 on", lambda value: 0.0 <= value < inf)


def _share(text: str) -> float:
    return _number(text, "a share from 0 to 1", lambda value: 0.0 <= value <= 1.0)


def _number(text: str, what: str, is_right: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not is_right(value):
        raise argparse.ArgumentTypeError(f"{text!r}: {what}")
    return value


def simulate(arguments: argparse.Namespace) -> int:
    """Run the day and print its figures."""
    from acd.config import load_config
    from acd.simulation.day_files import DayFileError, Times

    config = load_config(arguments.config)
    _check(arguments, config)
    times = Times(ZoneInfo(config.server.centre.timezone))
    try:
        day = _run(arguments, config, times)
    except DayFileError as error:
        raise CommandError(str(error)) from error
    _show(arguments, config, day, times)
    return 0


def _check(arguments: argparse.Namespace, config: "Config") -> None:
    shortest_s = min((one.ring_timeout_s for one in config.queue_profiles()), default=inf)
    if arguments.ring_s > shortest_s * LONGEST_RING:
        raise CommandError(
            f"--ring-s {arguments.ring_s:g} is too long for a ring_timeout_s of {shortest_s:g} in"
            f" queues.yaml; {shortest_s * LONGEST_RING:g} at most"
        )


def _run(arguments: argparse.Namespace, config: "Config", times: "Times") -> "Day":
    from acd.calls.contacts import Contacts
    from acd.simulation.day import Day
    from acd.simulation.day_files import read_arrivals, read_shifts

    with ExitStack() as files:
        arrivals = files.enter_context(_open(arguments.arrivals))
        callers = read_arrivals(
            _lines(arrivals, arguments.arrivals),
            str(arguments.arrivals),
            queues=config.queues.queues,
            times=times,
        )
        first = next(callers, None)
        if first is None:
            raise CommandError(f"{arguments.arrivals}: no callers below the head line")
        shifts = None
        if arguments.shifts is not None:
            # The first caller's day is the one that shifts without a date are of.
            lines = files.enter_context(_open(arguments.shifts))
            numbers = {agent.number for agent in config.agent_profiles()}
            name = str(arguments.shifts)
            shifts = read_shifts(
                _lines(lines, arguments.shifts), name, agents=numbers, times=times
            )
        progress = _Progress(arguments.arrivals.stat().st_size, arrivals)
        kept = config.centre_settings()
        day = Day(
            agents=config.agent_profiles(),
            queues=config.queue_profiles(),
            shifts=shifts,
            settings=_settings(arguments),
            randomness=random.Random(arguments.seed),
            contacts=Contacts(kept_s=kept.contacts_kept_s, maximum=kept.contacts_kept),
            on_progress=progress,
        )
        day.run(_joined(first, callers))
        progress.end()
    return day


def _settings(arguments: argparse.Namespace) -> "DaySettings":
    from acd.simulation.day import DaySettings

    return DaySettings(
        talk_mean_s=arguments.talk_s,
        talk_spread=arguments.talk_spread,
        exponential_talk=arguments.talk == "exponential",
        patience_mean_s=arguments.patience_s,
        ring_mean_s=arguments.ring_s,
        conversion=arguments.conversion,
    )


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8", newline="")


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    # Not `for line in file`: that would keep `tell` from saying how far it is.
    try:
        while line := file.readline(LONGEST_READ):
            yield line
    except UnicodeDecodeError as error:
        raise CommandError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from error


LONGEST_READ = 20_000
"Characters read at most for one line: longer ones are refused, and must not fill the memory."


def _joined(first: "Caller", others: "Iterator[Caller]") -> "Iterator[Caller]":
    yield first
    yield from others


class _Progress:
    """Says on a terminal how far it is, by the part of the file that has been read."""

    def __init__(self, size: int, file: TextIO) -> None:
        self._size = max(1, size)
        self._file = file
        self._told_at = time.monotonic()
        self._told = False
        self._shown = sys.stderr.isatty()

    def __call__(self, at_s: float, callers: int) -> None:
        """Tell it, unless it was told just now."""
        now = time.monotonic()
        if not self._shown or now - self._told_at < TOLD_EVERY_S:
            return
        self._told_at, self._told = now, True
        share = min(1.0, self._file.buffer.tell() / self._size)
        clock = f"{int(at_s // 3600):02}:{int(at_s % 3600 // 60):02}"
        print(f"\r{share:>5.0%}  {clock}  {callers:,} callers ", end="", file=sys.stderr)

    def end(self) -> None:
        """Leave the line."""
        if self._told:
            print(file=sys.stderr)


def _show(arguments: argparse.Namespace, config: "Config", day: "Day", times: "Times") -> None:
    from acd.reports.simulated import as_json, tables
    from acd.reports.table import fitting
    from acd.telemetry.terminal import Terminal

    from ._simulated import as_reported

    reported = as_reported(day.figures, seed=arguments.seed, first_day=times.first_day)
    locale = arguments.locale or config.server.centre.locale
    if arguments.charts is not None:
        _draw(reported, arguments.charts, locale)
    if arguments.format == "json":
        print(as_json(reported))
        return
    console = Terminal()
    if not console.is_terminal:
        console = Terminal(width=TABLE_WIDTH)
    for table in tables(reported, title=str(arguments.arrivals), locale=locale):
        console.print(fitting(table, console))


def _draw(reported: "SimulatedDay", folder: Path, locale: str) -> None:
    from acd.reports import charts
    from acd.reports.simulated import occupancies, overall

    from ._charts import write_charts

    drawn = {
        "trend": charts.trend(overall(reported), locale=locale),
        "occupancy": charts.occupancy(occupancies(reported), locale=locale),
    }
    write_charts(folder, drawn, charts.together(*drawn.values()))
