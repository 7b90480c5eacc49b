"""Standard streams that are closed, or in an encoding without the letters of the names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from acd.cli import main

ROOT = Path(__file__).parents[2]
LIST = ("agents", "list", "--config", str(ROOT / "config"))

PRINTS_THE_DESCRIPTORS = """
import os, sys
from acd.cli._streams import prepare_standard_streams
prepare_standard_streams()
print("said")
file = os.open(os.devnull, os.O_RDONLY)
os.write(int(sys.argv[1]), f"{file} {sys.stdout is not None} {sys.stderr is not None}".encode())
"""


def acd(
    *words: str, state: Path, encoding: str = "utf-8", closed: str = ""
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command by a shell that closes streams before."""
    command = [sys.executable, "-m", "acd", *words, "--state", str(state)]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_a_terminal_lacks_end_nothing(tmp_path: Path, encoding: str) -> None:
    done = acd(*LIST, state=tmp_path, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert rb"\u738b\u4e3d" in done.stdout


def test_a_chinese_terminal_shows_its_letters(tmp_path: Path) -> None:
    assert "王丽" in acd(*LIST, state=tmp_path, encoding="gbk").stdout.decode("gbk")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_ends_nothing(tmp_path: Path, closed: str) -> None:
    done = acd(*LIST, state=tmp_path, closed=closed)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr


def test_no_file_takes_the_place_of_a_closed_stream() -> None:
    """Children would write into it: a media worker aborts at its start."""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", PRINTS_THE_DESCRIPTORS, str(writer)]
    subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command],
        cwd=ROOT,
        pass_fds=(writer,),
        check=True,
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        opened, output, errors = told.read().split()
    assert int(opened) > 2
    assert (output, errors) == ("True", "True")


def test_ctrl_c_while_the_commands_are_looked_up_ends_quietly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("acd.cli.trunks.add_parser", interrupted)
    assert main(["run"]) == 130
