"""Messages of live dialogs, right but for a few changes: nothing is raised, nothing is left."""

import math
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_to,
    assert_empty,
    events,
    make_endpoint,
    request,
    seeded_bytes,
    sent,
    statuses,
)

from acd.sip.core import Core
from acd.sip.dns_records import Resolve
from acd.sip.effects import Send
from acd.sip.endpoint import EndpointSettings, InviteTarget
from acd.sip.errors import BadMessageError
from acd.sip.events import (
    InviteReceived,
    LegCancelled,
    LegEnded,
    LegFailed,
    LegReoffered,
    TransferRequested,
)
from acd.sip.message import Request, Response, read
from acd.sip.timers import SipTimers
from acd.sip.transactions import Transactions
from acd.sip.trunk_settings import Gateway, TrunkSettings

OPEN_QUOTE = 'x;a="b, c'
"Cannot be split: the quotation mark may hide the comma."

HEADERS = (
    *(
        f"{name}: {OPEN_QUOTE}"
        for name in (
            *("Accept", "Allow", "Contact", "Diversion", "History-Info", "Min-SE", "Path"),
            *("P-Asserted-Identity", "Privacy", "Proxy-Authenticate", "RAck", "Reason"),
            *("Record-Route", "Refer-To", "Referred-By", "Replaces", "Require", "Retry-After"),
            *("Route", "Session-Expires", "Supported", "Unsupported", "Via", "WWW-Authenticate"),
        )
    ),
    "Require: 100rel",
    "Require: timer",
    "Supported: 100rel, timer, replaces",
    "RSeq: 1",
    "RSeq: 2",
    "RSeq: 99999999999",
    "RAck: 1 1 INVITE",
    "RAck: x",
    "Session-Expires: 90;refresher=uas",
    "Session-Expires: 90;refresher=uac",
    "Session-Expires: -1",
    "Min-SE: 120",
    "Min-SE: 99999999999999999999",
    "Retry-After: 1",
    "Retry-After: x (",
    "Reason: Q.850;cause=16, SIP;cause=",
    'Reason: SIP;cause=200;text="',
    'Referred-By: "x',
    "Referred-By: <sip:a@b>",
    "Refer-To: <sip:4000@h>",
    "Refer-To: <sip:4000@h?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>",
    "Refer-To: <sip:4000@h?Replaces=%zz>",
    "Refer-To: <sip:%zz@h;method=BYE>",
    "Refer-Sub: false",
    "Event: refer",
    "Contact: <sip:x@192.0.2.77>;q=0.5, <sip:y@192.0.2.78;transport=tcp>",
    "Contact: <sip:@>",
    "Contact: *",
    "Contact: ",
    "Record-Route: <sip:p@192.0.2.9;lr>",
    "Record-Route: <sip:p@192.0.2.9>, x <",
    "Route: <sip:192.0.2.1>",
    "Content-Type: multipart/mixed;boundary=b",
    "Content-Type: multipart/mixed",
    "Content-Encoding: gzip",
    "Accept: text/plain",
    "Allow: INVITE, UPDATE",
    "P-Asserted-Identity: <tel:+1>, x",
    "History-Info: <sip:a@b>;index=1.1",
    "Diversion: <",
    'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"',
    'Proxy-Authenticate: Digest realm="r", nonce="n", stale=TRUE',
    "WWW-Authenticate: Digest ,,=",
    'Authorization: Digest username="a", realm="',
    "To: <sip:4000@192.0.2.1>",
    "From: <sip:alice@192.0.2.10>;tag=",
    "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKother",
    "CSeq: 2147483647 INVITE",
    "CSeq: 0 ACK",
    "Max-Forwards: 0",
    "Max-Forwards: 300",
    "Call-ID: ",
)
METHODS = (
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "UPDATE",
    "PRACK",
    "INFO",
    "REFER",
    "NOTIFY",
    "OPTIONS",
)
STATUSES = (
    100,
    180,
    183,
    200,
    202,
    300,
    302,
    400,
    401,
    407,
    408,
    422,
    481,
    487,
    491,
    500,
    503,
    603,
)

