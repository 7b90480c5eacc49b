"""Orders' days: the report's sums are the library's, whatever was told late and in what order."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kpi_histories import AGENTS, START_US, History, Loader, clear, latest

from acd.calls import cdr_rows as cdr
from acd.reports.cells import begin_of
from acd.reports.cut import Place
from acd.reports.days import day_borders
from acd.reports.orders import (
    STATES,
    Order,
    OrderStep,
    OrderSums,
    SalesCall,
    order_lines,
    orders_of,
)
from acd.reports.request import Period, microseconds
from acd.reports.visits import teams
from acd.storage.cuts import Cutting
from acd.storage.database import Writer
from acd.storage.kpi_rollup import RollUps, connect
from acd.storage.order_sums import order_sums

ZONES = ("Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
DIMENSIONS = ("project", "queue", "agent", "team", "category")
FIRST, LAST = date(2026, 10, 30), date(2026, 11, 3)


class Shop(History):
    """A history whose agents sell, and a shop that tells of orders: of calls, and of none."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, interactions=20, hours=50)
        pick = self.random
        said = [row for row in self.rows if isinstance(row, cdr.Disposition)]
        for row in said:
            if row.ordered and pick.random() < 0.6:
                row.order_id = f"{row.interaction}/{pick.randrange(2)}"
                row.amount = pick.choice((None, 100, 250))
                row.currency = "CNY" if row.amount is not None else ""
        calls = [row for row in self.rows if isinstance(row, cdr.Interaction)]
        for call in calls:
            for _ in range(pick.choice((0, 0, 1, 2, 4))):
                self.told(call, f"{call.interaction}/{pick.randrange(3)}")
        for number in range(4):
            # Nobody says of which call, until somebody does.
            for _ in range(pick.randrange(3)):
                self.told(None, f"shop/{number}")
            if pick.random() < 0.5:
                self.told(pick.choice(calls), f"shop/{number}")

    def told(self, call: cdr.Interaction | None, order_id: str) -> None:
        pick, amount = self.random, self.random.choice((None, 0, 100, 250))
        at_us = self._at()
        self.rows.append(
            cdr.OrderEvent(
                interaction=call.interaction if call else "",
                started_us=call.started_us if call else at_us,
                project=call.project if call else "main",
                order_id=order_id,
                key=f"key-{self._next()}",
                state=pick.choice(STATES),
                at_us=at_us,
                entered_us=at_us + pick.randrange(3),
                agent=pick.choice(("", *AGENTS)) if call else "",
                queue=pick.choice(("sales", "service", "vip")) if call else "",
                category=pick.choice(("", "phones", "garden")),
                amount=amount,
                currency=pick.choice(("CNY", "USD")) if amount is not None else "",
                entered_by="shop",
            )
        )


