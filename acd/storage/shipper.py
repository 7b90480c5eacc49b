"""Ships the journal into Postgres: each record takes effect there exactly once.

The journal's files are read from the position that stands in Postgres beside the rows; rows and
the new position are written in one transaction. Whatever goes wrong, the position is read again
and the journal from there. While the database is down the journal grows, to its limit.

Not everything that a later row needs lies behind the position: an interaction under way began
before it. So the position has a second place, `resume`, where the oldest of those began; a new
reader starts there and drops the rows that are already stored.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct, structs

from acd.calls.cdr import Fold
from acd.calls.cdr_rows import Interaction, Interval, Row
from acd.calls.journal import Record

from .customer_keys import CustomerKeys
from .database import Batch, Progress, Writer
from .erasures import Eraser, read_erasures
from .errors import StorageError
from .frames import START, Position, make_safe, segments
from .journal_reader import Entry, JournalReader
from .kpi_marks import Starts

RECORDS_BETWEEN_TURNS = 100
"Records folded before other tasks get their turn: about a millisecond."

RECOVERY_BYTES = 4 << 20
"What a start's recovery reads at most while the database keeps up: a third of a second."

RECENT_BYTES = 4 << 20
"The journal's last part that is taken to be in memory still: two seconds of 500 calls/s."


class ShipperSettings(Struct, frozen=True, kw_only=True):
    """How the shipper works."""

    interval_s: float = 2.0
    "At most this long a record waits for others: a batch costs some 10 ms however small it is."

    batch_interactions: int = 2_000
    batch_rows: int = 40_000
    "Limits of one transaction: about 0.5 s of Postgres' work, 30 MB here."

    retry_first_s: float = 0.5
    retry_limit_s: float = 30.0
    "Pauses between attempts at a database that is down: doubled from first to limit."

    give_up_after_s: float = 86_400.0
    "An interaction open for so long has lost its end, and is closed as faulted."


class Source(Protocol):
    """A journal as its reader sees it: `Journal` itself, or a view of it in another process."""

    @property
    def folder(self) -> Path:
        """Where the segments are."""

    @property
    def id(self) -> str:
        """Names the journal in the database."""

    @property
    def node(self) -> str:
        """Whose journal it is."""

    @property
    def boot(self) -> str:
        """The boot that writes now."""

    @property
    def boot_begin(self) -> Position:
        """Where this boot's records begin."""

    @property
    def end(self) -> Position:
        """Where the next record will stand."""

    @property
    def recover_from(self) -> Position:
        """Where the records begin that may hold calls left open by an earlier boot."""

    def bytes_from(self, position: Position) -> int:
        """Return how many bytes of records lie behind a position, about."""

    def listen_once(self, position: Position, on_more: Callable[[], None]) -> None:
        """Call this once, as soon as records stand behind a position."""

    def release(self, before_segment: int) -> None:
        """Delete the segments below this number. Called from another thread."""

    def move_recover_from(self, position: Position) -> None:
        """Note that every call that began before has ended. Called from another thread."""


