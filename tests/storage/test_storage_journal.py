"""The journal: nothing acknowledged is lost, damage is survived and told."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.calls import events as ev
from acd.storage.errors import JournalError, JournalLockedError
from acd.storage.frames import FRAME_HEAD_BYTES, SEGMENT_HEAD, Position, segment_path, segments
from acd.storage.journal import Journal
from acd.storage.journal_files import is_locked
from acd.storage.journal_reader import JournalReader
from acd.storage.journal_settings import JournalSettings, JournalState

WALL_US = 1_790_000_000_000_000


class Alarms:
    """Collects alarms; lets a test wait for the next one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._arrived: SimpleQueue[str] = SimpleQueue()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        self._arrived.put(text)

    def wait_for(self, part: str) -> str:
        """Return the next one that says this; however close it is to others, none is passed by."""
        while part not in (text := self._arrived.get(timeout=30)):
            pass
        return text


def opened(folder: Path, alarms: Alarms | None = None, boot: str = "boot", **limits) -> Journal:
    return Journal.open(
        folder,
        node="node",
        boot=boot,
        wall_us=lambda: WALL_US,
        on_alarm=alarms or Alarms(),
        settings=JournalSettings(sync_interval_s=0.01, retry_interval_s=0.01, **limits),
    )


def answered(number: int, padding: int = 0) -> ev.CallAnswered:
    return ev.CallAnswered(interaction=f"call-{number}", leg="x" * padding)


def read(folder: Path, on_damage=lambda text: None) -> list[str]:
    reader = JournalReader(folder, on_damage=on_damage)
    try:
        return [entry.record.event.interaction for entry in reader if entry.record]
    finally:
        reader.close()


