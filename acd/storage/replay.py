"""Shipping again what the journal still holds: for tables that have lost rows.

A database restored from a backup needs nothing of this: its position is as old as its rows, and
the shipper goes on from there. Here the position is moved back by hand. The shipper then writes
everything behind it a second time, and since rows have keys, what is there already stays as it is.
"""

from pathlib import Path

import asyncpg
from msgspec import Struct

from acd.calls.journal import Record

from .database import POSITION_CHANNEL
from .errors import ReplayError
from .frames import SEGMENT_HEAD, Position, segments
from .journal_reader import JournalReader


class Moved(Struct, frozen=True):
    """What is to be shipped again."""

    begin: Position
    end: Position
    "Where the shipper was."


def parse_position(text: str) -> Position:
    """Read SEGMENT:OFFSET as `acd journal dump` prints it. Raises ReplayError."""
    segment, _, offset = text.partition(":")
    if not (segment.isdecimal() and offset.isdecimal()):
        raise ReplayError(f"{text!r} is no position: SEGMENT:OFFSET as `acd journal dump` prints")
    return Position(int(segment), int(offset))


def first_position(folder: Path) -> Position:
    """Return where the journal begins that is still there. Raises ReplayError."""
    numbers = segments(folder)
    if not numbers:
        raise ReplayError(f"{folder}: the journal has no segments")
    return Position(numbers[0], len(SEGMENT_HEAD))


def position_at(folder: Path, wall_us: int) -> Position:
    """Return where the first record stands that is not older than this; the end, if none is."""
    numbers = segments(folder)
    begin = first_position(folder)
    for number in numbers:
        start = Position(number, len(SEGMENT_HEAD))
        first = _first(folder, start)
        if first is None or first.wall_us >= wall_us:
            break
        begin = start
    reader = _reader(folder, begin)
    try:
        for entry in reader:
            if entry.record is not None and entry.record.wall_us >= wall_us:
                return entry.begin
        return reader.position
    finally:
        reader.close()


def journal_id(folder: Path) -> str:
    """Return under which name the database keeps the position. Raises ReplayError."""
    try:
        return (folder / "id").read_text().strip()
    except OSError as error:
        raise ReplayError(f"{folder / 'id'}: {error.strerror}") from error


async def shipped_to(connection: asyncpg.Connection, folder: Path) -> Position | None:
    """Return where the shipper of this journal is; None: nothing of it is in the database."""
    row = await connection.fetchrow(
        "SELECT segment, segment_offset FROM journal_position WHERE journal = $1",
        journal_id(folder),
    )
    return None if row is None else Position(*row)


async def move_back(
    connection: asyncpg.Connection, folder: Path, journal: str, begin: Position
) -> Moved | None:
    """Have the shipper begin again at `begin`; None: nothing lies between there and where it is.

    Raises ReplayError when the journal does not reach back so far, or no record begins there.
    """
    first = first_position(folder)
    if begin < first:
        raise ReplayError(
            f"the journal begins at {first.segment}:{first.offset}: what stood before has been"
            " deleted (journal.keep_days, journal.keep_bytes)"
        )
    row = await connection.fetchrow(
        "SELECT segment, segment_offset FROM journal_position WHERE journal = $1", journal
    )
    if row is None or Position(*row) <= begin:
        return None
    before = _record_before(folder, begin)
    done = await connection.execute(
        "UPDATE journal_position SET segment = $2, segment_offset = $3, resume_segment = $4,"
        " resume_offset = $5, boot = $6, seq = $7, wall_us = $8, mono_s = $9, updated_at = now()"
        " WHERE journal = $1 AND segment >= $2",
        *(journal, begin.segment, begin.offset, first.segment, first.offset),
        *(before.boot, before.seq, before.wall_us, before.mono_s),
    )
    if done != "UPDATE 1":
        raise ReplayError("the shipper's position has changed meanwhile; try again")
    await connection.execute(f"NOTIFY {POSITION_CHANNEL}")
    return Moved(begin, Position(*row))


def _record_before(folder: Path, begin: Position) -> Record:
    """Return the last record before a position; the one there if it is the journal's first."""
    earlier = [number for number in segments(folder) if number < begin.segment]
    start = Position(earlier[-1] if earlier else begin.segment, len(SEGMENT_HEAD))
    reader = _reader(folder, start)
    last: Record | None = None
    try:
        for entry in reader:
            if entry.begin > begin:
                break
            if entry.begin == begin:
                if last is None and entry.record is not None:
                    last = entry.record
                if last is not None:
                    return last
            last = entry.record or last
    finally:
        reader.close()
    raise ReplayError(
        f"no record begins at {begin.segment}:{begin.offset}; `acd journal dump` shows where"
    )


def _first(folder: Path, start: Position) -> Record | None:
    reader = _reader(folder, start)
    try:
        entries = reader.read(1)
        return entries[0].record if entries else None
    finally:
        reader.close()


def _reader(folder: Path, position: Position) -> JournalReader:
    return JournalReader(folder, position, on_damage=_ignore)


def _ignore(_text: str) -> None:
    """Let whoever ships it tell of damage."""
