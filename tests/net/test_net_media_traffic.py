"""Packets of a worker's sockets: to the stream that has the port now, or to nobody."""

import asyncio
import socket

import pytest

from acd.media.emission import Emission
from acd.media.stream import MediaStream, Outbox
from acd.net.media_traffic import Traffic

HOST = "127.0.0.1"
LIMIT_S = 30.0


def stream_of(leg: str) -> MediaStream:
    return MediaStream(leg, Emission(1, 1, 1), Outbox())


@pytest.mark.asyncio
async def test_a_port_at_rest_is_emptied_and_counts_for_the_next_stream_only() -> None:
    read = asyncio.Event()
    traffic = Traffic(asyncio.get_running_loop(), read.set)

    async def sent(packet: bytes) -> None:
        read.clear()
        peer.sendto(packet, port.getsockname())
        async with asyncio.timeout(LIMIT_S):
            await read.wait()

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
    ):
        port.bind((HOST, 0))
        port.setblocking(False)
        former, next_one = stream_of("former"), stream_of("next")
        traffic.add(former, port)
        await sent(b"one")
        assert traffic.packets_in == 1
        traffic.remove(former, port)
        await sent(b"straggler")
        assert traffic.packets_in == 1
        with pytest.raises(BlockingIOError):
            port.recv(100)
        traffic.add(next_one, port)
        await sent(b"two")
        assert traffic.packets_in == 2
