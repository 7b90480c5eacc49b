"""Shipped segments that the journal keeps for a while.

A database restored from yesterday's backup gets from them what it lacks. They are the first to
go when room is wanted, be it by the journal's limit or on the disk.
"""

from pathlib import Path

from .frames import segment_path, segments
from .private_file import replace_private

NOTE = "shipped"


class KeptSegments:
    """The segments below the first one that is still to be shipped. Not thread-safe."""

    def __init__(self, folder: Path, *, limit_bytes: int, limit_s: float) -> None:
        """Take those that an earlier boot kept. Raises OSError."""
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._limit_s = limit_s
        self._sizes: dict[int, int] = {}
        self.bytes = 0
        self._add(shipped_before(folder))

    def take(self, before_segment: int) -> None:
        """Note that the segments below this number have been shipped. Raises OSError."""
        if before_segment > shipped_before(self._folder):
            replace_private(self._folder / NOTE, f"{before_segment}\n".encode())
        self._add(before_segment)

    def expired(self, wall_s: float) -> list[Path]:
        """Stop keeping what is too old or too much; return the files to be deleted."""
        gone: list[Path] = []
        for number in list(self._sizes):
            path = segment_path(self._folder, number)
            if self.bytes <= self._limit_bytes and wall_s - _written_s(path) <= self._limit_s:
                break
            gone.append(self._forget(number))
        return gone

    def oldest(self) -> Path | None:
        """Stop keeping the oldest one; return its file, None: nothing is kept."""
        return self._forget(next(iter(self._sizes))) if self._sizes else None

    def _add(self, before_segment: int) -> None:
        for number in segments(self._folder):
            if number < before_segment and number not in self._sizes:
                self._sizes[number] = segment_path(self._folder, number).stat().st_size
                self.bytes += self._sizes[number]

    def _forget(self, number: int) -> Path:
        self.bytes -= self._sizes.pop(number)
        return segment_path(self._folder, number)


def _written_s(path: Path) -> float:
    """Return when a segment was written last, UTC seconds; long ago if it is gone."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def shipped_before(folder: Path) -> int:
    """Return the number below which all segments are in the database; 0: that is not known."""
    try:
        return int((folder / NOTE).read_text())
    except (FileNotFoundError, ValueError):
        return 0
