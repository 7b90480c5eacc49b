"""A simulated day as tables, JSON and charts."""

import json

import pytest
import vl_convert
from rich.console import Console

from acd.reports import charts
from acd.reports.kpi import QueueKpi
from acd.reports.simulated import (
    AGENTS_SHOWN,
    AgentDay,
    QuarterOfQueue,
    SimulatedDay,
    Waits,
    as_json,
    occupancies,
    overall,
    tables,
)


def agent(number: str, occupancy: float | None = 0.8) -> AgentDay:
    return AgentDay(
        agent=number,
        handled=10,
        orders=4,
        talk_s=1_200.0,
        wrap_up_s=300.0,
        ready_s=375.0,
        logged_in_s=1_875.0,
        occupancy=occupancy,
    )


def quarter(queue: str, at: str, offered: int, share: float | None, asa_s: float | None):
    return QuarterOfQueue(
        queue=queue,
        at=at,
        offered=offered,
        answered=offered - 1,
        short_abandons=0,
        abandons=1,
        orders=0,
        service_level=share,
        abandon_rate=1 / offered,
        asa_s=asa_s,
    )


NINE, LATER = "2026-11-23T09:00:00", "2026-11-23T09:15:00"


def day(agents: int = 2) -> SimulatedDay:
    return SimulatedDay(
        seed=7,
        callers=22,
        queues=[QueueKpi(queue="sales", offered=11, answered=10, abandons=1, orders=4)],
        waits=[
            Waits(
                queue="sales",
                wait_p50_s=5.0,
                wait_p90_s=None,
                wait_p99_s=60.0,
                longest_wait_s=61.4,
            )
        ],
        agents=[agent("1001"), *(agent(f"{i}", None) for i in range(1, agents))],
        quarters=[
            quarter("sales", NINE, 11, 0.5, 4.0),
            quarter("sales", LATER, 5, 1.0, 1.0),
            quarter("service", NINE, 31, 1.0, 8.0),
        ],
    )


def shown(simulated: SimulatedDay, locale: str) -> str:
    console = Console(width=200, record=True, quiet=True)
    with console.capture() as said:
        for table in tables(simulated, title="a.csv", locale=locale):
            console.quiet = False
            console.print(table)
    return said.get()


def test_json_has_the_names_of_reports_and_null_for_none() -> None:
    told = json.loads(as_json(day()))
    assert set(told) == {"seed", "callers", "queues", "waits", "agents", "quarters"}
    assert told["queues"][0]["offered"] == 11
    assert told["waits"][0]["wait_p90_s"] is None
    assert told["agents"][0]["occupancy"] == 0.8
    assert told["quarters"][0]["at"] == NINE


def test_quarters_of_all_queues_together() -> None:
    nine, later = overall(day())
    assert (nine.at, nine.offered) == (NINE, 42)
    assert nine.service_level == pytest.approx((0.5 * 11 + 31) / 42)
    assert nine.asa_s == pytest.approx((4 * 10 + 8 * 30) / 40)
    assert nine.abandon_rate == pytest.approx(2 / 42)
    assert (later.at, later.service_level) == (LATER, 1.0)


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("Waits of the answered", "61 s", "80.0 %", "20 min", "Agents on duty", "–")),
        ("zh", ("接起前等待", "61 s", "80.0 %", "在线繁忙度", "在岗座席", "随机种子")),
    ],
)
def test_tables(locale: str, words: tuple[str, ...]) -> None:
    text = shown(day(), locale)
    assert [word for word in words if word not in text] == []


def test_of_many_agents_only_the_summary_is_shown() -> None:
    assert "Wrap-up" in shown(day(AGENTS_SHOWN), "en")
    assert "Wrap-up" not in shown(day(AGENTS_SHOWN + 1), "en")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", ("Service level", "Abandon rate", "Calls offered", "Occupancy of the agents")),
        ("zh", ("规定期间接通率", "放弃率", "呼入量", "座席在线繁忙度分布")),
    ],
)
def test_charts_are_drawn_in_both_languages(locale: str, words: tuple[str, ...]) -> None:
    drawn = charts.together(
        charts.trend(overall(day()), locale=locale),
        charts.occupancy(occupancies(day()), locale=locale),
    )
    svg = vl_convert.vegalite_to_svg(drawn)
    assert [word for word in words if word not in svg] == []


def test_a_day_without_calls_can_be_drawn() -> None:
    svg = vl_convert.vegalite_to_svg(charts.together(charts.trend([]), charts.occupancy([])))
    assert "Average wait" in svg
