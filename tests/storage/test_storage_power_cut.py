"""Power cuts: what the disk has kept, and what is written later, arrives in the tables, once."""

import asyncio
import itertools
import os
import queue
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage_site import LIMIT_S, START_US, Running, Site, fetch, ship

from acd.calls import events as ev
from acd.storage.frames import START, Position, segment_path, segments
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader
from acd.storage.journal_settings import JournalSettings, JournalState, Sync
from acd.storage.recovery import begin_boot

_numbers = itertools.count(1)


def entry(subject: str) -> ev.CommandAudited:
    """An event that makes one row by itself."""
    return ev.CommandAudited(by="test", role="admin", action="status", subject=subject)


class Node:
    """A journal's folder on a machine that may lose its power."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.folder = folder
        self.at_s = 0.0
        self.name = f"example{next(_numbers)}"
        self.promised: set[str] = set()
        self.shipped: set[str] = set()
        self.safe_segment = 0
        "That the shipper has made safe: it does not vanish."
        self._count = itertools.count(1)
        self.site = Site(folder, segment_bytes=2_000)

    def write(self, entries: int) -> None:
        for _ in range(entries):
            subject = f"{self.name}:{next(self._count)}"
            self.at_s += 1
            self.site.write([(self.at_s, entry(subject))])
            self.promised.add(subject)

    async def ship(self) -> None:
        await ship(self.site, self.dsn)
        self.shipped |= self.promised
        self.safe_segment = self.site.journal.end.segment

    def boot(self) -> None:
        """The process has died; the next one begins."""
        self.site.journal.close()
        self.site = Site(self.folder, segment_bytes=2_000)
        begin_boot(self.site.journal, version="1", mono_s=0.0)

    def lose_power(self, lost_bytes: int) -> None:
        """Take bytes off the journal's end, and files that nobody has made safe."""
        self.site.journal.close()
        left = lost_bytes
        for number in reversed(segments(self.folder)):
            path = segment_path(self.folder, number)
            size = path.stat().st_size
            if left < size or number <= self.safe_segment:
                os.truncate(path, max(0, size - left))
                break
            path.unlink()
            left -= size
        self.promised = self.shipped | self.standing()
        self.site = Site(self.folder, segment_bytes=2_000)
        begin_boot(self.site.journal, version="1", mono_s=0.0)

    def standing(self) -> set[str]:
        reader = JournalReader(self.folder, on_damage=lambda _: None)
        records = (one.record for one in reader)
        found = {
            record.event.subject
            for record in records
            if record is not None and isinstance(record.event, ev.CommandAudited)
        }
        reader.close()
        return found

    async def stored(self) -> list[str]:
        rows = await fetch(
            self.dsn, "SELECT subject FROM audit WHERE subject LIKE $1", f"{self.name}:%"
        )
        return sorted(row["subject"] for row in rows)


@pytest.fixture
def node(dsn: str, tmp_path: Path) -> Iterator[Node]:
    one = Node(dsn, tmp_path)
    yield one
    one.site.journal.close()