class Shipper:
    """Owns the reading side of a journal. Run `run` as a task."""

    def __init__(
        self,
        journal: Source,
        dsn: str,
        *,
        on_alarm: Callable[[str], None],
        on_progress: Callable[[], None] | None = None,
        settings: ShipperSettings | None = None,
        customer_key: bytes = b"",
        erased: Path | None = None,
    ) -> None:
        """`on_alarm` gets one sentence when something goes wrong, and when it is over.

        That is when the database goes away, comes back or refuses rows, and when the disk begins
        to refuse to make the journal safe.

        `on_progress` is called when `connected` or `shipped` have changed. `customer_key` makes
        the hashes of customers' numbers; empty: interactions get none. `erased` is the file of
        customers whose numbers must not come back.
        """
        self.connected = False
        "Whether the last contact with the database was a good one."
        self.shipped: Progress | None = None
        "What the tables hold; None while that is not known."
        self.set_aside = 0
        self._journal = journal
        self._dsn = dsn
        self._alarm = on_alarm
        self._on_progress = on_progress or _ignore
        self._settings = settings or ShipperSettings()
        self._customers = CustomerKeys(customer_key) if customer_key else None
        self._erased = erased
        self._eraser: Eraser | None = None
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._moved = asyncio.Condition()
        self._drains = 0
        self._released = 0
        self._in_trouble = False
        self._disk_refuses = False
        self._reader = JournalReader(journal.folder, on_damage=on_alarm)
        self._confirmed = START
        self._fold = Fold()
        self._batch = Batch()
        self._last: Record | None = None
        self._seeds: list[Interval] = []
        self._all_new = False
        "Whether the reader is past what the tables hold."
        self._writing: asyncio.Task[None] | None = None
        "The batch that the database works on while the next one is gathered."
        self._position_moved = False
        self._starts = Starts()

    async def drain(self, target: Position | None = None) -> None:
        """Return when all before `target`, by default the journal's end, stands in the tables."""
        target = target or self._journal.end
        self._drains += 1
        self._hurry.set()
        self._wake.set()
        try:
            async with self._moved:
                await self._moved.wait_for(lambda: self._confirmed >= target)
        finally:
            self._drains -= 1
            if not self._drains:
                self._hurry.clear()

    async def run(self) -> None:
        """Ship for ever, through the database's outages; ends by cancellation."""
        failures = 0
        try:
            while True:
                try:
                    await self._ship()
                except Exception as error:  # noqa: BLE001  # no fault of database or driver
                    # may end telephony; whatever it was, the position is read again.
                    failures = 1 if self.connected else failures + 1
                    self.connected = False
                    self._on_progress()
                    if failures == 1:
                        self._in_trouble = True
                        self._alarm(f"the database cannot be written: {_words(error)}")
                await asyncio.sleep(self._pause_s(failures))
        finally:
            self._reader.close()

    def _pause_s(self, failures: int) -> float:
        pause_s = self._settings.retry_first_s * 2.0 ** min(failures - 1, 30)
        # Nodes whose common database went away should not all come back at once.
        return min(pause_s, self._settings.retry_limit_s) * random.uniform(0.8, 1.2)

    # --- one connection's time ---

    async def _ship(self) -> None:
        journal = self._journal
        async with await Writer.connect(
            self._dsn, journal=journal.id, node=journal.node, starts=self._starts
        ) as writer:
            await writer.listen(self._on_position_moved)
            await self._resume(writer)
            self.connected = True
            self._on_progress()
            if self._in_trouble:
                self._in_trouble = False
                self._alarm("the database is written again")
            try:
                await self._ship_over(writer)
            finally:
                await self._drop_write()

    async def _ship_over(self, writer: Writer) -> None:
        """Gather and write until the position is moved by hand."""
        while True:
            caught_up = await self._gather()
            await self._written()
            if self._position_moved:
                return
            await self._begin_write(writer)
            if caught_up:
                await self._written()
                await self._rest()

    def _on_position_moved(self) -> None:
        self._position_moved = True
        self._wake.set()

    async def _resume(self, writer: Writer) -> None:
        """Take the position from the database and forget all that was read before."""
        self._position_moved = False
        if self._customers is not None and self._erased is not None:
            self._eraser = Eraser(self._customers, read_erasures(self._erased))
        progress = await writer.progress()
        self._seeds = []
        if progress is not None:
            self._seeds = await writer.open_intervals(progress.boot, progress.seq)
        self._all_new = False
        self.shipped = progress
        confirmed = progress.confirmed if progress is not None else START
        # A state folder that was put back from a copy may end before what was shipped: this
        # boot's records stand in place of others, and are new.
        if progress is not None and progress.boot != self._journal.boot:
            confirmed = min(confirmed, self._journal.boot_begin)
        resume = min(progress.resume, confirmed) if progress is not None else START
        self._tell_of_gap(resume)
        self._reader.close()
        self._reader = JournalReader(self._journal.folder, resume, on_damage=self._alarm)
        self._confirmed = confirmed
        self._fold = Fold()
        self._batch = Batch()
        self._last = None

    def _tell_of_gap(self, resume: Position) -> None:
        first = next(iter(segments(self._journal.folder)), resume.segment)
        if self.shipped is not None and resume.segment < first:
            self._alarm(
                f"the database lacks what stood in the journal's segments {resume.segment} to"
                f" {first - 1}, and they are gone: was it restored from a backup that is older"
                " than journal.keep_days?"
            )

    async def _gather(self) -> bool:
        """Read into the batch; return whether the journal's end was reached."""
        settings = self._settings
        while (
            self._batch.interactions < settings.batch_interactions
            and self._batch.rows < settings.batch_rows
        ):
            entries = self._reader.decode(RECORDS_BETWEEN_TURNS)
            if not entries and not await self._fetch():
                return True
            self._take(entries)
            await asyncio.sleep(0)
        return False

    async def _fetch(self) -> bool:
        """Read on; off the loop where the disk may have to be waited for."""
        if self._journal.bytes_from(self._reader.position) <= RECENT_BYTES:
            # Written a moment ago, so still in memory: a thread would cost ten times the reading.
            return self._reader.fetch()
        return await asyncio.to_thread(self._reader.fetch)

    def _take(self, entries: list[Entry]) -> None:
        """Fold records, and put what they complete into the batch."""
        apply = self._fold.apply
        for entry in entries:
            new = self._all_new or self._is_new(entry)
            record, begin = entry.record, entry.begin
            if record is None:
                if new:
                    error = StorageError(entry.error)
                    self._batch.put_aside(_place(entry), error, entry.payload.hex())
                continue
            self._last = record
            try:
                rows = apply(record, (begin.segment, begin.offset))
            except Exception as error:  # noqa: BLE001  # one record must not hold up all others
                if new:
                    self._batch.put_aside(_place(entry), error, record)
                continue
            for row in rows:
                if new:
                    self._add(row)
                else:
                    self._starts.remember(row)

    def _is_new(self, entry: Entry) -> bool:
        """Return whether the tables lack an entry; at the first of those all before is known."""
        if entry.begin < self._confirmed:
            return False
        # Give the fold what the tables keep, now that it has come to where they end.
        if self.shipped is not None:
            self._fold.seed(self.shipped.moment, self._seeds)
        self._all_new = True
        return True

    def _add(self, row: Row) -> None:
        if self._customers is not None and type(row) is Interaction:
            self._customers.fill(row)
        if self._eraser is not None:
            self._eraser.clean(row)
        self._batch.add(row)

    async def _begin_write(self, writer: Writer) -> None:
        """Have what was gathered written, beside the gathering of what comes next."""
        position = self._reader.position
        if self.shipped is not None and position <= self._confirmed:
            await self._tell()
            return
        for row in self._open_rows():
            self._add(row)
        batch, self._batch = self._batch, Batch()
        write = self._write(writer, batch, position, self._progress(position))
        self._writing = asyncio.create_task(write)

    async def _written(self) -> None:
        """Wait for the end of the write under way; raises what went wrong in it."""
        if self._writing is not None:
            await self._writing
            self._writing = None

    async def _drop_write(self) -> None:
        """End the write under way; the position is read again before anything else is written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._writing = None

    async def _write(
        self, writer: Writer, batch: Batch, position: Position, progress: Progress
    ) -> None:
        """Write a batch, and move the position."""
        await self._make_safe(position)
        await writer.write(batch, self.shipped, progress)
        self.shipped = progress
        self._confirmed = position
        self._on_progress()
        self._report(batch)
        await self._let_go(progress.resume)
        await self._tell()

    async def _make_safe(self, end: Position) -> None:
        """Have the disk hold what is about to be written; tell when it begins to refuse.

        Else a power cut could take from the journal what the tables have: a call whose end they
        know would be one under way to the next boot, which closes those. From a disk that refuses
        the rows are brought away all the same: that is worth more, and no later success of fsync
        would say anything about the pages that failed once.
        """
        first, folder = self._confirmed.segment, self._journal.folder
        try:
            await asyncio.to_thread(make_safe, folder, first, end.segment)
        except OSError as error:
            if not self._disk_refuses:
                self._alarm(
                    "the disk does not make the journal safe, which is shipped all the same:"
                    f" {_words(error)}"
                )
            self._disk_refuses = True
        else:
            self._disk_refuses = False

    async def _let_go(self, resume: Position) -> None:
        """Delete segments that nothing needs; let the next start's recovery read less."""
        if resume.segment > self._released:
            self._released = resume.segment
            await asyncio.to_thread(self._journal.release, self._released)
        noted = self._journal.recover_from
        if resume.segment > noted.segment or resume.offset > noted.offset + RECOVERY_BYTES:
            await asyncio.to_thread(self._journal.move_recover_from, resume)

    def _open_rows(self) -> list[Row]:
        """Return rows of what is still under way, and of what will never end."""
        rows = self._fold.open_rows()
        if self._last is not None:
            limit_us = int(self._settings.give_up_after_s * 1e6)
            rows += self._fold.give_up(self._last.wall_us - limit_us)
        return rows

    def _progress(self, position: Position) -> Progress:
        oldest = self._fold.oldest_open()
        resume = min(position, Position(*oldest)) if oldest is not None else position
        if (last := self._last) is not None:
            return Progress(position, resume, last.boot, last.seq, last.wall_us, last.mono_s)
        if (shipped := self.shipped) is not None:
            return structs.replace(shipped, confirmed=position, resume=resume)
        return Progress(position, resume, "", 0, 0, 0.0)

    def _report(self, batch: Batch) -> None:
        self.set_aside += len(batch.set_aside)
        if batch.set_aside:
            first = batch.set_aside[0]
            self._alarm(
                f"{len(batch.set_aside)} rows were set aside (table set_aside), the first of"
                f" {first.place}: {first.error}"
            )

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _rest(self) -> None:
        """Wait for more, then a little longer, so that records are written in groups."""
        self._wake.clear()
        self._journal.listen_once(self._reader.position, self._wake.set)
        await self._wake.wait()
        if not self._hurry.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), self._settings.interval_s)


def _ignore() -> None:
    """Nobody wants to know."""


def _place(entry: Entry) -> str:
    return f"{entry.begin.segment}:{entry.begin.offset}"


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
