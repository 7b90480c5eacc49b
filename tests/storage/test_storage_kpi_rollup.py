"""Roll-ups: reports out of them are those of the records, whatever came late and in what order."""

import asyncio
import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kpi_histories import AGENTS, History, Loader, clear, counted, latest

from acd.calls import cdr_rows as cdr
from acd.reports import cells as pure
from acd.reports.days import day_borders
from acd.reports.request import DIMENSIONS, Period, microseconds
from acd.reports.traffic import TRAFFIC_DIMENSIONS, traffic_cells
from acd.storage import traffic
from acd.storage.database import Writer
from acd.storage.kpi_bulk import CONTACTS, LEAST
from acd.storage.kpi_cells import Wanted, kpi_cells, without
from acd.storage.kpi_rollup import QUARTER, RollUps, Turn, connect, ranges
from acd.storage.kpi_sums import FACT_COLUMNS
from acd.storage.tables import TABLES

ZONES = ("Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
"Hours off by thirty minutes, and two clock changes in the histories' night."

KOLKATA = ZoneInfo("Asia/Kolkata")


class Sold(History):
    """Two agents, who talk to a caller again, and orders that only the shop tells of."""

    agents = AGENTS[:2]

    def __init__(self, seed: int, interactions: int = 30, hours: float = 30.0) -> None:
        super().__init__(seed, interactions, hours)
        said = [row for row in self.rows if isinstance(row, cdr.Disposition)]
        for row in self.random.sample(said, len(said) // 3):
            self.rows.append(
                cdr.OrderEvent(
                    interaction=row.interaction,
                    started_us=row.started_us,
                    project=row.project,
                    order_id=f"order-{self._next()}",
                    key="shop",
                    state="signed",
                    at_us=row.entered_us,
                    entered_us=row.entered_us,
                    agent=self.random.choice((row.agent, "1001", "")),
                    queue="",
                    category="",
                    amount=None,
                    currency="",
                    entered_by="shop",
                )
            )


def key_of(row: cdr.Row) -> object:
    table = TABLES[type(row)]
    return table.name, table.values(row)[: table.key_columns]


def in_parts(rows: list[cdr.Row], pick: random.Random) -> list[list[cdr.Row]]:
    """Return the rows in random order and batches; of those with one key the later stays later."""
    profiles = [row for row in rows if isinstance(row, cdr.AgentProfileRow)]
    others = [row for row in rows if not isinstance(row, cdr.AgentProfileRow)]
    times: dict[object, list[float]] = {}
    for row in others:
        times.setdefault(key_of(row), []).append(pick.random())
    for each in times.values():
        each.sort(reverse=True)
    timed = [(times[key_of(row)].pop(), number) for number, row in enumerate(others)]
    ordered = [others[number] for _, number in sorted(timed)]
    size = max(1, len(ordered) // pick.choice((1, 3, 12)))
    return [profiles, *(ordered[at : at + size] for at in range(0, len(ordered), size))]


def some_wish(pick: random.Random, zone: ZoneInfo) -> Wanted:
    first = date(2026, 10, 30) + timedelta(days=pick.randrange(3))
    names = pick.sample(DIMENSIONS, pick.choice((0, 1, 1, 2, 3)))
    only = {}
    if pick.random() < 0.3:
        only = pick.choice(({"queue": "sales"}, {"agent": "1001"}, {"class": ""}))
    return Wanted(
        first=first,
        last=first + timedelta(days=pick.randrange(3)),
        zone=zone,
        period=pick.choice(tuple(Period)),
        by=tuple(names),
        only=only,
        sketches=pick.random() < 0.4,
    )


def expected(rows: list[cdr.Row], wanted: Wanted) -> dict[pure.Key, pure.Cell]:
    begin, end = wanted.stretch
    return pure.cells(
        counted(rows),
        from_us=microseconds(begin),
        to_us=microseconds(end),
        zone=wanted.zone,
        period=wanted.period,
        by=wanted.by,
        only=wanted.only,
    )


def same(found: dict[pure.Key, pure.Cell], wished: dict[pure.Key, pure.Cell], sketches: bool):
    assert found.keys() == wished.keys()
    for key, cell in wished.items():
        shown = found[key]
        for name in type(cell.measures).__struct_fields__:
            told, true = getattr(shown.measures, name), getattr(cell.measures, name)
            assert told == pytest.approx(true, abs=1e-6), (key, name)
        if sketches:
            assert dict(shown.waits.counts) == dict(cell.waits.counts), key
            assert dict(shown.handles.counts) == dict(cell.handles.counts), key


async def same_traffic(
    connection: asyncpg.Connection, rows: list[cdr.Row], pick: random.Random, zone: ZoneInfo
) -> None:
    names = pick.sample(TRAFFIC_DIMENSIONS, pick.randrange(4))
    wanted = Wanted(
        first=date(2026, 10, 31),
        last=date(2026, 11, 1),
        zone=zone,
        period=pick.choice(tuple(Period)),
        by=tuple(names),
        only=pick.choice(({}, {}, {"trunk": "carrier"})),
    )
    rows, (begin, end) = latest(rows), wanted.stretch

    def of(kind):
        return [row for row in rows if isinstance(row, kind)]

    expected_traffic = traffic_cells(
        of(cdr.Interaction),
        of(cdr.QueueVisit),
        of(cdr.TalkSegment),
        from_us=microseconds(begin),
        to_us=microseconds(end),
        zone=zone,
        period=wanted.period,
        by=wanted.by,
        only=wanted.only,
    )
    assert await traffic.traffic_cells(connection, wanted) == expected_traffic


class Site:
    """A database with a writer, roll-ups and a reader."""

    def __init__(
        self, dsn: str, zone: str = "Asia/Shanghai", *, bulk_from: timedelta = LEAST
    ) -> None:
        self.dsn, self.zone, self.bulk_from = dsn, zone, bulk_from

    async def __aenter__(self) -> "Site":
        self.writer = await Writer.connect(self.dsn, journal="j", node="n")
        self.connection = await connect(self.dsn)
        await clear(self.connection)
        self.loader = Loader(self.writer)
        self.rolls = RollUps(self.connection, self.zone, bulk_from=self.bulk_from)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self.writer._connection.close()

    async def cells(self, **fields) -> dict[pure.Key, pure.Cell]:
        fields = {
            "first": date(2026, 10, 31),
            "last": date(2026, 11, 1),
            "zone": ZoneInfo(self.zone),
        } | fields
        return await kpi_cells(self.connection, Wanted(**fields))

    async def count(self, table: str) -> int:
        return await self.connection.fetchval(f"SELECT count(*) FROM {table}")


several = settings(
    max_examples=5,
    deadline=None,
    # A smaller seed is no smaller history.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@several
@given(st.integers(0, 10**9))
def test_reports_are_those_of_the_records_at_any_time(dsn: str, seed: int) -> None:
    pick = random.Random(seed)
    zone = pick.choice(ZONES)
    # As a whole however short: so that both ways of computing come into play.
    bulk_from = pick.choice((LEAST, timedelta(0), QUARTER * 2))

    async def compare() -> None:
        async with Site(dsn, zone, bulk_from=bulk_from) as site:
            loaded: list[cdr.Row] = []
            for part in in_parts(History(seed).rows, pick):
                await site.loader.load(part)
                loaded += part
                for _ in range(pick.randrange(3)):
                    await site.rolls.turn()
                for _ in range(2):
                    wanted = some_wish(pick, ZoneInfo(zone))
                    found = await kpi_cells(site.connection, wanted)
                    same(found, expected(loaded, wanted), wanted.sketches)
                await same_traffic(site.connection, loaded, pick, ZoneInfo(zone))
            await site.rolls.all_turns()
            await same_traffic(site.connection, loaded, pick, ZoneInfo(zone))
            assert await site.count("kpi_dirty") == await site.count("kpi_dirty_days") == 0
            for _ in range(12):
                wanted = some_wish(pick, ZoneInfo(zone))
                found = await kpi_cells(site.connection, wanted)
                same(found, expected(loaded, wanted), wanted.sketches)

    asyncio.run(compare())


@several
@given(st.integers(0, 10**9))
def test_many_days_at_once_have_the_facts_of_the_view(dsn: str, seed: int) -> None:
    async def compare() -> None:
        async with Site(dsn, bulk_from=timedelta(0)) as site:
            for part in in_parts(Sold(seed).rows, random.Random(seed)):
                await site.loader.load(part)
            await site.rolls.all_turns()
            facts = f"SELECT {FACT_COLUMNS} FROM kpi_facts"
            seen = f"SELECT {FACT_COLUMNS} FROM kpi_visits WHERE NOT callback"
            assert await site.count("kpi_facts") > 15
            for one, other in ((facts, seen), (seen, facts)):
                assert await site.connection.fetch(f"{one} EXCEPT ALL {other}") == []

    asyncio.run(compare())


@pytest.mark.parametrize(
    "contacts",
    [
        "traffic_contacts",
        f"({CONTACTS.replace('$1', 'now()').replace('$2', 'now()')}) contacts",
    ],
)
def test_what_became_of_a_caller_is_part_of_the_statement(dsn: str, contacts: str) -> None:
    async def plan() -> str:
        connection = await asyncpg.connect(dsn)
        lines = await connection.fetch(f"EXPLAIN (VERBOSE) SELECT * FROM {contacts}")
        await connection.close()
        return "\n".join(line[0] for line in lines)

    told = asyncio.run(plan())
    assert "self_service" in told  # a function per row would be called by its name
    assert "traffic_outcome(" not in told
    assert "flow_label(" not in told


def test_what_was_sold_is_part_of_the_statement_and_found_by_its_key(dsn: str) -> None:
    async def plan() -> str:
        async with Site(dsn) as site:
            await site.loader.load(History(1).rows)
            await site.connection.execute("SET enable_seqscan = off")
            lines = await site.connection.fetch("EXPLAIN (VERBOSE) SELECT * FROM kpi_visits")
            return "\n".join(line[0] for line in lines)

    told = asyncio.run(plan())
    assert "Index Scan" in told
    assert "sold_in" not in told  # a function per row would be called by its name
    assert "order_events_2" in told  # the partition of a month
    assert "Seq Scan on public.order_events" not in told
    assert "Seq Scan on public.dispositions" not in told


def test_what_is_current_comes_from_the_roll_ups(dsn: str) -> None:
    async def roll() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(1).rows)
            by_agent = {"by": ("agent",), "period": Period.MONTH}
            before = await site.cells(**by_agent)
            assert await site.count("kpi_days") == 0
            done = await site.rolls.all_turns()
            assert done.quarters > 10
            assert done.days == 1
            assert await site.cells(**by_agent) == before
            # Only now is the answer another one when the table is: that is where it comes from.
            await site.connection.execute("UPDATE kpi_days SET answered = answered + 1000")
            after = await site.cells(**by_agent)
            assert all(cell.measures.answered >= 1000 for cell in after.values())
            await site.connection.execute("UPDATE kpi_quarters SET answered = answered + 500")
            quarters = await site.cells(period=Period.QUARTER_HOUR)
            assert all(cell.measures.answered >= 500 for cell in quarters.values())

    asyncio.run(roll())


def test_a_late_correction_counts_at_once_and_again_after_the_turn(dsn: str) -> None:
    async def correct() -> None:
        async with Site(dsn) as site:
            history = History(3)
            await site.loader.load(history.rows)
            await site.rolls.all_turns()
            visit = next(
                row
                for row in history.rows
                if isinstance(row, cdr.QueueVisit) and row.outcome == "answered"
            )
            interaction = next(
                row
                for row in history.rows
                if isinstance(row, cdr.Interaction) and row.interaction == visit.interaction
            )
            late = History(4, 0)
            late.rows.clear()
            for _ in range(6):
                late.disposition(interaction, visit)
            for row in late.rows:
                row.entered_us += 10**12
                row.ordered = not row.ordered
                await site.loader.load([row])
                assert await site.count("kpi_dirty") > 0
                for _ in range(2):
                    wanted = Wanted(
                        first=date(2026, 10, 30),
                        last=date(2026, 11, 3),
                        zone=ZoneInfo("Asia/Shanghai"),
                        by=("class", "agent"),
                    )
                    history.rows.append(row)
                    found = await kpi_cells(site.connection, wanted)
                    same(found, expected(history.rows, wanted), False)
                    await site.rolls.all_turns()

    asyncio.run(correct())


def test_what_is_marked_while_a_turn_runs_stays_marked(dsn: str) -> None:
    async def race() -> None:
        async with Site(dsn) as site:
            rows = History(5).rows
            await site.loader.load(rows)

            class Slow(RollUps):
                async def _compute(self, begin: datetime, end: datetime) -> None:
                    await super()._compute(begin, end)
                    await site.loader.load(more.rows)

            more = History(5)  # the same moments: each quarter-hour gets as much again
            for row in more.rows:
                for name in ("interaction", "visit", "consult", "leg", "transfer"):
                    if getattr(row, name, ""):
                        setattr(row, name, f"more-{getattr(row, name)}")
                if hasattr(row, "seq"):
                    row.seq += 10_000
            await Slow(site.connection, site.zone).turn()
            wanted = Wanted(
                first=date(2026, 10, 30),
                last=date(2026, 11, 3),
                zone=ZoneInfo(site.zone),
                by=("queue",),
            )
            wished = expected(rows + more.rows, wanted)
            same(await kpi_cells(site.connection, wanted), wished, False)
            await site.rolls.all_turns()
            same(await kpi_cells(site.connection, wanted), wished, False)

    asyncio.run(race())


def test_one_works_at_a_time_and_the_next_takes_over(dsn: str) -> None:
    async def two() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(7).rows)
            other = await connect(dsn)
            second = RollUps(other, site.zone)
            async with site.rolls._alone():
                assert await second.turn() == Turn()
            assert (await second.turn()).quarters > 0
            await other.close()

    asyncio.run(two())


def test_a_turn_that_is_killed_leaves_all_to_be_done(dsn: str) -> None:
    async def kill() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(8).rows)
            marks = await site.count("kpi_dirty")

            class Dying(RollUps):
                async def _compute(self, begin: datetime, end: datetime) -> None:
                    await super()._compute(begin, end)
                    pid = self._connection.get_server_pid()
                    await site.connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)

            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
                await Dying(await connect(dsn), site.zone).turn()
            assert await site.count("kpi_dirty") == marks
            assert await site.count("kpi_facts") == 0
            assert (await site.rolls.turn()).quarters > 0
            assert await site.count("kpi_facts") > 0

    asyncio.run(kill())


