"""How long reports take: each for a day, for a month by agent, and for a year by month.

    PYTHONPATH=. python tests/bench/bench_reports.py --dsn DSN --out 10M.json

measures a database that tests/bench/history.py has filled; without --dsn it fills a small one of
its own. Per report and case: the first run after the connection was made, and the median of
five. A restart of Postgres before the first is the caller's. Long reports are had as people read
them, the first page; `--whole` writes all their lines as CSV, and counts that in.

    PYTHONPATH=. python tests/bench/bench_reports.py --dsn DSN --chart CHART.svg

measures as if the history had ended after some months, after more, and after all of them
(`--months` for one such run), and draws the times over its length; `--chart CHART.svg 1M.json
10M.json` draws what runs over several databases have found.
"""

import argparse
import asyncio
import io
import json
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import altair
import asyncpg
import msgspec
import vl_convert
from history import Filling
from year.plan import Plan, Year

from acd.app.reporting import REPORTS
from acd.app.reporting.exporting import export
from acd.config import Config, load_config
from acd.reports.pages import Page
from acd.reports.request import Period, Request, RequestError
from acd.storage.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
OWN_MONTHS = 2
"Of the small database that a look at the reports gets without one of its own."

RUNS = 5
LIMIT_S = 120.0
"What takes longer is not run again."

CHART_MONTHS = (1, 3, 6, 12)
"So long a history, a point of the chart each."

GOALS_S = {"day": 1.0, "month by agent": 3.0, "year by month": 3.0}


@dataclass(frozen=True)
class Found:
    """One report's times in one case."""

    report: str
    case: str
    first_s: float
    median_s: float


def cases(first: date, last: date) -> dict[str, Request]:
    """Return what is asked for, out of the days that the records hold."""
    day = last - timedelta(days=20)
    month = day.replace(day=1)
    end = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return {
        "day": Request(first=day, last=day, zone=ZONE),
        "month by agent": Request(first=month, last=end, zone=ZONE, by=("agent",)),
        "year by month": Request(first=first, last=last, zone=ZONE, period=Period.MONTH),
    }


async def measure(
    dsn: str,
    config: Config,
    only: list[str],
    months: int | None = None,
    *,
    whole: bool = False,
) -> tuple[int, list[Found]]:
    """Return the number of interactions, and the times of all reports in all cases.

    `months`: as if the history had ended after so many; what came later is not asked for.
    """
    connection = await asyncpg.connect(dsn, command_timeout=LIMIT_S)
    year = await connection.fetchrow("SELECT * FROM history.year")
    end = Year(year["first"], year["months"], 0, 0, 0).month(min(months or 999, year["months"]))
    interactions = await connection.fetchval(_INTERACTIONS, end)
    found = []
    for case, request in cases(year["first"], end - timedelta(days=1)).items():
        for name in REPORTS:
            if only and name not in only:
                continue
            times = await _times(connection, config, name, request, whole=whole)
            if times:
                one = Found(name, case, times[0], statistics.median(times))
                found.append(one)
                print(f"{name:<16}{case:<16}{one.first_s:8.2f}{one.median_s:8.2f} s", flush=True)
    await connection.close()
    return interactions, found


_INTERACTIONS = """
SELECT sum(interactions)::bigint FROM history.months WHERE name = 'interactions' AND first < $1
"""


async def _times(
    connection: asyncpg.Connection,
    config: Config,
    name: str,
    request: Request,
    *,
    whole: bool,
) -> list[float]:
    """Return the times of some runs; none where the report knows no such case."""
    times: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        try:
            if whole:
                await export(connection, config, name, request, "csv", "en", io.BytesIO())
            else:
                paged = msgspec.structs.replace(request, page=Page())
                await REPORTS[name](connection, config, paged)
        except RequestError:
            return []
        except TimeoutError:
            return [LIMIT_S]
        times.append(time.perf_counter() - began)
        if times[-1] > LIMIT_S / RUNS:
            break
    return times


