"""The telephone network: SIPp with the scenarios of `scenarios/`, as a trunk's gateway."""

import shutil
import socket
import subprocess
from pathlib import Path

from sipp_scenarios import SCENARIOS

HOST = "127.0.0.5"
"A host of its own: whatever comes from a gateway's address is the trunk's."

END_S = 45.0


def free_port() -> int:
    """Return a UDP port of the carrier's host that nobody has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Carrier:
    """Serves one call by a scenario; its sound comes back as it went."""

    def __init__(self, port: int, folder: Path, scenario: str) -> None:
        program = shutil.which("sipp")
        assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
        self._folder = folder
        self._process = subprocess.Popen(
            [
                *(program, "-sf", str(SCENARIOS / f"{scenario}.xml")),
                *("-i", HOST, "-mi", HOST, "-p", str(port), "-t", "u1", "-m", "1"),
                *("-rtp_echo", "-nostdin", "-trace_err", "-timeout", "60s"),
            ],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def served(self) -> None:
        """Wait for the end; the call must have gone just as the scenario says."""
        try:
            out, _ = self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self.close()
            raise
        errors = "".join(path.read_text() for path in self._folder.glob("*_errors.log"))
        told = f"SIPp {self._process.returncode}\n{out.decode()[-2000:]}\n{errors[:3000]}"
        assert self._process.returncode == 0, told

    def close(self) -> None:
        """End it whatever it does."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
