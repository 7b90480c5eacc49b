"""Transferred calls in the tables: every agent's part counts once, for the right visit."""

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import kpi_function as kpi
import pytest
from storage_traffic import offered, started
from test_storage_kpi import pure, rows_of, same

from acd.calls import events as ev
from acd.reports.kpi import ServiceLevel
from acd.storage.journal import Journal
from acd.storage.migrate import FOLDER, migrate
from acd.storage.outcomes import sales_outcomes
from acd.storage.shipper import Shipper, ShipperSettings

START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
START_US = int(START.timestamp() * 1e6)
KINDS = {"sales": "sales", "service": "service"}
Story = list[tuple[float, ev.Event]]


def answered(call: str, queue: str, agent: str, at_s: float) -> Story:
    """A visit of five seconds that the agent answers."""
    ids = {"interaction": call, "visit": f"{call}-{queue}", "queue": queue}
    talk = ids | {"agent": agent, "leg": f"{call}-{agent}"}
    return [
        (at_s, ev.QueueEntered(**ids, kind=KINDS[queue])),
        (at_s, offered(call, ids["visit"], queue, f"{call}-o", agent, talk["leg"])),
        (at_s + 5, ev.OfferEnded(**talk, offer=f"{call}-o", outcome="answered", ring_s=5.0)),
        (at_s + 5, ev.QueueLeft(**ids, reason="answered", waited_s=5.0, agent=agent)),
        (at_s + 5, ev.AgentConnected(**talk)),
    ]


def parted(
    call: str, agent: str, at_s: float, *, of: str = "", talk_s: float, writes: bool = True
) -> Story:
    """The end of an agent's talk, and 7 s of after-call work with an order."""
    queue = "sales" if agent == "1001" else "service"
    visit, state = f"{of or call}-{queue}", {"agent": agent, "queue": queue, "interaction": call}
    story: Story = [
        (
            at_s,
            ev.AgentDisconnected(
                interaction=call,
                visit=visit,
                queue=queue,
                agent=agent,
                leg=f"{of or call}-{agent}",
                talk_s=talk_s,
                hold_s=0.0,
            ),
        ),
        (
            at_s,
            ev.LegEnded(interaction=call, leg=f"{of or call}-{agent}", ended_by="peer"),
        ),
    ]
    if writes:
        order = ev.DispositionEntered(
            interaction=call, agent=agent, queue=queue, call_class="order", ordered=True
        )
        idle = ev.AgentStateChanged(agent=agent, state="idle")
        story += [
            (at_s, ev.AgentStateChanged(state="wrap_up", **state)),
            (at_s + 3, order),
            (at_s + 7, idle),
        ]
    return story


def ended(call: str, leg: str, at_s: float, reason: str = "hangup") -> Story:
    return [
        (at_s, ev.LegEnded(interaction=call, leg=leg, ended_by="peer")),
        (at_s, ev.CallEnded(interaction=call, ended_by="caller", reason=reason)),
    ]


def wanted(call: str, kind: str, at_s: float, *, consult: str = "", **done: str) -> Story:
    ids = {"interaction": call, "transfer": f"{call}-t", "agent": "1001", "kind": kind}
    asked = ev.TransferRequested(**ids, leg=f"{call}-1001", target="4002", consult=consult)
    return [(at_s, asked), (at_s, ev.TransferCompleted(**ids, queue="service", **done))]


def blind() -> Story:
    return [
        (0.0, started("b", "b-leg")),
        *answered("b", "sales", "1001", 0.0),
        *wanted("b", "blind", 35.0),
        *parted("b", "1001", 35.0, talk_s=30.0),
        *answered("b", "service", "1005", 36.0),
        *parted("b", "1005", 61.0, talk_s=20.0),
        *ended("b", "b-leg", 61.0),
    ]


