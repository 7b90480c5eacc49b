"""A Postgres of its own for a test, behind a port that can be shut: an admin's database."""

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

from gate import Gate
from test_system_database import socket_path

from acd.storage.postgres import EmbeddedPostgres

# The disk of a busy test machine is not what is tested: but killed it has to keep what it took,
# and killing a process loses nothing that the kernel has.
SETTINGS = {"fsync": "off"}
START_S = 60


class OutsidePostgres:
    """Runs in a loop and thread of its own, since tests wait for processes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="acd-postgres-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._postgres = EmbeddedPostgres(self.folder, on_event=print, settings=SETTINGS)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=(self._live(),), name="postgres"
        )
        self._thread.start()
        assert self._ready.wait(START_S), "Postgres does not start"
        self.gate = Gate(socket_path(self._postgres.dsn)).open()

    async def _live(self) -> None:
        try:
            await self._postgres.start()
        finally:
            self._ready.set()
        await self._stop.wait()
        await self._postgres.stop()

    @property
    def dsn(self) -> str:
        """Where it is, through the gate."""
        return f"postgresql://postgres:secret-word@127.0.0.1:{self.gate.port}/acd"

    def kill(self) -> None:
        """End it without warning; it is started again by itself."""
        pid = self._postgres.pid
        assert pid is not None, "it does not run"
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Stop it and take away all that lies on the disk."""
        self.gate.end()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()
        location = self.folder / "postgres.location"
        if location.exists():
            shutil.rmtree(location.read_text().strip(), ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
