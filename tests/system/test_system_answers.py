"""What phones may answer to our INVITE, by SIPp: twice, from elsewhere, or too early."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from lossy import LossyProxy
from lossy_load import Group, LossyLoad
from server import Server, Site, until

GROUPS = {
    "forked": Group("4521", ("d0001",)),
    "redirects": Group("4522", ("d0002",)),
    "early_media": Group("4523", ("d0003",)),
}
T1_MS = 500
HOLD_MS = 1500


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
        agents["ranges"] = []
        for group in GROUPS.values():
            (agent,) = group.agents
            numbers["numbers"][group.number] = {"queue": agent}
            skills = {"password": "{number}", "skills": {agent: "A"}}
            agents["ranges"].append({"first": agent, "last": agent, **skills})
            queues["queues"][agent] = {
                "skill": agent,
                "layers": [{"name": "all", "order": "longest_idle"}],
                "music": "",
                "position_every_s": 0,
            }
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture
def stage(server: Server, tmp_path: Path) -> Iterator[tuple[ExitStack, Path]]:
    with ExitStack() as stack:
        yield stack, tmp_path
    server.no_calls()


def call(
    server: Server, stage: tuple[ExitStack, Path], scenario: str, *arguments: str
) -> tuple[str, LossyLoad]:
    """Have one caller call the one agent; returns what the agent's SIPp had to complain of."""
    stack, folder = stage
    proxy = stack.enter_context(LossyProxy(server.sip(), 1))
    load = LossyLoad(proxy, GROUPS[scenario], folder / scenario, T1_MS)
    stack.callback(load.stop)
    load.register()
    agent = load.start_agents(f"agent_{scenario}", "-m", "1", *arguments)
    caller = load.start_callers(1, 1, HOLD_MS)
    faults = [f"caller: {load.told('lossy_caller')}"] if caller.wait(60) else []
    if agent.wait(60):
        faults.append(f"agent: {load.told(f'agent_{scenario}')}")
    return "\n".join(faults), load


@pytest.mark.parametrize("scenario", ["forked", "early_media"])
def test_a_call_that_is_answered(
    server: Server, stage: tuple[ExitStack, Path], scenario: str
) -> None:
    faults, load = call(server, stage, scenario)
    assert not faults
    (agent,) = load.group.agents
    (talk,) = server.rows("SELECT * FROM talk_segments WHERE agent = $1", agent)
    assert talk["talk_s"] > 0.5


def test_a_phone_cannot_divert_our_calls(server: Server, stage: tuple[ExitStack, Path]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.setblocking(False)
        host, port = elsewhere.getsockname()
        faults, load = call(server, stage, "redirects", "-key", "elsewhere", f"{host}:{port}")
        assert not faults
        (agent,) = load.group.agents
        until(
            lambda: server.query(
                "SELECT 1 FROM offers WHERE agent = $1 AND sip_status = 302", agent
            ),
            "an offer that failed by 302",
        )
        with pytest.raises(BlockingIOError):
            elsewhere.recv(2000)
