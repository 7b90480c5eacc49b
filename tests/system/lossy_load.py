"""SIPp on both sides of a bad network: agents' phones that are registered, and callers."""

import csv
import re
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lossy import HOST, LossyProxy

SCENARIOS = Path(__file__).parent / "scenarios"


@dataclass(frozen=True)
class Group:
    """Agents of one queue behind one proxy, and those who call it."""

    number: str
    "What the callers dial."

    agents: tuple[str, ...]


def free_port() -> int:
    """Return a UDP port of the loopback that is free now: SIPp has to name its own twice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class LossyLoad:
    """The SIPp processes of one group."""

    def __init__(self, proxy: LossyProxy, group: Group, folder: Path, t1_ms: int) -> None:
        folder.mkdir()
        self.proxy, self.group, self._folder = proxy, group, folder
        self._t1_ms = t1_ms
        for path in (*SCENARIOS.glob("lossy_*.xml"), *SCENARIOS.glob("agent_*.xml")):
            scenario = path.read_text().replace("@T1@", str(t1_ms))
            (folder / path.name).write_text(scenario.replace("@LINGER@", str(64 * t1_ms)))
        self._agents_port = free_port()
        self._running: list[subprocess.Popen[bytes]] = []

    def register(self) -> None:
        """Register every agent; to be done while the network is good."""
        accounts = "".join(
            f"{agent};[authentication username={agent} password={agent}]\n"
            for agent in self.group.agents
        )
        (self._folder / "accounts.csv").write_text(f"SEQUENTIAL\n{accounts}")
        more = ("-inf", "accounts.csv", "-m", str(len(self.group.agents)), "-r", "100")
        code = self._sipp("lossy_register", self._agents_port, *more).wait(60)
        assert code == 0, f"the agents cannot register\n{self.told('lossy_register')}"

    def start_agents(
        self, scenario: str = "lossy_agent", *arguments: str
    ) -> subprocess.Popen[bytes]:
        """Let the agents' phones take calls."""
        return self._sipp(scenario, self._agents_port, *arguments)

    def start_callers(self, calls: int, rate: int, hold_ms: int) -> subprocess.Popen[bytes]:
        """Let the callers call."""
        more = ("-s", self.group.number, "-m", str(calls), "-l", str(calls), "-r", str(rate))
        return self._sipp("lossy_caller", free_port(), *more, "-d", str(hold_ms))

    def _sipp(self, name: str, port: int, *arguments: str) -> subprocess.Popen[bytes]:
        program = shutil.which("sipp")
        assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
        with (self._folder / f"{name}.out").open("wb") as out:
            process = subprocess.Popen(
                [
                    *(program, self.proxy.place, "-sf", f"{name}.xml"),
                    *("-i", HOST, "-p", str(port), "-nostdin", *arguments),
                    *("-trace_logs", "-log_file", f"{name}.log"),
                    *("-trace_err", "-error_file", f"{name}.err"),
                    *("-trace_stat", "-stf", f"{name}.csv", "-fd", "1"),
                    *("-cid_str", f"{self.group.number}-{name}-%u-%p"),
                    # A late 100 or a doubled 200 is no reason to give a call up.
                    *("-default_behaviors", "all,-abortunexp"),
                    *("-max_invite_retrans", "9", "-max_non_invite_retrans", "11"),
                    *("-T2", str(8 * self._t1_ms), "-timeout", "300s"),
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._running.append(process)
        return process

    def stop(self) -> None:
        """End what still runs."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(3)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(3)

    def succeeded(self) -> int:
        """Return how many callers' calls went through to the 200 of their BYE."""
        with (self._folder / "lossy_caller.csv").open() as file:
            rows = list(csv.reader(file, delimiter=";"))
        return int(rows[-1][rows[0].index("SuccessfulCall(C)")])

    def heard(self, kind: str) -> list[str]:
        """Return the callers whom an agent's phone heard of: R of an INVITE, C an ACK, B a BYE."""
        log = (self._folder / "lossy_agent.log").read_text(errors="replace")
        return re.findall(rf"^{kind} (\S+)", log, re.M)

    def told(self, name: str) -> str:
        """Return what SIPp has to say of a scenario."""
        paths = [self._folder / f"{name}.out", self._folder / f"{name}.err"]
        return "\n".join(p.read_text(errors="replace")[-2000:] for p in paths if p.exists())
