"""Server transactions (RFC 3261 17.2 with RFC 6026)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.sip import server_invite, server_request
from acd.sip.effects import Send
from acd.sip.peer import Peer
from acd.sip.server_invite import ServerInviteTransaction
from acd.sip.server_request import ServerRequestTransaction
from acd.sip.timers import SipTimers
from acd.sip.transaction import GONE, TIMED_OUT, Ended

PEER = Peer("udp", "192.0.2.1", 5060)


def response(status: int) -> Send:
    return Send(PEER, b"%d" % status)


def invite(*, reliable: bool = False) -> ServerInviteTransaction:
    return ServerInviteTransaction(b"k", reliable=reliable, timers=SipTimers())


def run_out(machine) -> list[tuple[float, object]]:
    fired = []
    while (at := machine.next_deadline()) != math.inf:
        fired += [(at, effect) for effect in machine.on_time(at)]
    return fired


def test_invite_retransmission_gets_the_latest_provisional() -> None:
    machine = invite()
    assert machine.on_retransmission() == ()
    machine.respond(100, response(100), 0.0)
    machine.respond(180, response(180), 1.0)
    assert machine.on_retransmission() == (response(180),)


def test_refusal_is_repeated_until_timer_h() -> None:
    """17.2.1: timer G starts at T1, then MIN(2*T1, T2); H fires at 64*T1."""
    machine = invite()
    assert machine.respond(486, response(486), 0.0) == (response(486),)
    assert machine.on_retransmission() == (response(486),)
    fired = run_out(machine)
    times = [at for at, effect in fired if effect == response(486)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert fired[-2:] == [(32.0, TIMED_OUT), (32.0, GONE)]


def test_refusal_is_not_repeated_on_tcp_but_waits_for_its_ack() -> None:
    machine = invite(reliable=True)
    machine.respond(486, response(486), 0.0)
    assert run_out(machine) == [(32.0, TIMED_OUT), (32.0, GONE)]


@pytest.mark.parametrize(("reliable", "linger_s"), [(False, 5.0), (True, 0.0)])
def test_ack_confirms_for_timer_i(reliable: bool, linger_s: float) -> None:
    machine = invite(reliable=reliable)
    machine.respond(486, response(486), 0.0)
    assert machine.on_ack() == (Ended(linger_s, None),)
    assert machine.next_deadline() == math.inf
    assert machine.on_ack() == ()


def test_2xx_is_left_to_the_tu() -> None:
    """RFC 6026 7.1: Accepted for timer L = 64*T1, on any transport."""
    for reliable in (False, True):
        machine = invite(reliable=reliable)
        assert machine.respond(200, response(200), 0.0) == (response(200), Ended(32.0, None))
        assert machine.next_deadline() == math.inf
        assert machine.respond(486, response(486), 1.0) == ()


def test_request_is_answered_once_and_repeated_from_the_grave() -> None:
    machine = ServerRequestTransaction(b"k", reliable=False, timers=SipTimers())
    assert machine.on_retransmission() == ()  # Trying: "any further request […] discarded"
    assert machine.respond(100, response(100)) == (response(100),)
    assert machine.on_retransmission() == (response(100),)
    assert machine.respond(200, response(200)) == (response(200), Ended(32.0, response(200)))
    assert machine.respond(500, response(500)) == ()


def test_timer_j_is_zero_on_tcp() -> None:
    machine = ServerRequestTransaction(b"k", reliable=True, timers=SipTimers())
    assert machine.respond(200, response(200))[1].linger_s == 0.0


@given(
    st.booleans(),
    st.lists(
        st.one_of(st.integers(100, 699), st.floats(0, 40), st.sampled_from(["ack", "again"])),
        max_size=30,
    ),
)
def test_any_sequence_on_the_invite_machine(reliable, steps) -> None:
    machine, now, ends, finals = invite(reliable=reliable), 0.0, 0, set()
    for step in steps:
        if step == "ack":
            effects = machine.on_ack()
        elif step == "again":
            effects = machine.on_retransmission()
        elif isinstance(step, int):
            effects = machine.respond(step, response(step), now)
        else:
            now += step
            effects = machine.on_time(now)
        finals |= {e.data for e in effects if isinstance(e, Send) and int(e.data) >= 200}
        assert len(finals) <= 1, "only one final answer is ever sent"
        ends += any(isinstance(effect, Ended) for effect in effects)
        alive = machine.state in {server_invite.State.PROCEEDING, server_invite.State.COMPLETED}
        assert alive == (ends == 0)
        assert alive or machine.next_deadline() == math.inf
    run_out(machine)


@given(st.booleans(), st.lists(st.one_of(st.integers(100, 699), st.none()), max_size=20))
def test_any_sequence_on_the_request_machine(reliable, steps) -> None:
    machine = ServerRequestTransaction(b"k", reliable=reliable, timers=SipTimers())
    ends, last = 0, None
    for step in steps:
        if step is None:
            assert machine.on_retransmission() == (() if last is None else (response(last),))
            continue
        effects = machine.respond(step, response(step))
        assert (effects == ()) == (ends == 1)
        if effects:
            last = step
        ends += any(isinstance(effect, Ended) for effect in effects)
        assert (machine.state is server_request.State.COMPLETED) == (ends == 1)
