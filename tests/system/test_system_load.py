"""SIPp, a caller that nobody here wrote either: its own scenario, exactly counted afterwards."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, Site

CALLS = 30
SALES = "4001"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", position_every_s=0, short_abandon_s=0)
    server = Server(site)
    yield server.start()
    server.close()


def sipp(server: Server, folder: Path, *arguments: str, transport: str = "udp") -> str:
    """Run SIPp's built-in caller; it fails unless each call went exactly as the scenario says."""
    program = shutil.which("sipp")
    assert program, "SIPp is missing: apt-get install sip-tester (`make test` does)"
    done = subprocess.run(
        [
            *(program, server.sip(transport), "-sn", "uac", "-i", "127.0.0.1"),
            *("-t", "t1" if transport == "tcp" else "u1"),
            *("-nostdin", "-trace_err", "-timeout", "40s", *arguments),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
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
