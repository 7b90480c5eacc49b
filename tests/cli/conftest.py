"""One server for the commands that want one, and the commands as processes of their own."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_commands import Acd

from acd.app.demo.site import DemoSite
from acd.config import load_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site() -> Iterator[DemoSite]:
    """Return a running server on the stock configuration."""
    folder = Path(tempfile.mkdtemp(prefix="acd-cli-", dir="/tmp"))
    folder.chmod(0o755)
    with asyncio.Runner() as runner:
        site = DemoSite(load_config(ROOT / "config"), folder, locale="en")
        runner.run(site.__aenter__())
        yield site
        runner.run(site.__aexit__(None, None, None))
    shutil.rmtree(folder)


@pytest.fixture
def acd() -> Iterator[Acd]:
    """Start `acd ARGUMENT…`; what still runs at the test's end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "acd", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
