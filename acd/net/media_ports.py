"""RTP ports of one worker: bound ahead, announced, and used again instead of closed.

Only even ports are bound: "RTP SHOULD use an even destination port number and the corresponding
RTCP stream SHOULD use the next higher (odd) destination port number" (RFC 3550 section 11). The
odd ones stay unbound, since a G.711 relay has no use for RTCP reports; leaving them free keeps
a peer's reports from landing in the audio of another call.
"""

import errno
import socket
from collections import deque
from contextlib import suppress

QUARANTINE_S = 2.0
"How long a port rests before its next call: the former peer's last packets are over by then."

MAX_DRAINED = 1000
"Packets thrown away at reuse: 2 s of rest at 50/s are 100; a flood is left to the latch."

RECEIVE_BUFFER_BYTES = 64 * 1024
"About 80 packets by the kernel's own measure of them: 1.6 s, more than is worth playing."


class PortPool:
    """Bound sockets by port: ready, in use, or at rest."""

    def __init__(self, host: str, port_min: int, port_max: int, spare: int) -> None:
        self._host = host
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        first = port_min + port_min % 2
        self._unbound = deque(range(first, port_max + 1, 2))
        self._spare = spare
        self._ready: dict[int, socket.socket] = {}
        self._used: dict[socket.socket, int] = {}
        self._resting: deque[tuple[float, int, socket.socket]] = deque()

    def top_up(self) -> tuple[tuple[int, ...], str]:
        """Bind until the spare is reached; return the new ports and why they are too few."""
        if len(self._ready) > self._spare // 2:
            return (), ""
        bound: list[int] = []
        fault = ""
        tries = len(self._unbound)
        while len(self._ready) < self._spare and tries:
            tries -= 1
            port = self._unbound.popleft()
            try:
                self._ready[port] = self._bind(port)
            except OSError as error:
                self._unbound.append(port)  # taken by another program today
                fault = f"{self._host}:{port}: {error.strerror}"
                if error.errno != errno.EADDRINUSE:
                    break  # no descriptor left, no such address: the next would fail alike
                continue
            bound.append(port)
        return tuple(bound), fault if len(self._ready) < self._spare else ""

    def take(self, port: int) -> socket.socket:
        """Hand out a port that was announced, without what arrived on it meanwhile."""
        taken = self._ready.pop(port)
        self._used[taken] = port
        with suppress(OSError):  # BlockingIOError: it is empty
            for _ in range(MAX_DRAINED):
                taken.recv(1)
        return taken

    def give_back(self, used: socket.socket, now: float) -> None:
        self._resting.append((now + QUARANTINE_S, self._used.pop(used), used))

    def next_deadline(self) -> float:
        """Return when the first port at rest is ready again."""
        return self._resting[0][0] if self._resting else float("inf")

    def on_time(self, now: float) -> tuple[int, ...]:
        """Return the ports whose rest is over."""
        ports: list[int] = []
        while self._resting and self._resting[0][0] <= now:
            _, port, rested = self._resting.popleft()
            self._ready[port] = rested
            ports.append(port)
        return tuple(ports)

    def _bind(self, port: int) -> socket.socket:
        bound = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            bound.bind((self._host, port))
        except OSError:
            bound.close()
            raise
        return bound
