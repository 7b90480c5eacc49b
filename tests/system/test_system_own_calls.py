"""Agents' calls to each other, dialled and ordered, and who gets nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hall import Hall
from phone import Phone
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    server = Server(site)
    yield server.start()
    server.close()


def talk(one: Phone, other: Phone, tones: dict[str, Path]) -> None:
    """Let one agent sound like a caller, and both hear each other."""
    one.play(tones["caller"])
    other.hears(CALLER_HZ, for_s=0.8)
    one.hears(AGENT_HZ, for_s=0.8)


def rows_of(server: Server, agent: str) -> dict[str, list[dict[str, object]]]:
    """Return all rows of the last call that the agent placed, when it is complete."""
    sql = (
        "SELECT * FROM interactions WHERE agent = $1 AND ended_at IS NOT NULL ORDER BY started_at"
    )
    key = server.rows(sql, agent)[-1]["interaction"]
    rows = {"streams": server.rows("SELECT * FROM streams WHERE interaction = $1", key, count=2)}
    for table in ("interactions", "legs", "talk_segments", "queue_visits"):
        rows[table] = server.query(f"SELECT * FROM {table} WHERE interaction = $1", key)
    return rows


def test_two_agents_talk_hold_and_press_keys(
    server: Server, hall: Hall, tones: dict[str, Path]
) -> None:
    one, other = hall.agent("1001"), hall.agent("1005")
    line = one.call("1005")
    ringing = other.rings()
    assert (ringing.number, ringing.display) == ("1001", "王丽")
    one.expect("state", line=line, state="EARLY", code=180)
    server.agent_is("1001", "talking")
    server.agent_is("1005", "talking")
    other.answer()
    one.expect("state", line=line, state="CONFIRMED")
    talk(one, other, tones)
    one.digits("4#")
    assert [other.expect("digit").digit for _ in range(2)] == ["4", "#"]
    other.digits("7")
    assert one.expect("digit").digit == "7"
    one.hold()
    server.agent_is("1001", "held")
    before = other.recording().length_s
    until(lambda: other.recording().sound_s(before + 0.5) >= 0.5, "music on hold")
    one.unhold()
    server.agent_is("1001", "talking")
    other.hangup()
    assert one.hung_up().code == 200
    server.agent_is("1001", "idle")
    server.agent_is("1005", "idle")

    rows = rows_of(server, "1001")
    [interaction] = rows["interactions"]
    assert (interaction["direction"], interaction["number"]) == ("internal", "1005")
    assert (interaction["ended_by"], interaction["reason"]) == ("called", "hangup")
    assert {(leg["side"], leg["agent"]) for leg in rows["legs"]} == {
        ("caller", "1001"),
        ("called", "1005"),
    }
    assert sorted(talk["agent"] for talk in rows["talk_segments"]) == ["1001", "1005"]
    assert all(talk["hold_s"] > 0 and talk["talk_s"] > 1 for talk in rows["talk_segments"])
    assert not rows["queue_visits"]


def test_a_colleague_who_talks_is_busy_and_one_without_phone_unavailable(
    server: Server, hall: Hall
) -> None:
    one, other, third = hall.agent("1001"), hall.agent("1005"), hall.agent("1006")
    one.call("1005")
    other.rings()
    assert third.call_refused("1005") == 486
    assert third.call_refused("1001") == 486
    assert third.call_refused("1008") == 480
    assert third.call_refused("1099") == 404
    assert third.call_refused("13800138000") == 403
    one.hangup()
    other.hung_up()


def test_an_ordered_call_rings_the_own_phone_first(
    server: Server, hall: Hall, tones: dict[str, Path]
) -> None:
    one, other = hall.agent("1001"), hall.agent("1005")
    placed = server.api("POST", "/agents/1001/calls", {"to": "1005"})
    assert one.rings().number == "1005"
    assert not other.events("incoming")
    one.answer()
    assert other.rings().number == "1001"
    one.hears(450.0, for_s=0.5)  # ringing tone
    [call] = server.api("GET", "/calls")
    assert (call["interaction"], call["agent"]) == (placed["interaction"], "1001")
    other.answer()
    talk(one, other, tones)
    assert server.api("DELETE", "/agents/1001/calls")["number"] == "1001"
    assert one.hung_up().code == 200
    assert other.hung_up().code == 200
    server.agent_is("1001", "idle")
    told = server.rows(
        "SELECT * FROM audit WHERE subject = '1001' AND action IN ('call', 'hang_up')"
        " ORDER BY started_at",
        count=2,
    )
    assert [(row["action"], row["changed_by"]) for row in told] == [
        ("call", "api"),
        ("hang_up", "api"),
    ]
    assert (told[0]["value_after"], told[1]["value_before"]) == ("1005", "1005")


def test_an_agent_who_calls_a_queue_waits_like_a_customer(server: Server, hall: Hall) -> None:
    one, other = hall.agent("1001"), hall.agent("1005")
    one.call_answered("4002")
    assert other.rings().number == "1001"
    other.answer()
    other.hears(AGENT_HZ)
    one.hangup()
    other.hung_up()


def test_nobody_gets_out_without_proof(server: Server, hall: Hall) -> None:
    hall.agent("1005")
    stranger = hall.caller("13900139000")
    assert stranger.call_refused("13800138000") == 404
    assert stranger.call_refused("0085223456789") == 404
    assert stranger.call_refused("1005") == 404
    assert stranger.call_refused("110") == 404
    # An agent's name without the agent's password.
    pretender = hall.caller("1001")
    assert pretender.call_refused("1005") == 401
    assert pretender.call_refused("110") == 401
    metrics = server.get("/metrics")[1]
    assert 'acd_calls_rejected_total{reason="no_transit"} 2.0' in metrics


def test_a_killed_server_closes_own_calls_too(server: Server, hall: Hall) -> None:
    one, other = hall.agent("1003"), hall.agent("1006")
    line = one.call("1006")
    other.rings()
    other.answer()
    one.expect("state", line=line, state="CONFIRMED")
    server.kill9()
    hall.abandon()
    server.start()
    [interaction] = server.rows(
        "SELECT * FROM interactions WHERE agent = '1003' AND ended_at IS NOT NULL"
    )
    assert (interaction["ended_by"], interaction["reason"]) == ("fault", "restart")
    key = interaction["interaction"]
    legs = server.query("SELECT * FROM legs WHERE interaction = $1", key)
    assert [leg["reason"] for leg in legs] == ["restart", "restart"]
    talks = server.query("SELECT * FROM talk_segments WHERE interaction = $1", key)
    assert sorted(talk["agent"] for talk in talks) == ["1003", "1006"]
