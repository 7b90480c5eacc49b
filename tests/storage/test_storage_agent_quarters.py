"""Agents' times by quarter-hour: SQL and the pure function agree, whatever the clocks do."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from storage_site import Site, ship
from storage_traffic import started, timeline

from acd.calls import cdr_rows as cdr
from acd.calls import events as ev
from acd.calls.cdr import Fold
from acd.calls.journal import Record
from acd.reports.agent_counts import AgentCounts, agent_counts
from acd.reports.agent_kpi import utilisation
from acd.reports.agent_times import AgentQuarter, Key, agent_quarters
from acd.reports.agent_tracks import track_faults
from acd.reports.agents_report import AgentLine, with_paid_time
from acd.reports.cells import begin_of
from acd.reports.paid_time import PaidRule
from acd.reports.request import Period, microseconds
from acd.storage.agent_quarters import refresh_agent_quarters
from acd.storage.agent_sums import WantedAgents, agent_lines
from acd.storage.database import Batch, Progress, Writer
from acd.storage.frames import Position
from acd.storage.journal_reader import JournalReader
from acd.storage.table import EPOCH, at

MEASURES = tuple(name for name in AgentQuarter.__struct_fields__ if name != "away_s")

# New York's clocks go back at 06:00 UTC of 2026-11-01: its hour from one to two is there twice.
DST_US = int(datetime(2026, 11, 1, 4, 58, 59, 123456, tzinfo=UTC).timestamp() * 1e6)
NEW_YORK = ZoneInfo("America/New_York")
FROM, TO = datetime(2026, 10, 31, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)

WHATS = [
    *(("status", "ready", ""), ("status", "away", "meal"), ("status", "away", "break")),
    *(("status", "logged_out", ""), ("state", "idle", ""), ("state", "offered", "sales")),
    *(("state", "talking", "sales"), ("state", "talking", ""), ("state", "held", "service")),
    *(("state", "wrap_up", "sales"), ("state", "paused", ""), ("state", "cool_down", "")),
    *(("state", "offline", ""), ("stopped", "", ""), ("rebooted", "", "")),
]
HISTORIES = st.lists(
    st.tuples(
        st.sampled_from([0.5, 29.0, 61.5, 899.999999, 900.0, 1800.25, 7000.0, 40_000.0]),
        st.sampled_from(["1001", "1002"]),
        st.sampled_from(WHATS),
        # The wall clock is set, now and then.
        st.sampled_from([0.0] * 8 + [-3700.5, 2500.0, 0.000_001]),
    ),
    min_size=1,
    max_size=25,
)
History = list[tuple[float, str, tuple[str, str, str], float]]


def event_of(agent: str, what: str, value: str, detail: str) -> ev.Event:
    match what:
        case "status":
            return ev.AgentStatusChanged(agent=agent, status=value, reason=detail)
        case "state":
            return ev.AgentStateChanged(agent=agent, state=value, queue=detail)
        case "stopped":
            return ev.ServerStopped()
        case _:
            return ev.ServerStarted(version="1")


def records_of(history: History) -> Iterable[Record]:
    mono_s, wall_us, boot = 100.0, DST_US, 1
    for seq, (pause_s, agent, what, step_s) in enumerate(history, start=1):
        mono_s += pause_s
        wall_us += round((pause_s + step_s) * 1e6)
        if what[0] == "rebooted":
            boot, mono_s = boot + 1, 5.0
        yield Record("node", f"boot-{boot}", seq, wall_us, mono_s, event_of(agent, *what))
        boot += what[0] == "stopped"
    closure = ev.ClosureChanged(queue="", closed=True, reason="", by="")
    yield Record("node", f"boot-{boot}", 10_000, wall_us + 60_000_000, mono_s + 60.0, closure)


def flat(found: dict[Key, AgentQuarter]) -> dict[tuple[object, ...], float]:
    """Every figure that is not nothing, by quarter, agent, queue and name."""
    out: dict[tuple[object, ...], float] = {}
    for (quarter_us, agent, queue), one in found.items():
        where = at(quarter_us), agent, queue
        out |= {(*where, name, ""): getattr(one, name) for name in MEASURES}
        out |= {(*where, "away_s", reason): value for reason, value in one.away_s.items()}
    return {key: value for key, value in out.items() if value > 1e-9}


async def kept(connection: asyncpg.Connection, now_us: int) -> dict[tuple[object, ...], float]:
    """The same out of the database: what is summed up, and what lasts."""
    out: dict[tuple[object, ...], float] = {}
    for row in await connection.fetch("SELECT * FROM agent_quarters"):
        where = row["quarter_at"], row["agent"], row["queue"]
        out |= {(*where, name, ""): row[name] for name in MEASURES}
    reasons = await connection.fetch(
        "SELECT quarter_at, agent, queue, r.key AS reason, r.value::float8 AS amount"
        " FROM agent_quarters, jsonb_each_text(away_reasons) r"
    )
    for row in reasons:
        out[row["quarter_at"], row["agent"], row["queue"], "away_s", row["reason"]] = row["amount"]
    parts = await connection.fetch(
        "SELECT * FROM agent_open_parts($1, $2, $3)", FROM, TO, at(now_us)
    )
    for row in parts:
        key = row["quarter_at"], row["agent"], row["queue"], row["measure"], row["reason"]
        out[key] = out.get(key, 0.0) + row["amount"]
    return {key: value for key, value in out.items() if value > 1e-9}


async def shipped(
    writer: Writer, connection: asyncpg.Connection, history: History
) -> tuple[dict[tuple[object, ...], float], int]:
    """Ship a history in batches with refreshes between; return what must be, and as of when."""
    await connection.execute(
        "TRUNCATE agent_quarters, agent_quarters_dirty, agent_state_intervals, agent_days,"
        " agent_days_current, agent_status_intervals, closures, journal_position"
    )
    fold, rows, former, now_us = Fold(), {}, None, 0
    batch, last = Batch(), len(history) + 1
    for number, record in enumerate(records_of(history), start=1):
        for row in [*fold.apply(record), *fold.open_rows()]:
            batch.add(row)
            if isinstance(row, cdr.Interval):
                rows[type(row), row.boot, row.seq] = row
        if number % 3 and number != last:
            continue
        progress = Progress(
            *(Position(1, number), Position(1, 0), record.boot, record.seq),
            *(record.wall_us, record.mono_s),
        )
        await writer.write(batch, former, progress)
        batch, former, now_us = Batch(), progress, record.wall_us + 17_000_000
        if number % 2:
            await refresh_agent_quarters(connection, until_at=at(now_us - number * 100_000_000))
    await refresh_agent_quarters(connection)
    pure = agent_quarters(
        [row for row in rows.values() if isinstance(row, cdr.AgentStatusInterval)],
        [row for row in rows.values() if isinstance(row, cdr.AgentStateInterval)],
        now_us=now_us,
    )
    assert track_faults(rows.values()) == []
    return flat(pure), now_us


async def written(writer: Writer, connection: asyncpg.Connection, history: History) -> tuple:
    """Ship a history; return what is kept and what must be."""
    wanted, now_us = await shipped(writer, connection, history)
    return await kept(connection, now_us), wanted


def test_sql_and_library_cut_alike(dsn: str) -> None:
    with asyncio.Runner() as runner:
        writer = runner.run(Writer.connect(dsn, journal="j", node="node"))
        connection = runner.run(asyncpg.connect(dsn, server_settings={"timezone": "UTC"}))

        @settings(
            max_examples=20,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(HISTORIES)
        def check(history: History) -> None:
            found, wanted = runner.run(written(writer, connection, history))
            assert found == pytest.approx(wanted, abs=1e-5)

        check()
        runner.run(connection.close())
        runner.run(writer.__aexit__(None, None, None))


UNPAID = (PaidRule(), PaidRule(unpaid_away=("meal",)), PaidRule(unpaid_away=("break", "meal")))
Line = tuple[int | None, str]


def in_sql(lines: list[AgentLine], rule: PaidRule) -> dict[Line, tuple[float, float | None]]:
    """Paid time and utilisation of the report's lines, of those that have any."""
    return {
        (line.period_us, line.group[0]): (line.paid_s, utilisation(line.sums, line.paid_s))
        for line in with_paid_time(lines, rule, {})
        if line.paid_s > 1e-6
    }


