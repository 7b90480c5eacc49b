"""The report of agents, against a morning that was reckoned by hand."""

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from storage_site import START_US, Site, fetch, ship
from storage_traffic import offered, started

from acd.app.reporting import REPORTS
from acd.calls import events as ev
from acd.config import load_config
from acd.reports.agent_kpi import SUMS
from acd.reports.agents_report import AgentsWish, agents_report, with_paid_time
from acd.reports.report import Report, Value
from acd.reports.request import Period, Request, RequestError, microseconds
from acd.storage.agent_quarters import NOTES_OF_A_REPORT
from acd.storage.agent_sums import WantedAgents, agent_lines, people
from acd.storage.kpi_rollup import RollUps, Turn, connect

ROOT = Path(__file__).parents[2]
SHANGHAI = ZoneInfo("Asia/Shanghai")
SUMS_STORED = [name for name in SUMS if name != "queue_handling_s"]
NINE = datetime(2026, 9, 22, 9, 0, tzinfo=SHANGHAI)
NINE_S = NINE.timestamp() - START_US / 1e6
CALL = {"interaction": "call", "queue": "sales", "visit": "visit"}
WANG, LI = {"agent": "1001"}, {"agent": "1002"}


def status(who: dict[str, str], value: str, reason: str = "") -> ev.Event:
    return ev.AgentStatusChanged(**who, status=value, reason=reason)


def state(who: dict[str, str], value: str, queue: str = "") -> ev.Event:
    return ev.AgentStateChanged(**who, state=value, queue=queue, interaction="call")


# Seconds after nine. Wang takes a call, sells, and goes for lunch; Li misses one and waits still.
MORNING: list[tuple[float, ev.Event]] = [
    (-60.0, ev.AgentDescribed(**WANG, name="王丽", team="一组")),
    (-60.0, ev.AgentDescribed(**LI, name="李强", team="二组")),
    *((0.0, status(who, "ready")) for who in (WANG, LI)),
    *((0.0, state(who, "idle")) for who in (WANG, LI)),
    (600.0, started("call", "leg")),
    (600.0, ev.QueueEntered(**CALL, kind="sales")),
    (600.0, offered("call", "visit", "sales", "offer-1", "1002", "leg-1")),
    (600.0, state(LI, "offered", "sales")),
    (
        610.0,
        ev.OfferEnded(
            **CALL, **LI, offer="offer-1", leg="leg-1", outcome="no_answer", ring_s=10.0
        ),
    ),
    (610.0, state(LI, "paused", "sales")),
    (610.0, offered("call", "visit", "sales", "offer-2", "1001", "leg-2")),
    (610.0, state(WANG, "offered", "sales")),
    (
        615.0,
        ev.OfferEnded(
            **CALL, **WANG, offer="offer-2", leg="leg-2", outcome="answered", ring_s=5.0
        ),
    ),
    (615.0, ev.QueueLeft(**CALL, **WANG, reason="answered", waited_s=15.0)),
    (615.0, ev.AgentConnected(**CALL, **WANG, leg="leg-2")),
    (615.0, state(WANG, "talking", "sales")),
    (620.0, state(LI, "idle")),
    (1115.0, state(WANG, "held", "sales")),
    (1215.0, state(WANG, "talking", "sales")),
    (1315.0, ev.AgentDisconnected(**CALL, **WANG, leg="leg-2", talk_s=600.0, hold_s=100.0)),
    (1315.0, ev.CallEnded(interaction="call", ended_by="caller", reason="hangup")),
    (1315.0, state(WANG, "wrap_up", "sales")),
    (1330.0, ev.DispositionEntered(interaction="call", **WANG, call_class="order", ordered=True)),
    (1375.0, state(WANG, "idle")),
    (2400.0, status(WANG, "away", "meal")),
    (3600.0, status(WANG, "logged_out")),
    (3600.0, state(WANG, "offline")),
    (3661.0, ev.ClosureChanged(queue="", closed=True, reason="", by="")),
]
DAY = {
    "from_at": NINE.replace(hour=0).astimezone(UTC),
    "to_at": (NINE.replace(hour=0) + timedelta(days=1)).astimezone(UTC),
    "now_at": (NINE + timedelta(hours=2)).astimezone(UTC),
    "zone": SHANGHAI,
}


@pytest.fixture
def morning(dsn: str, tmp_path: Path) -> str:
    site = Site(tmp_path)
    site.write([(NINE_S + at_s, event) for at_s, event in MORNING])
    asyncio.run(ship(site, dsn))
    site.journal.close()
    return dsn


