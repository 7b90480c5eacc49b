"""SIP over UDP: one socket per listening address.

Both ways go past the loop's datagram transports, straight to the socket. Receiving: the messages
at hand are taken together, and whoever takes them learns when they are through. Sending: the error
of a datagram is known together with its peer, and nothing is queued in user space, where a
datagram that waits is worth less than the retransmission that follows it.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from math import inf
from struct import unpack_from
from time import monotonic

from acd.sip.admission import Admission, Level, Verdict
from acd.sip.peer import Peer

from .gathering import Pace

RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"Room for some 5,000 messages: a second of 600 calls/s while the loop is held up."

ROUTES_MAX = 65_536
"Peers remembered: 2,000 seats, their trunks and callers many times over; about 15 MB when full."

BATCH_MAX = 64
"Datagrams served in one go, so that timers and other sockets wait for some 10 ms at most."

READ_MAX = 1024
"""Datagrams read in one go, with those that are turned away: 5 ms of a flood, and what others sent
behind it is served the sooner."""

MEASURE_AFTER = 8
"Reads in a row, after which there is a queue worth measuring; most wake-ups find one or two."

BUSY_S = 0.002
"""Reads that follow each other faster look for more datagrams; slower ones take the one that is
there and spare the system call that would find nothing, a tenth of all of a call's."""

LEAVE_S = 0.001
"""Longer than this no answer waits for the other messages at hand, while there is no great rush.
Agents who hang up in the same moment would else be offered their next callers together, after the
last of them was served; and so they would hang up together again, and wait again."""

DATAGRAM_BYTES_MAX = 65_535

KEEP_ALIVE_BYTES_MAX = 4
'Phones keep NAT bindings open by "CRLFCRLF" or four zero bytes; no SIP message is as short.'

SO_RCVBUFFORCE = 33
"Linux's number; the socket module does not name it. Needs CAP_NET_ADMIN."

SO_MEMINFO = 55
"Linux's number (socket.h), since 4.12."

MEMINFO_BYTES = 36
"Nine numbers of 32 bits; the first is what waits (SK_MEMINFO_RMEM_ALLOC), the second its limit."

_ADMIT, _SHED = Verdict.ADMIT, Verdict.SHED
_CALM = Level.CALM

Address = tuple[str, int]
Route = tuple[socket.socket, Address]
Routes = dict[Peer, Route]


class UdpListener:
    """One bound socket; passes each datagram on with the peer that it came from."""

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[bytes, Peer], None],
        on_batch: Callable[[], None],
        routes: Routes,
        admission: Admission,
        on_shed: Callable[[bytes, Peer], None],
        gather_s: float,
    ) -> None:
        self.sock = sock
        self._on_message = on_message
        self._on_batch = on_batch
        self._admission = admission
        self._on_shed = on_shed
        self._routes = routes
        self._peers: dict[tuple[str | int, ...], Peer] = {}
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._read_at = 0.0
        self._pace = Pace(gather_s)
        self._next_read: asyncio.Handle | None = None
        self._served = 0
        self._leave_at = inf
        self._loop.add_reader(sock, self.read)

    def read(self) -> None:
        """Deliver the messages at hand, and see to it that the next ones are read."""
        now = self._time()
        self._served = 0
        try:
            self._read(now)
        finally:
            if self._pace.took(self._served, now) or self._next_read is not None:
                self._go_on()

    def _go_on(self) -> None:
        """Read again after a while, or as soon as something comes."""
        pace = self._pace
        if not pace.gathering:
            self._next_read = None
            self._loop.add_reader(self.sock, self.read)
            return
        if self._next_read is None:
            self._loop.remove_reader(self.sock)
        if self._served >= BATCH_MAX:  # there is more
            self._next_read = self._loop.call_soon(self.read)
        else:
            self._next_read = self._loop.call_later(pace.interval_s, self.read)

    def close(self) -> None:
        """Read no more."""
        if self._next_read is not None:
            self._next_read.cancel()
        self._loop.remove_reader(self.sock)
        self.sock.close()

    def _read(self, now: float) -> None:
        receive, judge = self.sock.recvfrom, self._admission.judge
        behind = self._admission.level is not _CALM
        rush = behind or self._pace.gathering
        begun = monotonic()  # uvloop's clock counts whole milliseconds
        busy = rush or begun - self._read_at < BUSY_S
        self._read_at = begun
        if behind:
            self._measure(now)
        self._leave_at = begun + LEAVE_S if busy and not rush else inf
        for count in range(READ_MAX if busy else 1):
            if count == MEASURE_AFTER:
                self._measure(now)
            try:
                data, addr = receive(DATAGRAM_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error of an earlier datagram; the next one may be sound
            if len(data) <= KEEP_ALIVE_BYTES_MAX:
                continue
            verdict = judge(data, addr[0], now)
            if verdict is _ADMIT:
                # A look-up costs a sixth of making the peer anew.
                self._served += 1
                self._on_message(data, self._peers.get(addr) or self._first_from(addr))
                if self._served >= BATCH_MAX:
                    break
                self._let_leave()
            elif verdict is _SHED:
                self._on_shed(data, self._peers.get(addr) or self._first_from(addr))
        self._on_batch()

    def _let_leave(self) -> None:
        """Let what is ready leave before further messages are served, if it has waited."""
        if monotonic() >= self._leave_at:
            self._on_batch()
            self._leave_at = monotonic() + LEAVE_S

    def _measure(self, now: float) -> None:
        """Tell how many bytes wait in the socket's queue, the kernel's own ones included."""
        waiting, limit = unpack_from(
            "=II", self.sock.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, MEMINFO_BYTES)
        )
        self._admission.measured(self.sock.fileno(), waiting, limit, now)

    def _first_from(self, addr: tuple[str | int, ...]) -> Peer:
        host, port = str(addr[0]), int(addr[1])
        if len(self._peers) >= ROUTES_MAX:
            self._peers.clear()
            self._routes.clear()
        peer = self._peers[addr] = Peer("udp", host, port)
        # Answers leave by the socket that the request came in by: behind NAT and on hosts with
        # several addresses no other one would reach the phone.
        self._routes[peer] = (self.sock, (host, port))
        return peer


