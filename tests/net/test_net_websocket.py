"""SIP over real WebSocket connections (RFC 7118): aiohttp and hand-made clients."""

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from acd.net.limits import StreamLimits
from acd.sip.peer import Peer
from tests.net.certificates import files, trusting
from tests.net.sip_wire import (
    DEADLINE_S,
    Serving,
    connections,
    message,
    run,
    run_in_time,
    until,
)

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: acd\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


@asynccontextmanager
async def browser(server, *, origin=None, protocols=("sip",), tls=None, **options):
    """Connect as a browser does."""
    transport, host, port = server.peer()
    async with aiohttp.ClientSession() as session:
        url = f"{transport}://{f'[{host}]' if ':' in host else host}:{port}/"
        async with session.ws_connect(
            url, protocols=protocols, origin=origin, ssl=tls or True, **options
        ) as phone:
            yield phone


@asynccontextmanager
async def by_hand(server, opening=UPGRADE):
    """Connect with bytes of one's own."""
    peer = server.peer()
    reader, writer = await asyncio.open_connection(peer.host, peer.port)
    writer.write(opening)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def received(phone):
    return await asyncio.wait_for(phone.receive(), DEADLINE_S)


@pytest.mark.parametrize("transport", ["ws", "wss"])
def test_text_is_answered_by_text_and_binary_by_binary(tmp_path, transport):
    async def scenario():
        async with (
            Serving(transport, tls=files(tmp_path)) as server,
            browser(server, tls=trusting()) as phone,
        ):
            assert phone.protocol == "sip"
            await phone.send_str(message(1, "é".encode()).decode())
            data, peer = await server.arrivals.message()
            assert data == message(1, "é".encode())
            assert peer.transport == transport
            server.transports.send(peer, "SIP/2.0 200 Süper\r\n\r\n".encode())
            answer = await received(phone)
            assert (answer.type, answer.data) == (
                aiohttp.WSMsgType.TEXT,
                "SIP/2.0 200 Süper\r\n\r\n",
            )
            server.transports.send(peer, b"SIP/2.0 200 \xff\r\n\r\n")
            assert (await received(phone)).data == b"SIP/2.0 200 \xff\r\n\r\n"
            await phone.send_bytes(message(2))
            assert await server.arrivals.message() == (message(2), peer)
            server.transports.send(peer, b"SIP/2.0 200 OK\r\n\r\n")
            assert (await received(phone)).data == b"SIP/2.0 200 OK\r\n\r\n"
            assert server.transports.statistics().connections[transport] == 1

    run(scenario)


def test_a_keep_alive_is_answered_and_blanks_are_no_message():
    async def scenario():
        async with Serving("ws") as server, browser(server) as phone:
            await phone.send_str("\r\n\r\n")
            assert (await received(phone)).data == "\r\n"
            await phone.send_str("\r\n")
            await phone.send_bytes(message(1))
            assert (await server.arrivals.message())[0] == message(1)

    run(scenario)


def test_pings_are_answered_and_sent():
    async def scenario():
        limits = StreamLimits(ping_s=0.1)
        async with (
            Serving("ws", limits=limits) as server,
            browser(server, autoping=False) as phone,
        ):
            await phone.ping(b"here?")
            answer = await received(phone)
            assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"here?")
            assert (await received(phone)).type is aiohttp.WSMsgType.PING

    run(scenario)


def test_who_does_not_answer_pings_is_gone():
    async def scenario():
        limits = StreamLimits(ping_s=0.1)
        async with (
            Serving("ws", limits=limits) as server,
            browser(server, autoping=False) as phone,
        ):
            await phone.send_bytes(message(1))
            _, peer = await server.arrivals.message()
            assert await server.arrivals.failure() == peer
            await connections(server, 0)

    run(scenario)


def test_a_phone_that_is_gone_cannot_be_reached_and_everybody_learns_of_it():
    async def scenario():
        async with Serving("ws") as server:
            async with browser(server) as phone:
                await phone.send_bytes(message(1))
                _, peer = await server.arrivals.message()
            assert await server.arrivals.failure() == peer
            await connections(server, 0)
            server.transports.send(peer, message(2))
            assert await server.arrivals.failure() == peer
            await connections(server, 0)

    run(scenario)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"protocols": ()}, 400),
        ({"protocols": ("chat",)}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://Phones.Example"}, 101),
        ({}, 101),
    ],
)
def test_other_protocols_and_pages_of_others_are_refused(options, status):
    async def scenario():
        async with Serving("ws", origins=("https://phones.example",)) as server:
            if status == 101:
                async with browser(server, **options) as phone:
                    assert phone.protocol == "sip"
            else:
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    async with browser(server, **options):
                        pass
                assert refused.value.status == status
            await connections(server, 0)

    run(scenario)


