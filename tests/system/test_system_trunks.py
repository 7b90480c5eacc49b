"""Trunks of a running server. SIPp is the carrier: gateways that fail, and one that serves."""

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hall import Hall
from server import Server, Site, replace, until
from sipp_scenarios import SCENARIOS, run_scenario

CARRIER = "127.0.0.2"
"Another address than the phones': by it the server knows whose calls these are."

OUTSIDE = "13800138000"


class Gateway:
    """A SIPp process that serves one call of a scenario on an address of its own.

    Without a file of that name it is one of SIPp's own.
    """

    def __init__(self, scenario: str, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self._folder = folder / scenario
        self._folder.mkdir()
        program = shutil.which("sipp")
        assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
        file = SCENARIOS / f"{scenario}.xml"
        which = ("-sf", str(file)) if file.exists() else ("-sn", scenario)
        self._process = subprocess.Popen(
            [
                *(program, *which, "-i", CARRIER, *arguments),
                *("-p", str(self.port), "-m", "1", "-nostdin", "-trace_err", "-timeout", "60s"),
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: listens(self.port), f"{scenario} listens")

    def served(self) -> None:
        """Wait for the end; it is a fault unless everything came as the scenario has it."""
        code = self._process.wait(60)
        errors = "".join(path.read_text() for path in self._folder.glob("*_errors.log"))
        assert code == 0, f"SIPp {code}\n{errors[:3000]}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait(5)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind((CARRIER, 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether somebody has bound the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((CARRIER, port))
        except OSError:
            return True
    return False


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Return a function that starts a gateway by the name of its scenario."""
    running: list[Gateway] = []

    def start(scenario: str, *arguments: str) -> Gateway:
        running.append(Gateway(scenario, tmp_path, *arguments))
        return running[-1]

    yield start
    for each in running:
        each.close()


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.edit("numbers.yaml") as numbers:
        numbers["dial_plan"] = {"trunks": ["carrier"], "may_call": "national"}
    write_trunk(site, [free_port()])
    server = Server(site)
    yield server.start()
    server.close()


def write_trunk(site: Site, ports: list[int], **more: object) -> None:
    """Write the carrier's trunk with these gateways, in this order."""
    (site.config / "secrets").mkdir(exist_ok=True)
    (site.config / "secrets" / "carrier").write_text("s3cret\n")
    trunk: dict[str, Any] = {
        "domain": "ims.example.cn",
        "gateways": [
            {"host": CARRIER, "port": port, "transport": "udp", "priority": at}
            for at, port in enumerate(ports)
        ],
        "username": "me@ims",
        "password_file": "secrets/carrier",
        "channels": 1,
        "trusted": True,
        "codecs": ["PCMA"],
        "options_interval_s": 0,
        "rest_s": 600,
        "no_answer_s": 0.6,
        "caller_id": {"number": "+8675512340000"},
        "numbering": {"style": "national", "user_phone": True},
        "incoming": {"numbers": {"+864008001234": "4099"}},
        **more,
    }
    replace(site.config / "trunks.yaml", yaml.safe_dump({"trunks": {"carrier": trunk}}))


def trunk_of(server: Server) -> dict[str, Any]:
    trunks: list[dict[str, Any]] = server.api("GET", "/trunks")
    return trunks[0]


def taken_over(server: Server, ports: list[int]) -> None:
    """Wait until the server has read the file."""
    wanted = [f"udp:{CARRIER}:{port}" for port in ports]
    until(
        lambda: [each["address"] for each in trunk_of(server)["gateways"]] == wanted,
        f"gateways {wanted}",
    )


def test_a_call_finds_the_gateway_that_serves_and_a_full_trunk_says_so(
    server: Server, hall: Hall, gateway: Callable[[str], Gateway], tmp_path: Path
) -> None:
    agent = hall.agent("1001")
    refusing, serving = gateway("carrier_refuses"), gateway("carrier_answers")
    ports = [free_port(), refusing.port, serving.port]
    write_trunk(server.site, ports)
    taken_over(server, ports)

    line = agent.call(OUTSIDE)
    agent.expect("state", line=line, state="CONFIRMED")
    refusing.served()
    states = trunk_of(server)["gateways"]
    assert [state["health"] for state in states] == ["resting", "resting", "up"]
    assert trunk_of(server)["channels_in_use"] == 1

    run_scenario(server, tmp_path, "trunk_full", "4008001234", "-i", CARRIER)
    agent.hangup(line=line)
    serving.served()
    until(lambda: trunk_of(server)["channels_in_use"] == 0, "a free channel")
    run_scenario(server, tmp_path, "trunk_call", "4008001234", "-i", CARRIER)
    server.no_calls()
    assert trunk_of(server)["channels_in_use"] == 0
    [row] = server.rows("SELECT caller, called FROM interactions WHERE called = '4099'")
    assert row["caller"] == "+8613900139000"

    shown = server.command("trunks", "list", "--json", "--state", str(server.state))
    [trunk] = json.loads(shown.stdout)
    assert (trunk["trunk"], trunk["up"]) == ("carrier", True)
    assert server.command("trunks", "list", "--state", str(server.state)).returncode == 0
    assert json.loads(server.get("/readyz")[1])["trunks"] == {"carrier": "up"}
    metrics = server.get("/metrics")[1]
    assert (
        f'acd_gateway_up{{gateway="udp:{CARRIER}:{serving.port}",trunk="carrier"}} 1.0' in metrics
    )
    assert 'acd_trunk_up{trunk="carrier"} 1.0' in metrics


def test_a_gateway_sends_the_call_elsewhere(
    server: Server, hall: Hall, gateway: Callable[..., Gateway]
) -> None:
    agent = hall.agent("1001")
    serving = gateway("uas")
    place = f"{CARRIER}:{serving.port}"
    redirecting = gateway("carrier_redirects", "-key", "elsewhere", place)
    write_trunk(server.site, [redirecting.port], redirects=1)
    taken_over(server, [redirecting.port])
    line = agent.call(OUTSIDE)
    agent.expect("state", line=line, state="CONFIRMED")
    redirecting.served()
    agent.hangup(line=line)
    serving.served()
    server.no_calls()


def test_a_trunk_registers(server: Server, gateway: Callable[[str], Gateway]) -> None:
    registrar = gateway("carrier_registrar")
    registration = {"user": "+8675512340000", "contact": "line1"}
    write_trunk(server.site, [registrar.port], registration=registration)
    registrar.served()
    until(lambda: trunk_of(server)["registered"], "registered")
    assert trunk_of(server)["up"]


def test_a_broken_file_leaves_the_trunks_as_they_are(server: Server) -> None:
    before = trunk_of(server)
    path = server.site.config / "trunks.yaml"
    text = path.read_text()
    replace(path, text.replace("channels: 1", "channels: many"))
    until(lambda: json.loads(server.get("/readyz")[1])["faults"], "a fault")
    assert trunk_of(server)["gateways"] == before["gateways"]
    replace(path, text)
    until(lambda: not json.loads(server.get("/readyz")[1])["faults"], "no fault")
