"""The line between the server's process and a media worker: messages and their framing.

Both ends speak over a socket pair. A frame is a length of four bytes and a msgpack list of
messages; what is sent within one turn of the loop travels in one frame.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar, cast

import msgspec
from msgspec import Struct

from acd.media.commands import Begin, Bridge, CloseStream, Echo, Play, StopPlay, Unbridge
from acd.media.events import DigitPressed, PlayFinished, StreamClosed
from acd.media.sounds import SoundFailed
from acd.sdp.offer_answer import Negotiated

LENGTH_BYTES = 4

MAX_BACKLOG_BYTES = 4 * 1024 * 1024
"""Some 40,000 commands that the other end has not read: it hangs, and the line is cut, which
ends a worker and lets the server replace it."""


class Configure(Struct, frozen=True, tag=True):
    """The first message to a worker."""

    bind_host: str
    port_min: int
    port_max: int
    prompts_dir: str
    spare_ports: int
    "How many bound ports it shall keep announced."


class Open(Struct, frozen=True, tag=True, gc=False):
    """Begin a stream on a port that was announced."""

    leg: str
    port: int
    agreed: Negotiated | None
    "None: the peer's answer is still to come."

    waits: bool = False
    "It sends nothing before `Begin`."


class Negotiate(Struct, frozen=True, tag=True, gc=False):
    """What an answer or a new offer came to."""

    leg: str
    agreed: Negotiated


class PortsReady(Struct, frozen=True, tag=True):
    """These ports are bound and free; `fault` says why there are fewer than wanted."""

    ports: tuple[int, ...]
    fault: str = ""


class WorkerFigures(Struct, frozen=True, tag=True):
    """Counts of a worker since its start, told once a second while it has streams."""

    streams: int = 0
    packets_in: int = 0
    packets_out: int = 0
    packets_late: int = 0
    packets_foreign: int = 0
    packets_unsent: int = 0
    "The kernel did not take them: no route, no buffer."
    playout_lateness_max_s: float = 0.0
    "The worst wake-up of the 20 ms clock since the report before."


ToWorker = (
    Configure | Open | Begin | Negotiate | Play | StopPlay | Bridge | Unbridge | Echo | CloseStream
)
ToServer = PortsReady | WorkerFigures | SoundFailed | PlayFinished | DigitPressed | StreamClosed

GATHER_S = 0.02
"""How long messages wait for others: one packet's time. A write wakes the process at the other
end, which costs more than all else about a message, and a call takes seven commands."""

Sent = TypeVar("Sent")
Received = TypeVar("Received")


class Link(asyncio.Protocol, Generic[Sent, Received]):
    """One end of the line. `on_messages` gets each frame's list, `on_lost` is called once."""

    def __init__(
        self,
        received: msgspec.msgpack.Decoder[list[Received]],
        on_messages: Callable[[list[Received]], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._decoder = received
        self._encoder = msgspec.msgpack.Encoder()
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pending: list[Sent] = []
        self._timer: asyncio.TimerHandle | None = None
        self._buffer = bytearray()

    def send(self, message: Sent) -> None:
        """Send together with what else comes within `GATHER_S`; lost when the line is."""
        self._pending.append(message)
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER_S, self.flush)

    def close(self) -> None:
        """Send what is pending and hang up."""
        self.flush()
        if self._transport is not None:
            self._transport.close()

    def flush(self) -> None:
        """Send what is pending now, in one write."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pending, self._pending = self._pending, []
        transport = self._transport
        if not pending or transport is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            transport.abort()
            return
        body = self._encoder.encode(pending)
        transport.write(len(body).to_bytes(LENGTH_BYTES) + body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= LENGTH_BYTES:
            end = at + LENGTH_BYTES + int.from_bytes(buffer[at : at + LENGTH_BYTES])
            if len(buffer) < end:
                break
            self._on_messages(self._decoder.decode(buffer[at + LENGTH_BYTES : end]))
            at = end
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost()
