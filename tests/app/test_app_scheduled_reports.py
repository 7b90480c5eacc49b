"""Reports that come by themselves, on a virtual clock, into folders."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from acd.app.reporting.growing import GrowingFile
from acd.app.reporting.scheduled import FILE_NAME, ScheduledReports
from acd.config import Config, load_config
from acd.config.reports import Reports
from acd.reports.schedule import ATTEMPTS_MAX
from acd.web.ports import ServiceUnavailableError

STOCK = load_config(Path(__file__).parents[2] / "config")
BEGIN = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)  # 04:00 in Shanghai, of a Wednesday
DAILY = {"report": "kpi", "every": "day", "at": "07:30", "format": "csv", "folder": "out"}


def config_of(**schedules: dict[str, object]) -> Config:
    return replace(STOCK, reports=Reports.model_validate({"schedules": schedules}))


def written(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)


def no_room(_at: int, _most: int) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


class Office:
    """The rest of the server: makes reports, or fails to, as long as the test wants."""

    def __init__(self, state: Path, config: Config, begin: datetime = BEGIN) -> None:
        self.state = state
        self.config = config
        self.made: list[tuple[str, str, str]] = []
        self.attempts = 0
        self.down = False
        self.broken = False
        self.full = False
        "The disk has no room for the second half."
        self.late: Exception | None = None
        "What comes in between when a report is half made."
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        self.now = lambda: begin + timedelta(seconds=loop.time() - start_s)
        self.scheduled = ScheduledReports(
            state, lambda: self.config, make=self.make, settled=self.settled, now=self.now
        )
        self._running = asyncio.create_task(self.scheduled.run())

    async def settled(self) -> None:
        if self.down:
            self.attempts += 1
            raise ServiceUnavailableError("records wait in the journal")

    @asynccontextmanager
    async def make(self, name, wish, form, locale, role, limit_s) -> AsyncIterator[GrowingFile]:
        if self.broken:
            raise RuntimeError("a fault of ours")
        self.made.append((name, wish.first, wish.last))
        content = f"{name},{wish.first},{form},{locale},{role}".encode()
        file = GrowingFile()
        if self.full:
            file.read = no_room
        written(file.begin(), content)
        file.grown(len(content) // 2)
        asyncio.get_running_loop().call_later(1.0, file.grown, len(content))
        asyncio.get_running_loop().call_later(2.0, file.end, self.late)
        yield file
        file.close()

    async def stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)


def files(state: Path) -> list[str]:
    return sorted(path.name for path in (state / "out").iterdir())


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_each_day_has_one_file_at_its_time(tmp_path: Path) -> None:
    office = Office(tmp_path, config_of(yesterday=DAILY))
    await asyncio.sleep(3.4 * 3600)
    assert office.made == []
    await asyncio.sleep(0.2 * 3600)
    assert office.made == [("kpi", "2026-11-24", "2026-11-24")]
    await asyncio.sleep(2 * 86_400)
    await office.stop()
    assert files(tmp_path) == [f"yesterday-2026-11-{day}.csv" for day in (24, 25, 26)]
    text = (tmp_path / "out" / "yesterday-2026-11-24.csv").read_text()
    assert text == "kpi,2026-11-24,csv,zh,analyst"


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_what_was_missed_is_made_after_a_restart_once(tmp_path: Path) -> None:
    config = config_of(yesterday=DAILY, month={**DAILY, "every": "month"})
    office = Office(tmp_path, config)
    await asyncio.sleep(86_400)
    await office.stop()
    again = Office(tmp_path, config, BEGIN + timedelta(days=8))
    await asyncio.sleep(60)
    await again.stop()
    assert office.made == [("kpi", "2026-11-24", "2026-11-24")]
    days = [date(2026, 11, 25) + timedelta(days=at) for at in range(7)]
    assert sorted(again.made) == [
        ("kpi", "2026-11-01", "2026-11-30"),
        *(("kpi", str(day), str(day)) for day in days),
    ]
    third = Office(tmp_path, config, BEGIN + timedelta(days=8, minutes=2))
    await asyncio.sleep(60)
    await third.stop()
    assert third.made == []


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_while_the_database_is_down_it_is_tried_again_and_others_are_made(
    tmp_path: Path,
) -> None:
    office = Office(tmp_path, config_of(yesterday=DAILY))
    office.down = True
    await asyncio.sleep(4 * 3600)  # virtual: due, and the database is down
    assert office.attempts > 3
    office.down = False
    await asyncio.sleep(3600)  # virtual: the next try comes
    assert files(tmp_path) == ["yesterday-2026-11-24.csv"]
    office.down, office.attempts = True, 0
    await asyncio.sleep(46 * 3600)
    assert office.attempts in {ATTEMPTS_MAX, ATTEMPTS_MAX + 1}, "the next day has begun by then"
    await office.stop()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_half_a_report_does_not_keep_a_full_disk_full(tmp_path: Path) -> None:
    office = Office(tmp_path, config_of(yesterday=DAILY))
    office.full = True
    await asyncio.sleep(4 * 3600)  # virtual: due, tried again and again, and there is no room
    assert len(office.made) > 3
    assert files(tmp_path) == []
    office.full = False
    await asyncio.sleep(3600)  # virtual: there is room now, and the next try comes
    await office.stop()
    assert files(tmp_path) == ["yesterday-2026-11-24.csv"]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_fault_of_ours_in_one_report_ends_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, config_of(yesterday=DAILY))
    office.broken = True
    await asyncio.sleep(3.6 * 3600)
    office.broken = False
    await asyncio.sleep(3600)
    assert office.made == [("kpi", "2026-11-24", "2026-11-24")]
    await office.stop()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_report_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    office = Office(tmp_path, config_of(yesterday=DAILY))
    office.late = ServiceUnavailableError("the database does not answer")
    await asyncio.sleep(3.6 * 3600)
    assert office.made
    assert not (tmp_path / "out").exists()
    office.late = None
    await asyncio.sleep(3600)
    assert files(tmp_path) == ["yesterday-2026-11-24.csv"]
    await office.stop()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_change_of_the_file_is_taken_over(tmp_path: Path) -> None:
    office = Office(tmp_path, config_of())
    await asyncio.sleep(10)
    office.config = config_of(yesterday={**DAILY, "report": "routing", "at": "05:00"})
    office.scheduled.take(office.config)
    await asyncio.sleep(3600)
    assert office.made == [("routing", "2026-11-24", "2026-11-24")]
    office.config = config_of()
    office.scheduled.take(office.config)
    await asyncio.sleep(3 * 86_400)
    assert len(office.made) == 1
    await office.stop()
    assert (tmp_path / FILE_NAME).read_text() == "{}"


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_folder_that_cannot_be_written_is_no_end(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    office = Office(tmp_path, config_of(yesterday=DAILY))
    await asyncio.sleep(3.6 * 3600)  # virtual: it was due, and could not be written
    (tmp_path / "out").unlink()
    await asyncio.sleep(3600)  # virtual: it is tried again meanwhile
    await office.stop()
    assert files(tmp_path) == ["yesterday-2026-11-24.csv"]
