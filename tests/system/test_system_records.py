"""Under 25 calls a second all sorts of things break, and no finished call is without its record.

Each test breaks one thing while SIPp calls, lets the calls end, and holds what both sides' phones
saw against the tables (`counted.py`). The long forms:

    ACD_OUTAGE_S=300 pytest -s --timeout=900 tests/system/test_system_records.py -k gone
    python tests/bench/kill_run.py --kills 200
"""

import os
import random
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from counted import CountedLoad, check_records, counted_site, settled
from lossy_load import free_port
from outside_postgres import OutsidePostgres
from server import Server, Site, until

from acd.storage.frames import FRAME_HEAD, MARKER, segment_path, segments

RATE = 25
AGENTS = 80
OUTAGE_S = float(os.environ.get("ACD_OUTAGE_S", "5"))
KILLS = 10
READY_S = 150.0
"The calls of the time without a server all come at once, to a machine that may be busy."

CUTS = 3


@pytest.fixture(scope="module")
def postgres() -> Iterator[OutsidePostgres]:
    postgres = OutsidePostgres()
    yield postgres
    postgres.end()


@pytest.fixture(scope="module")
def server(site: Site, postgres: OutsidePostgres) -> Iterator[Server]:
    counted_site(site, AGENTS)
    with site.edit("server.yaml") as settings:
        settings["database"] = {"dsn": postgres.dsn}
    server = Server(site, address=f"127.0.0.1:{free_port()}")
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def phones(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CountedLoad]:
    load = CountedLoad(server.sip(), tmp_path_factory.mktemp("counted"), AGENTS)
    load.register()
    load.start_agents()
    yield load
    load.stop()


@pytest.fixture
def load(phones: CountedLoad, server: Server) -> Iterator[CountedLoad]:
    """Calls during a test; after it they end, and nothing may be missing."""
    before = len(phones.callers("D"))
    phones.start_callers(RATE)
    finished(phones, before + RATE)
    yield phones
    finished(phones, len(phones.callers("D")) + RATE)
    phones.end_calls()
    settled(server)
    account = check_records(server, phones)
    print(account)
    assert not account.faults, str(account)


def finished(load: CountedLoad, calls: int) -> None:
    """Wait until so many calls have ended in good order."""
    until(lambda: len(load.callers("D")) >= calls, f"{calls} calls are finished", within_s=60)


def rows(server: Server) -> int:
    found: int = server.query("SELECT count(*) AS n FROM interactions")[0]["n"]
    return found


def test_the_database_is_gone_for_a_while(
    server: Server, postgres: OutsidePostgres, load: CountedLoad
) -> None:
    until(lambda: rows(server) > 0, "the first records")
    postgres.gate.close()
    end = time.monotonic() + OUTAGE_S
    before = len(load.callers("D"))
    until(lambda: time.monotonic() > end, "the outage is over", within_s=OUTAGE_S + 5)
    assert len(load.callers("D")) > before + OUTAGE_S * RATE / 3, "calls did not go on"
    postgres.gate.open()


def test_the_database_is_killed(
    server: Server, postgres: OutsidePostgres, load: CountedLoad
) -> None:
    for _ in range(2):
        before = rows(server)
        postgres.kill()
        until(lambda before=before: more_rows(server, before), "it is written again", within_s=60)


def more_rows(server: Server, before: int) -> bool:
    try:
        return rows(server) > before
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


def test_the_connection_is_cut_in_the_middle_of_a_copy(
    server: Server, postgres: OutsidePostgres, load: CountedLoad
) -> None:
    for number in range(1, CUTS + 1):
        wanted = postgres.gate.cuts + 1
        postgres.gate.cut_in_copy()
        until(lambda wanted=wanted: postgres.gate.cuts == wanted, f"cut {number}", within_s=60)


def test_the_disk_is_full_for_a_while(server: Server, load: CountedLoad) -> None:
    """What the kernel says to a file that would outgrow its limit is as good as a full disk."""
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    folder = server.state / "journal"
    room = segment_path(folder, segments(folder)[-1]).stat().st_size + 10_000
    refused = len(load.callers("F"))
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        until(lambda: server.get("/readyz")[0] == 503, "not ready", within_s=60)
        until(lambda: len(load.callers("F")) > refused + 10, "new calls are refused", within_s=60)
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
    until(lambda: server.get("/readyz")[0] == 200, "ready again", within_s=60)
    before = len(load.callers("D"))
    finished(load, before + RATE)


@pytest.mark.timeout(400)  # ten starts, on a machine that may be busy
def test_the_server_is_killed_and_its_journal_torn(
    server: Server, load: CountedLoad, tmp_path: Path
) -> None:
    rng = random.Random(7)
    for number in range(KILLS):
        time.sleep(rng.uniform(0.0, 1.5))  # a kill comes when it comes, not at a state
        server.kill9()
        if number % 2:
            tear(server.state / "journal", rng)
        server.launch()
        server.wait_ready(READY_S)
    assert "torn tail" in server.log()


def tear(journal: Path, rng: random.Random) -> None:
    """Let the last record be one of which the disk got only a part."""
    with segment_path(journal, segments(journal)[-1]).open("ab") as file:
        whole = FRAME_HEAD.pack(MARKER, 300, 12345) + rng.randbytes(300)
        file.write(whole[: rng.randrange(1, len(whole))])
