"""The reports out of a real database: the figures of one day under every definition."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from kpi_histories import History, Loader

from acd.app.reporting import REPORTS
from acd.calls import cdr_rows as cdr
from acd.config import load_config
from acd.reports.report import Report
from acd.reports.request import Period, Request, RequestError
from acd.reports.service_level import ServiceLevel
from acd.storage.database import Writer
from acd.storage.kpi_rollup import RollUps, connect

ROOT = Path(__file__).parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 10, 15)
NINE_US = int(datetime(2026, 10, 15, 1, 0, tzinfo=UTC).timestamp()) * 1_000_000
"09:00 of the day in Shanghai."

FIGURES = {
    "offered": "70.00",
    "asterisk": "87.50",
    "asterisk_2": "84.21",
    "amazon_connect": "80.00",
    "genesys": "73.68",
    "genesys_without_short_abandons": "78.65",
    "genesys_with_flow_outs": "70.00",
}


def visits(*groups: tuple[int, str, float]) -> list[cdr.Row]:
    """Return visits of the queue sales, one a minute: (how many, outcome, wait)."""
    rows: list[cdr.Row] = []
    ends = [(outcome, wait_s) for count, outcome, wait_s in groups for _ in range(count)]
    for number, (outcome, wait_s) in enumerate(ends):
        at_us = NINE_US + number * 60_000_000
        call = cdr.Interaction(
            interaction=f"call-{number}",
            started_us=at_us,
            project="main",
            node="n",
            boot="b",
            direction="inbound",
            agent="",
            number="",
            caller="13800000000",
            caller_name="",
            called="4000",
            account="",
            peer="",
            sip_call_id="",
            ended_us=at_us,
            ended_by="caller",
        )
        visit = cdr.QueueVisit(
            interaction=call.interaction,
            started_us=at_us,
            project="main",
            visit=f"visit-{number}",
            queue="sales",
            kind="sales",
            priority=0,
            category="",
            entered_us=at_us,
            outcome=outcome,
            waited_s=wait_s,
            waited_before_s=0.0,
            short_abandon_s=5.0,
            service_level_s=20.0,
            agent=f"100{number % 3}" if outcome == "answered" else "",
        )
        rows += (visit, call)
    return rows


HUNDRED = visits(
    (70, "answered", 12.0),
    (10, "answered", 30.0),
    (6, "short_abandon", 4.0),
    (4, "abandoned", 12.0),
    (5, "abandoned", 45.0),
    (5, "overflowed", 60.0),
)


def asked(dsn: str, rows: list[cdr.Row], name: str, *, rolled: bool = False, **fields) -> Report:
    fields = {"first": DAY, "last": DAY, "zone": ZONE} | fields

    async def ask() -> Report:
        if rows:
            async with await Writer.connect(dsn, journal="j", node="n") as writer:
                await Loader(writer).load(rows)
        connection = await connect(dsn)
        if rolled:
            await RollUps(connection, ZONE.key).all_turns()
        try:
            config = load_config(ROOT / "config")
            return await REPORTS[name](connection, config, Request(**fields))
        finally:
            await connection.close()

    return asyncio.run(ask())


def line(report: Report, **chosen) -> dict[str, object]:
    names = [column.name for column in report.columns]
    rows = [dict(zip(names, row, strict=True)) for row in report.rows]
    (found,) = [row for row in rows if all(row[name] == value for name, value in chosen.items())]
    return found


@pytest.mark.parametrize("rolled", [False, True])
def test_the_figures_of_one_day_in_the_reports(dsn: str, rolled: bool) -> None:
    report = asked(dsn, HUNDRED, "queues", rolled=rolled)
    sales = line(report, queue="sales")
    assert report.definitions == {"service_level": "offered"}
    assert (sales["offered"], sales["answered"], sales["overflowed"]) == (100, 80, 5)
    shown = {"offered": sales["service_level"]}
    shown |= {
        level.value: sales.get(f"service_level_{level.value}")
        for level in ServiceLevel
        if level is not ServiceLevel.OFFERED
    }
    assert {name: f"{shown[name] * 100:.2f}" for name in FIGURES} == FIGURES
    assert sales["wait_p80_s"] == pytest.approx(12.0, rel=0.01)
    assert sales["wait_p95_s"] == pytest.approx(30.0, rel=0.01)
    assert sales["longest_wait_s"] == 45.0
    assert line(report, queue="service")["offered"] == 0


@pytest.mark.parametrize("name", ["kpi", "queues"])
def test_another_project_has_none_of_this_centres_queues(dsn: str, name: str) -> None:
    assert asked(dsn, HUNDRED, name, only={"project": "shop"}).rows == ()
    own = asked(dsn, [], name, only={"project": "main"})
    assert {row[0] for row in own.rows} > {"sales"}


@pytest.mark.parametrize("currency", ["eur", "RMB", "gold"])
def test_a_currency_that_there_is_not_is_told(dsn: str, currency: str) -> None:
    with pytest.raises(RequestError, match="ISO 4217"):
        asked(dsn, [], "orders", options={"currency": currency})


def test_the_figures_of_one_day_in_sql(dsn: str) -> None:
    async def ask() -> dict[str, str]:
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            await Loader(writer).load(HUNDRED)
        connection = await asyncpg.connect(dsn)
        levels = {
            name: await connection.fetchval(
                "SELECT service_level FROM kpi_queues('2026-10-14', '2026-10-16', $1)", name
            )
            for name in FIGURES
        }
        await connection.close()
        return {name: f"{level * 100:.2f}" for name, level in levels.items()}

    assert asyncio.run(ask()) == FIGURES


def test_kpi_names_the_definitions_that_it_used(dsn: str) -> None:
    options = {"service_level": "genesys,asterisk_2", "percentiles": "yes"}
    report = asked(dsn, HUNDRED, "kpi", options=options)
    sales = line(report, queue="sales")
    assert f"{sales['service_level'] * 100:.2f}" == "73.68"
    assert f"{sales['service_level_asterisk_2'] * 100:.2f}" == "84.21"
    assert report.definitions == {"service_level": "genesys"}
    assert "Genesys" in report.remarks[0].en
    assert "ServiceLevelPerf2" in report.remarks[1].en
    assert "1%" in report.remarks[2].en
    assert sales["wait_p50_s"] == pytest.approx(12.0, rel=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"service_level": "mine"}, "mine: expected one or several of offered, "),
        ({"percentiles": "maybe"}, "expected yes or no"),
        ({"colour": "blue"}, "colour: the report kpi knows service_level, percentiles"),
    ],
)
def test_what_is_not_known_is_named(dsn: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        asked(dsn, [], "kpi", options=options)


def test_kpi_by_agent_and_day_sums_up_to_offered(dsn: str) -> None:
    report = asked(dsn, HUNDRED, "kpi", period=Period.DAY, by=("agent",))
    names = [column.name for column in report.columns]
    assert names[:2] == ["period", "agent"]
    agents = {row[1]: row[names.index("offered")] for row in report.rows}
    assert agents == {"": 20, "1000": 27, "1001": 27, "1002": 26}
    assert {row[0] for row in report.rows} == {NINE_US - 9 * 3_600_000_000}
    assert [type(chart).__name__ for chart in report.charts] == ["Trend", "Trend"]


def test_intervals_are_quarter_hours_of_the_centre_s_clock(dsn: str) -> None:
    report = asked(dsn, HUNDRED, "intervals")
    names = [column.name for column in report.columns]
    assert names[:3] == ["period", "day", "time"]
    shown = [(row[1], row[2], row[names.index("offered")]) for row in report.rows]
    assert shown == [
        ("2026-10-15", "09:00", 15),
        ("2026-10-15", "09:15", 15),
        ("2026-10-15", "09:30", 15),
        ("2026-10-15", "09:45", 15),
        ("2026-10-15", "10:00", 15),
        ("2026-10-15", "10:15", 15),
        ("2026-10-15", "10:30", 10),
    ]
    assert report.rows[0][0] == NINE_US
    assert [type(chart).__name__ for chart in report.charts][:2] == ["HeatMap", "HeatMap"]
    hours = asked(dsn, [], "intervals", period=Period.HOUR, by=("queue",))
    assert [row[names.index("offered") + 1] for row in hours.rows] == [60, 40]


def test_traffic_tells_what_became_of_everybody(dsn: str) -> None:
    rows = [*HUNDRED]
    for number, ended_by in enumerate(["flow", "flow", "flow", "caller", "fault", ""]):
        (call,) = [row for row in visits((1, "", 0.0)) if isinstance(row, cdr.Interaction)]
        call.interaction, call.ended_by = f"other-{number}", ended_by
        call.ended_us = call.ended_us if ended_by else None
        call.trunk = "carrier"
        rows.append(call)
    report = asked(dsn, rows, "traffic", rolled=True)
    figures = line(report)
    assert (figures["offered"], figures["to_agents"], figures["lost"]) == (106, 80, 20)
    assert (figures["self_service"], figures["left_in_flow"]) == (3, 1)
    assert (figures["failed"], figures["under_way"], figures["callbacks"]) == (1, 1, 0)
    assert figures["self_service_rate"] == pytest.approx(3 / 106)
    by_trunk = asked(dsn, [], "traffic", by=("trunk",))
    assert line(by_trunk, trunk="carrier")["offered"] == 6


def test_reports_of_a_random_history_have_the_shape_they_promise(dsn: str) -> None:
    rows = History(12).rows
    days = {"first": date(2026, 10, 30), "last": date(2026, 11, 3)}
    for name in ("kpi", "queues", "intervals", "traffic"):
        report = asked(dsn, rows, name, **days)
        names = {column.name for column in report.columns}
        assert report.rows
        assert all(len(row) == len(report.columns) for row in report.rows)
        for chart in report.charts:
            for field in ("x", "of", "by", "colour"):
                assert getattr(chart, field, "") in names | {""}, (name, field)
        begin = datetime.fromtimestamp(report.from_us / 1e6, ZONE)
        assert begin + timedelta(days=5) == datetime.fromtimestamp(report.to_us / 1e6, ZONE)
        rows = []
