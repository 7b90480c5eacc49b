"""The whole story on the stock configuration: dial, menu, queue, talk, records, report."""

from collections.abc import Iterator

import pytest
from hall import Hall
from phone import Phone
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ

HOTLINE = "4000"
SALES = "4001"
ECHO = "4099"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Return a site whose server starts for the first time."""
    site = Site(bare=True)
    yield site
    site.remove()


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.rank("sales", a1001=0.92, a1002=0.55)
    server = Server(site)
    yield server.start()
    server.close()


def sales_so_far(server: Server) -> tuple[int, int]:
    row = server.kpi().get("sales", {"offered": 0, "answered": 0})
    return row["offered"], row["answered"]


def records(server: Server, caller: str) -> dict[str, list[dict[str, object]]]:
    """Wait for the caller's interaction to be complete; return all its rows by table."""
    sql = "SELECT * FROM interactions WHERE caller = $1 AND ended_at IS NOT NULL"
    [interaction] = server.rows(sql, caller)
    rows = {"interactions": [interaction]}
    key = interaction["interaction"]
    # What the media engine counted arrives last, when both streams are closed.
    rows["streams"] = server.rows("SELECT * FROM streams WHERE interaction = $1", key, count=2)
    for table in ("legs", "queue_visits", "offers", "talk_segments"):
        rows[table] = server.query(f"SELECT * FROM {table} WHERE interaction = $1", key)
    rows["flow_steps"] = server.query(
        "SELECT * FROM flow_steps WHERE interaction = $1 ORDER BY step", key
    )
    return rows


def talk(caller: Phone, agent: Phone) -> None:
    """Let both hear each other for a while."""
    agent.hears(CALLER_HZ, for_s=1.0)
    caller.hears(AGENT_HZ, for_s=1.0)


def test_a_call_from_greeting_to_report(server: Server, hall: Hall) -> None:
    offered, answered = sales_so_far(server)
    best, second = hall.agent("1001"), hall.agent("1002")
    caller = hall.caller("13800138000")

    caller.call_answered(HOTLINE)
    caller.hears_sound(for_s=1.0)
    caller.digits("1")
    ringing = best.rings()
    assert ringing.number == "13800138000"
    assert "销售" in ringing.display
    assert "13800138000" in ringing.display
    assert not second.events("incoming")
    before = caller.recording().length_s
    until(
        lambda: caller.recording().sound_s(before) >= 0.5,
        "music while the phone rings",
    )
    assert not caller.recording().tone(AGENT_HZ), "music must not pass for the agent's voice"
    best.answer()
    talk(caller, best)
    caller.hangup()
    assert best.hung_up().code == 200
    server.agent_is("1001", "wrap_up")
    assert server.agent("1002")["state"] == "idle"
    assert not second.events("incoming")

    heard = caller.recording()
    [voice] = heard.tone(AGENT_HZ)[:1]
    assert heard.sound_s(0, voice.start_s) >= 1.5, f"greeting and music came first\n{heard}"
    assert not heard.tone(CALLER_HZ), f"the caller hears itself\n{heard}"
    assert not best.recording().tone(AGENT_HZ), "the agent hears itself"

    rows = records(server, "13800138000")
    [interaction] = rows["interactions"]
    assert interaction["called"] == HOTLINE
    assert interaction["flow"] == "hotline"
    assert (interaction["ended_by"], interaction["reason"]) == ("caller", "hangup")
    assert 3 < interaction["duration_s"] < 300
    assert sorted(leg["side"] for leg in rows["legs"]) == ["agent", "caller"]
    [visit] = rows["queue_visits"]
    assert (visit["queue"], visit["kind"], visit["outcome"]) == ("sales", "sales", "answered")
    assert visit["agent"] == "1001"
    [offer] = rows["offers"]
    assert (offer["agent"], offer["outcome"], offer["layer"]) == ("1001", "answered", "top")
    assert offer["candidates_total"] == 2, "why this agent: both were weighed"
    [segment] = rows["talk_segments"]
    assert segment["agent"] == "1001"
    talked = segment["ended_at"] - segment["began_at"]
    assert segment["talk_s"] == pytest.approx(talked.total_seconds(), abs=0.1)
    assert 1.0 < segment["talk_s"] < interaction["duration_s"] - 1.0
    assert ("menu", "1") in [(step["node"], step["outcome"]) for step in rows["flow_steps"]]
    assert all(stream["packets_received"] > 40 for stream in rows["streams"])
    assert sales_so_far(server) == (offered + 1, answered + 1)


def test_the_agent_hangs_up(server: Server, hall: Hall) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13800000002")
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    talk(caller, agent)
    agent.hangup()
    assert caller.hung_up().code == 200
    rows = records(server, "13800000002")
    assert (rows["interactions"][0]["ended_by"], rows["interactions"][0]["reason"]) == (
        "agent",
        "hangup",
    )


def test_digits_by_sip_info(server: Server, hall: Hall) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13800000003")
    caller.call_answered(HOTLINE)
    caller.hears_sound()
    caller.digits("1", method="info")
    agent.rings()
    agent.answer()
    caller.hears(AGENT_HZ)
    caller.hangup()
    agent.hung_up()


def test_phones_on_tcp(hall: Hall) -> None:
    agent = hall.agent("1002", transport="tcp")
    caller = hall.caller("13800000004", transport="tcp")
    caller.call_answered(SALES)
    assert agent.rings().number == "13800000004"
    agent.answer()
    talk(caller, agent)
    agent.hangup()
    caller.hung_up()


def test_phones_without_a_common_codec_hear_each_other(hall: Hall) -> None:
    agent, caller = hall.agent("1002", codec="PCMA"), hall.caller("13800000005", codec="PCMU")
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    talk(caller, agent)
    caller.hangup()
    agent.hung_up()


def test_the_echo_test_returns_the_tone(hall: Hall) -> None:
    caller = hall.caller("13800000006")
    caller.call_answered(ECHO)
    caller.hears(CALLER_HZ, for_s=1.0)
    caller.hangup()


def test_a_wrong_password_does_not_register(server: Server, hall: Hall) -> None:
    phone = hall.caller("1003")
    phone.start_registration(server.sip(), "1003", "wrong")
    refused = phone.expect("registration", active=False)
    assert refused.code in {401, 403}
    assert server.agent("1003")["state"] == "offline"


def test_an_unknown_number_is_not_found(hall: Hall) -> None:
    assert hall.caller().call_refused("4999") == 404


def test_nobody_calls_in_an_agents_name_without_the_password(hall: Hall) -> None:
    assert hall.caller("1001").call_refused(SALES) in {401, 403}
