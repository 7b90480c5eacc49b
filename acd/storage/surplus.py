"""What the check of the records finds besides the journal's own rows.

Rows that stand in the tables and that no record makes, and records that the journal has lost. Of
interactions that ended within the journal all parts are known; of agents' and the house's rows
each names the record that it began with.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import asyncpg
from msgspec import Struct

from acd.calls import cdr_rows as cdr
from acd.calls.cdr import NEVER_ENDED, Fold

from .frames import Position, segment_path, segments
from .journal_reader import Entry
from .soundness import Broken
from .table import Table, at

SHOWN = 20
"Rows of a table that are named; all are counted."

PARTS = (
    *(cdr.Leg, cdr.QueueVisit, cdr.Offer, cdr.FlowStep, cdr.TalkSegment, cdr.HoldSegment),
    cdr.Transfer,
)
"Complete when their interaction is. What is told later may come from another node's journal."

OF_RECORDS = (
    *(cdr.AgentStatusInterval, cdr.AgentStateInterval, cdr.Closure, cdr.AgentProfileRow),
    cdr.AuditEntry,
)
"Rows whose key is that of the record that began them."


class Lost(Struct, frozen=True):
    """Records that a boot has written and that the journal does not have any more."""

    boot: str
    first: int
    last: int
    "Their numbers."

    position: str
    "Of the first record behind them."


def journal_faults(folder: Path, shipped: Position | None) -> list[Broken]:
    """Return what is wrong with the segments themselves, where nothing that is read can tell."""
    numbers = segments(folder)
    found = []
    holes = tuple(
        f"between segment {before} and {after}"
        for before, after in pairwise(numbers)
        if after > before + 1
    )
    if holes:
        found.append(Broken("the journal's segments follow each other", len(holes), holes))
    if shipped is not None and (not numbers or shipped > _end(folder, numbers[-1])):
        place = f"shipped up to {shipped.segment}:{shipped.offset}, the journal ends before"
        found.append(Broken("the journal reaches as far as it was shipped", 1, (place,)))
    return found


def _end(folder: Path, number: int) -> Position:
    return Position(number, segment_path(folder, number).stat().st_size)


class _Boot(Struct):
    """What the journal has of a boot."""

    first_seq: int
    first_us: int
    last_seq: int
    last_us: int


class Covered:
    """Follows the records that are folded: which boots they are of, and where some are missing."""

    def __init__(self) -> None:
        self.lost: list[Lost] = []
        self.boots: dict[str, _Boot] = {}
        self._unread = 0

    def take(self, entry: Entry) -> None:
        """Take the next entry of the journal."""
        record = entry.record
        if record is None:
            self._unread += 1  # told as damaged, not lost: its number is not known
            return
        boot = self.boots.get(record.boot)
        if boot is None:
            self.boots[record.boot] = _Boot(record.seq, record.wall_us, record.seq, record.wall_us)
        else:
            if record.seq > boot.last_seq + 1 + self._unread:
                place = f"{entry.begin.segment}:{entry.begin.offset}"
                self.lost.append(Lost(record.boot, boot.last_seq + 1, record.seq - 1, place))
            boot.last_seq, boot.last_us = record.seq, max(boot.last_us, record.wall_us)
        self._unread = 0


class Surplus(Struct, frozen=True):
    """Rows of a table that no record of the journal makes."""

    count: int
    keys: tuple[str, ...]


async def surplus(
    connection: asyncpg.Connection, table: Table, covered: Covered, fold: Fold
) -> Surplus:
    """Return what a table has more than its `check_` table, of what the journal covers."""
    keys = table.columns[: table.key_columns]
    same = " AND ".join(f"e.{column} = f.{column}" for column in keys)
    absent = f"NOT EXISTS (SELECT FROM check_{table.name} e WHERE {same})"
    boots = covered.boots
    arguments: Sequence[object]
    if table.kind is cdr.Interaction:
        query = _INTERACTIONS
        arguments = (
            *(list(boots), [at(one.first_us) for one in boots.values()]),
            *([at(one.last_us) for one in boots.values()], fold.under_way, NEVER_ENDED),
        )
    elif table.kind in PARTS:
        query, arguments = _PARTS, ()
    elif table.kind in OF_RECORDS:
        query = _OF_RECORDS
        lasting = fold.lasting
        arguments = (
            *(list(boots), [one.first_seq for one in boots.values()]),
            *([one.last_seq for one in boots.values()], [boot for boot, _ in lasting]),
            [seq for _, seq in lasting],
        )
    else:
        return Surplus(0, ())
    named = " || ' ' || ".join(f"f.{column}::text" for column in keys)
    rows = await connection.fetch(
        f"SELECT {named} AS key, count(*) OVER () AS total"
        f" FROM {query.format(table=table.name)} AND {absent} LIMIT {SHOWN}",
        *arguments,
    )
    return Surplus(rows[0]["total"] if rows else 0, tuple(row["key"] for row in rows))


# A boot's interactions are covered from the first record that is still there to the last one read.
_INTERACTIONS = """
{table} f
JOIN unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS b (boot, first_at, last_at)
    ON b.boot = f.boot
WHERE f.started_at > b.first_at AND f.started_at < b.last_at
    AND f.interaction <> ALL ($4::text[]) AND f.reason <> $5
"""

_PARTS = """
{table} f WHERE EXISTS (
    SELECT FROM check_interactions i
    WHERE i.started_at = f.started_at AND i.interaction = f.interaction)
"""

_OF_RECORDS = """
{table} f JOIN unnest($1::text[], $2::bigint[], $3::bigint[]) AS b (boot, first_seq, last_seq)
    ON b.boot = f.boot
WHERE f.seq BETWEEN b.first_seq AND b.last_seq
    AND (f.boot, f.seq) NOT IN (SELECT * FROM unnest($4::text[], $5::bigint[]))
"""
