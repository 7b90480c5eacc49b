"""Messages and a quick endpoint for the SIP tests."""

from hashlib import blake2b
from itertools import count

from acd.sip.digest_client import Attempt, DigestClient
from acd.sip.digest_values import ha1
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings
from acd.sip.message import Request, Response, read
from acd.sip.peer import Peer

PHONE = Peer("udp", "192.0.2.10", 5062)
SERVER = Peer("udp", "192.0.2.1", 5060)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 0\r\n"
)


class Accounts:
    """Credentials by account; the password is given in the clear."""

    def __init__(self, **passwords: str) -> None:
        self.passwords = passwords

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        password = self.passwords.get(account)
        return None if password is None else ha1(account, realm, password, algorithm)


def seeded_bytes(seed: bytes = b"seed"):
    numbers = count()
    return lambda size: blake2b(b"%d" % next(numbers), digest_size=size, key=seed).digest()


def make_endpoint(seed: bytes = b"seed", credentials=None, address=SERVER, **settings) -> Endpoint:
    ids = count(1)
    advertised = {"udp": (address.host, address.port), "tcp": (address.host, address.port)}
    return Endpoint(
        EndpointSettings(advertised=advertised, **settings),
        credentials=credentials or Accounts(),
        new_id=lambda: f"{seed.decode()}-{next(ids)}",
        random_bytes=seeded_bytes(seed),
    )


def message(start: str, *headers: str, body: bytes = b"", length: bool = True) -> bytes:
    lines = [start, *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode(errors="surrogateescape") + b"\r\n\r\n" + body


def request(
    method: str,
    *more: str,
    uri: str = "sip:4000@192.0.2.1",
    branch: str = "z9hG4bKone",
    caller: str = "alice",
    from_tag: str = "ft",
    to_tag: str = "",
    call_id: str = "call-1",
    cseq: int = 1,
    body: bytes = b"",
    content_type: str = "application/sdp",
    via: str = "",
) -> bytes:
    """Return a request as the phone at PHONE sends it."""
    to = f"To: <sip:4000@192.0.2.1>{';tag=' + to_tag if to_tag else ''}"
    headers = [
        via or f"Via: SIP/2.0/UDP 192.0.2.10:5062;branch={branch}",
        f"From: <sip:{caller}@192.0.2.10>;tag={from_tag}",
        to,
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {'INVITE' if method == '' else method}",
        "Max-Forwards: 70",
        f"Contact: <sip:{caller}@192.0.2.10:5062>",
        *more,
    ]
    if body:
        headers.append(f"Content-Type: {content_type}")
    return message(f"{method} {uri} SIP/2.0", *headers, body=body)


def answer_to(
    sent: bytes, status: int, *more: str, tag: str = "peer", body: bytes = b"", contact: str = ""
) -> bytes:
    """Return the answer of the phone at PHONE to a request of ours."""
    asked = read(sent)
    assert isinstance(asked, Request)
    to = asked.get(b"to").decode(errors="surrogateescape") + (
        "" if asked.to.tag or not tag else f";tag={tag}"
    )
    headers = [
        f"Via: {asked.get(b'via').decode(errors='surrogateescape')}",
        f"From: {asked.get(b'from').decode(errors='surrogateescape')}",
        f"To: {to}",
        f"Call-ID: {asked.get(b'call-id').decode(errors='surrogateescape')}",
        f"CSeq: {asked.get(b'cseq').decode(errors='surrogateescape')}",
        f"Contact: {contact or '<sip:agent@192.0.2.10:5062>'}",
        *more,
    ]
    if body:
        headers.append("Content-Type: application/sdp")
    return message(f"SIP/2.0 {status} Whatever", *headers, body=body)


def answer_challenge(
    response: Response, method: bytes, uri: bytes, username: str, password: str, cnonce: str
) -> bytes | None:
    """Return the header lines by which a client answers a 401 or 407."""
    client = DigestClient(username, password, cnonce.encode)
    return client.lines(method, uri) if client.learn(response, Attempt()) else None


def sent(outputs) -> list[bytes]:
    return [item.data for item in outputs if isinstance(item, Send)]


def parsed(outputs) -> list[Request | Response]:
    return [read(data) for data in sent(outputs)]


def statuses(outputs) -> list[int]:
    return [item.status for item in parsed(outputs) if isinstance(item, Response)]


def methods(outputs) -> list[bytes]:
    return [item.method for item in parsed(outputs) if isinstance(item, Request)]


def events(outputs) -> list:
    return [item for item in outputs if not isinstance(item, Send)]


def on_time(endpoint: Endpoint, now: float) -> list:
    """Fire what is due; nothing that is due may be left, or a driver would spin."""
    outputs = endpoint.on_time(now)
    assert endpoint.next_deadline() > now
    return outputs


def run_out(endpoint: Endpoint, until: float = float("inf")) -> list[tuple[float, object]]:
    """Fire every deadline up to `until` in turn; return (time, output)."""
    fired = []
    while (at := endpoint.next_deadline()) <= until and at != float("inf"):
        fired += [(at, item) for item in on_time(endpoint, at)]
    return fired


def assert_empty(endpoint: Endpoint) -> None:
    assert (endpoint.legs, endpoint.transactions, endpoint.lingering) == (0, 0, 0)
    table = endpoint._table
    assert (len(table.incoming), len(table.cancellable), len(table.referring)) == (0, 0, 0)
    assert (len(table.unacknowledged), len(table.unacknowledged_of_trunks)) == (0, 0)
    assert endpoint.next_deadline() == float("inf")
