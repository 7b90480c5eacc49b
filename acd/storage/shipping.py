"""The server's end of shipping: starts the shipper's process, again when it dies, and asks it."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import msgspec

import acd

from .database import Progress
from .erasures import FILE as ERASED
from .frames import Position
from .journal import Journal
from .lag import Lag, lag_of
from .shipping_line import (
    Alarm,
    Appended,
    Begin,
    Drain,
    Drained,
    Listening,
    PartitionsDropped,
    RecoverFrom,
    Released,
    Shipped,
    ToServer,
    ToShipper,
    receive,
    send,
)
from .upkeep import Kept

RESTART_S = 1.0
"Pause before a shipper that died is started again; records wait in the journal."

END_GRACE_S = 2.0
"A shipper that has not ended so long after its line was closed hangs, and is killed."

UNINTERRUPTED = ("/bin/sh", "-c", 'trap "" HUP INT TERM; exec "$@"', "sh")
"""Before a child's command line: it is born deaf to what a terminal's Ctrl-C or end and a
service manager's SIGTERM send to the whole group, and ends with its line. Python itself would
listen until its first line runs, and break off an import with a traceback. A session of its own
is no way: niceness counts within one. Nor is code between fork and exec: with threads it may
deadlock."""

_decode = msgspec.msgpack.Decoder(ToServer).decode


class Shipping:
    """Ships a journal by a process of its own. Run `run` as a task."""

    def __init__(
        self,
        journal: Journal,
        dsn: str,
        *,
        on_alarm: Callable[[str], None],
        now: Callable[[], float],
        interval_s: float = 2.0,
        customer_key: bytes = b"",
        kept: Kept | None = None,
        zone: str = "UTC",
    ) -> None:
        """`on_alarm` gets one sentence when the database or the process goes away or comes back.

        `now` is monotonic seconds; `interval_s` as in `ShipperSettings`, `customer_key`
        as in `Shipper`; `kept` is how long records stay, None: for ever; `zone` is the one in
        which the roll-ups of KPIs have their days.
        """
        self.connected = False
        "Whether the last contact with the database was a good one."
        self.shipped: Progress | None = None
        self.set_aside = 0
        self.partitions_dropped = 0
        "Since the server's start."
        self.pid = 0
        self._journal = journal
        self._dsn = dsn
        self._alarm = on_alarm
        self._now = now
        self._interval_s = interval_s
        self._customer_key = customer_key
        self._kept = kept or Kept()
        self._zone = zone
        self._behind_since: float | None = now()
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = count(1)
        self._drains: dict[int, tuple[Position, asyncio.Future[None]]] = {}

    def lag(self) -> Lag:
        """Return how far the tables are behind."""
        since = self._behind_since
        behind_s = 0.0 if since is None else max(0.0, self._now() - since)
        return lag_of(self._journal, self.shipped, behind_s)

    async def drain(self) -> None:
        """Return when all that the journal holds now stands in the tables."""
        number, target = next(self._numbers), self._journal.end
        done = asyncio.get_running_loop().create_future()
        self._drains[number] = target, done
        self._send(Drain(number, target))
        try:
            await done
        finally:
            del self._drains[number]

    async def run(self) -> None:
        """Ship for ever, through the deaths of the process; ends by cancellation."""
        while True:
            try:
                await self._ship()
            except OSError as error:
                self._alarm(f"the shipper cannot be started: {error}")
            else:
                self._alarm("the shipper's process has ended, and is started again")
            await asyncio.sleep(RESTART_S)

    async def _ship(self) -> None:
        """Start the process and serve it until it ends."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                *UNINTERRUPTED,
                sys.executable,
                "-P",  # no module of the working folder in place of ours
                "-m",
                "acd.storage.shipper_process",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=child_environment(),
            )
            theirs.close()
            self.pid = process.pid
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            try:
                self._begin(writer)
                while (body := await receive(reader)) is not None:
                    await self._take(_decode(body))
            finally:
                self._writer = None
                self.connected = False
                writer.close()
                await _end(process)

    def _begin(self, writer: asyncio.StreamWriter) -> None:
        journal = self._journal
        self._writer = writer
        self._send(
            Begin(
                folder=str(journal.folder),
                id=journal.id,
                node=journal.node,
                boot=journal.boot,
                boot_begin=journal.boot_begin,
                recover_from=journal.recover_from,
                dsn=self._dsn,
                interval_s=self._interval_s,
                customer_key=self._customer_key,
                kept=self._kept,
                erased=str(journal.folder.parent / ERASED),
                zone=self._zone,
            )
        )
        for number, (target, _) in self._drains.items():
            self._send(Drain(number, target))

    def _send(self, message: ToShipper) -> None:
        if self._writer is not None:
            send(self._writer, message)

    async def _take(self, message: ToServer) -> None:
        match message:
            case Listening(position):
                self._journal.listen_once(position, self._on_more)
            case Shipped(connected, shipped, set_aside):
                self.connected, self.shipped, self.set_aside = connected, shipped, set_aside
                self._note_lag()
            case Alarm(text):
                self._alarm(text)
            case Released(before_segment):
                await asyncio.to_thread(self._journal.release, before_segment)
            case RecoverFrom(position):
                await asyncio.to_thread(self._journal.move_recover_from, position)
            case PartitionsDropped(partitions):
                self.partitions_dropped += partitions
            case Drained(number):
                if (drain := self._drains.get(number)) is not None and not drain[1].done():
                    drain[1].set_result(None)

    def _note_lag(self) -> None:
        if self.shipped is not None and self.shipped.confirmed >= self._journal.end:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._now()
        if not self.connected and self.shipped is not None:
            # The shipper does not ask for more then: from the next record on it is behind.
            self._journal.listen_once(self.shipped.confirmed, self._on_more)

    def _on_more(self) -> None:
        if self._behind_since is None:
            self._behind_since = self._now()
        self._send(Appended())


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process whose line is closed; kill it if that takes too long."""
    try:
        async with asyncio.timeout(END_GRACE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def child_environment() -> dict[str, str]:
    """Return ours, with the folder of this package where the child looks for modules first."""
    home = str(Path(acd.__file__).parent.parent)
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
