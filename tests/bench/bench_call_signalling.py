"""CPU of one whole ACD call in the signalling process, without sockets: µs per call by part.

A caller's and an agent's messages are answered by simple peers outside the measured time; inside
it are the driver, the SIP endpoint, the call centre, the router, the journal (real, on disk),
metrics, trace, live figures and log. Not inside: sockets, media workers, the shipper.

    PYTHONPATH=. python tests/bench/bench_call_signalling.py [CALLS] [--profile | --bytecodes]
                                                             [--rest-ms MS [--spin]]

`--bytecodes` counts what Python executes instead of the time: the same on every machine, however
busy it is, but blind to what C functions cost. `--rest-ms` lets the process rest after each
message, as it does in a server that is not busy: what the caches forget meanwhile and the core
needs to wake up shows in the CPU of the next message. With `--spin` it waits without sleeping.
"""

import argparse
import asyncio
import cProfile
import hashlib
import pstats
import re
import secrets
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bytecodes import Bytecodes

from acd.app.live import LiveFloor
from acd.app.subscribers import Subscribers
from acd.calls.centre import CallCentre
from acd.calls.exchange import Exchange
from acd.calls.ids import Uuid7Source
from acd.calls.journal import Record
from acd.config import load_config
from acd.ivr.book import FlowBook
from acd.media import commands as media
from acd.media import events as media_events
from acd.net.driver import Driver
from acd.net.entropy import Entropy
from acd.routing.router import Router
from acd.sdp.offer_answer import Capabilities, answer_offer, make_offer, read_answer
from acd.sip.endpoint import Endpoint
from acd.sip.peer import Peer
from acd.storage.journal import Journal
from acd.storage.journal_settings import JournalSettings
from acd.telemetry.call_log import CallLog
from acd.telemetry.logging import set_up_logging
from acd.telemetry.metrics import JournalState, Metrics, MetricsViews
from acd.telemetry.trace import Tracer

BUDGET_US = 1_000.0
"Half of what a call may cost at 100 calls/s; sockets, media and shipping have the other half."

CALLER = Peer("udp", "127.0.0.1", 6100)
AGENTS = Peer("udp", "127.0.0.1", 6000)
SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" + (
    "m=audio 7000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n"
)
AGENTS_TOTAL = 50


