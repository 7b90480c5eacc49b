"""The journal's writer: an event counts once it stands here.

`append` hands the records to the kernel in one `write` before it returns: killing the process
loses nothing. A thread calls `fsync` for all records of a tenth of a second together, so that a
power cut loses at most that; it does not run on the loop, where it would stall calls (up to 376 ms
were measured), unless the settings want each record safe before it counts. A disk that refuses
does not raise: the state becomes FAILING, the records wait in a bounded backlog in memory, and
writing goes on by itself when the disk takes data again.

A boot begins a segment of its own, with its first record. A power cut may have taken bytes from
the last one whose position somebody has noted; no others must come to stand in their place.
"""

import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from acd.calls.events import Event
from acd.calls.journal import Record

from .errors import JournalError
from .frames import (
    FRAME_HEAD,
    MARKER,
    SEGMENT_HEAD,
    START,
    Position,
    segment_path,
    segments,
    size_between,
    sound_size,
    sync_folder,
)
from .journal_files import identity_of, lock_folder, read_position, unlinked_bytes
from .journal_settings import JournalSettings, JournalState, Sync
from .kept_segments import KeptSegments
from .private_file import PRIVATE_MODE, replace_private

WARN_SHARE = 0.5
"Above this share of its limit, each new segment of the journal is an alarm."


