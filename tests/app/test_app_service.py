"""A start that is broken off, and one on what a killed server left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from acd.calls.events import ServerStarted, ServerStopped
from acd.storage.journal import Journal
from acd.storage.journal_reader import JournalReader

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0


class Child:
    """`acd run` on a copy of the stock configuration, with a database that never answers."""

    def __init__(self, folder: Path) -> None:
        self.config, self.state = folder / "config", folder / "state"
        self._log = folder / "log"
        shutil.copytree(ROOT / "config", self.config)
        server = yaml.safe_load((self.config / "server.yaml").read_text())
        server["flows"] = str(ROOT / "ivr_flows")
        server["database"] = {"dsn": "postgresql://127.0.0.1:1/acd"}
        server["log"] = {"format": "json", "level": "info"}
        (self.config / "server.yaml").write_text(yaml.safe_dump(server, allow_unicode=True))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, output: int | None = None, closed: str = "", **environment: str) -> None:
        """Start it; `output` takes what it prints in place of the log, `closed` is the shell's."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("sh", "-c", f'exec "$@" {closed}', "sh"),
                    *self.command(),
                ],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log if output is None else output,
                stderr=log,
            )

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "acd", "run"),
            *("--config", str(self.config), "--state", str(self.state)),
            *("--sip", "127.0.0.1:0", "--http", "127.0.0.1:0"),
        ]

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait for what only asking can tell."""
        deadline = time.monotonic() + LIMIT_S
        while not happened():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def ends(self) -> int:
        return self.process.wait(LIMIT_S)

    def said(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def recorded(self) -> list[type]:
        reader = JournalReader(self.state / "journal", on_damage=lambda _: None)
        kinds = [type(entry.record.event) for entry in reader if entry.record is not None]
        reader.close()
        return kinds


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path)
    yield child
    child.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_takes_it_down_again(
    child: Child, number: signal.Signals
) -> None:
    child.start()
    child.until((child.state / "journal" / "lock").exists)
    child.process.send_signal(number)
    assert child.ends() == 0
    assert "Traceback" not in child.said()
    assert not (child.state / "run.json").exists()


def test_a_hangup_during_the_start_ends_nothing(child: Child) -> None:
    child.start()
    child.until((child.state / "journal" / "lock").exists)
    child.process.send_signal(signal.SIGHUP)
    child.until((child.state / "run.json").exists)
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == 0


def test_a_journal_with_a_torn_tail_is_said_and_serves(child: Child) -> None:
    journal = Journal.open(
        child.state / "journal",
        node="n",
        boot="b",
        wall_us=lambda: 1,
        on_alarm=lambda _: None,
    )
    journal.append([ServerStarted(version="0")], 0.0)
    journal.close()
    [segment] = (child.state / "journal").glob("*.*")
    with segment.open("ab") as file:
        file.write(b"half a reco")
    child.start()
    child.until((child.state / "run.json").exists)
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == 0
    said = child.said()
    assert "torn tail" in said
    assert "Traceback" not in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert "stopped" in {line["event"] for line in lines}
    assert child.recorded()[-1] is ServerStopped


def test_a_terminal_without_chinese_shows_all_but_the_letters(child: Child) -> None:
    child.start(PYTHONIOENCODING="ascii")
    child.until(lambda: "change a password" in child.said())
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == 0
    assert "Traceback" not in child.said()
    assert r"\u738b\u4e3d" in child.said()


def test_who_looks_through_head_ends_nothing(child: Child) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    child.start(output=writer)
    os.close(writer)
    child.until(lambda: "banner_not_printed" in child.said())
    child.until((child.state / "run.json").exists)
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == 0
    assert "Traceback" not in child.said()


def test_a_server_without_standard_streams_serves(child: Child) -> None:
    """As `acd run >&-` starts it: its media workers must not get the numbers of the streams."""
    child.start(closed=">&-")
    child.until((child.state / "run.json").exists)
    child.process.send_signal(signal.SIGTERM)
    assert child.ends() == 0
    assert "media_worker_lost" not in child.said()


def test_a_full_disk_is_told_with_its_place(child: Child) -> None:
    """Here a limit on files' size stands for the disk."""
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *child.command()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == f"acd: state folder {child.state}: File too large"
