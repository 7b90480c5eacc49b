"""The client side under anything: forks, redirections, challenges, lost and late messages.

A virtual clock, one leg or registration at a time, and a far end that says what Hypothesis likes.
"""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import PHONE, SDP, answer_to, assert_empty, make_endpoint, on_time, run_out, sent

from acd.sip.client_events import RegistrationFailed, RegistrationSucceeded
from acd.sip.effects import Send
from acd.sip.endpoint import InviteTarget, RegistrationSettings
from acd.sip.events import LegAnswered, LegEnded, LegFailed, LegRinging
from acd.sip.message import Request, read
from acd.sip.peer import Peer

STREAM = Peer("tcp", PHONE.host, PHONE.port)
LONG = SDP + b"a=x:" + b"y" * 1200 + b"\r\n"

CHALLENGES = [
    'Digest realm="r", nonce="1", qop="auth"',
    'Digest realm="r", nonce="2", qop="auth", stale=true',
    'Digest realm="p", nonce="3", algorithm=SHA-256, qop="auth"',
    'Digest realm="r", nonce="4", qop="auth-int"',
]
CONTACTS = ["<sip:a@192.0.2.21>", "<sip:b@192.0.2.22>;q=0.3, <sip:c@192.0.2.10>", "<sip:d@name>"]
SMALL = st.integers(0, 3)

LEG_STEP = st.one_of(
    st.tuples(
        st.just("respond"),
        SMALL,
        st.sampled_from([100, 180, 183, 200, 200, 302, 302, 401, 407, 422, 486, 503, 603]),
        st.sampled_from("abc"),
        SMALL,
    ),
    st.tuples(st.just("again"), SMALL),
    st.tuples(st.just("other"), SMALL, st.sampled_from([100, 200, 401, 407, 408, 481])),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
    st.tuples(
        st.just("broken"), st.sampled_from([PHONE, STREAM, Peer("udp", "192.0.2.21", 5060)])
    ),
    st.tuples(st.just("hang_up")),
)


class LegStage:
    """One outgoing leg, and what has to hold for it at any time."""

    def __init__(self, *, long: bool) -> None:
        self.endpoint = make_endpoint(offer_100rel=True)
        self.now = 0.0
        self.invites: list[Send] = []
        self.others: list[Send] = []
        self.answers: list[tuple[bytes, bytes, Peer]] = []  # branch, message, where from
        self.acks: dict[bytes, list[Send]] = {}
        self.byes: Counter[bytes] = Counter()
        self.story: list[object] = []
        target = InviteTarget(
            uri="sip:agent@192.0.2.10",
            peer=PHONE,
            caller="1",
            username="u",
            password="p",
            redirects=3,
        )
        self.take(self.endpoint.invite("out", target, LONG if long else SDP, self.now))

    @property
    def outcomes(self) -> list[object]:
        return [item for item in self.story if isinstance(item, LegAnswered | LegFailed)]

    def take(self, outputs: list) -> None:
        for item in outputs:
            if isinstance(item, Send):
                self.take_request(item)
            else:
                self.take_event(item)

    def take_event(self, event: object) -> None:
        assert isinstance(event, LegRinging | LegAnswered | LegFailed | LegEnded)
        kinds = [type(item) for item in self.story]
        assert LegFailed not in kinds
        assert LegEnded not in kinds
        if isinstance(event, LegRinging | LegAnswered | LegFailed):
            assert LegAnswered not in kinds, "one outcome, and no ringing after it"
        self.story.append(event)

    def take_request(self, send: Send) -> None:
        request = read(send.data)
        assert isinstance(request, Request)
        assert request.fault is None
        transport = b"SIP/2.0/" + send.peer.transport.upper().encode()
        assert request.get(b"via").startswith(transport), "the Via tells how it travels"
        if request.method == b"ACK":
            self.acks.setdefault(request.to.tag, []).append(send)
            return
        if request.method == b"INVITE":
            if send not in self.invites:
                assert not self.outcomes, "nobody is called after the outcome"
                self.invites.append(send)
        elif send not in self.others:
            self.others.append(send)
            if request.method == b"BYE":
                self.byes[request.to.tag] += 1
            if request.method == b"CANCEL":
                assert any(
                    request.branch in invite.data and send.peer == invite.peer
                    for invite in self.invites
                ), "9.1: a CANCEL goes where its INVITE went"

    def respond(self, which: int, status: int, tag: str, more: int) -> None:
        """Answer one of the INVITEs, under way or long over, as one branch of a fork."""
        invite = self.invites[-1 - which % len(self.invites)]
        lines, contact = [], f"<sip:{tag}@192.0.2.10:5062>"
        if status in {401, 407}:
            name = "WWW" if status == 401 else "Proxy"
            lines = [f"{name}-Authenticate: {CHALLENGES[more % len(CHALLENGES)]}"]
        elif status == 302:
            contact = CONTACTS[more % len(CONTACTS)]
        elif status == 183 and more > 1:
            lines = ["Require: 100rel", f"RSeq: {len(self.answers) + 1}"]
        body = SDP if more % 2 and status < 300 else b""
        data = answer_to(invite.data, status, *lines, tag=tag, body=body, contact=contact)
        self.answers.append((read(invite.data).branch, data, invite.peer))
        self.deliver(-1)

    def again(self, which: int) -> None:
        """The network delivers an answer once more."""
        if self.answers:
            self.deliver(-1 - which % len(self.answers))

    def deliver(self, at: int) -> None:
        branch, data, origin = self.answers[at]
        alive = branch + b" INVITE" in self.endpoint._transactions._clients
        out = self.endpoint.receive(data, origin, self.now)
        response = read(data)
        acks = [read(message) for message in sent(out) if message.startswith(b"ACK ")]
        if response.status < 200:
            assert not acks
        elif alive:
            assert [ack.to.tag for ack in acks] == [response.to.tag], (
                "each final answer has its ACK"
            )
            assert (acks[0].branch == branch) == (response.status >= 300)
        self.take(out)

    def other(self, which: int, status: int) -> None:
        """Answer a BYE or CANCEL."""
        if self.others:
            request = self.others[-1 - which % len(self.others)]
            name = "WWW" if status == 401 else "Proxy"
            lines = [f"{name}-Authenticate: {CHALLENGES[0]}"] if status in {401, 407} else []
            data = answer_to(request.data, status, *lines)
            self.take(self.endpoint.receive(data, request.peer, self.now))

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.endpoint.next_deadline()) <= end:
            self.now = max(self.now, at)
            self.take(on_time(self.endpoint, self.now))
        self.now = end

    def broken(self, peer: Peer) -> None:
        self.take(self.endpoint.transport_failed(peer, self.now))

    def hang_up(self) -> None:
        self.take(self.endpoint.hang_up("out", self.now))

    def end(self) -> None:
        """Let everything come to rest, and judge the whole."""
        self.hang_up()
        self.take([item for _, item in run_out(self.endpoint)])
        assert_empty(self.endpoint)
        assert len(self.outcomes) == 1, "an INVITE has one outcome"
        numbers = [read(invite.data).cseq.number for invite in self.invites]
        assert numbers == sorted(numbers)
        branches = {read(invite.data).branch for invite in self.invites}
        # Three redirections; two realms with the first proof and two stale nonces, anew after each
        # redirection to an address that knows them; one longer session.
        assert len(branches) <= 4 * (1 + 2 * 3) + 1
        # Challenged BYEs are repeated with credentials, at most twice each.
        assert all(count <= 3 for count in self.byes.values())


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(LEG_STEP, max_size=25))
def test_any_far_end_of_a_call(long: bool, steps: list[tuple]) -> None:
    stage = LegStage(long=long)
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
    stage.end()


