"""Non-INVITE client transaction (RFC 3261 17.1.2)."""

import math

from hypothesis import given
from hypothesis import strategies as st

from acd.sip.client_request import ClientRequestTransaction, State
from acd.sip.effects import Send
from acd.sip.peer import Peer
from acd.sip.timers import SipTimers
from acd.sip.transaction import DELIVER, GONE, TIMED_OUT

BYE = Send(Peer("udp", "192.0.2.1", 5060), b"BYE")


def transaction(*, reliable: bool = False) -> ClientRequestTransaction:
    machine = ClientRequestTransaction(b"k", BYE, reliable=reliable, timers=SipTimers())
    assert machine.start(0.0) == (BYE,)
    return machine


def run_out(machine) -> list[tuple[float, object]]:
    fired = []
    while (at := machine.next_deadline()) != math.inf:
        fired += [(at, effect) for effect in machine.on_time(at)]
    return fired


def test_interval_doubles_up_to_t2() -> None:
    """17.1.2.2: "500 ms, 1 s, 2 s, 4 s, 4 s, 4 s, etc."; timer F at 64*T1."""
    fired = run_out(transaction())
    times = [at for at, effect in fired if effect == BYE]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert fired[-2:] == [(32.0, TIMED_OUT), (32.0, GONE)]


def test_goes_on_retransmitting_in_proceeding_at_t2() -> None:
    """17.1.2.2: in Proceeding "Timer E MUST be reset with a value of T2 seconds"."""
    machine = transaction()
    assert machine.on_response(100) == (DELIVER,)
    fired = run_out(machine)
    assert [at for at, effect in fired if effect == BYE][:3] == [0.5, 4.5, 8.5]
    assert fired[-2:] == [(32.0, TIMED_OUT), (32.0, GONE)]


def test_final_answer_ends_it() -> None:
    machine = transaction()
    assert machine.on_response(481) == (DELIVER, GONE)
    assert machine.on_response(481) == ()
    assert machine.next_deadline() == math.inf


def test_reliable_transport_only_times_out() -> None:
    assert run_out(transaction(reliable=True)) == [(32.0, TIMED_OUT), (32.0, GONE)]


@given(st.booleans(), st.lists(st.one_of(st.integers(100, 699), st.floats(0, 20)), max_size=30))
def test_any_sequence_keeps_the_invariants(reliable, steps) -> None:
    machine, now, ends = transaction(reliable=reliable), 0.0, 0
    for step in steps:
        if isinstance(step, int):
            effects = machine.on_response(step)
        else:
            now += step
            effects = machine.on_time(now)
        ends += GONE in effects
        assert (machine.state in {State.COMPLETED, State.TERMINATED}) == (ends == 1)
        assert ends == 0 or machine.next_deadline() == math.inf
    run_out(machine)
    assert machine.state in {State.COMPLETED, State.TERMINATED}
