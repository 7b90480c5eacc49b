"""Does the database hold what the journal says? Every row of every table, value by value.

The journal that is still there is folded once more, as the shipper folded it, into temporary
tables, up to where the shipper has come; and the database compares. What lasts yet has no final
row and is not looked at, nor are parts of interactions that began before the journal does. Rows
that no record makes are found as far as the journal covers them (`surplus.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import asyncpg
import msgspec
from msgspec import Struct

from acd.calls.cdr import Fold
from acd.calls.cdr_rows import CsatAnswer, Interaction, OrderEvent, Row

from .customer_keys import CustomerKeys
from .erasures import Eraser
from .frames import Position
from .journal_reader import Entry
from .surplus import Covered, Lost, surplus
from .table import Key, Table
from .tables import TABLES

CHUNK = 5_000
"Records folded between two writes into the temporary tables."

SHOWN = 20
"Differences of a table that are named; all are counted."

Found = Mapping[str, Mapping[Key, tuple[Row, str]]]
"Rows with the place of the record that completed each, by table and key."


class Told(Struct, frozen=True):
    """Rows of which the journal has only a part: the tables know their place when they come."""

    key: tuple[str, ...]
    "Names the row without its place."

    columns: tuple[str, ...]
    "That are as they were told; call, agent and queue may have been looked up."


_TOLD: dict[str, Told] = {
    TABLES[OrderEvent].name: Told(
        ("order_id", "key"), ("state", "at", "entered_at", "amount", "currency", "entered_by")
    ),
    TABLES[CsatAnswer].name: Told(
        ("interaction", "question"),
        (
            *("answered", "at", "score", "scale_low", "scale_high", "comment", "channel"),
            *("entered_at", "entered_by"),
        ),
    ),
}


class Difference(Struct, frozen=True):
    """Something that does not stand in the tables as the journal has it."""

    table: str
    key: str
    field: str
    "Empty: the whole row is missing, in the tables or in the journal."

    journal: str
    database: str
    position: str
    "Of the record that completed the row; empty where none did."


class TableCheck(Struct, frozen=True):
    """One table."""

    table: str
    rows: int
    "That the journal makes."

    differing: int
    missing: int
    surplus: int
    "Rows that no record makes."

    examples: tuple[Difference, ...]

    @property
    def sound(self) -> bool:
        """Whether the table has what the journal makes, and nothing else."""
        return not (self.differing or self.missing or self.surplus)


async def compare(
    connection: asyncpg.Connection,
    entries: Iterator[Entry],
    end: Position,
    keys: CustomerKeys,
    eraser: Eraser,
    on_progress: Callable[[int], None],
) -> tuple[list[TableCheck], list[Lost]]:
    """Compare the tables with what the journal's entries before `end` make.

    The second of what is returned are the records that the journal itself has lost.
    """
    for table in TABLES.values():
        await connection.execute(
            f"CREATE TEMP TABLE check_{table.name} (LIKE {table.name}, place text NOT NULL)"
        )
        key = ", ".join(table.columns[: table.key_columns])
        await connection.execute(f"CREATE UNIQUE INDEX ON check_{table.name} ({key})")
    fold, covered, done = Fold(), Covered(), 0
    while chunk := list(islice(entries, CHUNK)):
        for entry in chunk:
            if entry.begin < end:
                covered.take(entry)
        await _store(connection, _rows(fold, chunk, end, keys, eraser))
        done += len(chunk)
        on_progress(done)
        if chunk[-1].begin >= end:
            break
    for table in TABLES.values():
        await connection.execute(f"ANALYZE check_{table.name}")
    checks = [await _compare(connection, table, covered, fold) for table in TABLES.values()]
    return checks, covered.lost


def _rows(
    fold: Fold, chunk: list[Entry], end: Position, keys: CustomerKeys, eraser: Eraser
) -> Found:
    """Return what a chunk completes, with the place, by table and key."""
    found: dict[str, dict[Key, tuple[Row, str]]] = {}
    for entry in chunk:
        if entry.record is None or entry.begin >= end:
            continue
        for row in fold.apply(entry.record, (entry.begin.segment, entry.begin.offset)):
            if isinstance(row, Interaction):
                keys.fill(row)
            eraser.clean(row)
            table = TABLES[type(row)]
            if isinstance(row, OrderEvent | CsatAnswer):
                row.started_us = 0  # whether the fold still knew the call makes no other row
            elif getattr(row, "started_us", 1) == 0:
                continue
            rows, key = found.setdefault(table.name, {}), table.key(row)
            if not table.precedence or key not in rows or table.succeeds(row, rows[key][0]):
                rows[key] = (row, f"{entry.begin.segment}:{entry.begin.offset}")
    return found


def _plain(value: object) -> object:
    return value.replace("\0", "�") if isinstance(value, str) else value


async def _store(connection: asyncpg.Connection, found: Found) -> None:
    for table in TABLES.values():
        rows = found.get(table.name)
        if not rows:
            continue
        name, columns = f"check_{table.name}", (*table.columns, "place")
        await connection.execute(f"CREATE TEMP TABLE fresh (LIKE {name})")
        records = [(*map(_plain, table.values(row)), place) for row, place in rows.values()]
        await connection.copy_records_to_table("fresh", columns=columns, records=records)
        await connection.execute(table.merge("fresh", name, ("place",)))
        await connection.execute("DROP TABLE fresh")


async def _compare(
    connection: asyncpg.Connection, table: Table, covered: Covered, fold: Fold
) -> TableCheck:
    keys, rest = _compared(table)
    same = " AND ".join(f"f.{column} = e.{column}" for column in keys)
    joined = f"FROM check_{table.name} e LEFT JOIN {table.name} f ON {same}"
    expected, found = (", ".join(f"{side}.{c}" for c in rest) for side in "ef")
    differs = f"({expected}) IS DISTINCT FROM ({found})" if rest else "false"
    missing = f"f.{keys[0]} IS NULL"
    (counts,) = await connection.fetch(
        f"SELECT count(*) AS rows, count(*) FILTER (WHERE {missing}) AS missing,"
        f" count(*) FILTER (WHERE NOT {missing} AND {differs}) AS differing {joined}"
    )
    rows = await connection.fetch(
        f"SELECT e.place, to_jsonb(e) AS expected, to_jsonb(f) AS found {joined}"
        f" WHERE {missing} OR {differs} LIMIT {SHOWN}"
    )
    more = await surplus(connection, table, covered, fold)
    examples = (
        *(one for row in rows for one in _differences(table, row)),
        *(Difference(table.name, key, "", "none", "a row", "") for key in more.keys),
    )
    return TableCheck(
        table.name, counts["rows"], counts["differing"], counts["missing"], more.count, examples
    )


def _compared(table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns that name a row, and those that are compared."""
    if (told := _TOLD.get(table.name)) is not None:
        return told.key, told.columns
    return table.columns[: table.key_columns], table.columns[table.key_columns :]


def _differences(table: Table, row: asyncpg.Record) -> Iterator[Difference]:
    expected = msgspec.json.decode(row["expected"])
    keys, rest = _compared(table)
    key = " ".join(str(expected[column]) for column in keys)
    if row["found"] is None:
        yield Difference(table.name, key, "", "a row", "none", row["place"])
        return
    found = msgspec.json.decode(row["found"])
    for column in rest:
        if expected[column] != found[column]:
            ours, theirs = str(expected[column]), str(found[column])
            yield Difference(table.name, key, column, ours, theirs, row["place"])