def test_another_zone_makes_other_days(dsn: str) -> None:
    async def change() -> None:
        async with Site(dsn) as site:
            rows = History(9).rows
            await site.loader.load(rows)
            await site.rolls.all_turns()
            wanted = Wanted(
                first=date(2026, 10, 30),
                last=date(2026, 11, 3),
                zone=ZoneInfo("America/New_York"),
                period=Period.DAY,
                by=("queue",),
            )
            same(await kpi_cells(site.connection, wanted), expected(rows, wanted), False)
            assert (await RollUps(site.connection, "America/New_York").all_turns()).days > 1
            same(await kpi_cells(site.connection, wanted), expected(rows, wanted), False)

    asyncio.run(change())


def test_roll_ups_outlive_their_records(dsn: str) -> None:
    async def drop() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(10).rows)
            await site.rolls.all_turns()
            before = await site.cells(period=Period.DAY, by=("team",))
            for month in ("202610", "202611"):
                await site.connection.execute(f"DROP TABLE queue_visits_{month}")
            await site.connection.execute(
                "INSERT INTO kpi_dirty (quarter_at) SELECT quarter_at FROM kpi_quarters"
            )
            await site.rolls.all_turns()
            assert await site.count("kpi_dirty") == 0
            assert await site.cells(period=Period.DAY, by=("team",)) == before
            for month in ("202610", "202611"):
                await site.connection.execute(f"SELECT ensure_month(to_date('{month}', 'YYYYMM'))")

    asyncio.run(drop())