def in_library(
    quarters: dict[tuple[object, ...], float], period: Period, rule: PaidRule
) -> dict[Line, tuple[float, float | None]]:
    """The same out of the library's quarter-hours."""
    sums: dict[Line, dict[str, float]] = defaultdict(lambda: {"paid": 0.0, "used": 0.0})
    for (quarter_at, agent, _, name, reason), amount in quarters.items():
        assert isinstance(quarter_at, datetime)
        begin = begin_of(microseconds(quarter_at), period, NEW_YORK)
        of = sums[begin, str(agent)]
        if name in {"talk_s", "hold_s", "wrap_up_s", "available_s"}:
            of["used"] += amount
        elif name == "ready_s" or (name == "away_s" and reason not in rule.unpaid_away):
            of["paid"] += amount
    return {
        line: (of["paid"], of["used"] / of["paid"])
        for line, of in sums.items()
        if of["paid"] > 1e-6
    }


def test_paid_time_and_utilisation_of_sql_and_library_agree(dsn: str) -> None:
    with asyncio.Runner() as runner:
        writer = runner.run(Writer.connect(dsn, journal="j", node="node"))
        connection = runner.run(asyncpg.connect(dsn, server_settings={"timezone": "UTC"}))

        async def lines(history: History, period: Period) -> tuple[list[AgentLine], dict]:
            pure, now_us = await shipped(writer, connection, history)
            wanted = WantedAgents(
                from_at=FROM, to_at=TO, now_at=at(now_us), zone=NEW_YORK, period=period
            )
            return await agent_lines(connection, wanted), pure

        @settings(
            max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
        )
        @given(
            HISTORIES,
            st.sampled_from([Period.HOUR, Period.DAY, Period.WEEK, Period.ALL]),
            st.sampled_from(UNPAID),
        )
        def check(history: History, period: Period, rule: PaidRule) -> None:
            found, pure = runner.run(lines(history, period))
            told, wanted = in_sql(found, rule), in_library(pure, period, rule)
            assert told.keys() == wanted.keys()
            for line, (paid_s, share) in told.items():
                assert paid_s == pytest.approx(wanted[line][0], abs=1e-4)
                assert share == pytest.approx(wanted[line][1], abs=1e-4)

        check()
        runner.run(connection.close())
        runner.run(writer.__aexit__(None, None, None))


