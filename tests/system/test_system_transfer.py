"""Agents hand callers on with real phones; both new ends hear each other."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hall import Hall
from lossy_load import free_port
from phone import Phone
from server import Server, Site, until
from sipp_scenarios import SCENARIOS, run_scenario
from tones import AGENT_HZ, CALLER_HZ, write_tone

OTHER_HZ = 1320.0
"What the agent says who takes over."


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.edit("server.yaml") as settings:
        settings["sip"]["digest_algorithms"] = ["MD5"]  # all that SIPp 3.6 knows
        settings["media"]["workers"] = 2  # what is joined has to be in the same one
    server = Server(site)
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def other_tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tone(tmp_path_factory.mktemp("tones") / "other.wav", OTHER_HZ)


def takes_over(phone: Phone, tone: Path) -> None:
    """Answer, and sound like somebody else than the first agent."""
    phone.answer()
    phone.play(tone)


def hear_each_other(caller: Phone, agent: Phone) -> None:
    caller.hears(OTHER_HZ, for_s=0.8)
    agent.hears(CALLER_HZ, for_s=0.8)


def under_way(server: Server) -> str:
    """Return the interaction of the only call."""
    [call] = server.api("GET", "/calls")
    return str(call["interaction"])


def records(server: Server, key: str) -> dict[str, list[dict[str, object]]]:
    """Return all rows of an interaction, when it is complete."""
    sql = "SELECT * FROM interactions WHERE interaction = $1 AND ended_at IS NOT NULL"
    rows = {"interactions": server.rows(sql, key)}
    for table in ("transfers", "queue_visits", "talk_segments"):
        rows[table] = server.query(f"SELECT * FROM {table} WHERE interaction = $1", key)
    return rows


def test_blind_to_another_queue(server: Server, hall: Hall, other_tone: Path) -> None:
    first, second = hall.agent("1001"), hall.agent("1005")
    caller = hall.caller()
    caller.call_answered("4001")
    first.rings()
    first.answer()
    first.hears(CALLER_HZ)
    first.transfer("4002")
    assert first.transferred().code == 200
    first.hung_up()
    server.agent_is("1001", "wrap_up")
    second.rings()
    takes_over(second, other_tone)
    hear_each_other(caller, second)
    key = under_way(server)
    caller.hangup()
    second.hung_up()

    rows = records(server, key)
    assert [row["outcome"] for row in rows["transfers"]] == ["completed"]
    visits = sorted(rows["queue_visits"], key=lambda row: row["entered_at"])
    assert [(v["queue"], v["outcome"], v["agent"]) for v in visits] == [
        ("sales", "answered", "1001"),
        ("service", "answered", "1005"),
    ]
    assert sorted(talk["agent"] for talk in rows["talk_segments"]) == ["1001", "1005"]
    assert len(rows["interactions"]) == 1


@pytest.mark.parametrize("number", ["4002", "1005"])
def test_attended(server: Server, hall: Hall, other_tone: Path, number: str) -> None:
    """The agent asks a colleague, through a queue or directly, then leaves the two alone."""
    first, second = hall.agent("1001"), hall.agent("1005")
    caller = hall.caller()
    caller.call_answered("4001")
    line = first.rings().line
    first.answer()
    first.hears(CALLER_HZ)
    first.hold(line=line)
    server.agent_is("1001", "held")
    consult = first.call(number)
    second.rings()
    takes_over(second, other_tone)
    first.expect("state", line=consult, state="CONFIRMED")
    first.hears(OTHER_HZ)
    first.join(line, consult)
    until(lambda: len(first.events("over")) == 2, "the end of both calls")
    assert [event.code for event in first.events("transfer", final=True)] == [200]
    hear_each_other(caller, second)
    server.agent_is("1001", "wrap_up")
    server.agent_is("1005", "talking")
    key = under_way(server)
    caller.hangup()
    second.hung_up()

    rows = records(server, key)
    [transfer] = rows["transfers"]
    assert (transfer["outcome"], transfer["to_agent"]) == ("completed", "1005")
    assert sorted(talk["agent"] for talk in rows["talk_segments"]) == ["1001", "1005"]
    [asked] = server.query(
        "SELECT * FROM interactions WHERE interaction = $1", transfer["consult"]
    )
    assert (asked["ended_by"], asked["reason"]) == ("agent", "transferred")


def test_blind_to_a_colleague_who_refuses(server: Server, hall: Hall) -> None:
    first, second = hall.agent("1001"), hall.agent("1005")
    caller = hall.caller()
    caller.call_answered("4001")
    first.rings()
    first.answer()
    first.transfer("1005")
    second.rings()
    server.agent_is("1001", "held")
    second.reject(486)
    assert first.transferred().code == 486
    server.agent_is("1001", "talking")
    heard_s = caller.recording().tone_s(AGENT_HZ), first.recording().tone_s(CALLER_HZ)
    caller.hears(AGENT_HZ, for_s=heard_s[0] + 0.8)
    first.hears(CALLER_HZ, for_s=heard_s[1] + 0.8)
    key = under_way(server)
    first.hangup()
    caller.hung_up()
    [transfer] = records(server, key)["transfers"]
    assert (transfer["outcome"], transfer["returned_to"]) == ("busy", "agent")


def test_every_message_of_a_transfer(server: Server, hall: Hall, tmp_path: Path) -> None:
    """SIPp is the agent's phone: refusals, 202, NOTIFY by NOTIFY, BYE."""
    port, password = str(free_port()), server.password("1001")
    run_scenario(
        server, tmp_path, "register_agent", "1001", "-p", port, "-au", "1001", "-ap", password
    )
    server.agent_is("1001", "idle")
    program = shutil.which("sipp")
    assert program
    agent = subprocess.Popen(
        [
            *(program, server.sip("udp"), "-sf", str(SCENARIOS / "transfer_agent.xml")),
            *("-i", "127.0.0.1", "-p", port, "-t", "u1", "-m", "1", "-nostdin"),
            *("-trace_err", "-timeout", "60s"),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    caller = hall.caller()
    caller.call_answered("4001")
    out, _ = agent.communicate(timeout=80)
    errors = "".join(path.read_text() for path in tmp_path.glob("*_errors.log"))
    assert agent.returncode == 0, f"{out[-3000:]}\n{errors[:3000]}"
    server.agent_is("1001", "wrap_up")
    caller.hangup()
    outcomes = server.rows(
        "SELECT outcome FROM transfers WHERE target IN ('4711', '0085223456789')", count=2
    )
    assert sorted(row["outcome"] for row in outcomes) == ["not_allowed", "unknown_number"]
