"""A media worker as the server sees it: its process, its line, and what it holds."""

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

import acd

from .media_link import Configure, Link, ToServer, ToWorker, WorkerFigures

END_GRACE_S = 2.0
"A worker that has not ended so long after its line was closed hangs, and is killed."

UNINTERRUPTED = ("/bin/sh", "-c", 'trap "" HUP INT TERM; exec "$@"', "sh")
"""Before a worker's command line: it is born deaf to what a terminal's Ctrl-C or end and a
service manager's SIGTERM send to the whole group, and ends with its line, after the running calls.
Python itself would listen until its first line runs, and break off an import with a traceback."""


class WorkerProcess:
    """One worker. Made by `spawn`; `gone` is set when it can do no more."""

    def __init__(
        self, slot: int, on_messages: Callable[["WorkerProcess", list[ToServer]], None]
    ) -> None:
        self.slot = slot
        self.gone = asyncio.Event()
        self.ready: deque[int] = deque()
        "Ports it has bound and nobody uses."
        self.serves = False
        "Whether it has had any: before that it is a process that still starts."
        self.legs: set[str] = set()
        self.figures = WorkerFigures()
        self._process: asyncio.subprocess.Process | None = None
        self._link: Link[ToWorker, ToServer] = Link(
            msgspec.msgpack.Decoder(list[ToServer]),
            lambda messages: on_messages(self, messages),
            self.gone.set,
        )

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    async def spawn(self, settings: Configure) -> None:
        """Start the process and configure it; raise `OSError`."""
        ours, theirs = socket.socketpair()
        try:
            ours.setblocking(False)
            self._process = await asyncio.create_subprocess_exec(
                *UNINTERRUPTED,
                sys.executable,
                "-P",  # no module of the working folder in place of ours
                "-m",
                "acd.net.media_worker",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=_environment(),
            )
            loop = asyncio.get_running_loop()
            await loop.create_unix_connection(lambda: self._link, sock=ours)
        except BaseException:
            ours.close()  # the child then sees the end of the line
            self.gone.set()
            raise
        finally:
            theirs.close()
        self._link.send(settings)
        self._link.flush()

    def send(self, message: ToWorker) -> None:
        self._link.send(message)

    async def end(self) -> None:
        """Close the line, wait for the process's end, and kill it if that takes too long."""
        self._link.close()
        process = self._process
        if process is None:
            return
        try:
            async with asyncio.timeout(END_GRACE_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        await self.gone.wait()


def _environment() -> dict[str, str]:
    """Return ours, with the folder of this package where the child looks for modules first."""
    home = str(Path(acd.__file__).parent.parent)
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
