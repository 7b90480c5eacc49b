"""The media engine with real workers, sockets and phones on loopback."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy
import pytest

from acd.media.commands import (
    AcceptAnswer,
    Begin,
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
    StreamAccepted,
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
LIMIT_S = 30.0
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
            while not wanted(figures := self.engine.statistics()):  # noqa: ASYNC110
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
        assert self.now(StreamAccepted).leg == leg


@asynccontextmanager
async def desk_of(prompts_dir: Path, **settings: int | str) -> AsyncIterator[Desk]:
    desk = Desk(MediaSettings(**{"bind_host": HOST, **settings}, prompts_dir=prompts_dir))
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
        await phone.until(lambda p: len(p.recorded_samples()) >= seconds * 16_000)
    return phone.recorded_samples()


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
        at_caller, at_agent = await asyncio.gather(hear(caller), hear(agent))
        assert loudest_hz(at_caller) == pytest.approx(880, abs=5)
        assert loudest_hz(at_agent) == pytest.approx(440, abs=5)
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


class Line:
    """A bare RTP socket, for what a well-behaved phone would not do."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def offer(self, *extra: str) -> bytes:
        lines = [
            "v=0", f"o=- 1 1 IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}", "t=0 0",
            f"m=audio {self.port} RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000", *extra, "",
        ]  # fmt: skip
        return "\r\n".join(lines).encode()

    def send(self, port: int, sequence: int, payload: bytes = b"\xd5" * 160) -> None:
        packet = RtpPacket(8, sequence, sequence * 160, 77, payload)
        self.socket.sendto(bytes(packet), (HOST, port))

    async def send_until_heard(
        self, port: int, sequence: int, by: "Line"
    ) -> tuple[RtpPacket, int]:
        """Send packets until the worker has got so far as to pass one on; return it.

        None has the number of another, since a slow worker passes on all that it found waiting:
        the first has `sequence`, and the next free number is returned, too.
        """
        heard = asyncio.ensure_future(by.receive(1))
        while not heard.done():
            self.send(port, sequence)
            sequence += 1
            await asyncio.wait([heard], timeout=0.05)
        return heard.result()[0], sequence

    async def receive(self, count: int) -> list[RtpPacket]:
        loop = asyncio.get_running_loop()
        packets = []
        async with asyncio.timeout(LIMIT_S):
            while len(packets) < count:
                packet = parse_rtp(await loop.sock_recv(self.socket, 1500))
                assert packet is not None
                packets.append(packet)
        return packets


def rtp_port(sdp: bytes) -> int:
    return parse_sdp(sdp).media[0].port


def write_tone(folder: Path, name: str, seconds: float) -> None:
    (folder / f"{name}.wav").write_bytes(write_wav(tone(440, seconds)))


@pytest.mark.asyncio
async def test_prompts_play_in_order_evenly_and_say_when_they_end(tmp_path: Path) -> None:
    write_tone(tmp_path, "one", 0.2)
    write_tone(tmp_path, "two", 0.3)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            desk.do(OpenStream("leg", line.offer()))
            desk.do(Play("leg", 7, ("one", "missing", "broken", "../two", "two")))
            finished = await desk.until(PlayFinished)
            assert finished == PlayFinished("leg", 7)
            packets = await line.receive(25)
            first = packets[0]
            assert [p.sequence for p in packets] == [
                (first.sequence + n) % 65536 for n in range(25)
            ]
            assert [p.timestamp for p in packets] == [
                (first.timestamp + 160 * n) % 2**32 for n in range(25)
            ]
            assert [p.marker for p in packets] == [True] + [False] * 24
            with pytest.raises(BlockingIOError):
                line.socket.recv(1500)


