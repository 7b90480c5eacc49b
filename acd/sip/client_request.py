"""Non-INVITE client transaction (RFC 3261 section 17.1.2)."""

import math
from enum import Enum, auto

from .effects import Send
from .timers import SipTimers
from .transaction import DELIVER, GONE, NOTHING, TIMED_OUT, Effects, Transaction


class State(Enum):
    """States of figure 6. COMPLETED has nothing left to do here, see `on_response`."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_TRYING, _PROCEEDING = State.TRYING, State.PROCEEDING
_DELIVERED: Effects = (DELIVER,)
_FINAL: Effects = (DELIVER, GONE)


class ClientRequestTransaction(Transaction):
    """Repeats a request until its answer comes or timer F fires."""

    __slots__ = ("_repeat_at", "_repeat_s", "_request", "_timeout_at", "_timers", "state")

    def __init__(self, key: bytes, request: Send, *, reliable: bool, timers: SipTimers) -> None:
        super().__init__(key, reliable=reliable)
        self.state = _TRYING
        self._request = request
        self._timers = timers
        self._repeat_s = timers.t1_s
        # Timers E and F.
        self._repeat_at = math.inf
        self._timeout_at = math.inf

    def start(self, now: float) -> tuple[Send]:
        """Send the request."""
        self._timeout_at = now + self._timers.timeout_s
        self._repeat_at = math.inf if self.reliable else now + self._repeat_s
        self._arm()
        return (self._request,)

    def restart(self, request: Send, now: float) -> Effects:
        """Send the request by another way, as long as nothing has been heard by the first."""
        if self.state is not _TRYING:
            return NOTHING
        self._request = request
        self.reliable = request.peer.transport != "udp"
        self._repeat_s = self._timers.t1_s
        return self.start(now)

    def on_response(self, status: int) -> Effects:
        """Take a response.

        Timer K, which only keeps retransmitted answers from the TU, is not needed: an answer
        that belongs to no transaction is dropped by the endpoint anyway.
        """
        if self.state is not _TRYING and self.state is not _PROCEEDING:
            return NOTHING
        if status < 200:
            self.state = _PROCEEDING
            return _DELIVERED
        self.state = State.COMPLETED
        self._repeat_at = self._timeout_at = math.inf
        self._arm()
        return _FINAL

    def on_time(self, now: float) -> Effects:
        """Fire timer E or F."""
        if now >= self._timeout_at:
            self.state = State.TERMINATED
            self._repeat_at = self._timeout_at = math.inf
            self._arm()
            return (TIMED_OUT, GONE)
        if now >= self._repeat_at:
            # "When timer E fires again, it MUST be reset to a value of MIN(4*T1, T2)"; but
            # "If Timer E fires while in the "Proceeding" state, the request MUST be passed to
            # the transport layer for retransmission, and Timer E MUST be reset with a value of
            # T2 seconds."
            t2_s = self._timers.t2_s
            self._repeat_s = t2_s if self.state is _PROCEEDING else min(2 * self._repeat_s, t2_s)
            self._repeat_at = now + self._repeat_s
            self._arm()
            return (self._request,)
        return NOTHING

    def _arm(self) -> None:
        e, f = self._repeat_at, self._timeout_at
        self.deadline = e if e < f else f