def test_a_status_that_has_no_row_yet_corrects_the_quarter_after_its_own(dsn: str) -> None:
    """Idle over a quarter's border and over, and computed, before the status has its open row."""
    history: History = [
        (50.0, "1001", ("status", "ready", ""), 0.0),
        (0.5, "1001", ("state", "idle", ""), 0.0),
        (12.0, "1001", ("state", "talking", "sales"), 0.0),
    ]

    async def check() -> None:
        writer = await Writer.connect(dsn, journal="j", node="node")
        connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
        found, wanted = await written(writer, connection, history)
        await connection.close()
        await writer.__aexit__(None, None, None)
        assert found == pytest.approx(wanted, abs=1e-5)
        available = {key[0]: value for key, value in found.items() if key[3] == "available_s"}
        assert [round(available[at], 3) for at in sorted(available)] == [10.377, 1.623]

    asyncio.run(check())


def test_counts_of_sql_and_library_agree(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    events = list(timeline(5, 160, every_s=37.0))
    site.write([(at_s, varied(event, number)) for number, (at_s, event) in enumerate(events)])
    site.write([(7000.0 + at_s, event) for at_s, event in HANDED_ON])

    async def check() -> None:
        await ship(site, dsn)
        connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
        await refresh_agent_quarters(connection)
        found = {
            (*(row["quarter_at"], row["agent"], row["queue"]), name): row[name]
            for row in await connection.fetch("SELECT * FROM agent_quarters")
            for name in AgentCounts.__struct_fields__
            if row[name]
        }
        team = await connection.fetch("SELECT DISTINCT team, project FROM agent_quarters")
        assert [tuple(row) for row in team] == [("", "main")]
        await connection.close()
        counts = agent_counts(
            *(of(tmp_path, kind) for kind in (cdr.QueueVisit, cdr.Offer, cdr.TalkSegment)),
            *(of(tmp_path, kind) for kind in (cdr.Disposition, cdr.Transfer, cdr.OrderEvent)),
        )
        assert found == {
            (at(quarter_us), agent, queue, name): getattr(one, name)
            for (quarter_us, agent, queue), one in counts.items()
            for name in AgentCounts.__struct_fields__
            if getattr(one, name)
        }
        assert {name for *_, name in found} == set(AgentCounts.__struct_fields__)

    asyncio.run(check())
    site.journal.close()


def of(folder: Path, kind: type) -> list:
    fold, reader = Fold(), JournalReader(folder, on_damage=pytest.fail)
    rows = [row for entry in reader if entry.record for row in fold.apply(entry.record)]
    reader.close()
    return [row for row in rows if isinstance(row, kind)]


def varied(event: ev.Event, number: int) -> ev.Event:
    """Some offers are missed, some calls are complaints, some come through no queue."""
    match event:
        case ev.OfferEnded() if number % 5 == 0:
            return structs.replace(event, outcome=("no_answer", "busy", "failed")[number % 3])
        case ev.DispositionEntered() if number % 4 == 0:
            return structs.replace(event, call_class="complaint")
        case _:
            return event


CALL, OTHER = {"interaction": "first"}, {"interaction": "second"}
VISIT, CONSULT = ({**one, "queue": "sales", "visit": one["interaction"]} for one in (CALL, OTHER))
HAND_ON = {**CALL, "transfer": "t", "agent": "1009", "kind": "attended"}
HANDED_ON: list[tuple[float, ev.Event]] = [
    # 1009 consults 1008 by queue, who takes over and gets an order; 1009's own talk is no visit.
    (0.0, started("first", "leg-a")),
    (1.0, ev.AgentConnected(**CALL, agent="1009", leg="leg-b")),
    (2.0, started("second", "leg-c", agent="1009", direction="internal")),
    (3.0, ev.QueueEntered(**CONSULT, kind="sales")),
    (4.0, ev.QueueLeft(**CONSULT, reason="answered", waited_s=1.0, agent="1008")),
    (
        5.0,
        ev.TransferRequested(**HAND_ON, leg="leg-b", target="1008", consult="second"),
    ),
    (
        6.0,
        ev.TransferCompleted(**HAND_ON, to_agent="1008"),
    ),
    (7.0, ev.CallEnded(**OTHER, ended_by="system", reason="transferred")),
    (8.0, ev.AgentDisconnected(**CALL, agent="1009", leg="leg-b", talk_s=7.0, hold_s=0.0)),
    (9.0, ev.CallEnded(**CALL, ended_by="caller", reason="hangup")),
    # Late, of a call that is in the tables already.
    (4000.0, ev.DispositionEntered(**CALL, agent="1008", call_class="order", ordered=True)),
]


def test_epoch_quarters_are_those_of_sql(dsn: str) -> None:
    async def ask() -> list[int]:
        connection = await asyncpg.connect(dsn)
        found = [
            await connection.fetchval("SELECT quarter_of($1)", at(us))
            for us in (DST_US, DST_US - 1, 1_790_000_100_000_000)
        ]
        await connection.close()
        return [int((moment - EPOCH).total_seconds()) % 900 for moment in found]

    assert asyncio.run(ask()) == [0, 0, 0]
