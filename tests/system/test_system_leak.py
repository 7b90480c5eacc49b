"""Calls of every kind, and then nothing of them is left."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from lossy import LossyProxy
from lossy_load import Group, LossyLoad
from server import Server, Site
from sipp_scenarios import run_scenario

T1_MS = 100
"""What has ended is remembered for 64*T1: 6 s are within a test's patience, 32 are not. With less
than this a 200 is repeated while its ACK is on the way through a busy machine, and SIPp takes that
for the answer to the next request."""

TAIL_S = 40 + 64 * T1_MS / 1000
PHONES = 12
TALKERS = Group("4540", tuple(f"e{number:04}" for number in range(PHONES)))
GIVERS = Group("4541", tuple(f"f{number:04}" for number in range(PHONES)))
"Their phones hand each caller on to the talkers."

RINGING, UNKNOWN, ECHO = "4542", "4711", "4099"
SCENARIOS = {
    "caller_cancels": (RINGING, 25),
    "prack_late_offer": (RINGING, 5),
    "caller_refused": (UNKNOWN, 25),
    "hold_and_resume": (ECHO, 15),
    "session_refreshed_by_update": (ECHO, 5),
}
"By scenario: whom they call, and how many such calls there are beside those that are served."

HELD = (
    *("acd_calls_active", "acd_queue_waiting", "acd_media_streams"),
    *("acd_sip_legs", "acd_sip_transactions", "acd_sip_transfers"),
    *("acd_tasks", "process_open_fds", "acd_media_ports_ready"),
)
AT_REST = {"acd_tasks", "process_open_fds", "sockets but RTP's"}
"Of these the server has some without any call."

SERVED = 40
"Calls of the talkers, and as many of the givers."


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with (
        site.edit("agents.yaml") as agents,
        site.edit("queues.yaml") as queues,
        site.edit("numbers.yaml") as numbers,
        site.edit("server.yaml") as settings,
    ):
        settings["sip"]["digest_algorithms"] = ["MD5"]  # SIPp 3.6 knows no other
        settings["sip"]["registrar"]["qualify_s"] = 0  # an OPTIONS would be the call it waits for
        settings["sip"]["t1_s"] = T1_MS / 1000
        settings["sip"]["min_se_s"] = 2
        numbers["numbers"][RINGING] = {"queue": "service", "ringing": True}
        agents["ranges"] = []
        for group in (TALKERS, GIVERS):
            name = f"q{group.number}"
            numbers["numbers"][group.number] = {"queue": name}
            ends = {"first": group.agents[0], "last": group.agents[-1]}
            agents["ranges"].append({**ends, "password": "{number}", "skills": {name: "A"}})
            queues["queues"][name] = {
                "skill": name,
                "layers": [{"name": "all", "order": "longest_idle"}],
                "wrap_up_s": 0,
                "music": "",
                "position_every_s": 0,
                "miss": {"away_after_misses": 0},
            }
    site.move_rtp(2000)  # they rest for 2 s
    server = Server(site)
    yield server.start()
    server.close()


def held(server: Server) -> dict[str, float]:
    """Return what is there now of all that calls need, where it is more than nothing."""
    page = server.get("/metrics")[1]
    found = re.findall(rf"^((?:{'|'.join(HELD)})(?:{{.*}})?) (\S+)$", page, re.M)
    assert {name.partition("{")[0] for name, _ in found} == set(HELD)
    counts = {name: float(value) for name, value in found if float(value)}
    # A worker keeps the ports that it once needed at a time: not ready is what is in use.
    counts["sockets but RTP's"] = sockets(server) - counts.pop("acd_media_ports_ready")
    return counts


def more(server: Server, at_rest: dict[str, float]) -> dict[str, float]:
    """Return what is there above that; with less, the server had not quite started then."""
    return {name: count for name, count in held(server).items() if count > at_rest.get(name, 0)}


def sockets(server: Server) -> int:
    """Return how many sockets the server's processes hold: RTP's are in the media workers."""
    count = 0
    for pid in (server.pid, *server.children()):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):  # closed meanwhile
                count += link.readlink().name.startswith("socket:")
    return count


def call_and_end(server: Server, folder: Path, scenario: str) -> None:
    """Have all calls of a scenario of SCENARIOS."""
    folder.mkdir()
    number, calls = SCENARIOS[scenario]
    run_scenario(server, folder, scenario, number, "-m", str(calls), "-r", "20")


def traffic(server: Server, folder: Path, *loads: LossyLoad) -> None:
    """Have calls of every kind at a time."""
    callers = [load.start_callers(SERVED, 20, 400) for load in loads]
    with ThreadPoolExecutor() as pool:
        done = [pool.submit(call_and_end, server, folder / name, name) for name in SCENARIOS]
    for scenario in done:
        scenario.result()
    for caller, load in zip(callers, loads, strict=True):
        assert caller.wait(60) == 0, load.told("lossy_caller")


def test_nothing_is_left_of_ended_calls(server: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        loads = []
        for group, scenario in ((TALKERS, "lossy_agent"), (GIVERS, "agent_transfers")):
            proxy = stack.enter_context(LossyProxy(server.sip(), 1))
            load = LossyLoad(proxy, group, tmp_path / group.number, T1_MS)
            stack.callback(load.stop)
            load.register()
            load.start_agents(scenario)
            loads.append(load)
        at_rest = {name: count for name, count in held(server).items() if name in AT_REST}
        traffic(server, tmp_path, *loads)
        deadline = time.monotonic() + TAIL_S
        while (left := more(server, at_rest)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not left, f"at rest there is {at_rest}"
        states = {agent["state"] for agent in server.api("GET", "/agents") if agent["registered"]}
        assert states == {"idle"}
    sql = "SELECT outcome FROM transfers WHERE target = $1"
    rows = server.rows(sql, TALKERS.number, count=SERVED)
    assert {row["outcome"] for row in rows} == {"completed"}