def test_all_can_be_computed_anew(dsn: str) -> None:
    async def anew() -> None:
        async with Site(dsn) as site:
            await site.loader.load(History(11).rows)
            await site.rolls.all_turns()
            before = await site.cells(by=("agent",), period=Period.DAY)
            await site.connection.execute("DELETE FROM kpi_days")
            await site.connection.execute("UPDATE kpi_facts SET agent = 'nobody'")
            assert await site.rolls.mark_all() > 30
            await site.rolls.all_turns()
            assert await site.cells(by=("agent",), period=Period.DAY) == before

    asyncio.run(anew())


def test_nothing_recorded_is_nothing(dsn: str) -> None:
    async def none() -> None:
        async with Site(dsn) as site:
            assert await site.cells() == {}
            assert await site.cells(by=("agent", "team"), sketches=True) == {}
            assert await site.rolls.mark_all() == 0
            assert await site.rolls.all_turns() == Turn()

    asyncio.run(none())


def moment(minute: int) -> datetime:
    return day_borders(date(2026, 11, 1), KOLKATA)[0] + timedelta(minutes=minute)


def test_stretches_with_holes() -> None:
    assert ranges([moment(30), moment(0), moment(15), moment(60)]) == [
        (moment(0), moment(45)),
        (moment(60), moment(75)),
    ]
    whole = [(moment(0), moment(100)), (moment(200), moment(300))]
    assert without(whole, []) == whole
    assert without(whole, [(moment(0), moment(15)), (moment(90), moment(210))]) == [
        (moment(15), moment(90)),
        (moment(210), moment(300)),
    ]
    assert without(whole, [(moment(0), moment(300))]) == []
