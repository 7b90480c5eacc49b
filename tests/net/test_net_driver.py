"""The driver: one journal write per turn, before any message; one timer; nothing that stops it."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count

import pytest

from acd.calls.centre import CallCentre
from acd.calls.events import CallEnded, CallRejected, CallStarted, Event
from acd.calls.exchange import Exchange
from acd.calls.journal import Record
from acd.calls.numbers import EchoTarget, NumberPlan
from acd.calls.settings import CentreSettings
from acd.ivr.book import FlowBook
from acd.media import commands as media
from acd.media import events as media_in
from acd.net.driver import Driver
from acd.routing.router import Router
from acd.sip.endpoint import Endpoint, EndpointSettings
from acd.sip.events import AuthenticationFailed
from acd.sip.peer import Peer

PHONE = Peer("udp", "192.0.2.7", 5060)
SDP = b"v=0\r\n"
LIMIT_S = 30.0


class NoAccounts:
    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        return None


class World:
    """All ports of the driver in one, with what they saw in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, object]] = []
        self.changed = asyncio.Event()
        self.answers_at_once = True
        self.fault: Exception | None = None
        self.sent = b""
        "The last message."
        ids = count(1)
        new_id: Callable[[], str] = lambda: f"id{next(ids)}"  # noqa: E731 - an injected source
        self.centre = CallCentre(
            router=Router(agents=(), queues=(), new_id=new_id),
            agents=(),
            queues=(),
            numbers=NumberPlan(targets={"4099": EchoTarget()}),
            flows=FlowBook(),
            settings=CentreSettings(),
            new_id=new_id,
            wall=lambda: datetime(2026, 11, 24, tzinfo=UTC),
        )
        self.endpoint = Endpoint(
            EndpointSettings(advertised={"udp": ("192.0.2.1", 5060)}),
            credentials=NoAccounts(),
            new_id=new_id,
            random_bytes=lambda size: next(ids).to_bytes(size, "big"),
        )
        self.driver = Driver(
            Exchange(self.endpoint, self.centre),
            event_log=self,
            transports=self,
            engine=self,
            subscribers=(lambda record: self.note("told", record.event),),
            taps=(lambda direction, _, data: self.note(f"tap {direction}", data[:12]),),
            on_failed_proof=lambda failed: self.note("failed proof", failed),
            on_deadline=lambda delay_s: self.note("deadline", delay_s),
        )

    def note(self, what: str, value: object) -> None:
        self.seen.append((what, value))
        self.changed.set()

    def saw(self, what: str) -> list[object]:
        return [value for kind, value in self.seen if kind == what]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not happened():
                self.changed.clear()
                await self.changed.wait()

    def hear(self, *messages: bytes) -> None:
        """Take messages that arrived together."""
        for message in messages:
            self.driver.receive(message, PHONE)
        self.driver.flush()

    # --- the ports ---

    def append(self, events: Sequence[Event], mono_s: float) -> list[Record]:
        self.note("journal", [type(event) for event in events])
        return [Record("n", "b", 0, 0, mono_s, event) for event in events]

    def send(self, peer: Peer, data: bytes) -> None:
        assert peer == PHONE
        self.sent = data
        self.note("send", data.split(b"\r\n", 1)[0])

    def disconnect(self, peer: Peer) -> None:
        self.note("disconnect", peer)

    def execute(self, command: media.Command) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        self.note("media", type(command))
        if isinstance(command, media.OpenStream) and self.answers_at_once:
            self.driver.on_media((media_in.StreamOpened(command.leg, SDP),))

    def flush(self) -> None:
        """Nothing is kept back here."""


