"""INVITE client transaction (RFC 3261 section 17.1.1, as amended by RFC 6026)."""

import math
from enum import Enum, auto

from .effects import Send
from .peer import Peer
from .timers import SipTimers
from .transaction import DELIVER, GONE, NOTHING, TIMED_OUT, Effects, Ended, Transaction
from .writing import HopParts


class State(Enum):
    """States of figure 5; ACCEPTED is RFC 6026's."""

    CALLING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


# Members as globals: in Python 3.11 reaching one through its class costs six times as much.
_CALLING, _PROCEEDING = State.CALLING, State.PROCEEDING
_DELIVERED: Effects = (DELIVER,)


class ClientInviteTransaction(Transaction):
    """Turns responses and the passing of time into effects."""

    __slots__ = ("_invite", "_parts", "_repeat_at", "_repeat_s", "_timeout_at", "_timers", "state")

    def __init__(
        self, key: bytes, invite: Send, parts: HopParts, *, reliable: bool, timers: SipTimers
    ) -> None:
        super().__init__(key, reliable=reliable)
        self.state = _CALLING
        self._invite = invite
        self._parts = parts
        self._timers = timers
        self._repeat_s = timers.t1_s
        # Timers A and B; infinity means that one does not run.
        self._repeat_at = math.inf
        self._timeout_at = math.inf

    def start(self, now: float) -> tuple[Send]:
        """Send the INVITE."""
        self._timeout_at = now + self._timers.timeout_s
        # "If an unreliable transport is being used, the client transaction MUST start timer A
        # with a value of T1."
        self._repeat_at = math.inf if self.reliable else now + self._repeat_s
        self._arm()
        return (self._invite,)

    @property
    def peer(self) -> Peer:
        """Where the INVITE went: its CANCEL goes there too (9.1)."""
        return self._invite.peer

    @property
    def parts(self) -> HopParts:
        """What its CANCEL is made of."""
        return self._parts

    def restart(self, invite: Send, parts: HopParts, now: float) -> Effects:
        """Send the INVITE by another way, as long as nothing has been heard by the first."""
        if self.state is not _CALLING:
            return NOTHING
        self._invite, self._parts = invite, parts
        self.reliable = invite.peer.transport != "udp"
        self._repeat_s = self._timers.t1_s
        return self.start(now)

    def on_response(self, status: int, to: bytes, now: float) -> Effects:
        """Take a response; `to` is its To header's value, for the ACK."""
        del now  # the lingering states' timers are kept by `Tombstones`
        if self.state is not _CALLING and self.state is not _PROCEEDING:
            return NOTHING
        if status < 200:
            # "In the "Proceeding" state, the client transaction SHOULD NOT retransmit the
            # request any longer." Timer B does not run here either: a phone may ring on.
            if self.state is _CALLING:
                self.state = _PROCEEDING
                self._repeat_at = self._timeout_at = math.inf
                self._arm()
            return _DELIVERED
        self._repeat_at = self._timeout_at = math.inf
        self._arm()
        if status < 300:
            # RFC 6026: "The client transaction MUST NOT generate an ACK to any 2xx response
            # on its own. The TU responsible for the transaction will generate the ACK."
            self.state = State.ACCEPTED
            return (DELIVER, Ended(self._timers.timeout_s, None))
        # "When in either the "Calling" or "Proceeding" states, reception of a response with
        # status code from 300-699 MUST cause the client transaction to transition to
        # "Completed". The client transaction MUST pass the received response up to the TU, and
        # the client transaction MUST generate an ACK request"
        self.state = State.COMPLETED
        ack = Send(self._invite.peer, self._parts.request(b"ACK", to))
        return (ack, DELIVER, Ended(0.0 if self.reliable else self._timers.timer_d_s, ack))

    def abandon(self, now: float) -> None:
        """Give the other side 64*T1 for the final answer after our CANCEL.

        RFC 3261 9.1: "If there is no final response for the original request in 64*T1 seconds
        […], the client SHOULD then consider the original transaction cancelled and SHOULD
        destroy the client transaction handling the original request."
        """
        if self.state is _PROCEEDING:
            self._timeout_at = now + self._timers.timeout_s
            self._arm()

    def on_time(self, now: float) -> Effects:
        """Fire timer A or B."""
        if now >= self._timeout_at:
            self.state = State.TERMINATED
            self._repeat_at = self._timeout_at = math.inf
            self._arm()
            return (TIMED_OUT, GONE)
        if now >= self._repeat_at:
            # "When timer A fires, the client transaction MUST retransmit the request […] and
            # MUST reset the timer with a value of 2*T1", and so on doubling.
            self._repeat_s *= 2
            self._repeat_at = now + self._repeat_s
            self._arm()
            return (self._invite,)
        return NOTHING

    def _arm(self) -> None:
        a, b = self._repeat_at, self._timeout_at
        self.deadline = a if a < b else b
