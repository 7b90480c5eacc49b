"""The two commands, wherever somebody cloned to."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_folder_with_a_space_in_its_name_can_be_made(tmp_path: Path) -> None:
    clone = tmp_path / "my clone 中文"
    (clone / "deploy").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "deploy/requirements-dev.txt"):
        shutil.copy(ROOT / name, clone / name)
    # A make that runs these tests would have its say in what this one prints.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    told = subprocess.run(
        ["make", "--dry-run", "run", 'RUN_ARGS=--sip "[::1]:5060"'],
        cwd=clone,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = [shlex.split(line) for line in told.stdout.splitlines()]
    assert [words[0] for words in commands if ".venv/bin/uv" in words] == [
        f"VIRTUAL_ENV={clone}/.venv"
    ] * 2
    assert commands[-1] == [".venv/bin/acd", "run", "--sip", "[::1]:5060"]
