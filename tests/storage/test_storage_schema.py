"""The schema: every column says what it is, the page is the database's, no month is missing."""

import asyncio
import re
from pathlib import Path

import asyncpg
from storage_site import fetch

from acd.storage.migrate import read_migrations
from acd.storage.retention import TABLES_OF
from acd.storage.schema_page import as_markdown, read_schema
from acd.storage.tables import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"

ONLINE_SINCE = 13
"The first migration that was written for databases in use."

VIEWS_AND_FUNCTIONS = """
SELECT c.relname FROM pg_class c
WHERE c.relkind IN ('v', 'm') AND c.relnamespace = 'public'::regnamespace
    AND obj_description(c.oid) IS NULL
UNION ALL
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
"""


async def schema(dsn: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await read_schema(connection)
    finally:
        await connection.close()


def test_every_table_and_column_has_a_comment(dsn: str) -> None:
    tables = asyncio.run(schema(dsn))
    assert len(tables) > 15
    silent = [table.name for table in tables if not table.comment]
    silent += [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if not column.comment
    ]
    assert silent == []
    assert asyncio.run(fetch(dsn, VIEWS_AND_FUNCTIONS)) == []


def test_the_page_of_the_tables_is_current(dsn: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == as_markdown(asyncio.run(schema(dsn))), (
        "write it again: acd records schema --markdown > docs/schema.md"
    )


def test_the_columns_that_are_shipped_are_those_of_the_database(dsn: str) -> None:
    tables = {table.name: table for table in asyncio.run(schema(dsn))}
    for table in TABLES.values():
        found = tables[table.name]
        assert set(table.columns) <= {column.name for column in found.columns}
        assert set(table.columns[: table.key_columns]) == found.key()


def test_every_partitioned_table_is_kept_for_a_time_that_somebody_decided(dsn: str) -> None:
    tables = [table for table in asyncio.run(schema(dsn)) if table.partitioned]
    # Figures by quarter-hour are few, and outlast the records that they were made of.
    partitioned = {table.name for table in tables if not table.has("quarter_at")}
    named = [name for names in TABLES_OF.values() for name in names]
    assert len(named) == len(set(named))
    assert partitioned == set(named), "name new tables in acd/storage/retention.py"


def test_migrations_hold_no_lock_for_long() -> None:
    """What reads or rewrites all rows under a lock is found in the file's text."""
    for migration in read_migrations():
        if migration.number < ONLINE_SINCE:
            continue
        sql = re.sub(r"--.*", "", migration.sql)
        made = set(re.findall(r"CREATE TABLE (\w+)", sql))
        for index, table in re.findall(r"CREATE (?:UNIQUE )?INDEX (.*?)\bON (?:ONLY )?(\w+)", sql):
            online = re.search(rf"INDEX {re.escape(index)}ON ONLY {table}\b", sql)
            assert online or table in made, f"{migration.name}: index on {table} without ONLY"
        for table, change in re.findall(r"ALTER TABLE (\w+)\s+([^;]*)", sql):
            slow = re.search(
                r"\b(TYPE|SET NOT NULL|ADD PRIMARY KEY|ADD CONSTRAINT|VALIDATE|SET LOGGED)\b",
                change,
            )
            assert table in made or not slow, f"{migration.name}: {table}: {slow}"
