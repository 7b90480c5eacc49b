#!/usr/bin/env python3
"""Fill a database with the records of a call centre's year, for measuring reports.

The schema is the real one; the rows are those that the shipper would write. A month at a time, in
one transaction each: what was interrupted goes on at the month where it stopped. Everything
follows from the seed.

    PYTHONPATH=. .venv/bin/python tests/bench/history.py --interactions 1000000 --dsn DSN
"""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import asyncpg
from year import stages
from year.contacts import ANSWERED_SHARE, make_traffic
from year.floor import make_floor
from year.plan import Month, Plan, Year, month_us
from year.staging import STAGES, staged
from year.tables import TABLES, UnknownColumnError, statements
from year.world import make_world

from acd.storage.kpi_rollup import RollUps
from acd.storage.migrate import migrate

ZONE = "Asia/Shanghai"

PER_AGENT = 20_000
"Contacts of an agent and year: some 70 answered calls on each of 230 days, and what goes beside."


class HistoryError(Exception):
    """The database cannot be filled; the message says why."""


class Filling:
    """One database being filled."""

    def __init__(self, dsn: str, plan: Plan) -> None:
        self._dsn = dsn
        self._plan = plan

    async def run(self, jobs: int) -> None:
        """Make all months that are missing, so many at a time, and tell of each."""
        async with _connected(self._dsn) as connection:
            await migrate(connection)
            await make_world(connection, self._plan)
            await self._same_year(connection)
            done = {(row["first"], row["name"]) for row in await connection.fetch(_DONE)}
        todo = [
            (month, [table for table in TABLES if (month.first, table) not in done])
            for month in self._plan.months()
        ]
        months = [(month, tables) for month, tables in todo if tables]
        async with asyncio.TaskGroup() as group:
            for _ in range(jobs):
                group.create_task(self._work(months))
        async with _connected(self._dsn) as connection:
            # A server that runs on it computes them, and so does `acd records rollup`.
            await RollUps(connection, ZONE).mark_all()
            await _tell_sizes(connection)

    async def _work(self, months: list[tuple[Month, list[str]]]) -> None:
        async with _connected(self._dsn) as connection:
            while months:
                await MonthFilling(connection, self._plan, *months.pop(0)).run()

    async def _same_year(self, connection: asyncpg.Connection) -> None:
        """Go on with what was begun only if it is the same year out of the same seed."""
        year = self._plan.year
        wanted = (year.first, year.months, year.interactions, year.seed, year.agents)
        rows = await connection.fetch("SELECT * FROM history.year")
        if not rows:
            await connection.execute(
                "INSERT INTO history.year VALUES ($1, $2, $3, $4, $5)", *wanted
            )
        elif tuple(rows[0]) != wanted:
            raise HistoryError(
                f"the database holds {tuple(rows[0])}, not {wanted}: empty it first"
            )


class MonthFilling:
    """One month, on a connection of its own; tables that came with a later schema join in."""

    def __init__(
        self, connection: asyncpg.Connection, plan: Plan, month: Month, tables: list[str]
    ) -> None:
        self._connection = connection
        self._plan = plan
        self._month = month
        self._tables = tables

    async def run(self) -> None:
        """Make the month, load it, tell of it."""
        month, began = self._month, time.monotonic()
        made, count = await asyncio.to_thread(_make, self._plan, month)
        for name, columns in made.items():
            await stages.stage(self._connection, self._staged(name), columns)
        made_s = time.monotonic() - began
        async with self._connection.transaction():
            await self._load()
            took_s = time.monotonic() - began
            await self._connection.executemany(
                "INSERT INTO history.months VALUES ($1, $2, $3, $4)",
                [(month.first, table, count, took_s) for table in self._tables],
            )
            for name in made:
                await self._connection.execute(f"DROP TABLE history.{self._staged(name)}")
        print(
            f"{month.first:%Y-%m}: {count:,} interactions, {took_s:.0f} s"
            f" ({made_s:.0f} s of it making them)",
            flush=True,
        )

    def _staged(self, name: str) -> str:
        """Return the name of a staging table: months are loaded side by side."""
        return f"{name}_{self._month.first:%Y%m}"

    async def _load(self) -> None:
        """Fill the month's partitions while nothing hangs on them, then attach them."""
        month = self._month
        for table in self._tables:
            await self._make_part(table)
        for source, sql in await statements(self._connection, self._tables):
            for name in STAGES:
                sql = sql.replace(f"history.{name} ", f"history.{self._staged(name)} ")
            sql = sql.replace("$boot", f"'{month.first:%Y-%m}'")
            await self._connection.execute(sql.replace("$part", part_of(source.table, month)))
        for table in self._tables:
            await self._make_indexes(table)
            await self._connection.execute(f"ANALYZE {part_of(table, month)}")
        for table in self._tables:
            await self._connection.execute(
                f"ALTER TABLE {table} ATTACH PARTITION {part_of(table, month)}"
                f" FOR VALUES FROM ('{month.first} 00:00+00') TO ('{_after(month)} 00:00+00')"
            )
            await self._connection.execute(
                f"ALTER TABLE {part_of(table, month)} DROP CONSTRAINT in_month"
            )
        await self._connection.execute("SELECT ensure_month($1)", month.first)

    async def _make_part(self, table: str) -> None:
        part = part_of(table, self._month)
        if await self._connection.fetchval("SELECT to_regclass($1) IS NOT NULL", part):
            if await self._connection.fetchval(f"SELECT EXISTS (SELECT FROM {part})"):
                raise HistoryError(f"{part} holds rows that were not made here")
            await self._connection.execute(f"DROP TABLE {part}")
        await self._connection.execute(
            f"CREATE TABLE {part} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES,"
            # Attaching need not look then whether it is so.
            f" CONSTRAINT in_month CHECK ({TABLES[table]} >= '{self._month.first} 00:00+00'"
            f" AND {TABLES[table]} < '{_after(self._month)} 00:00+00'))"
        )

    async def _make_indexes(self, table: str) -> None:
        """Build the parent's indexes in one go each: attaching then finds them there."""
        part = part_of(table, self._month)
        for row in await self._connection.fetch(_INDEXES, table):
            if row["key"] is not None:
                sql = f"ALTER TABLE {part} ADD {row['key']}"
            else:
                sql = f"CREATE INDEX ON {part} USING {row['index'].split(' USING ', 1)[1]}"
            await self._connection.execute(sql)


