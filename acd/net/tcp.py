"""SIP over TCP (RFC 3261 section 18): connections accepted and opened, each named by its peer."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Protocol, cast

from msgspec import Struct

from acd.sip.errors import BadMessageError
from acd.sip.framing import PING
from acd.sip.peer import Peer

PONG = b"\r\n"
'RFC 5626 3.5.1: the answer to a double CRLF, the "ping", is one CRLF, the "pong".'


class TcpLimits(Struct, frozen=True, kw_only=True):
    """What one server grants to all stream connections together and to each one."""

    connections: int = 4_096
    "Twice 2,000 seats: every phone reconnecting while its old connection is not yet known dead."

    write_buffer_bytes: int = 262_144
    "Bytes waiting per connection, some 300 messages: more means that the peer reads nothing."

    connect_s: float = 5.0
    "A connection that is not up by then has lost its SYN three times (1 + 2 s)."

    message_s: float = 32.0
    "A message must be complete this long after its first byte (64*T1, RFC 3261 table 4)."

    idle_s: float = 3_900.0
    "Silence after which a connection is closed: the usual hour of a registration and a margin."

    close_s: float = 5.0
    "How long a closed connection may take to send what is still waiting."


class Framer(Protocol):
    """Cuts a stream into messages: `acd.sip.framing.StreamFramer`."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now; raise BadMessageError if none can follow."""


class TcpConnection(asyncio.Protocol):
    """One connection. It stands in the table of `TcpConnections` until it fails or closes."""

    def __init__(self, table: "TcpConnections", peer: Peer | None) -> None:
        self.peer = peer or Peer("tcp", "", 0)
        "Where we connect to; for an accepted connection known once it is made."
        self._table = table
        self._limits = table.limits
        self._framer = table.new_framer()
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._mid_message = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._lost = asyncio.Event()

    # --- from the loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Enter the table and send what was waiting for the connection."""
        # uvloop's transports have asyncio's methods but not its base classes.
        self._transport = stream = cast("asyncio.Transport", transport)
        self._table.alive.add(self)
        if not self.peer.host:
            host, port = stream.get_extra_info("peername")[:2]
            self.peer = Peer("tcp", host, port)
            self._closing = not self._table.enter(self)
        if self._closing:
            stream.abort()
            return
        _probe_dead_peers(stream.get_extra_info("socket"))
        # Who says nothing at all holds the place no longer than one message may take.
        self._close_at(self._table.loop.time() + self._limits.message_s)
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
            self.close(failed=True)
            return
        now = self._table.loop.time()
        if messages:
            self._mid_message = False
            self._deadline = now + self._limits.idle_s
        elif not self._mid_message and not data.isspace():
            self._mid_message = True
            self._close_at(now + self._limits.message_s)
        for message in messages:
            if message == PING:
                self.send(PONG)
            else:
                self._table.on_message(message, self.peer)
        if messages:
            self._table.on_batch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the table. A peer that closes in good order has not failed."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        self._table.alive.discard(self)
        self._lost.set()
        if not self._closing:
            self._closing = True
            self._table.leave(self, failed=exc is not None)

    # --- from the table ---

    def send(self, data: bytes) -> None:
        """Write now or when connected. A peer that does not read is given up."""
        transport = self._transport
        waiting = self._unsent_bytes if transport is None else transport.get_write_buffer_size()
        if waiting + len(data) > self._limits.write_buffer_bytes:
            self.close(failed=True)
        elif transport is None:
            self._unsent.append(data)
            self._unsent_bytes += len(data)
        else:
            transport.write(data)

    def close(self, *, failed: bool) -> None:
        """Leave the table; what is still to be written goes out unless the connection failed."""
        if self._closing:
            return
        self._closing = True
        self._table.leave(self, failed=failed)
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is None:  # still connecting: `connection_made` will end it
            return
        if failed:
            self._transport.abort()
            return
        self._transport.close()
        self._timer = self._table.loop.call_later(self._limits.close_s, self._transport.abort)

    async def lost(self) -> None:
        """Wait until the socket is closed; after `close` that takes `close_s` at most."""
        await self._lost.wait()

    # --- own ---

    def _close_at(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._table.loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        # The deadline moves with every message; the timer follows only here, once per period.
        if self._table.loop.time() < self._deadline:
            self._close_at(self._deadline)
        else:
            self.close(failed=False)


class TcpConnections:
    """The table of stream connections, by peer. Must be made inside the running loop."""

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_batch: Callable[[], None],
        on_failed: Callable[[Peer], None],
        new_framer: Callable[[], Framer],
        limits: TcpLimits,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.on_message = on_message
        self.on_batch = on_batch
        self.new_framer = new_framer
        self.limits = limits
        self._on_failed = on_failed
        self._connections: dict[Peer, TcpConnection] = {}
        self.alive: set[TcpConnection] = set()
        "Those with a socket, also when they have left the table and only write out the rest."
        self._connecting: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self.connections_refused = 0
        "Accepted and dropped at once, or not opened, because the table was full."

    def __len__(self) -> int:
        return len(self._connections)

    async def add(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        sock.setblocking(False)
        server = await self.loop.create_server(lambda: TcpConnection(self, None), sock=sock)
        self._servers.append(server)

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

    async def close(self) -> None:
        """Stop accepting, end every connection, and wait for the attempts under way."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections.values()):
            connection.close(failed=False)
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        await asyncio.gather(*(connection.lost() for connection in list(self.alive)))

    # --- from the connections ---

    def enter(self, connection: TcpConnection) -> bool:
        """Take an accepted connection in; False: the table is full."""
        if len(self._connections) >= self.limits.connections:
            self.connections_refused += 1
            return False
        # From the same address and port as one that stands: the peer has restarted.
        self._connections[connection.peer] = connection
        return True

    def leave(self, connection: TcpConnection, *, failed: bool) -> None:
        """Forget a connection; `failed`: messages to its peer may not have arrived."""
        if self._connections.get(connection.peer) is connection:
            del self._connections[connection.peer]
        if failed:
            self._on_failed(connection.peer)

    # --- own ---

    def _open(self, peer: Peer) -> TcpConnection | None:
        if not _is_reachable(peer):
            return None
        if len(self._connections) >= self.limits.connections:
            self.connections_refused += 1
            return None
        connection = self._connections[peer] = TcpConnection(self, peer)
        task = self.loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return connection

    async def _connect(self, connection: TcpConnection) -> None:
        host, port = connection.peer.host, connection.peer.port
        try:
            async with asyncio.timeout(self.limits.connect_s):
                await self.loop.create_connection(lambda: connection, host, port)
        except OSError:  # refused, unreachable; TimeoutError is one of them
            connection.close(failed=True)


def _is_reachable(peer: Peer) -> bool:
    """Whether this is an address at all: a name would make the loop ask DNS."""
    try:
        ipaddress.ip_address(peer.host)
    except ValueError:
        return False
    return 0 < peer.port < 65_536


def _probe_dead_peers(sock: socket.socket) -> None:
    """Let the kernel find out within two minutes that a silent peer is gone."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
