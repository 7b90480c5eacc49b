"""The machine of reliable provisional answers under any sequence (RFC 3262 section 3)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_support import request

from acd.sip.errors import BadMessageError
from acd.sip.message import Request, read
from acd.sip.reliable_answers import ReliableAnswers
from acd.sip.timers import SipTimers

FIRST, CSEQ = 77, 5
STEP = st.one_of(
    st.tuples(st.just("ring"), st.sampled_from([180, 183]), st.sampled_from([b"", b"sdp"])),
    st.tuples(
        st.just("prack"), st.integers(-1, 1), st.sampled_from([CSEQ, CSEQ + 1]), st.just(b"INVITE")
    ),
    st.tuples(
        st.just("prack"), st.just(0), st.just(CSEQ), st.sampled_from([b"INVITE", b"UPDATE"])
    ),
    st.tuples(st.just("pass"), st.floats(0.0, 40.0)),
    st.tuples(st.just("stop")),
)


class Stage:
    """The machine, and what has gone out by it."""

    def __init__(self, *, takes_offer: bool) -> None:
        self.machine = ReliableAnswers(
            first_rseq=FIRST, invite_cseq=CSEQ, takes_offer=takes_offer, timers=SipTimers()
        )
        self.takes_offer = takes_offer
        self.now, self.sent, self.open, self.described = 0.0, 0, False, 0
        self.sent_at = 0.0
        self.stopped = False

    def send(self, wish) -> None:
        assert not self.open, "MUST NOT send a second one until the first is acknowledged"
        assert self.takes_offer or self.described or wish.sdp, "a late offer comes first"
        lines = self.machine.send(wish, self.now)
        assert lines == b"Require: 100rel\r\nRSeq: %d\r\n" % (FIRST + self.sent)
        self.sent += 1
        self.described += bool(wish.sdp)
        assert self.described <= 1, "one description is all that an INVITE is answered by"
        self.open, self.sent_at = True, self.now

    def ring(self, status: int, sdp: bytes) -> None:
        if not self.stopped and (wish := self.machine.wants(status, sdp)) is not None:
            assert (wish.status, wish.sdp) in {(status, sdp), (status, b"")}
            self.send(wish)

    def prack(self, beside: int, cseq: int, method: bytes) -> None:
        number = FIRST + self.sent - 1 + beside
        data = request("PRACK", f"RAck: {number} {cseq} {method.decode()}")
        message = read(data)
        assert isinstance(message, Request)
        if not self.open or (beside, cseq, method) != (0, CSEQ, b"INVITE"):
            with pytest.raises(BadMessageError) as refusal:
                self.machine.acknowledge(message)
            assert refusal.value.status == 481
            return
        self.machine.acknowledge(message)
        self.open = False
        assert self.machine.at == math.inf, "nothing is repeated, nothing given up"
        if not self.stopped and (wish := self.machine.queued()) is not None:
            self.send(wish)

    def pass_(self, seconds: float) -> None:
        until = self.now + seconds
        while (at := self.machine.at) <= until:
            assert self.open
            self.now = at
            if self.machine.given_up(at):
                assert at == pytest.approx(self.sent_at + 32.0)
                self.stop()
                break
            assert self.machine.repeat(at)
            assert round(at - self.sent_at, 6) in {0.5 * (2**n - 1) for n in range(1, 7)}
        self.now = until

    def stop(self) -> None:
        self.machine.stop()
        self.stopped = True
        assert self.machine.at == math.inf


@settings(max_examples=150, deadline=None)
@given(st.booleans(), st.lists(STEP, max_size=30))
def test_any_sequence(takes_offer: bool, steps) -> None:
    stage = Stage(takes_offer=takes_offer)
    for what, *arguments in steps:
        getattr(stage, "pass_" if what == "pass" else what)(*arguments)
        settled = stage.described and not (stage.open and stage.machine._open.sdp)
        assert stage.machine.settled <= bool(settled)
        assert stage.machine.holds_back(b"x", offer_open=True)
        assert stage.machine.holds_back(b"x", offer_open=False) == bool(
            stage.open and stage.machine._open.sdp
        )
