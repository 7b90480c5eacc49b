"""The server ends, in every way: the finished is on record, the open is closed and says why."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from carrier import HOST, Carrier, free_port
from hall import Hall
from phone import Phone
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ

SALES = "4001"
Opened = Callable[[Server], Hall]


@pytest.fixture
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", layers=[{"name": "all"}], wrap_up_s=0, position_every_s=0)
    server = Server(site)
    yield server
    server.close()


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a site for each test: ends cannot be shared."""
    site = Site()
    yield site
    site.remove()


def in_talk(hall: Hall, number: str) -> tuple[Phone, Phone]:
    """Bring a caller and agent 1001 together."""
    agent = hall.agents.get("1001") or hall.agent("1001")
    caller = hall.caller(number)
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    agent.hears(CALLER_HZ)
    caller.hears(AGENT_HZ)
    return caller, agent


def drain_s(site: Site, seconds: float) -> None:
    with site.edit("server.yaml") as settings:
        settings["drain_s"] = seconds


def test_killed_in_mid_call(server: Server, open_hall: Opened) -> None:
    server.start()
    hall = open_hall(server)
    caller, agent = in_talk(hall, "13500000001")
    caller.hangup()
    agent.hung_up()
    in_talk(hall, "13500000002")
    waiting = hall.caller("13500000003")
    waiting.call_answered(SALES)
    waiting.hears_sound()
    children = server.children()
    server.kill9()
    hall.abandon()
    until(lambda: not alive(children), f"children end with it: {children}")

    server.start()
    sql = "SELECT * FROM interactions WHERE ended_at IS NOT NULL ORDER BY caller"
    finished, talking, queued = server.rows(sql, count=3)
    assert (finished["caller"], finished["reason"]) == ("13500000001", "hangup")
    assert (talking["caller"], talking["reason"]) == ("13500000002", "restart")
    assert (queued["caller"], queued["reason"]) == ("13500000003", "restart")
    assert talking["duration_s"] > 0.5
    segments = server.rows("SELECT * FROM talk_segments WHERE ended_at IS NOT NULL", count=2)
    assert {segment["agent"] for segment in segments} == {"1001"}
    visits = server.rows(
        "SELECT caller, outcome FROM queue_visits v JOIN interactions i USING (interaction)"
        " WHERE left_at IS NOT NULL ORDER BY caller",
        count=3,
    )
    assert [visit["outcome"] for visit in visits] == ["answered", "answered", "faulted"]
    row = server.kpi()["sales"]
    assert (row["offered"], row["answered"], row["faulted"], row["waiting"]) == (3, 2, 1, 0)
    # And it serves again: the same agent with the same password, a new call.
    anew = open_hall(server)
    caller, agent = in_talk(anew, "13500000004")
    agent.hangup()
    caller.hung_up()


def alive(pids: list[int]) -> list[int]:
    living = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            living.append(pid)
    return living


def test_a_killed_media_worker_ends_its_calls_and_is_replaced(
    server: Server, open_hall: Opened
) -> None:
    server.start()
    hall = open_hall(server)
    caller, agent = in_talk(hall, "13500000005")
    [worker] = [pid for pid in server.children() if "media" in command_line(pid)]
    os.kill(worker, signal.SIGKILL)
    caller.hung_up()
    agent.hung_up()
    [row] = server.rows("SELECT * FROM interactions WHERE ended_at IS NOT NULL")
    assert (row["ended_by"], row["reason"]) == ("fault", "media_lost")
    until(lambda: json.loads(server.get("/readyz")[1])["media_workers"] == 1, "a new worker")
    caller, agent = in_talk(hall, "13500000006")
    caller.hangup()
    agent.hung_up()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_sigterm_lets_the_running_call_end_and_calls_for_help_out(
    server: Server, open_hall: Opened, tmp_path: Path
) -> None:
    drain_s(server.site, 30)
    port = free_port()
    trunk = {"gateways": [{"host": HOST, "port": port}], "options_interval_s": 0}
    with server.site.edit("trunks.yaml") as trunks:
        trunks["trunks"] = {"carrier": trunk}
    with server.site.edit("numbers.yaml") as numbers:
        numbers["dial_plan"] |= {"trunks": ["carrier"]}
    server.start()
    hall = open_hall(server)
    former, agent = in_talk(hall, "13500000010")
    former.hangup()
    agent.hung_up()
    caller, agent = in_talk(hall, "13500000011")
    other = hall.caller("13500000012")
    colleague, network = hall.agent("1002"), Carrier(port, tmp_path, "outside_busy")
    server.signal(signal.SIGTERM)
    until(lambda: server.get("/readyz")[0] == 503, "not ready while draining")
    assert other.call_refused(SALES) == 503
    assert colleague.call_refused("1001") == 503
    assert colleague.call_refused("110") == 486
    network.served()
    heard_s = caller.recording().tone_s(AGENT_HZ)
    caller.hears(AGENT_HZ, for_s=heard_s + 0.5)
    children = server.children()
    caller.hangup()
    agent.hung_up()
    assert server.exit_code() == 0
    assert alive(children) == []
    # The report needs no server: it starts the embedded Postgres and reads the journal to its end.
    row = server.kpi()["sales"]
    assert (row["offered"], row["answered"]) == (2, 2)


def test_after_the_drain_time_the_call_gets_its_bye(server: Server, open_hall: Opened) -> None:
    drain_s(server.site, 1)
    server.start()
    caller, agent = in_talk(open_hall(server), "13500000021")
    server.signal(signal.SIGINT)
    caller.hung_up()
    agent.hung_up()
    assert server.exit_code() == 0
    assert server.kpi()["sales"]["answered"] == 1


def test_a_second_sigterm_ends_at_once(server: Server, open_hall: Opened) -> None:
    drain_s(server.site, 60)
    server.start()
    caller, _ = in_talk(open_hall(server), "13500000031")
    server.signal(signal.SIGTERM)
    until(lambda: server.get("/readyz")[0] == 503, "not ready while draining")
    server.signal(signal.SIGTERM)
    caller.hung_up()
    assert server.exit_code() is not None, "still runs"


def test_without_calls_it_ends_at_once(server: Server) -> None:
    drain_s(server.site, 60)
    server.start()
    server.signal(signal.SIGTERM)
    assert server.exit_code() == 0
    assert "Traceback" not in server.log()