def attended() -> Story:
    """1001 asks 1005 through the service queue; 1005 goes on with the caller."""
    talk = {"interaction": "a", "visit": "c-service", "queue": "service", "agent": "1005"}
    return [
        (100.0, started("a", "a-leg")),
        *answered("a", "sales", "1001", 100.0),
        (120.0, started("c", "c-leg")),
        *answered("c", "service", "1005", 121.0),
        *parted("c", "1005", 136.0, talk_s=10.0, writes=False),
        *wanted("a", "attended", 136.0, consult="c", to_agent="1005", leg="c-1005"),
        (136.0, ev.AgentConnected(**talk, leg="c-1005")),
        *ended("c", "c-leg", 136.0, "transferred"),
        *parted("a", "1001", 137.0, talk_s=32.0),
        *parted("a", "1005", 176.0, of="c", talk_s=40.0),
        *ended("a", "a-leg", 176.0),
    ]


def test_each_agents_part_counts_for_the_visit_that_it_came_from(dsn: str, tmp_path: Path) -> None:
    at_s = 0.0
    journal = Journal.open(
        tmp_path,
        node="node",
        boot="boot",
        wall_us=lambda: START_US + int(at_s * 1e6),
        on_alarm=pytest.fail,
    )
    for at_s, event in sorted([*blind(), *attended()], key=lambda pair: pair[0]):
        journal.append([event], at_s)
    rows = rows_of(tmp_path)

    async def compare() -> None:
        quick = ShipperSettings(interval_s=0.0)
        shipper = Shipper(journal, dsn, on_alarm=pytest.fail, settings=quick)
        running = asyncio.create_task(shipper.run())
        await asyncio.wait_for(shipper.drain(), 120)
        running.cancel()
        connection = await asyncpg.connect(dsn)
        period = START, START + timedelta(hours=1)
        computed = await kpi.queue_kpis(connection, from_at=period[0], to_at=period[1])
        for one, other in zip(computed, pure(rows, *period, ServiceLevel.OFFERED), strict=True):
            same(one, other)
        sales, service = computed[0], computed[1]
        assert (sales.queue, sales.offered, sales.answered, sales.orders) == ("sales", 2, 2, 2)
        assert (service.offered, service.answered, service.orders) == (2, 2, 2)
        assert sales.aht_s == pytest.approx(((30 + 7) + (32 + 7)) / 2)
        assert service.aht_s == pytest.approx(((20 + 7) + (10 + 40 + 7)) / 2)
        stored = await connection.fetch("SELECT * FROM transfers ORDER BY requested_at")
        assert [(row["kind"], row["outcome"], row["to_agent"]) for row in stored] == [
            ("blind", "completed", ""),
            ("attended", "completed", "1005"),
        ]
        assert stored[1]["consult_started_at"] == START + timedelta(seconds=120)
        legs = await connection.fetch("SELECT interaction FROM legs WHERE leg = 'c-1005'")
        assert sorted(row["interaction"] for row in legs) == ["a", "c"]
        learned = [one async for chunk in sales_outcomes(connection) for one in chunk]
        assert {(one.agent, one.interaction) for one in learned} == {("1001", "a"), ("1001", "b")}
        await connection.close()

    asyncio.run(compare())
    journal.close()


def test_dispositions_of_before_keep_their_agents(empty_dsn: str, tmp_path: Path) -> None:
    """The wider key comes over tables that have rows and months."""
    before = tmp_path / "before"
    before.mkdir()
    for path in sorted(FOLDER.glob("000[1-4]_*.sql")):
        shutil.copy(path, before)

    async def upgrade() -> None:
        connection = await asyncpg.connect(empty_dsn)
        await migrate(connection, before)
        await connection.execute("SELECT ensure_month('2026-11-01')")
        entry = (
            "INSERT INTO dispositions (started_at, interaction, entered_at, agent, queue,"
            " call_class, category, order_id, ordered) VALUES ($1, 'i', $1, $2, '', 'order', '',"
            " '', true)"
        )
        await connection.execute(entry, START, "1001")
        await migrate(connection)
        await connection.execute("SELECT ensure_month('2026-11-01')")
        await connection.execute(entry, START, "1005")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(entry, START, "1005")
        agents = await connection.fetch("SELECT agent FROM dispositions ORDER BY agent")
        assert [row["agent"] for row in agents] == ["1001", "1005"]
        await connection.close()

    asyncio.run(upgrade())
