"""CPU time of a media worker per relayed packet, with N bridged pairs at 50 packets/s each way.

Budget: 14 µs per packet at 200 pairs and more, receiving and sending included (a plain relay on
uvloop without any bookkeeping takes 12 to 14 on the same machine). Packets get cheaper as they get
more: with few pairs nearly every one wakes the loop for itself, with many a wake-up serves
several. So a smaller run shows its figure and judges nothing.

Usage: python tests/bench/bench_media_relay.py [--pairs 200] [--seconds 6] [--play]
With --play, N streams of music are measured instead of pairs.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

import uvloop

from acd.media.commands import AcceptAnswer, Bridge, OpenStream, Play
from acd.media.events import Event, StreamOpened
from acd.media.rtp import RtpPacket
from acd.media.wav import write_wav
from acd.net.media_engine import MediaSettings, WorkerMediaEngine
from acd.net.media_phone import tone
from acd.sdp.codec import Codec
from acd.sdp.description import parse
from acd.sdp.offer_answer import Capabilities, answer_offer

HOST = "127.0.0.1"
BUDGET_US = 14.0
BUDGET_PAIRS = 200
"The load from which on the budget is meant; a worker is for 500 pairs at most."


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid: int) -> int:
    return (
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    )


class Bench:
    def __init__(self, prompts_dir: Path) -> None:
        settings = MediaSettings(
            bind_host=HOST, prompts_dir=prompts_dir, max_streams_per_worker=2500
        )
        self.engine = WorkerMediaEngine(settings, self.on_event)
        self.last: Event | None = None

    def on_event(self, events: Sequence[Event]) -> None:
        self.last = events[-1]

    async def open(self, leg: str, near: str) -> tuple[socket.socket, int]:
        """Open a stream to a bare socket; return it and the engine's port."""
        while not self.engine.statistics().ports_ready:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        phone.setblocking(False)
        phone.bind((HOST, 0))
        self.engine.execute(OpenStream(leg, b"", near))
        assert isinstance(self.last, StreamOpened), self.last
        local = Capabilities(
            address=HOST, port=phone.getsockname()[1], session_id=1, codecs=(Codec.PCMA,)
        )
        answer, agreed = answer_offer(self.last.sdp, local)
        assert parse(answer).media
        self.engine.execute(AcceptAnswer(leg, answer))
        return phone, agreed.port


def pump(phones: list[tuple[socket.socket, int]], seconds: float) -> int:
    """Send from every phone each 20 ms, evenly spread; return how many packets they received."""
    received = 0
    payload = b"\xd5" * 160
    began = monotonic()
    for tick in range(int(seconds * 50)):
        packet = bytes(RtpPacket(8, tick & 0xFFFF, tick * 160, 1, payload))
        for at, (phone, port) in enumerate(phones):
            ahead = began + tick * 0.02 + 0.02 * at / len(phones) - monotonic()
            if ahead > 0.001:
                sleep(ahead)
            phone.sendto(packet, (HOST, port))
            try:
                while True:
                    phone.recv(1500)
                    received += 1
            except BlockingIOError:
                pass
    return received


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=BUDGET_PAIRS)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--play", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_music(Path(folder))
        await measure(Bench(Path(folder)), options)


def write_music(folder: Path) -> None:
    (folder / "music.wav").write_bytes(write_wav(tone(440, 30.0)))


async def measure(bench: Bench, options: argparse.Namespace) -> None:
    await bench.engine.start()
    pid = bench.engine.statistics().worker_pids[0]
    empty_kb = resident_kb(pid)
    phones: list[tuple[socket.socket, int]] = []
    for pair in range(options.pairs):
        phones.append(await bench.open(f"a{pair}", ""))
        if options.play:
            bench.engine.execute(Play(f"a{pair}", 1, ("music",), loop=True))
            continue
        phones.append(await bench.open(f"b{pair}", f"a{pair}"))
        bench.engine.execute(Bridge(f"a{pair}", f"b{pair}"))
    await asyncio.sleep(1.5)
    before, begin_s, began = bench.engine.statistics().workers[0], cpu_s(pid), monotonic()
    if options.play:
        await asyncio.sleep(options.seconds)
        received = 0
    else:
        received = await asyncio.to_thread(pump, phones, options.seconds)
    used_s, took_s = cpu_s(pid) - begin_s, monotonic() - began
    grown_kb = resident_kb(pid) - empty_kb
    await asyncio.sleep(1.5)
    after = bench.engine.statistics().workers[0]
    packets = after.packets_out - before.packets_out
    if options.play:
        packets = int(options.pairs * took_s * 50)
    per_packet_us = used_s / max(1, packets) * 1e6
    what = "streams of music" if options.play else "bridged pairs"
    late_ms = after.playout_lateness_max_s * 1000
    print(f"{options.pairs} {what}, {took_s:.1f} s, {packets} packets out, {received} came back")
    print(f"worker CPU {used_s / took_s * 100:.0f} % of a core, {per_packet_us:.1f} µs per packet")
    print(f"memory grew by {grown_kb / options.pairs:.1f} kB each")
    print(f"playout late by at most {late_ms:.1f} ms in the last second")
    for phone, _ in phones:
        phone.close()
    await bench.engine.stop()
    sys.exit(0 if options.play or within_budget(options.pairs, per_packet_us) else 1)


def within_budget(pairs: int, per_packet_us: float) -> bool:
    """Say whether the budget is kept; too small a load is not judged by it."""
    meant = f"budget {BUDGET_US} µs per packet from {BUDGET_PAIRS} pairs on"
    if pairs < BUDGET_PAIRS:
        print(f"{meant}: not judged at {pairs}")
        return True
    kept = per_packet_us <= BUDGET_US
    print(f"{meant}: {'kept' if kept else 'exceeded'}")
    return kept


if __name__ == "__main__":
    uvloop.run(main())
