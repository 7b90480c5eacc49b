"""The built-in phone against a server double: the same endpoint, on a socket of its own."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import numpy as np
import pytest

from acd.calls.ids import Uuid7Source
from acd.media.g711 import SAMPLE_BYTES
from acd.net.media_phone import PhoneMedia
from acd.net.phone import CallState, Phone, PhoneCall, PhoneError
from acd.sdp.codec import CLOCK_RATE_HZ
from acd.sip.digest_values import ha1
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, EndpointSettings, InviteTarget
from acd.sip.events import (
    ContactsChanged,
    InviteReceived,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEnded,
    LegFailed,
    LegRinging,
)
from acd.sip.message import Response, read
from acd.sip.peer import Peer

HOST = "127.0.0.1"
LIMIT_S = 30.0
PASSWORD = "right"
DEAF_SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 31\r\n"


class Accounts:
    """One account, 1001."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        return ha1(account, realm, PASSWORD, algorithm) if account == "1001" else None


class Server(asyncio.DatagramProtocol):
    """The other side of the phone's line; tests decide what it says."""

    def __init__(self) -> None:
        self.answers: dict[bytes, asyncio.Queue[Response]] = {}
        "By branch: answers to requests that a test wrote by hand."

        self.heard: list[bytes] = []
        self._events: asyncio.Queue[object] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.address = Peer("udp", *transport.get_extra_info("sockname"))
        self.endpoint = Endpoint(
            EndpointSettings(advertised={"udp": self.address[1:]}, min_expires_s=1),
            credentials=Accounts(),
            new_id=Uuid7Source(count(1).__next__, secrets.randbits),
            random_bytes=secrets.token_bytes,
        )

    def datagram_received(self, data: bytes, addr) -> None:
        message = read(data)
        self.heard.append(data)
        if isinstance(message, Response):
            branch = message.get(b"via").partition(b"branch=")[2].partition(b";")[0]
            if branch in self.answers:
                self.answers[branch].put_nowait(message)
                return
        self.do(self.endpoint.receive(data, Peer("udp", *addr), self._loop.time()))

    def do(self, outputs) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self.transport.sendto(output.data, output.peer[1:])
            else:
                self._events.put_nowait(output)
        if self._timer is not None:
            self._timer.cancel()
        at = self.endpoint.next_deadline()
        self._timer = None if at == math.inf else self._loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        self.do(self.endpoint.on_time(self._loop.time()))

    async def expect(self, kind):
        """Return the next event, which must be of this kind."""
        event = await self._events.get()
        assert isinstance(event, kind), event
        return event

    def tell(self, command: str, *arguments, **more) -> None:
        self.do(getattr(self.endpoint, command)(*arguments, now=self._loop.time(), **more))

    async def ring_up(self, caller: str = "13800138000", offer: bytes = b"") -> str:
        """Call the phone that registered; return the leg."""
        contact = self.endpoint.contacts("1001")[0]
        leg = secrets.token_hex(8)
        target = InviteTarget(uri=contact.uri, peer=contact.peer, caller=caller)
        self.tell("invite", leg, target, offer)
        return leg

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.transport.close()


@asynccontextmanager
async def served() -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    _, server = await loop.create_datagram_endpoint(Server, local_addr=(HOST, 0))
    try:
        async with asyncio.timeout(LIMIT_S):
            yield server
    finally:
        server.close()


@asynccontextmanager
async def sound() -> AsyncIterator[PhoneMedia]:
    media = await PhoneMedia.open(HOST)
    try:
        yield media
    finally:
        await media.close()


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Server, PhoneMedia, Phone, PhoneCall, str]]:
    """Give a call that the phone made and the server took."""
    async with served() as server, sound() as media, Phone(server.address, user="13") as phone:
        dialling = asyncio.create_task(phone.call("4000"))
        invite = await server.expect(InviteReceived)
        server.tell("answer", invite.leg, media.answer(invite.offer))
        call = await dialling
        await server.expect(LegConfirmed)
        yield server, media, phone, call, invite.leg


@asynccontextmanager
async def registered() -> AsyncIterator[tuple[Server, Phone]]:
    async with served() as server, Phone(server.address, user="1001", password=PASSWORD) as phone:
        await phone.register()
        assert len((await server.expect(ContactsChanged)).contacts) == 1
        yield server, phone