class Accounts:
    """Every account's password is its own name."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        if not account.startswith("a"):
            return None
        digest = hashlib.md5 if algorithm == "MD5" else hashlib.sha256
        return digest(f"{account}:{realm}:{account}".encode()).hexdigest()


class DescribingEngine:
    """Does what the engine does in the signalling process: session descriptions."""

    def __init__(self) -> None:
        self.report: Callable[[list[media_events.Event]], None] = lambda events: None
        self._offers: dict[str, bytes] = {}
        self._id = 0

    def execute(self, command: media.Command) -> None:
        if isinstance(command, media.OpenStream):
            self._id += 1
            local = Capabilities(address="127.0.0.1", port=20_000, session_id=self._id)
            if command.offer:
                sdp = answer_offer(command.offer, local)[0]
            else:
                sdp = self._offers[command.leg] = make_offer(local)
            self.report([media_events.StreamOpened(command.leg, sdp)])
        elif isinstance(command, media.AcceptAnswer):
            read_answer(self._offers.pop(command.leg), command.answer)
            self.report([media_events.StreamAccepted(command.leg)])
        elif isinstance(command, media.CloseStream):
            self.report([media_events.StreamClosed(command.leg, 0, 0, 0, 0, 0, 0.0)])


class Wire:
    """Takes what the server sends."""

    def __init__(self) -> None:
        self.sent: deque[tuple[Peer, bytes]] = deque()

    def send(self, peer: Peer, data: bytes) -> None:
        self.sent.append((peer, data))

    def disconnect(self, peer: Peer) -> None:
        raise AssertionError(f"the server closed {peer}")


class Bench:
    """The server's signalling, and two peers that know only these calls."""

    def __init__(self, folder: Path) -> None:
        config = load_config(Path(__file__).parent / "config")
        agents = config.agent_profiles()[:AGENTS_TOTAL]
        queues = config.queue_profiles()
        entropy = Entropy()
        new_id = Uuid7Source(lambda: time.time_ns() // 1_000_000, entropy.bits)
        router = Router(agents=agents, queues=queues, new_id=new_id)
        self.centre = CallCentre(
            router=router,
            agents=agents,
            queues=queues,
            numbers=config.number_plan(),
            flows=FlowBook(),
            settings=config.centre_settings(),
            new_id=new_id,
            wall=lambda: datetime.now(UTC),
        )
        self.endpoint = Endpoint(
            config.endpoint_settings({"udp": ("127.0.0.1", 5060)}, {}),
            credentials=Accounts(),
            new_id=new_id,
            random_bytes=entropy.token_bytes,
        )
        self.wire, engine = Wire(), DescribingEngine()
        self.journal = Journal.open(
            folder,
            node="bench",
            boot=new_id(),
            wall_us=lambda: time.time_ns() // 1000,
            on_alarm=print,
            settings=JournalSettings(),
        )
        self.metrics = Metrics(
            MetricsViews(
                calls_active=lambda: 0,
                queues=lambda: (),
                agents_by_state=dict,
                registrations=dict,
                contacts_unreachable=lambda: 0,
                journal=lambda: JournalState(0, 0.0, failing=False),
            ),
            version="bench",
        )
        self.tracer = Tracer()
        live = LiveFloor(
            self.centre,
            router,
            config=lambda: config,
            now=asyncio.get_running_loop().time,
            wall_us=lambda: time.time_ns() // 1000,
        )
        self.driver = Driver(
            Exchange(self.endpoint, self.centre),
            event_log=self.journal,
            transports=self.wire,
            engine=engine,
            subscribers=(self._subscribers(live),),
            taps=(self._tap,),
        )
        engine.report = self.driver.on_media
        self.spent_s = 0.0
        self.rest: Callable[[], None] = lambda: None
        self.profile: cProfile.Profile | Bytecodes | None = None

    def _subscribers(self, live: LiveFloor) -> Subscribers:
        """Return those of the server that have to do with every call."""
        call_log = CallLog("info")
        return Subscribers(
            (
                (self._count, Metrics.KINDS),
                (self._trace, Tracer.KINDS),
                (call_log, call_log.kinds),
                *live.subscriptions,
            )
        )

    def _count(self, record: Record) -> None:
        self.metrics.observe(record.event, record.mono_s)

    def _trace(self, record: Record) -> None:
        self.tracer.observe(record.event, record.wall_us)

    def _tap(self, direction: str, peer: Peer, data: bytes) -> None:
        self.metrics.sip_message(direction, data)
        self.tracer.message(direction, peer, data, time.time_ns() // 1000)

    def receive(self, text: str, peer: Peer) -> None:
        """Hand the server a message; only this is measured."""
        data = text.encode()
        if self.profile is not None:
            self.profile.enable()
        begun = time.process_time()
        self.driver.receive(data, peer)
        self.driver.flush()
        self.spent_s += time.process_time() - begun
        if self.profile is not None:
            self.profile.disable()
        self.rest()

    def register(self) -> None:
        for number in range(1, AGENTS_TOTAL + 1):
            self._register(f"a{number:04d}")

    def _register(self, user: str, authorization: str = "", cseq: int = 1) -> None:
        self.receive(
            "REGISTER sip:acd SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:6000;branch=z9hG4bKr{user}{cseq}\r\n"
            f"From: <sip:{user}@acd>;tag=1\r\nTo: <sip:{user}@acd>\r\nCall-ID: r{user}\r\n"
            f"CSeq: {cseq} REGISTER\r\nContact: <sip:{user}@127.0.0.1:6000>\r\n"
            f"Max-Forwards: 70\r\nExpires: 3600\r\n{authorization}Content-Length: 0\r\n\r\n",
            AGENTS,
        )
        answer = self.wire.sent.pop()[1].decode()
        if answer.startswith("SIP/2.0 200"):
            return
        nonce = re.search(r'nonce="([^"]+)"', answer)[1]
        realm = re.search(r'realm="([^"]+)"', answer)[1]
        ha1 = Accounts().ha1(user, realm, "SHA-256")
        ha2 = hashlib.sha256(b"REGISTER:sip:acd").hexdigest()
        proof = f"{ha1}:{nonce}:00000001:c:auth:{ha2}"
        response = hashlib.sha256(proof.encode()).hexdigest()
        self._register(
            user,
            f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", '
            f'uri="sip:acd", response="{response}", algorithm=SHA-256, qop=auth, nc=00000001, '
            'cnonce="c"\r\n',
            cseq + 1,
        )

    def call(self, number: int) -> None:
        """Play one call: INVITE to both BYEs."""
        call_id = f"{number}-{secrets.token_hex(4)}@127.0.0.1"
        head = (
            f"Via: SIP/2.0/UDP 127.0.0.1:6100;branch=z9hG4bK{{branch}}\r\n"
            f"From: <sip:c{number}@127.0.0.1:6100>;tag=c{number}\r\n"
            f"To: <sip:4001@127.0.0.1:5060>{{tag}}\r\nCall-ID: {call_id}\r\n"
        )
        self.receive(
            "INVITE sip:4001@127.0.0.1:5060 SIP/2.0\r\n"
            + head.format(branch=f"i{number}", tag="")
            + "CSeq: 1 INVITE\r\n"
            + f"Contact: <sip:c{number}@127.0.0.1:6100>\r\nMax-Forwards: 70\r\n"
            + "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\n"
            + f"Content-Length: {len(SDP)}\r\n\r\n{SDP}",
            CALLER,
        )
        to_caller = [data.decode() for peer, data in self.wire.sent if peer == CALLER]
        tag = re.search(r"^To:.*(;tag=[^\r;]+)", to_caller[-1], re.MULTILINE)[1]
        contact = re.search(r"^Contact: <([^>]+)>", to_caller[-1], re.MULTILINE)[1]
        self._request("ACK", contact, head.format(branch=f"a{number}", tag=tag), 1)
        invite = next(data.decode() for peer, data in self.wire.sent if peer == AGENTS)
        self.wire.sent.clear()
        copied = "".join(
            line + "\r\n"
            for line in invite.split("\r\n")
            if line.startswith(("Via", "From", "Call-ID", "CSeq"))
        )
        to_line = re.search(r"^To: [^\r]+", invite, re.MULTILINE)[0]
        end = f"Contact: <sip:a@127.0.0.1:6000>\r\n{to_line};tag=g{number}\r\n"
        self.receive(f"SIP/2.0 180 Ringing\r\n{copied}{end}Content-Length: 0\r\n\r\n", AGENTS)
        self.receive(
            f"SIP/2.0 200 OK\r\n{copied}{end}Content-Type: application/sdp\r\n"
            f"Content-Length: {len(SDP)}\r\n\r\n{SDP}",
            AGENTS,
        )
        self.wire.sent.clear()
        self._request("BYE", contact, head.format(branch=f"b{number}", tag=tag), 2)
        bye = next(data.decode() for peer, data in self.wire.sent if peer == AGENTS)
        self.wire.sent.clear()
        lines = [
            line
            for line in bye.split("\r\n")
            if line.startswith(("Via", "From", "To", "Call", "CS"))
        ]
        self.receive(
            "SIP/2.0 200 OK\r\n" + "\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n", AGENTS
        )

    def _request(self, method: str, uri: str, head: str, cseq: int) -> None:
        self.receive(
            f"{method} {uri} SIP/2.0\r\n{head}CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n",
            CALLER,
        )


def spin(rest_s: float) -> None:
    """Wait without letting the core sleep."""
    until = time.perf_counter() + rest_s
    while time.perf_counter() < until:
        pass


async def measure(
    calls: int, profile: cProfile.Profile | Bytecodes | None, rest: Callable[[], None]
) -> float:
    """Return µs of CPU per call; `rest` is called after each message."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.register()
        for number in range(calls // 10):
            bench.call(number)
        bench.spent_s = 0.0
        bench.profile, bench.rest = profile, rest
        for number in range(calls // 10, calls + calls // 10):
            bench.call(number)
        if isinstance(profile, Bytecodes):
            profile.show(calls, "ACD call")
        elif profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        assert bench.centre.calls_total == 0
        bench.journal.close()
        return 1e6 * bench.spent_s / calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("calls", nargs="?", type=int, default=3_000)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--profile", dest="watch", action="store_const", const=cProfile.Profile)
    how.add_argument("--bytecodes", dest="watch", action="store_const", const=Bytecodes)
    parser.add_argument("--rest-ms", type=float, default=0.0)
    parser.add_argument("--spin", action="store_true")
    options = parser.parse_args()
    wait = spin if options.spin else time.sleep
    rest = partial(wait, options.rest_ms / 1000) if options.rest_ms else lambda: None
    watch = options.watch() if options.watch else None
    with open("/dev/null", "w", encoding="utf-8") as nowhere:
        set_up_logging(stream=nowhere)
        cost_us = asyncio.run(measure(options.calls, watch, rest))
    if watch is not None:
        return 0
    print(f"signalling of one ACD call: {cost_us:.0f} µs (budget {BUDGET_US:.0f})")
    return 0 if cost_us <= BUDGET_US else 1


if __name__ == "__main__":
    sys.exit(main())
