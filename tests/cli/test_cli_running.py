"""Finding the server of a state folder."""

import os
import subprocess
import sys
from pathlib import Path

from acd.cli._running import find_running

ROOT = Path(__file__).parents[2]
NOTE = '{"pid": 1, "sip": {"udp": ["0.0.0.0", 5060]}, "http": ["::", 8080], "database": ""}'

ASKS_AS_ANOTHER_ACCOUNT = """
import os, pathlib, sys
from acd.cli._options import CommandError
from acd.cli._running import find_running
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    find_running(pathlib.Path(sys.argv[1]))
except CommandError as error:
    print(error)
"""


def test_hosts_are_such_as_can_be_reached(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    (tmp_path / "run.json").write_text(NOTE)
    found = find_running(tmp_path)
    assert found is not None
    assert found.sip["udp"] == ("127.0.0.1", 5060)
    assert found.http == ("::1", 8080)


def test_the_server_of_another_account_is_not_taken_for_none(tmp_path: Path) -> None:
    """Otherwise commands would say that no server runs, or look for a database of their own."""
    tmp_path.chmod(0o755)
    note = tmp_path / "run.json"
    note.write_text(NOTE)
    note.chmod(0o600 if os.geteuid() == 0 else 0)
    asked = subprocess.run(
        [sys.executable, "-c", ASKS_AS_ANOTHER_ACCOUNT, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Permission denied; run the command as the account of `acd run`" in asked.stdout
