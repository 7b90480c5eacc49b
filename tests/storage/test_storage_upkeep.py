"""Months are made ahead of time and deleted by their age, beside a shipper that writes."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from storage_site import START_US, Running, Site, fetch
from storage_traffic import started

from acd.calls import events as ev
from acd.storage.kpi_rollup import RollUps, connect
from acd.storage.retention import TABLES_OF, Kind
from acd.storage.upkeep import MONTHS_AHEAD, Kept, Upkeep

BEGIN = datetime.fromtimestamp(START_US / 1e6, UTC)
"In September 2026."

DAY_S = 86_400.0
PARTITIONS = """
SELECT c.relname FROM pg_class c
WHERE c.relispartition AND c.relkind = 'r' AND c.relname LIKE $1 ORDER BY 1
"""


class Watched:
    """An upkeep on a date that the test sets."""

    def __init__(self, dsn: str, kept: Kept) -> None:
        self.today = BEGIN.date()
        self.told: list[str] = []
        self.dropped = 0
        self.upkeep = Upkeep(
            dsn,
            kept,
            on_event=self.told.append,
            on_dropped=self.count,
            today=lambda: self.today,
        )

    def count(self, partitions: int) -> None:
        self.dropped += partitions


async def months(dsn: str, table: str) -> list[str]:
    rows = await fetch(dsn, PARTITIONS, f"{table}\\_20%")
    return [row[0].removeprefix(f"{table}_") for row in rows]


def calls(*days: int) -> list[tuple[float, ev.Event]]:
    """A call with a talking agent on each of these days since September."""
    out: list[tuple[float, ev.Event]] = []
    for day in days:
        at_s, call = day * DAY_S, f"call-{day}"
        out += (
            (at_s, started(call, f"leg-{day}")),
            (at_s, ev.AgentStateChanged(agent="1001", state="talking", interaction=call)),
            (at_s + 1, ev.AgentStateChanged(agent="1001", state="idle")),
            (at_s + 1, ev.LegEnded(interaction=call, leg=f"leg-{day}", ended_by="peer")),
            (at_s + 1, ev.CallEnded(interaction=call, ended_by="caller", reason="hangup")),
        )
    return out


def test_partitions_are_there_before_a_row_needs_them(dsn: str) -> None:
    watched = Watched(dsn, Kept())

    async def check() -> None:
        assert await months(dsn, "interactions") == []
        await watched.upkeep.once()
        assert await months(dsn, "interactions") == ["202609", "202610", "202611", "202612"]
        assert await months(dsn, "hold_segments") == await months(dsn, "interactions")
        watched.today = date(2026, 12, 31)
        await watched.upkeep.once()
        assert (await months(dsn, "recordings"))[-1] == "202703"
        assert len(await months(dsn, "audit")) == MONTHS_AHEAD + 4
        assert watched.told == []

    asyncio.run(check())


def test_months_go_as_a_whole_and_only_of_their_kind(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(calls(0, 40, 80, 120))
    watched = Watched(dsn, Kept(calls=2))

    async def check() -> None:
        async with Running(site.shipper(dsn)) as shipper:
            await shipper.drain()
            watched.today = (BEGIN + timedelta(days=120)).date()
            assert watched.today.month == 1
            await watched.upkeep.once()
            assert await months(dsn, "legs") == await months(dsn, "interactions")
            assert (await months(dsn, "interactions"))[0] == "202611"
            assert (await months(dsn, "agent_state_intervals"))[0] == "202609"
            left = await fetch(dsn, "SELECT interaction FROM interactions ORDER BY 1")
            assert [row[0] for row in left] == ["call-120", "call-80"]
            ((states,),) = await fetch(dsn, "SELECT count(*) FROM agent_state_intervals")
            assert states == 7  # the last one lasts, and has no row yet
            assert len(watched.told) == 2
            assert "calls of 2026-09" in watched.told[0]
            assert "retention.calls_months" in watched.told[0]
            assert watched.dropped == 2 * len(TABLES_OF[Kind.CALLS])
            # What belongs to a month that is gone finds a place again; the next look deletes it.
            late = ev.CallbackEnded(
                interaction="wish",
                callback="wish",
                queue="sales",
                number="+8613800000000",
                requested_us=START_US,
                first_enqueued_us=START_US,
                attempts=1,
                outcome="expired",
            )
            site.write([(121 * DAY_S, late)])
            await shipper.drain()
            assert await fetch(dsn, "SELECT * FROM set_aside") == []
            assert len(await fetch(dsn, "SELECT * FROM callbacks")) == 1
            await watched.upkeep.once()
            assert await fetch(dsn, "SELECT * FROM callbacks") == []
        ((confirmed,),) = await fetch(dsn, "SELECT segment_offset FROM journal_position")
        assert confirmed == site.journal.end.offset

    asyncio.run(check())
    site.journal.close()


def worked(call: str, agent: str, at_s: float) -> list[tuple[float, ev.Event]]:
    """A call that came through a queue to an agent, with both of its sides' records."""
    visit = {"interaction": call, "visit": f"{call}-v", "queue": "sales"}
    working = {"interaction": call, "queue": "sales"}
    talk = {**visit, "agent": agent, "leg": f"{call}-a"}
    return [
        (at_s, ev.AgentStatusChanged(agent=agent, status="ready")),
        (at_s, started(call, f"{call}-c")),
        (at_s, ev.QueueEntered(**visit, kind="sales")),
        (at_s + 5, ev.QueueLeft(**visit, reason="answered", waited_s=5.0, agent=agent)),
        (at_s + 5, ev.AgentStateChanged(agent=agent, state="talking", **working)),
        (at_s + 5, ev.AgentConnected(**talk)),
        (at_s + 65, ev.AgentDisconnected(**talk, talk_s=60.0, hold_s=0.0)),
        (at_s + 65, ev.AgentStateChanged(agent=agent, state="idle")),
        (at_s + 65, ev.CallEnded(interaction=call, ended_by="caller", reason="hangup")),
        (at_s + 70, ev.AgentStatusChanged(agent=agent, status="away", reason="meal")),
        (at_s + 71, ev.AgentStatusChanged(agent=agent, status="logged_out")),
        (at_s + 71, ev.AgentStateChanged(agent=agent, state="offline")),
    ]


