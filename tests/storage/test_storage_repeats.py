"""Repeat calls kept beside the records: their figures are the library's, whatever came late."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kpi_histories import AGENTS, CLASSES, START, START_US, History, Loader, clear, latest

from acd.calls import cdr_rows as cdr
from acd.reports.cells import begin_of
from acd.reports.cut import Place
from acd.reports.days import day_borders
from acd.reports.repeat import DAY_US, DAYS, Contact, RepeatSums, repeat_lines
from acd.reports.request import Period, microseconds
from acd.reports.visits import teams
from acd.storage.customer_backfill import fill_customer_keys
from acd.storage.customer_keys import CustomerKeys
from acd.storage.cuts import Cutting
from acd.storage.database import Writer
from acd.storage.kpi_keeping import due_in_s
from acd.storage.kpi_rollup import RollUps, connect
from acd.storage.repeat_sums import repeat_callers, repeat_sums

ZONES = ("Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
DIMENSIONS = ("project", "queue", "agent", "team", "category", "class")
FIRST, LAST = date(2026, 10, 31), date(2026, 11, 22)
CUSTOMERS = ("ann", "ann", "bob", "cem", "")
NOW = START + timedelta(days=40)
"When all is over, as the database is made to believe."


class Callers(History):
    """A history of weeks, whose customers call again."""

    def __init__(self, seed: int, interactions: int = 24) -> None:
        super().__init__(seed, interactions=interactions, hours=24 * 18)
        for row in [row for row in self.rows if isinstance(row, cdr.Interaction)]:
            self.called(row)

    def _at(self) -> int:
        # Often days of 24 hours apart: what is within 7 days, and what is not.
        at = super()._at()
        often = self.random.random() < 0.8
        return START_US + (at - START_US) // DAY_US * DAY_US if often else at

    def called(self, row: cdr.Interaction) -> None:
        """Say whose call it is, and what agents and tickets say of it."""
        pick = self.random
        for agent in pick.sample(AGENTS, pick.choice((0, 1, 1, 1, 2))):
            self.rows.append(
                cdr.Disposition(
                    interaction=row.interaction,
                    started_us=row.started_us,
                    project=row.project,
                    entered_us=START_US + pick.randrange(3),
                    agent=agent,
                    queue=pick.choice(("sales", "service", "")),
                    call_class=pick.choice(CLASSES[:2]),
                    category=pick.choice(("", "phones", "garden")),
                    order_id="",
                    ordered=False,
                    solved=pick.choice((None, True, True, False)),
                )
            )
        row.customer_key = pick.choice(CUSTOMERS)
        row.caller = f"138{row.customer_key}"
        for ticket in range(pick.choice((0, 0, 0, 1, 2))):
            self.rows.append(
                cdr.MatterOutcome(
                    interaction=row.interaction,
                    started_us=row.started_us,
                    project=row.project,
                    ticket=str(ticket),
                    at_us=row.started_us + self._next(),
                    solved=pick.random() < 0.7,
                    entered_us=row.started_us,
                    entered_by="desk",
                )
            )

    def corrected(self) -> list[cdr.Row]:
        """Return rows that say otherwise of some calls: another class, and who called."""
        pick, found = self.random, list[cdr.Row]()
        for row in pick.sample(latest(self.rows), len(self.rows) // 8):
            if isinstance(row, cdr.Disposition):
                row.entered_us = START_US + self._next()
                row.call_class, row.solved = pick.choice(CLASSES), pick.choice((True, False))
                found.append(row)
            elif isinstance(row, cdr.MatterOutcome):
                row.at_us += self._next()
                row.solved = not row.solved
                found.append(row)
        return found


class Site:
    """A database with a writer, roll-ups and a reader."""

    def __init__(self, dsn: str, zone: str = "Asia/Shanghai", **rolls: Any) -> None:
        self.dsn, self.zone, self._rolls = dsn, zone, rolls

    async def __aenter__(self) -> "Site":
        self.writer = await Writer.connect(self.dsn, journal="j", node="n")
        self.connection = await connect(self.dsn)
        await clear(self.connection)
        self.loader = Loader(self.writer)
        self.rolls = RollUps(self.connection, self.zone, **self._rolls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self.writer._connection.close()

    async def sums(self, days: int = DAYS, **fields) -> dict[Place, RepeatSums]:
        wanted = cutting(self.zone, **fields)
        return await repeat_sums(self.connection, wanted, days=days, now_at=NOW)

    async def rolled(self, rows: list[cdr.Row]) -> None:
        await self.loader.load(rows)
        await self.rolls.all_turns()

    async def count(self, table: str) -> int:
        return await self.connection.fetchval(f"SELECT count(*) FROM {table}")

    async def contacts(self) -> list[tuple[Any, ...]]:
        rows = await self.connection.fetch("SELECT * FROM repeat_contacts ORDER BY 1, 2")
        return [tuple(row) for row in rows]


def cutting(zone: str, *, first: date = FIRST, last: date = LAST, **fields) -> Cutting:
    return Cutting(
        from_at=day_borders(first, ZoneInfo(zone))[0],
        to_at=day_borders(last, ZoneInfo(zone))[1],
        zone=ZoneInfo(zone),
        **fields,
    )


def some_wish(pick: random.Random, zone: str) -> Cutting:
    first = FIRST + timedelta(days=pick.randrange(20))
    return cutting(
        zone,
        first=first,
        last=min(LAST, first + timedelta(days=pick.choice((0, 1, 5, 20)))),
        period=pick.choice(tuple(Period)),
        by=tuple(pick.sample(DIMENSIONS, pick.choice((0, 1, 1, 2, 3)))),
        only=pick.choice(({}, {}, {"queue": "sales"}, {"agent": "1001"}, {"class": "order"})),
    )


def contacts_of(rows: list[cdr.Row]) -> list[tuple[Contact, cdr.Disposition, str]]:
    """Return the contacts of rows, with the disposition and project of each."""
    rows = latest(rows)
    calls = {row.interaction: row for row in rows if isinstance(row, cdr.Interaction)}
    said: dict[str, list[cdr.Disposition]] = {}
    told: dict[str, list[bool]] = {}
    for row in rows:
        if isinstance(row, cdr.Disposition):
            said.setdefault(row.interaction, []).append(row)
        elif isinstance(row, cdr.MatterOutcome):
            told.setdefault(row.interaction, []).append(row.solved)
    found = []
    for name, dispositions in said.items():
        call = calls.get(name)
        if call is None or call.direction != "inbound" or not call.customer_key:
            continue
        last = min(dispositions, key=lambda one: (-one.entered_us, one.agent))
        contact = Contact(
            customer=f"{call.project}/{call.customer_key}",
            call_class=last.call_class,
            started_us=call.started_us,
            interaction=name,
            solved=all(told[name]) if name in told else bool(last.solved),
        )
        found.append((contact, last, call.project))
    return found


def expected(
    rows: list[cdr.Row], wanted: Cutting, days: int, now_at: datetime = NOW
) -> dict[Place, RepeatSums]:
    team_of = teams([row for row in latest(rows) if isinstance(row, cdr.AgentProfileRow)])
    contacts = contacts_of(rows)
    about = {contact.interaction: (said, project) for contact, said, project in contacts}

    def line(one: Contact) -> Place | None:
        said, project = about[one.interaction]
        fields = {
            "project": project,
            "queue": said.queue,
            "agent": said.agent,
            "team": team_of(said.agent, one.started_us),
            "category": said.category,
            "class": said.call_class,
        }
        if any(fields[name] != value for name, value in wanted.only.items()):
            return None
        begin_us = begin_of(one.started_us, wanted.period, wanted.zone)
        return Place(begin_us, tuple(fields[name] for name in wanted.by))

    lines = repeat_lines(
        (contact for contact, _, _ in contacts),
        line,
        days=days,
        from_us=microseconds(wanted.from_at),
        to_us=microseconds(wanted.to_at),
        now_us=microseconds(now_at),
    )
    return {place: sums for place, sums in lines.items() if place is not None}


def often(rows: list[cdr.Row], wanted: Cutting, days: int) -> list[tuple[str, int, int]]:
    lines = repeat_lines(
        (contact for contact, _, _ in contacts_of(rows)),
        lambda one: one.customer,
        days=days,
        from_us=microseconds(wanted.from_at),
        to_us=microseconds(wanted.to_at),
        now_us=microseconds(NOW),
    )
    return sorted(
        (f"138{customer.partition('/')[2]}", sums.calls, sums.repeats)
        for customer, sums in lines.items()
        if sums.repeats
    )


async def same(site: Site, rows: list[cdr.Row], wanted: Cutting, days: int = DAYS) -> None:
    """Compare what the tables say with what the library does."""
    # Before it is over, within, and long after.
    now_at = wanted.from_at + timedelta(days=days + 2) if days == 3 else NOW
    found = await repeat_sums(site.connection, wanted, days=days, now_at=now_at)
    assert found == expected(rows, wanted, days, now_at)
    whole = Cutting(from_at=wanted.from_at, to_at=wanted.to_at, zone=wanted.zone)
    callers = await repeat_callers(site.connection, whole, days=days)
    assert sorted((one.caller, one.calls, one.repeats) for one in callers) == often(
        rows, whole, days
    )


def in_parts(rows: list[cdr.Row], pick: random.Random) -> list[list[cdr.Row]]:
    """Return the rows in batches: those of a profile first, else in any order of calls."""
    profiles = [row for row in rows if isinstance(row, cdr.AgentProfileRow)]
    others = [row for row in latest(rows) if row not in profiles]
    pick.shuffle(others)
    size = max(1, len(others) // pick.choice((1, 3, 6)))
    return [profiles, *(others[at : at + size] for at in range(0, len(others), size))]


@settings(
    max_examples=3,
    deadline=None,
    # A smaller seed is no smaller history.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**9))
def test_repeat_calls_are_those_of_the_records_at_any_time(dsn: str, seed: int) -> None:
    pick = random.Random(seed)
    bulk_from = timedelta(minutes=pick.choice((30, 10_000)))

    async def compare() -> None:
        async with Site(dsn, pick.choice(ZONES), bulk_from=bulk_from) as site:
            history, rows = Callers(seed), list[cdr.Row]()
            for part in in_parts(history.rows, pick):
                rows += part
                await site.loader.load(part)
                for _ in range(pick.choice((0, 1, 20))):
                    await site.rolls.turn()
                for _ in range(3):
                    await same(site, rows, some_wish(pick, site.zone), pick.choice((3, 7, 31)))
            for _ in range(3):
                corrected = history.corrected()
                await site.loader.load(corrected)
                for _ in range(pick.choice((0, 2))):
                    await same(site, rows, some_wish(pick, site.zone), pick.choice((7, 31)))
                    await site.rolls.turn()
            await site.rolls.all_turns()
            assert await site.count("repeat_contacts_dirty") == 0
            for _ in range(10):
                await same(site, rows, some_wish(pick, site.zone), pick.choice((3, 7, 7, 31)))

    asyncio.run(compare())


def test_days_that_are_current_come_from_their_sums(dsn: str) -> None:
    async def roll() -> None:
        async with Site(dsn) as site:
            await site.rolled(Callers(1).rows)
            before = await site.sums(by=("class",), period=Period.MONTH)
            await site.connection.execute("UPDATE repeat_days SET calls = calls + 1000")
            after = await site.sums(by=("class",), period=Period.MONTH)
            assert before.keys() == after.keys()
            assert all(sums.calls >= 1000 for sums in after.values())
            # Two dimensions, hours and other days are nothing that the sums know.
            for fields in (
                {"by": ("agent", "class")},
                {"period": Period.HOUR},
                {"days": 8},
            ):
                assert all(sums.calls < 1000 for sums in (await site.sums(**fields)).values())

    asyncio.run(roll())


def test_what_changes_no_contact_marks_no_day(dsn: str) -> None:
    async def again() -> None:
        async with Site(dsn) as site:
            rows = Callers(2).rows
            await site.rolled(rows)
            before = await site.contacts()
            assert before
            await site.connection.execute(
                "INSERT INTO kpi_dirty (quarter_at) SELECT started_at"
                " FROM (SELECT DISTINCT kpi_quarter(started_at)"
                " AS started_at FROM interactions) x"
            )
            done = await site.rolls.all_turns()
            assert done.repeat_quarters > 0
            assert done.repeat_days == 0
            assert await site.contacts() == before

    asyncio.run(again())


def test_everything_anew_mends_what_is_wrong(dsn: str) -> None:
    async def mend() -> None:
        async with Site(dsn) as site:
            await site.rolled(Callers(3).rows)
            before = await site.contacts()
            await site.connection.execute("UPDATE repeat_contacts SET next_at = NULL")
            await site.connection.execute(
                "UPDATE repeat_contacts SET category = 'x' WHERE agent = '1001'"
            )
            await site.rolls.mark_all()
            await site.rolls.all_turns()
            assert await site.contacts() == before

    asyncio.run(mend())


def test_sums_outlive_their_records_and_contacts_do_not(dsn: str) -> None:
    async def drop() -> None:
        async with Site(dsn) as site:
            await site.rolled(Callers(4).rows)
            before = await site.sums(by=("queue",), period=Period.DAY)
            kept = ("interactions", "dispositions", "matter_outcomes", "repeat_contacts")
            for table in kept:
                await site.connection.execute(f"DROP TABLE {table}_202610, {table}_202611")
            await site.connection.execute(
                "INSERT INTO repeat_days_dirty (day) SELECT DISTINCT day FROM repeat_days"
            )
            await site.connection.execute(
                "INSERT INTO repeat_contacts_dirty (quarter_at) VALUES ($1)", START
            )
            await site.rolls.all_turns()
            assert await site.count("repeat_days_dirty") == 0
            assert await site.contacts() == []
            assert await site.sums(by=("queue",), period=Period.DAY) == before
            for month in ("202610", "202611"):
                await site.connection.execute(f"SELECT ensure_month(to_date('{month}', 'YYYYMM'))")

    asyncio.run(drop())


def test_another_zone_makes_other_days(dsn: str) -> None:
    async def change() -> None:
        async with Site(dsn) as site:
            rows = Callers(5).rows
            await site.rolled(rows)
            wanted = cutting("America/New_York", by=("queue",), period=Period.DAY)
            await same(site, rows, wanted)
            await RollUps(site.connection, "America/New_York").all_turns()
            await same(site, rows, wanted)
            await site.connection.execute("UPDATE repeat_days SET calls = calls + 1000")
            found = await repeat_sums(site.connection, wanted, days=DAYS, now_at=NOW)
            assert max(sums.calls for sums in found.values()) >= 1000

    asyncio.run(change())


def test_an_erased_customer_stays_one_and_leaves_no_hash(dsn: str) -> None:
    async def erase() -> None:
        async with Site(dsn) as site:
            rows = Callers(6).rows
            await site.rolled(rows)
            fields = {"by": ("agent",), "period": Period.DAY}
            before = await site.sums(**fields)
            await _renamed(site, ["ann"], "erased-1")
            assert await site.sums(**fields) == before
            assert {row[3] for row in await site.contacts()} == {"erased-1", "bob", "cem"}
            await site.rolls.all_turns()
            assert await site.sums(**fields) == before

    asyncio.run(erase())


def test_two_hashes_that_become_one_customer_are_linked(dsn: str) -> None:
    async def erase() -> None:
        async with Site(dsn) as site:
            rows = Callers(7).rows
            await site.rolled(rows)
            before = await site.sums()
            await _renamed(site, ["ann", "bob"], "erased-1")
            for row in rows:
                if isinstance(row, cdr.Interaction) and row.customer_key in {"ann", "bob"}:
                    row.customer_key = "erased-1"
            wanted = cutting(site.zone, by=("agent",), period=Period.DAY)
            for _ in range(2):
                found = await repeat_sums(site.connection, wanted, days=DAYS, now_at=NOW)
                assert found == expected(rows, wanted, DAYS)
                assert await site.sums() != before
                await site.rolls.all_turns()

    asyncio.run(erase())


async def _renamed(site: Site, keys: list[str], pseudonym: str) -> None:
    """Do as `erase` does."""
    async with site.connection.transaction():
        await site.connection.execute(
            "UPDATE interactions SET customer_key = $2 WHERE customer_key = ANY($1)",
            keys,
            pseudonym,
        )
        await site.connection.execute("SELECT repeat_contacts_rename($1, $2)", keys, pseudonym)


def test_hashes_that_are_filled_in_make_contacts(dsn: str) -> None:
    async def fill() -> None:
        async with Site(dsn) as site:
            rows = Callers(8).rows
            for row in rows:
                if isinstance(row, cdr.Interaction):
                    row.customer_key, row.caller = "", "13800138000"
            await site.rolled(rows)
            assert await site.contacts() == []
            keys = CustomerKeys(b"k" * 32)
            await fill_customer_keys(
                site.connection, keys, again=False, on_progress=lambda _: None
            )
            for row in rows:
                if isinstance(row, cdr.Interaction) and row.direction == "inbound":
                    row.customer_key = keys.of("13800138000")
            wanted = cutting(site.zone, by=("class",))
            for _ in range(2):
                found = await repeat_sums(site.connection, wanted, days=DAYS, now_at=NOW)
                assert found == expected(rows, wanted, DAYS) != {}
                await site.rolls.all_turns()
            assert await site.contacts() != []

    asyncio.run(fill())


def test_what_is_no_contact_any_more_is_taken_out(dsn: str) -> None:
    async def take() -> None:
        async with Site(dsn) as site:
            rows = Callers(10).rows
            await site.rolled(rows)
            before = len(await site.contacts())
            gone = {contact.interaction for contact, _, _ in contacts_of(rows)[::3]}
            for row in rows:
                if isinstance(row, cdr.Interaction) and row.interaction in gone:
                    row.direction = "outbound"
            await site.connection.execute(
                "WITH gone AS (UPDATE interactions SET direction = 'outbound'"
                " WHERE interaction = ANY($1) RETURNING started_at)"
                " INSERT INTO repeat_contacts_dirty (quarter_at)"
                " SELECT kpi_quarter(started_at) FROM gone",
                list(gone),
            )
            wanted = cutting(site.zone, by=("class",), period=Period.DAY)
            for _ in range(2):
                await same(site, rows, wanted)
                await site.rolls.all_turns()
            assert len(await site.contacts()) == before - len(gone)

    asyncio.run(take())


def test_days_are_summed_up_when_their_seven_days_are_over(dsn: str) -> None:
    async def wait() -> None:
        async with Site(dsn) as site:
            zone = ZoneInfo(site.zone)
            rows = Callers(9).rows
            shift_us = microseconds(datetime.now(UTC)) - START_US - 12 * DAY_US
            for row in rows:
                for name in ("started_us", "entered_us", "at_us", "began_us", "ended_us"):
                    value = getattr(row, name, None)
                    if value is not None and abs(value - START_US) < 10**13:
                        setattr(row, name, value + shift_us)
            await site.rolled(rows)
            today = datetime.now(zone).date()
            for day, seen in ((today - timedelta(days=9), True), (today, False)):
                summed = await site.connection.fetchval(
                    "SELECT EXISTS (SELECT FROM repeat_days WHERE day = $1)", day
                )
                assert summed is seen
            last = await site.connection.fetchval("SELECT max(day) FROM repeat_days")
            assert day_borders(last, zone)[1] + timedelta(days=7) <= datetime.now(UTC)
            # Contacts of the last days wait for theirs, which wakes the keeper.
            await site.connection.execute("DELETE FROM agent_quarters_dirty")  # not computed here
            due = await due_in_s(site.connection, site.zone, settle_s=0.0)
            if datetime.now(zone).date() > today:  # midnight has come meanwhile, and another day
                await site.rolls.all_turns()
                due = await due_in_s(site.connection, site.zone, settle_s=0.0)
            assert due is not None
            assert 0 < due <= 86_400

    asyncio.run(wait())