class Journal:
    """The open journal of one boot. `append` and `close` belong to one thread, the loop's."""

    def __init__(
        self,
        folder: Path,
        *,
        node: str,
        boot: str,
        wall_us: Callable[[], int],
        on_alarm: Callable[[str], None],
        settings: JournalSettings,
    ) -> None:
        self.folder = folder
        self.node = node
        self.boot = boot
        self.state = JournalState.WRITING
        self.dropped_records = 0
        "Records lost because the disk refused longer than the backlog lasts."
        self._wall_us = wall_us
        self._alarm = on_alarm
        self._settings = settings
        self._encode = msgspec.msgpack.Encoder().encode
        self._on_more: Callable[[], None] | None = None
        self._sequence = 0
        self._backlog: deque[tuple[int, bytes]] = deque()
        self._backlog_bytes = 0
        self._lock_fd = lock_folder(folder)
        self._write_lock = threading.Lock()
        self._retired: list[int] = []
        self._new_file = False
        self._done_with = False
        "Whether the last segment gets nothing more: an earlier boot's, or one with half a record."
        self._dirty = False
        self._closing = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        try:
            self.id = identity_of(folder)
            self._kept = KeptSegments(
                folder, limit_bytes=settings.keep_bytes, limit_s=settings.keep_s
            )
            self._open_last_segment()
            self._recover_from = read_position(folder / "recover_from")
        except OSError as error:
            os.close(self._lock_fd)
            raise JournalError(f"{error.filename or folder}: {error.strerror}") from error
        self._boot_begin = self.end
        if self._done_with:  # by an earlier boot
            self._boot_begin = Position(self._segment + 1, START.offset)
        # A power cut may have taken the records that the note was about.
        self._recover_from = min(self._recover_from, self._boot_begin)
        self._thread = threading.Thread(target=self._sync_for_ever, name="journal", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        node: str,
        boot: str,
        wall_us: Callable[[], int],
        on_alarm: Callable[[str], None],
        settings: JournalSettings | None = None,
    ) -> "Journal":
        """Open or begin the journal below `folder` and lock it; cut off a torn tail.

        `on_alarm` gets one sentence per trouble and per recovery, from the loop's or from the
        journal's own thread; it must not append. Raises JournalLockedError or JournalError.
        """
        return cls(
            folder,
            node=node,
            boot=boot,
            wall_us=wall_us,
            on_alarm=on_alarm,
            settings=settings or JournalSettings(),
        )

    @property
    def sequence(self) -> int:
        """Number of this boot's latest record."""
        return self._sequence

    @property
    def end(self) -> Position:
        """Where the next record will stand."""
        return Position(self._segment, self._size)

    @property
    def total_bytes(self) -> int:
        """Size of all segments."""
        return self._total

    @property
    def waiting_bytes(self) -> int:
        """Size of the segments that the database does not have as a whole."""
        return self._total - self._kept.bytes

    @property
    def limit_bytes(self) -> int:
        """How far all segments together may grow."""
        return self._settings.total_bytes

    def bytes_from(self, position: Position) -> int:
        """Return how many bytes of records lie behind a position, about."""
        return size_between(self.folder, position, self.end)

    @property
    def recover_from(self) -> Position:
        """Where the records begin that may hold calls left open by an earlier boot."""
        return self._recover_from

    @property
    def boot_begin(self) -> Position:
        """Where this boot's records begin; earlier boots end here."""
        return self._boot_begin

    def mark_recovered(self) -> None:
        """Note that everything earlier boots left open has been closed by records of this one."""
        self.move_recover_from(self._boot_begin)

    def move_recover_from(self, position: Position) -> None:
        """Note that every call that began before this position has ended.

        The next start reads from there; it is a matter of that start's time alone.
        """
        if position <= self._recover_from:
            return
        note = f"{position.segment} {position.offset}\n"
        replace_private(self.folder / "recover_from", note.encode())
        self._recover_from = position

    def listen_once(self, position: Position, on_more: Callable[[], None]) -> None:
        """Call this once, in the appending thread, as soon as records stand behind a position.

        At once if they do. One listener at a time: a new one takes the place of the old.
        """
        self._on_more = None
        if self.end > position:
            on_more()
        else:
            self._on_more = on_more

    def append(self, events: Sequence[Event], mono_s: float) -> list[Record]:
        """Write the events as this boot's next records and return those. Never raises OSError."""
        node, boot, encode, head = self.node, self.boot, self._encode, FRAME_HEAD.pack
        wall_us = self._wall_us()
        records = [
            Record(node, boot, sequence, wall_us, mono_s, event)
            for sequence, event in enumerate(events, self._sequence + 1)
        ]
        if not records:
            return records
        try:
            payloads = [encode(record) for record in records]
        except UnicodeEncodeError:
            records = [_with_valid_text(record) for record in records]
            payloads = [encode(record) for record in records]
        self._sequence += len(records)
        frames = [
            part
            for payload in payloads
            for part in (head(MARKER, len(payload), crc32(payload)), payload)
        ]
        self._write(len(records), b"".join(frames))
        return records

    def release(self, before_segment: int) -> None:
        """Take that the segments below this number are in the database: what is too old goes.

        Safe to call from another thread.
        """
        with self._write_lock:
            self._kept.take(min(before_segment, self._segment))
            expired = self._kept.expired(self._wall_us() / 1e6)
        for path in expired:
            self._delete(path)

    def close(self) -> None:
        """Make everything safe, end the thread, give the lock back."""
        self._closing = True
        self._stop.set()
        self._wake.set()
        self._thread.join()
        os.close(self._fd)
        os.close(self._lock_fd)

    # --- writing ---

    def _write(self, count: int, data: bytes) -> None:
        with self._write_lock:
            written = False
            if self.state is JournalState.WRITING:
                error = self._put_or_make_room(data)
                written = error is None
                if written and self._settings.sync is Sync.ALWAYS:
                    error = self._sync_now()
                if error is not None:
                    self._fail(error)
            if not written:
                self._keep(count, data)
        on_more = self._on_more
        if on_more is not None:
            self._on_more = None
            on_more()

    def _put_or_make_room(self, data: bytes) -> OSError | None:
        """Write to the segment, all or nothing; return why not.

        Shipped segments are kept for convenience: new records come first.
        """
        while True:
            try:
                self._put(data)
            except OSError as error:
                path = self._kept.oldest() if error.errno == errno.ENOSPC else None
                if path is None:
                    return error
                self._total -= unlinked_bytes(path)
            else:
                return None

    def _put(self, data: bytes) -> None:
        """Write to the segment, all or nothing."""
        if self._total + len(data) > self._settings.total_bytes:
            limit = self._settings.total_bytes
            raise OSError(errno.ENOSPC, f"the journal's limit of {limit} bytes is reached")
        full = self._size + len(data) > self._settings.segment_bytes and self._size > START.offset
        if full or self._done_with:
            self._begin_segment(self._segment + 1)
        written = 0
        try:
            written = os.write(self._fd, data)
        finally:
            # Half a record must not stand before the next try.
            if written != len(data):
                self._cut_back()
        if written != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += written
        self._total += written
        if not self._dirty and self._settings.sync is Sync.INTERVAL:
            self._dirty = True
            self._wake.set()

    def _cut_back(self) -> None:
        """Take half a record away; a disk that refuses that, too, gets a new segment.

        Its positions would not be those of the file: what came after it stands further behind.
        """
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._done_with = True
            raise

    def _keep(self, count: int, data: bytes) -> None:
        if self._backlog_bytes + len(data) > self._settings.backlog_bytes:
            self.dropped_records += count
            return
        self._backlog.append((count, data))
        self._backlog_bytes += len(data)

    def _fail(self, error: OSError) -> None:
        self.state = JournalState.FAILING
        self._wake.set()
        self._alarm(f"{self.folder}: the journal cannot be written: {error.strerror}")

    def _retry(self) -> bool:
        """Write the backlog; WRITING again when all of it stands. Called by the thread."""
        with self._write_lock:
            while self._backlog:
                if self._put_or_make_room(self._backlog[0][1]) is not None:
                    return False
                self._backlog_bytes -= len(self._backlog.popleft()[1])
            if self._settings.sync is Sync.ALWAYS and self._sync_now() is not None:
                return False
            self.state = JournalState.WRITING
        lost = f", {self.dropped_records} records were lost" if self.dropped_records else ""
        self._alarm(f"{self.folder}: the journal is written again{lost}")
        return True

    # --- segments ---

    def _open_last_segment(self) -> None:
        numbers = segments(self.folder)
        self._total = sum(segment_path(self.folder, n).stat().st_size for n in numbers)
        self._fd = -1
        if not numbers:
            self._begin_segment(1)
            return
        path = segment_path(self.folder, numbers[-1])
        content = path.read_bytes()
        if not content.startswith(SEGMENT_HEAD):
            # Only its creation was torn, or it is no file of ours: leave it, begin the next.
            self._alarm(f"{path}: begins with no segment head, left as it is")
            self._begin_segment(numbers[-1] + 1)
            return
        self._done_with = True
        self._segment = numbers[-1]
        self._size = sound_size(content)
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if self._size < len(content):
            os.ftruncate(self._fd, self._size)
            self._total -= len(content) - self._size
            cut = len(content) - self._size
            self._alarm(f"{path}: torn tail of {cut} bytes cut off at offset {self._size}")

    def _begin_segment(self, number: int) -> None:
        path = segment_path(self.folder, number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(path, flags, PRIVATE_MODE)
        if os.write(fd, SEGMENT_HEAD) != len(SEGMENT_HEAD):
            os.close(fd)
            path.unlink()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self._fd >= 0:
            self._retired.append(self._fd)
        if self.waiting_bytes > WARN_SHARE * self._settings.total_bytes:
            full = 100 * self.waiting_bytes // self._settings.total_bytes
            self._alarm(f"{self.folder}: the journal is {full} % full: the database takes nothing")
        self._fd = fd
        self._done_with = False
        self._segment = number
        self._size = len(SEGMENT_HEAD)
        self._total += len(SEGMENT_HEAD)
        self._new_file = True
        self._dirty = True
        self._wake.set()

    # --- the thread ---

    def _sync_for_ever(self) -> None:
        while not self._closing:
            self._wake.wait()
            failing = self.state is JournalState.FAILING
            pause_s = (
                self._settings.retry_interval_s if failing else self._settings.sync_interval_s
            )
            self._stop.wait(pause_s)
            self._wake.clear()
            self._sync_and_retry()
            if self.state is JournalState.FAILING:
                self._wake.set()
        self._sync_and_retry()

    def _sync_and_retry(self) -> None:
        if self._sync() and self.state is JournalState.FAILING and self._retry():
            self._sync()

    def _sync_now(self) -> OSError | None:
        """Have the disk hold what was written; return what is wrong with it. Holds the lock."""
        try:
            os.fsync(self._fd)
            if self._new_file:
                sync_folder(self.folder)
                self._new_file = False
        except OSError as error:
            return error
        return None

    def _delete(self, path: Path) -> None:
        size = unlinked_bytes(path)
        with self._write_lock:
            self._total -= size

    def _sync(self) -> bool:
        with self._write_lock:
            self._dirty = False
            retired, self._retired = self._retired, []
            new_file, self._new_file = self._new_file, False
            current = os.dup(self._fd)
        try:
            if self._settings.sync is Sync.INTERVAL:
                for fd in (*retired, current):
                    os.fsync(fd)
                if new_file:
                    sync_folder(self.folder)
        except OSError as error:
            with self._write_lock:
                self._new_file |= new_file
                if self.state is JournalState.WRITING:
                    self._fail(error)
            return False
        finally:
            for fd in (*retired, current):
                os.close(fd)
        return True


def _with_valid_text(record: Record) -> Record:
    """Return the record with unpaired surrogates (bytes that were no UTF-8) replaced."""
    return msgspec.convert(_valid(msgspec.to_builtins(record)), Record)


def _valid(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_valid(item) for item in value]
        case dict():
            return {_valid(key): _valid(item) for key, item in value.items()}
        case _:
            return value