FIGURES = (
    "SELECT * FROM kpi_quarters ORDER BY 1, 2, 3",
    "SELECT * FROM kpi_days ORDER BY 1, 2, 3, 4, 5",
    "SELECT * FROM traffic_quarters ORDER BY 1, 2, 3, 4",
    "SELECT * FROM order_days ORDER BY 1, 2, 3, 4, 5",
    "SELECT quarter_at, agent, queue, ready_s, away_s, talk_s, handled, sales FROM agent_quarters"
    " ORDER BY 1, 2, 3",
)


async def figures(dsn: str) -> list[list[tuple]]:
    connection = await connect(dsn)
    await connection.execute("SELECT refresh_agent_quarters()")
    await RollUps(connection, "UTC", settle_s=0).all_turns()
    found = [[tuple(row) for row in await connection.fetch(query)] for query in FIGURES]
    await connection.close()
    return found


@pytest.mark.parametrize("kept", [Kept(calls=2), Kept(agents=2), Kept(calls=2, agents=2)])
def test_what_is_told_late_of_a_month_that_is_gone_leaves_its_figures(
    dsn: str, tmp_path: Path, kept: Kept
) -> None:
    site = Site(tmp_path)
    site.write(worked("old", "1001", 100.0))
    site.write([(120 * DAY_S, ev.AgentStatusChanged(agent="1002", status="ready"))])
    watched = Watched(dsn, kept)

    async def check() -> None:
        async with Running(site.shipper(dsn)) as shipper:
            await shipper.drain()
            before = await figures(dsn)
            assert all(before)
            assert before[-1][-1][3:] == (0.0, 0.0, 60.0, 1, 1)
            watched.today = (BEGIN + timedelta(days=120)).date()
            await watched.upkeep.once()
            assert await figures(dsn) == before
            late = [
                ev.OrderChanged(order_id="B", state="signed", at_us=START_US + 100_000_000),
                ev.DispositionEntered(interaction="old", agent="1001", call_class="order"),
            ]
            site.write([(121 * DAY_S, event) for event in late])
            await shipper.drain()
            after = await figures(dsn)
            if kept.calls:
                assert after == before
            else:
                assert after[-1] == before[-1]

    asyncio.run(check())
    site.journal.close()


def test_nothing_is_deleted_unless_somebody_says_so(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(calls(0))
    watched = Watched(dsn, Kept())

    async def check() -> None:
        async with Running(site.shipper(dsn)) as shipper:
            await shipper.drain()
        watched.today = date(2199, 1, 1)
        await watched.upkeep.once()
        assert len(await fetch(dsn, "SELECT * FROM interactions")) == 1

    asyncio.run(check())
    site.journal.close()


def test_a_report_that_reads_an_old_month_is_waited_for(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(calls(0))
    watched = Watched(dsn, Kept(calls=1))
    watched.today = date(2027, 1, 1)
    blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"

    async def check() -> None:
        async with Running(site.shipper(dsn)) as shipper:
            await shipper.drain()
            report = await asyncpg.connect(dsn)
            transaction = report.transaction(isolation="repeatable_read")
            await transaction.start()
            assert await report.fetchval("SELECT count(*) FROM interactions") == 1
            work = asyncio.create_task(watched.upkeep.once())
            async with asyncio.timeout(90):
                while not await report.fetchval(blocked):
                    assert not work.done(), work.result()
                site.write(calls(130))
                await shipper.drain()  # which the waiting deletion holds up for a second at most
                assert await report.fetchval("SELECT count(*) FROM interactions") == 1
                await transaction.rollback()
                await work
            await report.close()
        rows = await fetch(dsn, "SELECT interaction FROM interactions")
        assert [row[0] for row in rows] == ["call-130"]

    asyncio.run(check())
    site.journal.close()