def test_every_branch_that_answered_is_hung_up_in_the_end() -> None:
    stage = LegStage(long=False)
    for tag in "abcb":
        stage.respond(0, 200, tag, 1)
    stage.end()
    assert stage.byes == {b"a": 1, b"b": 1, b"c": 1}


# Registration.

REGISTER_STEP = st.one_of(
    st.tuples(
        st.just("respond"),
        SMALL,
        st.sampled_from([100, 200, 200, 200, 301, 401, 401, 407, 403, 423, 500, 503]),
        SMALL,
    ),
    st.tuples(st.just("pass"), st.floats(0.0, 700.0)),
    st.tuples(st.just("broken"), st.booleans()),
)


class RegistrationStage:
    """One registration and its registrar."""

    def __init__(self, *, peer: Peer, retry_refused: bool) -> None:
        self.endpoint = make_endpoint()
        self.now, self.cseq, self.peer = 0.0, 0, peer
        self.registers: list[bytes] = []
        self.given_up = False
        self.settings = RegistrationSettings(
            id="r",
            registrar="sip:192.0.2.10",
            peer=peer,
            account="u",
            password="p",
            retry_refused=retry_refused,
        )
        self.take(self.endpoint.register(self.settings, 0.0))

    def take(self, outputs: list) -> None:
        for item in outputs:
            if isinstance(item, RegistrationFailed):
                self.failed(item)
            elif isinstance(item, RegistrationSucceeded):
                self.given_up = False
            elif item.data not in self.registers:
                number = read(item.data).cseq.number
                assert number == self.cseq + 1, "10.2: the CSeq increases by one"
                self.cseq = number
                self.registers.append(item.data)
        assert self.endpoint.transactions <= 1, "10.2: one REGISTER at a time"
        if not self.given_up:
            assert self.endpoint.next_deadline() < float("inf"), "it is kept up"

    def failed(self, event: RegistrationFailed) -> None:
        self.given_up = event.retry_in_s == 0
        if not self.given_up:
            assert 15.0 <= event.retry_in_s <= 1800.0
        assert not (self.given_up and (self.settings.retry_refused or event.status >= 500))

    def respond(self, which: int, status: int, more: int) -> None:
        asked = self.registers[-1 - which % len(self.registers)]
        lines = [f"Min-Expires: {(300, 600, 5000, 10**9)[more]}", "Retry-After: 100"]
        if status in {401, 407}:
            name = "WWW" if status == 401 else "Proxy"
            lines = [f"{name}-Authenticate: {CHALLENGES[more % len(CHALLENGES)]}"]
        data = answer_to(asked, status, *lines)
        out = self.endpoint.receive(data, self.peer, self.now)
        assert status >= 200 or out == [], "a provisional answer is no outcome"
        self.take(out)

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.endpoint.next_deadline()) <= end:
            self.now = max(self.now, at)
            self.take(on_time(self.endpoint, self.now))
        self.now = end

    def broken(self, stream: bool) -> None:
        peer = STREAM if stream else PHONE
        self.take(self.endpoint.transport_failed(peer, self.now))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([PHONE, STREAM]), st.booleans(), st.lists(REGISTER_STEP, max_size=25))
def test_any_registrar(peer: Peer, retry_refused: bool, steps: list[tuple]) -> None:
    stage = RegistrationStage(peer=peer, retry_refused=retry_refused)
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
    stage.given_up = True
    stage.take(stage.endpoint.unregister("r", stage.now))
    run_out(stage.endpoint)
    assert_empty(stage.endpoint)