def shuffled(rows: list[cdr.Row], pick: random.Random) -> list[list[cdr.Row]]:
    """Return the rows in batches: profiles and calls, then what was told of them in any order."""
    profiles = [row for row in rows if isinstance(row, cdr.AgentProfileRow)]
    told = [row for row in rows if isinstance(row, cdr.OrderEvent | cdr.Disposition)]
    calls = [row for row in latest(rows) if row not in profiles and row not in told]
    pick.shuffle(told)
    size = max(1, len(told) // pick.choice((1, 2, 5)))
    return [[*profiles, *calls], *(told[at : at + size] for at in range(0, len(told), size))]


class Site:
    """A database with a writer, roll-ups and a reader."""

    def __init__(self, dsn: str, zone: str) -> None:
        self.dsn, self.zone = dsn, zone

    async def __aenter__(self) -> "Site":
        self.writer = await Writer.connect(self.dsn, journal="j", node="n")
        self.connection = await connect(self.dsn)
        await clear(self.connection)
        self.loader = Loader(self.writer)
        self.rolls = RollUps(self.connection, self.zone)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self.writer._connection.close()

    async def sums(self, **fields) -> dict[Place, OrderSums]:
        return await order_sums(self.connection, cutting(self.zone, **fields))

    async def count(self, table: str) -> int:
        return await self.connection.fetchval(f"SELECT count(*) FROM {table}")


def cutting(zone: str, *, first: date = FIRST, last: date = LAST, **fields) -> Cutting:
    return Cutting(
        from_at=day_borders(first, ZoneInfo(zone))[0],
        to_at=day_borders(last, ZoneInfo(zone))[1],
        zone=ZoneInfo(zone),
        **fields,
    )


def some_wish(pick: random.Random, zone: str) -> Cutting:
    first = FIRST + timedelta(days=pick.randrange(4))
    return cutting(
        zone,
        first=first,
        last=min(LAST, first + timedelta(days=pick.randrange(4))),
        period=pick.choice(tuple(Period)),
        by=tuple(pick.sample(DIMENSIONS, pick.choice((0, 1, 1, 2, 3)))),
        only=pick.choice(({}, {}, {"queue": "sales"}, {"agent": "1001"}, {"category": "phones"})),
    )


async def expected(
    connection: asyncpg.Connection, rows: list[cdr.Row], wanted: Cutting
) -> dict[Place, OrderSums]:
    """Return what the library says of the rows; whose orders are is what the tables say."""
    team_of = teams([row for row in latest(rows) if isinstance(row, cdr.AgentProfileRow)])
    within = "started_at >= $1 AND started_at < $2"
    borders = (wanted.from_at, wanted.to_at)
    told = await connection.fetch(f"SELECT * FROM order_events WHERE {within}", *borders)
    said = await connection.fetch(
        f"SELECT *, 'placed' AS state, started_at AS at, '' AS key FROM dispositions"
        f" WHERE ordered AND {within}",
        *borders,
    )
    steps = [
        _step(row, is_said) for rows, is_said in ((told, False), (said, True)) for row in rows
    ]
    starts = {
        (row["interaction"], row["order_id"]): (row["started_at"], row["project"])
        for row in (*told, *said)
    }
    visits = await connection.fetch(
        "SELECT v.*, d.category AS told FROM queue_visits v"
        " LEFT JOIN dispositions d USING (started_at, interaction, agent)"
        f" WHERE kind = 'sales' AND outcome = 'answered' AND {within}",
        *borders,
    )
    sales = []
    for number, row in enumerate(visits):
        name = f"visit-{number}"
        starts[name, ""] = (row["started_at"], row["project"])
        category = row["told"] or row["category"]
        sales.append(
            SalesCall(call=name, queue=row["queue"], agent=row["agent"], category=category)
        )

    def line(one: Order | SalesCall) -> Place | None:
        order_id = one.order_id if isinstance(one, Order) else ""
        started_at, project = starts[one.call, order_id]
        at_us = microseconds(started_at)
        team = team_of(one.agent, at_us) if one.agent else ""
        fields = {"project": project, "team": team} | {
            name: getattr(one, name) for name in ("queue", "agent", "category")
        }
        if any(fields[name] != value for name, value in wanted.only.items()):
            return None
        begin_us = begin_of(at_us, wanted.period, wanted.zone)
        return Place(begin_us, tuple(fields[name] for name in wanted.by))

    lines = order_lines(orders_of(steps), sales, line)
    return {place: sums for place, sums in lines.items() if place is not None}


def _step(row: asyncpg.Record, is_said: bool) -> OrderStep:
    names = ("order_id", "state", "key", "agent", "queue", "category", "amount", "currency")
    return OrderStep(
        call=row["interaction"],
        at_us=microseconds(row["at"]),
        entered_us=microseconds(row["entered_at"]),
        said=is_said,
        **{name: row[name] for name in names},
    )


async def same(site: Site, rows: list[cdr.Row], wanted: Cutting) -> None:
    found = await order_sums(site.connection, wanted)
    assert found == await expected(site.connection, rows, wanted)


@settings(
    max_examples=6,
    deadline=None,
    # A smaller seed is no smaller history.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_orders_are_those_of_the_records_at_any_time(dsn: str, seed: int) -> None:
    pick = random.Random(seed)
    zone = pick.choice(ZONES)

    async def compare() -> None:
        async with Site(dsn, zone) as site:
            rows = Shop(seed).rows
            for part in shuffled(rows, pick):
                await site.loader.load(part)
                for _ in range(pick.randrange(3)):
                    await site.rolls.turn()
                for _ in range(3):
                    await same(site, rows, some_wish(pick, zone))
            await site.rolls.all_turns()
            assert await site.count("kpi_dirty") == await site.count("order_days_dirty") == 0
            for _ in range(15):
                await same(site, rows, some_wish(pick, zone))

    asyncio.run(compare())


def test_days_that_are_current_come_from_their_sums(dsn: str) -> None:
    async def roll() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            await site.loader.load(Shop(1).rows)
            by_agent = {"by": ("agent",), "period": Period.MONTH}
            before = await site.sums(**by_agent)
            assert await site.count("order_days") == 0
            done = await site.rolls.all_turns()
            assert done.order_days >= 3
            assert await site.sums(**by_agent) == before
            await site.connection.execute("UPDATE order_days SET placed = placed + 1000")
            after = await site.sums(**by_agent)
            assert after
            assert all(sums.placed >= 1000 for sums in after.values())
            # Two dimensions, and hours, are nothing that the days know.
            for fields in ({"by": ("agent", "category")}, {"period": Period.HOUR}):
                assert all(sums.placed < 1000 for sums in (await site.sums(**fields)).values())

    asyncio.run(roll())


def test_an_order_that_is_moved_to_its_call_leaves_its_day(dsn: str) -> None:
    async def move() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            shop = Shop(2)
            calls = [row for row in shop.rows if isinstance(row, cdr.Interaction)]
            shop.rows = [row for row in shop.rows if not isinstance(row, cdr.OrderEvent)]
            shop.told(None, "late")
            early = shop.rows[-1]
            early.started_us = START_US - 30 * 3_600_000_000
            await site.loader.load(shop.rows)
            await site.rolls.all_turns()
            by_day = {"period": Period.DAY, "first": date(2026, 10, 28)}
            wanted = cutting("Asia/Shanghai", **by_day)
            await same(site, shop.rows, wanted)
            day_us = begin_of(early.started_us, Period.DAY, ZoneInfo("Asia/Shanghai"))
            assert Place(day_us) in await site.sums(**by_day)
            shop.told(calls[0], "late")
            await site.loader.load([shop.rows[-1]])
            for _ in range(2):
                await same(site, shop.rows, wanted)
                assert Place(day_us) not in await site.sums(**by_day)
                await site.rolls.all_turns()

    asyncio.run(move())


def test_the_days_outlive_their_records(dsn: str) -> None:
    async def drop() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            await site.loader.load(Shop(3).rows)
            await site.rolls.all_turns()
            before = await site.sums(by=("team",), period=Period.DAY)
            assert len(before) > 3
            for month in ("202610", "202611"):
                for table in ("order_events", "dispositions", "queue_visits"):
                    await site.connection.execute(f"DROP TABLE {table}_{month}")
            await site.connection.execute(
                "INSERT INTO order_days_dirty (day) SELECT DISTINCT day FROM order_days"
            )
            await site.rolls.all_turns()
            assert await site.count("order_days_dirty") == 0
            assert await site.sums(by=("team",), period=Period.DAY) == before
            for month in ("202610", "202611"):
                await site.connection.execute(f"SELECT ensure_month(to_date('{month}', 'YYYYMM'))")

    asyncio.run(drop())


def test_another_zone_makes_other_days(dsn: str) -> None:
    async def change() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            rows = Shop(4).rows
            await site.loader.load(rows)
            await site.rolls.all_turns()
            wanted = cutting("America/New_York", by=("queue",), period=Period.DAY)
            await same(site, rows, wanted)
            await RollUps(site.connection, "America/New_York").all_turns()
            await same(site, rows, wanted)
            await site.connection.execute("UPDATE order_days SET answered = answered + 1000")
            found = await order_sums(site.connection, wanted)
            assert max(sums.answered for sums in found.values()) >= 1000

    asyncio.run(change())


def test_what_was_recorded_before_there_were_days_is_marked(dsn: str) -> None:
    async def upgrade() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            await site.loader.load(Shop(5).rows)
            await site.rolls.all_turns()
            before = await site.sums(by=("agent",))
            for table in ("order_days", "order_day_values", "order_day_splits"):
                await site.connection.execute(f"DELETE FROM {table}")
            await site.connection.execute("SELECT order_days_mark_all()")
            assert await site.sums(by=("agent",)) == before
            await site.rolls.all_turns()
            assert await site.count("order_days") > 0
            assert await site.sums(by=("agent",)) == before

    asyncio.run(upgrade())


def test_today_is_never_taken_for_over(dsn: str) -> None:
    async def today() -> None:
        async with Site(dsn, "Asia/Shanghai") as site:
            now = datetime.now(UTC)
            shop = Shop(6)
            shift_us = microseconds(now) - START_US
            for row in shop.rows:
                for name in ("started_us", "entered_us", "at_us", "began_us", "ended_us"):
                    value = getattr(row, name, None)
                    if value is not None and abs(value - START_US) < 10**12:
                        setattr(row, name, value + shift_us)
            await site.loader.load(shop.rows)
            await site.rolls.all_turns()
            zone = ZoneInfo(site.zone)
            rows = await site.connection.fetch("SELECT DISTINCT day FROM order_days")
            assert all(row["day"] < datetime.now(zone).date() for row in rows)
            day = now.astimezone(zone).date()
            wanted = cutting(site.zone, first=day, last=day + timedelta(days=3), by=("agent",))
            await same(site, shop.rows, wanted)

    asyncio.run(today())