@pytest.mark.parametrize(
    ("opening", "answer"),
    [
        (b"GET / HTTP/1.1\r\nHost: acd\r\n\r\n", b"HTTP/1.1 426 "),
        (message(1), b"HTTP/1.0 400 "),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"HTTP/1.0 400 "),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000, b"HTTP/1.0 400 "),
        (UPGRADE.replace(b"n: 13", b"n: 3"), b"HTTP/1.1 400 "),
    ],
    ids=["page", "sip", "tls", "huge", "version"],
)
def test_what_is_no_websocket_is_told_so_and_closed(opening, answer):
    async def scenario():
        async with Serving("ws") as server, by_hand(server, opening) as (reader, _):
            assert (await asyncio.wait_for(reader.read(), DEADLINE_S))[: len(answer)] == answer
            await connections(server, 0)

    run(scenario)


def frame(head: int, payload: bytes) -> bytes:
    """Return a frame, masked by zeros, which leave it as it is."""
    return struct.pack("!BB4x", head, 0x80 | len(payload)) + payload


def test_a_message_in_fragments_is_one_message():
    """RFC 6455 5.4: "Control frames […] MAY be injected in the middle of a fragmented message"."""

    async def scenario():
        whole = message(1, b"x" * 200)
        async with Serving("ws") as server, by_hand(server) as (reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(0x01, whole[:100]) + frame(0x89, b"here?"))
            assert await reader.readexactly(7) == b"\x8a\x05here?"
            assert server.arrivals.messages.empty()
            writer.write(frame(0x00, whole[100:200]))
            writer.write(frame(0x80, whole[200:]) + frame(0x82, message(2)))
            data, peer = await server.arrivals.message()
            assert data == whole
            assert await server.arrivals.message() == (message(2), peer)

    run(scenario)


def test_pings_within_a_message_in_fragments_win_no_time():
    async def scenario():
        limits = StreamLimits(message_s=0.2)
        opening = UPGRADE + frame(0x02, b"INVITE")
        async with (
            Serving("ws", limits=limits) as server,
            by_hand(server, opening) as (reader, writer),
        ):
            closed = asyncio.ensure_future(reader.read())
            while not closed.done():
                writer.write(frame(0x89, b"here?") + frame(0x00, b"x"))
                await asyncio.wait([closed], timeout=0.01)
            assert server.transports.statistics().cut == {("ws", "slow_message"): 1}
            await connections(server, 0)

    run(scenario)


@pytest.mark.parametrize("together", [True, False])
def test_who_does_not_mask_is_closed(together):
    """RFC 6455 5.1: "The server MUST close the connection upon receiving a frame that is not
    masked"."""

    async def scenario():
        plain = struct.pack("!BB", 0x82, len(message(1))) + message(1)
        opening = UPGRADE + plain if together else UPGRADE
        async with Serving("ws") as server, by_hand(server, opening) as (reader, writer):
            if not together:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(frame(0x82, message(2)))
                assert (await server.arrivals.message())[0] == message(2)
                writer.write(plain)
            with suppress(ConnectionError):
                await asyncio.wait_for(reader.read(), DEADLINE_S)
            await connections(server, 0)
            assert server.arrivals.messages.empty()
            assert server.transports.statistics().cut == {("ws", "unframeable"): 1}

    run(scenario)


def test_a_frame_that_is_too_large_ends_the_connection():
    async def scenario():
        async with Serving("ws") as server, browser(server) as phone:
            await phone.send_bytes(message(1))
            _, peer = await server.arrivals.message()
            await phone.send_bytes(b"x" * 100_000)
            assert (await received(phone)).type is aiohttp.WSMsgType.CLOSE
            assert phone.close_code == 1009
            assert await server.arrivals.failure() == peer
            assert server.transports.statistics().cut == {("ws", "unframeable"): 1}

    run(scenario)


@pytest.mark.parametrize("opening", [b"", b"GET / HT", UPGRADE, UPGRADE + b"\x82\xfe"])
def test_who_says_nothing_or_half_of_it_is_closed(opening):
    async def scenario():
        limits = StreamLimits(message_s=0.1)
        async with Serving("ws", limits=limits) as server, by_hand(server, opening) as (reader, _):
            await asyncio.wait_for(reader.read(), DEADLINE_S)
            await connections(server, 0)

    run(scenario)


