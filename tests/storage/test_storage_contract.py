"""Contract, pay and quadrant out of real records: joined from the reports of the same agents."""

import asyncio
import shutil
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from storage_site import START_US, Site, ship
from storage_traffic import started

from acd.app.reporting import REPORTS
from acd.calls import events as ev
from acd.config import load_config
from acd.reports.measured import MEASURED
from acd.reports.report import Report
from acd.reports.request import Period, Request, RequestError

ROOT = Path(__file__).parents[2]
DAY_S = 86_400.0
CONTRACT = """\
contracts:
  sales:
    teams: [一组]
    measures:
      - {measure: conversion_rate, weight: 50, floor: 0.2, target: 0.6}
      - {measure: cancel_rate, weight: 30, floor: 0.5, target: 0.0}
      - {measure: cost_per_call, weight: 20, floor: 12, target: 8, entered: true}
pay:
  unit_target: 4
  tiers: [{from: 0, factor: 1}, {from: 1, factor: 1.2}]
"""
SHIFTS = "agent,day,from,to,status\n1001,2026-09-21,22:00,06:00,ready\n"
ENTERED = "month,who,measure,value\n2026-09,*,cost_per_call,9\n"


def call(name: str, agent: str, at_s: float, call_class: str) -> list[tuple[float, ev.Event]]:
    visit = {"interaction": name, "visit": f"visit {name}", "queue": "sales"}
    talk = {**visit, "agent": agent, "leg": f"agent's {name}"}
    ordered = call_class == "order"
    return [
        (at_s, started(name, f"leg {name}")),
        (at_s + 1, ev.QueueEntered(kind="sales", **visit)),
        (at_s + 2, ev.QueueLeft(reason="answered", waited_s=1.0, agent=agent, **visit)),
        (at_s + 2, ev.AgentConnected(**talk)),
        (at_s + 60, ev.AgentDisconnected(talk_s=58.0, hold_s=0.0, **talk)),
        (at_s + 61, ev.CallEnded(interaction=name, ended_by="caller", reason="hangup")),
        (
            at_s + 62,
            ev.DispositionEntered(
                interaction=name, agent=agent, call_class=call_class, ordered=ordered
            ),
        ),
    ]


def order(name: str, state: str, at_s: float) -> tuple[float, ev.Event]:
    told = ev.OrderChanged(
        order_id=f"order {name}",
        interaction=name,
        state=state,
        at_us=START_US + int(at_s * 1e6),
        amount=10_000,
        currency="CNY",
    )
    return at_s, told


def story() -> list[tuple[float, ev.Event]]:
    """Return an hour: 1001 sells three of five, one is cancelled; 1002 sells one of two."""
    events = [
        (0.0, ev.AgentDescribed(agent="1001", name="王丽", team="一组")),
        (0.0, ev.AgentDescribed(agent="1002", name="李强", team="二组")),
    ]
    for index, kind in enumerate(("order", "order", "order", "inquiry", "complaint")):
        events += call(f"a{index}", "1001", 100.0 * (index + 1), kind)
    for index, kind in enumerate(("order", "other")):
        events += call(f"b{index}", "1002", 1_000.0 + 100 * index, kind)
    events += [order("a0", "signed", 3_000.0), order("a1", "signed", 3_001.0)]
    events += [order("a2", "cancelled", 3_002.0), order("b0", "placed", 3_003.0)]
    events += [
        (0.0, ev.AgentStatusChanged(agent="1001", status="ready")),
        (3_600.0, ev.AgentStatusChanged(agent="1001", status="away", reason="meal")),
        (5_400.0, ev.AgentStatusChanged(agent="1001", status="ready")),
        (7_200.0, ev.AgentStatusChanged(agent="1001", status="logged_out")),
    ]
    events.sort(key=lambda pair: pair[0])
    return [*events, (7_300.0, ev.ClosureChanged(queue="", closed=True, reason="", by=""))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config)
    text = (config / "server.yaml").read_text()
    (config / "server.yaml").write_text(text.replace("../ivr_flows", f"{ROOT}/ivr_flows"))
    (config / "contracts.yaml").write_text(CONTRACT)
    (config / "contract_values.csv").write_text(ENTERED)
    (config / "shifts.csv").write_text(SHIFTS)
    return config


