"""SIPp, a caller that nobody here wrote either: its own scenarios, exactly counted afterwards.

Of those built in, branchc and branchs register without a password and call a fixed name, the
third-party ones (3pcc) need another SIPp, and regexp takes no user name of an SDP but letters and
digits, where RFC 8866 has "-" for none: they have nothing to say to this server.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lossy_load import free_port
from server import Server, Site
from sipp_scenarios import run_scenario

CALLS = 30
SALES = "4001"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", position_every_s=0, short_abandon_s=0)
    with site.edit("server.yaml") as settings:
        settings["sip"]["digest_algorithms"] = ["MD5"]  # all that SIPp 3.6 knows
        settings["sip"]["registrar"]["qualify_s"] = 0  # an OPTIONS would be the call it waits for
    server = Server(site)
    yield server.start()
    server.close()


def sipp(
    server: Server,
    folder: Path,
    *arguments: str,
    transport: str = "udp",
    sockets: str = "1",
) -> str:
    """Run a built-in caller; it fails unless each call went exactly as the scenario says.

    `sockets` is SIPp's: 1 for all calls, n for one of each call.
    """
    program = shutil.which("sipp")
    assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
    done = subprocess.run(
        [
            *(program, server.sip(transport), "-sn", "uac", "-i", "127.0.0.1"),
            *("-t", f"{transport[0]}{sockets}", "-max_socket", "100"),
            *("-nostdin", "-trace_err", "-timeout", "80s", *arguments),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    errors = "".join(path.read_text() for path in folder.glob("*_errors.log"))
    assert done.returncode == 0, f"SIPp {done.returncode}\n{done.stdout[-3000:]}\n{errors[:3000]}"
    return done.stdout


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_one_call_of_sipp(server: Server, tmp_path: Path, transport: str) -> None:
    sipp(server, tmp_path, "-s", "4002", "-m", "1", "-d", "300", transport=transport)
    rows = server.rows(
        "SELECT outcome FROM queue_visits v JOIN interactions i USING (interaction)"
        " WHERE called = '4002' AND i.ended_at IS NOT NULL AND peer LIKE $1",
        f"{transport}:%",
    )
    assert rows[0]["outcome"] in {"abandoned", "short_abandon"}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_of_a_socket_each(server: Server, tmp_path: Path, transport: str) -> None:
    arguments = ("-s", "4099", "-m", "8", "-r", "20", "-d", "300")
    sipp(server, tmp_path, *arguments, transport=transport, sockets="n")
    server.no_calls()


def test_sipp_on_both_ends(server: Server, tmp_path: Path) -> None:
    """The built-in server is an agent's phone, registered from its port before."""
    port, password = str(free_port()), server.password("1005")
    who = ("-au", "1005", "-ap", password)
    run_scenario(server, tmp_path, "register_agent", "1005", "-p", port, *who)
    server.agent_is("1005", "idle")
    program = shutil.which("sipp")
    assert program
    agent = subprocess.Popen(
        [
            *(program, "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-t", "u1", "-m", "1"),
            *("-nostdin", "-timeout", "60s"),
        ],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        sipp(server, tmp_path, "-s", "4002", "-m", "1", "-d", "1000")
        assert agent.wait(60) == 0
    finally:
        agent.kill()
        agent.wait(5)
    [talk] = server.rows("SELECT * FROM talk_segments WHERE agent = '1005'")
    assert talk["talk_s"] > 0.5


def test_thirty_calls_are_served_and_counted(server: Server, tmp_path: Path) -> None:
    sipp(server, tmp_path, "-s", SALES, "-m", str(CALLS), "-r", "5", "-d", "1000")
    sql = "SELECT * FROM interactions WHERE called = $1 AND ended_at IS NOT NULL"
    interactions = server.rows(sql, SALES, count=CALLS)
    assert {(row["ended_by"], row["reason"]) for row in interactions} == {("caller", "hangup")}
    assert len({row["sip_call_id"] for row in interactions}) == CALLS
    visits = server.query("SELECT outcome FROM queue_visits WHERE queue = 'sales'")
    assert [visit["outcome"] for visit in visits] == ["abandoned"] * CALLS
    legs = server.query(
        "SELECT DISTINCT l.leg FROM legs l JOIN interactions i USING (interaction)"
        " WHERE called = $1",
        SALES,
    )
    assert len(legs) == CALLS
    row = server.kpi()["sales"]
    assert (row["offered"], row["answered"], row["abandons"]) == (CALLS, 0, CALLS)
    assert server.api("GET", "/calls") == []
    assert "acd_media_streams 0" in server.get("/metrics")[1]