SMALL = st.integers(0, 9)
change = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 900), st.integers(1, 255)),
    st.tuples(st.just("insert"), st.integers(0, 900), st.binary(min_size=1, max_size=3)),
    st.tuples(st.just("cut"), st.integers(0, 900), st.integers(1, 40)),
    st.tuples(st.just("drop line"), st.integers(1, 12), st.just(0)),
    st.tuples(st.just("double line"), st.integers(1, 12), st.just(0)),
    st.tuples(st.just("empty line"), st.integers(1, 12), st.just(0)),
)
changes = st.lists(change, max_size=2)
headers = st.lists(st.sampled_from(HEADERS), max_size=3)
step = st.one_of(
    st.tuples(st.just("asks"), st.sampled_from(METHODS), SMALL, headers, st.booleans(), changes),
    st.tuples(st.just("says"), st.sampled_from(STATUSES), SMALL, headers, st.booleans(), changes),
    st.tuples(st.just("calls in"), headers, changes),
    st.tuples(st.just("calls out"), st.integers(0, 2)),
    st.tuples(st.just("is told"), st.sampled_from(("ring", "early", "answer", "hang_up")), SMALL),
    st.tuples(st.just("is told"), st.sampled_from(("reoffer", "accept", "refuse")), SMALL),
    st.tuples(st.just("transfers"), st.sampled_from(("accept", "refuse", "notify", "end")), SMALL),
    st.tuples(st.just("waits"), st.sampled_from((0.1, 0.6, 4.5, 33.0))),
)


def changed(data: bytes, what: list[tuple[str, int, object]]) -> bytes:
    for name, at, value in what:
        lines = data.split(b"\r\n")
        line = at % len(lines)
        at %= len(data) + 1
        if name == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ value]) + data[at + 1 :]  # type: ignore[operator]
        elif name == "insert":
            data = data[:at] + value + data[at:]  # type: ignore[operator]
        elif name == "cut":
            data = data[:at] + data[at + value :]  # type: ignore[operator]
        elif name == "drop line":
            data = b"\r\n".join(lines[:line] + lines[line + 1 :])
        elif name == "double line":
            data = b"\r\n".join(lines[: line + 1] + lines[line:])
        elif name == "empty line":
            lines[line] = lines[line].partition(b":")[0] + b":"
            data = b"\r\n".join(lines)
    return data


