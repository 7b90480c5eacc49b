"""`acd agents list` beside a server that answers over HTTP: devices stand beside the agents."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from test_web_trace_command import services

from acd.app.devices import by_transport, device_view, unreachable
from acd.app.state import Running
from acd.cli import main
from acd.sip.events import Contact
from acd.sip.peer import Peer
from acd.web.app import WebServer, build_app
from acd.web.token import load_or_create_token

CONFIG = Path(__file__).parents[2] / "config"
DESK = Contact("sip:1001@10.0.0.7", Peer("udp", "203.0.113.9", 61000), 1e9, "Desk/1")
SOFT = Contact("sip:1001@10.0.0.8", Peer("tls", "2001:db8::8", 5061), 1e9, "", reachable=False)


def test_devices_as_people_see_them() -> None:
    assert device_view(SOFT) == {
        "contact": "sip:1001@10.0.0.8",
        "transport": "tls",
        "address": "[2001:db8::8]:5061",
        "user_agent": "",
        "reachable": False,
    }
    devices = {"1001": (DESK, SOFT), "1002": (DESK,)}
    assert by_transport(devices) == {"udp": 2, "tls": 1}
    assert unreachable(devices) == 1


@pytest.mark.asyncio
async def test_agents_are_listed_with_their_devices(tmp_path, capsys) -> None:
    agents = [{"number": "1001", "devices": [device_view(DESK), device_view(SOFT)]}]
    asked = services(load_or_create_token(tmp_path), {})
    server = WebServer(build_app(replace(asked, agents=lambda: agents)))
    await server.start("127.0.0.1", 0)
    Running(1, {}, server.bound_address(), "").write(tmp_path)
    words = ["agents", "list", "--config", str(CONFIG), "--state", str(tmp_path)]
    try:
        assert await asyncio.to_thread(main, words) == 0
    finally:
        await server.close()
    with_server = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(with_server) if line.startswith("1001 "))
    desk, soft = with_server[at + 1], with_server[at + 2]
    assert desk.split() == ["udp", "203.0.113.9:61000", "sip:1001@10.0.0.7", "Desk/1"]
    assert soft.endswith("does not answer")
    # The note is there still, and nobody answers: as without a server.
    assert await asyncio.to_thread(main, words) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(with_server) - 2
