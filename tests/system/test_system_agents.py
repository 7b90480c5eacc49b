"""Agents steer themselves: codes dialled on their phones, and the HTTP interface."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from baresip import Baresip
from hall import Hall
from phone import Phone
from server import Server, Site, until
from tones import AGENT_HZ

SALES = "4001"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    # Whoever sold before rings first: these tests know whose phone it will be.
    site.queue(
        "sales",
        layers=[{"name": "all"}],
        exploration="none",
        wrap_up_s=120,
        ring_timeout_s=180,  # later than any deadline here
        position_every_s=0,
    )
    with site.edit("server.yaml") as settings:
        settings["sip"]["digest_algorithms"] = ["MD5"]  # the other modules' phones use SHA-256
    server = Server(site)
    yield server.start()
    server.close()


def dial(phone: Phone, code: str) -> None:
    """Dial a code: the server takes it, says so, and hangs up."""
    line = phone.call_answered(code)
    phone.expect("state", line=line, state="DISCONNECTED")
    phone.expect("over", line=line)


def status(server: Server, agent: str) -> tuple[str, str]:
    shown = server.agent(agent)
    return shown["status"], shown["reason"]


def take_a_call(hall: Hall, agent: Phone, number: str) -> None:
    caller = hall.caller(number)
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    caller.hears(AGENT_HZ)
    caller.hangup()
    agent.hung_up()


def test_away_with_its_reason_and_back(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    assert status(server, "1001") == ("ready", "")
    dial(agent, "*112")
    assert status(server, "1001") == ("away", "meal")
    caller = hall.caller("13700000001")
    caller.call_answered(SALES)
    caller.hears_sound()
    assert not agent.events("incoming"), "an agent at lunch is rung"
    dial(agent, "*10")
    assert agent.rings().number == "13700000001"
    assert status(server, "1001") == ("ready", "")
    caller.hangup()
    agent.hung_up()
    rows = server.rows(
        "SELECT status, reason, changed_by FROM agent_status_intervals"
        " WHERE agent = '1001' AND changed_by = 'agent' AND status = 'away'"
    )
    assert rows == [{"status": "away", "reason": "meal", "changed_by": "agent"}]


def test_log_out(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    dial(agent, "*12")
    assert status(server, "1001") == ("logged_out", "")
    assert server.agent("1001")["state"] == "offline"
    dial(agent, "*10")
    assert server.agent("1001")["state"] == "idle"


def test_wrap_up_is_ended_and_the_call_classed_by_code(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    take_a_call(hall, agent, "13700000002")
    server.agent_is("1001", "wrap_up")
    dial(agent, "*142")
    assert server.agent("1001")["state"] == "wrap_up"
    dial(agent, "*13")
    server.agent_is("1001", "idle")
    [disposition] = server.rows(
        "SELECT d.* FROM dispositions d JOIN interactions i USING (interaction) WHERE caller = $1",
        "13700000002",
    )
    assert (disposition["call_class"], disposition["ordered"]) == ("order", True)
    assert disposition["agent"] == "1001"
    until(lambda: server.kpi()["sales"]["orders"] == 1, "the order in the report")


def test_a_code_that_cannot_be_carried_out_changes_nothing(server: Server, hall: Hall) -> None:
    agent = hall.agent("1002")
    dial(agent, "*13")
    dial(agent, "*141")
    assert server.agent("1002")["state"] == "idle"
    assert server.query("SELECT * FROM dispositions WHERE agent = '1002'") == []


def test_who_is_no_agent_cannot_dial_codes(hall: Hall) -> None:
    assert hall.caller().call_refused("*10") == 403


def test_status_by_http(server: Server, hall: Hall) -> None:
    hall.agent("1001")
    away = {"status": "away", "reason": "training"}
    assert server.api("POST", "/agents/1001/status", away)["status"] == "away"
    assert status(server, "1001") == ("away", "training")
    server.api("POST", "/agents/1001/status", {"status": "ready"})
    server.agent_is("1001", "idle")


def test_a_call_is_classed_and_wrap_up_ended_by_http(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    take_a_call(hall, agent, "13700000003")
    server.agent_is("1001", "wrap_up")
    order = {"class": "order", "category": "home", "order_id": "A-1", "solved": True}
    server.api("POST", "/agents/1001/disposition", order)
    server.api("POST", "/agents/1001/wrap-up/end", {})
    server.agent_is("1001", "idle")
    [disposition] = server.rows(
        "SELECT d.* FROM dispositions d JOIN interactions i USING (interaction) WHERE caller = $1",
        "13700000003",
    )
    assert (disposition["order_id"], disposition["category"]) == ("A-1", "home")
    assert (disposition["ordered"], disposition["solved"]) == (True, True)


def test_going_away_over_http_while_ringing_stops_the_phone(server: Server, hall: Hall) -> None:
    first, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller("13700000004")
    caller.call_answered(SALES)
    first.rings()
    server.api("POST", "/agents/1001/status", {"status": "away", "reason": "break"})
    first.hung_up()
    assert second.rings().number == "13700000004"
    caller.hangup()
    second.hung_up()


def test_without_the_token_nothing_is_told(server: Server) -> None:
    assert server.get("/api/agents")[0] == 401
    assert server.get("/healthz")[0] == 200


def test_metrics_and_traces_know_the_call(server: Server, hall: Hall) -> None:
    agent = hall.agent("1001")
    take_a_call(hall, agent, "13700000005")
    [row] = server.rows("SELECT interaction FROM interactions WHERE caller = $1", "13700000005")
    trace = server.command("trace", row["interaction"], "--state", str(server.state))
    assert trace.returncode == 0, trace.stderr
    for word in ("INVITE", "180", "BYE", "AgentConnected"):
        assert word in trace.stdout
    assert server.password("1001") not in trace.stdout
    answered, metrics = server.get("/metrics")
    assert answered == 200
    assert 'acd_queue_left_total{queue="sales",reason="answered"}' in metrics
    assert 'acd_queue_answered_in_time_total{queue="sales"}' in metrics
    assert "\nacd_database_up 1.0\n" in metrics
    assert re.search(r"^acd_media_workers [1-9]", metrics, re.MULTILINE)
    limit = re.search(r"^acd_journal_limit_bytes (\S+)$", metrics, re.MULTILINE)
    assert limit is not None
    assert float(limit[1]) == 4 << 30


def test_a_wrong_password_is_counted_and_told(server: Server, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    done = server.command(
        *("phone", "answer", "--user", "1002", "--password-file", str(password)),
        *("--state", str(server.state)),
    )
    assert done.returncode == 1
    _, metrics = server.get("/metrics")
    assert 'acd_sip_auth_failures_total{method="REGISTER"} 1.0' in metrics
    [line] = [line for line in server.log().splitlines() if "sip_authentication_failed" in line]
    assert json.loads(line)["account"] == "1002"


def test_a_phone_of_another_make(server: Server, hall: Hall, tmp_path: Path) -> None:
    caller = hall.caller("13800000009")
    agent = Baresip(tmp_path / "baresip", server.sip(), "1004", server.password("1004"), AGENT_HZ)
    try:
        server.agent_is("1004", "idle")
        caller.call_answered(SALES)
        caller.hears(AGENT_HZ)
        caller.hangup()
        server.agent_is("1004", "wrap_up")
        server.api("POST", "/agents/1004/wrap-up/end", {})
    finally:
        print(agent.close())
    server.agent_is("1004", "offline")
