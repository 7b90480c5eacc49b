"""When roll-ups are computed: as soon as something is due, and nobody looks in between."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.storage.kpi_keeping import Keeping, due_in_s, keep, look_at
from acd.storage.kpi_rollup import LOCK_KEY, RollUps, Turn, connect

KEEPING = Keeping()
SETTLE = timedelta(seconds=KEEPING.settle_s)
QUARTER = timedelta(minutes=15)
LIMIT_S = 90.0


class Desk:
    """A look that answers what it is told to, and notes when it was made (virtual seconds)."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.written = asyncio.Event()
        self.looks: list[float] = []
        self.told: list[str] = []
        self._answers = iter(answers)

    async def look(self) -> float | None:
        self.looks.append(asyncio.get_running_loop().time())
        answer = next(self._answers, None)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def kept(self):
        task = asyncio.create_task(keep(self.look, self.written, self.told.append))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_where_nothing_is_marked_nobody_looks() -> None:
    desk = Desk(None)
    async with desk.kept():
        await asyncio.sleep(30 * 86_400)
    assert desk.looks == [0]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_what_is_due_at_a_time_is_done_at_that_time() -> None:
    desk = Desk(830.5, 40_000.0)
    async with desk.kept():
        await asyncio.sleep(86_400)
    assert desk.looks == pytest.approx([0, 830.5, 40_830.5])


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_what_is_written_is_looked_at_when_it_has_settled() -> None:
    desk = Desk(None, 5_000.0, 30.0)
    async with desk.kept():
        await asyncio.sleep(1_000)
        desk.written.set()
        await asyncio.sleep(2_000)  # waits for 6,060, and something new comes at 3,000
        desk.written.set()
        await asyncio.sleep(70)  # at 3,060 it has 30 s to go; what comes meanwhile is later
        desk.written.set()
        await asyncio.sleep(1_000)
    assert desk.looks == pytest.approx([0, 1_060, 3_060, 3_090])


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_rows_without_end_are_looked_at_once_a_minute() -> None:
    desk = Desk()
    async with desk.kept():
        for _ in range(300):
            desk.written.set()
            await asyncio.sleep(2)
    assert len(desk.looks) <= 1 + 600 / KEEPING.settle_s
    assert len(desk.looks) > 600 / (KEEPING.settle_s + 2.1)


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_what_another_process_is_doing_is_tried_again_after_a_pause() -> None:
    desk = Desk(-100.0, 0.0, 0.5, None)
    async with desk.kept():
        await asyncio.sleep(86_400)
    assert desk.looks == pytest.approx([0, 10, 20, 30])


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_database_that_is_away_is_tried_again() -> None:
    desk = Desk(OSError("refused"), asyncpg.UndefinedTableError("no table yet"), None)
    async with desk.kept():
        await asyncio.sleep(86_400)
    assert desk.looks == pytest.approx([0, 30, 60])


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_sums_that_cannot_be_computed_are_told_once_and_so_is_their_end() -> None:
    broken = asyncpg.NumericValueOutOfRangeError("value out of range: overflow")
    desk = Desk(broken, broken, broken, OSError("refused"), broken, None, broken, None)
    async with desk.kept():
        await asyncio.sleep(200)  # virtual: six looks, 30 s apart, and then it waits
        desk.written.set()
        await asyncio.sleep(86_400)  # virtual: a day
    beginning = "sums of the records are not computed, reports are slower: "
    overflow = beginning + "value out of range: overflow"
    again = "sums of the records are computed again"
    assert desk.told == [overflow, beginning + "refused", overflow, again]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_the_first_failure_is_not_told_as_the_tables_may_be_about_to_come() -> None:
    desk = Desk(asyncpg.UndefinedTableError("no table yet"), None)
    async with desk.kept():
        await asyncio.sleep(86_400)  # virtual: a day
    assert desk.told == []


# --- what the database says ---


@pytest.fixture
def loop_run() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


Marks = st.lists(st.tuples(st.integers(-400, 8), st.integers(-20, 0)), max_size=4)
"Quarter-hours from now, and when each was marked, in units of 7 s: never just 60 s ago."

ZONES = ("Asia/Shanghai", "America/New_York", "Pacific/Kiritimati")


def day_end(at: datetime, zone: ZoneInfo) -> datetime:
    day = at.astimezone(zone).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def due_at(
    quarters: list[tuple[datetime, datetime]],
    days: list[tuple[datetime, datetime]],
    zone: ZoneInfo,
) -> datetime | None:
    """When the first of what is marked is due; `days` by any moment of theirs."""
    first: dict[tuple[datetime, timedelta], datetime] = {}
    for at, marked_at in quarters:
        key = at + QUARTER, timedelta(0)
        first[key] = min(first.get(key, marked_at), marked_at)
    dirty = {day_end(at, zone) for at, _ in quarters}
    for at, marked_at in days:
        if (end := day_end(at, zone)) not in dirty:
            key = end, timedelta(days=1)
            first[key] = min(first.get(key, marked_at), marked_at)
    return min((max(end, marked + SETTLE) for (end, _), marked in first.items()), default=None)


