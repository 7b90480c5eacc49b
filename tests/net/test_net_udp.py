"""SIP over real UDP sockets."""

import asyncio
import socket
import time
from functools import partial

import pytest

from acd.net.listener import SipTransports, TransportError
from acd.net.udp import BUSY_S, KEEP_ALIVE_BYTES_MAX, LEAVE_S
from acd.sip.peer import Peer
from tests.net.sip_wire import DEADLINE_S, Arrivals, Serving, message, run, until


def client_socket(family=socket.AF_INET):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def receive(sock):
    return asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65_535), DEADLINE_S)


def test_a_datagram_arrives_with_its_peer_and_the_answer_returns_from_the_same_port():
    async def scenario():
        async with Serving("udp") as server:
            with client_socket() as sock:
                sock.connect(server.peer()[1:])
                sock.send(message(1))
                data, peer = await server.arrivals.message()
                assert data == message(1)
                assert peer == Peer("udp", *sock.getsockname())

                server.transports.send(peer, b"SIP/2.0 200 OK\r\n\r\n")
                # The client's socket is connected: the kernel drops what comes from elsewhere.
                assert await receive(sock) == b"SIP/2.0 200 OK\r\n\r\n"

    run(scenario)


def test_a_peer_that_never_sent_anything_can_be_sent_to():
    async def scenario():
        async with Serving("udp") as one, Serving("udp") as other:
            one.transports.send(other.peer(), message(1))
            data, peer = await other.arrivals.message()
            assert data == message(1)
            assert peer == one.peer()

    run(scenario)


def test_each_of_several_sockets_answers_its_own_peers():
    async def scenario():
        async with Serving("udp", "udp") as server:
            for index in (1, 0):
                with client_socket() as sock:
                    sock.connect(server.peer(index)[1:])
                    sock.send(message(index))
                    _, peer = await server.arrivals.message()
                    server.transports.send(peer, b"answer %d" % index)
                    assert await receive(sock) == b"answer %d" % index

    run(scenario)


def test_ipv6_beside_ipv4():
    async def scenario():
        listeners = [("udp", "127.0.0.1", 0), ("udp", "::1", 0)]
        async with Serving(*listeners) as server:
            with client_socket(socket.AF_INET6) as sock:
                server.transports.send(Peer("udp", *sock.getsockname()[:2]), b"to six")
                assert await receive(sock) == b"to six"
                sock.sendto(message(6), server.peer(1)[1:])
                _, peer = await server.arrivals.message()
                assert peer == Peer("udp", *sock.getsockname()[:2])

    run(scenario)


@pytest.mark.parametrize("garbage", [b"", b"\r\n\r\n", b"\0\0\0\0", b"x" * KEEP_ALIVE_BYTES_MAX])
def test_keep_alives_cost_nobody_anything(garbage):
    async def scenario():
        async with Serving("udp") as server:
            with client_socket() as sock:
                sock.sendto(garbage, server.peer()[1:])
                sock.sendto(message(1), server.peer()[1:])
                data, _ = await server.arrivals.message()
                assert data == message(1)

    run(scenario)


def test_garbage_and_the_largest_datagram_come_through_as_they_are():
    async def scenario():
        async with Serving("udp") as server:
            with client_socket() as sock:
                for data in (bytes(range(256)), b"x" * 65_000, message(1)):
                    sock.sendto(data, server.peer()[1:])
                    assert (await server.arrivals.message())[0] == data

    run(scenario)


@pytest.mark.parametrize(
    "peer",
    [
        Peer("udp", "phone.example", 5060),
        Peer("udp", "", 5060),
        Peer("udp", "127.0.0.1", 0),
        Peer("udp", "127.0.0.1", 65_536),
        Peer("udp", "127.0.0.1", -1),
        Peer("udp", "::1", 5060),
        Peer("udp", "::ffff:0:0:0:0:1%nowhere", 5060),
    ],
)
def test_a_peer_that_no_socket_can_reach_is_reported_later_and_nothing_is_raised(peer):
    async def scenario():
        async with Serving("udp") as server:
            server.transports.send(peer, message(1))
            assert server.arrivals.failed.empty()
            assert await server.arrivals.failure() == peer

    run(scenario)