@pytest.mark.asyncio
async def test_a_stream_that_waits_sends_nothing_and_then_all_of_it(tmp_path: Path) -> None:
    write_tone(tmp_path, "hello", 0.2)
    async with desk_of(tmp_path) as desk:
        with Line() as early, Line() as other:
            desk.do(OpenStream("waits", early.offer(), waits=True))
            desk.do(OpenStream("other", other.offer(), "waits"))
            desk.do(Play("waits", 1, ("hello",)))
            desk.do(Play("other", 2, ("hello",)))
            assert await desk.until(PlayFinished) == PlayFinished("other", 2)
            whole = await other.receive(10)
            with pytest.raises(BlockingIOError):
                early.socket.recv(1500)
            desk.do(Begin("other"))  # which has begun already
            desk.do(Begin("nobody"))
            desk.do(Begin("waits"))
            assert await desk.until(PlayFinished) == PlayFinished("waits", 1)
            late = await early.receive(10)
            assert [packet.payload for packet in late] == [packet.payload for packet in whole]
            for line in (early, other):
                with pytest.raises(BlockingIOError):
                    line.socket.recv(1500)


@pytest.mark.asyncio
async def test_playing_keeps_the_time_and_can_be_stopped(tmp_path: Path) -> None:
    write_tone(tmp_path, "music", 0.1)
    loop = asyncio.get_running_loop()
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            desk.do(OpenStream("leg", line.offer()))
            desk.do(Play("leg", 1, ("music",), loop=True))
            asked = loop.time()
            await line.receive(1)
            # A busy machine delays packets, and those that wait come together: some 30 do not.
            async with asyncio.timeout(LIMIT_S):
                took_s = received = 0
                while took_s != pytest.approx(0.6, abs=0.1):
                    began = loop.time()
                    await line.receive(30)
                    took_s = loop.time() - began
                    received += 30
            assert loop.time() - asked >= 0.02 * received, "never faster than it is spoken"
            desk.do(StopPlay("leg"))
            desk.do(CloseStream("leg"))
            closed = await desk.until(StreamClosed)
            assert closed.packets_sent >= 31


@pytest.mark.asyncio
async def test_from_prompt_to_bridge_the_peer_hears_one_stream(tmp_path: Path) -> None:
    write_tone(tmp_path, "hello", 0.1)
    async with desk_of(tmp_path) as desk:
        with Line() as caller, Line() as agent:
            desk.do(OpenStream("caller", caller.offer()))
            desk.do(OpenStream("agent", agent.offer(), "caller"))
            port = rtp_port(desk.now(StreamOpened).sdp)
            desk.do(Play("caller", 1, ("hello",)))
            await desk.until(PlayFinished)
            desk.do(Bridge("caller", "agent"))
            desk.do(OpenStream("caller", caller.offer()))  # refused at once: a known leg
            assert desk.now(StreamRefused).status == 503
            played = await caller.receive(5)
            first, sequence = await agent.send_until_heard(port, 500, by=caller)
            agent.send(port, sequence)
            relayed = [first, *await caller.receive(1)]
            packets = played + relayed
            assert len({p.ssrc for p in packets}) == 1
            steps = [(b.sequence - a.sequence) % 65536 for a, b in pairwise(packets)]
            assert steps == [1] * 6
            assert 0 < (relayed[0].timestamp - played[-1].timestamp) % 2**32 < 8000 * 10
            assert relayed[0].marker


