"""SIPp with the XML scenarios of `scenarios/`."""

import shutil
import subprocess
from pathlib import Path

from server import Server

SCENARIOS = Path(__file__).parent / "scenarios"


def run_scenario(server: Server, folder: Path, scenario: str, number: str, *more: str) -> str:
    """Run one call of a scenario; it fails unless the server did just what stands there."""
    program = shutil.which("sipp")
    assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
    done = subprocess.run(
        [
            *(program, server.sip("udp"), "-sf", str(SCENARIOS / f"{scenario}.xml")),
            *("-s", number, "-i", "127.0.0.1", "-t", "u1", "-m", "1"),
            *("-nostdin", "-trace_err", "-timeout", "60s", *more),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    errors = "".join(path.read_text() for path in folder.glob("*_errors.log"))
    assert done.returncode == 0, f"SIPp {done.returncode}\n{done.stdout[-3000:]}\n{errors[:3000]}"
    return done.stdout