def invite(number: str, call: int = 1) -> bytes:
    head = (
        f"INVITE sip:{number}@192.0.2.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{call}",
        f"From: <sip:13800@192.0.2.7>;tag={call}",
        f"To: <sip:{number}@192.0.2.1>",
        f"Call-ID: call{call}",
        "CSeq: 1 INVITE",
        "Max-Forwards: 70",
        "Contact: <sip:13800@192.0.2.7:5060>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(SDP)}",
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + SDP


async def turn() -> None:
    """Let what is scheduled for this turn of the loop run."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_turns_events_are_one_write_and_stand_before_its_messages_leave() -> None:
    world = World()
    world.hear(*(invite("4711", call) for call in (1, 2, 3)))
    assert world.saw("journal") == [[CallRejected] * 3]
    kinds = [kind for kind, _ in world.seen if not kind.startswith("tap")]
    # Recorded, then sent, and only then told to those who watch: no phone waits for them.
    assert kinds.index("journal") < kinds.index("send")
    assert len(kinds) - 1 - kinds[::-1].index("send") < kinds.index("told")
    assert kinds.count("send") == 6  # 100 and 404 each
    assert len(world.saw("tap in")) == 3
    assert len(world.saw("tap out")) == 6


@pytest.mark.asyncio
async def test_what_the_engine_answers_at_once_belongs_to_the_same_write() -> None:
    world = World()
    world.hear(invite("4099"))
    [written] = world.saw("journal")
    assert isinstance(written, list)
    assert written[0] is CallStarted
    assert world.saw("send") == [b"SIP/2.0 100 Trying", b"SIP/2.0 200 OK"]
    assert world.saw("media") == [media.OpenStream, media.Echo]


@pytest.mark.asyncio
async def test_what_the_engine_answers_later_is_served_then() -> None:
    world = World()
    world.answers_at_once = False
    world.hear(invite("4099"))
    assert world.saw("send") == [b"SIP/2.0 100 Trying"]
    leg = next(iter(world.centre.calls)).leg
    world.driver.on_media((media_in.StreamOpened(leg, SDP),))
    await turn()
    assert world.saw("send")[1:] == [b"SIP/2.0 200 OK"]


@pytest.mark.asyncio
async def test_a_deadline_strikes_and_the_next_one_is_armed() -> None:
    # The 200 is repeated after 0.5 s and again after 1 s (RFC 3261 13.3.1.4).
    world = World()
    world.hear(invite("4099"))
    await world.until(lambda: world.saw("send").count(b"SIP/2.0 200 OK") == 3)


@pytest.mark.asyncio
async def test_how_late_a_deadline_was_served_is_told() -> None:
    # The 200 would be repeated after 0.5 s.
    world = World()
    world.hear(invite("4099"))
    time.sleep(0.8)  # noqa: ASYNC251  the hold-up that is to be measured
    await world.until(lambda: bool(world.saw("deadline")))
    assert 0.2 < world.saw("deadline")[0] < LIMIT_S


@pytest.mark.asyncio
async def test_a_fault_in_one_turn_does_not_stop_the_next_ones() -> None:
    world = World()
    world.fault = RuntimeError("planted")
    with pytest.raises(RuntimeError, match="planted"):
        world.hear(invite("4099", 1))
    world.hear(invite("4711", 2))
    # With what the faulty turn had led to by then: that call is under way.
    assert world.saw("journal") == [[CallStarted, CallRejected]]
    # The engine's word comes by itself, and timers run.
    world.answers_at_once = False
    world.hear(invite("4099", 3))
    leg = list(world.centre.calls)[-1].leg
    world.driver.on_media((media_in.StreamOpened(leg, SDP),))
    await world.until(lambda: world.saw("send").count(b"SIP/2.0 200 OK") == 2)


@pytest.mark.asyncio
async def test_a_message_that_brings_a_bug_to_light_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.driver.receive(invite("4711", 1), PHONE)
    with monkeypatch.context() as patch:
        patch.setattr(world.endpoint, "receive", planted)
        with pytest.raises(RuntimeError, match="planted"):
            world.hear(invite("4711", 2))
    await turn()
    assert world.saw("journal") == [[CallRejected]]


def planted(*_: object) -> None:
    raise RuntimeError("planted")


@pytest.mark.asyncio
async def test_a_proof_that_fails_is_told_and_not_journalled() -> None:
    world = World()
    first = invite("1001").replace(b"INVITE", b"REGISTER")
    world.hear(first)
    asked = re.search(rb'nonce="([^"]+)"', world.sent)
    assert asked is not None
    proof = b'Digest username="1001", realm="acd", nonce="%b", response="00"' % asked[1]
    world.hear(first.replace(b"Contact:", b"Authorization: " + proof + b"\r\nContact:"))
    assert world.saw("failed proof") == [AuthenticationFailed("1001", PHONE, "REGISTER")]
    assert world.saw("journal") == []
    assert world.saw("send") == [b"SIP/2.0 401 Unauthorized"] * 2


@pytest.mark.asyncio
async def test_effects_of_a_command_are_carried_out() -> None:
    world = World()
    world.hear(invite("4099"))
    world.driver.carry_out(world.centre.shut_down(world.driver.now()))
    world.driver.flush()
    [_, written] = world.saw("journal")
    assert isinstance(written, list)
    assert CallEnded in written
    await turn()


@pytest.mark.asyncio
async def test_after_the_stop_nothing_comes_out() -> None:
    world = World()
    world.driver.receive(invite("4711", 1), PHONE)
    world.driver.stop()
    assert world.saw("journal") == [[CallRejected]]  # what had come together went out
    world.hear(invite("4711", 2))
    assert world.saw("journal") == [[CallRejected]]
