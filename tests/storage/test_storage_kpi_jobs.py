"""Roll-ups by several connections: the same sums as by one, and nothing wrong when killed."""

import asyncio
import random
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from test_storage_kpi_rollup import Site, Sold, in_parts

from acd.cli import main
from acd.storage.kpi_bulk import LEAST, MOST
from acd.storage.kpi_jobs import all_turns, cut, parts_of
from acd.storage.kpi_rollup import QUARTER, RollUps, Turn, connect

JOBS = 3
LIMIT_S = 120.0
ZONE = "Asia/Shanghai"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)

TABLES = (
    *("kpi_facts", "kpi_quarters", "kpi_days", "traffic_quarters"),
    *("order_days", "order_day_values", "order_day_splits", "repeat_contacts", "repeat_days"),
)
MARKS = {
    "kpi_dirty": "quarter_at",
    "kpi_dirty_days": "day",
    "order_days_dirty": "day",
    "repeat_contacts_dirty": "quarter_at",
    "repeat_days_dirty": "day",
}
CUSTOMERS = """
UPDATE interactions SET customer_key = 'customer ' || ascii(right(interaction, 1)) % 4
"""
WORTHS = "UPDATE order_events SET amount = 100 * ascii(right(interaction, 1)), currency = 'CNY'"

Sums = dict[str, list[str]]


class Weeks:
    """A database with some weeks of calls, which are over by now."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.wished: Sums = {}
        "As one connection computes them."

    async def __aenter__(self) -> "Weeks":
        self.site = await Site(self.dsn, ZONE).__aenter__()
        for part in in_parts(Sold(1, interactions=60, hours=24 * 11).rows, random.Random(1)):
            await self.site.loader.load(part)
        for statement in (CUSTOMERS, WORTHS):
            await self.site.connection.execute(statement)
        await self.site.rolls.mark_all()
        await self.site.rolls.all_turns()
        self.wished = await self.sums()
        assert all(self.wished[table] for table in TABLES if table != "order_day_splits")
        await self.forget()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.site.__aexit__()

    async def sums(self) -> Sums:
        """Return what is computed and what is marked, all of it."""
        return {
            table: [
                row["line"]
                for row in await self.site.connection.fetch(
                    f"SELECT {what} AS line FROM {table} one ORDER BY 1"
                )
            ]
            for table, what in (
                *((table, "one::text") for table in TABLES),
                *((table, f"DISTINCT {key}::text") for table, key in MARKS.items()),
            )
        }

    async def forget(self) -> None:
        """Take all sums away, so that what is missing is seen."""
        for table in (*TABLES, *MARKS):
            await self.site.connection.execute(f"DELETE FROM {table}")

    async def finish(self) -> None:
        """Have the rest computed, and compare all."""
        self.site.connection.terminate()  # it may have been among those that were killed
        self.site.connection = await connect(self.dsn)
        await RollUps(self.site.connection, ZONE, patient=True).all_turns()
        assert await self.sums() == self.wished
        await self.forget()


def test_several_compute_what_one_does(dsn: str) -> None:
    async def compare() -> None:
        async with Weeks(dsn) as weeks:
            for bulk_from in (LEAST, QUARTER * 5000):
                turns: list[Turn] = []
                marked: list[int] = []
                done = await all_turns(
                    *(dsn, ZONE),
                    jobs=JOBS,
                    again=True,
                    on_turn=turns.append,
                    on_marked=marked.append,
                    bulk_from=bulk_from,
                )
                assert await weeks.sums() == weeks.wished
                assert marked == [done.quarters]
                assert sum(turn.quarters for turn in turns) == done.quarters
                assert len([turn for turn in turns if turn.quarters]) >= JOBS
                assert await all_turns(dsn, ZONE, jobs=JOBS) == Turn()
                await weeks.forget()

    asyncio.run(asyncio.wait_for(compare(), LIMIT_S))


OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE application_name = 'acd roll-ups' AND datname = current_database()
"""
CHIEF = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
DEATHS = [
    (0, OTHERS),
    (4, OTHERS + " AND pid % 2 = 0"),
    (8, OTHERS),
]


def test_whatever_dies_leaves_nothing_wrong(dsn: str) -> None:
    async def kill() -> None:
        async with Weeks(dsn) as weeks:
            killer = await asyncpg.connect(dsn)
            for after, deaths in DEATHS:
                await die(weeks, killer, after, deaths)
            await killer.close()

    asyncio.run(asyncio.wait_for(kill(), LIMIT_S))


