"""What the sockets' readers do with verdicts, and how they learn how far behind they are."""

import asyncio
import socket

import pytest

from acd.net.udp import BATCH_MAX, READ_MAX
from acd.sip.admission import SHED_BYTES, WINDOW_S, Admission, AdmissionSettings, Level
from tests.net.sip_wire import DEADLINE_S, Serving, message, run, run_in_time

CRLF = b"\r\n\r\n"


def invite(number):
    return b"INVITE sip:4000@acd SIP/2.0\r\nCall-ID: %d\r\nContent-Length: 0\r\n\r\n" % number


def sender(server, host="127.0.0.1"):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.connect(server.peer()[1:])
    return sock


def serving(*listeners, admission, shed):
    return Serving(
        *listeners, admission=admission, on_shed=lambda data, peer: shed.append((data, peer))
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_calls_beyond_the_limit_are_shed_and_all_else_arrives(transport):
    async def scenario():
        shed = []
        admission = Admission(AdmissionSettings(calls_per_source=2))
        async with serving(transport, admission=admission, shed=shed) as server:
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, kind) as sock:
                sock.connect(server.peer()[1:])
                for number in range(4):
                    sock.sendall(invite(number))
                sock.sendall(message(9))
                arrived = [(await server.arrivals.message())[0] for _ in range(3)]
                assert arrived == [invite(0), invite(1), message(9)]
                assert [data for data, _ in shed] == [invite(2), invite(3)]
                assert {peer.port for _, peer in shed} == {sock.getsockname()[1]}

    run_in_time(scenario, WINDOW_S / 2)


def test_behind_a_pile_of_calls_that_are_too_many_another_source_is_read_in_the_same_go():
    async def scenario():
        shed = []
        admission = Admission(AdmissionSettings(exempt=("127.0.0.1",), calls_per_source=1))
        async with serving("udp", admission=admission, shed=shed) as server:
            with sender(server, "127.0.0.2") as flood, sender(server) as good:
                good.send(message(1))
                await server.arrivals.message()
                for number in range(4 * BATCH_MAX):
                    flood.send(invite(number))
                good.send(invite(0))
                # One turn of the loop to see that there is something, one to read it.
                data, peer = await server.arrivals.message()
                while peer.host != "127.0.0.1":
                    data, peer = await server.arrivals.message()
                assert data == invite(0)
                assert len(shed) == 4 * BATCH_MAX - 1
                assert READ_MAX > 4 * BATCH_MAX

    run_in_time(scenario, WINDOW_S / 2)


def test_the_depth_of_the_queue_is_seen_and_seen_to_go():
    async def scenario():
        shed = []
        admission = Admission()
        async with serving("udp", admission=admission, shed=shed) as server:
            with sender(server) as sock:
                for number in range(SHED_BYTES // 500):
                    sock.send(invite(number))
                data, _ = await server.arrivals.message()
                while admission.level is Level.CALM:
                    data, _ = await server.arrivals.message()
                assert data.startswith(b"INVITE ")
                while admission.level is not Level.CALM:
                    sock.send(message(1))
                    await server.arrivals.message()
                sock.send(invite(1))
                while data != invite(1):
                    data, _ = await server.arrivals.message()

    run(scenario)


def test_within_a_dialog_nothing_is_turned_away_while_calls_are():
    async def scenario():
        shed = []
        admission = Admission()
        async with serving("udp", admission=admission, shed=shed) as server:
            reinvite = invite(1)[:-2] + b"To: <sip:a@b>;tag=ours" + CRLF
            with sender(server) as sock:
                sock.send(message(1))
                await server.arrivals.message()
                # The loop stands still while these pile up; a small buffer may lose some.
                for n in range(2_000):
                    sock.send(invite(1))
                    if n % 10 == 0:
                        sock.send(reinvite)
                served = []
                while message(2) not in served:
                    if server.arrivals.messages.empty():
                        sock.send(message(2))
                    served.append((await server.arrivals.message())[0])
                doubted = [data for data, _ in shed]
                assert invite(1) in doubted
                # Who reads these finds that they are of a call under way: `Endpoint.refusal`.
                assert served.count(reinvite) + doubted.count(reinvite) > 100

    run(scenario)


@pytest.mark.parametrize("transport", ["tcp", "ws"])
def test_who_is_banned_loses_the_connection_and_gets_no_new_one(transport):
    async def scenario():
        admission = Admission()
        async with serving(transport, admission=admission, shed=[]) as server:
            with socket.create_connection(server.peer()[1:]) as open_already:
                open_already.setblocking(False)
                if transport == "tcp":
                    open_already.sendall(message(1))
                    await server.arrivals.message()
                    admission.banned = {"127.0.0.1"}.__contains__
                    open_already.sendall(message(2))
                    loop = asyncio.get_running_loop()
                    ended = loop.sock_recv(open_already, 99)
                    assert await asyncio.wait_for(ended, DEADLINE_S) == b""
                admission.banned = {"127.0.0.1"}.__contains__
                with socket.create_connection(server.peer()[1:]) as refused:
                    refused.setblocking(False)
                    loop = asyncio.get_running_loop()
                    ended = loop.sock_recv(refused, 99)
                    assert await asyncio.wait_for(ended, DEADLINE_S) == b""
                assert server.arrivals.messages.empty()

    run(scenario)