def report(dsn: str, *, unit_target: float = 0.0, **wanted: object) -> list[Mapping[str, Value]]:
    async def ask() -> Report:
        connection = await asyncpg.connect(dsn)
        wish = WantedAgents(**DAY | wanted)
        try:
            lines = await agent_lines(connection, wish)
            known = await people(connection, wish.to_at)
        finally:
            await connection.close()
        cut = AgentsWish(
            from_us=0,
            to_us=1,
            timezone="Asia/Shanghai",
            period=wish.period,
            by=wish.by,
            of_calls="queue" in wish.by or "skill" in wish.by,
            unit_target=unit_target,
        )
        return agents_report(with_paid_time(lines, cut.paid, {}), known, cut)

    made = asyncio.run(ask())
    names = [column.name for column in made.columns]
    return [dict(zip(names, row, strict=True)) for row in made.rows]


def test_a_morning_reckoned_by_hand(morning: str) -> None:
    wang, li = report(morning, unit_target=2.0)
    assert (wang["agent"], wang["name"], wang["team"]) == ("1001", "王丽", "一组")
    assert (wang["handled"], wang["offers"], wang["missed_offers"]) == (1, 1, 0)
    assert (wang["talk_s"], wang["hold_s"], wang["wrap_up_s"], wang["aht_s"]) == (
        600,
        100,
        60,
        760,
    )
    assert (wang["ready_s"], wang["away_s"], wang["away_meal_s"]) == (2400, 1200, 1200)
    assert (wang["logged_in_s"], wang["paid_s"]) == (3600, 3600)
    # 610 before the call, 1375 to 2400 after it.
    assert wang["available_s"] == 610 + 1025
    assert wang["occupancy"] == pytest.approx(760 / (760 + 1635))
    assert wang["utilisation"] == pytest.approx((760 + 1635) / 3600)
    assert (wang["conversion_rate"], wang["offer_answer_rate"]) == (1.0, 1.0)
    assert wang["traffic_index"] == 0.5
    # Li has been ready since nine, and it is eleven.
    assert (li["ready_s"], li["logged_in_s"]) == (7200, 7200)
    assert (li["ringing_s"], li["paused_s"], li["available_s"]) == (10, 10, 7180)
    assert (li["missed_offers"], li["offer_answer_rate"], li["aht_s"]) == (1, 0.0, None)
    assert (li["occupancy"], li["utilisation"]) == (0.0, 7180 / 7200)


def test_hours_of_a_team(morning: str) -> None:
    hours = report(morning, period=Period.HOUR, by=("team",), only={"team": "二组"})
    at = [microseconds(NINE), microseconds(NINE + timedelta(hours=1))]
    assert [(row["period"], row["ready_s"]) for row in hours] == [(at[0], 3600), (at[1], 3600)]
    assert "name" not in hours[0]


def test_the_day_of_a_period_begins_at_the_zones_midnight(morning: str) -> None:
    days = report(morning, period=Period.DAY, by=())
    assert [row["period"] for row in days] == [microseconds(NINE.replace(hour=0))]
    assert days[0]["ready_s"] == 2400 + 7200


async def rolled(dsn: str) -> Turn:
    connection = await connect(dsn)
    try:
        return await RollUps(connection, SHANGHAI.key).all_turns()
    finally:
        await connection.close()


