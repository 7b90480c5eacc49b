"""What screens are shown: all at first, then who and what has changed; each day anew."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from acd.app.live import COUNTED_TOGETHER, LiveFloor
from acd.calls import events as ev
from acd.calls.centre import CallCentre
from acd.calls.journal import Record
from acd.calls.numbers import NumberPlan
from acd.calls.settings import CentreSettings
from acd.config import load_config
from acd.ivr.book import FlowBook
from acd.reports.kpi import QueueKpi
from acd.reports.live_day import Earlier, EndedVisit
from acd.routing.router import Router

ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0
NOON_US = int(datetime(2026, 11, 28, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1e6)
ENTERED = ev.QueueEntered(interaction="i", visit="v", queue="sales", kind="sales")
LEFT = ev.QueueLeft(
    interaction="i", visit="v", queue="sales", reason="answered", waited_s=3.0, agent="1001"
)
TALKING = ev.AgentStateChanged(agent="1001", state="talking", queue="sales", interaction="i")


class Floor:
    """The live floor of the stock configuration, on a clock that the test sets."""

    def __init__(self) -> None:
        config, ids = load_config(ROOT / "config"), count(1)
        agents, queues = config.agent_profiles(), config.queue_profiles()
        router = Router(agents=agents, queues=queues, new_id=lambda: f"id{next(ids)}")
        centre = CallCentre(
            router=router,
            agents=agents,
            queues=queues,
            numbers=NumberPlan(targets={}),
            flows=FlowBook(),
            settings=CentreSettings(),
            new_id=lambda: f"id{next(ids)}",
            wall=lambda: datetime(2026, 11, 28, tzinfo=UTC),
        )
        self.wall_us = NOON_US
        self._seq = count(1)
        self.live = LiveFloor(
            centre, router, config=lambda: config, now=lambda: 0.0, wall_us=lambda: self.wall_us
        )

    def happens(self, *happened: ev.Event) -> None:
        for event in happened:
            record = Record("n", "b", next(self._seq), self.wall_us, 0.0, event)
            for take, kinds in self.live.subscriptions:
                if type(event) in kinds:
                    take(record)


def row(message: Any, queue: str) -> dict[str, Any]:
    return next(one for one in message["queues"] if one["queue"] == queue)


def test_all_of_it_names_every_queue_and_agent() -> None:
    floor = Floor()
    floor.happens(ENTERED)
    message = floor.live.snapshot()
    assert (message["type"], message["day"], message["complete"]) == (
        "snapshot",
        "2026-11-28",
        False,
    )
    assert {one["queue"] for one in message["queues"]} >= {"sales", "service"}
    assert {one["agent"] for one in message["agents"]} >= {"1001", "1002"}
    sales = row(message, "sales")
    assert (sales["offered"], sales["waiting"], sales["answered"]) == (1, 1, 0)
    assert row(message, "service")["offered"] == 0
    # As many as the KPIs have: nothing that is shown of the moment hides a figure of the day.
    assert set(QueueKpi.__struct_fields__) - {"service_level_definition"} <= sales.keys()
    assert (sales["closed"], sales["closed_now"]) == (0, False)


def test_only_what_has_changed_is_told() -> None:
    floor = Floor()
    seen = floor.live.version
    assert floor.live.news(seen) is None
    floor.happens(ENTERED, LEFT, TALKING)
    news = floor.live.news(seen)
    assert news is not None
    assert [one["queue"] for one in news["queues"]] == ["sales"]
    assert [(one["agent"], one["handled"]) for one in news["agents"]] == [("1001", 1)]
    assert row(news, "sales")["service_level"] == 1.0
    assert floor.live.news(floor.live.version) is None


def test_what_nobody_looks_at_is_counted_together_and_nothing_is_missed() -> None:
    """Calls that come while no screen is open, more than are kept for one go, and in two days."""
    floor = Floor()
    seen = floor.live.version
    calls = COUNTED_TOGETHER + 3
    for number in range(calls):
        entered = structs.replace(ENTERED, interaction=f"i{number}", visit=f"v{number}")
        floor.happens(entered, structs.replace(LEFT, visit=entered.visit))
        assert len(floor.live._fresh) < COUNTED_TOGETHER
    news = floor.live.news(seen)
    assert news is not None
    assert (row(news, "sales")["offered"], row(news, "sales")["answered"]) == (calls, calls)
    floor.happens(structs.replace(ENTERED, visit="before midnight"))
    floor.wall_us += 12 * 3_600_000_000
    floor.happens(structs.replace(ENTERED, visit="after midnight"))
    assert row(floor.live.snapshot(), "sales")["offered"] == 1


def test_after_work_that_is_over_changes_its_queues_handling_time() -> None:
    floor = Floor()
    floor.happens(ENTERED, LEFT)
    wrap_up = ev.AgentStateChanged(agent="1001", state="wrap_up", queue="sales", interaction="i")
    floor.happens(wrap_up)
    seen = floor.live.version
    floor.happens(ev.AgentStateChanged(agent="1001", state="idle"))
    news = floor.live.news(seen)
    assert news is not None
    assert [one["queue"] for one in news["queues"]] == ["sales"]


@pytest.mark.asyncio
async def test_who_waits_is_woken_once_for_all() -> None:
    floor = Floor()
    waiting = [asyncio.create_task(floor.live.changed(floor.live.version)) for _ in range(3)]
    await asyncio.sleep(0)  # the tasks begin
    floor.happens(ENTERED)
    await asyncio.wait_for(asyncio.gather(*waiting), LIMIT_S)


def test_after_midnight_all_is_new() -> None:
    floor = Floor()
    floor.happens(ENTERED, LEFT)
    seen = floor.live.version
    floor.wall_us += 12 * 3_600_000_000
    news = floor.live.news(seen)
    assert news is not None
    assert (news["type"], news["day"]) == ("snapshot", "2026-11-29")
    assert row(news, "sales")["offered"] == 0


def test_a_call_after_midnight_begins_the_day_too() -> None:
    floor = Floor()
    floor.happens(ENTERED, LEFT)
    seen = floor.live.version
    floor.wall_us += 12 * 3_600_000_000
    floor.happens(ENTERED)
    news = floor.live.news(seen)
    assert news is not None
    assert news["type"] == "snapshot"
    assert row(news, "sales")["offered"] == 1


@pytest.mark.asyncio
async def test_what_earlier_boots_did_comes_in_when_the_database_answers() -> None:
    floor = Floor()
    floor.happens(ENTERED)
    begin, end = floor.live.today()
    former = EndedVisit(
        visit="former",
        interaction="former",
        queue="sales",
        kind="sales",
        outcome="answered",
        waited_s=30.0,
        service_level_s=20.0,
        agent="1002",
        callback=False,
        talk_s=100.0,
        hold_s=0.0,
    )

    async def earlier_today(*asked: object) -> AsyncIterator[list[Earlier]]:
        assert asked == (begin, end, "node", "boot")
        begin_us = int(begin.timestamp() * 1e6)
        yield [
            Earlier(
                begin_us=begin_us,
                visits=[former],
                wrap_ups=[("former", "sales", "1002", 20.0)],
                dispositions=[("former", "1002", "", True)],
            )
        ]

    seen = floor.live.version
    await floor.live.restore(earlier_today, "node", "boot")
    news = floor.live.news(seen)
    assert news is not None
    assert news["complete"]
    sales = row(news, "sales")
    assert (sales["offered"], sales["answered"], sales["orders"]) == (2, 1, 1)
    assert (sales["asa_s"], sales["aht_s"], sales["service_level"]) == (30.0, 120.0, 0.0)
    # A disposition that comes late takes the order back.
    late = ev.DispositionEntered(
        interaction="former", agent="1002", queue="", call_class="inquiry", ordered=False
    )
    floor.happens(late)
    assert row(floor.live.snapshot(), "sales")["orders"] == 0


@pytest.mark.asyncio
async def test_midnight_comes_by_itself() -> None:
    floor = Floor()
    begin_us = int(floor.live.today()[1].timestamp() * 1e6)
    floor.wall_us = begin_us - 1
    floor.live.start()
    waiting = asyncio.create_task(floor.live.changed(floor.live.version))
    await asyncio.sleep(0)  # the tasks begin
    floor.wall_us = begin_us + 1
    await asyncio.wait_for(waiting, LIMIT_S)
    floor.live.stop()
    assert floor.live.snapshot()["day"] == "2026-11-29"
