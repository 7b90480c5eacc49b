"""The shipper: every record takes effect in Postgres once, whatever happens to either side."""

import asyncio
import time
from pathlib import Path
from random import Random

import pytest
from storage_site import LIMIT_S, START_US, Running, Site, contents, fetch, folded, settled, ship
from storage_traffic import Traffic, offered, started, timeline

from acd.calls import events as ev
from acd.calls.cdr_rows import Interaction
from acd.storage.database import STAGED_ROWS, Batch, Progress, Writer
from acd.storage.errors import DatabaseError
from acd.storage.frames import START, Position, frame, segment_path, segments
from acd.storage.lag import Lag, lag_of
from acd.storage.postgres import EmbeddedPostgres
from acd.storage.recovery import begin_boot
from acd.storage.shipper import ShipperSettings
from acd.storage.tables import TABLES


def test_the_tables_hold_what_the_fold_says(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(1, 300))

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert lag_of(site.journal, shipper.shipped, 1.0) == Lag(0, 0.0, 0)
        assert settled(await contents(dsn)) == folded(tmp_path)
        assert await fetch(dsn, "SELECT * FROM set_aside") == []

    asyncio.run(check())
    site.journal.close()


def test_small_batches_and_any_number_of_restarts_change_nothing(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    events = list(timeline(2, 120, every_s=0.4))
    tiny = ShipperSettings(interval_s=0.0, batch_interactions=3, batch_rows=20)

    async def check() -> None:
        for begin in range(0, len(events), 150):
            site.write(events[begin : begin + 150])
            async with asyncio.timeout(LIMIT_S), Running(site.shipper(dsn, settings=tiny)) as one:
                if begin % 300:
                    await one.drain()
        await ship(site, dsn)
        assert settled(await contents(dsn)) == folded(tmp_path)

    asyncio.run(check())
    site.journal.close()


def test_the_database_stops_and_starts_under_way(state: Path, tmp_path: Path) -> None:
    site = Site(tmp_path)
    events = list(timeline(3, 200, every_s=0.5))
    third = len(events) // 3

    async def check() -> None:
        down, back = asyncio.Event(), asyncio.Event()

        def on_alarm(text: str) -> None:
            (back if "again" in text else down).set()

        postgres = EmbeddedPostgres(state, on_event=print)
        dsn = await postgres.start()
        async with Running(site.shipper(dsn, on_alarm=on_alarm)) as shipper:
            site.write(events[:third])
            await shipper.drain()
            site.write(events[third : 2 * third])
            await postgres.stop()
            site.write(events[2 * third : 2 * third + 50])
            await down.wait()
            assert not shipper.connected
            lag = lag_of(site.journal, shipper.shipped, 1.0)
            assert lag.records >= 50
            assert lag.seconds == 1.0
            site.write(events[2 * third + 50 :])
            await postgres.start()
            await shipper.drain()
            assert back.is_set()
            assert shipper.connected
        try:
            assert settled(await contents(dsn)) == folded(tmp_path)
            rows = await fetch(
                dsn, "SELECT count(*), count(DISTINCT interaction) FROM interactions"
            )
            assert tuple(rows[0]) == (200, 200)
        finally:
            await postgres.stop()

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()


def test_a_connection_killed_in_mid_batch_changes_nothing(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(4, 400))
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"

    async def check() -> None:
        small = ShipperSettings(batch_interactions=20, retry_first_s=0.01, interval_s=0.0)
        async with Running(site.shipper(dsn, settings=small)) as shipper:
            drained = asyncio.create_task(shipper.drain())
            for _ in range(5):
                await asyncio.wait((drained,), timeout=0.03)
                await fetch(dsn, kill, "acd shipper")
            await drained
        assert settled(await contents(dsn)) == folded(tmp_path)

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()


def test_who_waits_is_in_the_tables_and_once_answered_no_more(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    visit = {"interaction": "call", "visit": "visit", "queue": "sales"}
    outcome = "SELECT outcome, left_at, waited_s FROM queue_visits"
    ended = "SELECT ended_at FROM interactions"

    async def check() -> None:
        async with asyncio.timeout(LIMIT_S), Running(site.shipper(dsn)) as shipper:
            entered = ev.QueueEntered(**visit, kind="sales")
            site.write([(0.0, started("call", "leg")), (1.0, entered)])
            await shipper.drain()
            assert [tuple(row) for row in await fetch(dsn, outcome)] == [("waiting", None, None)]
            assert [row[0] for row in await fetch(dsn, ended)] == [None]
            site.write([(9.0, ev.QueueLeft(**visit, reason="answered", waited_s=8.0))])
            await shipper.drain()
            ((name, left_at, waited_s),) = await fetch(dsn, outcome)
            assert (name, waited_s) == ("answered", 8.0)
            assert left_at is not None
            site.write([(20.0, ev.CallEnded(interaction="call", ended_by="agent", reason="x"))])
            await shipper.drain()
            assert [row[0] is not None for row in await fetch(dsn, ended)] == [True]

    asyncio.run(check())
    site.journal.close()


def test_what_a_flow_says_of_its_steps_and_its_end_is_kept(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    step = {"interaction": "call", "flow": "f", "node": "n", "outcome": "default"}
    site.write(
        [
            (0.0, started("call", "leg")),
            (1.0, ev.FlowStepTaken(**step, note="no value: x")),
            (
                2.0,
                ev.CallEnded(
                    interaction="call", ended_by="flow", reason="flow_ended", detail="no_agent"
                ),
            ),
        ]
    )

    async def check() -> None:
        await ship(site, dsn)
        ((note,),) = await fetch(dsn, "SELECT note FROM flow_steps")
        ((reason, detail),) = await fetch(dsn, "SELECT reason, detail FROM interactions")
        assert (note, reason, detail) == ("no value: x", "flow_ended", "no_agent")

    asyncio.run(check())
    site.journal.close()


def test_a_killed_boots_calls_are_closed_by_the_next_one(dsn: str, tmp_path: Path) -> None:
    first = Site(tmp_path)
    begin_boot(first.journal, version="1", mono_s=0.0)
    visit = {"interaction": "call", "visit": "visit", "queue": "sales"}
    first.write(
        [
            (1.0, started("call", "leg")),
            (2.0, ev.QueueEntered(**visit, kind="sales")),
            (3.0, offered("call", "visit", "sales", "offer", "1001", "agent-leg")),
            (3.0, ev.AgentStateChanged(agent="1001", state="offered")),
        ]
    )

    async def check() -> None:
        await ship(first, dsn)
        first.journal.close()  # the lock goes with the process; nothing else is written
        second = Site(tmp_path)
        second.at_s = 500.0
        begin_boot(second.journal, version="1", mono_s=0.0)
        await ship(second, dsn)
        ((by, why, duration_s),) = await fetch(
            dsn, "SELECT ended_by, reason, duration_s FROM interactions"
        )
        assert (by, why, duration_s) == ("fault", "restart", 2.0)
        ((name, waited_s),) = await fetch(dsn, "SELECT outcome, waited_s FROM queue_visits")
        assert (name, waited_s) == ("faulted", 1.0)
        ((closed_by,),) = await fetch(dsn, "SELECT closed_by FROM agent_state_intervals")
        assert closed_by == "restart"
        third = Site.__new__(Site)
        second.journal.close()
        third.__init__(tmp_path)
        records = begin_boot(third.journal, version="1", mono_s=0.0)
        assert [type(record.event) for record in records] == [ev.ServerStarted]
        third.journal.close()

    asyncio.run(check())


def test_an_interval_that_outlasts_a_shipper_is_closed_by_the_next_one(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    idle = ev.AgentStateChanged(agent="1001", state="idle")
    other = ev.AgentStateChanged(agent="1002", state="idle")
    query = "SELECT state, duration_s FROM agent_state_intervals WHERE agent = '1001' ORDER BY seq"

    async def check() -> None:
        site.write([(0.0, idle), (100.0, other)])
        await ship(site, dsn)
        assert [tuple(row) for row in await fetch(dsn, query)] == [("idle", None)]
        site.write([(160.0, ev.AgentStateChanged(agent="1001", state="talking"))])
        await ship(site, dsn)
        assert [tuple(row) for row in await fetch(dsn, query)] == [("idle", 160.0)]

    asyncio.run(check())
    site.journal.close()


def test_a_machine_with_a_new_name_ends_what_it_left_open_under_the_old_one(
    dsn: str, tmp_path: Path
) -> None:
    """As a container that is made anew: its state folder is the same, its host name another."""
    site = Site(tmp_path, node="old")
    site.write(
        [
            (0.0, ev.AgentStateChanged(agent="1001", state="idle")),
            (0.0, ev.AgentStatusChanged(agent="1001", status="ready")),
            (100.0, ev.AgentStateChanged(agent="1002", state="idle")),
        ]
    )
    asyncio.run(ship(site, dsn))
    site.journal.close()
    site = Site(tmp_path, node="new")
    site.at_s = 500.0
    begin_boot(site.journal, version="1", mono_s=5.0)
    site.write([(600.0, ev.AgentStateChanged(agent="1001", state="idle"))])
    columns = "node, agent, duration_s, closed_by"
    query = f"SELECT {columns} FROM agent_{{}}_intervals ORDER BY started_at, seq"

    async def check() -> None:
        await ship(site, dsn)
        assert [tuple(row) for row in await fetch(dsn, query.format("state"))] == [
            ("old", "1001", 100.0, "restart"),
            ("old", "1002", 0.0, "restart"),
        ]
        assert [tuple(row) for row in await fetch(dsn, query.format("status"))] == [
            ("old", "1001", 100.0, "restart"),
        ]

    asyncio.run(check())
    site.journal.close()


def test_an_account_that_may_only_write_goes_on_with_the_months_that_are_there(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.write(timeline(10, 5))

    async def check() -> None:
        for statement in (
            "SELECT ensure_month('2026-09-01')",
            "CREATE ROLE writer LOGIN",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer",
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer",
        ):
            await fetch(dsn, statement)
        try:
            await ship(site, dsn.replace("//postgres@", "//writer@"))
            assert settled(await contents(dsn)) == folded(tmp_path)
            assert site.alarms == []
        finally:
            await fetch(dsn, "DROP OWNED BY writer")
            await fetch(dsn, "DROP ROLE writer")

    asyncio.run(check())
    site.journal.close()


def test_a_disposition_long_after_a_restart_finds_its_call(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    end = ev.CallEnded(interaction="call", ended_by="caller", reason="hangup")
    late = ev.DispositionEntered(interaction="call", agent="1001", call_class="order")
    unknown = ev.DispositionEntered(interaction="nobody", agent="1001", call_class="order")

    async def check() -> None:
        site.write([(0.0, started("call", "leg", project="shop")), (5.0, end)])
        await ship(site, dsn)
        site.write([(4000.0, late), (4001.0, unknown)])
        await ship(site, dsn)
        joined = await fetch(
            dsn,
            "SELECT d.project, d.call_class FROM dispositions d"
            " JOIN interactions USING (started_at, interaction)",
        )
        assert [tuple(row) for row in joined] == [("shop", "order")]
        ((place, content),) = await fetch(dsn, "SELECT place, content FROM set_aside")
        assert place == "dispositions"
        assert "nobody" in content

    asyncio.run(check())
    site.journal.close()


def test_poison_is_set_aside_and_the_rest_goes_on(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(5, 20))
    traffic = Traffic(6)
    with_zero = [(30.0 + at_s, event) for at_s, event in traffic.call()][:1]
    call = with_zero[0][1].interaction
    zero = started(f"{call}-zero", "leg-zero", caller="1\0002")
    too_big = ev.StreamMeasured(interaction=f"{call}-zero", leg="leg-zero", packets_sent=2**63)
    end = ev.CallEnded(interaction=f"{call}-zero", ended_by="caller", reason="hangup")
    site.write([(30.0, zero), (31.0, too_big), (32.0, end)])
    site.journal.close()
    with segment_path(tmp_path, segments(tmp_path)[-1]).open("ab") as file:
        file.write(frame(b"\x93no record"))
    site = Site(tmp_path)
    site.write(timeline(7, 5))

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert shipper.set_aside == 2
        assert any("set aside" in alarm for alarm in site.alarms)
        places = await fetch(dsn, "SELECT place FROM set_aside ORDER BY place")
        assert places[1][0] == "streams"
        assert places[0][0].startswith("1:")
        ((caller,),) = await fetch(
            dsn, "SELECT caller FROM interactions WHERE interaction = $1", f"{call}-zero"
        )
        assert caller == "1�2"
        ((calls,),) = await fetch(dsn, "SELECT count(*) FROM interactions")
        assert calls == 26

    asyncio.run(check())
    site.journal.close()


def test_what_others_told_with_characters_that_no_table_takes_holds_up_nothing(
    dsn: str, tmp_path: Path
) -> None:
    """Calls and orders are looked up by it before a row can be refused: all shipping stopped."""
    site = Site(tmp_path)
    site.write(timeline(8, 1))
    for nul in ("", "\0"):
        at = {"at_us": START_US, "key": f"k{nul}"}
        site.write(
            [
                (90.0, ev.OrderChanged(order_id=f"A{nul}", state="placed", **at)),
                (91.0, ev.OrderChanged(order_id="B", state="placed", interaction=f"x{nul}", **at)),
                (92.0, ev.CsatRecorded(interaction="call-8-000001", question=f"q{nul}", **at)),
                (93.0, ev.MatterSettled(interaction=f"y{nul}", solved=True, **at)),
                (94.0, disposition("call-8-000001", order_id=f"C{nul}")),
                (95.0, disposition("nobody's", order_id=f"D{nul}")),
            ]
        )

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert not any("cannot be written" in alarm for alarm in site.alarms)
        assert shipper.set_aside == 6
        orders = await fetch(dsn, "SELECT order_id FROM order_events ORDER BY 1")
        assert [row[0] for row in orders] == ["A", "A�"]
        questions = await fetch(dsn, "SELECT question FROM csat_answers ORDER BY 1")
        assert [row[0] for row in questions] == ["q", "q�"]
        told = await fetch(dsn, "SELECT order_id FROM dispositions WHERE agent = '1001'")
        assert [row[0] for row in told] == ["C�"]

    asyncio.run(check())
    site.journal.close()


def disposition(interaction: str, *, order_id: str) -> ev.DispositionEntered:
    return ev.DispositionEntered(
        interaction=interaction,
        agent="1001",
        queue="sales",
        call_class="order",
        ordered=True,
        order_id=order_id,
    )


def test_a_text_too_long_for_an_index_is_set_aside_and_the_rest_goes_on(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.write(timeline(9, 3))
    random = Random(1)
    long = "".join(random.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=20_000))
    site.write([(90.0, ev.OrderChanged(order_id=long, state="placed", at_us=START_US, key="k"))])

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert shipper.set_aside == 1
        ((calls,),) = await fetch(dsn, "SELECT count(*) FROM interactions")
        assert calls == 3

    asyncio.run(check())
    site.journal.close()


def test_shipped_segments_go_but_not_those_an_open_call_needs(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path, segment_bytes=4000)
    site.write([(0.0, started("long", "leg"))])
    first = segments(tmp_path)[0]
    site.write([(at_s, event) for at_s, event in timeline(8, 40) if "Agent" not in repr(event)])
    assert len(segments(tmp_path)) > 5

    async def check() -> None:
        await ship(site, dsn)
        assert segments(tmp_path)[0] == first
        assert site.journal.recover_from.segment == first
        end = ev.CallEnded(interaction="long", ended_by="caller", reason="hangup")
        site.write([(5000.0, end)])
        await ship(site, dsn)
        assert segments(tmp_path) == [site.journal.end.segment]
        assert site.journal.recover_from == site.journal.end
        ((duration_s,),) = await fetch(
            dsn, "SELECT duration_s FROM interactions WHERE interaction = 'long'"
        )
        assert duration_s == 5000.0

    asyncio.run(check())
    site.journal.close()


def test_records_in_place_of_a_tail_lost_by_power_cut_are_shipped(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    site.write(timeline(9, 10))

    async def check() -> None:
        nonlocal site
        await ship(site, dsn)
        site.journal.close()
        path = segment_path(tmp_path, 1)
        path.write_bytes(path.read_bytes()[:3000])
        site = Site(tmp_path)
        end = ev.CallEnded(interaction="new", ended_by="caller", reason="hangup")
        site.write([(100.0, started("new", "leg")), (101.0, end)])
        assert site.journal.end.offset < 5000
        await ship(site, dsn)
        rows = await fetch(dsn, "SELECT interaction FROM interactions WHERE interaction = 'new'")
        assert len(rows) == 1

    asyncio.run(check())
    site.journal.close()


def test_a_month_of_rows_lies_in_its_own_partition(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    for at_s, call in ((0.0, "now"), (40 * 86_400.0, "later")):
        end = ev.CallEnded(interaction=call, ended_by="caller", reason="hangup")
        site.write([(at_s, started(call, "leg")), (at_s + 1, end)])

    async def check() -> None:
        await ship(site, dsn)
        rows = await fetch(dsn, "SELECT tableoid::regclass::text FROM interactions ORDER BY 1")
        assert [row[0] for row in rows] == ["interactions_202609", "interactions_202610"]
        ((ahead,),) = await fetch(dsn, "SELECT to_regclass('interactions_202611') IS NOT NULL")
        assert ahead

    asyncio.run(check())
    site.journal.close()


def test_the_loop_is_free_while_a_backlog_is_shipped(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.write(timeline(10, 1500))
    slices: list[float] = []

    async def check() -> None:
        async def watch() -> None:
            last = time.thread_time()
            while True:
                await asyncio.sleep(0)
                last, former = time.thread_time(), last
                slices.append(last - former)

        watching = asyncio.create_task(watch())
        await ship(site, dsn)
        watching.cancel()

    asyncio.run(check())
    site.journal.close()
    # CPU time, not wall time: other processes of a busy machine are not the shipper's fault. A
    # few slices hold a garbage collection or a first-time statement. In one piece the backlog
    # would be hundreds of milliseconds; in parts it is 1 to 5, by the machine.
    slices.sort()
    assert slices[int(len(slices) * 0.999)] < 0.025


def test_two_writers_of_one_journal_cannot_both_move_its_position(dsn: str) -> None:
    def progress(offset: int) -> Progress:
        return Progress(Position(1, offset), Position(1, 8), "boot", 1, START_US, 0.0)

    async def check() -> None:
        async with await Writer.connect(dsn, journal="j", node="node") as writer:
            await writer.write(Batch(), None, progress(100))
            await writer.write(Batch(), progress(100), progress(200))
            for stale in (None, progress(100)):
                with pytest.raises(DatabaseError, match="another process has shipped"):
                    await writer.write(Batch(), stale, progress(300))
            assert await writer.progress() == progress(200)

    asyncio.run(check())


def test_a_row_of_an_absurd_clock_is_set_aside(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    far = ev.AgentStateChanged(agent="1001", state="idle")
    end = ev.CallEnded(interaction="call", ended_by="caller", reason="hangup")
    site.write([(0.0, started("call", "leg"))])
    site.write([(1e13, far)])  # a wall clock of the year 318,000
    site.write([(6e9, far)])  # one of 2216
    site.write([(2.0, far), (3.0, end)])

    async def check() -> None:
        shipper = await ship(site, dsn)
        assert shipper.set_aside == 2
        errors = await fetch(dsn, "SELECT error FROM set_aside ORDER BY error")
        assert "OverflowError" in errors[0][0]
        assert "set the clock" in errors[1][0]
        ((calls,),) = await fetch(dsn, "SELECT count(*) FROM interactions")
        assert calls == 1

    asyncio.run(check())
    site.journal.close()


def test_a_large_batch_takes_the_same_way_as_small_ones_however_often(
    dsn: str, tmp_path: Path
) -> None:
    """Thousands of rows of one table, some of them twice, and one that Postgres refuses."""
    site = Site(tmp_path)
    base = {"by": "test", "role": "admin", "action": "status"}
    subjects = [f"s{number}" for number in range(2 * STAGED_ROWS)]
    subjects[700] = "refused \0"
    site.write((0.0, ev.CommandAudited(**base, subject=subject)) for subject in subjects)
    wanted = sorted(subject.replace("\0", "�") for subject in subjects)

    async def check() -> None:
        for _ in range(2):
            await ship(site, dsn)
            rows = await fetch(dsn, "SELECT subject FROM audit")
            assert sorted(row["subject"] for row in rows) == wanted
            assert await fetch(dsn, "SELECT FROM set_aside") == []
            await fetch(
                dsn,
                "UPDATE journal_position SET segment_offset = $1, resume_offset = $1",
                START.offset,
            )

    asyncio.run(check())
    site.journal.close()


def test_every_kind_of_row_has_a_table() -> None:
    from typing import get_args

    from acd.calls.cdr_rows import Row

    assert set(TABLES) == set(get_args(Row))
    assert TABLES[Interaction].name == "interactions"