async def marked(
    connection: asyncpg.Connection, quarters: list, days: list, zone: ZoneInfo
) -> float | None:
    """Set marks as of now; return in how many seconds the first is due by the rules."""
    now = await connection.fetchval("SELECT now()")
    begin = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)

    def times(marks: list, unit: timedelta) -> list[tuple[datetime, datetime]]:
        return [(begin + n * unit, now + timedelta(seconds=7 * ago)) for n, ago in marks]

    of_quarters, of_days = times(quarters, QUARTER), times(days, timedelta(days=1))
    await connection.executemany(
        "INSERT INTO kpi_dirty (quarter_at, marked_at) VALUES ($1, $2)", of_quarters
    )
    await connection.executemany(
        "INSERT INTO kpi_dirty_days (day, marked_at) VALUES ($1, $2)",
        [(at.astimezone(zone).date(), marked_at) for at, marked_at in of_days],
    )
    due = due_at(of_quarters, of_days, zone)
    return None if due is None else (due - now).total_seconds()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    Marks, Marks.map(lambda marks: [(n // 50, ago) for n, ago in marks]), st.sampled_from(ZONES)
)
def test_the_database_tells_when_a_turn_has_something_to_do(
    dsn: str, loop_run: asyncio.Runner, quarters: list, days: list, name: str
) -> None:
    async def compare() -> None:
        connection = await connect(dsn)
        rolls = RollUps(connection, name, settle_s=KEEPING.settle_s)

        async def told() -> float | None:
            return await due_in_s(connection, name, settle_s=KEEPING.settle_s)

        try:
            await connection.execute("TRUNCATE kpi_dirty, kpi_dirty_days, kpi_zone")
            assert await told() == 0, "another zone's days are due at once"
            assert await rolls.turn() == Turn()
            assert await told() is None
            async with connection.transaction():
                wished = await marked(connection, quarters, days, ZoneInfo(name))
                assert await told() == (None if wished is None else pytest.approx(wished))
            if wished is None or wished > 10:  # no border of a quarter-hour passes by meanwhile
                assert await rolls.turn() == Turn()
            elif wished <= 0:
                assert await rolls.turn() != Turn()
            await rolls.all_turns()
            assert (await told() or math.inf) > 0
        finally:
            connection.terminate()

    loop_run.run(compare())


def test_what_was_written_is_computed_and_what_another_process_holds_is_waited_for(
    dsn: str,
) -> None:
    async def check() -> None:
        quick = Keeping(settle_s=0.0, every_s=0.05)
        written = asyncio.Event()
        looked = asyncio.Queue[float | None]()
        look = look_at(dsn, "UTC", quick)

        async def told() -> float | None:
            due = await look()
            looked.put_nowait(due)
            return due

        other = await connect(dsn)
        task = asyncio.create_task(keep(told, written, pytest.fail, quick))
        async with asyncio.timeout(LIMIT_S):
            assert await looked.get() is None
            await other.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
            await other.execute("INSERT INTO kpi_dirty (quarter_at) VALUES ('2026-11-01 10:00Z')")
            written.set()
            assert await looked.get() < 0, "due, and not done"
            assert await looked.get() < 0, "looked again by itself"
            await other.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)
            while await looked.get() is not None:
                pass
            assert await other.fetchval("SELECT count(*) FROM kpi_dirty") == 0
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await other.close()

    asyncio.run(check())


def test_agents_quarter_hours_are_computed_when_they_are_over(dsn: str) -> None:
    async def check() -> None:
        connection = await connect(dsn)
        try:
            begin = await connection.fetchval("SELECT quarter_of(now() - interval '1 minute')")
            await connection.executemany(
                "INSERT INTO agent_quarters_dirty (quarter_at, agent) VALUES ($1, $2)",
                [
                    (begin, "1001"),
                    (begin, "1001"),
                    (begin, "1002"),
                    (begin - QUARTER, "1001"),
                    (begin - 90 * 96 * QUARTER, "1001"),
                ],
            )
            due = await look_at(dsn, "UTC")()
            now = await connection.fetchval("SELECT now()")
            left = await connection.fetch("SELECT * FROM agent_quarters_dirty ORDER BY id")
        finally:
            await connection.close()
        assert [row["agent"] for row in left] == ["1001", "1001", "1002"]
        assert {row["quarter_at"] for row in left} == {begin}
        assert due == pytest.approx((begin + QUARTER + SETTLE - now).total_seconds(), abs=30)

    asyncio.run(check())
