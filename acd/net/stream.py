"""SIP over TCP and TLS (RFC 3261 section 18): connections, each named by its peer."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from acd.sip.errors import BadMessageError
from acd.sip.framing import PING
from acd.sip.peer import Peer

from .limits import CutCause, Patience, Place, Places, StreamLimits
from .tls import Certificates, TlsError, certificate_names, is_handshake_fault

PONG = b"\r\n"
'RFC 5626 3.5.1: the answer to a double CRLF, the "ping", is one CRLF, the "pong".'


class Framer(Protocol):
    """Cuts a stream into messages: `acd.sip.framing.StreamFramer`."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now; raise BadMessageError if none can follow."""

    @property
    def waiting(self) -> bool:
        """Whether part of a message has come and the rest is awaited."""


class StreamConnection(asyncio.Protocol):
    """One connection. It stands in the table of `StreamConnections` until it fails or closes."""

    def __init__(self, table: "StreamConnections", peer: Peer, place: Place) -> None:
        self.peer = peer
        "Where we connect to, or who was accepted."
        self.certificate_names: tuple[str, ...] = ()
        self._place = place
        self._table = table
        self._limits = table.limits
        self._framer = table.new_framer()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._mid_message = False
        self._patience = Patience(table.loop, self._on_impatient)
        self._closing = False
        self._lost = asyncio.Event()
        self.attempt: asyncio.Task[None] | None = None
        "Opens the connection, if we do; ended when nobody wants it any more."

    # --- from the loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter the table and send what was waiting for the connection."""
        # uvloop's transports have asyncio's methods but not its base classes.
        self._transport = stream = cast("asyncio.Transport", transport)
        if self._closing:  # given up while it was being opened
            stream.abort()
            return
        self._table.enter(self)
        self.certificate_names = certificate_names(stream.get_extra_info("peercert"))
        prepare_socket(stream.get_extra_info("socket"))
        # Who connects and says nothing holds the place no longer than one message may take.
        limit_s = self._limits.idle_s if self._unsent else self._limits.message_s
        self._patience.until(self._table.loop.time() + limit_s)
        for data in self._unsent:
            stream.write(data)
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Pass on the messages that became complete."""
        if self._closing:
            return
        try:
            messages = self._framer.feed(data)
        except BadMessageError:
            # Where the next message begins cannot be known any more.
            self.cut("unframeable")
            return
        self._watch(complete=bool(messages))
        for message in messages:
            if message == PING:
                self.send(PONG)
            elif not self._closing:
                self._table.on_message(message, self.peer)
        if messages:
            self._table.on_batch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the table. A peer that closes in good order has not failed."""
        self._patience.stop()
        self._place.free()
        self._transport = None
        self._lost.set()
        if not self._closing:
            self._closing = True
            self._table.leave(self, failed=exc is not None)
        self._table.alive.discard(self)

    # --- from the table ---

    def send(self, data: bytes) -> None:
        """Write now or when connected. A peer that does not read is given up."""
        transport = self._transport
        waiting = self._unsent_bytes if transport is None else transport.get_write_buffer_size()
        if waiting + len(data) > self._limits.write_buffer_bytes:
            self.cut("not_reading")
        elif transport is None:
            self._unsent.append(data)
            self._unsent_bytes += len(data)
        elif not self._closing:
            transport.write(data)
            if not self._mid_message:
                self._patience.deadline = self._table.loop.time() + self._limits.idle_s

    def close(self, *, failed: bool) -> None:
        """Leave the table; what is still to be written goes out unless the connection failed."""
        if self._closing:
            return
        self._closing = True
        self._table.leave(self, failed=failed)
        self._patience.stop()
        if self._transport is None:
            if self.attempt is not None:
                self.attempt.cancel()
            return
        if failed:
            self._transport.abort()
            return
        self._transport.close()
        self._table.loop.call_later(self._limits.close_s, self._transport.abort)

    def cut(self, cause: CutCause) -> None:
        """End the connection because of what the peer does or leaves undone."""
        if not self._closing:
            self._table.places.cut[self.peer.transport, cause] += 1
            self.close(failed=cause != "idle")

    async def lost(self) -> None:
        """Wait until the socket is closed; after `close` that takes `close_s` at most."""
        await self._lost.wait()

    # --- own ---

    def _watch(self, *, complete: bool) -> None:
        """Give an incomplete message its time, and a complete one the time until the next."""
        now, waiting = self._table.loop.time(), self._framer.waiting
        if waiting and (complete or not self._mid_message):
            self._patience.until(now + self._limits.message_s)
        elif not waiting:
            self._patience.deadline = now + self._limits.idle_s
        self._mid_message = waiting

    def _on_impatient(self) -> None:
        self.cut("slow_message" if self._mid_message else "idle")


