"""Endpoint and call centre joined, under messages that are right but for a few changes.

Agents' phones, strangers and a carrier say whatever they like in the dialogs that they have; the
records close, and nothing stays open in any room.
"""

from contextlib import suppress
from itertools import count

from calls_stage import AGENTS, NUMBERS, OFFER, PROMPTS, WALL, flows, queue
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.calls.centre import CallCentre
from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.calls.exchange import Exchange
from acd.calls.numbers import NumberPlan
from acd.calls.settings import CentreSettings, DevicePolicy
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.router import Router
from acd.simulation.ledger import Ledger
from acd.simulation.wire_world import Accounts
from acd.sip.digest_client import Attempt, DigestClient
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings
from acd.sip.errors import BadMessageError
from acd.sip.events import Contact
from acd.sip.message import Request, Response, read
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway, TrunkSettings

STRANGER, CARRIER = Peer("udp", "203.0.113.9", 5060), Peer("udp", "192.0.2.50", 5060)
MOBILE = "13800138000"
DIALLED = ("4000", "4001", "4001", "4003", "4099", "1002", MOBILE, "110", "*11", "4711")
WHO = ("door", "carrier", "phone1001", "phone1001", "phone1002", "phone1005")
PLAN = DialPlan(trunks=("carrier",), rights={"1001": Rights(CallClass.NATIONAL)}, no_answer_s=30.0)
HEADERS = (
    "Require: 100rel",
    "Supported: 100rel, timer",
    "RSeq: 1",
    "Session-Expires: 90;refresher=uas",
    'Reason: Q.850;cause=17, SIP;text="',
    'Reason: Q.850;text="a, b',
    'Contact: "a, b',
    "Contact: <sip:x@192.0.2.77>",
    "Record-Route: <sip:p@192.0.2.9;lr>",
    "Content-Type: text/plain",
    'Referred-By: "x',
    "Referred-By: <sip:phone1001@h>",
    "Privacy: id",
    "Diversion: <sip:4001@h>",
    'Supported: x;a="b, c',
)
SMALL = st.integers(0, 7)
more = st.lists(st.sampled_from(HEADERS), max_size=2)
step = st.one_of(
    st.tuples(
        st.just("dials"), st.sampled_from(WHO), st.sampled_from(DIALLED), more, st.booleans()
    ),
    st.tuples(st.just("talks"), st.sampled_from(("4001", "4002"))),
    st.tuples(
        st.just("says"), st.sampled_from((180, 183, 200, 200, 302, 486, 503, 603)), SMALL, more
    ),
    st.tuples(
        st.just("asks"),
        st.sampled_from(("INVITE", "ACK", "BYE", "UPDATE", "PRACK", "INFO", "CANCEL")),
        SMALL,
        more,
        st.booleans(),
    ),
    st.tuples(st.just("refers"), st.sampled_from(DIALLED), SMALL, more),
    st.tuples(st.just("joins"), SMALL, SMALL),
    st.tuples(
        st.just("consults"),
        st.sampled_from(WHO[3:]),
        st.sampled_from(("4001", "4002", "1002", MOBILE)),
        st.booleans(),
    ),
    st.tuples(st.just("replaces"), st.sampled_from(WHO[2:]), SMALL, more),
    st.tuples(st.just("engine"), st.booleans()),
    st.tuples(st.just("worker dies"), SMALL),
    st.tuples(st.just("is lost"), st.sampled_from(WHO)),
    st.tuples(st.just("waits"), st.sampled_from((0.1, 4.5, 21.0, 33.0, 61.0))),
)


