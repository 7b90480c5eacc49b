"""Shipped segments stay for a while, never at the cost of new records; when a record is safe."""

import os
from pathlib import Path

import pytest
from test_storage_journal import Alarms, answered, opened, read

from acd.storage.frames import START, segments
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader
from acd.storage.journal_settings import JournalState, Sync

LONG_S = 1e9
DAY_S = 86_400.0


def filled(folder: Path, **limits) -> Journal:
    """A journal of five segments, the last of them open."""
    journal = opened(folder, segment_bytes=1000, **limits)
    number = 0
    while journal.end.segment < 5:
        number += 1
        journal.append([answered(number)], 0.0)
    return journal


def test_shipped_segments_stay_and_are_no_longer_waited_for(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_bytes=10_000, keep_s=LONG_S)
    assert journal.waiting_bytes == journal.total_bytes
    journal.release(4)
    assert segments(tmp_path) == [1, 2, 3, 4, 5]
    assert journal.waiting_bytes < journal.total_bytes // 2
    waiting, total = journal.waiting_bytes, journal.total_bytes
    assert len(read(tmp_path, pytest.fail)) > 40
    journal.close()
    again = opened(tmp_path, segment_bytes=1000, keep_bytes=10_000, keep_s=LONG_S)
    assert (again.waiting_bytes, again.total_bytes) == (waiting, total)
    again.release(3)  # an older word than the one before
    assert again.waiting_bytes == waiting
    again.close()


def test_more_than_may_be_kept_goes_the_oldest_first(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_bytes=2100, keep_s=LONG_S)
    journal.release(5)
    assert segments(tmp_path) == [3, 4, 5]
    assert journal.total_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.journal"))
    journal.close()


def test_what_is_too_old_goes_however_little_it_is(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_bytes=10_000, keep_s=2 * DAY_S)
    now_s = 1_790_000_000.0
    for number, age_days in ((1, 3.0), (2, 2.1), (3, 1.9), (4, 0.0)):
        path = tmp_path / f"{number:010d}.journal"
        os.utime(path, (now_s - age_days * DAY_S,) * 2)
    journal.release(5)
    assert segments(tmp_path) == [3, 4, 5]
    journal.close()


def test_nothing_is_kept_unless_somebody_says_so(tmp_path: Path) -> None:
    journal = filled(tmp_path)
    journal.release(5)
    assert segments(tmp_path) == [5]
    journal.close()


def test_new_records_take_the_place_of_shipped_ones(tmp_path: Path) -> None:
    journal = filled(tmp_path, total_bytes=5500, keep_bytes=10_000, keep_s=LONG_S)
    journal.release(5)
    for number in range(1000, 1060):
        journal.append([answered(number)], 0.0)
    assert journal.state is JournalState.WRITING
    assert segments(tmp_path)[0] > 1
    assert journal.total_bytes <= 5500
    found = read(tmp_path, pytest.fail)
    assert found[-60:] == [f"call-{number}" for number in range(1000, 1060)]
    journal.close()


def test_what_is_not_shipped_is_never_given_up_for_room(tmp_path: Path) -> None:
    journal = filled(tmp_path, total_bytes=5500, keep_bytes=10_000, keep_s=LONG_S)
    journal.release(2)
    while journal.state is JournalState.WRITING:
        journal.append([answered(7)], 0.0)
    assert segments(tmp_path)[0] == 2
    journal.close()


def test_a_segment_that_somebody_deleted_is_no_trouble(tmp_path: Path) -> None:
    journal = filled(tmp_path, keep_bytes=10_000, keep_s=LONG_S)
    journal.release(5)
    (tmp_path / f"{2:010d}.journal").unlink()
    reader = JournalReader(tmp_path, START, on_damage=pytest.fail)
    assert len(list(reader)) > 25
    reader.close()
    os.utime(tmp_path / f"{1:010d}.journal", (0, 0))
    journal.release(5)
    assert segments(tmp_path) == [3, 4, 5]
    journal.close()


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What has been made safe from a power cut: the file's size at each fsync."""
    found: list[int] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        found.append(os.fstat(fd).st_size)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    return found


def test_always_each_record_is_safe_when_append_returns(tmp_path: Path, syncs: list[int]) -> None:
    journal = opened(tmp_path, sync=Sync.ALWAYS)
    for number in range(5):
        journal.append([answered(number)], 0.0)
        assert journal.end.offset in syncs
    journal.close()
    assert read(tmp_path, pytest.fail) == [f"call-{number}" for number in range(5)]


def test_never_is_left_to_the_kernel(tmp_path: Path, syncs: list[int]) -> None:
    journal = filled(tmp_path, sync=Sync.NEVER)
    journal.close()
    assert syncs == []
    assert len(read(tmp_path, pytest.fail)) > 40


def test_a_disk_that_fails_to_make_safe_is_told_and_no_record_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms = Alarms()
    journal = opened(tmp_path, alarms, sync=Sync.ALWAYS)
    journal.append([answered(1)], 0.0)
    fsync = os.fsync

    def refused(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refused)
    journal.append([answered(2)], 0.0)
    assert journal.state is JournalState.FAILING
    alarms.wait_for("Input/output error")
    journal.append([answered(3)], 0.0)
    monkeypatch.setattr(os, "fsync", fsync)
    alarms.wait_for("is written again")
    assert journal.state is JournalState.WRITING
    assert journal.dropped_records == 0
    journal.close()
    assert read(tmp_path, pytest.fail) == ["call-1", "call-2", "call-3"]