def table(found: list[Found]) -> str:
    """Return a Markdown table of the medians, the first runs in brackets."""
    names = dict.fromkeys(one.report for one in found)
    times = {(one.report, one.case): f"{one.median_s:.2f} ({one.first_s:.2f})" for one in found}
    head = "| report | " + " | ".join(
        f"{case} (goal {goal:g} s)" for case, goal in GOALS_S.items()
    )
    lines = [f"{head} |", "|---" * (len(GOALS_S) + 1) + "|"]
    for name in names:
        cells = " | ".join(times.get((name, case), "–") for case in GOALS_S)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def chart(runs: list[dict[str, Any]], picture: Path) -> None:
    """Draw the medians over the number of interactions, a field for each case."""
    rows = [one | {"interactions": run["interactions"]} for run in runs for one in run["found"]]
    lines = (
        altair.Chart(altair.Data(values=rows))
        .mark_line(point=True)
        .encode(
            x=altair.X("interactions:Q", title="interactions in the history"),
            y=altair.Y(
                "median_s:Q", title="seconds", scale=altair.Scale(type="symlog", constant=0.1)
            ),
            color=altair.Color("report:N"),
        )
        .properties(width=260, height=240)
    )
    goals = [{"case": case, "goal_s": goal} for case, goal in GOALS_S.items()]
    panels = [
        altair.layer(
            lines.transform_filter(altair.datum.case == goal["case"]),
            altair.Chart(altair.Data(values=[goal]))
            .mark_rule(strokeDash=[4, 4])
            .encode(y="goal_s:Q"),
        ).properties(title=f"{goal['case']} (goal {goal['goal_s']:g} s)")
        for goal in goals
    ]
    spec = altair.hconcat(*panels).to_json()
    if picture.suffix == ".svg":
        picture.write_text(vl_convert.vegalite_to_svg(spec))
    else:
        picture.write_bytes(vl_convert.vegalite_to_png(spec, scale=1.5))


async def run(options: argparse.Namespace, folder: Path) -> list[Found]:
    """Measure the database of the arguments, or a small one in this folder."""
    config = load_config(ROOT / "config")
    if options.dsn:
        interactions, found = await measure(
            options.dsn, config, options.only, options.months, whole=options.whole
        )
    else:
        postgres = EmbeddedPostgres(folder, on_event=print)
        dsn = await postgres.start()
        try:
            year = Year(date(2025, 1, 1), OWN_MONTHS, options.interactions, 1, 20)
            await Filling(dsn, Plan(year)).run(1)
            interactions, found = await measure(dsn, config, options.only, whole=options.whole)
        finally:
            await postgres.stop()
    if options.out:
        options.out.write_text(json.dumps(as_run(interactions, found)))
    return found


def as_run(interactions: int, found: list[Found]) -> dict[str, Any]:
    """Return what is kept of a run."""
    return {"interactions": interactions, "found": [vars(one) for one in found]}


async def growing(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure a history that gets longer."""
    config = load_config(ROOT / "config")
    runs = []
    for months in CHART_MONTHS:
        print(f"after {months} months", flush=True)
        runs.append(as_run(*await measure(options.dsn, config, options.only, months)))
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dsn", help="a database that history.py has filled")
    parser.add_argument("--interactions", type=int, default=100_000, help="of the own database")
    parser.add_argument("--only", action="append", default=[], choices=sorted(REPORTS))
    parser.add_argument("--out", type=Path, help="keep the figures as JSON")
    parser.add_argument("--whole", action="store_true", help="all lines, as CSV")
    parser.add_argument("--months", type=int, help="as if the history ended after so many")
    parser.add_argument(
        "--chart",
        type=Path,
        metavar="FILE",
        help="draw (svg, png) the runs that are named, or --dsn",
    )
    parser.add_argument("runs", nargs="*", type=Path)
    options = parser.parse_args()
    if options.chart:
        runs = [json.loads(path.read_text()) for path in options.runs]
        chart(runs or asyncio.run(growing(options)), options.chart)
        return 0
    with tempfile.TemporaryDirectory(prefix="acd-reports-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded Postgres belongs to another account
        found = asyncio.run(run(options, folder))
    print(f"\n{table(found)}")
    return int(any(one.median_s > GOALS_S[one.case] for one in found))


if __name__ == "__main__":
    sys.exit(main())
