"""SIP over real TCP connections, and what holds for all streams."""

import asyncio
import socket
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.net.limits import StreamLimits
from acd.sip.peer import Peer
from tests.net.sip_wire import (
    DEADLINE_S,
    Serving,
    connections,
    message,
    run,
    run_in_time,
)


class Client:
    """A connection made by hand."""

    def __init__(self, server, index=0):
        self._peer = server.peer(index)

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection(self._peer.host, self._peer.port)
        self.peer = Peer("tcp", *self.writer.get_extra_info("sockname")[:2])
        return self

    async def __aexit__(self, *_):
        self.writer.transport.abort()
        with suppress(OSError):
            await self.writer.wait_closed()

    def write(self, data):
        self.writer.write(data)

    async def read(self, count):
        return await asyncio.wait_for(self.reader.readexactly(count), DEADLINE_S)

    async def closed(self):
        """Wait until the server has closed the connection; return what it sent before."""
        try:
            return await asyncio.wait_for(self.reader.read(), DEADLINE_S)
        except ConnectionResetError:
            return b""


def test_a_message_arrives_with_its_peer_and_the_answer_takes_the_same_connection():
    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            client.write(message(1, b"body"))
            data, peer = await server.arrivals.message()
            assert data == message(1, b"body")
            assert peer == client.peer
            server.transports.send(peer, b"SIP/2.0 200 OK\r\n\r\n")
            assert await client.read(18) == b"SIP/2.0 200 OK\r\n\r\n"
            await connections(server, 1)

    run(scenario)


@settings(max_examples=15, deadline=None)
@given(
    bodies=st.lists(st.binary(max_size=40), min_size=1, max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=12),
)
def test_segments_may_be_split_and_glued_in_any_way(bodies, cuts):
    messages = [message(number, body) for number, body in enumerate(bodies)]
    stream = b"".join(messages)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            client.writer.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )
            for start, end in pairwise(places):
                client.write(stream[start:end])
                await client.writer.drain()
                await asyncio.sleep(0)
            for expected in messages:
                assert (await server.arrivals.message())[0] == expected

    run(scenario)


@pytest.mark.parametrize("pieces", [[b"\r\n\r\n"], [b"\r\n", b"\r\n"], [b"\r", b"\n\r", b"\n"]])
def test_a_ping_is_answered_by_a_pong(pieces):
    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            for piece in pieces:
                client.write(piece)
                await client.writer.drain()
                await asyncio.sleep(0.005)  # so that the pieces travel apart
            assert await client.read(2) == b"\r\n"
            client.write(message(1))
            assert (await server.arrivals.message())[0] == message(1)

    run(scenario)


def test_a_ping_glued_to_a_message_is_answered_and_the_message_arrives():
    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            client.write(b"\r\n\r\n" + message(1))
            assert await client.read(2) == b"\r\n"
            assert (await server.arrivals.message())[0] == message(1)

    run(scenario)


def test_the_blank_line_of_a_split_message_is_no_ping():
    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            head = message(1)[:-4]
            client.write(head)
            await client.writer.drain()
            await asyncio.sleep(0.01)  # so that the blank line travels alone
            client.write(b"\r\n\r\n")
            _, peer = await server.arrivals.message()
            server.transports.send(peer, b"answer")
            assert await client.read(6) == b"answer"

    run(scenario)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" * 10,
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999999999\r\n\r\n",
        b"A" * 200_000,
        b"OPTIONS sip:a SIP/2.0\r\n" + b"X: y\r\n" * 50_000,
    ],
    ids=["tls-hello", "huge-length", "no-line-end", "endless-headers"],
)
def test_a_stream_that_cannot_be_framed_ends_and_the_others_go_on(garbage):
    async def scenario():
        async with Serving("tcp") as server, Client(server) as good, Client(server) as bad:
            good.write(message(1))
            await server.arrivals.message()
            bad.write(garbage)
            await bad.closed()
            assert await server.arrivals.failure() == bad.peer
            good.write(message(2))
            assert (await server.arrivals.message())[0] == message(2)
            await connections(server, 1)

    run(scenario)


