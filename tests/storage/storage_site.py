"""A node's journal, the tables it is shipped to, and what they must hold."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import asyncpg
import pytest

from acd.calls import events as ev
from acd.calls.cdr import Fold
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader
from acd.storage.journal_settings import JournalSettings, Sync
from acd.storage.shipper import Shipper, ShipperSettings
from acd.storage.tables import TABLES

START_US = 1_790_000_000_000_000
LIMIT_S = 120.0
QUICK = ShipperSettings(interval_s=0.01, retry_first_s=0.05, retry_limit_s=0.2)

_boots = itertools.count(1)


class Site:
    """One node's journal on a clock that the test sets."""

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 64 << 20,
        keep_bytes: int = 0,
        sync: Sync = Sync.INTERVAL,
        node: str = "node",
    ) -> None:
        self.at_s = 0.0
        self.erased = folder / "erased.json"
        self.alarms: list[str] = []
        self.journal = Journal.open(
            folder,
            node=node,
            boot=f"boot-{next(_boots)}",
            wall_us=lambda: START_US + int(self.at_s * 1e6),
            on_alarm=self.alarms.append,
            settings=JournalSettings(
                segment_bytes=segment_bytes,
                keep_bytes=keep_bytes,
                keep_s=1e9 if keep_bytes else 0,
                sync=sync,
            ),
        )

    def write(self, timed: Iterable[tuple[float, ev.Event]]) -> None:
        for at_s, event in timed:
            self.at_s = at_s
            self.journal.append([event], at_s)

    def shipper(
        self,
        dsn: str,
        *,
        on_alarm: Callable[[str], None] | None = None,
        settings: ShipperSettings = QUICK,
        customer_key: bytes = b"",
    ) -> Shipper:
        return Shipper(
            self.journal,
            dsn,
            on_alarm=on_alarm or self.alarms.append,
            settings=settings,
            customer_key=customer_key,
            erased=self.erased,
        )


class Running:
    """A shipper's task for the length of a block."""

    def __init__(self, shipper: Shipper) -> None:
        self.shipper = shipper

    async def __aenter__(self) -> Shipper:
        self.task = asyncio.create_task(self.shipper.run())
        return self.shipper

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        (outcome,) = await asyncio.gather(self.task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome


async def ship(site: Site, dsn: str) -> Shipper:
    async with asyncio.timeout(LIMIT_S), Running(site.shipper(dsn)) as shipper:
        await shipper.drain()
    return shipper


async def fetch(dsn: str, query: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn, timeout=LIMIT_S)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def contents(dsn: str) -> dict[str, list[tuple]]:
    """All rows of all tables, in the order of their keys."""
    connection = await asyncpg.connect(dsn, timeout=LIMIT_S)
    try:
        return {
            table.name: [
                plain(row)
                for row in await connection.fetch(
                    f"SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY 1, 2, 3, 4"
                )
            ]
            for table in TABLES.values()
        }
    finally:
        await connection.close()


def plain(row: Iterable[object]) -> tuple[object, ...]:
    """A row with its JSON as values: the database keeps no order of an object's members."""
    return tuple(
        json.loads(value) if isinstance(value, str) and value.startswith("[") else value
        for value in row
    )


def folded(folder: Path) -> dict[str, list[tuple]]:
    """What the tables must hold, folded from the journal without any shipper."""
    machine, reader = Fold(), JournalReader(folder, on_damage=pytest.fail)
    found: dict[str, dict[tuple, tuple]] = {table.name: {} for table in TABLES.values()}
    for entry in reader:
        assert entry.record is not None
        for row in machine.apply(entry.record):
            table = TABLES[type(row)]
            values = table.values(row)
            found[table.name][values[: table.key_columns]] = plain(values)
    reader.close()
    return {name: sorted(rows.values(), key=lambda row: row[:4]) for name, rows in found.items()}


def settled(tables: dict[str, list[tuple]]) -> dict[str, list[tuple]]:
    """The rows but those of intervals that still last (closed_by is their last column)."""
    return {
        name: [row for row in rows if not name.endswith("_intervals") or row[-1]]
        for name, rows in tables.items()
    }
