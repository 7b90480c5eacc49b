"""Offers from both sides of a call at once, with session timers, over a bad network."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import SDP, assert_empty
from sip_world import ACD, DESK, World

from acd.sip.endpoint import InviteTarget
from acd.sip.events import (
    InviteReceived,
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegFailed,
    LegReoffered,
    ReofferAnswered,
    ReofferRefused,
)

INTERVAL_S = 90
STEP = st.tuples(
    st.sampled_from([ACD, DESK]),
    st.sampled_from(["offer", "offer", "refuse next", "hang up"]),
    st.floats(0.0, 60.0),
)
"Whose, what, and how long after the step before."


def answer_to(offer: bytes) -> bytes:
    return b"answer to " + offer


class Call:
    """One call from the desk to the server, with a person at either end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.legs = {DESK: "call", ACD: ""}
        self.refusing = {DESK: False, ACD: False}
        self.offered = {DESK: [], ACD: []}
        self.outcomes = {DESK: [], ACD: []}
        self.up = self.hung_up = False
        for here in (ACD, DESK):
            world.reactions[here] = lambda event, here=here: self.on_event(here, event)
        target = InviteTarget(uri="sip:4000@192.0.2.1", peer=ACD, caller="1001")
        world.take(DESK, world.ends[DESK].invite("call", target, SDP, world.now))

    def on_event(self, here, event) -> None:
        world, end = self.world, self.world.ends[here]
        match event:
            case InviteReceived(leg=leg, offer=offer):
                self.legs[ACD] = leg
                world.take(here, end.answer(leg, answer_to(offer), world.now))
            case LegConfirmed():
                self.up = True
            case LegReoffered(leg=leg, offer=offer) if self.refusing[here]:
                self.refusing[here] = False
                self.later(here, lambda: end.refuse_offer(leg, 488, world.now))
            case LegReoffered(leg=leg, offer=offer):
                self.later(here, lambda: end.accept_offer(leg, answer_to(offer), world.now))
            case ReofferAnswered(answer=answer):
                assert answer in {answer_to(offer) for offer in self.offered[here]}
                self.outcomes[here].append(event)
            case ReofferRefused():
                self.outcomes[here].append(event)

    def later(self, here, action) -> None:
        self.world.at(self.world.random.uniform(0.0, 0.1), lambda: self.world.take(here, action()))

    def step(self, here, what: str) -> None:
        world, leg = self.world, self.legs[here]
        if what == "refuse next":
            self.refusing[here] = True
        elif what == "offer":
            offer = b"offer %d of %d" % (len(self.offered[here]), here.port)
            self.offered[here].append(offer)
            world.take(here, world.ends[here].reoffer(leg, offer, world.now))
        else:
            self.hung_up = True
            world.take(here, world.ends[here].hang_up(leg, world.now))

    def ended(self, here) -> bool:
        return any(isinstance(item, LegEnded | LegFailed) for item in self.world.log[here])


def play(world: World, steps) -> Call:
    """Run a call through the steps, then let it go on for some refreshes."""
    call = Call(world)
    world.run(until=5.0)
    at = 5.0
    for here, what, after_s in steps:
        at += after_s
        world.run(until=at)
        world.now = max(world.now, at)
        call.step(here, what)
    world.run(until=at + 3 * INTERVAL_S)
    world.now = max(world.now, at + 3 * INTERVAL_S)
    return call


def end_and_look(world: World, call: Call) -> None:
    """Hang up at one end: the other one learns of it, or its session expires. Nothing is left."""
    world.take(DESK, world.ends[DESK].hang_up("call", world.now))
    world.run()
    for here, end in world.ends.items():
        assert_empty(end)
        assert sum(isinstance(item, LegEnded) for item in world.log[here]) <= 1
        assert len(call.outcomes[here]) <= len(call.offered[here])


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=12), st.integers(0, 2**32), st.floats(0.0, 0.7))
def test_both_ends_agree_over_a_network_that_only_reorders(steps, seed, delay_s) -> None:
    world = World(
        seed, loss=0, double=0.2, delay_s=delay_s, session_expires_s=INTERVAL_S, min_se_s=30
    )
    call = play(world, steps)
    if not call.hung_up:
        assert [call.ended(ACD), call.ended(DESK)] == [False, False]
        ours, theirs = (world.ends[here]._table.legs[call.legs[here]] for here in (ACD, DESK))
        assert ours.local_sdp == answer_to(theirs.local_sdp) or theirs.local_sdp == answer_to(
            ours.local_sdp
        )
        for here in (ACD, DESK):
            assert bool(call.outcomes[here]) == bool(call.offered[here]), "an offer has an outcome"
    end_and_look(world, call)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=12), st.integers(0, 2**32), st.sampled_from([0.1, 0.3, 0.6]))
