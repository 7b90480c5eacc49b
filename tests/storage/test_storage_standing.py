"""The file of standing orders: closed queues and call-backs outlive the process."""

from pathlib import Path

import pytest

from acd.calls.callback import SavedCallback
from acd.calls.closures import Closure
from acd.routing.model import Grade, Requirements
from acd.storage.standing import FILE, Standing, StandingError, read_standing, write_standing

CLOSED = Closure(queue="sales", reason="台风", by="chen", since_wall_s=1_800_000_000.0)

WISH = SavedCallback(
    callback="i1",
    number="+8613800138000",
    queue="sales",
    category="health",
    priority=3,
    requires=Requirements(skills={"sales": Grade.AA}, language="en", tags=("vip",)),
    language="zh",
    called="4000",
    first_enqueued_us=1_800_000_000_000_000,
    requested_us=1_800_000_030_000_000,
    expires_us=1_800_086_400_000_000,
    attempts=1,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_standing(tmp_path) == Standing()
    write_standing(tmp_path, Standing(closures=(CLOSED,), callbacks=(WISH,)))
    assert read_standing(tmp_path) == Standing(closures=(CLOSED,), callbacks=(WISH,))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"\x93rubbish", b"\x81\xa7version\x63"])
def test_a_broken_file_is_no_empty_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StandingError, match=FILE):
        read_standing(tmp_path)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StandingError):
        write_standing(tmp_path / "none", Standing())
