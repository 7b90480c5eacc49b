"""Calls and registrations between two endpoints over a bad network."""

import pytest
from sip_support import SDP, assert_empty
from sip_world import ACD, DESK, World

from acd.sip.client_events import RegistrationSucceeded
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
