"""RTP ports of a worker: bound ahead, rested, drained and used again."""

import math
import socket

import pytest

from acd.net.media_ports import MAX_DRAINED, QUARANTINE_S, PortPool

HOST = "127.0.0.1"
RANGE = (29_700, 29_759)


@pytest.fixture
def pool() -> PortPool:
    return PortPool(HOST, *RANGE, spare=4)


def test_even_ports_are_bound_ahead_and_again_when_half_are_taken(pool: PortPool) -> None:
    ports, fault = pool.top_up()
    assert (len(ports), fault) == (4, "")
    assert all(port % 2 == 0 and RANGE[0] <= port <= RANGE[1] for port in ports)
    assert pool.top_up() == ((), "")
    with pool.take(ports[0]), pool.take(ports[1]):
        more, _ = pool.top_up()
        assert len(more) == 2
        assert not set(more) & set(ports)
    for port in (*ports[2:], *more):
        pool.take(port).close()


def test_a_port_rests_and_comes_back_empty(pool: PortPool) -> None:
    ports, _ = pool.top_up()
    taken = pool.take(ports[0])
    pool.give_back(taken, 100.0)
    assert pool.next_deadline() == 100.0 + QUARANTINE_S
    assert pool.on_time(100.0 + QUARANTINE_S / 2) == ()
    assert pool.on_time(100.0 + QUARANTINE_S) == (ports[0],)
    assert pool.next_deadline() == math.inf
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for _ in range(20):
            peer.sendto(b"old", (HOST, ports[0]))
    assert MAX_DRAINED > 20
    with pool.take(ports[0]) as again:
        assert again is taken
        with pytest.raises(BlockingIOError):
            again.recv(10)
    for port in ports[1:]:
        pool.take(port).close()


def test_a_port_that_another_has_is_passed_over() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, 29_762))
        ports, fault = PortPool(HOST, 29_762, 29_763, spare=2).top_up()
        assert ports == ()
        assert "29762" in fault


def test_an_address_that_is_not_ours_is_a_fault_at_once() -> None:
    ports, fault = PortPool("192.0.2.1", *RANGE, spare=4).top_up()
    assert ports == ()
    assert "192.0.2.1" in fault
