"""The server's journal as its shipper's process sees it: files to read, and a line to ask by."""

from collections.abc import Callable
from pathlib import Path

from .frames import Position, segment_path, segments, size_between
from .shipping_line import Begin, Listening, RecoverFrom, Released, ToServer


class JournalView:
    """A `Source` over the segments' files. What changes the journal is left to its owner."""

    def __init__(self, begin: Begin, tell: Callable[[ToServer], None]) -> None:
        """`tell` sends to the journal's owner; it may be called from any thread."""
        self.folder = Path(begin.folder)
        self.id = begin.id
        self.node = begin.node
        self.boot = begin.boot
        self.boot_begin = begin.boot_begin
        self.recover_from = begin.recover_from
        # This boot's own segment is there with its first record.
        self._segment = segments(self.folder)[-1]
        self._tell = tell
        self._on_more: Callable[[], None] | None = None

    @property
    def end(self) -> Position:
        """Where the last segment's file ends: half a record may still be on its way there."""
        while segment_path(self.folder, self._segment + 1).exists():
            self._segment += 1
        return Position(self._segment, segment_path(self.folder, self._segment).stat().st_size)

    def bytes_from(self, position: Position) -> int:
        """Return how many bytes of records lie behind a position, about."""
        return size_between(self.folder, position, self.end)

    def listen_once(self, position: Position, on_more: Callable[[], None]) -> None:
        """Ask to be told when there are records behind a position."""
        self._on_more = on_more
        self._tell(Listening(position))

    def appended(self) -> None:
        """Take that there are."""
        on_more, self._on_more = self._on_more, None
        if on_more is not None:
            on_more()

    def release(self, before_segment: int) -> None:
        """Say that the segments below this number are not needed any more."""
        self._tell(Released(before_segment))

    def move_recover_from(self, position: Position) -> None:
        """Say that every call that began before this position has ended."""
        self.recover_from = position
        self._tell(RecoverFrom(position))
