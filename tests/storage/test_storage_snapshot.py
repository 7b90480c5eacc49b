"""The snapshot: what comes back is what was saved, and a bad file is said, not fatal."""

from pathlib import Path

import pytest

from acd.storage.snapshot import (
    FILE,
    SavedAgent,
    SavedContact,
    Snapshot,
    SnapshotError,
    read_snapshot,
    write_snapshot,
)

CONTACT = SavedContact("sip:1001@10.0.0.7", "udp", "10.0.0.7", 5060, 1_790_000_000.0, "Phone/1")
SNAPSHOT = Snapshot({"1001": (CONTACT,), "王": ()}, (SavedAgent("1001", "away", "lunch"),))


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    assert read_snapshot(tmp_path) == SNAPSHOT
    later = Snapshot({}, ())
    write_snapshot(tmp_path, later)
    assert read_snapshot(tmp_path) == later
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_it_is_nobody_elses_business(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").touch(0o644)  # what a crash, or an earlier version, left behind
    write_snapshot(tmp_path, SNAPSHOT)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_nothing_was_saved(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x93\x01\x02\x03", b"{}"])
def test_a_corrupt_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(SnapshotError, match=FILE):
        read_snapshot(tmp_path)


def test_any_cut_of_a_file_is_corrupt(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    whole = (tmp_path / FILE).read_bytes()
    for length in range(len(whole)):
        (tmp_path / FILE).write_bytes(whole[:length])
        with pytest.raises(SnapshotError):
            read_snapshot(tmp_path)


def test_a_file_of_another_version(tmp_path: Path) -> None:
    write_snapshot(tmp_path, Snapshot({}, (), version=2))
    with pytest.raises(SnapshotError, match="version 2, this server reads 1"):
        read_snapshot(tmp_path)


def test_a_folder_that_takes_no_file_keeps_the_one_before(tmp_path: Path) -> None:
    write_snapshot(tmp_path, SNAPSHOT)
    (tmp_path / f"{FILE}.new").mkdir()
    with pytest.raises(SnapshotError):
        write_snapshot(tmp_path, Snapshot({}, ()))
    assert read_snapshot(tmp_path) == SNAPSHOT


def test_text_that_is_none_is_refused_like_a_full_disk(tmp_path: Path) -> None:
    contact = SavedContact("sip:\udcff@10.0.0.7", "udp", "10.0.0.7", 5060, 0.0, "")
    with pytest.raises(SnapshotError):
        write_snapshot(tmp_path, Snapshot({"1001": (contact,)}, ()))