def test_a_connection_is_opened_on_demand_and_used_both_ways():
    async def scenario():
        async with Serving("tcp") as one, Serving("tcp") as other:
            one.transports.send(other.peer(), message(1))
            one.transports.send(other.peer(), message(2))
            assert (await other.arrivals.message())[0] == message(1)
            data, back = await other.arrivals.message()
            assert data == message(2)
            other.transports.send(back, message(3))
            assert await one.arrivals.message() == (message(3), other.peer())
            await connections(one, 1)

    run(scenario)


def test_a_refused_connection_is_reported_later_and_nothing_is_raised():
    async def scenario():
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            nobody = Peer("tcp", *sock.getsockname())
        async with Serving("tcp") as server:
            server.transports.send(nobody, message(1))
            assert server.arrivals.failed.empty()
            assert await server.arrivals.failure() == nobody
            await connections(server, 0)

    run(scenario)


def test_a_peer_that_takes_no_connection_is_given_up():
    async def scenario():
        # A full backlog: the kernel answers no further SYN.
        with socket.socket() as deaf, socket.socket() as filler, socket.socket() as filler2:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for sock in (filler, filler2):
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            limits = StreamLimits(connect_s=0.2)
            async with Serving("tcp", limits=limits) as server:
                peer = Peer("tcp", *deaf.getsockname())
                server.transports.send(peer, message(1))
                assert await server.arrivals.failure() == peer

    run(scenario)


@pytest.mark.parametrize(
    "peer", [Peer("tcp", "phone.example", 5060), Peer("tcp", "127.0.0.1", 0), Peer("tcp", "", 1)]
)
def test_what_is_no_address_is_reported(peer):
    async def scenario():
        async with Serving("tcp") as server:
            server.transports.send(peer, message(1))
            assert await server.arrivals.failure() == peer

    run(scenario)


def test_a_peer_that_does_not_read_is_given_up_before_it_fills_our_memory():
    async def scenario():
        limits = StreamLimits(write_buffer_bytes=50_000)
        async with Serving("tcp", limits=limits) as server, Client(server) as client:
            client.writer.transport.pause_reading()
            client.write(message(1))
            _, peer = await server.arrivals.message()
            # The kernel's own buffers take some megabytes first.
            while server.arrivals.failed.empty():
                server.transports.send(peer, b"x" * 40_000)
                await asyncio.sleep(0)
            assert await server.arrivals.failure() == peer
            await connections(server, 0)

    run(scenario)


def test_messages_waiting_for_a_connection_are_bounded_too():
    async def scenario():
        limits = StreamLimits(write_buffer_bytes=1_000)
        async with Serving("tcp", limits=limits) as server, Serving("tcp") as other:
            for _ in range(3):
                server.transports.send(other.peer(), b"x" * 400)
            assert await server.arrivals.failure() == other.peer()
            await connections(server, 0)

    run(scenario)


def test_a_slow_sender_has_a_limited_time_for_a_message():
    async def scenario():
        limits = StreamLimits(message_s=0.3)
        async with Serving("tcp", limits=limits) as server, Client(server) as slow:
            closed = asyncio.ensure_future(slow.closed())
            began = asyncio.get_running_loop().time()
            while not closed.done():
                slow.write(b"x")
                await asyncio.wait([closed], timeout=0.01)
            assert asyncio.get_running_loop().time() - began >= limits.message_s
            assert server.arrivals.messages.empty()
            await connections(server, 0)

    run(scenario)


def test_half_a_message_behind_a_whole_one_has_a_limited_time_too():
    async def scenario():
        limits = StreamLimits(message_s=0.1)
        async with Serving("tcp", limits=limits) as server, Client(server) as slow:
            slow.write(message(1) + message(2)[:-1])
            assert (await server.arrivals.message())[0] == message(1)
            assert await slow.closed() == b""
            assert server.transports.statistics().cut == {("tcp", "slow_message"): 1}

    run_in_time(scenario, 0.1)


def test_answers_to_somebody_keep_the_connection_from_being_idle():
    async def scenario():
        limits = StreamLimits(idle_s=0.2, message_s=0.2)
        async with Serving("tcp", limits=limits) as server, Client(server) as listener:
            listener.write(message(1))
            _, peer = await server.arrivals.message()
            for _ in range(10):
                server.transports.send(peer, b"NOTIFY")
                assert await listener.read(6) == b"NOTIFY"
                await asyncio.sleep(0.05)
            assert await listener.closed() == b""

    run_in_time(scenario, 0.1)


