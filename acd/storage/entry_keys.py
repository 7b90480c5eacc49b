"""Idempotency keys that were used, with the answers they got: over restarts, without Postgres.

A folder of the state with a file per day (UTC), a line of JSON per key, written before the answer
goes out. A killed process loses nothing; a power cut may lose the last seconds, and a repeated
entry is then told a second time, which changes no row: tables have the key, too.
"""

import errno
import os
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from .errors import StorageError
from .private_file import PRIVATE_MODE

FOLDER = "entry_keys"

KEPT = timedelta(days=7)
"""Whoever repeats a request does so within hours; a week covers a system that was down over the
holidays."""

KEYS_MAX = 100_000
"Newest keys that are kept: a week of 250 seats' orders three times over; 40 MB."


class EntryKeyError(StorageError):
    """The folder cannot be read or written."""


class UsedKey(msgspec.Struct, frozen=True, gc=False):
    """One key."""

    key: str
    "With the kind of entry before it."

    fingerprint: str
    "Of the entry's content."

    answer: msgspec.Raw
    "JSON."


class KeyBook:
    """The keys of one state folder."""

    def __init__(self, state: Path, wall_s: Callable[[], float]) -> None:
        """`wall_s` gives UTC seconds."""
        self._folder = state / FOLDER
        self._wall_s = wall_s
        self._used: OrderedDict[str, UsedKey] = OrderedDict()
        self._handle = -1
        self._day = date.min

    def open(self) -> None:
        """Read what was kept; drop what is too old. Raises EntryKeyError."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            for path in sorted(self._folder.glob("*.keys")):
                if self._is_old(path):
                    path.unlink()
                else:
                    self._read(path)
        except OSError as error:
            raise EntryKeyError(f"{self._folder}: {error}") from error

    def find(self, key: str) -> UsedKey | None:
        """Return the use of a key; None: it is new."""
        return self._used.get(key)

    def keep(self, key: str, fingerprint: str, answer: bytes) -> None:
        """Write down a key's first use. Raises EntryKeyError; it is known all the same."""
        used = UsedKey(key, fingerprint, msgspec.Raw(answer))
        self._remember(used)
        line = msgspec.json.encode(used) + b"\n"
        try:
            written = os.write(self._today(), line)
        except OSError as error:
            self.close()
            raise EntryKeyError(f"{self._folder}: {error}") from error
        if written < len(line):
            self.close()
            raise EntryKeyError(f"{self._folder}: {os.strerror(errno.ENOSPC)}")

    def close(self) -> None:
        """Close the day's file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _today(self) -> int:
        today = datetime.fromtimestamp(self._wall_s(), UTC).date()
        if today != self._day or self._handle < 0:
            self.close()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._handle = os.open(self._folder / f"{today}.keys", flags, PRIVATE_MODE)
            _end_torn_line(self._handle)
            self._day = today
            for path in self._folder.glob("*.keys"):
                if self._is_old(path):
                    path.unlink()
        return self._handle

    def _is_old(self, path: Path) -> bool:
        oldest = datetime.fromtimestamp(self._wall_s(), UTC).date() - KEPT
        try:
            return date.fromisoformat(path.stem) < oldest
        except ValueError:
            return False  # not ours

    def _read(self, path: Path) -> None:
        for line in path.read_bytes().splitlines():
            try:
                self._remember(msgspec.json.decode(line, type=UsedKey))
            except msgspec.MsgspecError:
                continue  # torn by a crash

    def _remember(self, used: UsedKey) -> None:
        self._used[used.key] = used
        if len(self._used) > KEYS_MAX:
            self._used.popitem(last=False)


def _end_torn_line(handle: int) -> None:
    """End a line that a crash or a full disk left half: the next key must not be lost with it."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        os.write(handle, b"\n")
