"""RTP in and out of a worker's sockets.

All sockets that ever carried a stream stand in one epoll set of our own, of which the loop
watches the descriptor: one wake-up reads every waiting socket in a row, cheaper than a callback of
the loop per packet. They stay in it between calls, since the pool keeps them open, and what then
arrives is thrown away.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from time import monotonic

from acd.media.rtp import MAX_PACKET_BYTES
from acd.media.stream import MediaStream

MAX_READY = 256
"Sockets read per wake-up, some 3 ms of work, so that the playout clock is not held up."

Source = tuple[str, int]
Receive = Callable[[int], tuple[bytes, Source]]


class Traffic:
    """Reads for streams, lets them decide, and sends what they return."""

    def __init__(self, loop: asyncio.AbstractEventLoop, after_read: Callable[[], None]) -> None:
        """Call `after_read` after each wake-up, to pass on what streams had to report."""
        self.packets_in = 0
        self.packets_out = 0
        self.packets_unsent = 0
        self._after_read = after_read
        # Looked up for each packet: from descriptor to reader (with no stream while the port
        # rests), from stream to writer.
        self._readers: dict[int, tuple[Receive, MediaStream | None]] = {}
        self._writers: dict[MediaStream, Callable[[bytes, Source], int]] = {}
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._on_ready)

    def add(self, stream: MediaStream, port: socket.socket) -> None:
        descriptor = port.fileno()
        if descriptor not in self._readers:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._readers[descriptor] = (port.recvfrom, stream)
        self._writers[stream] = port.sendto

    def remove(self, stream: MediaStream, port: socket.socket) -> None:
        self._readers[port.fileno()] = (port.recvfrom, None)
        del self._writers[stream]

    def send(self, stream: MediaStream, packet: bytes) -> None:
        """Send to the stream's peer; what the kernel does not take now is lost, as on a net."""
        destination = stream.destination
        if destination is None:
            return
        try:
            self._writers[stream](packet, destination)
        except OSError:
            self.packets_unsent += 1
        else:
            self.packets_out += 1

    def _on_ready(self) -> None:
        now = monotonic()
        ready = self._epoll.poll(0, MAX_READY)
        for descriptor, _ in ready:
            receive, stream = self._readers[descriptor]
            try:
                packet, source = receive(MAX_PACKET_BYTES)
            except OSError:  # an ICMP error of an earlier packet, or a bad checksum
                continue
            if stream is None:
                continue
            self.packets_in += 1
            answer = stream.on_packet(packet, source, now)
            if answer is not None and stream.partner is not None:
                self.send(stream.partner, answer)
        self._after_read()