def test_a_day_that_is_over_is_summed_up_once_and_anew_when_something_late_comes(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.write([(NINE_S + at_s, event) for at_s, event in MORNING])
    # Who is logged in still has an open interval, which no sum of a day has.
    site.write(
        [(NINE_S + 3700.0, status(LI, "logged_out")), (NINE_S + 3700.0, state(LI, "offline"))]
    )
    asyncio.run(ship(site, dsn))
    over = {"now_at": DAY["to_at"]}
    amid = {"now_at": DAY["to_at"] - timedelta(minutes=15)}
    cuts: list[dict[str, object]] = [
        {"period": Period.DAY},
        {"period": Period.MONTH, "by": ("team", "queue")},
        {"by": ()},
        {"by": ("skill",), "skills": {"sales": "selling"}},
        {"only": {"team": "一组"}},
    ]

    def current() -> list[object]:
        rows = asyncio.run(fetch(dsn, "SELECT day FROM agent_days_current"))
        return [row["day"] for row in rows]

    plain = [report(dsn, **cut, **amid) for cut in cuts]
    assert current() == []
    assert [report(dsn, **cut, **over) for cut in cuts] == plain
    assert current() == [NINE.date()]
    # From the sums now, not the quarter-hours, which is to be seen by what is written into them.
    asyncio.run(fetch(dsn, "UPDATE agent_days SET handled = 7 WHERE handled = 1"))
    assert report(dsn, **over)[0]["handled"] == 7
    wrong = ev.DispositionEntered(interaction="call", **WANG, call_class="complaint")
    site.write([(NINE_S + 90_000.0, wrong)])
    asyncio.run(ship(site, dsn))
    told = report(dsn, **amid)[0]
    assert (told["handled"], told["orders"], told["complaints"]) == (1, 0, 1)
    assert current() == []
    # In the background, so that the next report need not.
    assert asyncio.run(rolled(dsn)).agent_days == 1
    assert current() == [NINE.date()]
    assert report(dsn, **over)[0] == told
    earlier = "INSERT INTO agent_quarters (quarter_at, agent, queue, team, away_reasons, {0})"
    earlier += " SELECT quarter_at - interval '3 days', agent, queue, team, away_reasons, {0}"
    earlier += " FROM agent_quarters"
    asyncio.run(fetch(dsn, earlier.format(", ".join(SUMS_STORED))))
    assert asyncio.run(rolled(dsn)).agent_days == 3
    assert asyncio.run(rolled(dsn)).agent_days == 0
    site.journal.close()


def test_more_than_a_report_can_wait_for_is_said(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write([(NINE_S + at_s, event) for at_s, event in MORNING])
    asyncio.run(ship(site, dsn))
    noted = (
        "INSERT INTO agent_quarters_dirty (quarter_at, agent)"
        " SELECT timestamptz '2020-01-01', n::text FROM generate_series(1, $1::int) n"
    )
    # As many as can be waited for, of another time: they are worked off first.
    asyncio.run(fetch(dsn, noted, NOTES_OF_A_REPORT // 2))
    assert report(dsn)[0]["handled"] == 1
    asyncio.run(fetch(dsn, noted, NOTES_OF_A_REPORT))
    site.write([(NINE_S + 4000.0, status(WANG, "ready")), (NINE_S + 4100.0, status(WANG, "away"))])
    asyncio.run(ship(site, dsn))
    with pytest.raises(RequestError, match="try again"):
        report(dsn)
    site.journal.close()


def test_queues_and_skills_have_no_time_without_calls(morning: str) -> None:
    rows = report(morning, by=("queue",))
    assert [(row["queue"], row["talk_s"]) for row in rows] == [("", 0), ("sales", 600)]
    skilled = report(morning, by=("skill",), skills={"sales": "selling"})
    assert [(row["skill"], row["handled"]) for row in skilled] == [("", 0), ("selling", 1)]
    assert "occupancy" not in rows[0]


def test_the_report_by_name(morning: str) -> None:
    day = NINE.date()

    async def ask(**request: object) -> Report:
        connection = await asyncpg.connect(morning)
        try:
            wish = Request(first=day, last=day, zone=SHANGHAI, **request)
            return await REPORTS["agents"](connection, load_config(ROOT / "config"), wish)
        finally:
            await connection.close()

    made = asyncio.run(ask())
    assert [row[0] for row in made.rows] == ["1001", "1002"]
    by_queue = asyncio.run(ask(by=("queue", "agent")))
    assert [row[:2] for row in by_queue.rows] == [("sales", "1001"), ("sales", "1002")]
    with pytest.raises(RequestError, match="region"):
        asyncio.run(ask(by=("region",)))
    with pytest.raises(RequestError, match="expected how many"):
        asyncio.run(ask(options={"unit_target": "many"}))


# Wang is planned from nine to half past ten with a meal, and was paid for an hour; Chen, whose
# shift began on the evening before, was paid and not there. Nobody planned Li.
PLAN = """\
agent,day,from,to,status
1001,2026-09-22,09:00,09:40,ready
1001,2026-09-22,09:40,10:00,away:meal
1001,2026-09-22,10:00,10:30,ready
1003,2026-09-21,22:00,01:00,ready
"""
SHEET = "agent,day,from,to\n1001,2026-09-22,09:00,10:00\n1003,2026-09-22,00:00,02:00\n"
USED_S = 760 + 1635
"Wang's handling and available time."


def paid_by(dsn: str, folder: Path, pay: str, **request: object) -> list[Mapping[str, Value]]:
    """What the report says where this is how time is paid."""
    config = folder / "config"
    shutil.copytree(ROOT / "config", config, dirs_exist_ok=True)
    server = (config / "server.yaml").read_text()
    (config / "server.yaml").write_text(server.replace("../ivr_flows", f"{ROOT}/ivr_flows"))
    (config / "contracts.yaml").write_text(f"pay: {{{pay}}}\n")
    (config / "shifts.csv").write_text(PLAN)
    (config / "timesheet.csv").write_text(SHEET)

    async def ask() -> Report:
        connection = await asyncpg.connect(dsn)
        try:
            wish = Request(
                **{"first": NINE.date(), "last": NINE.date(), "zone": SHANGHAI} | request
            )
            return await REPORTS["agents"](connection, load_config(config), wish)
        finally:
            await connection.close()

    made = asyncio.run(ask())
    if request.get("by") != ("queue",):
        source = next((name for name in ("shifts", "timesheet") if name in pay), "logged_in")
        assert made.definitions["paid_time"] == source
    names = [column.name for column in made.columns]
    return [dict(zip(names, row, strict=True)) for row in made.rows]


@pytest.mark.parametrize(
    ("pay", "paid_s"),
    [
        ("", {"1001": 3600}),
        ("unpaid_away: [meal]", {"1001": 2400}),
        ("unpaid_away: [break]", {"1001": 3600}),
        ("paid_time: shifts", {"1001": 5400, "1002": 0, "1003": 3600}),
        ("paid_time: shifts, unpaid_away: [meal]", {"1001": 4200, "1002": 0, "1003": 3600}),
        ("paid_time: timesheet", {"1001": 3600, "1002": 0, "1003": 7200}),
        (
            "paid_time: timesheet, unpaid_away: [meal]",
            {"1001": 3600, "1002": 0, "1003": 7200},
        ),
    ],
)
def test_utilisation_by_what_is_paid(
    morning: str, tmp_path: Path, pay: str, paid_s: dict[str, float]
) -> None:
    rows = {row["agent"]: row for row in paid_by(morning, tmp_path, pay)}
    assert rows.keys() == {"1001", "1002", *paid_s}
    assert {agent: rows[agent]["paid_s"] for agent in paid_s} == paid_s
    assert rows["1001"]["utilisation"] == pytest.approx(USED_S / paid_s["1001"])
    if "1003" in paid_s:
        assert (rows["1003"]["utilisation"], rows["1003"]["handled"]) == (0.0, 0)
        assert rows["1002"]["utilisation"] is None


def test_paid_time_by_team_and_hour_adds_up(morning: str, tmp_path: Path) -> None:
    pay = "paid_time: shifts"
    teams = paid_by(morning, tmp_path, pay, by=("team",))
    assert {row["team"]: row["paid_s"] for row in teams} == {"": 3600, "一组": 5400, "二组": 0}
    hours = paid_by(morning, tmp_path, pay, by=("team",), period=Period.HOUR)
    mine = [row for row in hours if row["team"] == "一组"]
    at = [microseconds(NINE + timedelta(hours=number)) for number in range(2)]
    assert [(row["period"], row["paid_s"]) for row in mine] == [(at[0], 3600), (at[1], 1800)]
    assert [row["period"] for row in hours] == sorted(row["period"] for row in hours)
    (whole,) = paid_by(morning, tmp_path, pay, by=(), only={"team": "一组"}, period=Period.MONTH)
    assert whole["paid_s"] == 5400
    by_queue = paid_by(morning, tmp_path, pay, by=("queue",))
    assert "paid_s" not in by_queue[0]


def test_a_file_with_faults_refuses_the_report_by_their_line(morning: str, tmp_path: Path) -> None:
    paid_by(morning, tmp_path, "paid_time: timesheet")
    sheet = tmp_path / "config" / "timesheet.csv"
    faulty = SHEET.replace("10:00", "10.00")

    async def ask(name: str) -> Report:
        connection = await asyncpg.connect(morning)
        try:
            wish = Request(first=NINE.date(), last=NINE.date(), zone=SHANGHAI)
            return await REPORTS[name](connection, load_config(tmp_path / "config"), wish)
        finally:
            await connection.close()

    sheet.write_text(faulty)
    with pytest.raises(RequestError, match=r"timesheet\.csv:2.*'10\.00' is no time"):
        asyncio.run(ask("agents"))
    sheet.unlink()
    with pytest.raises(RequestError, match=r"timesheet\.csv:1.*missing"):
        asyncio.run(ask("agents"))
