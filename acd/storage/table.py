"""What a table of the records is: its name, its key, and how a row becomes its values."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LAST_YEAR = 2200
"A clock beyond it is wrong; partitions are not made for it."

RECENT_TIMES = 4096
"""Wall times whose conversion is kept: those of a batch at 500 calls/s. An interaction's start
stands in all its rows, and what was journalled together has one time."""

Values = tuple[Any, ...]
"A row as the database driver takes it; the key's columns first."


class Table(Struct, frozen=True):
    """One table: its name, its columns in the order of `values`, the first of them the key."""

    name: str
    key_columns: int
    columns: tuple[str, ...]
    values: Callable[[Any], Values]

    written_once: bool = False
    """Each row comes when it is complete, and never again: it goes into the table directly. Should
    it stand there all the same, the batch is written a second time, with care."""

    precedence: tuple[str, ...] = ()
    """Of two rows with one key, the one that is greater in these columns stands, the later one
    among equals; empty: always the later one."""

    def succeeds(self, row: Values, former: Values) -> bool:
        """Return whether a row takes the place of the former one with its key."""
        places = [self.columns.index(column) for column in self.precedence]
        return [row[at] for at in places] >= [former[at] for at in places]

    @property
    def upsert(self) -> str:
        """Write rows, $1; a complete row replaces the one that was still open."""
        return self.merge(f"unnest($1::{self.stage}[])", self.name)

    def merge(self, source: str, target: str, more: tuple[str, ...] = ()) -> str:
        """Move rows from one table to another by the rules of this one; `more` are its columns."""
        columns = ", ".join((*self.columns, *more))
        key = ", ".join(self.columns[: self.key_columns])
        rest = (*self.columns[self.key_columns :], *more)
        changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in rest)
        upsert = (
            f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}"
            f" ON CONFLICT ({key}) DO UPDATE SET {changes}"
        )
        if self.precedence:
            new = ", ".join(f"EXCLUDED.{column}" for column in self.precedence)
            old = ", ".join(f"{target}.{column}" for column in self.precedence)
            upsert += f" WHERE ({new}) >= ({old})"
        return upsert

    @property
    def stage(self) -> str:
        """The name of a connection's staging table, and of the type of a row as `values` gives it.

        Most rows go as an array of that type, and the table stays empty: to empty some twenty of
        them at the end of each transaction took a third of the shipping's time, and held up the
        disk.
        """
        return f"row_{self.name}"

    @property
    def make_stage(self) -> str:
        """Make the staging table."""
        columns = ", ".join(self.columns)
        return f"CREATE TEMP TABLE {self.stage} AS SELECT {columns} FROM {self.name} LIMIT 0"


@lru_cache(RECENT_TIMES)
def at(wall_us: int) -> datetime:
    """Return a wall time as the driver takes it."""
    return EPOCH + timedelta(microseconds=wall_us)


@lru_cache(RECENT_TIMES)
def at_or_none(wall_us: int | None) -> datetime | None:
    """Return a wall time as the driver takes it; None stays."""
    return None if wall_us is None else at(wall_us)


def month_of(moment: datetime) -> tuple[int, int]:
    """Return year and month of a time in UTC: the partition. Raises ValueError."""
    if moment.year >= LAST_YEAR:
        raise ValueError(f"{moment} is no time of a call: set the clock")
    return moment.year, moment.month


def columns(text: str) -> tuple[str, ...]:
    """Return the names of a list of words."""
    return tuple(text.split())