def pitch_hz(samples: bytes) -> float:
    """Return the loudest frequency of the last half second."""
    heard = np.frombuffer(samples, dtype="<i2")[-CLOCK_RATE_HZ // 2 :]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.fft.rfftfreq(len(heard), 1 / CLOCK_RATE_HZ)[spectrum.argmax()])


def enough_to_hear(media: PhoneMedia) -> bool:
    return len(media.recorded_samples()) >= CLOCK_RATE_HZ * SAMPLE_BYTES * 0.7


@pytest.mark.asyncio
async def test_both_sides_hear_each_other_and_keys_arrive() -> None:
    async with talking() as (_, media, _, call, _):
        call.media.play_tone(440)
        media.play_tone(880)
        await media.until(enough_to_hear)
        await call.media.until(enough_to_hear)
        assert pitch_hz(media.recorded_samples()) == pytest.approx(440, abs=5)
        assert pitch_hz(call.media.recorded_samples()) == pytest.approx(880, abs=5)
        call.media.press("1#")
        await media.until(lambda heard: heard.heard_digits == ["1", "#"])


@pytest.mark.asyncio
async def test_who_hangs_up_is_told_apart_and_what_was_heard_stays() -> None:
    async with talking() as (server, _, phone, call, leg):
        await call.media.until(enough_to_hear)
        server.tell("hang_up", leg)
        assert await call.over() == "the other side hung up"
        assert enough_to_hear(call.media)
        server_hears_next = asyncio.create_task(phone.call("4001"))
        invite = await server.expect(InviteReceived)
        assert (invite.called, invite.caller) == ("4001", "13")
        server.tell("reject", invite.leg, 404)
        with pytest.raises(PhoneError, match="4001 cannot be reached: 404 Not Found") as refused:
            await server_hears_next
        assert refused.value.status == 404
    async with talking() as (server, _, _, call, leg):
        call.hang_up()
        assert await call.over() == "hung up by this phone"
        assert (await server.expect(LegEnded)).leg == leg


@pytest.mark.asyncio
async def test_its_end_hangs_up_and_gives_its_ports_back() -> None:
    async with talking() as (server, _, phone, call, _):
        await phone.__aexit__(None, None, None)
        assert call.state is CallState.OVER
        await server.expect(LegEnded)
        await (await PhoneMedia.open(HOST, call.media.port)).close()
        assert server.endpoint.legs == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("rings", [False, True])
async def test_a_caller_who_gives_up_cancels(rings: bool) -> None:
    async with served() as server:
        async with Phone(server.address, user="13") as phone:
            dialling = asyncio.create_task(phone.call("4000"))
            invite = await server.expect(InviteReceived)
            if rings:
                server.tell("ring", invite.leg)
            dialling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dialling
        assert (await server.expect(LegCancelled)).leg == invite.leg


@pytest.mark.asyncio
async def test_an_answer_without_sound_for_it_ends_the_call() -> None:
    async with served() as server, Phone(server.address, user="13") as phone:
        dialling = asyncio.create_task(phone.call("4000"))
        invite = await server.expect(InviteReceived)
        server.tell("answer", invite.leg, DEAF_SDP)
        with pytest.raises(PhoneError, match="no sound for this phone"):
            await dialling
        await server.expect(LegConfirmed)
        await server.expect(LegEnded)


@pytest.mark.asyncio
async def test_nobody_at_the_servers_port() -> None:
    async with sound() as elsewhere:
        free_port = elsewhere.port
    async with Phone(Peer("udp", HOST, free_port), user="1001", password="x") as phone:
        with pytest.raises(PhoneError, match=f"nothing answers SIP at {HOST}:{free_port}"):
            await phone.call("4000")
        with pytest.raises(PhoneError, match="Connection refused"):
            await phone.register()


@pytest.mark.looptime
@pytest.mark.asyncio
async def test_a_server_that_says_nothing(looptime) -> None:
    async with sound() as silent, Phone(Peer("udp", HOST, silent.port), user="13") as phone:
        with pytest.raises(PhoneError, match="does not answer"):
            await phone.call("4000")
        assert looptime == pytest.approx(32, abs=1), "64*T1, RFC 3261 17.1.1.2"


@pytest.mark.asyncio
async def test_registering_and_leaving() -> None:
    async with registered() as (server, _):
        pass
    assert server.endpoint.contacts("1001") == ()


@pytest.mark.asyncio
@pytest.mark.parametrize(("user", "password"), [("1001", "wrong"), ("1999", PASSWORD)])
async def test_who_may_not_register_hears_why(user: str, password: str) -> None:
    async with served() as server, Phone(server.address, user=user, password=password) as phone:
        with pytest.raises(PhoneError, match=f"{user} cannot register: 401 .*password"):
            await phone.register()
        with pytest.raises(PhoneError, match=f"{user} cannot register"):
            await phone.incoming()


@pytest.mark.asyncio
async def test_a_call_comes_in_is_taken_and_ended() -> None:
    async with registered() as (server, phone), sound() as media:
        leg = await server.ring_up("13800138000", media.offer())
        call = await phone.incoming()
        assert (call.number, call.state) == ("13800138000", CallState.RINGING)
        call.ring()
        assert (await server.expect(LegRinging)).status == 180
        await call.answer()
        media.accept((await server.expect(LegAnswered)).answer)
        media.play_tone(440)
        await call.media.until(enough_to_hear)
        assert pitch_hz(call.media.recorded_samples()) == pytest.approx(440, abs=5)
        second = await server.ring_up("139", media.offer())
        failed = await server.expect(LegFailed)
        assert (failed.leg, failed.status) == (second, 486)
        server.tell("hang_up", leg)
        await call.over()


@pytest.mark.asyncio
async def test_calls_that_are_not_taken() -> None:
    async with registered() as (server, phone), sound() as media:
        offer = media.offer()
        leg = await server.ring_up("1", offer)
        given_up = await phone.incoming()
        given_up.ring()
        await server.expect(LegRinging)
        server.tell("cancel", leg)
        assert await given_up.over() == "the caller gave up"
        with pytest.raises(PhoneError, match="the caller gave up"):
            await given_up.answer()
        assert (await server.expect(LegFailed)).status == 487
        for status, refuse in ((603, lambda call: call.reject(603)), (480, PhoneCall.hang_up)):
            await server.ring_up("2", offer)
            refuse(await phone.incoming())
            assert (await server.expect(LegFailed)).status == status
        await server.ring_up("3", DEAF_SDP)
        with pytest.raises(PhoneError, match="no sound"):
            await (await phone.incoming()).answer()
        assert (await server.expect(LegFailed)).status == 488


@pytest.mark.asyncio
async def test_an_invite_without_an_offer_gets_ours() -> None:
    async with registered() as (server, phone), sound() as media:
        await server.ring_up("1")
        await (await phone.incoming()).answer()
        offer = (await server.expect(LegAnswered)).answer
        assert b"m=audio" in media.answer(offer)


class Reoffers:
    """Re-INVITEs written by hand in the server's dialog with a phone that it called."""

    def __init__(self, server: Server, phone: Peer) -> None:
        answered = next(m for m in map(read, reversed(server.heard)) if isinstance(m, Response))
        self._head = "".join(
            f"{name}: {answered.get(name.lower().encode()).decode()}\r\n"
            for name in ("From", "To", "Call-ID")
        )
        self._server, self._phone = server, phone
        self._numbers: Iterator[int] = count(100)

    async def offer(self, sdp: bytes) -> Response:
        number = next(self._numbers)
        branch = f"z9hG4bKre{number}"
        answers: asyncio.Queue[Response] = asyncio.Queue()
        self._server.answers[branch.encode()] = answers
        self._send("INVITE", number, branch, sdp)
        while (answer := await answers.get()).status < 200:
            pass
        acknowledged = f"{branch}ack" if answer.status < 300 else branch
        self._send("ACK", number, acknowledged, b"")
        return answer

    def _send(self, method: str, number: int, branch: str, body: bytes) -> None:
        server, phone = self._server.address, self._phone
        head = (
            f"{method} sip:acd@{phone.host}:{phone.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {server.host}:{server.port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\n{self._head}CSeq: {number} {method}\r\n"
            f"Contact: <sip:{server.host}:{server.port}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._server.transport.sendto(head.encode() + body, phone[1:])


@pytest.mark.asyncio
async def test_the_session_is_changed_under_way_or_stays() -> None:
    async with registered() as (server, phone), sound() as media, sound() as moved:
        await server.ring_up("1", media.offer())
        call = await phone.incoming()
        await call.answer()
        media.accept((await server.expect(LegAnswered)).answer)
        reoffers = Reoffers(server, server.endpoint.contacts("1001")[0].peer)
        refused = await reoffers.offer(DEAF_SDP)
        assert refused.status == 488
        call.media.play_tone(440)
        await media.until(enough_to_hear)
        accepted = await reoffers.offer(moved.offer())
        assert accepted.status == 200
        moved.accept(accepted.body)
        await moved.until(enough_to_hear)
        assert pitch_hz(moved.recorded_samples()) == pytest.approx(440, abs=5)
        assert call.state is CallState.TALKING


@pytest.mark.asyncio
async def test_one_line_is_one_call() -> None:
    async with talking() as (_, _, phone, _, _):
        with pytest.raises(PhoneError, match="one line"):
            await phone.call("4001")
