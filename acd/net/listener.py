"""All SIP transports of this server behind one door: listen, send, disconnect."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable

from acd.sip.admission import Admission, Verdict
from acd.sip.framing import StreamFramer
from acd.sip.peer import Peer

from .tcp import Framer, TcpConnections, TcpLimits
from .udp import UdpSockets

Address = tuple[str, str, int]
"Transport (udp or tcp), host, port."

SOCKET_KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}

BACKLOG = 1_024
"Connections the kernel may hold: half of 2,000 phones coming back in the same instant."

REASONS = {
    errno.EADDRINUSE: "the port is taken by another program",
    errno.EACCES: "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class TransportError(Exception):
    """A listening address cannot be used. The text is one line for the operator."""


class SipTransports:
    """Carries SIP messages to and from peers. Lives in the thread of the running loop.

    `on_message(data, peer)` is called with every message that arrives: a whole datagram, or one
    message cut out of a stream; `on_batch()` follows the last one at hand. `on_failed(peer)` says
    that messages sent to this peer may not have arrived; it is called later from the loop, never
    from within `send`.

    `admission` judges each message before: what it drops is gone, what it sheds goes to
    `on_shed(data, peer)` in place of `on_message`.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_failed: Callable[[Peer], None],
        *,
        on_batch: Callable[[], None] = lambda: None,
        tcp_limits: TcpLimits = TcpLimits(),  # noqa: B008  frozen
        new_framer: Callable[[], Framer] = StreamFramer,
        admission: Admission | None = None,
        on_shed: Callable[[bytes, Peer], None] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        admission = admission or Admission()
        on_shed = on_shed or on_message

        def report_failed(peer: Peer) -> None:
            loop.call_soon(on_failed, peer)

        def on_framed(data: bytes, peer: Peer) -> None:
            verdict = admission.judge(data, peer.host, loop.time())
            if verdict is Verdict.ADMIT:
                on_message(data, peer)
            elif verdict is Verdict.SHED:
                on_shed(data, peer)

        self._udp = UdpSockets(on_message, on_batch, report_failed, admission, on_shed)
        self._tcp = TcpConnections(on_framed, on_batch, report_failed, new_framer, tcp_limits)
        self._bound: list[Address] = []

    async def start(self, listeners: Iterable[Address]) -> None:
        """Listen on all of them or on none. Port 0 takes a free one: see `bound_addresses`.

        Raises TransportError, naming transport, address and reason.
        """
        sockets: list[tuple[str, socket.socket]] = []
        try:
            for transport, host, port in listeners:
                sockets.append((transport, await _bind(transport, host, port)))
        except TransportError:
            for _, sock in sockets:
                sock.close()
            raise
        for transport, sock in sockets:
            host, port = sock.getsockname()[:2]
            self._bound.append((transport, host, port))
            if transport == "udp":
                self._udp.add(sock)
            else:
                await self._tcp.add(sock)

    def bound_addresses(self) -> list[Address]:
        """Return where this server listens, in the order of `start`, with the real ports."""
        return list(self._bound)

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one message. Never raises and never waits; failures come through `on_failed`."""
        (self._udp if peer.transport == "udp" else self._tcp).send(peer, data)

    def disconnect(self, peer: Peer) -> None:
        """Close the stream connection to the peer, after what was sent before. UDP: nothing."""
        if peer.transport != "udp":
            self._tcp.disconnect(peer)

    def connections(self) -> int:
        """Return how many stream connections stand or are being opened."""
        return len(self._tcp)

    def datagrams_dropped(self) -> int:
        """Return how many datagrams the kernel had no room for when we sent them."""
        return self._udp.datagrams_dropped

    def connections_refused(self) -> int:
        """Return how many connections were not taken because the table was full."""
        return self._tcp.connections_refused

    async def close(self) -> None:
        """Stop listening and close every connection after what was sent before."""
        self._udp.close()
        await self._tcp.close()
        self._bound.clear()


async def _bind(transport: str, host: str, port: int) -> socket.socket:
    """Return a bound socket, or raise TransportError with the whole story in one line."""
    where = f"{transport} {f'[{host}]' if ':' in host else host}:{port}"
    kind = SOCKET_KINDS.get(transport)
    if kind is None:
        raise TransportError(f"cannot listen on {where}: the transport must be udp or tcp")
    if not 0 <= port < 65_536:  # the resolver would silently take it modulo 65,536
        raise TransportError(f"cannot listen on {where}: a port is a number from 0 to 65535")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    except (socket.gaierror, UnicodeError) as error:
        raise TransportError(
            f"cannot listen on {where}: {host} is not an address or known name"
        ) from error
    family, _, _, _, address = found[0]
    sock = socket.socket(family, kind)
    try:
        if transport == "tcp":  # a restarted server need not wait for TIME_WAIT to pass
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" must not take 0.0.0.0 away from another listener
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        if transport == "tcp":  # of two that bound the port, only this call finds the second out
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = REASONS.get(error.errno or 0, error.strerror)
        raise TransportError(f"cannot listen on {where}: {reason}") from error
    return sock
