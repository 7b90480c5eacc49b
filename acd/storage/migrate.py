"""Brings a database to this version's schema: numbered SQL files, each applied once.

The database may be in use meanwhile: by another node's shipper, by reports. A file waits for locks
in short attempts (`locks.py`), so it should hold none for long: no `ALTER TABLE` that rewrites
rows, and indexes `ON ONLY` the partitioned table, completed afterwards (`online_indexes.py`).
"""

import hashlib
import re
from pathlib import Path

import asyncpg
from msgspec import Struct

from .errors import DatabaseError, MigrationError
from .locks import with_short_locks
from .online_indexes import complete_indexes

FOLDER = Path(__file__).parent / "migrations"

LOCK_KEY = 0x616364
'"acd": nodes that start at the same time take turns.'

HISTORY = """
CREATE TABLE schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'Migration files that were applied.';
COMMENT ON COLUMN schema_migrations.number IS 'The file''s number.';
COMMENT ON COLUMN schema_migrations.name IS 'The file''s name.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of its content.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When.';
"""


class Migration(Struct, frozen=True):
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Return the files in order. Raises MigrationError on a gap in their numbers."""
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_\w+\.sql", path.name)
        if match is None or int(match[1]) != len(found) + 1:
            raise MigrationError(f"{path}: expected a name like {len(found) + 1:04d}_what.sql")
        found.append(Migration(len(found) + 1, path.name, path.read_text(encoding="utf-8")))
    return found


async def migrate(connection: asyncpg.Connection, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing, one transaction each; return the names of the applied files.

    Raises MigrationError when an applied file was changed since, when the database is newer than
    this version or not in UTF-8, or when a file fails (that one has left nothing behind).
    """
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise MigrationError(
            f"the database's encoding is {encoding}, which cannot hold every name: make one with"
            " CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    migrations = read_migrations(folder)
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
    try:
        # IF NOT EXISTS would want the right to make tables, which not every account keeps.
        if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NULL"):
            await connection.execute(HISTORY)
        rows = await connection.fetch("SELECT number, checksum FROM schema_migrations")
        applied = {row["number"]: row["checksum"] for row in rows}
        _compare(migrations, applied)
        missing = [migration for migration in migrations if migration.number not in applied]
        for migration in missing:
            await _apply(connection, migration)
        await complete_indexes(connection)
        return [migration.name for migration in missing]
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


def _compare(migrations: list[Migration], applied: dict[int, str]) -> None:
    if any(number > len(migrations) for number in applied):
        raise MigrationError(
            f"the database has migration {max(applied)}, this version of acd only knows"
            f" {len(migrations)}: use the newer version"
        )
    for migration in migrations:
        if applied.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"{migration.name}: was changed after it had been applied; put the change into a"
                " new file"
            )


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    note = (
        "INSERT INTO schema_migrations (number, name, checksum)"
        f" VALUES ({migration.number}, '{migration.name}', '{migration.checksum}')"
    )
    try:
        await with_short_locks(connection, migration.sql, note)
    except (asyncpg.PostgresError, DatabaseError) as error:
        raise MigrationError(f"{migration.name}: {error}") from error