class StreamConnections:
    """The table of TCP and TLS connections, by peer. Must be made inside the running loop."""

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_batch: Callable[[], None],
        on_failed: Callable[[Peer], None],
        new_framer: Callable[[], Framer],
        limits: StreamLimits,
        places: Places,
        certificates: Certificates,
        on_handshake_failed: Callable[[Peer, str], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.on_message = on_message
        self.on_batch = on_batch
        self.new_framer = new_framer
        self.limits = limits
        self.places = places
        self._certificates = certificates
        self._on_failed = on_failed
        self._on_handshake_failed = on_handshake_failed
        self._connections: dict[Peer, StreamConnection] = {}
        self.alive: set[StreamConnection] = set()
        "Those with a socket, also when they have left the table and only write out the rest."
        self._connecting: set[asyncio.Task[None]] = set()

    def accepted(self, peer: Peer, place: Place) -> StreamConnection:
        """Return the protocol of a connection that was accepted."""
        return StreamConnection(self, peer, place)

    def send(self, peer: Peer, data: bytes) -> None:
        """Send over the peer's connection, opening one if none stands. Never raises or waits."""
        connection = self._connections.get(peer) or self._open(peer)
        if connection is None:
            self._on_failed(peer)
        else:
            connection.send(data)

    def disconnect(self, peer: Peer) -> None:
        """Close the peer's connection, if there is one, after what was sent before."""
        connection = self._connections.get(peer)
        if connection is not None:
            connection.close(failed=False)

    def certificate_names(self, peer: Peer) -> tuple[str, ...]:
        """Return the names that the peer's verified certificate gives it."""
        connection = self._connections.get(peer)
        return connection.certificate_names if connection is not None else ()

    async def close(self) -> None:
        """End every connection, and wait for the attempts under way."""
        for connection in list(self._connections.values()):
            connection.close(failed=False)
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        await asyncio.gather(*(connection.lost() for connection in list(self.alive)))

    # --- from the connections ---

    def enter(self, connection: StreamConnection) -> None:
        """Take a connection in. From the address of one that stands: the peer has restarted."""
        self.alive.add(connection)
        self._connections[connection.peer] = connection

    def leave(self, connection: StreamConnection, *, failed: bool) -> None:
        """Forget a connection; `failed`: messages to its peer may not have arrived."""
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
        if failed:
            self._on_failed(connection.peer)

    # --- own ---

    def _open(self, peer: Peer) -> StreamConnection | None:
        if not _is_reachable(peer):
            return None
        place = self.places.take(peer.transport, peer.host, accepted=False)
        if place is None:
            return None
        connection = self._connections[peer] = StreamConnection(self, peer, place)
        task = self.loop.create_task(self._connect(connection))
        connection.attempt = task
        self._connecting.add(task)

        def over(_: asyncio.Task[None]) -> None:
            self._connecting.discard(task)
            if connection not in self.alive:
                place.free()

        task.add_done_callback(over)  # runs also when the task is ended before it began
        return connection

    async def _connect(self, connection: StreamConnection) -> None:
        peer = connection.peer
        context: ssl.SSLContext | None = None
        server_name: str | None = None
        try:
            if peer.transport == "tls":
                context, server_name = self._certificates.for_client(peer)
            async with asyncio.timeout(self.limits.connect_s):
                await self.loop.create_connection(
                    lambda: connection,
                    peer.host,
                    peer.port,
                    ssl=context,
                    server_hostname=server_name,
                )
        except (OSError, TlsError) as error:  # refused, unreachable; TimeoutError is an OSError
            if is_handshake_fault(error):
                self.places.handshakes_failed[peer.transport, "out"] += 1
                self._on_handshake_failed(peer, str(error))
            connection.close(failed=True)


def _is_reachable(peer: Peer) -> bool:
    """Whether this is an address at all: a name would make the loop ask DNS."""
    try:
        ipaddress.ip_address(peer.host)
    except ValueError:
        return False
    return 0 < peer.port < 65_536


def prepare_socket(sock: socket.socket) -> None:
    """Let small messages leave at once, and find out within two minutes that a peer is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