class Line:
    """An endpoint with live dialogs, and somebody at the other end who knows their tags."""

    def __init__(self, *, reliable: bool, session_expires_s: int) -> None:
        self.endpoint = make_endpoint(
            credentials=Accounts(alice="pw"),
            authenticate_accounts=False,
            session_expires_s=session_expires_s,
            prefer_100rel=reliable,
            offer_100rel=reliable,
            max_redirects=2,
        )
        self.now, self.number = 0.0, 1
        self.ours: list[bytes] = []
        self.dialogs: list[tuple[str, str, str]] = []
        self.legs: list[str] = []
        self.over: set[str] = set()
        self.refers: list[tuple[str, int]] = []
        trunk = TrunkSettings(
            name="carrier",
            gateways=(
                Gateway(host="192.0.2.50", port=5060),
                Gateway(host="192.0.2.51", port=5060),
            ),
            options_interval_s=0.0,
            username="u",
            password="p",
            redirects=2,
            channels=3,
        )
        self.take(self.endpoint.configure_trunks((trunk,), 0.0))

    def take(self, outputs) -> None:
        for data in sent(outputs):
            message = read(data)
            assert message.fault is None
            if isinstance(message, Request):
                self.ours.append(data)
                if message.method in {b"ACK", b"PRACK"}:
                    self.acknowledged(message)
            elif 100 < message.status < 300 and message.cseq.method == b"INVITE":
                self.know(message.get(b"call-id"), message.from_.tag, message.to.tag)
        for event in outputs:
            if isinstance(event, LegEnded | LegFailed | LegCancelled):
                assert event.leg not in self.over
                self.over.add(event.leg)
            elif isinstance(event, InviteReceived):
                self.legs.append(event.leg)
            elif isinstance(event, TransferRequested):
                self.refers.append((event.leg, event.refer))
            elif isinstance(event, LegReoffered):
                assert event.leg not in self.over
            else:
                assert not isinstance(event, Resolve)

    def acknowledged(self, request: Request) -> None:
        with suppress(BadMessageError):  # the ACK of a refusal gives its To back as it came
            self.know(request.get(b"call-id"), request.to.tag, request.from_.tag)

    def know(self, call_id: bytes, theirs: bytes, ours: bytes) -> None:
        dialog = call_id.decode("latin-1"), theirs.decode("latin-1"), ours.decode("latin-1")
        if dialog not in self.dialogs:
            self.dialogs.append(dialog)

    def hears(self, data: bytes) -> None:
        self.take(self.endpoint.receive(data, PHONE, self.now))

    # --- steps ---

    def calls_in(self, more: list[str], what: list) -> None:
        self.number += 1
        name = f"in-{self.number}"
        data = request(
            "INVITE", *more, branch=f"z9hG4bK{name}", call_id=name, from_tag="t", body=SDP
        )
        self.hears(changed(data, what))

    def calls_out(self, how: int) -> None:
        self.number += 1
        leg = f"out-{self.number}"
        self.legs.append(leg)
        target = InviteTarget(
            uri="sip:13800138000@192.0.2.10",
            peer=PHONE,
            caller="c",
            trunk="carrier" if how else "",
            redirects=2,
        )
        self.take(self.endpoint.invite(leg, target, SDP, self.now))

    def asks(self, method: str, which: int, more: list[str], offer: bool, what: list) -> None:
        if not self.dialogs:
            return
        self.number += 1
        call_id, theirs, ours = self.dialogs[-1 - which % len(self.dialogs)]
        data = request(
            method,
            *more,
            branch=f"z9hG4bK{self.number}",
            call_id=call_id,
            from_tag=theirs,
            to_tag=ours,
            cseq=1 if method in {"ACK", "CANCEL"} else self.number,
            body=SDP if offer else b"",
        )
        self.hears(changed(data, what))

    def says(self, status: int, which: int, more: list[str], answer: bool, what: list) -> None:
        if not self.ours:
            return
        asked = self.ours[-1 - which % len(self.ours)]
        data = answer_to(asked, status, *more, tag=f"p{which % 2}", body=SDP if answer else b"")
        self.hears(changed(data, what))

    def is_told(self, name: str, which: int) -> None:
        if not self.legs:
            return
        endpoint, now = self.endpoint, self.now
        leg = self.legs[-1 - which % len(self.legs)]
        if name == "hang_up":
            self.over.add(leg)
        commands = {
            "ring": lambda: endpoint.ring(leg, now),
            "early": lambda: endpoint.ring(leg, now, SDP, 183),
            "answer": lambda: endpoint.answer(leg, SDP, now),
            "hang_up": lambda: [
                one
                for one in endpoint.hang_up(leg, now)
                if not isinstance(one, LegFailed)  # by our own wish
            ],
            "reoffer": lambda: endpoint.reoffer(leg, SDP, now),
            "accept": lambda: endpoint.accept_offer(leg, SDP, now),
            "refuse": lambda: endpoint.refuse_offer(leg, 488, now, "305 no"),
        }
        self.take(commands[name]())

    def transfers(self, name: str, which: int) -> None:
        if not self.refers:
            return
        endpoint, now = self.endpoint, self.now
        refer = self.refers[-1 - which % len(self.refers)]
        commands = {
            "accept": lambda: endpoint.accept_transfer(*refer, now),
            "refuse": lambda: endpoint.refuse_transfer(*refer, 403, now),
            "notify": lambda: endpoint.notify_transfer(*refer, 180, "", now, final=False),
            "end": lambda: endpoint.notify_transfer(*refer, 200, "", now, final=True),
        }
        self.take(commands[name]())

    def waits(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.endpoint.next_deadline()) <= until:
            self.now = max(self.now, at)
            self.take(self.endpoint.on_time(self.now))
            assert self.endpoint.next_deadline() > self.now, "what is due has been done"
        self.now = until

    def end(self) -> None:
        for leg in self.legs:
            self.endpoint.hang_up(leg, self.now)
        for refer in self.refers:
            self.endpoint.notify_transfer(*refer, 503, "", self.now, final=True)
        for _ in range(30):
            for _ in range(400):
                at = self.endpoint.next_deadline()
                if at == math.inf:
                    return
                self.now = max(self.now, at)
                self.endpoint.on_time(self.now)
        pytest.fail("it never comes to rest")


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=40), st.booleans(), st.sampled_from((0, 100)))
def test_nearly_right_messages(steps, reliable: bool, session_expires_s: int) -> None:
    line = Line(reliable=reliable, session_expires_s=session_expires_s)
    line.calls_in([], [])
    line.is_told("answer", 0)
    line.asks("ACK", 0, [], False, [])
    line.calls_out(0)
    line.says(200, 0, ["Allow: UPDATE"], True, [])
    line.calls_out(1)
    for name, *arguments in steps:
        getattr(line, name.replace(" ", "_"))(*arguments)
    line.end()
    assert_empty(line.endpoint)
    (trunk,) = line.endpoint.trunk_state()
    assert trunk.channels_in_use == 0


