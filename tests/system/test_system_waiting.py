"""Those who wait, at a running server: call-backs over a trunk, keys out of the line, closure.

SIPp is the telephone network, pjsua2 the phones of agents and of callers without a trunk.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from carrier import HOST, Carrier, free_port
from hall import Hall
from phone import Phone
from server import Server, Site, until
from sipp_scenarios import run_scenario
from tones import AGENT_HZ

SALES, SERVICE = "4001", "4002"
MOBILE, FULL = "13800138000", "+8613800138000"
CALLER_ID = "+8675512345678"
ALL_DAY = {"weekly": {"daily": ["00:00-24:00"]}}


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(site: Site, port: int) -> Iterator[Server]:
    with site.edit("trunks.yaml") as trunks:
        gateway = {"host": HOST, "port": port}
        trunks["trunks"] = {
            "carrier": {"gateways": [gateway], "options_interval_s": 0, "rest_s": 0.1}
        }
    with site.edit("numbers.yaml") as numbers:
        numbers["dial_plan"] |= {"trunks": ["carrier"]}
    for name, first in (("sales", "agent"), ("service", "customer")):
        site.queue(
            name,
            layers=[{"name": "all"}],
            wrap_up_s=0,
            position_every_s=0,
            callback={"first": first, "caller_id": CALLER_ID, "hours": ALL_DAY},
            waiting={
                "exits": {
                    "1": {"callback": True},
                    "3": {"flow": "callback"},
                    "9": {"flow": "hotline"},
                }
            },
        )
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture
def customer(port: int, tmp_path: Path) -> Iterator[Carrier]:
    """Return a customer who waits to be called back; what is said comes back as an echo."""
    folder = tmp_path / "customer"
    folder.mkdir()
    carrier = Carrier(port, folder, "called_back")
    yield carrier
    carrier.close()


def promised(server: Server, queue: str) -> dict[str, Any]:
    """Wait until the queue has a call-back in its line; return it."""

    def lined_up() -> dict[str, Any] | None:
        found: list[dict[str, Any]] = server.api("GET", "/callbacks")
        return next((one for one in found if one["state"] == "lined_up"), None)

    callback = until(lined_up, f"a call-back in the line of {queue}")
    assert (callback["queue"], callback["number"]) == (queue, FULL)
    return callback


def reached(
    server: Server,
    callback: dict[str, Any],
    agent: str,
    *,
    ended_by: str = "caller",
    before: tuple[str, ...] = (),
) -> list[dict[str, Any]]:
    """Check the records of wish and attempt; return the visits of both, in their order.

    `before`: outcomes of the wish's earlier visits.
    """
    key = callback["callback"]
    sql = "SELECT * FROM callbacks WHERE callback = $1 AND outcome = 'reached'"
    [row] = server.rows(sql, key)
    assert (row["number"], row["attempts"], row["agent"]) == (FULL, 1, agent)
    assert row["first_enqueued_at"] <= row["last_attempt_at"] <= row["ended_at"]
    sql = (
        "SELECT * FROM interactions WHERE interaction = $1 AND ended_at IS NOT NULL"
        " ORDER BY started_at"
    )
    wish, attempt = server.rows(sql, key, count=2)
    assert (wish["direction"], wish["ended_by"]) == ("inbound", ended_by)
    assert (attempt["direction"], attempt["number"]) == ("callback", FULL)
    assert attempt["ended_by"] == "agent"
    sql = "SELECT * FROM talk_segments WHERE interaction = $1"
    [talk] = server.rows(sql, key)
    assert (talk["agent"], talk["queue"]) == (agent, callback["queue"])
    assert 0.5 < talk["talk_s"] < 120
    sql = "SELECT * FROM queue_visits WHERE interaction = $1 ORDER BY entered_at"
    visits = server.rows(sql, key, count=2 + len(before))
    assert [visit["outcome"] for visit in visits] == [*before, "callback", "answered"]
    assert [visit["callback"] for visit in visits] == [*(False for _ in before), False, True]
    return visits


def talk(agent: Phone, customer: Carrier) -> None:
    """Let the agent speak, hear the customer's echo of it, and hang up."""
    agent.hears(AGENT_HZ, for_s=0.8)
    agent.hangup()
    customer.served()


def test_a_caller_over_a_trunk_is_called_back_when_an_agent_has_answered(
    server: Server, hall: Hall, customer: Carrier, tmp_path: Path
) -> None:
    run_scenario(server, tmp_path, "trunk_asks_callback", SALES, "-i", HOST)
    callback = promised(server, "sales")
    assert server.api("GET", "/calls") == []

    agent = hall.agent("1001", state="offered")
    ringing = agent.rings()
    assert "13800138000" in ringing.number
    agent.answer()
    server.agent_is("1001", "talking")
    talk(agent, customer)

    server.no_calls()
    assert server.api("GET", "/callbacks") == []
    _, visit = reached(server, callback, "1001")
    assert visit["waited_s"] > 0


