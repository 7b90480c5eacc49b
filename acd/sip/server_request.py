"""Non-INVITE server transaction (RFC 3261 section 17.2.2)."""

from enum import Enum, auto

from .effects import Send
from .timers import SipTimers
from .transaction import NOTHING, Effects, Ended, Transaction


class State(Enum):
    """States of figure 8."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()


class ServerRequestTransaction(Transaction):
    """Answers a request once, and each retransmission of it with the same."""

    __slots__ = ("_linger_s", "last", "state")

    def __init__(self, key: bytes, *, reliable: bool, timers: SipTimers) -> None:
        super().__init__(key, reliable=reliable)
        self.state = State.TRYING
        self.last: Send | None = None
        "What has been answered and may have to be sent again."
        # "When the server transaction enters the "Completed" state, it MUST set Timer J to fire
        # in 64*T1 seconds for unreliable transports, and zero seconds for reliable transports."
        self._linger_s = 0.0 if reliable else timers.timeout_s

    def respond(self, status: int, response: Send) -> Effects:
        """Send an answer of ours; after a final one nothing more is sent."""
        if self.state is State.COMPLETED:
            # "Any other final responses passed by the TU to the server transaction MUST be
            # discarded while in the "Completed" state."
            return NOTHING
        self.last = response
        if status < 200:
            self.state = State.PROCEEDING
            return (response,)
        self.state = State.COMPLETED
        return (response, Ended(self._linger_s, response))

    def on_retransmission(self) -> Effects:
        """Take the same request again.

        "Once in the "Trying" state, any further request retransmissions are discarded." In
        Proceeding and Completed the last response is sent again.
        """
        return NOTHING if self.last is None else (self.last,)

    def on_time(self, now: float) -> Effects:
        """Do nothing: no timer runs before Completed."""
        del now
        return NOTHING
