"""Accepting connections: each needs a place, TLS handshakes take turns, then SIP begins."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from acd.sip.peer import SECURE, Peer
from acd.sip.sources import source_of

from .limits import Place, Places, StreamLimits
from .tls import Certificates

ACCEPT_AGAIN_S = 1.0
"When accepting failed: no file descriptor or memory is left, and some come back with time."

MakeProtocol = Callable[[Peer, Place], asyncio.Protocol]


class Handshakes:
    """Lets TLS handshakes begin in turn: so many at once, and so many of one host."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._all = asyncio.Semaphore(limits.handshakes)
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def run(self, host: str, handshake: Callable[[], Awaitable[None]]) -> None:
        """Run a handshake when it is this host's turn; a host that is slow waits for itself."""
        key = source_of(host)
        own, users = self._hosts.get(key) or (
            asyncio.Semaphore(self._limits.handshakes_per_host),
            0,
        )
        self._hosts[key] = (own, users + 1)
        try:
            async with own, self._all, asyncio.timeout(self._limits.handshake_s):
                await handshake()
        finally:
            own, users = self._hosts[key]
            if users > 1:
                self._hosts[key] = (own, users - 1)
            else:
                del self._hosts[key]


class Acceptor:
    """Accepts connections of all listening sockets."""

    def __init__(
        self,
        limits: StreamLimits,
        places: Places,
        certificates: Certificates,
        on_handshake_failed: Callable[[Peer, str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._places = places
        self._certificates = certificates
        self._on_handshake_failed = on_handshake_failed
        self._handshakes = Handshakes(limits)
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, sock: socket.socket, transport: str, make: MakeProtocol) -> None:
        """Accept connections on a bound socket until `close`."""
        sock.setblocking(False)
        self._sockets.append(sock)
        self._begin(self._accept(sock, transport, make))

    async def close(self) -> None:
        """Accept no more, and end the handshakes under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._sockets:
            sock.close()

    def _begin(
        self, work: Coroutine[Any, Any, None], on_cancelled: Callable[[], None] | None = None
    ) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)

        def over(_: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if task.cancelled() and on_cancelled is not None:
                on_cancelled()

        task.add_done_callback(over)  # runs also when the task is ended before it began

    async def _accept(self, sock: socket.socket, transport: str, make: MakeProtocol) -> None:
        while True:
            try:
                accepted, address = await self._loop.sock_accept(sock)
            except ConnectionError:
                continue  # gone while it waited
            except OSError:
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            peer = Peer(transport, *address[:2])
            place = self._places.take(transport, peer.host, accepted=True)
            if place is None:
                accepted.close()
            else:
                self._serve(accepted, peer, place, make)

    def _serve(
        self, accepted: socket.socket, peer: Peer, place: Place, make: MakeProtocol
    ) -> None:
        def give_up() -> None:
            place.free()
            accepted.close()

        self._begin(self._connect(accepted, peer, place, make), give_up)

    async def _connect(
        self, accepted: socket.socket, peer: Peer, place: Place, make: MakeProtocol
    ) -> None:
        """Connect the socket with its protocol, which frees the place at its end."""

        async def connect(context: ssl.SSLContext | None) -> None:
            await self._loop.connect_accepted_socket(
                lambda: make(peer, place), accepted, ssl=context
            )

        try:
            if peer.transport in SECURE:
                await self._handshakes.run(
                    peer.host, lambda: connect(self._certificates.for_server(peer.transport))
                )
            else:
                await connect(None)
        except OSError as error:
            place.free()
            accepted.close()
            if peer.transport in SECURE:
                self._places.handshakes_failed[peer.transport, "in"] += 1
                self._on_handshake_failed(peer, str(error) or type(error).__name__)
