"""A small SIP phone: `acd phone`, the people of `acd demo`, and a peer for trying flows.

One UDP socket for SIP, one for the sound of its call. It is the core's own endpoint, seen from the
other side; nothing of the call centre is in it.
"""

import asyncio
import secrets
import time
from types import TracebackType
from typing import Self

from acd.calls.ids import Uuid7Source
from acd.sip.client_events import RegistrationFailed, RegistrationSucceeded
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, Output
from acd.sip.events import (
    InviteReceived,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEnded,
    LegFailed,
    LegReoffered,
    LegRinging,
)
from acd.sip.peer import Peer
from acd.sip.settings import EndpointSettings, InviteTarget, RegistrationSettings

from .media_phone import PhoneMedia

Event = (
    InviteReceived
    | LegAnswered
    | LegCancelled
    | LegConfirmed
    | LegEnded
    | LegFailed
    | LegRinging
    | RegistrationFailed
    | RegistrationSucceeded
)

MAX_EVENTS_WAITING = 1_000
"Of a program that does not look at its phone; the oldest are forgotten."


class PhoneError(Exception):
    """The phone's wish was refused: the message says by whom and why."""


class _NoAccounts:
    """A phone keeps no accounts of others."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Know nobody."""
        return None


class Phone(asyncio.DatagramProtocol):
    """One phone with one line. Use as an async context manager."""

    def __init__(self, server: Peer, *, user: str, password: str = "", host: str = "") -> None:
        """Prepare a phone that talks to `server`; without `host` from where it is reached."""
        self.leg = ""
        "The call at hand; empty for none."

        self.media: PhoneMedia | None = None
        "Its sound."

        self._server = server
        self._user = user
        self._password = password
        self._host = host or ("127.0.0.1" if server.host.startswith("127.") else "0.0.0.0")
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._new_id = Uuid7Source(lambda: time.time_ns() // 1_000_000, secrets.randbits)

    async def __aenter__(self) -> Self:
        """Bind the SIP port."""
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=(self._host, 0)
        )
        self._transport = transport
        address = transport.get_extra_info("sockname")
        self._endpoint = Endpoint(
            EndpointSettings(
                advertised={"udp": (address[0], address[1])},
                authenticate_accounts=False,
                product="acd-phone",
            ),
            credentials=_NoAccounts(),
            new_id=self._new_id,
            random_bytes=secrets.token_bytes,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up and close."""
        await self.hang_up()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    # --- registering ---

    async def register(self, *, expires_s: int = 300) -> None:
        """Register and stay registered. Raises PhoneError."""
        host = self._server.host
        settings = RegistrationSettings(
            id=self._user,
            registrar=f"sip:{host}:{self._server.port}",
            peer=self._server,
            account=self._user,
            password=self._password,
            expires_s=expires_s,
        )
        self._carry_out(self._endpoint.register(settings, self._loop.time()))
        answer = await self.event(RegistrationSucceeded, RegistrationFailed)
        if isinstance(answer, RegistrationFailed):
            raise PhoneError(f"{self._user} cannot register: {answer.status} {answer.reason}")

    async def unregister(self) -> None:
        """Take the registration back."""
        self._carry_out(self._endpoint.unregister(self._user, self._loop.time()))
        await self.event(RegistrationSucceeded, RegistrationFailed)

    # --- calling ---

    async def call(self, number: str) -> None:
        """Dial and return when the call is answered. Raises PhoneError."""
        self.media = await PhoneMedia.open(self._media_host())
        self.leg = self._new_id()
        target = InviteTarget(
            uri=f"sip:{number}@{self._server.host}:{self._server.port}",
            peer=self._server,
            caller=self._user,
            username=self._user if self._password else "",
            password=self._password,
        )
        offer = self.media.offer()
        self._carry_out(self._endpoint.invite(self.leg, target, offer, self._loop.time()))
        answer = await self.event(LegAnswered, LegFailed)
        if isinstance(answer, LegFailed):
            await self._forget()
            raise PhoneError(f"{number} was refused: {answer.status} {answer.reason}")

    def ring(self, leg: str) -> None:
        """Let a caller hear that the phone rings."""
        self._carry_out(self._endpoint.ring(leg, self._loop.time()))

    async def answer(self, invite: InviteReceived) -> None:
        """Take a call that came in."""
        self.media = await PhoneMedia.open(self._media_host())
        self.leg = invite.leg
        sdp = self.media.answer(invite.offer)
        self._carry_out(self._endpoint.answer(invite.leg, sdp, self._loop.time()))

    def reject(self, invite: InviteReceived, status: int) -> None:
        """Refuse a call that came in."""
        self._carry_out(self._endpoint.reject(invite.leg, status, self._loop.time()))

    async def hang_up(self) -> None:
        """End the call at hand, if there is one."""
        if self.leg:
            self._carry_out(self._endpoint.hang_up(self.leg, self._loop.time()))
            await self._forget()

    async def _forget(self) -> None:
        self.leg = ""
        media, self.media = self.media, None
        if media is not None:
            await media.close()

    def _media_host(self) -> str:
        assert self._transport is not None  # the phone is used within its context
        host: str = self._transport.get_extra_info("sockname")[0]
        return host

    # --- events ---

    async def event(self, *kinds: type[Event]) -> Event:
        """Return the next event of these kinds; others before it are passed over."""
        while True:
            event = await self._events.get()
            if isinstance(event, LegEnded) and event.leg == self.leg:
                await self._forget()
            if isinstance(event, kinds):
                return event

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a SIP message."""
        peer = Peer("udp", addr[0], addr[1])
        self._carry_out(self._endpoint.receive(data, peer, self._loop.time()))

    def error_received(self, exc: Exception) -> None:
        """Learn that the server cannot be reached."""
        self._carry_out(self._endpoint.transport_failed(self._server, self._loop.time()))

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self._send(output)
            elif isinstance(output, LegReoffered):
                self._reoffered(output)
            elif isinstance(output, Event):
                self._hear(output)
        self._rearm()

    def _send(self, effect: Send) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(effect.data, (effect.peer.host, effect.peer.port))

    def _hear(self, event: Event) -> None:
        if isinstance(event, LegAnswered) and self.media is not None:
            self.media.accept(event.answer)
        if self._events.qsize() >= MAX_EVENTS_WAITING:
            self._events.get_nowait()
        self._events.put_nowait(event)

    def _reoffered(self, event: LegReoffered) -> None:
        if self.media is not None:
            sdp = self.media.answer(event.offer)
            self._carry_out(self._endpoint.accept_offer(event.leg, sdp, self._loop.time()))

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._endpoint.next_deadline()
        self._timer = None if at == float("inf") else self._loop.call_at(at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._carry_out(self._endpoint.on_time(self._loop.time()))
