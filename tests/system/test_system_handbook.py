"""The handbook's worked example through real calls, a tenth of its size: 90.2 %, 80.4 %, 7.8 %.

51 callers: 46 are answered, 41 of them in time; one hangs up at once, four after a while. The
thresholds are shorter than a centre's (6 s for 20, 1.5 s for 5), so that it takes half a minute.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lossy_load import free_port
from server import Server, Site, until
from sipp_scenarios import SCENARIOS, run_scenario

SERVICE = "4002"
AGENTS = ("1005", "1006", "1007", "1008", "1009")
SHORT_ABANDON_S, SERVICE_LEVEL_S = 1.5, 6.0
LATE, IN_TIME, ABANDONS = 5, 41, 4


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    thresholds = {"short_abandon_s": SHORT_ABANDON_S, "service_level_s": SERVICE_LEVEL_S}
    site.queue("service", position_every_s=0, wrap_up_s=0, **thresholds)
    with site.edit("server.yaml") as settings:
        settings["sip"]["digest_algorithms"] = ["MD5"]  # all that SIPp 3.6 knows
        settings["sip"]["registrar"]["qualify_s"] = 0  # an OPTIONS would be the call it waits for
    server = Server(site)
    yield server.start()
    server.close()


@contextmanager
def sipp(server: Server, folder: Path, *arguments: str) -> Iterator[None]:
    """Run SIPp beside what happens within; at the end all its calls must have gone as written."""
    command = ["sipp", server.sip(), *("-i", "127.0.0.1", "-t", "u1", "-nostdin", "-trace_err")]
    running = subprocess.Popen(
        [*command, "-timeout", "100s", "-deadcall_wait", "100", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        code = running.wait(110)
    finally:
        running.kill()
        running.wait(5)
    errors = "".join(path.read_text() for path in folder.glob("*_errors.log"))
    assert code == 0, f"SIPp {arguments}: {code}\n{errors[:3000]}"


def served(calls: int, rate: int) -> tuple[str, ...]:
    """Callers who stay until the agent hangs up."""
    scenario = str(SCENARIOS / "served_caller.xml")
    return ("-sf", scenario, "-s", SERVICE, "-m", str(calls), "-r", str(rate))


def giving_up(calls: int, after_ms: int) -> tuple[str, ...]:
    """SIPp's own callers, who hang up so long after they are in the line."""
    return ("-sn", "uac", "-s", SERVICE, "-m", str(calls), "-r", "20", "-d", str(after_ms))


def line(server: Server) -> dict[str, Any]:
    [queue] = [each for each in server.api("GET", "/queues") if each["queue"] == "service"]
    return queue


def everybody(server: Server, **status: str) -> None:
    for agent in AGENTS:
        server.api("POST", f"/agents/{agent}/status", status)


def the_day(server: Server, folder: Path) -> None:
    """Let 51 callers call."""
    port = str(free_port())
    for agent in AGENTS:
        who = ("-au", agent, "-ap", server.password(agent))
        run_scenario(server, folder, "register_agent", agent, "-p", port, *who)
        server.agent_is(agent, "idle")
    everybody(server, status="away", reason="break")
    phones = ("-sf", str(SCENARIOS / "agent_serves.xml"), "-p", port, "-m", str(LATE + IN_TIME))
    with sipp(server, folder, *phones):
        with sipp(server, folder, *served(LATE, 20)):
            until(lambda: line(server)["waiting"] == LATE, "the late ones wait")
            oldest_s = line(server)["oldest_wait_s"]
            with sipp(server, folder, *giving_up(1, 100)):
                pass
            with sipp(server, folder, *giving_up(ABANDONS, 2500)):
                pass
            # From here on even the last of them waits for longer than the threshold.
            until(
                lambda: line(server)["oldest_wait_s"] > oldest_s + SERVICE_LEVEL_S + 0.1,
                "the late ones are late",
            )
            assert line(server)["waiting"] == LATE
            everybody(server, status="ready")
        with sipp(server, folder, *served(IN_TIME, 4)):
            pass


def test_the_handbooks_day(server: Server, tmp_path: Path) -> None:
    the_day(server, tmp_path)
    server.rows("SELECT * FROM interactions WHERE ended_at IS NOT NULL", count=51)
    row = server.kpi()["service"]
    counts = ("offered", "answered", "short_abandons", "abandons", "waiting", "faulted")
    assert [row[name] for name in counts] == [51, 46, 1, 4, 0, 0]
    rates = ("answer_rate", "service_level", "abandon_rate")
    assert [f"{row[name]:.1%}" for name in rates] == ["90.2%", "80.4%", "7.8%"]
    assert [row[name] for name in rates] == pytest.approx([46 / 51, 41 / 51, 4 / 51])
