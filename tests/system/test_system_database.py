"""The database goes away and comes back under calls: they go on, and every record arrives once."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from gate import Gate
from hall import Hall
from server import Server, Site, until
from tones import AGENT_HZ, CALLER_HZ

SALES = "4001"
DATABASE = "gated"


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    site.queue("sales", layers=[{"name": "all"}], wrap_up_s=0, position_every_s=0)
    server = Server(site)
    yield server.start()
    server.close()


def have_a_talk(hall: Hall, number: str) -> None:
    """One whole call of this caller, with agent 1001, who hangs up."""
    caller, agent = hall.caller(number), hall.agents["1001"]
    caller.call_answered(SALES)
    assert agent.rings().number == number
    agent.answer()
    agent.hears(CALLER_HZ)
    caller.hears(AGENT_HZ)
    agent.hangup()
    caller.hung_up()


def all_of_it_once(server: Server, numbers: list[str]) -> None:
    """Wait for the complete records of these callers; there is exactly one of each."""
    sql = (
        "SELECT caller,"
        " (SELECT count(*) FROM legs t WHERE t.interaction = i.interaction) legs,"
        " (SELECT count(*) FROM queue_visits t WHERE t.interaction = i.interaction"
        "  AND outcome = 'answered') visits,"
        " (SELECT count(*) FROM offers t WHERE t.interaction = i.interaction) offers,"
        " (SELECT count(*) FROM talk_segments t WHERE t.interaction = i.interaction"
        "  AND ended_at IS NOT NULL) talks"
        " FROM interactions i WHERE caller = ANY($1) AND ended_at IS NOT NULL ORDER BY caller"
    )
    rows = server.rows(sql, numbers, count=len(numbers), within_s=30)
    once = {"legs": 2, "visits": 1, "offers": 1, "talks": 1}
    assert rows == [{"caller": number, **once} for number in sorted(numbers)]


def postgres_processes(server: Server) -> list[int]:
    found = [
        pid
        for pid in server.children()
        if Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    ]
    assert found, "no embedded Postgres below the server"
    return found


def test_calls_go_on_while_the_database_hangs(server: Server, hall: Hall) -> None:
    hall.agent("1001")
    frozen = postgres_processes(server)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        have_a_talk(hall, "13600000001")
        have_a_talk(hall, "13600000002")
        assert server.get("/readyz")[0] == 200, "calls are taken without a database"
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    all_of_it_once(server, ["13600000001", "13600000002"])


def test_calls_go_on_while_the_database_is_killed(server: Server, hall: Hall) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13600000003")
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    for pid in postgres_processes(server):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # the postmaster took it along
    agent.hears(CALLER_HZ, for_s=1.0)
    caller.hears(AGENT_HZ, for_s=1.0)
    caller.hangup()
    agent.hung_up()
    have_a_talk(hall, "13600000004")
    until(lambda: answers(server.dsn), "the database is up again")
    all_of_it_once(server, ["13600000003", "13600000004"])


def test_a_disk_that_takes_no_more_refuses_new_calls_and_loses_no_record(
    server: Server, hall: Hall
) -> None:
    agent, caller = hall.agent("1001"), hall.caller("13600000006")
    have_a_talk(hall, "13600000005")  # so that the journal is larger than what is logged below
    caller.call_answered(SALES)
    agent.rings()
    agent.answer()
    caller.hears(AGENT_HZ)
    journal = max((server.state / "journal").glob("*.journal"))
    os.truncate(server.log_path, 0)
    limit = journal.stat().st_size
    unlimited = resource.prlimit(
        server.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)
    )
    try:
        agent.hangup()
        caller.hung_up()
        until(lambda: server.get("/readyz")[0] == 503, "not ready while nothing can be written")
        assert "acd_journal_failing 1.0" in server.get("/metrics")[1]
        assert hall.caller("13600000007").call_refused(SALES) == 503
        assert "journal cannot be written" in server.log()
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
    until(lambda: server.get("/readyz")[0] == 200, "ready again by itself")
    have_a_talk(hall, "13600000008")
    all_of_it_once(server, ["13600000005", "13600000006", "13600000008"])


def answers(dsn: str) -> bool:
    async def ask() -> bool:
        try:
            connection = await asyncpg.connect(dsn, timeout=10)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    return asyncio.run(ask())


@pytest.fixture
def gate(server: Server) -> Iterator[Gate]:
    """A port in front of an own database, made in the embedded Postgres of the module's server."""

    async def make() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(f"CREATE DATABASE {DATABASE}")
        await connection.close()

    asyncio.run(make())
    gate = Gate(socket_path(server.dsn))
    yield gate
    gate.end()


def socket_path(dsn: str) -> str:
    """Return the unix socket that the DSN of the embedded Postgres names."""
    return parse_qs(urlsplit(dsn).query)["host"][0] + "/.s.PGSQL.5432"


@pytest.fixture
def gated(gate: Gate) -> Iterator[Server]:
    """A server with a database of its own admin, which does not answer yet."""
    site = Site()
    site.queue("sales", layers=[{"name": "all"}], wrap_up_s=0, position_every_s=0)
    with site.edit("server.yaml") as settings:
        dsn = f"postgresql://postgres:secret-word@127.0.0.1:{gate.port}/{DATABASE}"
        settings["database"] = {"dsn": dsn}
    server = Server(site)
    yield server
    server.close()
    site.remove()


def test_an_own_database_that_comes_later_goes_and_comes_again(
    gate: Gate, gated: Server, open_hall: Callable[[Server], Hall]
) -> None:
    gated.start()
    assert "secret-word" not in gated.log(), "the DSN's password is in the log"
    assert "database" in gated.log().lower(), "nothing is said about the missing database"
    hall = open_hall(gated)
    hall.agent("1001")
    have_a_talk(hall, "13600000011")
    gate.open()
    exists = "SELECT to_regclass('interactions') IS NOT NULL AS exists"
    until(lambda: gated.query(exists)[0]["exists"], "the tables are made")
    all_of_it_once(gated, ["13600000011"])
    gate.close()
    have_a_talk(hall, "13600000012")
    gate.open()
    have_a_talk(hall, "13600000013")
    all_of_it_once(gated, ["13600000011", "13600000012", "13600000013"])
    row = gated.kpi()["sales"]
    assert (row["offered"], row["answered"]) == (3, 3)
