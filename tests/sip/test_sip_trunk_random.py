"""Trunks under anything: every call has one outcome, and every channel comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import SDP, answer_to, assert_empty, make_endpoint, on_time, request, run_out
from test_sip_trunk_calls import FIRST, GATEWAYS, SECOND

from acd.sip.client_events import RegistrationSucceeded
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.effects import Send
from acd.sip.events import InviteReceived, LegAnswered, LegCancelled, LegEnded, LegFailed
from acd.sip.message import Request, read
from acd.sip.peer import Peer
from acd.sip.settings import InviteTarget
from acd.sip.trunk_settings import Gateway, Health, TrunkRegistration, TrunkSettings

LIMIT = 3
THIRD = Peer("udp", "192.0.2.52", 5060)
NAMED = Gateway(host="gw.example", port=5060, priority=3)
CHALLENGE = 'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'

SMALL = st.integers(0, 6)
STEP = st.one_of(
    st.tuples(st.just("call"), st.booleans()),
    st.tuples(st.just("answer them"), SMALL, st.sampled_from([100, 180, 200, 407, 486, 503])),
    st.tuples(st.just("refuse for a while"), SMALL),
    st.tuples(st.just("invite us"), st.sampled_from([FIRST, THIRD])),
    st.tuples(st.sampled_from(["cancel", "hang up", "answer", "reject", "bye"]), SMALL),
    st.tuples(st.just("lose"), st.sampled_from([FIRST, SECOND, THIRD])),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
    st.tuples(st.just("reload"), st.integers(0, 2)),
    st.tuples(st.just("resolve"), st.sampled_from([(), ("192.0.2.52",), None])),
)


class Stage:
    """One endpoint with a trunk, and what is owed to whom."""

    def __init__(self) -> None:
        self.endpoint = make_endpoint()
        self.now, self.number = 0.0, 0
        self.invites: list[tuple[Peer, bytes]] = []
        self.outcomes: dict[str, int] = {}
        self.legs: list[str] = []
        self.reload(0)

    def reload(self, variant: int) -> None:
        trunk = TrunkSettings(
            name="carrier",
            gateways=(*GATEWAYS, NAMED)[variant:],
            channels=LIMIT,
            options_interval_s=0.0,
            username="u",
            password="p",
        )
        self.take(self.endpoint.configure_trunks((trunk,), self.now))

    def take(self, outputs) -> None:
        for output in outputs:
            match output:
                case Send(peer, data):
                    message = read(data)
                    if isinstance(message, Request) and message.method == b"INVITE":
                        self.invites.append((peer, data))
                case LegAnswered(leg) | LegFailed(leg):
                    self.outcomes[leg] = self.outcomes.get(leg, 0) + 1
                    assert self.outcomes[leg] == 1
                case InviteReceived(leg):
                    assert output.trunk == "carrier"
                    self.legs.append(leg)
                case LegCancelled() | LegEnded() | Resolve():
                    pass
        (trunk,) = self.endpoint.trunk_state()
        assert 0 <= trunk.channels_in_use <= LIMIT

    def leg(self, at: int) -> str:
        return self.legs[at % len(self.legs)] if self.legs else "none"

    def call(self, anonymous: bool) -> None:
        self.number += 1
        leg = f"out-{self.number}"
        self.legs.append(leg)
        target = InviteTarget(
            uri="sip:13800138000@T", caller="" if anonymous else "1001", trunk="carrier"
        )
        self.take(self.endpoint.invite(leg, target, SDP, self.now))

    def answer_them(self, at: int, status: int, *more: str) -> None:
        if self.invites:
            peer, invite = self.invites[at % len(self.invites)]
            more = (CHALLENGE,) if status == 407 else more
            self.take(self.endpoint.receive(answer_to(invite, status, *more), peer, self.now))

    def invite_us(self, peer: Peer) -> None:
        if self.endpoint.trunks.of(peer):
            self.number += 1
            name = f"in-{self.number}"
            invite = request("INVITE", body=SDP, call_id=name, branch=f"z9hG4bK{name}")
            self.take(self.endpoint.receive(invite, peer, self.now))

    def bye(self, at: int) -> None:
        if self.invites:
            self.take(self.hang_up_there(*self.invites[at % len(self.invites)]))

    def resolve(self, addresses: tuple[str, ...] | None) -> None:
        failed = addresses is None
        answer = Resolved("gw.example", "A", addresses or (), 60.0, failed)
        self.take(self.endpoint.resolved(answer, self.now))

    def step(self, what: str, *values) -> None:
        endpoint = self.endpoint
        commands = {
            "cancel": endpoint.cancel,
            "hang up": endpoint.hang_up,
            "answer": lambda leg, now: endpoint.answer(leg, SDP, now),
            "reject": lambda leg, now: endpoint.reject(leg, 480, now),
        }
        steps = {
            "call": self.call,
            "answer them": self.answer_them,
            "refuse for a while": lambda at: self.answer_them(at, 503, "Retry-After: 60"),
            "invite us": self.invite_us,
            "bye": self.bye,
            "lose": lambda peer: self.take(endpoint.transport_failed(peer, self.now)),
            "reload": self.reload,
            "resolve": self.resolve,
            "pass": lambda seconds: self.run_to(self.now + seconds),
        }
        if what in commands:
            self.take(commands[what](self.leg(*values), self.now))
        else:
            steps[what](*values)

    def hang_up_there(self, peer: Peer, invite: bytes):
        ours = read(invite)
        assert isinstance(ours, Request)
        bye = request(
            "BYE",
            from_tag="peer",
            to_tag=ours.from_.tag.decode(),
            call_id=ours.need(b"call-id").decode(),
            branch=f"z9hG4bKbye{len(self.invites)}{self.now}",
        )
        return self.endpoint.receive(bye, peer, self.now)

    def run_to(self, at: float) -> None:
        while self.endpoint.next_deadline() <= at:
            self.now = max(self.now, self.endpoint.next_deadline())
            self.take(on_time(self.endpoint, self.now))
        self.now = at


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_every_call_has_one_outcome_and_every_channel_comes_back(steps):
    stage = Stage()
    for step in steps:
        stage.step(*step)
    for leg in stage.legs:
        stage.take(stage.endpoint.hang_up(leg, stage.now))
    stage.run_to(stage.now + 400.0)
    outgoing = {leg for leg in stage.legs if leg.startswith("out-")}
    assert set(stage.outcomes) == outgoing
    assert stage.endpoint.trunk_state()[0].channels_in_use == 0
    stage.endpoint.configure_trunks((), stage.now)
    run_out(stage.endpoint)
    endpoint = stage.endpoint
    assert (endpoint.legs, endpoint.transactions, endpoint.lingering) == (0, 0, 0)


# The registration at a trunk's registrar, at whichever gateway serves.

REGISTRAR_STEP = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from([100, 200, 200, 401, 403, 423, 503])),
    st.tuples(st.just("lose"), st.sampled_from([FIRST, SECOND])),
    st.tuples(st.just("pass"), st.floats(0.0, 400.0)),
)


class RegistrarStage:
    """One trunk that registers, and what its gateways answered last."""

    def __init__(self) -> None:
        self.endpoint = make_endpoint()
        self.now, self.cseq = 0.0, 0
        self.asked: tuple[Peer, bytes] | None = None
        self.registered = False
        trunk = TrunkSettings(
            name="carrier",
            gateways=GATEWAYS,
            registration=TrunkRegistration(user="x", domain="ims.example.cn"),
            password="secret",
            rest_s=100.0,
            options_interval_s=0.0,
        )
        self.take(self.endpoint.configure_trunks((trunk,), 0.0))

    def take(self, outputs) -> None:
        for output in outputs:
            if not isinstance(output, Send):
                # Only what failed is told besides; a refusal leaves the trunk down.
                self.registered = isinstance(output, RegistrationSucceeded)
                self.asked = None
                continue
            message = read(output.data)
            assert isinstance(message, Request)
            if self.asked is not None and output.data == self.asked[1]:
                continue
            assert self.asked is None, "10.2: one REGISTER at a time"
            assert message.cseq.number == self.cseq + 1
            self.cseq, self.asked = self.cseq + 1, (output.peer, output.data)
            gateways = self.endpoint.trunk_state()[0].gateways
            resting = {gateway.peer for gateway in gateways if gateway.health is Health.RESTING}
            assert output.peer not in resting or len(resting) == len(gateways)
        if self.cseq:
            assert self.endpoint.trunk_state()[0].registered == self.registered
            assert self.endpoint.next_deadline() < float("inf"), "it is kept up"

    def answer(self, status: int) -> None:
        if self.asked is None:
            return
        (peer, data), lines = self.asked, ["Min-Expires: 400", "Expires: 200"]
        if status == 401:
            lines = [CHALLENGE.replace("Proxy-", "WWW-")]
        if status >= 200:
            self.asked = None
        self.take(self.endpoint.receive(answer_to(data, status, *lines), peer, self.now))

    def lose(self, peer: Peer) -> None:
        self.take(self.endpoint.transport_failed(peer, self.now))

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.endpoint.next_deadline()) <= until:
            self.now = max(self.now, at)
            self.take(on_time(self.endpoint, self.now))
        self.now = until


@settings(max_examples=100, deadline=None)
@given(st.lists(REGISTRAR_STEP, max_size=30))
def test_a_trunks_registration_is_kept_up_at_some_gateway(steps) -> None:
    stage = RegistrarStage()
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
    stage.endpoint.configure_trunks((), stage.now)
    run_out(stage.endpoint)
    assert_empty(stage.endpoint)