@pytest.mark.asyncio
async def test_once_latched_no_one_else_is_heard(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        with Line() as peer, Line() as stranger:
            desk.do(OpenStream("leg", peer.offer()))
            port = rtp_port(desk.now(StreamOpened).sdp)
            desk.do(Echo("leg"))
            _, sequence = await peer.send_until_heard(port, 1, by=peer)
            for number in range(5):
                stranger.send(port, number)
            peer.send(port, sequence, b"\x55" * 160)
            while (await peer.receive(1))[0].payload != b"\x55" * 160:
                pass
            desk.do(CloseStream("leg"))
            closed = await desk.until(StreamClosed)
            assert closed.packets_received == closed.packets_sent >= 2
            assert closed.packets_foreign == 5
            with pytest.raises(BlockingIOError):
                stranger.socket.recv(1500)


@pytest.mark.asyncio
async def test_a_reoffer_moves_the_stream_and_hold_silences_it(tmp_path: Path) -> None:
    write_tone(tmp_path, "music", 0.5)
    async with desk_of(tmp_path) as desk:
        with Line() as old, Line() as new:
            desk.do(OpenStream("leg", old.offer()))
            opened = desk.now(StreamOpened).sdp
            desk.do(Reoffer("leg", old.offer()))
            assert desk.now(StreamReoffered) == StreamReoffered("leg", opened, held=False)
            desk.do(Reoffer("leg", old.offer("a=sendonly")))
            reoffered = desk.now(StreamReoffered)
            assert reoffered.held
            assert b"a=recvonly" in reoffered.answer
            assert parse_sdp(reoffered.answer).origin.session_version == "1"
            desk.do(Play("leg", 1, ("music",)))
            await desk.until(PlayFinished)
            with pytest.raises(BlockingIOError):
                old.socket.recv(1500)
            desk.do(Reoffer("leg", b"v=0\r\n"))
            assert desk.now(StreamRefused).status == 488
            desk.do(Reoffer("leg", new.offer("m=video 7000 RTP/AVP 31")))
            assert not desk.now(StreamReoffered).held
            desk.do(Play("leg", 2, ("music",)))
            await new.receive(25)
            # A session refresh offers our answer again, and its answer may move the stream.
            desk.do(AcceptAnswer("leg", old.offer("m=video 0 RTP/AVP 31")))
            assert desk.now(StreamAccepted) == StreamAccepted("leg", held=False)
            desk.do(Play("leg", 3, ("music",)))
            await old.receive(25)
            # An offer asked for has a line for each that there was (RFC 3264 8).
            desk.do(Reoffer("leg", b""))
            asked = desk.now(StreamReoffered).answer
            assert b"PCMU" in asked
            assert [media.port > 0 for media in parse_sdp(asked).media] == [True, False]
            desk.do(AcceptAnswer("leg", old.offer("m=video 0 RTP/AVP 31")))
            assert desk.now(StreamAccepted) == StreamAccepted("leg", held=False)


@pytest.mark.asyncio
async def test_digits_are_reported_and_cross_the_bridge(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk, phones_of(Codec.PCMA, Codec.PCMU) as (caller, agent):
        desk.call_in("caller", caller)
        desk.call_out("agent", agent, near="caller")
        desk.do(Bridge("caller", "agent"))
        await hear(agent, 0.1)
        pressed: list[DigitPressed] = []
        # One who is held up in a press counts as having let go: shorter, and to be tried again.
        while not all(90 <= p.duration_ms <= 110 for p in pressed[-3:]) or not pressed:
            caller.press("19#")
            pressed += [await desk.until(DigitPressed) for _ in range(3)]
            async with asyncio.timeout(LIMIT_S):
                await caller.pressed()
        keys = ["1", "9", "#"] * (len(pressed) // 3)
        assert [(p.leg, p.digit) for p in pressed] == [("caller", key) for key in keys]
        async with asyncio.timeout(LIMIT_S):
            await agent.until(lambda phone: phone.heard_digits == keys)
        assert agent.reception.lost == 0


@pytest.mark.asyncio
async def test_a_worker_that_dies_loses_its_streams_and_is_replaced(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            desk.do(OpenStream("leg", line.offer()))
            first = desk.engine.statistics().worker_pids[0]
            os.kill(first, signal.SIGKILL)
            lost = await desk.until(StreamsLost)
            assert lost.legs == ("leg",)
            desk.do(OpenStream("other", line.offer()))
            refused = desk.now(StreamRefused)
            assert refused.status == 503
            figures = await desk.statistics(lambda s: len(s.workers) > 0)
            assert figures.worker_restarts == 1
            assert figures.ports_ready > 0, "a worker that only starts serves nobody"
            assert figures.worker_pids != (first,)
            desk.do(OpenStream("leg", line.offer()))
            desk.now(StreamOpened)


@pytest.mark.asyncio
async def test_ports_come_back_after_a_rest(tmp_path: Path) -> None:
    async with desk_of(tmp_path, port_min=29_900, port_max=29_939) as desk:
        with Line() as line:
            most = desk.engine.statistics().ports_ready
            ports = set()
            for round_number in range(2):
                await desk.statistics(lambda s: s.ports_ready == most)
                legs = [f"{round_number}-{n}" for n in range(most)]
                for leg in legs:
                    desk.do(OpenStream(leg, line.offer()))
                    ports.add(rtp_port(desk.now(StreamOpened).sdp))
                desk.do(OpenStream("one more", line.offer()))
                assert desk.now(StreamRefused).status == 503
                for leg in legs:
                    desk.do(CloseStream(leg))
                for _ in legs:
                    await desk.until(StreamClosed)
            assert len(ports) == most
            assert all(port % 2 == 0 and 29_900 <= port <= 29_939 for port in ports)
            assert desk.engine.statistics().streams_open == 0


@pytest.mark.asyncio
async def test_partners_share_a_worker_and_have_places_kept(tmp_path: Path) -> None:
    async with desk_of(tmp_path, workers=2, max_streams_per_worker=10) as desk:
        with Line() as line:
            for leg in range(18):
                desk.do(OpenStream(f"caller{leg}", line.offer()))
                desk.now(StreamOpened)
            desk.do(OpenStream("too many", line.offer()))
            assert desk.now(StreamRefused).status == 503
            desk.do(OpenStream("agent", line.offer(), "caller0"))
            desk.now(StreamOpened)
            desk.do(Bridge("caller0", "agent"))
            desk.now(StreamOpened)  # nothing was refused
            desk.do(Bridge("caller0", "caller1"))
            assert "another media worker" in desk.now(StreamRefused).reason


@pytest.mark.asyncio
async def test_phones_on_ipv6_hear_each_other(tmp_path: Path) -> None:
    """RFC 4566 5.7: c=IN IP6; packets go to ::1 and are taken from there."""
    async with desk_of(tmp_path, bind_host="::1") as desk:
        phones = [await PhoneMedia.open("::1") for _ in range(2)]
        caller, agent = phones
        desk.call_in("caller", caller)
        desk.call_out("agent", agent, near="caller")
        assert b"c=IN IP6 ::1\r\n" in caller.offer()
        desk.do(Bridge("caller", "agent"))
        caller.play_tone(440)
        agent.play_tone(880)
        assert abs(loudest_hz(await hear(agent)) - 440) < 10
        assert abs(loudest_hz(await hear(caller)) - 880) < 10
        for phone in phones:
            await phone.close()


@pytest.mark.asyncio
async def test_unusable_descriptions_are_refused(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            before = desk.engine.statistics().ports_ready
            for body, answer in (
                (b"hello", (400, 399)),
                (line.offer().replace(b"AVP 8", b"AVP 18"), (488, 305)),
                (line.offer().replace(b"AVP 8", b"SAVP 8"), (488, 302)),
                (line.offer().replace(b"m=audio", b"m=video"), (488, 304)),
            ):
                desk.do(OpenStream("leg", body))
                refused = desk.now(StreamRefused)
                assert (refused.status, refused.warning_code) == answer
            desk.do(OpenStream("leg", line.offer().replace(b"IP4 127.0.0.1", b"IP6 ::1")))
            assert "IPv6" in desk.now(StreamRefused).reason
            assert desk.engine.statistics().ports_ready == before
            desk.do(OpenStream("leg", b""))
            desk.do(AcceptAnswer("leg", b"v=0\r\n"))
            assert desk.now(StreamRefused).status == 488


@pytest.mark.asyncio
async def test_no_process_is_left_by_stop_nor_by_a_failed_start(tmp_path: Path) -> None:
    async with desk_of(tmp_path, workers=2) as desk:
        pids = desk.engine.statistics().worker_pids
        assert len(set(pids)) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    settings = MediaSettings(bind_host="192.0.2.1", prompts_dir=tmp_path)
    engine = WorkerMediaEngine(settings, lambda events: None)
    with pytest.raises(MediaEngineError, match="choose another range or address"):
        await engine.start()
    assert engine.statistics().worker_pids == ()


PARENT = """
import asyncio, sys
from pathlib import Path
from acd.net.media_engine import MediaSettings, WorkerMediaEngine
async def main():
    engine = WorkerMediaEngine(
        MediaSettings(bind_host="127.0.0.1", prompts_dir=Path(".")), lambda events: None
    )
    await engine.start()
    print("pid", engine.statistics().worker_pids[0], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.asyncio
async def test_a_worker_ends_when_the_server_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        while (words := (await parent.stdout.readline()).split())[:1] != [b"pid"]:
            pass
        worker = os.pidfd_open(int(words[1]))
        try:
            parent.kill()
            await parent.communicate()
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(worker, ended.set)
            await ended.wait()
        finally:
            asyncio.get_running_loop().remove_reader(worker)
            os.close(worker)


@pytest.mark.asyncio
async def test_a_listener_that_fails_costs_no_worker(tmp_path: Path) -> None:
    class BrokenError(Exception):
        pass

    def on_event(events: Sequence[Event]) -> None:
        if isinstance(events[0], PlayFinished):
            raise BrokenError

    faults: list[object] = []
    failed = asyncio.Event()

    def on_fault(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        faults.append(context["exception"])
        failed.set()

    asyncio.get_running_loop().set_exception_handler(on_fault)
    engine = WorkerMediaEngine(MediaSettings(bind_host=HOST, prompts_dir=tmp_path), on_event)
    await engine.start()
    with Line() as line:
        engine.execute(OpenStream("leg", line.offer()))
        engine.execute(Play("leg", 1, ()))
        async with asyncio.timeout(LIMIT_S):
            await failed.wait()
    assert isinstance(faults[0], BrokenError)
    assert len(engine.statistics().worker_pids) == 1
    assert engine.statistics().streams_open == 1
    await engine.stop()


@pytest.mark.asyncio
async def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    """Its line fills up beyond what is kept for it, which is the sign."""
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            desk.do(OpenStream("leg", line.offer()))
            first = desk.engine.statistics().worker_pids[0]
            os.kill(first, signal.SIGSTOP)
            long_name = "x" * 100_000
            async with asyncio.timeout(LIMIT_S):
                while not isinstance(desk.events[-1], StreamsLost):
                    desk.do(Play("leg", 1, (long_name,)))
                    await asyncio.sleep(0)
            figures = await desk.statistics(lambda s: s.ports_ready > 0 and s.worker_restarts == 1)
            assert figures.worker_pids != (first,)
            with pytest.raises(ProcessLookupError):
                os.kill(first, 0)


@pytest.mark.asyncio
async def test_an_address_that_phones_cannot_reach_is_refused_at_start(tmp_path: Path) -> None:
    engine = WorkerMediaEngine(
        MediaSettings(bind_host="0.0.0.0", prompts_dir=tmp_path), lambda events: None
    )
    with pytest.raises(MediaEngineError, match="set the advertised address"):
        await engine.start()


@pytest.mark.asyncio
async def test_a_stream_can_be_limited_to_codecs_in_their_order(tmp_path: Path) -> None:
    async with desk_of(tmp_path) as desk:
        with Line() as line:
            desk.do(OpenStream("out", b"", codecs=("PCMU", "PCMA")))
            offer = parse_sdp(desk.now(StreamOpened).sdp)
            assert offer.media[0].formats == ("0", "8", "101")
            both = line.offer().replace(b"RTP/AVP 8", b"RTP/AVP 8 0")
            desk.do(OpenStream("in", both, codecs=("PCMU",)))
            assert b"RTP/AVP 0 101\r\n" in desk.now(StreamOpened).sdp
            desk.do(OpenStream("none", line.offer(), codecs=("G729",)))
            assert desk.now(StreamRefused).status == 488