def test_connections_over_ipv6():
    async def scenario():
        address = ("tcp", "::1", 0)
        async with Serving(address) as one, Serving(address) as other, Client(one) as client:
            client.write(message(1))
            data, peer = await one.arrivals.message()
            assert (data, peer) == (message(1), client.peer)
            one.transports.send(other.peer(), message(2))
            data, back = await other.arrivals.message()
            assert (data, back.host) == (message(2), "::1")
            other.transports.send(back, message(3))
            assert await one.arrivals.message() == (message(3), other.peer())

    run(scenario)


def test_who_connects_and_says_nothing_is_closed():
    async def scenario():
        limits = StreamLimits(message_s=0.05)
        async with Serving("tcp", limits=limits) as server, Client(server) as silent:
            assert await silent.closed() == b""

    run(scenario)


def test_an_idle_connection_is_closed_and_a_used_one_is_not():
    async def scenario():
        limits = StreamLimits(idle_s=0.3, message_s=0.3)
        async with (
            Serving("tcp", limits=limits) as server,
            Client(server) as idle,
            Client(server) as used,
        ):
            idle.write(message(1))
            closed = asyncio.ensure_future(idle.closed())
            began = asyncio.get_running_loop().time()
            while not closed.done():
                used.write(b"\r\n\r\n")
                assert await used.read(2) == b"\r\n"
                await asyncio.sleep(0.02)
            assert asyncio.get_running_loop().time() - began >= limits.idle_s
            used.write(message(2))
            await server.arrivals.message()
            assert (await server.arrivals.message())[0] == message(2)
            await connections(server, 1)

    run_in_time(scenario, 0.2)


def test_the_table_of_connections_is_bounded():
    async def scenario():
        limits = StreamLimits(connections=2)
        async with (
            Serving("tcp", limits=limits) as server,
            Client(server) as first,
            Client(server) as second,
        ):
            for client in (first, second):
                client.write(message(1))
                await server.arrivals.message()
            async with Client(server) as third:
                assert await third.closed() == b""
            server.transports.send(Peer("tcp", "127.0.0.1", 1), message(1))
            assert await server.arrivals.failure() == Peer("tcp", "127.0.0.1", 1)
            assert server.transports.statistics().refused == {("tcp", "full"): 2}
            first.write(message(2))
            assert (await server.arrivals.message())[0] == message(2)

    run(scenario)


def test_disconnect_sends_what_was_sent_before_and_closes():
    async def scenario():
        async with Serving("tcp") as server, Client(server) as client:
            client.write(message(1))
            _, peer = await server.arrivals.message()
            server.transports.send(peer, b"SIP/2.0 400 Bad Request\r\n\r\n")
            server.transports.disconnect(peer)
            assert await client.closed() == b"SIP/2.0 400 Bad Request\r\n\r\n"
            await connections(server, 0)
            assert server.arrivals.failed.empty()
            server.transports.disconnect(peer)

    run(scenario)


def test_a_peer_that_closes_in_good_order_has_not_failed_and_one_that_resets_has():
    async def scenario():
        async with Serving("tcp") as server:
            async with Client(server) as client:
                client.write(message(1))
                await server.arrivals.message()
                client.writer.close()
                await client.closed()
            async with Client(server) as client:
                client.write(message(2))
                _, peer = await server.arrivals.message()
                client.writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
                )
                client.writer.transport.abort()
                assert await server.arrivals.failure() == peer
            await connections(server, 0)

    run(scenario)


def test_after_a_disconnect_the_next_message_opens_a_new_connection():
    async def scenario():
        async with Serving("tcp") as server, Serving("tcp") as other:
            peers = set()
            for number in range(3):
                server.transports.send(other.peer(), message(number))
                data, back = await other.arrivals.message()
                assert data == message(number)
                peers.add(back)
                server.transports.disconnect(other.peer())
            assert len(peers) == 3

    run(scenario)
