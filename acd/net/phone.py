"""A small SIP phone: `acd phone`, the people of `acd demo`, and a peer for trying flows.

One UDP socket for SIP, one for the sound of its call, one line. It is the core's own endpoint,
seen from the other side; nothing of the call centre is in it.
"""

import asyncio
import math
import secrets
import time
from enum import Enum
from types import TracebackType
from typing import Self

from acd.calls.ids import Uuid7Source
from acd.sdp.errors import SdpError
from acd.sip.client_events import RegistrationFailed, RegistrationSucceeded
from acd.sip.effects import Send
from acd.sip.endpoint import Endpoint, Output
from acd.sip.events import (
    InviteReceived,
    LegAnswered,
    LegCancelled,
    LegConfirmed,
    LegEndCause,
    LegEnded,
    LegFailed,
    LegReoffered,
    LegRinging,
)
from acd.sip.peer import Peer
from acd.sip.settings import EndpointSettings, InviteTarget, RegistrationSettings
from acd.sip.uri import escape_user

from .media_phone import PhoneMedia
from .whole_ms import first_at

PARTING_S = 2.0
"How long a phone that is put away waits for answers to its last words: room for three tries."

BUSY_HERE = 486

_ENDS = {
    LegEndCause.BYE: "the other side hung up",
    LegEndCause.ACK_MISSING: "the other side never confirmed the call",
    LegEndCause.PEER_GONE: "the other side knows nothing of the call any more",
    LegEndCause.SESSION_EXPIRED: "the other side gave no sign of life",
    LegEndCause.TRANSPORT: "the other side cannot be reached any more",
}


class PhoneError(Exception):
    """The phone's wish was refused: the message says by whom and why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        "The SIP answer's code; 0 where none is to blame."


class CallState(Enum):
    """How far a call is."""

    CALLING = "calling"
    "We dialled."

    RINGING = "ringing"
    "It came in, and nobody has taken it."

    TALKING = "talking"
    OVER = "over"


class PhoneCall:
    """One call of a phone, from `Phone.call` or `Phone.incoming`."""

    def __init__(
        self, phone: "Phone", leg: str, number: str, *, name: str = "", state: CallState
    ) -> None:
        self.leg = leg
        self.number = number
        "Whom we dialled, or who calls."

        self.name = name
        "The display name of who calls."

        self.state = state
        self.end = ""
        "Why it is over, for people."

        self.status = 0
        "The code that refused it."

        self._phone = phone
        self._media: PhoneMedia | None = None
        self._settled = asyncio.Event()  # answered, or over
        self._over = asyncio.Event()
        self._offer = b""

    @property
    def media(self) -> PhoneMedia:
        """Its sound, from the answer on; what was heard can be read after the end too."""
        assert self._media is not None, "a call has no sound before it is answered"
        return self._media

    async def over(self) -> str:
        """Wait for the end, whoever ends it; return why."""
        await self._over.wait()
        return self.end

    def ring(self) -> None:
        """Let the caller hear that the phone rings."""
        self._phone._ring(self)

    async def answer(self) -> None:
        """Take a call that came in. Raises PhoneError when it is over or cannot be taken."""
        await self._phone._answer(self)

    def reject(self, status: int = BUSY_HERE) -> None:
        """Refuse a call that came in."""
        self._phone._reject(self, status)

    def hang_up(self) -> None:
        """End it, whatever its state."""
        self._phone._hang_up(self)


class _NoAccounts:
    """A phone keeps no accounts of others."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Know nobody."""
        return None


