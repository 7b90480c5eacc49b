"""The live figures are those of the database for the same day, also over a restart."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from kpi_function import queue_kpis
from storage_site import START_US, Site, ship
from storage_traffic import started, timeline

from acd.calls import events as ev
from acd.calls.journal import Record
from acd.reports.days import day_borders
from acd.reports.kpi import QueueKpi, ServiceLevel
from acd.reports.live_day import LiveDay
from acd.reports.request import microseconds
from acd.storage.journal_reader import JournalReader
from acd.storage.live import earlier_today
from acd.storage.table import at

SHANGHAI = ZoneInfo("Asia/Shanghai")
"The traffic begins at 22:13:20 there: an hour and 46 minutes before midnight."

Timed = tuple[float, ev.Event]


def day_of(wall_us: int) -> tuple[int, int]:
    day = at(wall_us).astimezone(SHANGHAI).date()
    begin, end = day_borders(day, SHANGHAI)
    return microseconds(begin), microseconds(end)


def follow(live: LiveDay, folder: Path, boot: str = "") -> LiveDay:
    reader = JournalReader(folder, on_damage=pytest.fail)
    for entry in reader:
        record = entry.record
        assert record is not None
        if type(record.event) in LiveDay.KINDS and boot in {"", record.boot}:
            live.apply(record)
    reader.close()
    return live


async def of_database(dsn: str, live: LiveDay, level: ServiceLevel) -> dict[str, QueueKpi]:
    connection = await asyncpg.connect(dsn)
    found = await queue_kpis(
        connection, from_at=at(live.begin_us), to_at=at(live.end_us), service_level=level
    )
    await connection.close()
    return {one.queue: one for one in found}


def same(live: LiveDay, dsn: str) -> dict[str, QueueKpi]:
    for level in ServiceLevel:
        found = live.figures(level)
        wanted = asyncio.run(of_database(dsn, live, level))
        assert found.keys() == wanted.keys()
        for queue, one in wanted.items():
            for field in QueueKpi.__struct_fields__:
                expected = getattr(one, field)
                assert getattr(found[queue], field) == pytest.approx(expected), (queue, field)
    return found


def late(events: Iterable[Timed]) -> list[Timed]:
    """The same with dispositions that come again, an hour later, and say something else."""
    events = list(events)
    again = [
        (
            at_s + 3600.0,
            ev.DispositionEntered(
                interaction=one.interaction,
                agent=one.agent,
                queue=one.queue,
                call_class="order",
                ordered=not one.ordered,
            ),
        )
        for number, (at_s, one) in enumerate(events)
        if isinstance(one, ev.DispositionEntered) and number % 3 == 0
    ]
    told = [
        timed
        for number, (at_s, one) in enumerate(events)
        if isinstance(one, ev.QueueLeft) and one.reason == "answered"
        for timed in orders_of(one, at_s, number)
    ]
    # Agents forget to class calls; the shop knows what was ordered all the same.
    kept = [
        (at_s, one)
        for at_s, one in events
        if not isinstance(one, ev.DispositionEntered) or len(one.queue) > 3
    ]
    return sorted([*kept, *again, *told], key=lambda timed: timed[0])


def orders_of(visit: ev.QueueLeft, at_s: float, number: int) -> list[Timed]:
    """What a shop tells of an answered call half an hour later: nothing, or one or two orders."""
    return [
        (
            at_s + 1800.0 + 7.0 * count,
            ev.OrderChanged(
                interaction=visit.interaction if number % 7 else "",
                agent=visit.agent,
                queue=("", visit.queue, "other")[(number + count) % 3],
                order_id=f"order-{number}-{count}",
                state=("placed", "cancelled")[number % 2],
                at_us=START_US,
            ),
        )
        for count in range(number % 3)
    ]


CALL, OTHER = {"interaction": "first"}, {"interaction": "second"}
CONSULT = {**OTHER, "queue": "sales", "visit": "consult"}
HAND_ON = {**CALL, "transfer": "t", "agent": "1009", "kind": "attended"}
HANDED_ON: list[Timed] = [
    # 1009 consults 1008 by queue, who takes over, works after the call, and has the order.
    (0.0, started("first", "leg-a")),
    (2.0, started("second", "leg-c", agent="1009", direction="internal")),
    (3.0, ev.QueueEntered(**CONSULT, kind="sales")),
    (4.0, ev.QueueLeft(**CONSULT, reason="answered", waited_s=1.0, agent="1008")),
    (5.0, ev.TransferRequested(**HAND_ON, leg="leg-b", target="1008", consult="second")),
    (6.0, ev.TransferCompleted(**HAND_ON, to_agent="1008")),
    (7.0, ev.CallEnded(**OTHER, ended_by="system", reason="transferred")),
    (9.0, ev.CallEnded(**CALL, ended_by="caller", reason="hangup")),
    (9.0, ev.AgentStateChanged(**CALL, agent="1008", state="wrap_up", queue="sales")),
    (20.0, ev.DispositionEntered(**CALL, agent="1008", call_class="order", ordered=True)),
    (49.0, ev.AgentStateChanged(agent="1008", state="idle")),
]


@pytest.mark.parametrize("seed", range(2))
def test_a_day_as_the_database_has_it(dsn: str, tmp_path: Path, seed: int) -> None:
    site = Site(tmp_path)
    site.write(late(timeline(seed, 250, every_s=6.0)))
    site.write([(5700.0 + at_s, event) for at_s, event in HANDED_ON])
    asyncio.run(ship(site, dsn))
    found = same(follow(LiveDay(day_of, START_US), tmp_path), dsn)
    assert sum(one.offered for one in found.values()) > 200
    assert min(one.orders for one in found.values()) > 10
    site.journal.close()


def test_at_midnight_of_the_zone_it_begins_anew(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    # An hour before midnight and the hour after it; some wait while it strikes.
    site.write((2700.0 + at_s, event) for at_s, event in timeline(7, 300, every_s=24.0))
    asyncio.run(ship(site, dsn))
    live = follow(LiveDay(day_of, START_US), tmp_path)
    assert live.begin_us == microseconds(datetime(2026, 9, 22, tzinfo=SHANGHAI).astimezone(UTC))
    found = same(live, dsn)
    assert 50 < sum(one.offered for one in found.values()) < 250
    site.journal.close()


def test_a_quiet_midnight_turns_the_page_too() -> None:
    live = LiveDay(day_of, START_US)
    entered = ev.QueueEntered(interaction="i", visit="v", queue="sales", kind="sales")
    live.apply(Record("n", "b", 1, START_US, 0.0, entered))
    assert live.figure("sales").waiting == 1
    assert not live.turn(live.end_us - 1)
    assert live.turn(live.end_us)
    assert live.figures() == {}
    # Of yesterday: counted there.
    left = ev.QueueLeft(
        interaction="i", visit="v", queue="sales", reason="answered", waited_s=9.0, agent="1001"
    )
    live.apply(Record("n", "b", 2, live.begin_us + 5, 10.0, left))
    assert live.figures() == {}


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.8])
def test_a_restart_keeps_the_day(dsn: str, tmp_path: Path, cut: float) -> None:
    """A boot ends in good order amid the day; the next one knows of it what the records have."""
    first, second = tmp_path / "first", tmp_path / "second"
    events = late(timeline(11, 200, every_s=7.0))
    middle_s = events[int(len(events) * cut)][0]
    # Calls do not outlive their server: those under way are whole in the first boot.
    begun = {
        one.interaction
        for at_s, one in events
        if isinstance(one, ev.CallStarted) and at_s < middle_s
    }
    before, after = [], []
    for at_s, event in events:
        of_first = getattr(event, "interaction", "") in begun
        (before if of_first and not _late(event, at_s, middle_s) else after).append((at_s, event))
    site = Site(first)
    site.write(before)
    asyncio.run(ship(site, dsn))
    site.journal.close()
    again = Site(second)
    again.write(after)
    boot = again.journal.boot
    asyncio.run(ship(again, dsn))

    live = LiveDay(day_of, START_US)

    async def restore() -> None:
        connection = await asyncpg.connect(dsn)
        day = {"from_at": at(live.begin_us), "to_at": at(live.end_us)}
        async for (earlier,) in earlier_today(connection, **day, node="node", boot=boot):
            live.restore(earlier)
        await connection.close()

    # The database answers late: half of the second boot's events are there before it.
    reader = JournalReader(second, on_damage=pytest.fail)
    records = [entry.record for entry in reader if type(entry.record.event) in LiveDay.KINDS]
    reader.close()
    for record in records[: len(records) // 2]:
        live.apply(record)
    asyncio.run(restore())
    for record in records[len(records) // 2 :]:
        live.apply(record)
    same(live, dsn)
    assert live.restored
    again.journal.close()


def _late(event: ev.Event, at_s: float, middle_s: float) -> bool:
    told_by_others = isinstance(event, ev.DispositionEntered | ev.OrderChanged)
    return told_by_others and at_s > middle_s + 1000.0
