"""CPU of the SIP room for one whole call on two legs, no sockets: budget 250 µs per call.

Run: .venv/bin/python tests/bench/bench_sip_endpoint.py [calls]
The messages are those of SIPp's scenarios for a caller and an agent, on UDP.
"""

import gc
import sys
import time
from hashlib import blake2b
from itertools import count

from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings, InviteTarget
from acd.sip.events import InviteReceived
from acd.sip.message import read
from acd.sip.peer import Peer

BUDGET_US = 250.0

CALLER = Peer("udp", "127.0.0.1", 6100)
AGENT = Peer("udp", "127.0.0.1", 6000)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 7000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
)


class NoAccounts:
    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        return None


def seeded_bytes(seed: bytes):
    """Return a source of reproducible bytes as cheap as os.urandom."""
    numbers = count()
    return lambda size: blake2b(b"%d" % next(numbers), digest_size=size, key=seed).digest()


def make_endpoint() -> Endpoint:
    ids = count()
    return Endpoint(
        EndpointSettings(advertised={"udp": ("127.0.0.1", 5060)}),
        credentials=NoAccounts(),
        new_id=lambda: f"leg-{next(ids)}",
        random_bytes=seeded_bytes(b"bench"),
    )


def from_caller(method: str, number: int, cseq: int, to_tag: str = "", body: bytes = b"") -> bytes:
    head = (
        f"{method} sip:4001@127.0.0.1:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:6100;branch=z9hG4bK-77-{number}-{method}\r\n"
        f"From: <sip:c{number}@127.0.0.1:6100>;tag=c77x{number}\r\n"
        f"To: <sip:4001@127.0.0.1:5060>{to_tag}\r\n"
        f"Call-ID: {number}-77@127.0.0.1\r\nCSeq: {cseq} {method}\r\n"
    )
    if body:
        head += (
            f"Contact: <sip:c{number}@127.0.0.1:6100>\r\nMax-Forwards: 70\r\n"
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\n"
        )
    else:
        head += "Max-Forwards: 70\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def from_agent(request: bytes, status: str, body: bytes = b"") -> bytes:
    """Answer as the agent's scenario does: copied headers, a tag, a Contact."""
    fields = dict(
        line.split(b": ", 1) for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    )
    tag = b"" if b"tag=" in fields[b"To"] else b";tag=a77x1"
    lines = [
        b"SIP/2.0 " + status.encode(),
        b"Via: " + fields[b"Via"],
        b"From: " + fields[b"From"],
        b"To: " + fields[b"To"] + tag,
        b"Call-ID: " + fields[b"Call-ID"],
        b"CSeq: " + fields[b"CSeq"],
        b"Contact: <sip:a0001@127.0.0.1:6000>",
    ]
    if body:
        lines += [b"Content-Type: application/sdp"]
    lines += [b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Script:
    """Notes each call of the endpoint, to be played again without the phones' own work between."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, str, tuple]] = []

    def run(self, name, function, *arguments):
        self.steps.append((name, function.__name__, arguments))
        return function(*arguments)


def one_call(endpoint: Endpoint, script: Script, number: int, now: float) -> None:
    run = script.run
    out = run("INVITE", endpoint.receive, from_caller("INVITE", number, 1, "", SDP), CALLER, now)
    leg = next(item.leg for item in out if isinstance(item, InviteReceived))
    answered = run("answer()", endpoint.answer, leg, SDP, now)
    tag = next(i for i in answered if isinstance(i, Send)).data.split(b";tag=")[2][:16].decode()
    run("ACK", endpoint.receive, from_caller("ACK", number, 1, f";tag={tag}"), CALLER, now)
    target = InviteTarget(uri="sip:a0001@127.0.0.1:6000", peer=AGENT, caller=f"c{number}")
    invite = run("invite()", endpoint.invite, f"out-{number}", target, SDP, now)[0].data
    run("180", endpoint.receive, from_agent(invite, "180 Ringing"), AGENT, now)
    run("200", endpoint.receive, from_agent(invite, "200 OK", SDP), AGENT, now)
    run("BYE", endpoint.receive, from_caller("BYE", number, 2, f";tag={tag}"), CALLER, now)
    bye = run("hang_up()", endpoint.hang_up, f"out-{number}", now)[0].data
    run("200 to BYE", endpoint.receive, from_agent(bye, "200 OK"), AGENT, now)
    run("next_deadline()", endpoint.next_deadline)
    run("on_time()", endpoint.on_time, now)


def play(steps: list[tuple[str, str, tuple]]) -> tuple[Endpoint, dict[str, float]]:
    """Play the script on a second endpoint, which is the same to the last byte."""
    endpoint, spent_ns = make_endpoint(), {name: 0 for name, _, _ in steps}
    bound = [(name, getattr(endpoint, method), arguments) for name, method, arguments in steps]
    clock = time.perf_counter_ns
    for name, function, arguments in bound:
        began = clock()
        function(*arguments)
        spent_ns[name] += clock() - began
    return endpoint, spent_ns


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    script = Script()
    recorder = make_endpoint()
    for number in range(calls):
        one_call(recorder, script, number, 1000.0 + number / 200)
    gc.collect()
    gc.disable()
    began = time.process_time()
    endpoint, spent_ns = play(script.steps)
    total_us = (time.process_time() - began) / calls * 1e6
    for name, spent in spent_ns.items():
        print(f"{name:18s} {spent / calls / 1000:7.1f} µs")
    print(f"{'whole call':18s} {total_us:7.1f} µs of CPU (budget {BUDGET_US:.0f}), {calls} calls")
    invite = from_caller("INVITE", 1, 1, "", SDP)
    began = time.process_time()
    for _ in range(20_000):
        read(invite)
    print(f"{'read(INVITE)':18s} {(time.process_time() - began) / 20_000 * 1e6:7.1f} µs")
    print(f"left: {endpoint.legs} legs, {endpoint.transactions} transactions")
    sys.exit(total_us > BUDGET_US)


if __name__ == "__main__":
    main()