def test_a_customer_who_is_called_first_gets_the_place_that_was_kept(
    server: Server, hall: Hall, customer: Carrier
) -> None:
    caller = hall.caller(MOBILE)
    caller.call_answered(SERVICE)
    caller.hears_sound()
    caller.digits("1")
    before = caller.recording().sound_s()
    until(lambda: caller.recording().sound_s() > before + 0.5, "the promise is told")
    caller.hangup()
    callback = promised(server, "service")

    agent = hall.agent("1005", state="offered")
    agent.rings()
    agent.answer()
    talk(agent, customer)

    server.no_calls()
    wish, visit = reached(server, callback, "1005")
    first = visit["entered_at"] - timedelta(seconds=visit["waited_before_s"])
    assert abs(first - wish["entered_at"]) < timedelta(seconds=0.5)


def test_the_stock_flow_asks_where_to_call_back_and_promises_it(
    server: Server, hall: Hall, customer: Carrier
) -> None:
    caller = hall.caller(MOBILE)
    caller.call_answered(SALES)
    caller.hears_sound()
    caller.digits("3")
    until(lambda: the_queue(server) == "", "in the flow")
    hears_more(caller, "which number?")
    caller.digits("1")
    hears_more(caller, "the promise")
    caller.hung_up()
    callback = promised(server, "sales")

    agent = hall.agent("1001", state="offered")
    agent.rings()
    agent.answer()
    talk(agent, customer)
    server.no_calls()
    line, wish, visit = reached(server, callback, "1001", ended_by="flow", before=("exited",))
    first = visit["entered_at"] - timedelta(seconds=visit["waited_before_s"])
    assert abs(first - line["entered_at"]) < timedelta(seconds=0.5)
    assert wish["entered_at"] > line["entered_at"]


def hears_more(caller: Phone, what: str) -> None:
    heard = caller.recording().sound_s()
    until(lambda: caller.recording().sound_s() > heard + 0.5, what)


def test_a_key_leads_out_of_the_line_into_a_flow(server: Server, hall: Hall) -> None:
    caller = hall.caller("13400000009")
    caller.call_answered(SALES)
    caller.hears_sound()
    assert the_queue(server) == "sales"
    caller.digits("9")
    until(lambda: the_queue(server) == "", "in the flow")
    heard = caller.recording().sound_s()
    until(lambda: caller.recording().sound_s() > heard + 0.5, "the greeting")
    caller.digits("2")
    until(lambda: the_queue(server) == "service", "the hotline's menu led on")
    caller.hangup()
    sql = (
        "SELECT v.queue, v.outcome FROM queue_visits v JOIN interactions i USING (interaction)"
        " WHERE caller = '13400000009' ORDER BY entered_at"
    )
    rows = server.rows(sql, count=2)
    assert [row["queue"] for row in rows] == ["sales", "service"]
    assert rows[0]["outcome"] == "exited"


def the_queue(server: Server) -> str:
    """Return the queue of the one call that there is."""
    [call] = server.api("GET", "/calls")
    return str(call["queue"])


def test_a_closed_queue_tells_its_callers_and_records_who_closed_it_and_why(
    server: Server, hall: Hall
) -> None:
    inside, late = hall.caller("13400000010"), hall.caller("13400000011")
    inside.call_answered(SALES)
    server.api("POST", "/queues/sales/closure", {"reason": "台风"})
    try:
        inside.hung_up()
        late.call_answered(SALES)
        late.hears_sound()
        late.hangup()
    finally:
        server.api("DELETE", "/queues/sales/closure")
    sql = "SELECT queue, closed, reason, changed_by FROM closures ORDER BY seq"
    closed, opened = server.rows(sql, count=2)
    assert (closed["queue"], closed["closed"], closed["reason"]) == ("sales", True, "台风")
    assert (opened["queue"], opened["closed"]) == ("sales", False)
    assert closed["changed_by"] == opened["changed_by"] != ""
    sql = (
        "SELECT outcome, i.reason FROM queue_visits v JOIN interactions i USING (interaction)"
        " WHERE caller = $1 AND i.ended_at IS NOT NULL"
    )
    for caller in ("13400000010", "13400000011"):
        [row] = server.rows(sql, caller)
        assert row["outcome"] == "closed", row
