"""A report's file while another process writes it: read from its beginning, however slowly.

Nothing of it is kept in memory. It has a name only until its writer has it open, so that whoever
dies leaves nothing behind; its room is in the folder for temporary files (TMPDIR).
"""

import asyncio
import os
import tempfile
from contextlib import suppress


class GrowingFile:
    """Implements `acd.web.ports.ReportDocument`."""

    def __init__(self) -> None:
        self._handle = -1
        self._path = ""
        self._size = 0
        self._complete = False
        self._error: Exception | None = None
        self._news = asyncio.Event()

    # --- whoever has it written ---

    def begin(self) -> str:
        """Make it, empty; return the path by which its writer has to open it. Raises OSError."""
        self.close()
        self._handle, self._path = tempfile.mkstemp(prefix="acd-report-")
        return self._path

    def grown(self, size: int) -> None:
        """Note that so many bytes are in it."""
        self._size = size
        self._news.set()

    def end(self, error: Exception | None = None) -> None:
        """Note that no more will come: it is complete, or why it is not."""
        self._error = error
        self._complete = error is None
        self._news.set()

    def close(self) -> None:
        """Be rid of it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            with suppress(FileNotFoundError):  # its writer was there
                os.unlink(self._path)

    # --- whoever reads it ---

    @property
    def size(self) -> int:
        """How many bytes there are by now."""
        return self._size

    @property
    def complete(self) -> bool:
        """Whether no more will come."""
        return self._complete

    async def more(self, than: int) -> None:
        """Return as soon as there is more than this, or all. Raises what ended it before that."""
        while True:
            if self._error is not None:
                raise self._error
            if self._complete or self._size > than:
                return
            self._news.clear()
            await self._news.wait()

    def read(self, at: int, most: int) -> bytes:
        """Return what is there from this place on, up to so many bytes; blocks on the disk."""
        return os.pread(self._handle, min(most, self._size - at), at)
