"""Shipping by a process of its own: what the server's end sees of it, and its deaths."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from storage_site import LIMIT_S, Site, contents, folded, settled
from storage_traffic import timeline

from acd.net import media_process
from acd.storage.lag import Lag
from acd.storage.postgres import EmbeddedPostgres
from acd.storage.shipping import UNINTERRUPTED, Shipping


class Alarms:
    """What the operator is told, and an event for each of it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._told = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._told:
            self._told.notify_all()

    async def until(self, words: str) -> None:
        async with self._told:
            await self._told.wait_for(lambda: any(words in text for text in self.texts))


@asynccontextmanager
async def shipping(site: Site, dsn: str, alarms: Alarms) -> AsyncIterator[Shipping]:
    one = Shipping(site.journal, dsn, on_alarm=alarms, now=time.monotonic, interval_s=0.0)
    task = asyncio.create_task(one.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            yield one
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome
        with pytest.raises(ProcessLookupError):
            os.kill(one.pid, 0)  # it ended with the task, and was waited for


@pytest.mark.parametrize("uninterrupted", [UNINTERRUPTED, media_process.UNINTERRUPTED])
def test_a_child_does_not_hear_its_terminal_from_its_first_moment_on(
    uninterrupted: tuple[str, ...],
) -> None:
    """Python takes the disposition over that it is started with."""
    asks = (
        "import signal as s;print(*(s.getsignal(n).name for n in (s.SIGHUP, s.SIGINT, s.SIGTERM)))"
    )
    said = subprocess.run(
        [*uninterrupted, sys.executable, "-c", asks],
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
    )
    assert said.stdout.split() == ["SIG_IGN"] * 3


def test_what_is_journalled_stands_in_the_tables(dsn: str, tmp_path: Path) -> None:
    site = Site(tmp_path)
    events = list(timeline(1, 200))

    async def check() -> None:
        alarms = Alarms()
        async with shipping(site, dsn, alarms) as one:
            assert one.lag().seconds >= 0
            for begin in range(0, len(events), 100):
                site.write(events[begin : begin + 100])
                await one.drain()
                assert one.lag() == Lag(0, 0.0, 0)
            assert one.connected
            assert one.pid != os.getpid()
        assert alarms.texts == []
        assert settled(await contents(dsn)) == folded(tmp_path)

    asyncio.run(check())
    site.journal.close()


def test_a_shipper_that_is_killed_is_started_again_and_nothing_counts_twice(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    events = list(timeline(2, 200))
    half = len(events) // 2

    async def check() -> None:
        alarms = Alarms()
        async with shipping(site, dsn, alarms) as one:
            site.write(events[:half])
            await one.drain()
            killed = one.pid
            os.kill(killed, signal.SIGKILL)
            site.write(events[half:])
            await one.drain()  # asked of the dead one, answered by the next
            assert one.pid != killed
            await alarms.until("started again")
        assert settled(await contents(dsn)) == folded(tmp_path)

    asyncio.run(check())
    site.journal.close()


def test_an_outage_is_told_and_the_lag_grows(state: Path, tmp_path: Path) -> None:
    site = Site(tmp_path)
    events = list(timeline(3, 100))
    third = len(events) // 3

    async def check() -> None:
        alarms = Alarms()
        postgres = EmbeddedPostgres(state, on_event=print)
        dsn = await postgres.start()
        try:
            async with shipping(site, dsn, alarms) as one:
                site.write(events[:third])
                await one.drain()
                await postgres.stop()
                site.write(events[third:])
                await alarms.until("cannot be written")
                assert not one.connected
                assert one.lag().records == len(events) - third
                assert one.lag().seconds > 0
                await postgres.start()
                await one.drain()
                await alarms.until("written again")
                assert one.connected
            assert settled(await contents(dsn)) == folded(tmp_path)
        finally:
            await postgres.stop()

    asyncio.run(check())
    site.journal.close()


def test_segments_that_nothing_needs_are_deleted_by_the_journals_owner(
    dsn: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, segment_bytes=20_000)
    events = list(timeline(4, 150))

    async def check() -> None:
        async with shipping(site, dsn, Alarms()) as one:
            for begin in range(0, len(events), 200):
                site.write(events[begin : begin + 200])
                await one.drain()

    asyncio.run(check())
    left = list(tmp_path.glob("*.journal"))
    assert sum(path.stat().st_size for path in left) == site.journal.total_bytes
    assert len(left) < site.journal.end.segment
    site.journal.close()
