"""INVITE client transaction: each test names the sentence of the RFC it checks."""

import math

from hypothesis import given
from hypothesis import strategies as st

from acd.sip.client_invite import ClientInviteTransaction, State
from acd.sip.effects import Send
from acd.sip.peer import Peer
from acd.sip.timers import SipTimers
from acd.sip.transaction import DELIVER, GONE, TIMED_OUT, Ended
from acd.sip.writing import HopParts

PEER = Peer("udp", "192.0.2.1", 5060)
INVITE = Send(PEER, b"INVITE")
PARTS = HopParts(
    b"sip:b@h", b"Via: SIP/2.0/UDP a;branch=z9hG4bK1\r\n", b"<sip:a@h>;tag=1", b"id", 7
)
TO = b"<sip:b@h>;tag=2"


def transaction(*, reliable: bool = False) -> ClientInviteTransaction:
    machine = ClientInviteTransaction(b"k", INVITE, PARTS, reliable=reliable, timers=SipTimers())
    assert machine.start(100.0) == (INVITE,)
    return machine


def run_out(machine) -> list[tuple[float, object]]:
    fired = []
    while (at := machine.next_deadline()) != math.inf:
        fired += [(at, effect) for effect in machine.on_time(at)]
    return fired


def test_retransmits_double_until_timer_b() -> None:
    """17.1.1.2: intervals T1, 2*T1, 4*T1 … and a timeout at 64*T1."""
    fired = run_out(transaction())
    assert [at - 100 for at, effect in fired if effect == INVITE] == [
        0.5,
        1.5,
        3.5,
        7.5,
        15.5,
        31.5,
    ]
    assert fired[-2:] == [(132.0, TIMED_OUT), (132.0, GONE)]


def test_reliable_transport_does_not_retransmit() -> None:
    """17.1.1.2: "If a reliable transport is being used, timer A is not started"."""
    assert run_out(transaction(reliable=True)) == [(132.0, TIMED_OUT), (132.0, GONE)]


def test_ringing_longer_than_timer_b_is_no_timeout() -> None:
    machine = transaction()
    assert machine.on_response(180, TO, 101.0) == (DELIVER,)
    assert machine.next_deadline() == math.inf
    assert machine.on_time(500.0) == ()
    assert machine.on_response(200, TO, 500.0) == (DELIVER, Ended(32.0, None))


def test_2xx_is_not_acknowledged_here() -> None:
    """RFC 6026 7.2: the TU acknowledges; the transaction stays for timer M = 64*T1."""
    machine = transaction()
    assert machine.on_response(200, TO, 101.0) == (DELIVER, Ended(32.0, None))
    assert machine.state is State.ACCEPTED


def test_refusal_is_acknowledged_and_repeated_for_timer_d() -> None:
    machine = transaction()
    ack, deliver, ended = machine.on_response(486, TO, 101.0)
    assert deliver == DELIVER
    assert ended == Ended(32.0, ack)
    assert isinstance(ack, Send)
    # 17.1.1.3: "The ACK […] MUST contain a single Via header field, and this MUST be equal to
    # the top Via header field of the original request. […] The To header field in the ACK MUST
    # equal the To header field in the response being acknowledged". CSeq: same number, ACK.
    assert ack.data == (
        b"ACK sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\nCall-ID: id\r\nCSeq: 7 ACK\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_timer_d_is_zero_on_reliable_transports() -> None:
    """17.1.1.2: "a value of zero seconds for reliable transports"."""
    assert transaction(reliable=True).on_response(404, TO, 101.0)[2].linger_s == 0.0


def test_after_cancel_the_answer_has_64_t1() -> None:
    """9.1: no final response within 64*T1 of the CANCEL destroys the transaction."""
    machine = transaction()
    machine.on_response(180, TO, 101.0)
    machine.abandon(110.0)
    machine.on_response(180, TO, 111.0)
    assert run_out(machine) == [(142.0, TIMED_OUT), (142.0, GONE)]


@given(
    st.booleans(),
    st.lists(st.one_of(st.integers(100, 699), st.floats(0, 50), st.none()), max_size=30),
)
def test_any_sequence_keeps_the_invariants(reliable, steps) -> None:
    machine, now, ends, finals = transaction(reliable=reliable), 100.0, 0, 0
    for step in steps:
        if step is None:
            machine.abandon(now)
            effects = ()
        elif isinstance(step, int):
            effects = machine.on_response(step, TO, now)
            acks = [e for e in effects if isinstance(e, Send)]
            assert len(acks) == (DELIVER in effects and step >= 300)
            finals += DELIVER in effects and step >= 200
        else:
            now += step
            effects = machine.on_time(now)
        ends += any(isinstance(effect, Ended) for effect in effects)
        assert ends <= 1
        assert (machine.state not in {State.CALLING, State.PROCEEDING}) == (ends == 1)
        assert finals <= 1
        assert ends == 0 or machine.next_deadline() == math.inf
    run_out(machine)