@pytest.mark.parametrize("trunk", ["", "carrier"])
@pytest.mark.parametrize(
    ("status", "header"),
    [(486, 'Reason: Q.850;text="a, b'), (302, 'Contact: "a, <sip:b@192.0.2.77>')],
)
def test_a_refusal_with_a_broken_header_is_a_refusal(trunk: str, status: int, header: str) -> None:
    line = Line(reliable=False, session_expires_s=0)
    line.calls_out(1 if trunk else 0)
    answer = answer_to(line.ours[-1], status).replace(
        b"Contact: <sip:agent@192.0.2.10:5062>", header.encode()
    )
    (failed,) = events(line.endpoint.receive(answer, PHONE, 1.0))
    assert (failed.leg, failed.status) == (line.legs[-1], status)
    assert line.endpoint.legs == 0
    assert line.endpoint.trunk_state()[0].channels_in_use == 0


@pytest.mark.parametrize("header", ['Supported: x;a="b, c', "Min-SE: soon"])
def test_a_reinvite_with_broken_advice_is_served(header: str) -> None:
    line = Line(reliable=False, session_expires_s=600)
    line.calls_in([], [])
    line.is_told("answer", 0)
    line.asks("ACK", 0, [], False, [])
    line.asks("INVITE", 0, [header], True, [])
    assert statuses(line.endpoint.accept_offer(line.legs[0], SDP, 1.0)) == [200]


class Hasty:
    """The user of a request who cannot read the answer."""

    def __init__(self) -> None:
        self.failures: list[int] = []

    def on_response(self, response: Response, now: float) -> Send | None:
        raise BadMessageError("Nobody can read that")

    def on_failure(self, status: int, now: float) -> None:
        self.failures.append(status)


def test_an_answer_that_nobody_can_read_ends_the_request() -> None:
    timers = SipTimers()
    settings_ = EndpointSettings(advertised={"udp": ("192.0.2.1", 5060)})
    core = Core(settings_, lambda: "id", seeded_bytes(), timers)
    transactions, user = Transactions(core), Hasty()
    data = request("OPTIONS", branch="z9hG4bKours")
    transactions.begin_client_request(b"z9hG4bKours", b"OPTIONS", Send(PHONE, data), user, 0.0)
    for status in (100, 200):
        transactions.receive_response(read(answer_to(data, status)), 1.0)  # type: ignore[arg-type]  # a response
    assert (user.failures, len(transactions)) == ([502], 0)