def test_a_frame_that_comes_byte_by_byte_has_a_limited_time():
    async def scenario():
        limits = StreamLimits(message_s=0.2)
        opening = UPGRADE + struct.pack("!BBH", 0x82, 0xFE, 30_000)
        async with (
            Serving("ws", limits=limits) as server,
            by_hand(server, opening) as (reader, writer),
        ):
            closed = asyncio.ensure_future(reader.read())
            while not closed.done():
                writer.write(b"x")
                await asyncio.wait([closed], timeout=0.01)
            assert server.transports.statistics().cut == {("ws", "slow_message"): 1}
            await connections(server, 0)

    run_in_time(scenario, 0.1)


def test_an_idle_phone_is_closed_in_good_order():
    async def scenario():
        limits = StreamLimits(idle_s=0.1, message_s=0.1)
        async with Serving("ws", limits=limits) as server, browser(server) as phone:
            await phone.send_bytes(message(1))
            assert (await received(phone)).type is aiohttp.WSMsgType.CLOSE
            assert server.transports.statistics().cut == {("ws", "idle"): 1}
            await connections(server, 0)

    run_in_time(scenario, 0.05)


def test_a_phone_that_does_not_read_is_given_up_before_it_fills_our_memory():
    async def scenario():
        limits = StreamLimits(write_buffer_bytes=50_000)
        async with Serving("ws", limits=limits) as server, by_hand(server) as (_, writer):
            writer.transport.pause_reading()
            data = message(1)
            writer.write(struct.pack("!BBI", 0x82, 0x80 + len(data), 0) + data)  # mask 0
            _, peer = await server.arrivals.message()
            while server.arrivals.failed.empty():
                server.transports.send(peer, b"x" * 40_000)
                for _ in range(10):  # so that the writer has its turns
                    await asyncio.sleep(0)
            assert await server.arrivals.failure() == peer
            assert server.transports.statistics().cut == {("ws", "not_reading"): 1}
            await connections(server, 0)

    run(scenario)


def test_disconnect_sends_what_was_sent_before_and_closes():
    async def scenario():
        async with Serving("ws") as server, browser(server) as phone:
            await phone.send_str(message(1).decode())
            _, peer = await server.arrivals.message()
            server.transports.send(peer, b"SIP/2.0 400 Bad Request\r\n\r\n")
            server.transports.disconnect(peer)
            assert (await received(phone)).data == "SIP/2.0 400 Bad Request\r\n\r\n"
            assert (await received(phone)).type is aiohttp.WSMsgType.CLOSE
            await connections(server, 0)
            server.transports.disconnect(peer)

    run(scenario)


def test_a_server_that_ends_tells_its_phones():
    async def scenario():
        async with Serving("ws") as server, browser(server) as phone:
            await phone.send_str(message(1).decode())
            _, peer = await server.arrivals.message()
            server.transports.send(peer, b"BYE sip:a SIP/2.0\r\n\r\n")
            closing = asyncio.ensure_future(server.transports.close())
            assert (await received(phone)).data == "BYE sip:a SIP/2.0\r\n\r\n"
            assert (await received(phone)).type is aiohttp.WSMsgType.CLOSE
            await asyncio.wait_for(closing, DEADLINE_S)

    run(scenario)


def test_connections_per_host_are_bounded_over_all_transports():
    async def scenario():
        limits = StreamLimits(connections_per_host=2)
        async with (
            Serving("ws", ("tcp", "0.0.0.0", 0), limits=limits) as server,
            browser(server),
            by_hand(server, b""),
        ):
            await connections(server, 2)
            _, _, port = server.peer(1)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(reader.read(), DEADLINE_S) == b""
            writer.close()
            assert server.transports.statistics().refused == {("tcp", "host_full"): 1}
            other = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.3", 0))
            with other:
                other.sendall(message(1))
                data, peer = await server.arrivals.message()
                assert (data, peer.host) == (message(1), "127.0.0.3")

    run(scenario)


def test_a_phone_behind_ipv6():
    async def scenario():
        async with Serving(("ws", "::1", 0)) as server, browser(server) as phone:
            await phone.send_str(message(1).decode())
            _, peer = await server.arrivals.message()
            assert peer[:2] == ("ws", "::1")
            assert isinstance(peer, Peer)
            await until(lambda: server.transports.connections() == 1)

    run(scenario)
