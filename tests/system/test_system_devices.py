"""Several phones of one agent, and phones that do not answer any more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hall import Hall
from phone import Phone
from server import Server, Site, until

SALES = "4001"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", ring_timeout_s=120, wrap_up_s=0, position_every_s=0)
    with site.edit("server.yaml") as settings:
        settings["sip"]["registrar"] |= {"devices": "all", "qualify_s": 2}
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture
def soft(server: Server, tmp_path: Path) -> Iterator[Phone]:
    """Return a second phone of agent 1001, over TCP, beside the desk's."""
    phone = Phone("soft-1001", tmp_path, transport="tcp")
    phone.register(server.sip("tcp"), "1001", server.password("1001"))
    yield phone
    phone.unregister()
    phone.close()


def test_both_phones_ring_and_the_first_to_answer_takes_the_call(
    server: Server, hall: Hall, soft: Phone
) -> None:
    desk, caller = hall.agent("1001"), hall.caller("13900000101")
    devices = server.agent("1001")["devices"]
    assert {(one["transport"], one["reachable"]) for one in devices} == {
        ("udp", True),
        ("tcp", True),
    }
    caller.call_answered(SALES)
    at_desk = desk.rings()
    soft.rings()
    soft.answer()
    desk.hung_up()
    server.agent_is("1001", "talking")
    state = str(server.state)
    trace = server.command("trace", at_desk.call_id, "--messages", "--state", state).stdout
    assert 'Reason: SIP;cause=200;text="Call completed elsewhere"' in trace
    caller.hangup()
    soft.hung_up()
    [offer] = server.rows(
        "SELECT o.leg, outcome FROM offers o JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND o.ended_at IS NOT NULL",
        "13900000101",
    )
    legs = server.rows(
        "SELECT l.leg, l.reason, l.answered_at FROM legs l JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND side = 'agent'",
        "13900000101",
        count=2,
    )
    assert offer["outcome"] == "answered"
    by_leg = {row["leg"]: row for row in legs}
    assert by_leg.pop(offer["leg"])["answered_at"] is not None
    [silent] = by_leg.values()
    assert (silent["reason"], silent["answered_at"]) == ("answered_elsewhere", None)


def test_who_is_busy_at_the_desk_still_rings_elsewhere(
    server: Server, hall: Hall, soft: Phone
) -> None:
    desk, caller = hall.agent("1001"), hall.caller("13900000102")
    desk.react(486)
    caller.call_answered(SALES)
    soft.rings()
    soft.answer()
    server.agent_is("1001", "talking")
    caller.hangup()
    soft.hung_up()


def waiting(server: Server, name: str) -> int:
    """Return how many calls wait in a queue."""
    [queue] = [queue for queue in server.api("GET", "/queues") if queue["queue"] == name]
    return int(queue["waiting"])


def test_a_phone_that_hangs_is_offered_nothing_until_it_is_back(
    server: Server, hall: Hall
) -> None:
    desk, caller = hall.agent("1002"), hall.caller("13900000103")
    desk.freeze()
    # Asked within 2 s, silent for 8.
    server.agent_is("1002", "offline")
    [device] = server.agent("1002")["devices"]
    assert device["reachable"] is False
    assert "acd_contacts_unreachable 1.0" in server.get("/metrics")[1]
    caller.call_answered(SALES)
    until(lambda: waiting(server, "sales") == 1, "the caller waits")
    assert server.agent("1002")["state"] == "offline"
    desk.thaw()
    desk.rings()
    desk.answer()
    server.agent_is("1002", "talking")
    caller.hangup()
    desk.hung_up()
