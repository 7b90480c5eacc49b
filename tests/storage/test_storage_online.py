"""Changes of the schema while the tables are in use."""

import asyncio
from pathlib import Path

import asyncpg

from acd.storage.locks import with_short_locks
from acd.storage.migrate import migrate, read_migrations
from acd.storage.online_indexes import complete_indexes

TABLE = """
CREATE TABLE one (at timestamptz NOT NULL, number text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE one_202601 PARTITION OF one FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE one_202602 PARTITION OF one FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
INSERT INTO one SELECT '2026-01-01'::timestamptz + n * interval '1 hour', n
FROM generate_series(1, 1000) n
"""
INDEX = "CREATE INDEX one_number ON ONLY one (number DESC, at) WHERE number <> ''"
BUILDS = """
SELECT count(*) FROM pg_stat_activity
WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'
"""
QUEUED = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
VALID = """
SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relname LIKE 'one%' ORDER BY 1
"""


async def until(connection: asyncpg.Connection, query: str, work: asyncio.Task) -> None:
    """Ask until the answer is not 0, while the work that is watched goes on."""
    while not await connection.fetchval(query):
        assert not work.done(), work.result()


def test_an_index_of_a_partitioned_table_is_completed_while_rows_are_written(
    empty_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_one.sql").write_text(TABLE)

    async def check() -> None:
        migrating, writing = await asyncpg.connect(empty_dsn), await asyncpg.connect(empty_dsn)
        await migrate(migrating, tmp_path)
        (tmp_path / "0002_two.sql").write_text(INDEX)
        # A plain CREATE INDEX would wait for this transaction, and everybody else for it. (Into
        # the partition: by way of the table, the short first step would wait for it, too.)
        transaction = writing.transaction()
        await transaction.start()
        await writing.execute("INSERT INTO one_202601 VALUES ('2026-01-15', 'mine')")
        work = asyncio.create_task(migrate(migrating, tmp_path))
        third = await asyncpg.connect(empty_dsn)
        async with asyncio.timeout(90):
            await until(third, BUILDS, work)
            for n in range(20):
                await third.execute("INSERT INTO one VALUES ('2026-02-15', $1)", f"third {n}")
            await transaction.commit()
            await work
        valid = [tuple(row) for row in await third.fetch(VALID)]
        assert valid == [
            ("one_202601_number", True),
            ("one_202602_number", True),
            ("one_number", True),
        ]
        await third.execute("SET enable_seqscan = off")
        for number in ("mine", "third 7", "999"):
            plan = await third.fetch("EXPLAIN SELECT * FROM one WHERE number = $1", number)
            assert "one_202601_number" in str(plan)
            assert await third.fetchval("SELECT count(*) FROM one WHERE number = $1", number) == 1
        assert await complete_indexes(third) == []
        for connection in (migrating, writing, third):
            await connection.close()

    asyncio.run(check())


def test_what_an_interrupted_start_left_of_an_index_is_made_again(empty_dsn: str) -> None:
    async def check() -> None:
        connection = await asyncpg.connect(empty_dsn)
        await connection.execute(TABLE)
        await connection.execute(INDEX)
        await connection.execute("CREATE INDEX one_202601_number ON one_202601 (at)")
        built = await complete_indexes(connection)
        assert built == ["one_202601_number", "one_202602_number"]
        assert await complete_indexes(connection) == []
        assert all(row["indisvalid"] for row in await connection.fetch(VALID))
        await connection.close()

    asyncio.run(check())


def test_a_change_steps_back_from_a_lock_and_lets_others_through(empty_dsn: str) -> None:
    async def check() -> None:
        changing, reading, writing = [await asyncpg.connect(empty_dsn) for _ in range(3)]
        await changing.execute(TABLE)
        report = reading.transaction()
        await report.start()
        await reading.fetch("SELECT count(*) FROM one")
        change = "ALTER TABLE one ADD COLUMN more text NOT NULL DEFAULT ''"
        work = asyncio.create_task(with_short_locks(changing, change, "SELECT 1"))
        async with asyncio.timeout(90):
            # The report lasts; each writer is held up by one attempt of the change at most.
            for n in range(2):
                await until(reading, QUEUED, work)
                await writing.execute("INSERT INTO one VALUES ('2026-02-20', $1)", f"{n}")
            assert not work.done()
            await report.rollback()
            await work
        assert await writing.fetchval("SELECT count(*) FROM one WHERE more = ''") == 1002
        for connection in (changing, reading, writing):
            await connection.close()

    asyncio.run(check())


OLD = 12
"Migrations of the schema that is brought up to date: the first ones that were not made for this."

CALL = """
INSERT INTO interactions (started_at, interaction, node, boot, direction, caller, caller_name,
    called, account, peer, sip_call_id, flow, ended_by, reason, sip_status)
VALUES ('2026-09-15', $1, 'n', 'b', 'inbound', '138', '', '4000', '', '', '', '', '', '', 0)
"""


def test_the_schema_is_brought_up_to_date_while_calls_are_written(
    empty_dsn: str, tmp_path: Path
) -> None:
    for migration in read_migrations()[:OLD]:
        (tmp_path / migration.name).write_text(migration.sql)

    async def write(stop: asyncio.Event) -> int:
        """Write call after call; return how many."""
        connection, written = await asyncpg.connect(empty_dsn), 0
        while not stop.is_set():
            await connection.execute(CALL, f"call {written}")
            written += 1
        await connection.close()
        return written

    async def check() -> None:
        connection, report = await asyncpg.connect(empty_dsn), await asyncpg.connect(empty_dsn)
        await migrate(connection, tmp_path)
        await connection.execute("SELECT ensure_month('2026-09-01')")
        await connection.execute(CALL.replace("$1", "'before'"))
        stop = asyncio.Event()
        writing = asyncio.create_task(write(stop))
        transaction = report.transaction()
        await transaction.start()
        assert await report.fetchval("SELECT count(*) FROM interactions") >= 1
        migrating = asyncio.create_task(migrate(connection))
        await until(report, QUEUED, migrating)  # the report is in its way, and calls go on
        before = await report.fetchval("SELECT count(*) FROM interactions")
        await asyncio.wait({migrating}, timeout=2.5)
        assert not migrating.done()
        assert await report.fetchval("SELECT count(*) FROM interactions") > before
        await transaction.rollback()
        assert (await migrating)[-1] == read_migrations()[-1].name
        stop.set()
        written = await writing
        assert await report.fetchval("SELECT count(*) FROM interactions") == written + 1
        assert await report.fetchval("SELECT count(*) FROM interactions WHERE customer_key = ''")
        for one in (connection, report):
            await one.close()

    asyncio.run(check())
