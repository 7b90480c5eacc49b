"""RFC 4475's messages sent to the running server over UDP, and over TCP those that can be framed.

Answers go where the top Via says, so only its sent-by is replaced by our own address. A plain
OPTIONS follows each message on the same way: whatever comes before its answer answers the message.
"""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Server, Site

TORTURE = Path(__file__).parents[1] / "torture"
TIMEOUT_S = 45.0

WELL_FORMED = {
    *("wsinv", "intmeth", "esc01", "escnull", "esc02", "lwsdisp", "longreq", "dblreq", "semiuri"),
    *("transports", "mpart01", "cparam01", "cparam02", "regescrt", "inv2543", "zeromf"),
}
"Understood: never answered 400."

STRAY = {"unreason", "noreason", "bcast", "scalarlg", "bigcode"}
"Responses that match nothing: dropped without an answer."

BAD_REQUEST = {
    *("badinv01", "clerr", "ncl", "scalar02", "insuf", "multi01", "mcl01", "mismatch01"),
}

REFUSED: dict[str, set[int]] = {name: {400} for name in BAD_REQUEST} | {
    "mismatch02": {400, 501},
    "badvers": {505},
    "bext01": {420},
    "unkscm": {416},
    "novelsc": {416},
    "unksm2": {400, 401, 404},
    "invut": {415},
    "sdp01": {400, 406},
    "regaut01": {400, 401},
}

EITHER = {
    *("badaspec", "baddn", "baddate", "badbranch", "lwsstart", "lwsruri", "ltgtruri", "quotbal"),
    *("trws", "escruri", "regbadct"),
}
"Liberal or strict, both are right."

AT_A_SERVED_NUMBER = {"bext01", "invut", "sdp01"}
"They name a number that is not ours, and that would be found first."

_VIA = re.compile(rb"(?im)^((?:v|via)\s*:\s*SIP\s*/\s*2\.0\s*/\s*)\S+(\s+)[^\s;,]+(\s*:\s*\d+)?")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    site = Site()
    server = Server(site).start()
    yield server
    server.close()
    site.remove()


def messages() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))}


def addressed(name: str, data: bytes, transport: str, address: tuple[str, int]) -> bytes:
    """Return the message with our own address in its top Via."""
    place = b"%b:%d" % (address[0].encode(), address[1])
    data = _VIA.sub(rb"\1%b\g<2>%b" % (transport.upper().encode(), place), data, count=1)
    if name in AT_A_SERVED_NUMBER:
        start, rest = data.split(b"\r\n", 1)
        method, _, version = start.split(b" ")
        data = b"%b sip:4000@127.0.0.1 %b\r\n%b" % (method, version, rest)
    return data


def frames(data: bytes) -> bool:
    """Tell whether a stream can carry it: its Content-Length is one, and is the body's."""
    head, blank, body = data.partition(b"\r\n\r\n")
    lengths = re.findall(
        rb"(?im)^(?:l|content-length)\s*:\s*(-?\d+)\s*$", head.replace(b"\r", b"")
    )
    return bool(blank) and len(lengths) == 1 and int(lengths[0]) == len(body)


def options(name: str, transport: str, address: tuple[str, int]) -> bytes:
    host, port = address
    lines = [
        "OPTIONS sip:4000@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {host}:{port};branch=z9hG4bKafter-{name}",
        f"From: <sip:torture@{host}>;tag=t",
        "To: <sip:4000@127.0.0.1>",
        f"Call-ID: after-{name}",
        "CSeq: 1 OPTIONS",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def verdict(name: str, statuses: list[int]) -> bool:
    """Tell whether these are right answers to the message."""
    if name in STRAY:
        return not statuses
    if not statuses:
        return False
    if name in WELL_FORMED:
        return 400 not in statuses
    if name in REFUSED:
        return statuses[-1] in REFUSED[name]
    return all(status in range(100, 600) for status in statuses)


def test_every_message_has_its_class() -> None:
    classes = [WELL_FORMED, STRAY, set(REFUSED), EITHER]
    assert sum(map(len, classes)) == len(set().union(*classes)) == 49
    assert set().union(*classes) == set(messages())


def over_udp(server: Server, name: str, data: bytes) -> list[int]:
    host, port = server.run["sip"]["udp"]
    statuses: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.bind(("127.0.0.1", 0))
        address = sock.getsockname()
        sock.sendto(addressed(name, data, "udp", address), (host, port))
        sock.sendto(options(name, "udp", address), (host, port))
        while True:
            answer = sock.recv(65_535)
            if not answer.startswith(b"SIP/2.0 "):
                continue  # e.g. the BYE of a call that nobody acknowledges
            if b"Call-ID: after-%b\r\n" % name.encode() in answer:
                assert answer.startswith(b"SIP/2.0 200 ")
                return statuses
            statuses.append(int(answer[8:11]))


def over_tcp(server: Server, name: str, data: bytes) -> list[int]:
    host, port = server.run["sip"]["tcp"]
    statuses: list[int] = []
    with socket.create_connection((host, port), TIMEOUT_S) as sock:
        address = sock.getsockname()
        sock.sendall(addressed(name, data, "tcp", address) + options(name, "tcp", address))
        buffer = b""
        while True:
            head, blank, rest = buffer.partition(b"\r\n\r\n")
            if not blank:
                more = sock.recv(65_535)
                assert more, f"closed after {buffer!r}"
                buffer += more
                continue
            length = re.search(rb"(?im)^content-length: (\d+)", head)
            assert length is not None
            while len(rest) < int(length[1]):
                rest += sock.recv(65_535)
            buffer = rest[int(length[1]) :]
            if b"Call-ID: after-%b\r\n" % name.encode() in head + b"\r\n":
                assert head.startswith(b"SIP/2.0 200 ")
                return statuses
            if head.startswith(b"SIP/2.0 "):
                statuses.append(int(head[8:11]))


@pytest.mark.parametrize("name", sorted(messages()))
def test_over_udp(server: Server, name: str) -> None:
    statuses = over_udp(server, name, messages()[name])
    assert verdict(name, statuses), statuses


@pytest.mark.parametrize("name", sorted(name for name, data in messages().items() if frames(data)))
def test_over_tcp(server: Server, name: str) -> None:
    statuses = over_tcp(server, name, messages()[name])
    assert verdict(name, statuses), statuses


def test_what_cannot_be_framed_costs_the_connection_and_nothing_else(server: Server) -> None:
    """A stream whose message has no length that can be believed has no next message."""
    host, port = server.run["sip"]["tcp"]
    with socket.create_connection((host, port), TIMEOUT_S) as sock:
        sock.sendall(addressed("ncl", messages()["ncl"], "tcp", sock.getsockname()))
        received = b""
        while more := sock.recv(65_535):
            received += more
    assert received.startswith((b"", b"SIP/2.0 400 "))
    assert over_tcp(server, "zeromf", messages()["zeromf"])
