"""The endpoint under anything: it never raises, and nothing is left when all is over."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import (
    PHONE,
    SDP,
    Accounts,
    answer_to,
    assert_empty,
    make_endpoint,
    on_time,
    request,
    run_out,
    sent,
)

from acd.sip.endpoint import InviteTarget
from acd.sip.events import (
    InviteReceived,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEnded,
    LegFailed,
)
from acd.sip.message import Request, read
from acd.sip.peer import Peer

TCP = Peer("tcp", "192.0.2.10", 40000)
METHODS = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REGISTER",
    "FOO",
]
COMMANDS = ["ring", "describe", "answer", "reject", "cancel", "hang_up", "reoffer"]
COMMANDS += ["accept_offer", "refuse_offer"]
EXTENSIONS = [
    "",
    "Require: 100rel",
    "Supported: timer\r\nSession-Expires: 90",
    "Session-Expires: 1",
]

SMALL = st.integers(0, 5)
STEP = st.one_of(
    st.tuples(st.just("call"), st.booleans(), st.sampled_from(EXTENSIONS)),
    st.tuples(st.just("ring reliably"), SMALL, st.booleans()),
    st.tuples(st.just("talk"), st.booleans()),
    st.tuples(st.just("within"), st.sampled_from(METHODS), SMALL, st.booleans()),
    st.tuples(st.just("again"), SMALL),
    st.tuples(st.just("request"), st.sampled_from(METHODS), SMALL, SMALL, st.booleans()),
    st.tuples(
        st.just("respond"),
        SMALL,
        st.sampled_from([100, 180, 200, 302, 401, 422, 481, 486, 487, 491, 500, 600]),
    ),
    st.tuples(st.just("command"), st.sampled_from(COMMANDS), SMALL),
    st.tuples(st.just("invite"), st.booleans()),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
    st.tuples(st.just("mutate"), st.integers(0, 400), st.binary(max_size=5)),
    st.tuples(st.just("garbage"), st.binary(max_size=80)),
    st.tuples(st.just("broken transport"), st.booleans()),
)


class Stage:
    """Drives one endpoint and keeps the rules that hold for each leg."""

    def __init__(self, session_expires_s: int) -> None:
        self.endpoint = make_endpoint(
            credentials=Accounts(known="pw"),
            max_legs=6,
            session_expires_s=session_expires_s,
            offer_100rel=True,
        )
        self.now, self.number, self.rseq = 0.0, 0, 1
        self.requests: list[bytes] = []  # ours, to be answered
        self.heard: list[bytes] = []  # theirs, to be garbled
        self.tags = [""]
        self.dialogs: list[tuple[str, str, str]] = []  # Call-ID, their tag, ours
        self.legs = ["unknown"]
        self.stories: dict[str, list[type]] = {}

    def take(self, outputs) -> None:
        for data in sent(outputs):
            message = read(data)  # whatever we send can be read
            assert message.fault is None
            if isinstance(message, Request):
                self.requests.append(data)
                self.tags.append(message.from_.tag.decode())
                if message.method == b"ACK":
                    self.note_dialog(message, message.to.tag, message.from_.tag)
            elif message.status not in {400, 505}:  # these give broken headers back as they came
                assert message.via
                assert message.cseq
                self.tags.append(message.to.tag.decode("latin-1"))
                self.rseq = int(message.get(b"rseq") or self.rseq)
                if message.cseq.method == b"INVITE" and message.status in {180, 200}:
                    self.note_dialog(message, message.from_.tag, message.to.tag)
        for event in outputs:
            leg = getattr(event, "leg", None)
            if leg is not None:
                self.note(leg, type(event))

    def note_dialog(self, message, theirs: bytes, ours: bytes) -> None:
        known = (message.get(b"call-id"), theirs, ours)
        self.dialogs.append(tuple(part.decode("latin-1") for part in known))

    def call(self, offer: bool, extension: str = "") -> None:
        """A new call comes in."""
        self.number += 1
        data = request(
            "INVITE",
            *([extension] if extension else []),
            branch=f"z9hG4bKcall{self.number}",
            call_id=f"in-{self.number}",
            body=SDP if offer else b"",
        )
        self.heard.append(data)
        self.take(self.endpoint.receive(data, PHONE, self.now))

    def talk(self, outgoing: bool) -> None:
        """A whole call is set up, so that the steps after it find one."""
        if outgoing:
            self.invite(False)
            self.respond(0, 200)
        else:
            self.call(True)
            self.command("answer", 0)
            self.within("ACK", 0, True)

    def within(self, method: str, which: int, plain: bool) -> None:
        """A request comes within a dialog that exists or did."""
        if not self.dialogs:
            return
        self.number += 1
        call_id, theirs, ours = self.dialogs[-1 - which % len(self.dialogs)]
        first = method in {"ACK", "CANCEL"} and plain
        data = request(
            method,
            *([f"RAck: {self.rseq} 1 INVITE"] if method == "PRACK" else []),
            branch=f"z9hG4bKw{self.number}",
            call_id=call_id,
            from_tag=theirs,
            to_tag=ours,
            cseq=1 if first else self.number + 1 - (method == "ACK"),
            body=b"" if plain else SDP,
        )
        self.heard.append(data)
        self.take(self.endpoint.receive(data, PHONE, self.now))

    def again(self, which: int) -> None:
        """The network delivers something once more."""
        if self.heard:
            data = self.heard[-1 - which % len(self.heard)]
            self.take(self.endpoint.receive(data, PHONE, self.now))

    def note(self, leg: str, kind: type) -> None:
        story = self.stories.setdefault(leg, [])
        if kind is InviteReceived:
            self.legs.append(leg)
            assert story == []
        assert not set(story) & {LegCancelled, LegFailed, LegEnded}, "nothing after the end"
        if kind is LegAnswered:
            assert kind not in story
        if kind is LegConfirmed and leg.startswith("out"):
            assert LegAnswered in story
        story.append(kind)

    def step(self, what: str, *arguments) -> None:
        getattr(self, what.replace(" ", "_"))(*arguments)

    def request(self, method: str, leg: int, tag: int, fresh: bool) -> None:
        self.number += 1
        branch = f"z9hG4bK{self.number if fresh else leg}"
        data = request(
            method,
            branch=branch,
            call_id=["call-1", "call-2", "out-1", "call-1"][leg % 4],
            from_tag=["ft", "peer"][leg % 2],
            caller=["alice", "known"][leg == 5],
            to_tag=self.tags[-1 - tag % len(self.tags)],
            cseq=self.number if fresh else 1,
            body=SDP if tag % 2 else b"",
        )
        self.heard.append(data)
        self.take(self.endpoint.receive(data, TCP if leg == 4 else PHONE, self.now))

    def respond(self, which: int, status: int) -> None:
        if self.requests:
            asked = self.requests[-1 - which % len(self.requests)]
            data = answer_to(asked, status, tag=f"peer{which % 2}")
            self.heard.append(data)
            self.take(self.endpoint.receive(data, PHONE, self.now))

    def ring_reliably(self, which: int, described: bool) -> None:
        """A phone of ours answers provisionally and wants a PRACK for it."""
        if self.requests:
            asked = self.requests[-1 - which % len(self.requests)]
            self.number += 1
            headers = ("Require: 100rel", f"RSeq: {which + 1}")
            data = answer_to(asked, 183, *headers, tag="peer0", body=SDP if described else b"")
            self.heard.append(data)
            self.take(self.endpoint.receive(data, PHONE, self.now))

    def command(self, name: str, which: int) -> None:
        endpoint, leg = self.endpoint, self.legs[-1 - which % len(self.legs)]
        match name:
            case "ring" | "cancel" | "hang_up":
                out = getattr(endpoint, name)(leg, self.now)
            case "describe":
                out = endpoint.ring(leg, self.now, SDP, 183)
            case "reoffer":
                out = endpoint.reoffer(leg, SDP, self.now)
            case "answer" | "accept_offer":
                out = getattr(endpoint, name)(leg, SDP, self.now)
            case _:
                out = getattr(endpoint, name)(leg, 486, self.now)
        self.take(out)

    def invite(self, authorized: bool) -> None:
        self.number += 1
        leg = f"out-{self.number}"
        self.legs.append(leg)
        target = InviteTarget(
            uri="sip:a@192.0.2.10", peer=PHONE, caller="c", username="u" * authorized, password="p"
        )
        self.take(self.endpoint.invite(leg, target, SDP, self.now))

    def pass_(self, seconds: float) -> None:
        self.now += seconds
        while self.endpoint.next_deadline() <= self.now:
            self.take(on_time(self.endpoint, self.now))

    def mutate(self, at: int, insert: bytes) -> None:
        if self.heard:
            data = self.heard[-1]
            data = data[:at] + insert + data[at + len(insert) :]
            self.take(self.endpoint.receive(data, PHONE, self.now))

    def garbage(self, data: bytes) -> None:
        self.take(self.endpoint.receive(data, PHONE, self.now))

    def broken_transport(self, stream: bool) -> None:
        self.take(self.endpoint.transport_failed(TCP if stream else PHONE, self.now))


@settings(max_examples=250, deadline=None)
@given(st.lists(STEP, max_size=40), st.sampled_from([0, 100]))
def test_anything_may_happen(steps, session_expires_s: int) -> None:
    stage = Stage(session_expires_s)
    for what, *arguments in steps:
        stage.step("pass_" if what == "pass" else what, *arguments)
    for leg in stage.legs:
        stage.take(stage.endpoint.hang_up(leg, stage.now))
    stage.take([item for _, item in run_out(stage.endpoint)])
    assert_empty(stage.endpoint)
