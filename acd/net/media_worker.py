"""The media worker's process: carries the server's commands out on streams and sockets.

Started by the engine as `python -m acd.net.media_worker FD`, where FD is its end of a socket
pair; it ends when that line does, so also when the server was killed.
"""

import asyncio
import gc
import math
import resource
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import msgspec
import uvloop

from acd.media.commands import Begin, Bridge, CloseStream, Echo, Play, StopPlay, Unbridge
from acd.media.emission import Emission
from acd.media.errors import SoundError
from acd.media.playout import PlayoutClock
from acd.media.sounds import SoundLibrary
from acd.media.stream import MediaStream, Outbox

from .entropy import Entropy
from .media_link import (
    Configure,
    Link,
    Negotiate,
    Open,
    PortsReady,
    ToServer,
    ToWorker,
    WorkerFigures,
)
from .media_ports import PortPool
from .media_traffic import Traffic

KEY_CHECK_S = 0.05
"How often keys held down are looked at for a lost release, while there are any."

RELEASE_S = 0.25
"""Ports whose rest is over are announced together, so much later at most: a wake-up of both
processes for each would cost more than all else about it."""

FIGURES_S = 1.0
"How often counts are told, while there are streams."

MAX_SOUND_BYTES = 64 * 1024 * 1024
"The longest sound that is taken (acd.media.wav), at 16 kHz with its header."

_BEGINNING = struct.Struct("=IIH")
"Random numbers that an emission begins at: SSRC, timestamp and sequence number."