def test_nothing_is_left_over_a_network_that_loses(steps, seed, loss) -> None:
    world = World(
        seed, loss=loss, double=0.1, delay_s=0.3, session_expires_s=INTERVAL_S, min_se_s=30
    )
    end_and_look(world, play(world, steps))


RING = st.tuples(st.sampled_from([180, 183]), st.booleans(), st.floats(0.0, 8.0))
"Status, whether it is described, how long after the one before."


class EarlyCall:
    """A call that rings reliably; the server may offer anew before it is answered."""

    def __init__(self, world: World, rings, offers, ending: str) -> None:
        self.world, self.ending = world, ending
        self.rings, self.offers = rings, offers
        self.leg = ""
        self.answers: list[bytes] = []
        self.heard = b""  # what the server has described last, as the desk knows it
        world.reactions = {ACD: self.at_server, DESK: self.at_desk}
        target = InviteTarget(uri="sip:4000@192.0.2.1", peer=ACD, caller="1001")
        desk = world.ends[DESK]
        world.take(DESK, desk.invite("call", target, SDP, world.now))
        if ending == "cancel":
            world.at(4.0, lambda: world.take(DESK, desk.cancel("call", world.now)))

    def at_server(self, event) -> None:
        if not isinstance(event, InviteReceived):
            return
        self.leg, after_s = event.leg, 0.0
        for status, described, pause_s in self.rings:
            after_s += pause_s
            sdp = b"early answer" if described else b""
            self.later(after_s, "ring", sdp=sdp, status=status)
        for offer_s in self.offers:
            self.later(offer_s, "reoffer", sdp=b"offer")
        if self.ending == "answer":
            self.later(after_s + 1.0, "answer", sdp=b"answer")
        elif self.ending == "reject":
            self.later(after_s, "reject", status=486)

    def later(self, after_s: float, command: str, **arguments) -> None:
        world, server = self.world, self.world.ends[ACD]
        world.at(
            after_s,
            lambda: world.take(
                ACD, getattr(server, command)(self.leg, now=world.now, **arguments)
            ),
        )

    def at_desk(self, event) -> None:
        world, desk = self.world, self.world.ends[DESK]
        match event:
            case LegReoffered(leg=leg, offer=offer):
                self.heard = offer
                world.take(DESK, desk.accept_offer(leg, answer_to(offer), world.now))
            case LegAnswered(answer=answer):
                self.answers.append(answer)
                self.heard = answer

    def hang_up(self) -> None:
        for here, end in self.world.ends.items():
            for leg in list(end._table.legs):
                self.world.take(here, end.hang_up(leg, self.world.now))
        self.world.run()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(RING, max_size=4),
    st.lists(st.floats(0.0, 20.0), max_size=3),
    st.sampled_from(["answer", "reject", "cancel", "never"]),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.3]),
)
def test_reliable_ringing_and_what_becomes_of_it(rings, offers, ending, seed, loss) -> None:
    """PRACKs, UPDATEs before the answer, and the end, in any order."""
    world = World(seed, loss=loss, double=0.2, delay_s=0.3, offer_100rel=True, prefer_100rel=True)
    call = EarlyCall(world, rings, offers, ending)
    world.run(until=300.0)
    assert len(call.answers) <= 1
    if not loss and ending == "answer":
        assert len(call.answers) == 1
        assert world.ends[ACD]._table.legs[call.leg].local_sdp == call.heard
    call.hang_up()
    call.hang_up()  # who has not heard of it yet
    for end in world.ends.values():
        assert_empty(end)


@pytest.mark.parametrize("only", [ACD, DESK])
def test_a_side_that_falls_silent_is_given_up(only) -> None:
    """The session timer's purpose: the other end is dead, no BYE ever comes."""
    world = World(1, loss=0, double=0, delay_s=0.01, session_expires_s=INTERVAL_S)
    Call(world)
    world.run(until=5.0)
    assert any(isinstance(item, LegAnswered) for item in world.log[DESK])
    world.ends[ACD if only is DESK else DESK]._core.deadlines._heap.clear()
    world.loss = 1.0
    world.run(until=5.0 + 2 * INTERVAL_S)
    (end,) = [item for item in world.log[only] if isinstance(item, LegEnded)]
    assert end.cause.value in {"session_expired", "peer_gone"}
