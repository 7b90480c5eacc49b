"""A start that cannot be: one clear line, and an exit code that says so."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from server import ROOT, START_S, Server, Site


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Return a site whose server starts for the first time."""
    site = Site(bare=True)
    yield site
    site.remove()


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    server = Server(site)
    yield server.start()
    server.close()


def refused(site: Site, **options: str) -> list[str]:
    """Start a server that must not come up; return what it says."""
    arguments = {
        "config": str(site.config),
        "state": str(site.folder / "other-state"),
        "sip": "127.0.0.1:0",
        "http": "127.0.0.1:0",
    } | options
    flags = [part for name, value in arguments.items() for part in (f"--{name}", value)]
    done = subprocess.run(
        [sys.executable, "-m", "acd", "run", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert done.returncode not in {0, -6, -9, -11}
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr.strip().splitlines()


def one_line(said: list[str]) -> str:
    """Return the one line that says why; the log may have told of what had come up before."""
    [line] = [line for line in said if line.startswith("acd: ")]
    assert line == said[-1]
    return line


@pytest.mark.parametrize("option", ["sip", "http"])
def test_a_taken_port(site: Site, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = one_line(refused(site, **{option: f"127.0.0.1:{port}"}))
    assert f"127.0.0.1:{port}" in line


def test_taken_rtp_ports() -> None:
    """The server says so and ends; the servers of these tests then try other ports."""
    site = Site()
    with ExitStack() as stack:
        stack.callback(site.remove)
        with site.edit("server.yaml") as settings:
            first = settings["media"]["port_min"]
            settings["media"]["port_max"] = first + 15
        for port in range(first, first + 16):
            taken = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(OSError):  # taken already: as well
                taken.bind(("127.0.0.1", port))
        assert f"no RTP port of {first}-{first + 15}" in one_line(refused(site))
        server = Server(site)
        stack.callback(server.close)
        server.start()


def test_an_address_that_is_none(site: Site) -> None:
    line = one_line(refused(site, sip="nonsense"))
    assert "HOST:PORT" in line


def test_a_state_folder_that_cannot_be_written(site: Site) -> None:
    # Below a file, where not even root can make a folder.
    line = one_line(refused(site, state=str(site.config / "server.yaml" / "state")))
    assert "server.yaml/state" in line


def test_a_state_folder_in_use(server: Server, site: Site) -> None:
    line = one_line(refused(site, state=str(server.state)))
    assert str(server.state) in line


def test_a_malformed_dsn(server: Server) -> None:
    site = Site()
    try:
        with site.edit("server.yaml") as settings:
            settings["database"] = {"dsn": "postgres//acd:secret-word@db/acd"}
        lines = refused(site)
        assert any("server.yaml:" in line and "DSN" in line for line in lines)
        assert "secret-word" not in "\n".join(lines)
    finally:
        site.remove()


def test_every_mistake_at_once_with_its_line() -> None:
    site = Site()
    try:
        site.queue("sales", ring_timeout_s=0, musik="x")
        with site.edit("numbers.yaml") as numbers:
            numbers["numbers"]["4001"] = {"queue": "sails"}
        text = "\n".join(refused(site))
        assert "queues.yaml:" in text
        assert "ring_timeout_s" in text
        assert "musik" in text
        assert "numbers.yaml:" in text
        assert "sails" in text
    finally:
        site.remove()


def test_it_says_where_to_register_and_what_to_dial(server: Server) -> None:
    said = server.log()
    for word in (server.sip(), "1001", server.password("1001"), "4000", "/healthz", "/metrics"):
        assert word in said
    assert (server.state / "initial-passwords.txt").stat().st_mode & 0o077 == 0
    assert (server.state / "api-token").stat().st_mode & 0o077 == 0
