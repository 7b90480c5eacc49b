"""INVITE server transaction (RFC 3261 section 17.2.1, as amended by RFC 6026)."""

import math
from enum import Enum, auto

from .effects import Send
from .peer import Peer
from .reconnecting import answer_again
from .timers import SipTimers
from .transaction import GONE, NOTHING, TIMED_OUT, Effects, Ended, Transaction


class State(Enum):
    """States of figure 7; ACCEPTED is RFC 6026's."""

    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


_PROCEEDING, _COMPLETED = State.PROCEEDING, State.COMPLETED


class ServerInviteTransaction(Transaction):
    """Sends our answers, repeats what must be repeated, and waits for the ACK of a refusal."""

    __slots__ = ("_repeat_at", "_repeat_s", "_timeout_at", "_timers", "last", "state")

    def __init__(self, key: bytes, *, reliable: bool, timers: SipTimers) -> None:
        super().__init__(key, reliable=reliable)
        self.state = _PROCEEDING
        self._timers = timers
        self.last: Send | None = None
        "What has been answered and may have to be sent again."
        self._repeat_s = timers.t1_s
        # Timers G and H.
        self._repeat_at = math.inf
        self._timeout_at = math.inf

    def respond(self, status: int, response: Send, now: float) -> Effects:
        """Send an answer of ours; after a final one nothing more is sent."""
        if self.state is not _PROCEEDING:
            return NOTHING
        if status < 200:
            self.last = response
            return (response,)
        if status < 300:
            # RFC 6026 7.1: "If the SIP element's TU issues a 2xx response for this transaction
            # while the state machine is in the "Proceeding" state, the state machine MUST
            # transition to the "Accepted" state and set Timer L to 64*T1". The 2xx itself is
            # repeated by the TU, until its ACK comes.
            self.state = State.ACCEPTED
            self.last = None
            return (response, Ended(self._timers.timeout_s, None))
        self.state = _COMPLETED
        self.last = response
        # "When the "Completed" state is entered, timer H MUST be set to fire in 64*T1 seconds
        # for all transports."
        self._timeout_at = now + self._timers.timeout_s
        self._repeat_at = math.inf if self.reliable else now + self._repeat_s
        self._arm()
        return (response,)

    def on_retransmission(self) -> Effects:
        """Take the same INVITE again.

        "If a request retransmission is received while in the "Proceeding" state, the most
        recent provisional response that was received from the TU MUST be passed to the
        transport layer for retransmission." In Completed the final response is.
        """
        if self.last is not None and self.state in {_PROCEEDING, _COMPLETED}:
            return (self.last,)
        return NOTHING

    def on_connection_lost(self, peer: Peer) -> Effects:
        """Send a refusal by another way when the peer's connection is gone (18.2.2)."""
        if self.state is not _COMPLETED or self.last is None or self.last.peer != peer:
            return NOTHING
        again = answer_again(self.last)
        if again is None:
            return NOTHING
        self.last = again
        return (again,)

    def on_ack(self) -> Effects:
        """Take the ACK of a refusal."""
        if self.state is not _COMPLETED:
            return NOTHING
        # "The purpose of the "Confirmed" state is to absorb any additional ACK messages that
        # arrive, triggered from retransmissions of the final response. When this state is
        # entered, timer I is set to fire in T4 seconds for unreliable transports, and zero
        # seconds for reliable transports."
        self.state = State.CONFIRMED
        self.last = None
        self._repeat_at = self._timeout_at = math.inf
        self._arm()
        return (Ended(0.0 if self.reliable else self._timers.t4_s, None),)

    def on_time(self, now: float) -> Effects:
        """Fire timer G or H."""
        if now >= self._timeout_at:
            # "If timer H fires while in the "Completed" state, it implies that the ACK was
            # never received. […] the server transaction MUST transition to the "Terminated"
            # state, and MUST indicate to the TU that a transaction failure has occurred."
            self.state = State.TERMINATED
            self._repeat_at = self._timeout_at = math.inf
            self._arm()
            return (TIMED_OUT, GONE)
        if now >= self._repeat_at and self.last is not None:
            # "If timer G fires, the response is passed to the transport layer once more for
            # retransmission, and timer G is set to fire in MIN(2*T1, T2) seconds."
            self._repeat_s = min(2 * self._repeat_s, self._timers.t2_s)
            self._repeat_at = now + self._repeat_s
            self._arm()
            return (self.last,)
        return NOTHING

    def _arm(self) -> None:
        g, h = self._repeat_at, self._timeout_at
        self.deadline = g if g < h else h
