"""The media engine with real workers, sockets and phones on loopback."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import numpy
import pytest

from acd.media.commands import (
    AcceptAnswer,
    Bridge,
    CloseStream,
    Command,
    Echo,
    OpenStream,
    Play,
    Reoffer,
    StopPlay,
    Unbridge,
)
from acd.media.events import (
    DigitPressed,
    Event,
    PlayFinished,
    StreamClosed,
    StreamOpened,
    StreamRefused,
    StreamReoffered,
    StreamsLost,
)
from acd.media.rtp import RtpPacket
from acd.media.rtp import parse as parse_rtp
from acd.media.wav import write_wav
from acd.net.media_engine import (
    EngineStatistics,
    MediaEngineError,
    MediaSettings,
    WorkerMediaEngine,
)
from acd.net.media_phone import PhoneMedia, tone
from acd.sdp.codec import Codec
from acd.sdp.description import parse as parse_sdp

HOST = "127.0.0.1"
LIMIT_S = 10.0
Kind = TypeVar("Kind", bound=Event)


class Desk:
    """Gives commands to an engine and waits for what it reports."""

    def __init__(self, settings: MediaSettings) -> None:
        self.events: list[Event] = []
        self.engine = WorkerMediaEngine(settings, self._on_event)
        self._changed = asyncio.Event()

    def _on_event(self, events: Sequence[Event]) -> None:
        self.events += events
        self._changed.set()

    def do(self, command: Command) -> None:
        self.engine.execute(command)

    def now(self, kind: type[Kind]) -> Kind:
        """Return the last event, which must be there already and of this kind."""
        assert isinstance(self.events[-1], kind), self.events[-1]
        return self.events[-1]

    async def until(self, kind: type[Kind], wanted: Callable[[Kind], bool] = bool) -> Kind:
        """Wait for an event of the kind; take it and those before it away."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                for at, event in enumerate(self.events):
                    if isinstance(event, kind) and (wanted is bool or wanted(event)):
                        del self.events[: at + 1]
                        return event
                self._changed.clear()
                await self._changed.wait()

    async def statistics(self, wanted: Callable[[EngineStatistics], bool]) -> EngineStatistics:
        """Wait until the figures, which workers tell by themselves, are as wanted."""
        async with asyncio.timeout(LIMIT_S):
            while not wanted(figures := self.engine.statistics()):
                await asyncio.sleep(0.02)
            return figures

    def call_in(self, leg: str, phone: PhoneMedia, near: str = "") -> None:
        """Open a stream for a phone that calls."""
        self.do(OpenStream(leg, phone.offer(), near))
        phone.accept(self.now(StreamOpened).sdp)

    def call_out(self, leg: str, phone: PhoneMedia, near: str = "") -> None:
        """Open a stream for a phone that is called."""
        self.do(OpenStream(leg, b"", near))
        self.do(AcceptAnswer(leg, phone.answer(self.now(StreamOpened).sdp)))


@asynccontextmanager
async def desk_of(prompts_dir: Path, **settings: int | str) -> AsyncIterator[Desk]:
    desk = Desk(MediaSettings(bind_host=HOST, prompts_dir=prompts_dir, **settings))
    await desk.engine.start()
    try:
        yield desk
    finally:
        await desk.engine.stop()


@asynccontextmanager
async def phones_of(*codecs: Codec) -> AsyncIterator[list[PhoneMedia]]:
    phones = [await PhoneMedia.open(HOST, codecs=(codec,)) for codec in codecs]
    try:
        yield phones
    finally:
        for phone in phones:
            await phone.close()


def loudest_hz(samples: bytes) -> float:
    """Return the frequency that is strongest in 16-bit samples at 8 kHz."""
    values = numpy.frombuffer(samples, dtype=numpy.int16).astype(float)
    assert values.std() > 100, "nothing but silence was heard"
    spectrum = numpy.abs(numpy.fft.rfft(values * numpy.hanning(len(values))))
    return float(numpy.argmax(spectrum)) * 8000 / len(values)


async def hear(phone: PhoneMedia, seconds: float = 0.5) -> bytes:
    """Return the next audio that the phone hears."""
    phone.forget_recorded()
    async with asyncio.timeout(LIMIT_S):
        while len(samples := phone.recorded_samples()) < seconds * 16_000:
            await asyncio.sleep(0.02)
    return samples


@pytest.mark.asyncio
@pytest.mark.parametrize("codecs", [(Codec.PCMA, Codec.PCMA), (Codec.PCMA, Codec.PCMU)])
async def test_each_side_of_a_bridge_hears_the_other(
    tmp_path: Path, codecs: tuple[Codec, Codec]
) -> None:
    async with desk_of(tmp_path) as desk, phones_of(*codecs) as (caller, agent):
        desk.call_in("caller", caller)
        desk.call_out("agent", agent, near="caller")
        desk.do(Bridge("caller", "agent"))
        caller.play_tone(440)
        agent.play_tone(880)
        await hear(caller, 0.1)
        assert loudest_hz(await hear(caller)) == pytest.approx(880, abs=5)
        assert loudest_hz(await hear(agent)) == pytest.approx(440, abs=5)
        desk.do(Unbridge("agent"))
        desk.do(CloseStream("caller"))
        closed = await desk.until(StreamClosed)
        assert closed.leg == "caller"
        assert closed.packets_received > 25
        assert closed.packets_lost == 0


@pytest.mark.asyncio
async def test_echo(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk, phones_of(Codec.PCMU) as (caller,):
        desk.call_in("caller", caller)
        desk.do(Echo("caller"))
        caller.play_tone(600)
        await hear(caller, 0.1)
        assert loudest_hz(await hear(caller)) == pytest.approx(600, abs=5)