def test_from_a_disk_that_refuses_fsync_records_are_brought_away_and_it_is_told_once(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, sync=Sync.NEVER)  # the journal itself asks nothing of the disk
    fsync = os.fsync

    def refused(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    async def check() -> None:
        async with Running(site.shipper(dsn)) as shipper:
            for number, answer in enumerate((refused, refused, fsync, refused)):
                monkeypatch.setattr(os, "fsync", answer)
                site.write([(number, entry(f"refused:{number}"))])
                await shipper.drain()

    asyncio.run(asyncio.wait_for(check(), LIMIT_S))
    rows = asyncio.run(fetch(dsn, "SELECT FROM audit WHERE subject LIKE 'refused:%'"))
    assert len(rows) == 4
    told = [text for text in site.alarms if "does not make the journal safe" in text]
    assert len(told) == 2
    assert "Input/output error" in told[0]
    site.journal.close()


def test_a_boot_that_ships_nothing_after_a_power_cut_loses_nothing(node: Node) -> None:
    """Postgres has what the disk has lost; the boot after that dies before it ships anything."""

    async def check() -> None:
        node.write(30)
        await node.ship()
        node.lose_power(400)
        node.write(4)
        node.boot()
        node.write(2)
        await node.ship()
        assert await node.stored() == sorted(node.promised)

    asyncio.run(check())


Boots = st.lists(
    st.tuples(st.integers(1, 8), st.booleans(), st.none() | st.integers(0, 700)), max_size=6
)
"What each boot writes, whether that is shipped, and what its end costs; None: the process dies."


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(Boots)
def test_whatever_happens_what_stands_arrives_once(dsn: str, boots: list) -> None:
    folder = Path(tempfile.mkdtemp(prefix="acd-power-"))
    node = Node(dsn, folder)

    async def live() -> None:
        for entries, shipped, lost_bytes in boots:
            node.write(entries)
            if shipped:
                await node.ship()
            if lost_bytes is None:
                node.boot()
            else:
                node.lose_power(lost_bytes)
        node.write(1)
        await node.ship()
        assert await node.stored() == sorted(node.promised)

    try:
        asyncio.run(live())
    finally:
        node.site.journal.close()
        shutil.rmtree(folder)


def test_a_boot_writes_into_a_segment_of_its_own(tmp_path: Path) -> None:
    ends = []
    for number in (1, 2):
        journal = Site(tmp_path).journal
        assert journal.boot_begin == Position(number, START.offset)
        assert segments(tmp_path) == [*range(1, number)] or number == 1
        journal.append([entry("one")], 0.0)
        ends.append(journal.end)
        journal.close()
    quiet = Site(tmp_path).journal  # a boot that writes nothing leaves no file
    assert quiet.end == ends[1]
    quiet.close()
    assert segments(tmp_path) == [end.segment for end in ends] == [1, 2]


def test_a_boot_on_a_full_disk_waits_for_room_and_leaves_the_earlier_segment_alone(
    tmp_path: Path,
) -> None:
    """The journal's own limit says the same as a full disk."""
    first = Site(tmp_path, segment_bytes=600).journal
    while first.end.segment < 3:
        first.append([entry("first")], 0.0)
    end, full = first.end, first.total_bytes
    first.close()
    told = queue.SimpleQueue[str]()
    journal = Journal.open(
        tmp_path,
        node="node",
        boot="full",
        wall_us=lambda: START_US,
        on_alarm=told.put,
        settings=JournalSettings(total_bytes=full + 4, retry_interval_s=0.01),
    )
    begin_boot(journal, version="1", mono_s=0.0)
    assert journal.state is JournalState.FAILING
    assert journal.end == end, "not a byte in the earlier boot's segment"
    assert journal.recover_from < journal.boot_begin, "what closes open calls is not written yet"
    journal.release(3)
    while "written again" not in told.get(timeout=30):
        pass
    assert segments(tmp_path) == [3, 4]
    assert journal.end.segment == 4
    journal.close()


def test_what_the_tables_get_is_safe_on_the_disk_before(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.open(
        tmp_path,
        node="node",
        boot="careless",
        wall_us=lambda: START_US,
        on_alarm=pytest.fail,
        settings=JournalSettings(segment_bytes=600, sync=Sync.NEVER),
    )
    site = Site.__new__(Site)
    site.journal, site.alarms, site.erased = journal, [], tmp_path / "erased.json"
    for number in range(20):
        journal.append([entry(f"careless:{number}")], 0.0)
    synced: list[tuple[Path, int]] = []
    really = os.fsync

    def fsync(fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        synced.append((path, path.stat().st_size))
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)

    async def check() -> None:
        await ship(site, dsn)

    asyncio.run(check())
    files = [segment_path(tmp_path, number) for number in range(1, journal.end.segment + 1)]
    assert {path for path, _ in synced} >= {tmp_path, *files}
    journal.close()
