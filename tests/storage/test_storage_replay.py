"""A database that lost rows gets them from the journal; and the check that says whether it did."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from msgspec import structs
from storage_site import LIMIT_S, START_US, Running, Site, contents, fetch, ship
from storage_traffic import started, timeline

from acd.calls import events as ev
from acd.storage.check import TableCheck, compare
from acd.storage.customer_keys import CustomerKeys
from acd.storage.database import Writer
from acd.storage.erasures import Eraser, read_erasures
from acd.storage.errors import ReplayError
from acd.storage.frames import Position, segment_path, segments
from acd.storage.journal_reader import JournalReader
from acd.storage.replay import (
    first_position,
    move_back,
    parse_position,
    position_at,
    shipped_to,
)
from acd.storage.soundness import RULES, broken_rules
from acd.storage.surplus import Lost, journal_faults
from acd.storage.table import EPOCH

KEY = bytes(range(32))


async def shipped(site: Site, dsn: str) -> None:
    async with asyncio.timeout(LIMIT_S), Running(site.shipper(dsn, customer_key=KEY)) as shipper:
        await shipper.drain()


async def checked(site: Site, dsn: str) -> dict[str, TableCheck]:
    tables, lost = await checked_wholly(site, dsn)
    assert lost == []
    return tables


async def checked_wholly(
    site: Site,
    dsn: str,
    on_damage: Callable[[str], None] = pytest.fail,
    *,
    end: Position | None = None,
) -> tuple[dict[str, TableCheck], list[Lost]]:
    connection = await asyncpg.connect(dsn)
    reader = JournalReader(site.journal.folder, on_damage=on_damage)
    try:
        end = end or await shipped_to(connection, site.journal.folder)
        keys = CustomerKeys(KEY)
        eraser = Eraser(keys, read_erasures(site.erased))
        tables, lost = await compare(connection, iter(reader), end, keys, eraser, lambda _: None)
    finally:
        reader.close()
        await connection.close()
    return {table.table: table for table in tables}, lost


def wrong(tables: dict[str, TableCheck]) -> dict[str, tuple[int, int, int]]:
    return {
        name: (table.missing, table.differing, table.surplus)
        for name, table in tables.items()
        if not table.sound
    }


async def ask(dsn: str, work):
    connection = await asyncpg.connect(dsn)
    try:
        return await work(connection)
    finally:
        await connection.close()


def test_a_database_restored_from_a_backup_gets_the_rest_by_itself(
    copied: Callable[[str], str], dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, segment_bytes=20_000, keep_bytes=1 << 30)
    events = list(timeline(11, 150))
    site.write(events[: len(events) // 2])
    asyncio.run(shipped(site, dsn))
    backup = copied(dsn)
    site.write(events[len(events) // 2 :])

    async def check() -> None:
        await shipped(site, dsn)
        assert wrong(await checked(site, backup)) == {}  # as far as the backup goes
        assert await contents(backup) != await contents(dsn)
        await shipped(site, backup)
        assert await contents(backup) == await contents(dsn)
        assert wrong(await checked(site, backup)) == {}
        assert (await checked(site, backup))["interactions"].rows == 150

    asyncio.run(check())
    assert segments(tmp_path)[0] == 1
    site.journal.close()


def test_a_backup_that_is_too_old_is_told(
    copied: Callable[[str], str], dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, segment_bytes=20_000)
    events = list(timeline(12, 100))
    site.write(events[:200])
    asyncio.run(shipped(site, dsn))
    backup = copied(dsn)
    site.write(events[200:])
    asyncio.run(shipped(site, dsn))
    assert segments(tmp_path)[0] > 1
    site.alarms.clear()
    asyncio.run(shipped(site, backup))
    (alarm,) = [text for text in site.alarms if "are gone" in text]
    assert "journal.keep_days" in alarm
    site.journal.close()


def test_orders_and_answers_told_long_after_the_call_are_looked_at(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, keep_bytes=1 << 30)
    site.write([(0.0, started("call", "leg"))])
    site.write([(9.0, ev.CallEnded(interaction="call", ended_by="caller", reason="hangup"))])
    asked = ev.CsatRecorded(interaction="call", at_us=START_US)
    answered = structs.replace(asked, at_us=START_US + 60_000_000, score=5, comment="好\0")
    order = ev.OrderChanged(order_id="A1", state="placed", at_us=START_US, interaction="call")

    async def spoil(connection: asyncpg.Connection) -> None:
        await connection.execute("UPDATE order_events SET amount = 5 WHERE state = 'placed'")
        await connection.execute("DELETE FROM order_events WHERE order_id = 'B2'")
        await connection.execute("UPDATE csat_answers SET score = 1")

    async def check() -> None:
        site.write([(10.0, asked), (10.0, order)])
        await shipped(site, dsn)
        # The fold has forgotten the call by now; and of this order nobody says whose it is.
        site.write([(90_000.0, answered), (90_000.0, structs.replace(order, state="signed"))])
        site.write([(90_001.0, structs.replace(order, order_id="B2", interaction=""))])
        await shipped(site, dsn)
        found = await checked(site, dsn)
        assert wrong(found) == {}
        assert (found["order_events"].rows, found["csat_answers"].rows) == (3, 1)
        await ask(dsn, spoil)
        found = await checked(site, dsn)
        assert wrong(found) == {"order_events": (1, 1, 0), "csat_answers": (0, 1, 0)}
        (score,) = found["csat_answers"].examples
        assert (score.field, score.journal, score.database) == ("score", "5", "1")

    asyncio.run(check())
    site.journal.close()


@pytest.mark.parametrize("beside", ["a running shipper", "a shipper that starts later"])
def test_rows_that_were_lost_come_back_and_nothing_else_changes(
    dsn: str, tmp_path: Path, beside: str
) -> None:
    site = Site(tmp_path, segment_bytes=20_000, keep_bytes=1 << 30)
    site.write(timeline(13, 120))
    site.write([(200.0, started("open", "leg"))])

    async def lose(connection: asyncpg.Connection) -> None:
        await connection.execute("DELETE FROM legs")
        await connection.execute("DELETE FROM interactions WHERE interaction LIKE '%7'")
        await connection.execute("UPDATE queue_visits SET waited_s = 99 WHERE queue = 'sales'")
        await connection.execute("DELETE FROM agent_state_intervals WHERE agent = '1002'")

    async def check() -> None:
        async with asyncio.timeout(LIMIT_S):
            async with Running(site.shipper(dsn, customer_key=KEY)) as shipper:
                await shipper.drain()
                before = await contents(dsn)
                await ask(dsn, lose)
                found = await checked(site, dsn)
                assert set(wrong(found)) == {
                    *("legs", "interactions", "queue_visits", "agent_state_intervals")
                }
                assert found["legs"].missing == found["legs"].rows > 100
                visits = found["queue_visits"]
                assert (visits.missing, visits.differing > 10) == (0, True)
                one = visits.examples[0]
                assert (one.field, one.database) == ("waited_s", "99")
                assert parse_position(one.position) in positions(tmp_path)
                if beside == "a running shipper":
                    await moved_back(dsn, site, first_position(tmp_path))
                    await until_shipped(dsn, site)
            if beside != "a running shipper":
                await moved_back(dsn, site, first_position(tmp_path))
                await shipped(site, dsn)
        assert await contents(dsn) == before
        assert wrong(await checked(site, dsn)) == {}
        assert not any("cannot be written" in alarm for alarm in site.alarms)

    asyncio.run(check())
    site.journal.close()


async def moved_back(dsn: str, site: Site, begin: Position) -> None:
    journal = site.journal
    moved = await ask(
        dsn, lambda connection: move_back(connection, journal.folder, journal.id, begin)
    )
    assert moved is not None
    assert (moved.begin, moved.end) == (begin, journal.end)


async def until_shipped(dsn: str, site: Site) -> None:
    connection = await asyncpg.connect(dsn)
    while await shipped_to(connection, site.journal.folder) != site.journal.end:
        pass
    await connection.close()


def positions(folder: Path) -> set[Position]:
    reader = JournalReader(folder, on_damage=pytest.fail)
    found = {entry.begin for entry in reader}
    reader.close()
    return found


def test_a_part_can_be_shipped_again_from_any_record(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=20_000, keep_bytes=1 << 30)
    site.write(timeline(14, 60))

    async def check() -> None:
        await shipped(site, dsn)
        before = await contents(dsn)
        for begin in sorted(positions(tmp_path))[::97]:
            await moved_back(dsn, site, begin)
            await shipped(site, dsn)
            assert await contents(dsn) == before, begin

    asyncio.run(check())
    site.journal.close()


def test_calls_that_began_before_the_place_come_back_whole(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, keep_bytes=1 << 30)
    site.write([(0.0, started("long", "leg"))])
    idle = ev.AgentStateChanged(agent="1009", state="idle")
    site.write([(1.0, idle), *((1.0 + at_s, event) for at_s, event in timeline(19, 10))])
    begin = site.journal.end
    end = ev.CallEnded(interaction="long", ended_by="caller", reason="hangup")
    site.write(
        [(400.0, ev.LegEnded(interaction="long", leg="leg", ended_by="peer")), (400.0, end)]
    )

    async def check() -> None:
        await shipped(site, dsn)
        before = await contents(dsn)
        for table in ("legs", "interactions"):
            await fetch(dsn, f"DELETE FROM {table} WHERE interaction = 'long'")
        await moved_back(dsn, site, begin)
        await shipped(site, dsn)
        assert await contents(dsn) == before
        # What began behind the place that is read on from is no interval that lasts from before.
        async with await Writer.connect(dsn, journal=site.journal.id, node="node") as writer:
            boot = site.journal.boot
            lasting = await writer.open_intervals(boot, site.journal.sequence)
            agents = {one.agent: one.seq for one in lasting}
            assert "1009" in agents
            earlier = await writer.open_intervals(boot, agents["1009"] - 1)
            assert "1009" not in {one.agent for one in earlier}

    asyncio.run(check())
    site.journal.close()


def test_where_one_cannot_begin_is_said(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=20_000)
    site.write(timeline(15, 60))

    async def check() -> None:
        async def move(begin: Position):
            journal = site.journal
            return await ask(dsn, lambda c: move_back(c, journal.folder, journal.id, begin))

        await ship(site, dsn)
        first = first_position(tmp_path)
        assert first.segment > 1
        with pytest.raises(ReplayError, match="what stood before has been deleted"):
            await move(Position(1, 8))
        with pytest.raises(ReplayError, match="no record begins at"):
            await move(Position(first.segment, first.offset + 1))
        assert await move(site.journal.end) is None
        with pytest.raises(ReplayError, match="is no position"):
            parse_position("yesterday")

    asyncio.run(check())
    site.journal.close()


def test_a_day_leads_to_its_first_record(tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=3000)
    site.write(timeline(16, 40))
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    entries = list(reader)
    reader.close()
    for wanted_s in (0.0, 3.3, 17.0, 39.0):
        wall_us = START_US + int(wanted_s * 1e6)
        expected = next(e.begin for e in entries if e.record.wall_us >= wall_us)
        assert position_at(tmp_path, wall_us) == expected
    assert position_at(tmp_path, 0) == first_position(tmp_path)
    assert position_at(tmp_path, START_US + int(1e12)) == site.journal.end
    segment_path(tmp_path, 1).unlink()
    assert position_at(tmp_path, 0) == Position(2, 8)
    site.journal.close()


BREAKS = {
    "an interaction has one record": "INSERT INTO interactions SELECT project,"
    " started_at + interval '1 s', interaction, node, boot, direction, caller, caller_name,"
    " called, account, peer, sip_call_id, flow, answered_at, ended_at, duration_s, ended_by,"
    " reason, sip_status FROM interactions LIMIT 1",
    "an interaction has ended within a day": "UPDATE interactions SET ended_at = NULL"
    " WHERE interaction = (SELECT min(interaction) FROM interactions)",
    "a part belongs to an interaction": "DELETE FROM interactions"
    " WHERE interaction = (SELECT min(interaction) FROM interactions)",
    "the parts add up to offered: a visit has one known outcome": "UPDATE queue_visits"
    " SET outcome = 'vanished' WHERE visit = (SELECT min(visit) FROM queue_visits)",
    "nobody waits in an interaction that has ended": "UPDATE queue_visits"
    " SET outcome = 'waiting' WHERE visit = (SELECT min(visit) FROM queue_visits)",
    "an answered visit has the agent who took it": "UPDATE queue_visits SET agent = ''"
    " WHERE visit = (SELECT min(visit) FROM queue_visits WHERE outcome = 'answered')",
    "the holds of a talk add up": "INSERT INTO hold_segments (started_at, interaction, leg, hold,"
    " visit, queue, agent, began_at, duration_s) SELECT started_at, interaction, leg, 1, visit,"
    " queue, agent, began_at, 3 FROM talk_segments WHERE hold_s <> 3 LIMIT 1",
    "an agent's intervals have no gap and no overlap": "DELETE FROM agent_state_intervals"
    " WHERE seq = (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY seq)"
    " FROM agent_state_intervals)",
}


def again(table: str, changes: str, chosen: str = "LIMIT 1") -> str:
    """Insert a row of a table once more, changed."""
    row = f"SELECT jsonb_populate_record(r, jsonb_build_object({changes})) AS r FROM {table} r"
    return f"INSERT INTO {table} SELECT (r).* FROM ({row} {chosen}) one"


TOO_MANY = {
    "legs": "UPDATE legs SET leg = 'made up' WHERE leg = (SELECT max(leg) FROM legs)",
    "talk_segments": again("talk_segments", "'leg', 'made up'"),
    "interactions": again(
        "interactions", "'interaction', 'made up'", "ORDER BY started_at OFFSET 9 LIMIT 1"
    ),
    "agent_state_intervals": again(
        "agent_state_intervals",
        "'seq', r.seq - 1",
        "WHERE ended_at IS NOT NULL ORDER BY seq DESC LIMIT 1",
    ),
    "audit": again("audit", "'seq', 2"),
}


def test_rows_that_no_record_makes_are_found(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(18, 60))
    audited = ev.CommandAudited(by="li", role="admin", action="status", subject="1001", after="x")
    site.write([(300.0, audited), (300.0, started("open", "leg"))])

    async def check() -> None:
        async with asyncio.timeout(LIMIT_S):
            await shipped(site, dsn)
            site.write(timeline(19, 20))
            await shipped(site, dsn)  # what began or ended since is not looked at: all is sound
            assert wrong(await checked(site, dsn)) == {}
            for statement in TOO_MANY.values():
                await fetch(dsn, statement)
            found = await checked(site, dsn)
            assert {name: table.surplus for name, table in found.items() if table.surplus} == (
                dict.fromkeys(TOO_MANY, 1)
            )
            assert {name: table.missing for name, table in found.items() if table.missing} == {
                "legs": 1
            }
            (example,) = [one for one in found["legs"].examples if one.journal == "none"]
            assert example.key.endswith(" made up")

    asyncio.run(check())
    site.journal.close()


def test_what_is_shipped_while_the_check_reads_is_not_too_much(dsn: str, tmp_path: Path) -> None:
    """The check stops where the shipper was; what was under way there has ended meanwhile."""
    site = Site(tmp_path)
    site.write(timeline(22, 80))
    places = sorted(positions(tmp_path))

    async def check() -> None:
        await shipped(site, dsn)
        for end in places[:: len(places) // 8]:
            tables, lost = await checked_wholly(site, dsn, end=end)
            assert lost == []
            assert {name: one.surplus for name, one in tables.items() if one.surplus} == {}, end

    asyncio.run(check())
    site.journal.close()


def test_what_the_journal_has_lost_is_said(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=20_000, keep_bytes=1 << 30)
    site.write(timeline(20, 60))
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    entries = list(reader)
    reader.close()

    async def check() -> None:
        await shipped(site, dsn)
        of_second = [one.record.seq for one in entries if one.begin.segment == 2]
        segment_path(tmp_path, 2).unlink()
        damaged = entries[-20]
        path = segment_path(tmp_path, damaged.begin.segment)
        content = bytearray(path.read_bytes())
        content[damaged.end.offset - 1] ^= 1
        path.write_bytes(content)
        said: list[str] = []
        _, lost = await checked_wholly(site, dsn, said.append)
        assert [(one.first, one.last) for one in lost] == [
            (of_second[0], of_second[-1]),
            (damaged.record.seq, damaged.record.seq),
        ]
        holes, end = journal_faults(tmp_path, Position(99, 8))
        assert holes.examples == ("between segment 1 and 3",)
        assert "shipped up to 99:8" in end.examples[0]
        assert lost[1].position == f"{damaged.end.segment}:{damaged.end.offset}"
        assert "damaged bytes skipped" in said[0]

    asyncio.run(check())
    site.journal.close()


def test_each_rule_is_noticed_when_it_is_broken(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(17, 60))

    async def check() -> None:
        await ship(site, dsn)
        connection = await asyncpg.connect(dsn)
        assert await broken_rules(connection, EPOCH) == []
        assert {rule.name for rule in RULES} < set(BREAKS)
        for rule, statement in BREAKS.items():
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(statement)
            broken = {one.rule: one for one in await broken_rules(connection, EPOCH)}
            assert rule in broken, rule
            assert broken[rule].examples
            await transaction.rollback()
        assert await broken_rules(connection, EPOCH) == []
        await connection.close()

    asyncio.run(check())
    site.journal.close()


def test_the_check_does_not_change_anything(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(18, 20))

    async def check() -> None:
        await shipped(site, dsn)
        before = await contents(dsn)
        tables = await fetch(dsn, "SELECT count(*) FROM pg_class")
        await checked(site, dsn)
        assert await contents(dsn) == before
        assert await fetch(dsn, "SELECT count(*) FROM pg_class") == tables

    asyncio.run(check())
    site.journal.close()
