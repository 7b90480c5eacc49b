"""A day with every oddity, its figures computed by hand: library, SQL and agents' times.

What happens on it, and why, stands in storage_odd_day.py: each call has a letter.
"""

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import kpi_function as kpi
import pytest
from kpi_histories import latest
from storage_odd_day import BERLIN, DAY, EVENING, STARTED_AGAIN, at, write_day
from storage_site import QUICK, Running
from test_storage_dashboards import expanded, panels
from test_storage_kpi import pure, rows_of

from acd.app.reporting import REPORTS
from acd.calls import cdr_rows as cdr
from acd.config import load_config
from acd.reports.agent_times import agent_quarters
from acd.reports.agent_tracks import track_faults
from acd.reports.days import day_borders
from acd.reports.kpi import PARTS, QueueKpi, ServiceLevel
from acd.reports.report import Report
from acd.reports.request import Period, Request
from acd.storage.abandoned import abandoned_callers
from acd.storage.agent_quarters import refresh_agent_quarters
from acd.storage.kpi_rollup import RollUps, Turn
from acd.storage.shipper import Shipper

CONFIG = Path(__file__).parents[2] / "config"

Day = tuple[str, list[cdr.Row]]
"Where the day is in a database, and its rows as the fold gives them, without replaced ones."


@pytest.fixture(scope="module")
def day(server: str, tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("odd-day")
    journal = write_day(folder)
    rows = rows_of(folder)  # the first boot's segment goes when it is shipped
    dsn = server.replace("/acd?", "/odd_day?")

    async def ship() -> None:
        connection = await asyncpg.connect(server.replace("/acd?", "/postgres?"))
        await connection.execute("CREATE DATABASE odd_day TEMPLATE acd")
        await connection.close()
        shipper = Shipper(journal, dsn, on_alarm=pytest.fail, settings=QUICK)
        async with asyncio.timeout(60), Running(shipper):
            await shipper.drain()

    asyncio.run(ship())
    journal.close()
    return dsn, latest(rows)


@asynccontextmanager
async def asking(dsn: str) -> Any:
    connection = await asyncpg.connect(dsn, server_settings={"timezone": "America/Lima"})
    try:
        yield connection
    finally:
        await connection.close()


def fetch(dsn: str, sql: str, *arguments: object) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        async with asking(dsn) as connection:
            return [dict(row) for row in await connection.fetch(sql, *arguments)]

    return asyncio.run(ask())


def of_day(day: Day, which: date) -> dict[str, QueueKpi]:
    """Return a day's figures by queue, after the library and SQL said the same."""
    dsn, rows = day
    borders = day_borders(which, BERLIN)

    async def ask(level: ServiceLevel) -> list[QueueKpi]:
        async with asking(dsn) as connection:
            return await kpi.queue_kpis(
                connection, from_at=borders[0], to_at=borders[1], service_level=level
            )

    for level in ServiceLevel:
        by_sql, by_library = asyncio.run(ask(level)), pure(rows, *borders, level)
        assert [one.queue for one in by_sql] == [one.queue for one in by_library]
        for one, other in zip(by_sql, by_library, strict=True):
            for field in QueueKpi.__struct_fields__:
                assert getattr(one, field) == pytest.approx(getattr(other, field)), field
            assert one.offered == sum(getattr(one, part) for part in PARTS)
    return {one.queue: one for one in asyncio.run(ask(ServiceLevel.OFFERED))}


# --- the figures ---


def test_the_line_of_sales(day: Day) -> None:
    sales = of_day(day, DAY)["sales"]
    # B C F3 G H K; F1; F2; E; D; I. A was offered the day before.
    assert sales.offered == 11
    assert sales.answered == 6
    assert sales.short_abandons == 1
    assert sales.abandons == 1
    assert sales.callbacks == 1
    assert sales.overflowed == 1
    assert sales.faulted == 1
    assert sales.answer_rate == pytest.approx(6 / 11)
    assert sales.abandon_rate == pytest.approx(1 / 11)
    # All but F3, who waited for 25 s.
    assert sales.service_level == pytest.approx(5 / 11)
    # B 5, C 3, F3 25, G 10, H 5, K 10.
    assert sales.asa_s == pytest.approx(58 / 6)
    # Talk B 30, C 32, F3 10, G 40, H 55 up to the last record, K 60; hold B 6;
    # after-call work B 7, C 8, G 12, K 30.
    assert sales.aht_s == pytest.approx((227 + 6 + 57) / 6)
    # B's came late, F3's was corrected; C's was taken back.
    assert sales.orders == 2
    assert sales.conversion_rate == pytest.approx(2 / 6)


def test_the_line_of_service(day: Day) -> None:
    service = of_day(day, DAY)["service"]
    # B after 25 s, the consultation of C after 2 s; D gave up after 8 s more.
    assert (service.offered, service.answered, service.abandons) == (3, 2, 1)
    assert service.service_level == pytest.approx(1 / 3)
    assert service.asa_s == pytest.approx(27 / 2)
    # Talk B 20, C 10 with the agent and 40 with the caller; after-call work 10 and 9.
    assert service.aht_s == pytest.approx((20 + 50 + 10 + 9) / 2)
    assert service.conversion_rate is None


def test_the_days_before_and_after(day: Day) -> None:
    before = of_day(day, DAY - timedelta(days=1))
    assert [(one.queue, one.offered, one.answered) for one in before.values()] == [("sales", 1, 1)]
    assert before["sales"].aht_s == pytest.approx(90.0)
    assert of_day(day, DAY + timedelta(days=1)) == {}


def test_the_day_has_a_hundred_quarter_hours(day: Day) -> None:
    from_at, to_at = day_borders(DAY, BERLIN)
    assert (to_at - from_at) / timedelta(minutes=15) == 100
    spring = day_borders(date(2027, 3, 28), BERLIN)
    assert (spring[1] - spring[0]) / timedelta(minutes=15) == 92
    found = fetch(
        day[0],
        "SELECT quarter_at, count(*) AS offered FROM kpi_visits"
        " WHERE NOT callback AND entered_at >= $1 AND entered_at < $2 GROUP BY 1 ORDER BY 1",
        from_at,
        to_at,
    )
    by_hour = [
        (f"{row['quarter_at'].astimezone(UTC):%H:%M}", row["offered"])
        for row in found
        if row["quarter_at"].astimezone(BERLIN).hour == 2
    ]
    # From two to three twice: C with its consultation in the first, D's two visits in the second.
    assert by_hour == [("00:30", 2), ("01:30", 2)]
    assert sum(row["offered"] for row in found) == 14


def rows_of_report(day: Day, name: str, **wish: Any) -> list[dict[str, Any]]:
    """Return a report's rows by column, as the command line and HTTP get them."""
    request = Request(first=DAY, last=DAY, zone=BERLIN, **wish)

    async def ask() -> Report:
        async with asking(day[0]) as connection:
            return await REPORTS[name](connection, load_config(CONFIG), request)

    report = asyncio.run(ask())
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def roll_up(day: Day) -> None:
    """Compute the roll-ups, as the shipper's process does beside shipping."""

    async def turns() -> None:
        async with asking(day[0]) as connection:
            rolling = RollUps(connection, BERLIN.key, patient=True)
            while await rolling.turn() != Turn():
                pass

    asyncio.run(turns())
    assert fetch(day[0], "SELECT FROM kpi_dirty UNION ALL SELECT FROM kpi_dirty_days") == []
    assert len(fetch(day[0], "SELECT FROM kpi_quarters")) > 10


def test_reports_say_the_same_out_of_records_and_of_roll_ups(day: Day) -> None:
    def told() -> list[list[dict[str, Any]]]:
        return [
            rows_of_report(day, "kpi"),
            rows_of_report(day, "kpi", period=Period.HOUR),
            rows_of_report(day, "kpi", by=("agent",), only={"queue": "sales"}),
            rows_of_report(day, "traffic"),
        ]

    out_of_records = told()
    roll_up(day)
    whole, hours, agents, [traffic] = told()
    assert [whole, hours, agents, [traffic]] == [
        [pytest.approx(row) for row in rows] for rows in out_of_records
    ]

    by_queue = {row["queue"]: row for row in whole}
    sales, service = by_queue["sales"], by_queue["service"]
    assert (sales["offered"], sales["answered"], sales["orders"]) == (11, 6, 2)
    assert sales["service_level"] == pytest.approx(5 / 11)
    assert sales["aht_s"] == pytest.approx((227 + 6 + 57) / 6)
    assert (service["offered"], service["answered"], service["abandons"]) == (3, 2, 1)

    # From two to three twice: C with its consultation, then D's two visits.
    offered = [(row["period"], row["queue"], row["offered"]) for row in hours if row["offered"]]
    twice = [
        (int((EVENING + timedelta(seconds=at(25, hour))).timestamp() * 1e6), queue, 1)
        for hour in (0, 1)
        for queue in ("sales", "service")
    ]
    assert [row for row in offered if row[0] in {twice[0][0], twice[2][0]}] == twice
    assert sum(count for *_, count in offered) == 14

    for row in rows_of_report(day, "intervals"):
        assert row["offered"] == sum(row[part] for part in PARTS)

    answered = {row["agent"]: row["answered"] for row in agents if row["answered"]}
    assert answered == {"1001": 2, "1002": 3, "1003": 1}
    # A came the day before; C2, E2 and J are no callers.
    assert (traffic["offered"], traffic["to_agents"], traffic["callbacks"]) == (11, 6, 1)
    assert traffic["lost"] == 4  # D, F twice, and I


def test_durations_are_those_of_the_monotonic_clock(day: Day) -> None:
    [call] = fetch(day[0], "SELECT * FROM interactions WHERE interaction = 'G'")
    assert call["duration_s"] == pytest.approx(52.0)
    [visit] = fetch(day[0], "SELECT * FROM queue_visits WHERE interaction = 'G'")
    assert visit["waited_s"] == pytest.approx(10.0)
    # Entered before the clock was set, answered while it was wrong.
    assert visit["entered_at"] == EVENING + timedelta(seconds=at(25, 4, 0, 0))
    assert visit["left_at"] - visit["entered_at"] == timedelta(hours=-1, seconds=10)
    [talk] = fetch(day[0], "SELECT * FROM talk_segments WHERE interaction = 'G'")
    assert (talk["talk_s"], talk["hold_s"]) == (40.0, 0.0)
    spans = fetch(
        day[0],
        "SELECT state, duration_s FROM agent_state_intervals WHERE interaction = 'G'"
        " ORDER BY started_mono_s",
    )
    assert [(span["state"], span["duration_s"]) for span in spans] == [
        ("talking", pytest.approx(40.0)),
        ("wrap_up", pytest.approx(12.0)),
    ]


def test_what_the_kill_left_open_is_closed(day: Day) -> None:
    calls = fetch(
        day[0],
        "SELECT interaction, ended_by, reason, duration_s FROM interactions"
        " WHERE interaction IN ('H', 'I') ORDER BY 1",
    )
    assert [tuple(call.values()) for call in calls] == [
        ("H", "fault", "restart", pytest.approx(61.0)),
        ("I", "fault", "restart", pytest.approx(11.0)),
    ]
    [visit] = fetch(day[0], "SELECT * FROM queue_visits WHERE interaction = 'I'")
    assert (visit["outcome"], visit["waited_s"]) == ("faulted", pytest.approx(10.0))
    once = fetch(day[0], "SELECT interaction FROM interactions GROUP BY 1 HAVING count(*) > 1")
    assert once == []
    still_open = fetch(day[0], "SELECT interaction FROM interactions WHERE ended_at IS NULL")
    assert still_open == []


def test_nobody_is_left_to_call_back(day: Day) -> None:
    async def ask() -> list[str]:
        from_at, to_at = day_borders(DAY, BERLIN)
        async with asking(day[0]) as connection:
            found = await abandoned_callers(connection, from_at=from_at, to_at=to_at)
            return [one.caller for one in found]

    # F was talked to at the third call; E was called back. D was not reached any more.
    [d] = fetch(day[0], "SELECT caller FROM interactions WHERE interaction = 'D'")
    assert asyncio.run(ask()) == [d["caller"]]
    [wish] = fetch(day[0], "SELECT * FROM callbacks")
    assert (wish["outcome"], wish["attempts"], wish["agent"]) == ("reached", 1, "1002")


# --- agents ---

TIMES = ("talk_s", "hold_s", "wrap_up_s", "ringing_s", "idle_s", "ready_s", "available_s")


def sums(rows: Iterable[dict[str, Any]], names: Iterable[str]) -> dict[str, float]:
    rows = list(rows)
    return {name: sum(row[name] for row in rows) for name in names}


def agent_day(day: Day, agent: str) -> list[dict[str, Any]]:
    """Return an agent's quarter-hours of the day out of the database."""

    async def ask() -> list[dict[str, Any]]:
        async with asking(day[0]) as connection:
            await refresh_agent_quarters(connection)
            found = await connection.fetch(
                "SELECT * FROM agent_quarters WHERE agent = $1 AND quarter_at >= $2"
                " AND quarter_at < $3 ORDER BY quarter_at, queue",
                agent,
                *day_borders(DAY, BERLIN),
            )
            return [dict(row) for row in found]

    return asyncio.run(ask())


def test_the_tracks_have_no_gap_and_no_overlap(day: Day) -> None:
    intervals = [row for row in day[1] if isinstance(row, cdr.Interval)]
    assert len(intervals) > 40
    assert track_faults(intervals) == []


def test_an_agents_times_of_a_day_of_25_hours(day: Day) -> None:
    """1001: there from before midnight to 03:00 of winter time, five hours; half of one away."""
    rows = agent_day(day, "1001")
    assert sums(rows, TIMES) == pytest.approx(
        {
            "talk_s": 60 + 30 + 32,
            "hold_s": 6,
            "wrap_up_s": 30 + 7 + 8,
            "ringing_s": 2,
            "idle_s": 4 * 3600 - 122 - 6 - 45 - 2,
            "ready_s": 4 * 3600 - 1800,
            "available_s": 4 * 3600 - 122 - 6 - 45 - 2 - 1800,
        }
    )
    counts = sums(rows, ("handled", "sales", "orders", "own_calls", "complaints"))
    # A was offered the day before; of B and C only B ordered in the end.
    assert counts == {"handled": 2, "sales": 2, "orders": 1, "own_calls": 0, "complaints": 0}
    away = {
        f"{row['quarter_at'].astimezone(UTC):%H:%M}": row["away_s"]
        for row in rows
        if row["away_s"] > 0
    }
    # From 02:40 of summer time to 02:10 of winter time.
    assert away == pytest.approx({"00:30": 300.0, "00:45": 900.0, "01:00": 600.0})


def test_the_managers_dashboard_says_the_same_of_an_agent(day: Day) -> None:
    handling_s, available_s = 122 + 6 + 45, 4 * 3600 - 122 - 6 - 45 - 2 - 1800
    agent_day(day, "1001")  # computes what was noted
    from_at, to_at = day_borders(DAY, BERLIN)
    shown = fetch(day[0], expanded(panels()["Work and times per agent"], from_at, to_at))
    [mine] = [row for row in shown if row["agent"] == "1001"]
    assert (mine["handled"], mine["orders"], mine["team"]) == (2, 1, "")
    assert mine["conversion_rate"] == pytest.approx(1 / 2)
    assert mine["logged_in_s"] == pytest.approx(4 * 3600)
    assert mine["away_s"] == pytest.approx(1800)
    assert mine["occupancy"] == pytest.approx(handling_s / (handling_s + available_s))


def test_an_agent_over_a_set_clock_and_a_kill(day: Day) -> None:
    """1002: from 02:00 to the kill, and again from 05:10:01 to 06:00."""
    rows = agent_day(day, "1002")
    there_s = (at(25, 5, 1) - at(25, 2)) + (at(25, 6) - STARTED_AGAIN - 1)
    worked = {"talk_s": 50 + 10 + 40 + 55, "wrap_up_s": 5 + 12}
    found = sums(rows, ("talk_s", "wrap_up_s", "idle_s", "ready_s"))
    assert found == pytest.approx(
        {
            **worked,
            "idle_s": there_s - sum(worked.values()),
            "ready_s": there_s,
        }
    )
    counts = sums(rows, ("handled", "orders", "own_calls"))
    # F3, G, H and the customer who was called back.
    assert counts == {"handled": 4, "orders": 1, "own_calls": 0}


def test_an_own_call_counts_for_its_agent_and_in_no_queue(day: Day) -> None:
    rows = agent_day(day, "1003")
    by_queue = {row["queue"] for row in rows if row["talk_s"]}
    assert by_queue == {""}
    assert sums(rows, ("talk_s", "own_calls")) == {"talk_s": pytest.approx(100.0), "own_calls": 1}
    # K was offered on this day, whose talk lies on the next.
    assert sums(rows, ("handled", "sales")) == {"handled": 1, "sales": 1}


def test_the_pure_times_are_those_of_the_database(day: Day) -> None:
    rows = day[1]
    pure_times = agent_quarters(
        [row for row in rows if isinstance(row, cdr.AgentStatusInterval)],
        [row for row in rows if isinstance(row, cdr.AgentStateInterval)],
        now_us=int((EVENING + timedelta(days=3)).timestamp() * 1e6),
    )
    from_at, to_at = day_borders(DAY, BERLIN)
    for agent in ("1001", "1002", "1003", "1005"):
        mine = [
            {name: getattr(one, name) for name in TIMES}
            for (quarter_us, who, _), one in pure_times.items()
            if who == agent and from_at.timestamp() <= quarter_us / 1e6 < to_at.timestamp()
        ]
        assert sums(agent_day(day, agent), TIMES) == pytest.approx(sums(mine, TIMES)), agent
