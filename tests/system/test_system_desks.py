"""An agent sits down at a desk phone, is announced by number, and gets up again."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hall import Hall
from phone import Phone
from server import Server, Site
from tones import AGENT_HZ, CALLER_HZ

SALES = "4001"
PIN = "135791"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue(
        "sales", layers=[{"name": "all"}], wrap_up_s=0, position_every_s=0, announce_agent=True
    )
    with site.edit("agents.yaml") as agents:
        agents["desk_phones"] = ["d01"]
    server = Server(site)
    yield server.start()
    server.close()


def test_calls_ring_at_the_desk_where_the_agent_sits(
    server: Server, open_hall: Callable[[Server], Hall], tmp_path: Path, tones: dict[str, Path]
) -> None:
    where = ("--config", str(server.site.config), "--state", str(server.state))
    made = server.command("agents", "pin", "1001", *where)
    assert made.returncode == 0, made.stderr
    pin = made.stdout.split("pin: ")[1].strip()
    hall = open_hall(server)
    desk = Phone("desk", tmp_path, tone=tones["agent"])
    try:
        desk.register(server.sip(), "d01", server.password("d01"))
        log_in(desk, f"1001#{pin[::-1]}0#")
        assert server.agent("1001")["state"] == "offline"
        log_in(desk, f"1001#{pin}#")
        server.agent_is("1001", "idle")
        assert server.agent("1001")["account"] == "d01"

        caller = hall.caller("13500000051")
        caller.call_answered(SALES)
        desk.rings()
        desk.answer()
        caller.hears_sound()  # "工号 1 0 0 1 为您服务"
        caller.hears(AGENT_HZ)
        desk.hears(CALLER_HZ)
        caller.hangup()
        desk.hung_up()
        server.agent_is("1001", "idle")

        desk.call_answered("*12")
        desk.hung_up()
        server.agent_is("1001", "offline")
        assert server.agent("1001")["account"] == "1001"
    finally:
        desk.close()
    assert pin not in server.log()
    assert "Traceback" not in server.log()
    journal = server.command("journal", "dump", "--state", str(server.state)).stdout
    assert '"DeskTaken"' in journal
    assert pin not in journal


def log_in(desk: Phone, keys: str) -> None:
    """Dial the code, key this in, and hear the answer to its end."""
    desk.call_answered("*20")
    desk.hears_sound()
    desk.digits(keys)
    desk.hung_up()
