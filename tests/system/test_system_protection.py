"""Floods, scanners and their bans, at a running server, while others call."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import EVENT_S, Server, Site, until
from test_system_load import sipp

STRANGER, SCANNER, OURS, LATER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"
FLOOD_S = 2.0
PATIENCE_S = 1.0
"Of who looks whether more comes: no claim."

BURST, PAUSE_S = 25, 0.01
"""2,500 a second. The rig's load `flood` has 5,000 on a machine of its own; here other tests share
the cores, and a server that falls behind refuses honest callers too."""

TRIES = 30
"""Calls before that, one by one: a server that is short of time refuses nearly all of a flood with
503, and may not come to the 20 unknown numbers that are a ban."""


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with site.edit("server.yaml") as settings:
        settings["sip"]["limits"]["exempt"] = ["127.0.0.1", OURS]
    server = Server(site)
    yield server.start()
    server.close()


def request(method: str, number: int, called: str, agent: str = "flood") -> bytes:
    return (
        f"{method} sip:{called}@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.9:5060;rport;branch=z9hG4bK{agent}{number}\r\n"
        f"From: <sip:someone@127.0.0.9>;tag={number}\r\nTo: <sip:{called}@127.0.0.1>\r\n"
        f"Call-ID: {agent}{number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        f"Contact: <sip:someone@127.0.0.9>\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def client(server: Server, host: str, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    """Return a socket of this address that is connected to the server."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.settimeout(PATIENCE_S)
    sock.bind((host, 0))
    to, _, port = server.sip("udp" if kind == socket.SOCK_DGRAM else "tcp").rpartition(":")
    sock.connect((to, int(port)))
    return sock


class Flood:
    """Sends new calls for a while, and never acknowledges anything."""

    def __init__(self, server: Server, host: str, called: str) -> None:
        self._socket = client(server, host)
        self._called = called
        self.answers: list[bytes] = []
        self._threads = [
            threading.Thread(target=self._send),
            threading.Thread(target=self._receive),
        ]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        ends = time.monotonic() + FLOOD_S
        number = 0
        while time.monotonic() < ends:
            for _ in range(BURST if number >= TRIES else 1):
                number += 1
                self._socket.send(request("INVITE", number, self._called))
            time.sleep(PAUSE_S)

    def _receive(self) -> None:
        ends = time.monotonic() + FLOOD_S
        while time.monotonic() < ends:
            try:
                self.answers.append(self._socket.recv(4096)[:11])
            except TimeoutError:
                continue

    def __enter__(self) -> "Flood":
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()
        self._socket.close()


def is_answered(server: Server, host: str, number: int, agent: str = "phone") -> bool:
    """Ask by OPTIONS whether the server is there.

    Whoever asks after that and is answered shows that there will be no answer any more.
    """
    with client(server, host) as sock, client(server, LATER) as later:
        sock.send(request("OPTIONS", number, "4000", agent))
        later.settimeout(EVENT_S)
        later.send(request("OPTIONS", number, "4000", "later"))
        assert later.recv(4096).startswith(b"SIP/2.0 200 ")
        sock.setblocking(False)
        try:
            return sock.recv(4096).startswith(b"SIP/2.0 200 ")
        except BlockingIOError:
            return False


def bans(server: Server) -> dict[str, str]:
    return {ban["source"]: ban["reason"] for ban in server.api("GET", "/bans")}


def test_a_scanner_is_kept_out_until_the_ban_is_lifted(server: Server) -> None:
    assert is_answered(server, SCANNER, 1)
    is_answered(server, SCANNER, 2, agent="friendly-scanner")
    until(lambda: bans(server).get(SCANNER) == "scanner", "the scanner is banned")

    assert not is_answered(server, SCANNER, 3)
    with client(server, SCANNER, socket.SOCK_STREAM) as refused:
        assert refused.recv(1) == b""
    assert is_answered(server, "127.0.0.5", 4)
    where = ("--state", str(server.state))
    assert SCANNER in server.command("bans", "list", *where).stdout
    assert server.command("bans", "lift", SCANNER, *where).returncode == 0
    assert is_answered(server, SCANNER, 5)
    assert server.command("bans", "lift", SCANNER, *where).returncode == 1
    assert "source_banned" in server.log()
    [lifted] = server.rows("SELECT * FROM audit WHERE action = 'lift_ban'")
    assert (lifted["subject"], lifted["changed_by"]) == (SCANNER, "api")


def test_a_strangers_flood_is_banned_and_the_others_are_served(
    server: Server, tmp_path: Path
) -> None:
    with Flood(server, STRANGER, "4711") as flood:
        sipp(server, tmp_path, "-s", "4099", "-m", "20", "-r", "10", "-d", "300")

    assert bans(server) == {STRANGER: "unknown_number"}
    told = set(flood.answers)
    assert b"SIP/2.0 404" in told
    assert not {answer[8:] for answer in told} - {b"100", b"404", b"503"}
    rejected = server.get("/metrics")[1]
    assert 'acd_messages_turned_away_total{what="banned"}' in rejected
    assert not is_answered(server, STRANGER, 1)


def test_a_flood_from_our_own_network_leaves_the_others_served(
    server: Server, tmp_path: Path
) -> None:
    with Flood(server, OURS, "4711"):
        sipp(server, tmp_path, "-s", "4099", "-m", "20", "-r", "10", "-d", "300")

    assert OURS not in bans(server)
    server.no_calls()
    assert is_answered(server, "127.0.0.1", 2)
