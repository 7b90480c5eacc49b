"""Reading the journal from any position, while it is being written or not."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from acd.calls.journal import Record

from .frames import (
    FRAME_HEAD_BYTES,
    MAX_PAYLOAD_BYTES,
    SEGMENT_HEAD,
    START,
    Position,
    next_frame,
    segment_path,
    segments,
    sound_payload,
    sound_payloads,
)

CHUNK_BYTES = 256 * 1024
"Read at once: some thousand records, a tenth of a millisecond from the page cache."


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record as it was found."""

    begin: Position
    end: Position

    record: Record | None
    "None: the checksum is right, but this version cannot decode it; see `payload`, `error`."

    payload: bytes = b""
    error: str = ""


class JournalReader:
    """Walks through the segments. `read` returns an empty list where the journal ends for now."""

    def __init__(
        self, folder: Path, position: Position = START, *, on_damage: Callable[[str], None]
    ) -> None:
        self.damaged_bytes = 0
        "Bytes skipped because they were no sound frame."
        self._folder = folder
        self._on_damage = on_damage
        self._decode = msgspec.msgpack.Decoder(Record).decode
        self._fd = -1
        self._buffer = b""
        self._at = 0
        self._segment, self._base = position.segment, position.offset

    @property
    def position(self) -> Position:
        """Where the next record is looked for."""
        return Position(self._segment, self._base + self._at)

    def read(self, limit: int) -> list[Entry]:
        """Return the next records, at most `limit`; reads the file when none is buffered."""
        entries = self.decode(limit)
        while not entries and self.fetch():
            entries = self.decode(limit)
        return entries

    def __iter__(self) -> Iterator[Entry]:
        """Iterate up to where the journal ends now."""
        while entries := self.read(256):
            yield from entries

    def close(self) -> None:
        """Close the segment's file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def decode(self, limit: int) -> list[Entry]:
        """Return records from the buffer only: no I/O."""
        entries: list[Entry] = []
        while len(entries) < limit:
            payloads = sound_payloads(self._buffer, self._at, limit - len(entries))
            if payloads:
                self._take(payloads, entries)
                continue
            damaged = sound_payload(self._buffer, self._at) is None
            if not (damaged and self._skip_damage(at_end=False)):
                break
        return entries

    def _take(self, payloads: list[bytes], entries: list[Entry]) -> None:
        """Add the records of frames that follow each other, and go behind them."""
        decode, segment, offset = self._decode, self._segment, self._base + self._at
        begin = Position(segment, offset)
        for payload in payloads:
            offset += FRAME_HEAD_BYTES + len(payload)
            end = Position(segment, offset)
            try:
                entries.append(Entry(begin, end, decode(payload)))
            except msgspec.DecodeError as error:
                entries.append(Entry(begin, end, None, payload, str(error)))
            begin = end
        self._at = offset - self._base

    def fetch(self) -> bool:
        """Read on from the file, or from the next segment; False when there is nothing new."""
        if self._fd < 0 and not self._open():
            return False
        # The next segment is looked for first: what is read after it was there is all there is.
        following = self._following()
        data = os.pread(self._fd, CHUNK_BYTES, self._base + len(self._buffer))
        if data:
            self._base += self._at
            self._buffer = self._buffer[self._at :] + data
            self._at = 0
            return True
        if self._at < len(self._buffer) and self._skip_damage(at_end=following > 0):
            return True
        if following:
            self.close()
            self._segment, self._base = following, len(SEGMENT_HEAD)
            self._buffer, self._at = b"", 0
            return self.fetch()
        # A half-written frame is read again as a whole: a restart may cut it off meanwhile.
        self._base += self._at
        self._buffer, self._at = b"", 0
        return False

    def _skip_damage(self, *, at_end: bool) -> bool:
        """Go to the next sound frame in the buffer; at a segment's end, past the rest."""
        found = next_frame(self._buffer, self._at + 1)
        target = found if found >= 0 else len(self._buffer)
        if found < 0 and not at_end:
            # A frame may still begin within the last MiB; what lies before is surely none.
            target -= MAX_PAYLOAD_BYTES + FRAME_HEAD_BYTES
            if target <= self._at + MAX_PAYLOAD_BYTES:
                return False
        self._on_damage(
            f"{segment_path(self._folder, self._segment)}: "
            f"{target - self._at} damaged bytes skipped at offset {self._base + self._at}"
        )
        self.damaged_bytes += target - self._at
        self._at = target
        return True

    def _open(self) -> bool:
        """Open the segment; one that is gone was released: go on with the oldest there is."""
        numbers = [number for number in segments(self._folder) if number >= self._segment]
        if not numbers:
            return False
        if numbers[0] != self._segment:
            self._segment, self._base = numbers[0], len(SEGMENT_HEAD)
            self._buffer, self._at = b"", 0
        path = segment_path(self._folder, self._segment)
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _following(self) -> int:
        """Return the number of the segment after this one, 0 when this is the last."""
        if segment_path(self._folder, self._segment + 1).exists():
            return self._segment + 1
        # Numbers have no gaps but where a damaged file was set aside by hand.
        return next((n for n in segments(self._folder) if n > self._segment), 0)