class UdpSockets:
    """All UDP sockets of this server."""

    def __init__(
        self,
        on_message: Callable[[bytes, Peer], None],
        on_batch: Callable[[], None],
        on_failed: Callable[[Peer], None],
        admission: Admission,
        on_shed: Callable[[bytes, Peer], None],
        gather_s: float = 0.0,
    ) -> None:
        """`gather_s`: see `Pace`."""
        self._on_message = on_message
        self._on_batch = on_batch
        self._on_failed = on_failed
        self._admission = admission
        self._on_shed = on_shed
        self._gather_s = gather_s
        self._loop = asyncio.get_running_loop()
        self._listeners: list[UdpListener] = []
        self._routes: Routes = {}
        self.datagrams_dropped = 0
        "Not sent because the kernel's send buffer was full."

    def add(self, sock: socket.socket) -> None:
        """Serve a bound socket."""
        sock.setblocking(False)
        _widen_buffers(sock)
        listener = UdpListener(
            sock,
            self._on_message,
            self._on_batch,
            self._routes,
            self._admission,
            self._on_shed,
            self._gather_s,
        )
        self._listeners.append(listener)

    def send(self, peer: Peer, data: bytes) -> None:
        """Send one datagram, or report the peer as failed. Never raises, never waits.

        A full send buffer only drops the datagram: SIP sends it again (RFC 3261 17.1.1.2). ICMP
        errors do not come back on unconnected sockets; the transactions' time-outs stand for them.
        """
        route = self._routes.get(peer) or self._find_route(peer)
        if route is None:
            self._on_failed(peer)
            return
        try:
            route[0].sendto(data, route[1])
        except BlockingIOError:
            self.datagrams_dropped += 1
        except OSError:
            self._on_failed(peer)

    def close(self) -> None:
        """Close every socket."""
        listeners, self._listeners = self._listeners, []
        self._routes.clear()
        for listener in listeners:
            listener.close()

    def _find_route(self, peer: Peer) -> Route | None:
        """Choose a socket for a peer that has sent nothing yet; None: no socket can reach it."""
        try:
            address = ipaddress.ip_address(peer.host)
        except ValueError:  # a name here would make sendto() block on DNS
            return None
        if not 0 < peer.port < 65_536:
            return None
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sockets = [listener.sock for listener in self._listeners if listener.sock.family == family]
        if not sockets:
            return None
        sock = max(sockets, key=lambda sock: _suits(sock, loopback=address.is_loopback))
        if len(self._routes) >= ROUTES_MAX:
            self._routes.clear()
        route = self._routes[peer] = (sock, (peer.host, peer.port))
        return route


def _suits(sock: socket.socket, *, loopback: bool) -> bool:
    """Whether the socket's own address can be the source of datagrams to such a peer."""
    own = ipaddress.ip_address(sock.getsockname()[0])
    return own.is_unspecified or own.is_loopback == loopback


def _widen_buffers(sock: socket.socket) -> None:
    """Ask for the buffer we want; take what an unprivileged process may have (rmem_max)."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, RECEIVE_BUFFER_BYTES)