def _make(plan: Plan, month: Month) -> tuple[dict[str, stages.Staged], int]:
    """Return a month's staging tables, and how many contacts it has."""
    floor = make_floor(plan, month, int(month.interactions * ANSWERED_SHARE))
    traffic = make_traffic(plan, month, floor)
    return staged(floor, traffic, month_us(month.first)), len(traffic.contacts["contact"])


@contextlib.asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn, command_timeout=7200)
    try:
        await connection.execute("SET synchronous_commit = off")
        yield connection
    finally:
        await connection.close()


async def _tell_sizes(connection: asyncpg.Connection) -> None:
    """Print the bytes per interaction of each table, indexes apart."""
    rows = await connection.fetch(_SIZES)
    count = await connection.fetchval(
        "SELECT sum(interactions) FROM history.months WHERE name = 'interactions'"
    )
    print(f"\n{'table':<26}{'rows':>13}{'bytes/inter.':>14}{'indexes':>10}")
    total = 0
    for row in rows:
        total += row["heap"] + row["indexes"]
        print(
            f"{row['name']:<26}{row['rows']:>13,}{row['heap'] / float(count):>14,.0f}"
            f"{row['indexes'] / float(count):>10,.0f}"
        )
    print(f"{'all':<26}{'':>13}{total / float(count):>14,.0f}  = {total / 1e9:.1f} GB")


_DONE = "SELECT first, name FROM history.months"

_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) AS index, pg_get_constraintdef(c.oid) AS key
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
WHERE i.indrelid = $1::regclass ORDER BY i.indexrelid
"""

_SIZES = """
SELECT parent.relname AS name, sum(greatest(part.reltuples, 0))::bigint AS rows,
    sum(pg_table_size(part.oid))::bigint AS heap, sum(pg_indexes_size(part.oid))::bigint AS indexes
FROM pg_class parent
JOIN pg_inherits i ON i.inhparent = parent.oid JOIN pg_class part ON part.oid = i.inhrelid
WHERE parent.relkind = 'p' AND parent.relnamespace = 'public'::regnamespace
GROUP BY 1 HAVING sum(pg_table_size(part.oid)) > 1e6 ORDER BY heap DESC
"""


def part_of(table: str, month: Month) -> str:
    """Return the name of a month's partition, as `ensure_month` gives it."""
    return f"{table}_{month.first:%Y%m}"


def _after(month: Month) -> date:
    return date.fromordinal(month.first.toordinal() + month.days)


async def fill(options: argparse.Namespace) -> None:
    """Connect and fill."""
    agents = options.agents or max(20, options.interactions // (PER_AGENT * options.years))
    year = Year(options.first, 12 * options.years, options.interactions, options.seed, agents)
    await Filling(options.dsn, Plan(year)).run(options.jobs)


def main() -> int:
    """Fill the database that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dsn", required=True, help="an empty database, or one begun here")
    parser.add_argument("--interactions", type=int, default=10_000_000)
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="months at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, help=f"default: one for each {PER_AGENT:,} a year")
    parser.add_argument(
        "--first", type=date.fromisoformat, default=date(2025, 1, 1), help="first day of a month"
    )
    try:
        asyncio.run(fill(parser.parse_args()))
    except (HistoryError, UnknownColumnError, OSError) as error:
        print(f"{Path(__file__).stem}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