def test_a_message_too_large_for_a_datagram_is_reported():
    async def scenario():
        async with Serving("udp") as server, Serving("udp") as other:
            server.transports.send(other.peer(), b"x" * 70_000)
            assert await server.arrivals.failure() == other.peer()

    run(scenario)


def test_a_port_where_nobody_listens_does_no_harm():
    async def scenario():
        async with Serving("udp") as server:
            with client_socket() as sock:
                nobody = Peer("udp", *sock.getsockname())
            with client_socket() as sock:
                for _ in range(3):
                    server.transports.send(nobody, message(1))
                sock.sendto(message(2), server.peer()[1:])
                assert (await server.arrivals.message())[0] == message(2)
            assert server.arrivals.failed.empty()

    run(scenario)


def test_a_burst_is_received_whole():
    async def scenario():
        async with Serving("udp") as server:
            with client_socket() as sock:
                for number in range(2_000):
                    sock.sendto(message(number), server.peer()[1:])
                for number in range(2_000):
                    assert (await server.arrivals.message())[0] == message(number)

    run(scenario)


def test_after_close_nothing_is_raised():
    async def scenario():
        async with Serving("udp", "tcp") as server:
            peer = server.peer()
        server.transports.send(peer, message(1))
        server.transports.disconnect(peer)
        assert server.transports.bound_addresses() == []

    run(scenario)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_taken_port_is_said_in_one_line_and_nothing_stays_open(transport):
    async def scenario():
        async with Serving(transport) as first:
            _, host, port = first.transports.bound_addresses()[0]
            arrivals = Arrivals()
            second = SipTransports(arrivals.on_message, arrivals.on_failed)
            with pytest.raises(TransportError) as caught:
                await second.start([("udp", "127.0.0.1", 0), (transport, host, port)])
            assert str(caught.value) == (
                f"cannot listen on {transport} {host}:{port}: the port is taken by another program"
            )
            assert second.bound_addresses() == []
            await second.close()

    run(scenario)


@pytest.mark.parametrize(
    ("listener", "reason"),
    [
        (("udp", "192.0.2.1", 0), "this machine has no such address"),
        (("tcp", "no.such.host.invalid", 5060), "is not an address or known name"),
        (("udp", "127.0.0.1", 70_000), "udp 127.0.0.1:70000: a port is a number from 0 to 65535"),
        (("sctp", "127.0.0.1", 0), "the transport must be udp, tcp, tls, ws, wss"),
        (("tls", "127.0.0.1", 0), "cannot listen on tls: no certificate is configured"),
    ],
)
def test_an_address_that_cannot_be_used_is_said_in_one_line(listener, reason):
    async def scenario():
        arrivals = Arrivals()
        transports = SipTransports(arrivals.on_message, arrivals.on_failed)
        try:
            with pytest.raises(TransportError) as caught:
                await transports.start([listener])
        finally:
            await transports.close()
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)

    run(scenario)


def test_what_takes_long_to_serve_holds_up_no_answer_that_is_ready():
    """Agents who hang up together: each one's next call leaves before the next one is served."""
    happened = []

    def serve(data, _peer):
        end = time.monotonic() + (LEAVE_S + BUSY_S) / 2
        while time.monotonic() < end:
            pass  # as the calls would: the loop stands still meanwhile
        happened.append(data)

    async def scenario():
        left = partial(happened.append, "leave")
        transports = SipTransports(serve, lambda peer: None, on_batch=left)
        await transports.start([("udp", "127.0.0.1", 0)])
        try:
            with client_socket() as sock:
                for number in range(5):
                    sock.sendto(message(number), transports.bound_addresses()[0][1:])
                await until(lambda: happened.count("leave") < len(happened) - 4)
        finally:
            await transports.close()

    run(scenario)
    served = [index for index, what in enumerate(happened) if what != "leave"]
    assert [happened[index] for index in served] == [message(number) for number in range(5)]
    assert all(happened[index + 1] == "leave" for index in served)
