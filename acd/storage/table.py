"""What a table of the records is: its name, its key, and how a row becomes its values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, get_args, get_origin

import msgspec

from acd.calls.cdr_rows import Row

from .copy_text import array_text, lines, moment_text, nullable_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LAST_YEAR = 2200
"A clock beyond it is wrong; partitions are not made for it."

RECENT_TIMES = 4096
"""Wall times whose conversion is kept: those of a batch at 500 calls/s. An interaction's start
stands in all its rows, and what was journalled together has one time."""

DAY_US = 86_400 * 1_000_000

Values = tuple[Any, ...]
"A row as the database driver takes it; the key's columns first."

Key = tuple[Any, ...]
"What tells a row of a table from the others: the fields of its key, the start first."


@dataclass(frozen=True)
class Table:
    """One table: its name, the rows that it takes, its columns, the first of them the key."""

    name: str
    kind: type[Row]
    key_columns: int
    content: str
    """Words: the columns, each of the field of its name, else `column=field`. A time is `began_at`
    in a table and `began_us` in a row."""

    written_once: bool = False
    """Each row comes when it is complete, and never again: it goes into the table directly. Should
    it stand there all the same, the batch is written a second time, with care."""

    precedence: tuple[str, ...] = ()
    """Of two rows with one key, the one that is greater in these columns stands, the later one
    among equals; empty: always the later one."""

    # --- rows ---

    @cached_property
    def began_us(self) -> Callable[[Any], int]:
        """Returns the time of a row that its partition goes by, the first field of its key."""
        return attrgetter(self._fields[0])

    @cached_property
    def key(self) -> Callable[[Any], Key]:
        """Returns the key of a row."""
        return attrgetter(*self._fields[: self.key_columns])

    def latest(self, rows: Iterable[Row]) -> list[Row]:
        """Return of the rows with one key the one that stands."""
        key = self.key
        if not self.precedence:
            return list({key(row): row for row in rows}.values())
        found: dict[Key, Row] = {}
        for row in rows:
            former = found.setdefault(key(row), row)
            if self.succeeds(row, former):
                found[key(row)] = row
        return list(found.values())

    def values(self, row: Row) -> Values:
        """Return a row as the driver takes it. Raises OverflowError for an absurd time."""
        return self._sent(row)

    def copy_text(self, rows: Sequence[Row]) -> bytes:
        """Return rows as COPY takes them.

        Raises OverflowError for an absurd time, ValueError for what is no Unicode text.
        """
        return lines(map(self._copied, rows), len(self.columns)).encode()

    def succeeds(self, row: Row, former: Row) -> bool:
        """Return whether a row takes the place of the former one with its key."""
        at = [self._fields[self.columns.index(column)] for column in self.precedence]
        return [getattr(row, field) for field in at] >= [getattr(former, field) for field in at]

    # --- columns ---

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(word.partition("=")[0] for word in self.content.split())

    @cached_property
    def _fields(self) -> tuple[str, ...]:
        """The fields of a row, in the order of the columns."""
        return tuple(_field(word.rpartition("=")[2]) for word in self.content.split())

    @cached_property
    def _sent(self) -> Callable[[Any], Values]:
        return _reader_of(self.kind, self._fields, _sent_form)

    @cached_property
    def _copied(self) -> Callable[[Any], Values]:
        return _reader_of(self.kind, self._fields, _copied_form)

    # --- statements ---

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


def _field(name: str) -> str:
    """Return the row's field of a column: both say when, each in its own way."""
    if name == "at":
        return "at_us"
    return f"{name[:-3]}_us" if name.endswith("_at") else name


def _reader_of(
    kind: type[Row],
    fields: tuple[str, ...],
    form_of: Callable[[str, object], Callable[[Any], Any] | None],
) -> Callable[[Any], Values]:
    """Return a function that makes the tuple of these fields of a row, each in its form.

    Compiled from the fields' names, as `dataclass` and `namedtuple` compile theirs: to get all
    fields, and then convert those that need it, takes half as long again.
    """
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    found = {f"{field}_form": form_of(field, types.get(field)) for field in fields}
    forms = {name: form for name, form in found.items() if form is not None}
    parts = [f"{f}_form(row.{f})" if f"{f}_form" in forms else f"row.{f}" for f in fields]
    read: Callable[[Any], Values] = eval(f"lambda row: ({', '.join(parts)})", forms)
    return read


def _sent_form(field: str, kind: object) -> Callable[[Any], Any] | None:
    """Return what makes a parameter of a field of this type; None: it is one."""
    if field.endswith("_us"):
        return at_or_none
    if kind == tuple[str, ...]:
        return list
    return _json if _is_json(kind) else None


def _copied_form(field: str, kind: object) -> Callable[[Any], Any] | None:
    """Return what makes COPY's text of a field of this type; None: formatting it does."""
    if field.endswith("_us"):
        return moment_text
    if kind == tuple[str, ...]:
        return array_text
    if _is_json(kind):
        return _json
    return nullable_text if type(None) in get_args(kind) else None


def _is_json(kind: object) -> bool:
    return get_origin(kind) in {dict, tuple}


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@lru_cache(RECENT_TIMES)
def at(wall_us: int) -> datetime:
    """Return a wall time as the driver takes it."""
    return EPOCH + timedelta(microseconds=wall_us)


@lru_cache(RECENT_TIMES)
def at_or_none(wall_us: int | None) -> datetime | None:
    """Return a wall time as the driver takes it; None stays."""
    return None if wall_us is None else at(wall_us)


@lru_cache
def month_of(day: int) -> tuple[int, int]:
    """Return year and month of a day since 1970: the partition.

    Raises ValueError or OverflowError for one that no sensible clock shows.
    """
    date = EPOCH + timedelta(days=day)
    if date.year >= LAST_YEAR:
        raise ValueError(f"{date} is no time of a call: set the clock")
    return date.year, date.month