class Worker:
    """All streams of one process. Times are `time.monotonic`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        settings: Configure,
        send: Callable[[ToServer], None],
    ) -> None:
        self._loop = loop
        self._send = send
        self._pool = PortPool(
            settings.bind_host, settings.port_min, settings.port_max, settings.spare_ports
        )
        self._sounds = SoundLibrary(PromptsFolder(Path(settings.prompts_dir)))
        self._outbox = Outbox()
        self._entropy = Entropy()
        self._traffic = Traffic(loop, self._report)
        self._streams: dict[str, tuple[MediaStream, socket.socket]] = {}
        self._clock = PlayoutClock()
        self._playing: set[MediaStream] = set()
        self._timers: set[Callable[[], None]] = set()
        self._late_closed = 0
        self._foreign_closed = 0
        self._handlers: dict[type, Callable[..., None]] = {
            Open: self._open,
            Begin: self._begin,
            Negotiate: self._negotiate,
            Play: self._play,
            StopPlay: self._stop_play,
            Bridge: self._bridge,
            Unbridge: self._unbridge,
            Echo: self._echo,
            CloseStream: self._close,
        }
        self._announce(at_start=True)

    def execute(self, commands: list[ToWorker]) -> None:
        for command in commands:
            self._handlers[type(command)](command)
        self._report()

    def _open(self, command: Open) -> None:
        port = self._pool.take(command.port)
        ssrc, timestamp, sequence = _BEGINNING.unpack(self._entropy.token_bytes(_BEGINNING.size))
        emission = Emission(ssrc, sequence, timestamp)
        stream = MediaStream(command.leg, emission, self._outbox, waits=command.waits)
        if command.agreed is not None:
            stream.negotiate(command.agreed, monotonic())
        self._streams[command.leg] = (stream, port)
        self._traffic.add(stream, port)
        self._announce()
        self._after(FIGURES_S, self._tell_figures)

    def _begin(self, command: Begin) -> None:
        if (stream := self._stream(command.leg)) is not None:
            stream.begin()

    def _negotiate(self, command: Negotiate) -> None:
        if (stream := self._stream(command.leg)) is not None:
            stream.negotiate(command.agreed, monotonic())

    def _play(self, command: Play) -> None:
        if (stream := self._stream(command.leg)) is None:
            return
        frames = tuple(self._sounds.frames(name, stream.codec) for name in command.sounds)
        stream.play(command.play, frames, loop=command.loop)
        self._playing.add(stream)
        if self._clock.next_deadline() == math.inf:
            self._clock.start(monotonic())
            self._loop.call_soon(self._tick)

    def _stop_play(self, command: StopPlay) -> None:
        if (stream := self._stream(command.leg)) is not None:
            stream.stop_play()

    def _bridge(self, command: Bridge) -> None:
        one, other = self._stream(command.leg), self._stream(command.other)
        if one is not None and other is not None:
            one.bridge(other)

    def _unbridge(self, command: Unbridge) -> None:
        if (stream := self._stream(command.leg)) is not None:
            stream.unbridge()

    def _echo(self, command: Echo) -> None:
        if (stream := self._stream(command.leg)) is not None:
            stream.echo()

    def _close(self, command: CloseStream) -> None:
        if command.leg not in self._streams:
            return
        stream, port = self._streams.pop(command.leg)
        self._traffic.remove(stream, port)
        self._playing.discard(stream)
        now = monotonic()
        self._pool.give_back(port, now)
        self._after(self._pool.next_deadline() - now + RELEASE_S, self._release_ports)
        closed = stream.close()
        self._late_closed += closed.packets_late
        self._foreign_closed += closed.packets_foreign
        self._outbox.events.append(closed)

    def _stream(self, leg: str) -> MediaStream | None:
        """Return the leg's stream, None if the server has not heard yet that it is closed."""
        found = self._streams.get(leg)
        return None if found is None else found[0]

    def _tick(self) -> None:
        """Send what is due of all that plays; run again as long as something does."""
        now = monotonic()
        for _ in range(self._clock.on_time(now)):
            for stream in tuple(self._playing):
                if not stream.playing:
                    self._playing.discard(stream)
                    continue
                packet = stream.on_tick(now)
                if packet is not None:
                    self._traffic.send(stream, packet)
        self._report()
        if self._playing:
            # The loop's timers count whole milliseconds and may fire early by a part of one.
            wait_s = max(0.0, self._clock.next_deadline() - monotonic())
            self._loop.call_later(math.ceil(wait_s * 1000) / 1000, self._tick)
        else:
            self._clock.stop()

    def _report(self) -> None:
        """Pass on what the streams and the sound library have to tell."""
        if self._outbox.pressing:
            self._after(KEY_CHECK_S, self._check_keys)
        if self._outbox.events:
            for event in self._outbox.events:
                self._send(event)  # type: ignore[arg-type]  # streams make three of the events
            self._outbox.events.clear()
        for failure in self._sounds.failures:
            self._send(failure)
        self._sounds.failures.clear()

    def _check_keys(self) -> None:
        now = monotonic()
        for stream in tuple(self._outbox.pressing):
            stream.on_time(now)
            if stream.next_deadline() == math.inf:
                self._outbox.pressing.discard(stream)
        self._report()

    def _release_ports(self) -> None:
        now = monotonic()
        if ports := self._pool.on_time(now):
            self._send(PortsReady(ports))
        next_at = self._pool.next_deadline()
        if next_at < math.inf:
            self._after(next_at - now + RELEASE_S, self._release_ports)

    def _announce(self, *, at_start: bool = False) -> None:
        ports, fault = self._pool.top_up()
        if ports or fault or at_start:
            self._send(PortsReady(ports, fault))

    def _tell_figures(self) -> None:
        traffic = self._traffic
        open_streams = [stream for stream, _ in self._streams.values()]
        figures = WorkerFigures(
            streams=len(open_streams),
            packets_in=traffic.packets_in,
            packets_out=traffic.packets_out,
            packets_late=self._late_closed + sum(s.packets_late for s in open_streams),
            packets_foreign=self._foreign_closed + sum(s.foreign for s in open_streams),
            packets_unsent=traffic.packets_unsent,
            playout_lateness_max_s=self._clock.lateness_max_s,
        )
        self._clock.lateness_max_s = 0.0
        self._send(figures)
        if open_streams:
            self._after(FIGURES_S, self._tell_figures)

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Call `act` once after the delay, unless it is already waiting to be called."""
        if act in self._timers:
            return
        self._timers.add(act)

        def fire() -> None:
            self._timers.discard(act)
            act()

        self._loop.call_later(max(0.001, delay_s), fire)


class PromptsFolder:
    """Sounds as `<folder>/<name>.wav`; names do not lead out of the folder."""

    def __init__(self, folder: Path) -> None:
        self._root = folder.resolve()

    def version(self, name: str) -> object:
        try:
            found = (self._root / f"{name}.wav").stat()
        except (OSError, ValueError):  # ValueError: a zero byte in the name
            return None
        return found.st_mtime_ns, found.st_size

    def load(self, name: str) -> bytes:
        path = self._root / f"{name}.wav"
        try:
            if not path.resolve().is_relative_to(self._root):
                raise SoundError(f"{name!r} is outside the prompts folder {self._root}")
            if path.stat().st_size > MAX_SOUND_BYTES:
                raise SoundError(f"{path} is larger than {MAX_SOUND_BYTES} bytes")
            return path.read_bytes()
        except (OSError, ValueError) as error:
            raise SoundError(f"{path}: {error}") from error


async def serve(line: socket.socket) -> None:
    """Wait for `Configure`, then work until the line ends."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    worker: Worker | None = None

    def on_messages(messages: list[ToWorker]) -> None:
        nonlocal worker
        if worker is None:
            first, *messages = messages
            if not isinstance(first, Configure):
                raise TypeError(f"the first message is {type(first).__name__}, not Configure")
            worker = Worker(loop, first, link.send)
            gc.freeze()  # what is loaded now lives as long as the process
        worker.execute(messages)
        link.flush()  # the frame was gathered long enough; a timer would wake us once more

    link: Link[ToServer, ToWorker] = Link(
        msgspec.msgpack.Decoder(list[ToWorker]), on_messages, over.set
    )
    await loop.create_unix_connection(lambda: link, sock=line)
    await over.wait()


def main() -> None:
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))  # a socket per stream
    # Packets make no garbage cycles: look for them rarely, each look is a gap in the audio.
    gc.set_threshold(100_000, 50, 100)
    line = socket.socket(fileno=int(sys.argv[1]))
    line.setblocking(False)
    uvloop.run(serve(line))


if __name__ == "__main__":
    main()