def test_records_come_back_with_their_key_and_times(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    written = journal.append([answered(1), answered(2)], 1.5)
    written += journal.append([answered(3)], 2.5)
    journal.close()
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    assert [entry.record for entry in reader] == written
    assert [(record.seq, record.mono_s, record.wall_us) for record in written] == [
        (1, 1.5, WALL_US),
        (2, 1.5, WALL_US),
        (3, 2.5, WALL_US),
    ]
    reader.close()


def test_a_reader_follows_the_writer_across_segments(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=300)
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    seen = []
    for number in range(50):
        journal.append([answered(number)], 0.0)
        seen += [entry.record.event.interaction for entry in reader.read(10)]
        assert reader.read(10) == []
        assert reader.position == journal.end
    assert seen == [f"call-{number}" for number in range(50)]
    assert len(segments(tmp_path)) > 3
    reader.close()
    journal.close()


def test_a_reader_goes_on_from_any_position(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=300)
    journal.append([answered(number) for number in range(20)], 0.0)
    for number in range(20, 40):
        journal.append([answered(number)], 0.0)
    journal.close()
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    entries = list(reader)
    reader.close()
    for index, entry in enumerate(entries):
        reader = JournalReader(tmp_path, entry.end, on_damage=pytest.fail)
        assert [later.record for later in reader] == [e.record for e in entries[index + 1 :]]
        reader.close()


def test_a_second_writer_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert is_locked(tmp_path)
    with pytest.raises(JournalLockedError, match=f"process {os.getpid()} uses this state folder"):
        opened(tmp_path)
    journal.close()
    assert not is_locked(tmp_path)
    opened(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file/journal"):
        opened(tmp_path / "file" / "journal")


def test_a_torn_tail_is_cut_off_and_told(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([answered(1), answered(2)], 0.0)
    journal.close()
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-3])
    alarms = Alarms()
    journal = opened(tmp_path, alarms)
    assert "torn tail" in alarms.texts[0]
    journal.append([answered(3)], 0.0)
    journal.close()
    assert read(tmp_path, pytest.fail) == ["call-1", "call-3"]


def test_zeros_left_by_a_power_cut_are_no_records(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([answered(1)], 0.0)
    journal.close()
    with segment_path(tmp_path, 1).open("ab") as file:
        file.write(bytes(4096))
    journal = opened(tmp_path)
    journal.append([answered(2)], 0.0)
    journal.close()
    assert read(tmp_path, pytest.fail) == ["call-1", "call-2"]


def test_text_that_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    (record,) = journal.append([ev.CallAnswered(interaction="a\udc80", leg="l")], 0.0)
    journal.close()
    assert record.event.interaction == "a?"
    assert read(tmp_path, pytest.fail) == ["a?"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(min_value=0), count=st.integers(1, 8))
def test_after_truncation_anywhere_what_was_whole_is_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int, count: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = opened(folder)
    ends = []
    for number in range(count):
        journal.append([answered(number, padding=number * 7)], 0.0)
        ends.append(journal.end.offset)
    journal.close()
    path = segment_path(folder, 1)
    content = path.read_bytes()
    cut %= len(content) + 1
    path.write_bytes(content[:cut])
    journal = opened(folder)
    journal.append([answered(99)], 0.0)
    journal.close()
    whole = [f"call-{number}" for number, end in enumerate(ends) if end <= cut]
    assert read(folder) == [*whole, "call-99"]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_corruption_costs_only_the_records_it_hits(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = opened(folder, segment_bytes=400)
    places = []
    for number in range(12):
        journal.append([answered(number, padding=number * 5)], 0.0)
        size = journal.end.offset
        places.append((journal.end.segment, size))
    journal.close()
    number = data.draw(st.sampled_from(segments(folder)))
    path = segment_path(folder, number)
    content = bytearray(path.read_bytes())
    begin = data.draw(st.integers(len(SEGMENT_HEAD), len(content) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=60))
    content[begin : begin + len(junk)] = junk[: len(content) - begin]
    changed = range(begin, begin + len(junk))
    path.write_bytes(content)

    def untouched(index: int) -> bool:
        segment, end = places[index]
        former = places[index - 1] if index else (0, 0)
        start = former[1] if former[0] == segment else len(SEGMENT_HEAD)
        return segment != number or start >= changed.stop or end <= changed.start

    journal = opened(folder, segment_bytes=400)
    journal.append([answered(99)], 0.0)
    journal.close()
    found = read(folder)
    expected = {f"call-{index}" for index in range(12) if untouched(index)} | {"call-99"}
    assert expected <= set(found)
    assert found == sorted(found, key=lambda name: int(name.removeprefix("call-")))


def test_the_records_own_limit_is_a_failure_that_ends_when_room_is_made(tmp_path: Path) -> None:
    alarms = Alarms()
    journal = opened(tmp_path, alarms, segment_bytes=1000, total_bytes=3000)
    number = 0
    while journal.state is JournalState.WRITING:
        number += 1
        journal.append([answered(number)], 0.0)
    assert "cannot be written" in alarms.wait_for("limit of 3000 bytes")
    journal.append([answered(number + 1)], 0.0)
    assert journal.state is JournalState.FAILING
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    before = [entry.record.event.interaction for entry in reader]
    journal.release(reader.position.segment)
    alarms.wait_for("is written again")
    assert journal.state is JournalState.WRITING
    after = [entry.record.event.interaction for entry in reader]
    assert before + after == [f"call-{n}" for n in range(1, number + 2)]
    assert journal.dropped_records == 0
    reader.close()
    journal.close()


def test_a_full_backlog_drops_and_counts_and_the_gap_shows(tmp_path: Path) -> None:
    alarms = Alarms()
    journal = opened(tmp_path, alarms, segment_bytes=500, total_bytes=1000, backlog_bytes=200)
    for number in range(40):
        journal.append([answered(number)], 0.0)
    assert journal.dropped_records > 0
    journal.release(2)
    assert f"{journal.dropped_records} records were lost" in alarms.wait_for("again")
    journal.close()


FULL_DISK = """
import resource, signal, sys, threading
from pathlib import Path
from acd.calls import events as ev
from acd.storage.journal import *
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
again = threading.Event()
def alarm(text):
    print(text, flush=True)
    if "again" in text: again.set()
journal = Journal.open(Path(sys.argv[1]), node="n", boot="b", wall_us=lambda: 0, on_alarm=alarm,
    settings=JournalSettings(sync_interval_s=0.01, retry_interval_s=0.01))
for number in range(40):
    journal.append([ev.CallAnswered(interaction=f"call-{number}", leg="l")], 0.0)
assert journal.state is JournalState.FAILING
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert again.wait(60)
journal.close()
"""


def test_a_disk_that_refuses_in_mid_record_loses_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert "cannot be written" in run.stdout
    assert read(tmp_path, pytest.fail) == [f"call-{number}" for number in range(40)]


BAD_DISK = """
import os, sys, threading
from pathlib import Path
from acd.calls import events as ev
from acd.storage import journal
again = threading.Event()
def alarm(text):
    print(text, flush=True)
    if "again" in text: again.set()
class Disk:
    # The journal's `os`, on a disk that takes half a record, and will not take it back.
    bad = 2
    def __getattr__(self, name): return getattr(os, name)
    def write(self, fd, data):
        if self.bad == 2 and b"call-7" in data:
            self.bad = 1
            return os.write(fd, data[:len(data) // 2])
        return os.write(fd, data)
    def ftruncate(self, fd, size):
        if self.bad == 1:
            self.bad = 0
            raise OSError(5, "Input/output error")
        os.ftruncate(fd, size)
journal.os = Disk()
opened = journal.Journal.open(Path(sys.argv[1]), node="n", boot="b", wall_us=lambda: 0,
    on_alarm=alarm,
    settings=journal.JournalSettings(sync_interval_s=0.01, retry_interval_s=0.01))
for number in range(20):
    opened.append([ev.CallAnswered(interaction=f"call-{number}", leg="l")], 0.0)
assert again.wait(10)
opened.append([ev.CallAnswered(interaction="call-20", leg="l")], 0.0)
print(opened.end.segment, opened.end.offset)
opened.close()
"""


def test_what_is_no_file_in_a_segments_place_is_named(tmp_path: Path) -> None:
    opened(tmp_path).close()
    segment_path(tmp_path, 2).mkdir()
    with pytest.raises(JournalError, match=r"0000000002\.journal: Is a directory"):
        opened(tmp_path)


def test_an_empty_name_after_a_power_cut_is_none(tmp_path: Path) -> None:
    """Two journals without a name would have one position in the database."""
    opened(tmp_path).close()
    (tmp_path / "id").write_bytes(b"")
    journal = opened(tmp_path)
    assert len(journal.id) == 36
    journal.close()
    again = opened(tmp_path)
    assert again.id == journal.id
    again.close()


def test_half_a_record_that_cannot_be_taken_back_ends_its_segment(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BAD_DISK, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stderr
    segment, offset = map(int, run.stdout.splitlines()[-1].split())
    assert segment == segments(tmp_path)[-1] == 2
    assert segment_path(tmp_path, segment).stat().st_size == offset, "positions are the file's"
    said: list[str] = []
    assert read(tmp_path, said.append) == [f"call-{number}" for number in range(21)]
    assert len(said) == 1
    assert "damaged bytes skipped" in said[0]


WRITER = """
import sys
from pathlib import Path
from acd.calls import events as ev
from acd.storage.journal import *
journal = Journal.open(Path(sys.argv[1]), node="n", boot="b", wall_us=lambda: 0, on_alarm=print,
    settings=JournalSettings(segment_bytes=20_000))
number = 0
while True:
    journal.append([ev.CallAnswered(interaction=f"call-{number}", leg="l")], 0.0)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(2000)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().splitlines() if line]
    found = read(tmp_path, pytest.fail)
    assert found == [f"call-{number}" for number in range(len(found))]
    assert len(found) >= acknowledged[-1] + 1
    opened(tmp_path).close()


def test_released_segments_are_gone_and_the_newest_stays(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=300)
    for number in range(30):
        journal.append([answered(number)], 0.0)
    journal.release(3)
    assert segments(tmp_path)[0] == 3
    journal.release(10**6)
    assert segments(tmp_path) == [journal.end.segment]
    assert journal.total_bytes == segment_path(tmp_path, journal.end.segment).stat().st_size
    journal.close()


def test_a_record_of_a_later_version_is_handed_on_undecoded(tmp_path: Path) -> None:
    import msgspec

    from acd.storage.frames import frame

    journal = opened(tmp_path)
    journal.append([answered(1)], 0.0)
    journal.close()
    payload = msgspec.msgpack.encode(["n", "b", 1, 0, 0.0, {"type": "FromTheFuture"}])
    with segment_path(tmp_path, 1).open("ab") as file:
        file.write(frame(payload))
    reader = JournalReader(tmp_path, on_damage=pytest.fail)
    first, second = list(reader)
    assert first.record is not None
    assert second.record is None
    assert second.payload == payload
    assert "FromTheFuture" in second.error
    assert second.end.offset - second.begin.offset == FRAME_HEAD_BYTES + len(payload)
    assert reader.position == Position(1, second.end.offset)
    reader.close()


def test_a_filling_journal_warns_before_it_is_full(tmp_path: Path) -> None:
    alarms = Alarms()
    journal = opened(tmp_path, alarms, segment_bytes=1000, total_bytes=10_000)
    while not alarms.texts:
        journal.append([answered(1)], 0.0)
    assert "% full" in alarms.texts[0]
    assert journal.state is JournalState.WRITING
    assert 5_000 < journal.total_bytes < 7_000
    journal.close()


def test_how_much_lies_behind_a_position(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=1000)
    begin = journal.end
    while journal.end.segment < 4:
        journal.append([answered(1)], 0.0)
    assert journal.bytes_from(journal.end) == 0
    assert journal.bytes_from(begin) == pytest.approx(journal.total_bytes, rel=0.1)
    assert journal.bytes_from(Position(9, 0)) == 0
    journal.close()


def test_where_recovery_reads_from_moves_forward_and_never_past_the_end(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    begin = journal.end
    journal.append([answered(1)], 0.0)
    middle = journal.end
    journal.append([answered(2)], 0.0)
    journal.move_recover_from(middle)
    journal.move_recover_from(begin)
    assert journal.recover_from == middle
    journal.close()
    journal = opened(tmp_path, boot="next")
    assert journal.recover_from == middle
    journal.close()
    segment_path(tmp_path, 1).unlink()
    journal = opened(tmp_path, boot="after the power cut")
    assert journal.recover_from == journal.boot_begin == begin
    journal.close()


def test_its_files_are_nobody_elses_business(tmp_path: Path) -> None:
    journal = opened(tmp_path, segment_bytes=1_000)
    for number in range(20):
        journal.append([answered(number, padding=100)], 0.0)
    journal.move_recover_from(journal.end)
    journal.close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert {"id", "lock", "recover_from"} < modes.keys()
    assert len(modes) > 4
    assert set(modes.values()) == {0o600}
