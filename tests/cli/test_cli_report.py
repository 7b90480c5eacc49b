"""`acd report`: what is said before there are figures."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from acd.cli import main

ROOT = Path(__file__).parents[2]
COMMON = ["report", "kpi", "--config", str(ROOT / "config")]


def test_without_a_name_the_reports_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("kpi ") for line in lines)
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nothing", "--config", str(ROOT / "config")], "there are abandoned, "),
        ([*COMMON, "--output", "kpi.doc"], "say --format, one of table, json"),
        ([*COMMON, "--day", "someday"], "--day someday: expected today"),
        ([*COMMON, "--to", "today"], "--from "),
        ([*COMMON, "--by", "colour"], "--by colour: expected one of project, queue"),
        ([*COMMON, "--page", "0"], "--page 0: expected a page's number, from 1"),
        ([*COMMON, "--lines", "0"], "--lines 0: expected lines from 1 to 100,000, or all"),
        (
            [*COMMON, "--format", "html", "--lines", "all"],
            "--lines all: expected lines from 1 to 5",
        ),
        ([*COMMON, "--page", "2", "--format", "png", "--output", "x.png"], "--page a picture"),
        ([*COMMON, "--option", "days"], "--option days: expected NAME=VALUE"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_option(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(terminal: bool, tmp_path: Path) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "acd", *COMMON, "--state", str(tmp_path / "none")],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 10_000):
            said += part
    except OSError:  # how a pseudo-terminal ends
        pass
    os.close(ours)
    assert (done.returncode, done.stdout) == (1, b"")
    assert (b"the records are brought together" in said) == terminal
    assert b"no server has run on this state folder" in said


def test_a_workbook_is_nothing_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main([*COMMON, "--format", "xlsx"]) == 1
    assert "say --output FILE" in capsys.readouterr().err
