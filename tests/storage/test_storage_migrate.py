"""Migrations: from nothing, twice, at once, and never over a changed file."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest
from kpi_histories import History, Loader

from acd.calls import cdr_rows as cdr
from acd.reports.agent_times import QUARTER_US
from acd.storage.database import Writer
from acd.storage.errors import MigrationError
from acd.storage.migrate import FOLDER, migrate, read_migrations
from acd.storage.tables import TABLES


async def run(dsn: str, folder: Path | None = None) -> list[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return await (migrate(connection, folder) if folder else migrate(connection))
    finally:
        await connection.close()


def test_from_empty_and_twice(empty_dsn: str) -> None:
    assert asyncio.run(run(empty_dsn)) == [migration.name for migration in read_migrations()]
    assert asyncio.run(run(empty_dsn)) == []


def test_two_nodes_at_once_take_turns(empty_dsn: str) -> None:
    async def both() -> list[list[str]]:
        return list(await asyncio.gather(run(empty_dsn), run(empty_dsn)))

    first, second = sorted(asyncio.run(both()))
    assert first == []
    assert second == [migration.name for migration in read_migrations()]


def test_a_changed_file_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "0001_one.sql"
    file.write_text("CREATE TABLE one (a int)")
    asyncio.run(run(empty_dsn, tmp_path))
    file.write_text("CREATE TABLE one (a bigint)")
    with pytest.raises(MigrationError, match=r"0001_one\.sql: was changed"):
        asyncio.run(run(empty_dsn, tmp_path))


def test_a_newer_database_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"000{number}_one.sql").write_text(f"CREATE TABLE t{number} (a int)")
    asyncio.run(run(empty_dsn, tmp_path))
    (tmp_path / "0002_one.sql").unlink()
    with pytest.raises(MigrationError, match="use the newer version"):
        asyncio.run(run(empty_dsn, tmp_path))


def test_a_failing_file_leaves_nothing_behind(empty_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a int); SELECT nonsense")
    with pytest.raises(MigrationError, match=r"0001_one\.sql: .*nonsense"):
        asyncio.run(run(empty_dsn, tmp_path))
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (a int)")
    assert asyncio.run(run(empty_dsn, tmp_path)) == ["0001_one.sql"]


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused(
    new_database: Callable[[str], str], encoding: str
) -> None:
    dsn = new_database(f"template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(MigrationError, match=f"encoding is {encoding}.* ENCODING 'UTF8'"):
        asyncio.run(run(dsn))


def test_a_gap_in_the_numbers_is_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_two.sql").write_text("")
    with pytest.raises(MigrationError, match="expected a name like 0001_what"):
        read_migrations(tmp_path)


UNCOMMENTED = """
SELECT c.relname || '.' || a.attname
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND a.attnum > 0 AND NOT a.attisdropped
    AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
"""

SHAPES = """
SELECT c.relname, array_agg(a.attname::text)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relnamespace = 'public'::regnamespace
GROUP BY 1
"""


def test_every_table_and_column_has_a_comment_and_a_value(dsn: str) -> None:
    async def look() -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
        connection = await asyncpg.connect(dsn)
        found = await connection.fetch(UNCOMMENTED), await connection.fetch(SHAPES)
        await connection.close()
        return found

    uncommented, shapes = asyncio.run(look())
    assert uncommented == []
    written = {table.name: set(table.columns) for table in TABLES.values()}
    assert {name: set(columns) for name, columns in shapes if name in written} == written


def test_orders_told_without_a_disposition_are_computed_anew_by_the_update(dsn: str) -> None:
    file = (FOLDER / "0034_sold_without_disposition.sql").read_text()
    _, found, marking = file.partition("DROP VIEW dispositions_sold;")
    assert found
    rows = History(20, interactions=60).rows
    classed = {(row.interaction, row.agent) for row in rows if isinstance(row, cdr.Disposition)}
    visits = {
        (row.interaction, row.agent): row
        for row in rows
        if isinstance(row, cdr.QueueVisit) and row.outcome == "answered"
    }
    sold = {
        visits[key].entered_us // QUARTER_US * QUARTER_US
        for row in rows
        if isinstance(row, cdr.OrderEvent)
        and (key := (row.interaction, row.agent)) not in classed
        and key in visits
    }
    assert len(sold) >= 3

    async def check() -> None:
        connection = await asyncpg.connect(dsn)
        async with await Writer.connect(dsn, journal="j", node="n") as writer:
            await Loader(writer).load(rows)
        for table in ("kpi_dirty", "agent_quarters_dirty"):
            await connection.execute(f"DELETE FROM {table}")
        await connection.execute(marking)
        for table in ("kpi_dirty", "agent_quarters_dirty"):
            marked = await connection.fetch(f"SELECT DISTINCT quarter_at FROM {table}")
            assert sold <= {int(row[0].timestamp()) * 1_000_000 for row in marked}
            answered = {row.entered_us // QUARTER_US for row in visits.values()}
            assert len(marked) < len(answered)  # and not simply all
        await connection.close()

    asyncio.run(check())