async def die(weeks: Weeks, killer: asyncpg.Connection, after: int, deaths: str) -> None:
    """Have some connections die after so many turns, and another go on at once."""
    turns = 0
    going_on: asyncio.Task[None] | None = None

    def on_turn(_: Turn) -> None:
        nonlocal turns, going_on
        turns += 1
        if turns > after and going_on is None:
            going_on = asyncio.create_task(go_on())

    async def go_on() -> None:
        await killer.execute(deaths)
        await weeks.finish()

    work = all_turns(weeks.dsn, ZONE, jobs=JOBS, again=True, on_turn=on_turn)
    await asyncio.gather(work, return_exceptions=True)
    assert going_on is not None
    await going_on


WAITING = "SELECT locktype FROM pg_locks WHERE NOT granted AND pid = $1"
STUCK = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'kpi_quarters'::regclass"


def test_nobody_begins_before_the_helpers_of_one_who_died_have_ended(dsn: str) -> None:
    async def orphan() -> None:
        async with Weeks(dsn) as weeks:
            killer, locker = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
            async with locker.transaction():
                await locker.execute("LOCK TABLE kpi_quarters IN EXCLUSIVE MODE")
                work = asyncio.create_task(all_turns(dsn, ZONE, jobs=2, again=True))
                while await killer.fetchval(STUCK) < 2:
                    assert not work.done()
                await killer.execute(CHIEF)
                next_one = await connect(dsn)
                turns = asyncio.create_task(RollUps(next_one, ZONE, patient=True).all_turns())
                pid = next_one.get_server_pid()
                while (waits_for := await killer.fetchval(WAITING, pid)) is None:
                    assert not turns.done()
                assert waits_for == "advisory"
            [outcome, _] = await asyncio.gather(work, turns, return_exceptions=True)
            assert isinstance(outcome, Exception)
            await weeks.finish()
            for connection in (killer, locker, next_one):
                await connection.close()

    asyncio.run(asyncio.wait_for(orphan(), LIMIT_S))


SCRIPT = """
import asyncio, sys
from acd.storage.kpi_jobs import all_turns
told = lambda turn: print(turn, flush=True)
asyncio.run(all_turns(sys.argv[1], sys.argv[2], jobs=3, again=True, on_turn=told))
"""


def test_a_process_that_is_killed_leaves_nothing_wrong(dsn: str) -> None:
    async def kill() -> None:
        async with Weeks(dsn) as weeks:
            for after in (1, 7):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", SCRIPT, dsn, ZONE),
                    stdout=asyncio.subprocess.PIPE,
                    cwd=Path(__file__).parents[2],
                )
                assert process.stdout is not None
                for _ in range(after):
                    assert await process.stdout.readline()
                process.kill()
                assert await process.wait() == -signal.SIGKILL
                await weeks.finish()

    asyncio.run(asyncio.wait_for(kill(), LIMIT_S))


def test_parts_are_long_where_that_is_quicker_and_enough_for_all() -> None:
    def quarters(begin: datetime, count: int) -> list[datetime]:
        return [begin + QUARTER * at for at in range(count)]

    month, scattered = quarters(BEGIN, 30 * 96), quarters(BEGIN - timedelta(days=90), 200)[::2]
    parts = parts_of([*month, *scattered], 2, LEAST)
    lengths = [len(part) for part in parts]
    assert lengths == [*[MOST // QUARTER] * 3, 96, 4]
    assert [at for part in parts for at in part] == [*month, *scattered]
    assert [len(part) for part in parts_of(month[: 12 * 96], 2, LEAST)] == [6 * 96] * 2
    assert [len(part) for part in parts_of(month[: 6 * 96], 4, LEAST)] == [5 * 96, 96]
    assert parts_of([], 4, LEAST) == []


def test_a_list_is_cut() -> None:
    days = [date(2026, 11, day) for day in range(1, 6)]
    assert cut(days, 2) == [days[:2], days[2:4], days[4:]]
    assert cut([], 3) == []


@pytest.mark.parametrize("jobs", ["0", "17"])
def test_the_command_says_how_many_there_may_be(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["records", "rollup", "--jobs", jobs, "--state", str(tmp_path)]) == 1
    assert "a number from 1 to 16" in capsys.readouterr().err