class Phone(asyncio.DatagramProtocol):
    """One phone with one line, at one server. Use as an async context manager.

    Its end hangs up, takes the registration back and waits up to `PARTING_S` for the answers.
    """

    def __init__(self, server: Peer, *, user: str, password: str = "") -> None:
        """Prepare a phone of `user`; `server.host` may be a name here."""
        self._server = server
        self._user = user
        self._password = password
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._new_id = Uuid7Source(lambda: time.time_ns() // 1_000_000, secrets.randbits)
        self._line: PhoneCall | None = None
        self._rung = asyncio.Event()
        self._moved = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._registered: asyncio.Future[None] | None = None
        self._lost: PhoneError | None = None
        self._fault: OSError | None = None

    async def __aenter__(self) -> Self:
        """Take a SIP port. Raises OSError when the server's name or the network is unknown."""
        # A connected socket knows which of our addresses the server reaches, hears of a port
        # where nobody listens, and takes nothing from strangers.
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: self, remote_addr=(self._server.host, self._server.port)
        )
        self._transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        self._server = Peer("udp", host, port)
        self._server_text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._host, port = transport.get_extra_info("sockname")[:2]
        self._endpoint = Endpoint(
            EndpointSettings(
                advertised={"udp": (self._host, port)},
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
        """Hang up, unregister, close."""
        if self._line is not None:
            self._line.hang_up()
        try:
            await self._part()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._transport is not None:
                self._transport.close()
                await self._closed.wait()
            await asyncio.gather(*self._closing)

    async def _part(self) -> None:
        """Leave the server in good order: every BYE, CANCEL and REGISTER has its answer."""
        if self._registered is not None and self._lost is None:
            self._carry_out(self._endpoint.unregister(self._user, self._loop.time()))
        try:
            async with asyncio.timeout(PARTING_S):
                while self._endpoint.transactions or self._endpoint.legs:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return  # a server that does not answer a BYE must not keep the phone

    # --- registering ---

    async def register(self, *, expires_s: int = 300) -> None:
        """Register and stay registered. Raises PhoneError."""
        settings = RegistrationSettings(
            id=self._user,
            registrar=f"sip:{self._server_text}",
            peer=self._server,
            account=self._user,
            password=self._password,
            expires_s=expires_s,
        )
        self._registered = self._loop.create_future()
        self._lost = None
        self._carry_out(self._endpoint.register(settings, self._loop.time()))
        await self._registered

    def _on_registration(self, event: RegistrationSucceeded | RegistrationFailed) -> None:
        done = self._registered
        if isinstance(event, RegistrationSucceeded):
            self._lost = None
            if done is not None and not done.done():
                done.set_result(None)
            return
        self._lost = self._refusal(f"{self._user} cannot register", event.status, event.reason)
        if done is not None and not done.done():
            done.set_exception(self._lost)
        self._rung.set()

    # --- calls ---

    async def call(self, number: str) -> PhoneCall:
        """Dial and return when the call is answered. Raises PhoneError."""
        if self._line is not None:
            raise PhoneError("the phone has one line, and a call on it")
        call = PhoneCall(self, self._new_id(), number, state=CallState.CALLING)
        self._line = call
        try:
            media = call._media = await PhoneMedia.open(self._host)
            target = InviteTarget(
                uri=f"sip:{escape_user(number).decode()}@{self._server_text}",
                peer=self._server,
                caller=self._user,
                username=self._user if self._password else "",
                password=self._password,
            )
            offer = media.offer()
            self._carry_out(self._endpoint.invite(call.leg, target, offer, self._loop.time()))
            await call._settled.wait()
        except BaseException:
            call.hang_up()
            raise
        if call.state is CallState.OVER:
            raise PhoneError(call.end, call.status)
        return call

    async def incoming(self) -> PhoneCall:
        """Return the next call that comes in. Raises PhoneError when the registration is lost."""
        while True:
            if self._lost is not None:
                raise self._lost
            await self._rung.wait()
            self._rung.clear()
            call = self._line
            if call is not None and call.state is CallState.RINGING:
                return call

    def _ring(self, call: PhoneCall) -> None:
        self._carry_out(self._endpoint.ring(call.leg, self._loop.time()))

    async def _answer(self, call: PhoneCall) -> None:
        media = await PhoneMedia.open(self._host)
        if call.state is not CallState.RINGING:
            await media.close()
            raise PhoneError(call.end or "the call is answered already")
        try:
            # RFC 3261 13.2.1: with an INVITE that brought no offer, "the offer MUST be in the
            # first reliable non-failure message", our 200; the answer is then in the ACK.
            sdp = media.answer(call._offer) if call._offer else media.offer()
        except SdpError as error:
            await media.close()
            call.reject(error.status)
            raise PhoneError(f"the call has no sound that this phone can play: {error}") from error
        call._media, call.state = media, CallState.TALKING
        self._carry_out(self._endpoint.answer(call.leg, sdp, self._loop.time()))
        call._settled.set()

    def _reject(self, call: PhoneCall, status: int) -> None:
        self._carry_out(self._endpoint.reject(call.leg, status, self._loop.time()))
        self._end(call, "refused by this phone", status)

    def _hang_up(self, call: PhoneCall) -> None:
        if call.state is not CallState.OVER:
            outputs = self._endpoint.hang_up(call.leg, self._loop.time())
            self._end(call, "hung up by this phone")
            self._carry_out(outputs)

    def _end(self, call: PhoneCall, why: str, status: int = 0) -> None:
        if call.state is CallState.OVER:
            return
        call.state, call.end, call.status = CallState.OVER, why, status
        if self._line is call:
            self._line = None
        if call._media is not None:
            closing = self._loop.create_task(call._media.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        call._settled.set()
        call._over.set()

    def _refusal(self, what: str, status: int, reason: str) -> PhoneError:
        """Put a failure into words."""
        server = self._server_text
        if status == 503 and self._fault is not None:
            text = f"{what}: nothing answers SIP at {server} ({self._fault.strerror})"
        elif status == 408:
            text = f"{what}: {server} does not answer ({status} {reason})"
        elif status == 403 and not self._password:
            text = f"{what}: {status} {reason}; only agents may, and {self._user} gave no proof"
        elif status in {401, 403, 407}:
            text = f"{what}: {status} {reason}; is {self._user}'s password right?"
        else:
            text = f"{what}: {status} {reason}"
        return PhoneError(text, status)

    # --- what happens ---

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell whoever waits for the socket's end."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a SIP message."""
        peer = Peer("udp", addr[0], addr[1])
        self._fault = None
        self._carry_out(self._endpoint.receive(data, peer, self._loop.time()))

    def error_received(self, exc: Exception) -> None:
        """Learn that the server cannot be reached."""
        self._fault = exc if isinstance(exc, OSError) else None
        self._carry_out(self._endpoint.transport_failed(self._server, self._loop.time()))

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self._send(output)
            elif isinstance(output, InviteReceived):
                self._on_invite(output)
            elif isinstance(output, RegistrationSucceeded | RegistrationFailed):
                self._on_registration(output)
            else:
                self._on_leg(output)
        self._rearm()
        self._moved.set()

    def _send(self, effect: Send) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(effect.data)

    def _on_invite(self, event: InviteReceived) -> None:
        if self._line is not None:
            now = self._loop.time()
            self._carry_out(self._endpoint.reject(event.leg, BUSY_HERE, now))
            return
        call = PhoneCall(
            self, event.leg, event.caller, name=event.caller_name, state=CallState.RINGING
        )
        call._offer = event.offer
        self._line = call
        self._rung.set()

    def _on_leg(self, event: Output) -> None:
        """Take what concerns the call on the line; of others there is nothing left to do."""
        call = self._line
        if call is None or getattr(event, "leg", "") != call.leg:
            return
        match event:
            case LegRinging(sdp=answer) if answer:
                self._accept(call, answer)
            case LegAnswered(answer=answer):
                self._accept(call, answer)
                if call.state is CallState.CALLING:
                    call.state = CallState.TALKING
                    call._settled.set()
            case LegConfirmed(answer=answer) if answer:
                self._accept(call, answer)
            case LegReoffered(offer=offer):
                self._reoffered(call, offer)
            case LegCancelled():
                self._end(call, "the caller gave up")
            case LegEnded(cause=cause):
                self._end(call, _ENDS[cause])
            case LegFailed(status=status, reason=reason):
                error = self._refusal(f"{call.number} cannot be reached", status, reason)
                self._end(call, str(error), status)
            case _:
                pass

    def _accept(self, call: PhoneCall, answer: bytes) -> None:
        """Take the other side's session description; without a usable one there is no call."""
        try:
            call.media.accept(answer)
        except SdpError as error:
            self._carry_out(self._endpoint.hang_up(call.leg, self._loop.time()))
            self._end(call, f"{call.number}: the answer has no sound for this phone: {error}")

    def _reoffered(self, call: PhoneCall, offer: bytes) -> None:
        now = self._loop.time()
        try:
            sdp = call.media.answer(offer) if offer else call.media.offer()
        except SdpError as error:
            # The session stays as it was (RFC 3261 14.2).
            self._carry_out(self._endpoint.refuse_offer(call.leg, error.status, now))
            return
        self._carry_out(self._endpoint.accept_offer(call.leg, sdp, now))

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._endpoint.next_deadline()
        if at == math.inf:
            self._timer = None
        else:
            self._timer = self._loop.call_at(first_at(at), self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._carry_out(self._endpoint.on_time(self._loop.time()))
