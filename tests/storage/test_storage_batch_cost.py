"""What a small batch costs Postgres, in counts: beside running calls all batches are small."""

import asyncio
import itertools
from pathlib import Path

import asyncpg
from msgspec import Struct
from storage_site import LIMIT_S, Running, Site
from storage_traffic import timeline

EVENTS = 20
"Of a batch: some calls' beginnings and ends, 40 rows."
FEW, MANY = 10, 30
"""Batches of two runs: what Postgres does for each is the difference, which has nothing of how a
run begins."""
HISTORY = 3_000
"Events that come at once between the two looks: twice as many as before."
BLOCKS = 400
"""Of 8 kB, looked at for one batch at most. 180 to 240 were counted on 2026-11-29, with PostgreSQL
18.6: keys looked up, rows written, their indexes."""


class Work(Struct, frozen=True):
    """What Postgres has done in a database."""

    transactions: int
    blocks: int


def test_a_small_batch_is_one_transaction_and_few_blocks_however_long_the_history(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    events = timeline(1, 1_500)

    async def run(batches: int, size: int = EVENTS) -> Work:
        before = await work(dsn)
        async with Running(site.shipper(dsn)) as shipper:
            for _ in range(batches):
                site.write(itertools.islice(events, size))
                await shipper.drain()
        after = await work(dsn)
        return Work(after.transactions - before.transactions, after.blocks - before.blocks)

    async def each() -> Work:
        few, many = await run(FEW), await run(MANY)
        batches = MANY - FEW
        # Rounded: one run's begin may take a transaction more than the other's.
        return Work(
            round((many.transactions - few.transactions) / batches),
            round((many.blocks - few.blocks) / batches),
        )

    async def check() -> None:
        await run(1)  # makes the months' tables
        young = await each()
        await run(1, HISTORY)
        old = await each()
        assert young.transactions == old.transactions == 1
        assert 20 < young.blocks < BLOCKS
        assert 20 < old.blocks < BLOCKS
        assert next(events, None) is not None

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    site.journal.close()


async def work(dsn: str) -> Work:
    """Return what Postgres has done for all who are gone: a connection tells at its end."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_END_OTHERS)
        return Work(*await connection.fetchrow(_DONE))
    finally:
        await connection.close()


_END_OTHERS = """
SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
"Waits until each has ended, as the shipper's does by itself."
_DONE = """
SELECT xact_commit + xact_rollback, blks_hit + blks_read FROM pg_stat_database
WHERE datname = current_database()
"""