@pytest.fixture
def records(dsn: str, tmp_path: Path) -> str:
    site = Site(tmp_path / "site")
    site.write(story())
    asyncio.run(ship(site, dsn))
    assert site.alarms == []
    site.journal.close()
    return dsn


def made(dsn: str, folder: Path, name: str, **wanted: object) -> Report:
    async def make() -> Report:
        connection = await asyncpg.connect(dsn)
        try:
            request = Request(
                **{
                    "first": date(2026, 9, 1),
                    "last": date(2026, 9, 30),
                    "zone": ZoneInfo("Asia/Shanghai"),
                }
                | wanted
            )
            return await REPORTS[name](connection, load_config(folder), request)
        finally:
            await connection.close()

    return asyncio.run(make())


def table(report: Report) -> list[dict]:
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def test_a_contract_scores_those_whose_it_is(records: str, folder: Path) -> None:
    (row,) = table(made(records, folder, "contract"))
    assert (row["month"], row["agent"], row["name"], row["team"]) == (
        "2026-09",
        "1001",
        "王丽",
        "一组",
    )
    assert (row["conversion_rate"], row["cancel_rate"]) == (
        pytest.approx(0.6),
        pytest.approx(1 / 3),
    )
    assert row["conversion_rate_score"] == pytest.approx(100)
    assert row["cancel_rate_score"] == pytest.approx(100 / 3)
    assert (row["cost_per_call"], row["cost_per_call_score"]) == (9, pytest.approx(75))
    assert row["total"] == pytest.approx(0.5 * 100 + 0.3 * 100 / 3 + 0.2 * 75)


def test_pay_has_index_tier_signed_orders_and_the_contract(records: str, folder: Path) -> None:
    wang, li = table(made(records, folder, "pay"))
    assert (wang["agent"], wang["handled"], wang["complaints_handled"]) == ("1001", 5, 1)
    assert (wang["traffic_index"], wang["tier_factor"]) == (pytest.approx(1.0), 1.2)
    assert (wang["orders"], wang["orders_signed"], wang["signed_amount"]) == (3, 2, 20_000)
    assert (wang["currency"], wang["contract"]) == ("CNY", "sales")
    assert wang["score"] == pytest.approx(75)
    assert (li["traffic_index"], li["tier_factor"], li["contract"]) == (0.5, 1, "")


def test_the_quadrant_shows_all_and_judges_no_two(records: str, folder: Path) -> None:
    report = made(records, folder, "quadrant", options={"least_answered": "1"})
    rows = {row["agent"]: row for row in table(report)}
    assert (rows["1001"]["answered"], rows["1001"]["cancel_rate"]) == (5, pytest.approx(1 / 3))
    assert (rows["1001"]["collected"], rows["1002"]["answered"]) == (20_000, 2)
    assert rows["1001"]["outlier"] is None


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("contract", {"contract": "nobody's"}, "one of sales"),
        ("quadrant", {"least_answered": "-3"}, "expected calls"),
        ("pay", {"contract": "sales"}, "knows nothing"),
    ],
)
def test_what_cannot_be_reported_is_told(
    records: str, folder: Path, name: str, options: dict, says: str
) -> None:
    with pytest.raises(RequestError, match=says):
        made(records, folder, name, options=options)


def test_without_a_contract_the_file_is_named(records: str, folder: Path) -> None:
    (folder / "contracts.yaml").unlink()
    (folder / "contract_values.csv").unlink()
    with pytest.raises(RequestError, match=r"contracts\.yaml"):
        made(records, folder, "contract")


def test_adherence_holds_the_status_track_against_the_plan(records: str, folder: Path) -> None:
    (row,) = table(made(records, folder, "adherence"))
    assert (row["agent"], row["scheduled_s"], row["adherent_s"]) == ("1001", 28_800, 5_400)
    assert table(made(records, folder, "adherence", only={"team": "二组"})) == []
    (folder / "shifts.csv").write_text("agent,day\n")
    with pytest.raises(RequestError, match=r"shifts\.csv:1"):
        made(records, folder, "adherence")


def test_everything_that_a_contract_can_measure_is_a_column(records: str, folder: Path) -> None:
    for name in sorted({source.report for source in MEASURED.values()}):
        report = made(records, folder, name, by=("agent",), period=Period.MONTH)
        columns = {column.name for column in report.columns}
        wanted = {source.column for source in MEASURED.values() if source.report == name}
        assert {"period", "agent"} <= columns
        assert wanted <= columns
