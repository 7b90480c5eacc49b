"""All SIP transports of this server behind one door: listen, send, disconnect."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable

from msgspec import Struct

from acd.sip.admission import Admission, Verdict
from acd.sip.framing import StreamFramer
from acd.sip.peer import SECURE, Peer

from .acceptor import Acceptor
from .limits import Places, StreamLimits
from .stream import Framer, StreamConnections
from .tls import Certificates, TlsDestination, TlsError, TlsFiles
from .udp import UdpSockets
from .websocket import WebSockets

Address = tuple[str, str, int]
"Transport (udp, tcp, tls, ws or wss), host, port."

SOCKET_KINDS = {
    "udp": socket.SOCK_DGRAM,
    "tcp": socket.SOCK_STREAM,
    "tls": socket.SOCK_STREAM,
    "ws": socket.SOCK_STREAM,
    "wss": socket.SOCK_STREAM,
}

BACKLOG = 1_024
"Connections the kernel may hold: half of 2,000 phones coming back in the same instant."

REASONS = {
    errno.EADDRINUSE: "the port is taken by another program",
    errno.EACCES: "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class TransportError(Exception):
    """A listening address cannot be used. The text is one line for the operator."""


class TransportStatistics(Struct, frozen=True, kw_only=True):
    """What the transports have counted since the start, and how many connections stand."""

    connections: dict[str, int]
    "By transport, those being opened and in a handshake too."

    refused: dict[tuple[str, ...], int]
    "Connections not taken or not opened, by transport and cause: full, host_full, banned."

    cut: dict[tuple[str, ...], int]
    "Connections ended by us, by transport and cause (`acd.net.limits.CutCause`)."

    handshakes_failed: dict[tuple[str, ...], int]
    "By transport and direction (in, out)."

    datagrams_dropped: int
    "Those that the kernel had no room for when we sent them."


class SipTransports:
    """Carries SIP messages to and from peers. Lives in the thread of the running loop.

    `on_message(data, peer)` is called with every message that arrives: a whole datagram or
    WebSocket frame, or one message cut out of a stream; `on_batch()` follows the last one at hand.
    `on_failed(peer)` says that messages sent to this peer may not have arrived, or that its
    WebSocket is gone; it is called later from the loop, never from within `send`.
    `on_handshake_failed(peer, reason)` tells what a person may want to look into.

    `admission` judges each message before: what it drops is gone, what it sheds goes to
    `on_shed(data, peer)` in place of `on_message`.
    """

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_failed: Callable[[Peer], None],
        *,
        on_batch: Callable[[], None] = lambda: None,
        on_handshake_failed: Callable[[Peer, str], None] = lambda _peer, _reason: None,
        limits: StreamLimits = StreamLimits(),  # noqa: B008  frozen
        tls: TlsFiles = TlsFiles(),  # noqa: B008  frozen
        origins: tuple[str, ...] = (),
        new_framer: Callable[[], Framer] = StreamFramer,
        admission: Admission | None = None,
        on_shed: Callable[[bytes, Peer], None] | None = None,
        gather_s: float = 0.0,
    ) -> None:
        """Prepare to listen; raise TransportError for files of `tls` that cannot be used.

        `origins`: web pages whose scripts may connect, as "https://host"; none are all.
        `gather_s`: how long datagrams may wait for others while many come (`acd.net.gathering`).
        """
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
            elif admission.is_banned(peer.host):
                self.disconnect(peer)

        try:
            self._certificates = Certificates(tls)
        except TlsError as error:
            raise TransportError(str(error)) from error
        self._places = Places(limits, admission.is_banned)
        self._udp = UdpSockets(on_message, on_batch, report_failed, admission, on_shed, gather_s)
        self._streams = StreamConnections(
            on_framed,
            on_batch,
            report_failed,
            new_framer,
            limits,
            self._places,
            self._certificates,
            on_handshake_failed,
        )
        self._websockets = WebSockets(
            on_framed, on_batch, report_failed, limits, self._places, origins
        )
        self._carriers: dict[str, StreamConnections | WebSockets] = {
            "tcp": self._streams,
            "tls": self._streams,
            "ws": self._websockets,
            "wss": self._websockets,
        }
        self._acceptor = Acceptor(limits, self._places, self._certificates, on_handshake_failed)
        self._bound: list[Address] = []

    async def start(self, listeners: Iterable[Address]) -> None:
        """Listen on all of them or on none. Port 0 takes a free one: see `bound_addresses`.

        Raises TransportError, naming transport, address and reason.
        """
        sockets: list[tuple[str, socket.socket]] = []
        try:
            for transport, host, port in listeners:
                sockets.append((transport, await _bind(transport, host, port)))
                if transport in SECURE:
                    self._need_certificate(transport)
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
                self._acceptor.add(sock, transport, self._carriers[transport].accepted)

    def _need_certificate(self, transport: str) -> None:
        try:
            self._certificates.for_server(transport)
        except TlsError as error:
            raise TransportError(f"cannot listen on {transport}: {error}") from error

    def bound_addresses(self) -> list[Address]:
        """Return where this server listens, in the order of `start`, with the real ports."""
        return list(self._bound)

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one message. Never raises and never waits; failures come through `on_failed`.

        TCP and TLS: over the connection that stands, else a new one. WebSocket: only the former.
        """
        if peer.transport == "udp":
            self._udp.send(peer, data)
        else:
            self._carriers[peer.transport].send(peer, data)

    def disconnect(self, peer: Peer) -> None:
        """Close the stream connection to the peer, after what was sent before. UDP: nothing."""
        if peer.transport != "udp":
            self._carriers[peer.transport].disconnect(peer)

    # --- TLS ---

    def certificate_names(self, peer: Peer) -> tuple[str, ...]:
        """Return the names in the certificate by which this peer has proved itself (RFC 5922).

        Empty for every other transport than TLS, for who showed none, and once it is gone.
        """
        return self._streams.certificate_names(peer) if peer.transport == "tls" else ()

    def set_tls_destination(self, peer: Peer, destination: TlsDestination) -> None:
        """Lay down how this peer has to prove itself when we open a connection to it."""
        self._certificates.set_destination(peer, destination)

    def reload_certificates(self) -> None:
        """Take the certificate files as they are now, for handshakes from now on.

        Raises TransportError when they cannot be used; the former ones then stay in service.
        """
        try:
            self._certificates.reload()
        except TlsError as error:
            raise TransportError(str(error)) from error

    # --- figures ---

    def connections(self) -> int:
        """Return how many connections stand or are being opened, in handshakes too."""
        return len(self._places)

    def statistics(self) -> TransportStatistics:
        """Return what was counted."""
        places = self._places
        return TransportStatistics(
            connections=dict(places.open),
            refused=dict(places.refused),
            cut=dict(places.cut),
            handshakes_failed=dict(places.handshakes_failed),
            datagrams_dropped=self._udp.datagrams_dropped,
        )

    async def close(self) -> None:
        """Stop listening and close every connection after what was sent before."""
        self._udp.close()
        await self._acceptor.close()
        await self._streams.close()
        await self._websockets.close()
        self._bound.clear()


async def _bind(transport: str, host: str, port: int) -> socket.socket:
    """Return a bound socket, or raise TransportError with the whole story in one line."""
    where = f"{transport} {f'[{host}]' if ':' in host else host}:{port}"
    kind = SOCKET_KINDS.get(transport)
    if kind is None:
        raise TransportError(
            f"cannot listen on {where}: the transport must be {', '.join(SOCKET_KINDS)}"
        )
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
        if kind == socket.SOCK_STREAM:  # a restarted server need not wait for TIME_WAIT to pass
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # "::" must not take 0.0.0.0 away from another listener
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        if (
            kind == socket.SOCK_STREAM
        ):  # of two that bound the port, only this call finds the second out
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        reason = REASONS.get(error.errno or 0, error.strerror)
        raise TransportError(f"cannot listen on {where}: {reason}") from error
    return sock
