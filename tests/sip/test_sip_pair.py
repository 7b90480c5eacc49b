"""Two endpoints on a virtual clock over a network that loses, doubles and reorders messages."""

import heapq
import random
from itertools import count

import pytest
from sip_support import SDP, Accounts, assert_empty, make_endpoint

from acd.sip.client_events import RegistrationSucceeded
from acd.sip.effects import Send
from acd.sip.endpoint import InviteTarget, RegistrationSettings
from acd.sip.events import (
    InviteReceived,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEnded,
    LegFailed,
    LegRinging,
)
from acd.sip.peer import Peer

ACD, DESK = Peer("udp", "192.0.2.1", 5060), Peer("udp", "192.0.2.10", 5062)


class World:
    """The endpoints, their clock, and the network between them."""

    def __init__(self, seed: int, *, loss: float, double: float, delay_s: float) -> None:
        self.random = random.Random(seed)
        self.loss, self.double, self.delay_s = loss, double, delay_s
        self.now, self.order, self.agenda = 0.0, count(), []
        self.ends = {
            ACD: make_endpoint(
                b"acd", Accounts(**{"1001": "pw"}), ACD, authenticate_accounts=False
            ),
            DESK: make_endpoint(b"desk", address=DESK),
        }
        self.log: dict[Peer, list] = {ACD: [], DESK: []}
        self.reactions: dict[Peer, object] = {ACD: lambda event: None, DESK: lambda event: None}

    def at(self, delay_s: float, action) -> None:
        heapq.heappush(self.agenda, (self.now + delay_s, next(self.order), action))

    def take(self, here: Peer, outputs) -> None:
        for item in outputs:
            if not isinstance(item, Send):
                self.log[here].append(item)
                self.reactions[here](item)
                continue
            for _ in range(2 if self.random.random() < self.double else 1):
                if self.random.random() >= self.loss:
                    delay_s = self.random.uniform(0.0, self.delay_s)
                    self.at(delay_s, self._delivery(item.peer, item.data, here))

    def _delivery(self, there: Peer, data: bytes, origin: Peer):
        return lambda: self.take(there, self.ends[there].receive(data, origin, self.now))

    def run(self, until: float = float("inf")) -> None:
        for _ in range(5000):
            deadline, who = min((end.next_deadline(), peer) for peer, end in self.ends.items())
            at = min(deadline, self.agenda[0][0] if self.agenda else float("inf"))
            if at == float("inf") or at > until:
                return
            self.now = max(self.now, at)
            if at == deadline:
                self.take(who, self.ends[who].on_time(self.now))
            else:
                heapq.heappop(self.agenda)[2]()
        pytest.fail("the endpoints never come to rest")


def place_call(world: World, ending: str) -> None:
    """The desk calls; the server rings, answers after 2 s; somebody ends it."""
    server, desk = world.ends[ACD], world.ends[DESK]

    def at_server(event) -> None:
        match event:
            case InviteReceived(leg=leg):
                world.take(ACD, server.ring(leg, world.now))
                world.at(2.0, lambda: world.take(ACD, server.answer(leg, SDP, world.now)))
            case LegConfirmed(leg=leg) if ending == "server":
                world.at(3.0, lambda: world.take(ACD, server.hang_up(leg, world.now)))

    def at_desk(event) -> None:
        if isinstance(event, LegAnswered) and ending == "desk":
            world.at(3.0, lambda: world.take(DESK, desk.hang_up("call", world.now)))
        if isinstance(event, LegRinging) and ending == "cancel":
            world.at(0.5, lambda: world.take(DESK, desk.cancel("call", world.now)))

    world.reactions = {ACD: at_server, DESK: at_desk}
    target = InviteTarget(uri="sip:4000@192.0.2.1", peer=ACD, caller="1001")
    world.take(DESK, desk.invite("call", target, SDP, world.now))


def outcome(world: World) -> str:
    """Check both sides' stories against the rules; return how the call went."""
    desk, server = world.log[DESK], world.log[ACD]
    answered = sum(isinstance(item, LegAnswered) for item in desk)
    failed = sum(isinstance(item, LegFailed) for item in desk)
    ended = sum(isinstance(item, LegEnded) for item in desk)
    assert answered + failed == 1, "an INVITE has one outcome"
    assert ended <= answered
    incoming = [item.leg for item in server if isinstance(item, InviteReceived)]
    for leg in incoming:
        own = [item for item in server if item.leg == leg]
        assert sum(isinstance(item, LegConfirmed) for item in own) <= 1
        assert sum(isinstance(item, LegEnded | LegCancelled) for item in own) <= 1
    if answered:
        return "answered"
    (failure,) = [item for item in desk if isinstance(item, LegFailed)]
    return "cancelled" if failure.status == 487 else "failed"


@pytest.mark.parametrize("ending", ["desk", "server", "cancel"])
def test_calls_over_a_perfect_network(ending: str) -> None:
    world = World(1, loss=0, double=0, delay_s=0.01)
    place_call(world, ending)
    world.run()
    assert outcome(world) == ("cancelled" if ending == "cancel" else "answered")
    for end in world.ends.values():
        assert_empty(end)
    if ending == "desk":
        kinds = [type(item) for item in world.log[ACD]]
        assert kinds == [InviteReceived, LegConfirmed, LegEnded]


@pytest.mark.parametrize("ending", ["desk", "server", "cancel"])
def test_calls_over_a_bad_network(ending: str) -> None:
    """30 % loss, 20 % doubled, delays up to 0.7 s, so that messages overtake each other."""
    good, seeds = 0, range(60)
    for seed in seeds:
        world = World(seed, loss=0.3, double=0.2, delay_s=0.7)
        place_call(world, ending)
        world.run(until=600.0)
        story = outcome(world)
        good += story in {"answered", "cancelled"}
        for peer, end in world.ends.items():
            if end.legs:
                # One side never heard of the end, as its leg is confirmed and the BYEs were
                # lost on all tries: the call centre hangs such a leg up when its media is dead.
                for leg in list(end._table.legs):
                    world.take(peer, end.hang_up(leg, world.now))
        world.run()
        for end in world.ends.values():
            assert_empty(end)
    assert good >= 0.9 * len(seeds), f"only {good} of {len(seeds)} calls came through"


def test_registration_over_a_bad_network() -> None:
    for seed in range(20):
        world = World(seed, loss=0.3, double=0.2, delay_s=0.7)
        desk = world.ends[DESK]
        settings = RegistrationSettings(
            id="r",
            registrar="sip:192.0.2.1",
            peer=ACD,
            account="1001",
            password="pw",
            expires_s=120,
        )
        world.take(DESK, desk.register(settings, 0.0))
        world.run(until=1000.0)
        assert RegistrationSucceeded("r", 120) in world.log[DESK]
        (contact,) = world.ends[ACD].contacts("1001")
        assert (contact.uri, contact.peer) == ("sip:1001@192.0.2.10:5062", DESK)
        world.take(DESK, desk.unregister("r", world.now))
        world.run()
        for end in world.ends.values():
            assert_empty(end)