class Town:
    """A whole call centre without I/O, and everybody who can send it a message."""

    def __init__(self, devices: DevicePolicy, session_expires_s: int) -> None:
        ids = count(1)
        new_id = lambda: f"id{next(ids)}"  # noqa: E731 - an injected source, no function of ours
        queues = (queue(max_length=3, max_wait_s=60.0), queue("service", wrap_up_s=0.0))
        router = Router(agents=AGENTS, queues=queues, new_id=new_id)
        self.centre = CallCentre(
            router=router,
            agents=AGENTS,
            queues=queues,
            numbers=NumberPlan(targets=NUMBERS, dial_plan=PLAN),
            flows=flows(),
            settings=CentreSettings(prompts=PROMPTS, devices=devices),
            new_id=new_id,
            wall=lambda: WALL,
        )
        self.endpoint = Endpoint(
            EndpointSettings(
                advertised={"udp": ("192.0.2.1", 5060)},
                session_expires_s=session_expires_s,
                offer_100rel=True,
                prefer_100rel=True,
            ),
            credentials=Accounts(frozenset(agent.account for agent in AGENTS)),
            new_id=new_id,
            random_bytes=lambda size: next(ids).to_bytes(size),
        )
        self.exchange = Exchange(self.endpoint, self.centre)
        self.ledger = Ledger()
        self.now, self.number = 1000.0, 1
        self.quick = True
        self.media: list[media.Command] = []
        self.streams: set[str] = set()
        self.asked: list[tuple[Peer, Request]] = []
        self.dialogs: list[tuple[Peer, str, str, str]] = []
        self.challenges: list[Response] = []
        gateway = Gateway(host=CARRIER.host, port=CARRIER.port)
        trunk = TrunkSettings(name="carrier", gateways=(gateway,), options_interval_s=0.0)
        self.exchange.configure_trunks((trunk,), self.now)
        self.settle()
        for agent in AGENTS:
            contacts = tuple(
                Contact(f"sip:{agent.account}@{host}", Peer("udp", host, 5060), 1e9)
                for host in (self.peer(agent.account).host, f"198.51.101.{agent.number[-1]}")
            )
            self.exchange.restore_contacts(agent.account, contacts, self.now)
        self.settle()

    @staticmethod
    def peer(who: str) -> Peer:
        special = {"door": STRANGER, "carrier": CARRIER}
        return special.get(who) or Peer("udp", f"198.51.100.{who[-1]}", 5060)

    # --- what comes out ---

    def settle(self) -> None:
        while True:
            step = self.exchange.take_step()
            for event in step.events:
                self.ledger.take(event, self.now)
            for effect in step.sends:
                if isinstance(effect, Send):
                    self.note(effect)
            self.media += step.media
            if not step.media and not (self.quick and self.media):
                return
            if self.quick:
                self.work()

    def work(self) -> None:
        commands, self.media = self.media, []
        for command in commands:
            self.carry_out(command)

    def carry_out(self, command: media.Command) -> None:
        leg = command.leg
        match command:
            case media.OpenStream():
                assert leg not in self.streams
                self.streams.add(leg)
                self.tell(media_in.StreamOpened(leg, OFFER))
            case media.CloseStream() if leg in self.streams:
                self.streams.remove(leg)
                self.tell(media_in.StreamClosed(leg, 0, 0, 0, 0, 0, 0.0))
            case media.AcceptAnswer():
                self.tell(media_in.StreamAccepted(leg))
            case media.Reoffer():
                self.tell(media_in.StreamReoffered(leg, OFFER, b"hold" in command.offer))
            case media.Bridge():
                assert {leg, command.other} <= self.streams
            case media.Play(loop=False):
                self.tell(media_in.PlayFinished(leg, command.play))
            case _:
                pass

    def tell(self, event: media_in.Event) -> None:
        self.exchange.on_media(event, self.now)

    def note(self, effect: Send) -> None:
        message = read(effect.data)
        assert message.fault is None
        call_id = message.get(b"call-id").decode("latin-1")
        with suppress(BadMessageError):  # what they broke comes back as it was
            if isinstance(message, Request):
                self.asked.append((effect.peer, message))
                theirs, ours = message.to.tag, message.from_.tag
            else:
                if message.status == 401:
                    self.challenges.append(message)
                if not 100 < message.status < 300:
                    return
                theirs, ours = message.from_.tag, message.to.tag
            dialog = (effect.peer, call_id, theirs.decode("latin-1"), ours.decode("latin-1"))
            if theirs and ours and dialog not in self.dialogs:
                self.dialogs.append(dialog)

    def hears(self, data: bytes, peer: Peer) -> None:
        self.exchange.receive(data, peer, self.now)
        self.settle()

    # --- steps ---

    def request(
        self,
        method: str,
        peer: Peer,
        *more: str,
        number: str = "4001",
        who: str = "door",
        call_id: str = "",
        tags: tuple[str, str] = ("t", ""),
        cseq: int = 0,
        body: bytes = b"",
    ) -> bytes:
        self.number += 1
        to_tag = f";tag={tags[1]}" if tags[1] else ""
        lines = [
            f"{method} sip:{number}@192.0.2.1 SIP/2.0",
            f"Via: SIP/2.0/UDP {peer.host}:{peer.port};branch=z9hG4bK{self.number}",
            f"From: <sip:{who}@{peer.host}>;tag={tags[0]}",
            f"To: <sip:{number}@192.0.2.1>{to_tag}",
            f"Call-ID: {call_id or f'theirs{self.number}'}",
            f"CSeq: {cseq or self.number} {method}",
            *(
                ()
                if any(line.startswith("Contact") for line in more)
                else [f"Contact: <sip:{who}@{peer.host}>"]
            ),
            *more,
            *(
                ["Content-Type: application/sdp"]
                if body and "Content-Type" not in str(more)
                else []
            ),
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def dials(self, who: str, number: str, more: list[str], offer: bool) -> None:
        peer, self.challenges = self.peer(who), []
        call_id = f"call{self.number}"
        fields = {"number": number, "who": who, "call_id": call_id, "body": OFFER * offer}
        self.hears(self.request("INVITE", peer, *more, **fields), peer)
        if self.challenges:
            client = DigestClient(who, who, lambda: b"cnonce")
            assert client.learn(self.challenges[-1], Attempt())
            proof = client.lines(b"INVITE", f"sip:{number}@192.0.2.1".encode()).decode().strip()
            self.hears(self.request("INVITE", peer, *more, proof, **fields), peer)

    def talks(self, number: str) -> None:
        """A stranger is connected to an agent, if one is free."""
        self.dials("door", number, [], True)
        self.says(200, 0, [])

    def says(self, status: int, which: int, more: list[str]) -> None:
        invites = [one for one in self.asked if one[1].method == b"INVITE"]
        asked = invites if status != 200 or which % 2 == 0 else self.asked
        if not asked:
            return
        peer, request = asked[-1 - which % len(asked)]
        body = OFFER if status in {183, 200} else b""
        same = [
            f"{name}: {request.get(name.lower().encode()).decode('latin-1')}"
            for name in ("Via", "From", "Call-ID", "CSeq")
        ]
        to = request.get(b"to").decode("latin-1")
        lines = [
            f"SIP/2.0 {status} Said",
            *same,
            f"To: {to}" + ("" if ";tag=" in to else f";tag=x{which}"),
            *(
                ()
                if any(line.startswith("Contact") for line in more)
                else ["Contact: <sip:x@198.51.100.1>"]
            ),
            *more,
            *(
                ["Content-Type: application/sdp"]
                if body and "Content-Type" not in str(more)
                else []
            ),
            f"Content-Length: {len(body)}",
        ]
        self.hears("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body, peer)

    def within(self, method: str, which: int, *more: str, body: bytes = b"") -> None:
        if not self.dialogs:
            return
        peer, call_id, theirs, ours = self.dialogs[-1 - which % len(self.dialogs)]
        data = self.request(method, peer, *more, call_id=call_id, tags=(theirs, ours), body=body)
        self.hears(data, peer)

    def asks(self, method: str, which: int, more: list[str], hold: bool) -> None:
        body = b"" if method in {"BYE", "INFO"} else b"hold" if hold else OFFER
        self.within(method, which, *more, body=body)

    def refers(self, number: str, which: int, more: list[str]) -> None:
        self.within("REFER", which, f"Refer-To: <sip:{number}@192.0.2.1>", *more)

    def consults(self, who: str, number: str, swapped: bool) -> None:
        """An agent asks somebody beside the call at hand, and joins the two."""
        self.dials(who, number, [], True)
        self.says(200, 0, [])
        own = [at for at, one in enumerate(reversed(self.dialogs)) if one[0] == self.peer(who)]
        if len(own) > 1:
            self.joins(own[swapped], own[not swapped])

    def joins(self, which: int, other: int) -> None:
        if self.dialogs:
            _, call_id, theirs, ours = self.dialogs[-1 - other % len(self.dialogs)]
            value = f"{call_id}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{theirs}"
            self.within("REFER", which, f"Refer-To: <sip:x@192.0.2.1?Replaces={value}>")

    def replaces(self, who: str, which: int, more: list[str]) -> None:
        if self.dialogs:
            _, call_id, theirs, ours = self.dialogs[-1 - which % len(self.dialogs)]
            value = f"Replaces: {call_id};to-tag={ours};from-tag={theirs}"
            self.dials(who, "4001", [value, *more], True)

    def engine(self, quick: bool) -> None:
        self.quick = quick
        self.work()
        self.settle()

    def worker_dies(self, which: int) -> None:
        lost = tuple(sorted(self.streams))[which % 3 :: 2]
        self.streams -= set(lost)
        self.media = [command for command in self.media if command.leg not in lost]
        if lost:
            self.tell(media_in.StreamsLost(lost, "died"))
            self.settle()

    def is_lost(self, who: str) -> None:
        self.exchange.transport_failed(self.peer(who), self.now)
        self.settle()

    def waits(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.exchange.next_deadline()) <= until:
            self.now = max(self.now, at)
            self.exchange.on_time(self.now)
            assert self.exchange.next_deadline() > self.now, "what is due has been done"
            self.settle()
        self.now = until

    def end(self) -> None:
        self.engine(True)
        self.exchange.carry_out(self.centre.shut_down(self.now), self.now)
        self.settle()
        self.waits(400.0)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(step, min_size=5, max_size=50),
    st.sampled_from(DevicePolicy),
    st.sampled_from((0, 100)),
)
def test_whatever_they_say_the_records_close(
    steps: list[tuple[object, ...]], devices: DevicePolicy, session_expires_s: int
) -> None:
    town = Town(devices, session_expires_s)
    for name, *arguments in steps:
        getattr(town, str(name).replace(" ", "_"))(*arguments)
    town.end()
    town.ledger.check_closed()
    endpoint = town.endpoint
    left = endpoint.legs, endpoint.transactions, endpoint.lingering, endpoint.transfers
    assert left == (0, 0, 0, 0)
    assert not town.streams
    assert endpoint.trunk_state()[0].channels_in_use == 0
