"""Provisional answers of ours that are repeated until their PRACK comes (RFC 3262 section 3).

Used only for callers who require 100rel, or support it where the settings want it.
"""

import math

from msgspec import Struct

from .errors import BadMessageError
from .headers import parse_number
from .message import Request
from .timers import SipTimers

REQUIRE_LINE = b"Require: 100rel\r\n"
MAX_FIRST_RSEQ = 2**31 - 1
"RFC 3262 3: the first one is chosen between 1 and this; later ones are one higher each."


class Provisional(Struct, frozen=True, gc=False):
    """One answer to be given; `sdp` may be empty."""

    status: int
    sdp: bytes


class ReliableAnswers:
    """The provisional answers of one INVITE, one under way at a time.

    3: "The UAS MUST NOT send a second reliable provisional response until the first is
    acknowledged." What is wanted meanwhile waits, the last of it.
    """

    __slots__ = (
        "_give_up_at",
        "_invite_cseq",
        "_open",
        "_queued",
        "_repeat_at",
        "_repeat_s",
        "_rseq",
        "_takes_offer",
        "_timers",
        "answer_waiting",
        "answered_by_peer",
        "described",
    )

    def __init__(
        self, *, first_rseq: int, invite_cseq: int, takes_offer: bool, timers: SipTimers
    ) -> None:
        self._rseq = first_rseq - 1
        self._invite_cseq = invite_cseq
        self._takes_offer = takes_offer
        self._timers = timers
        self._open: Provisional | None = None  # not acknowledged
        self._queued: Provisional | None = None
        self._repeat_s = 0.0
        self._repeat_at = self._give_up_at = math.inf
        self.described = False
        "One of them carried our session description: the answer, or the offer of a late one."
        self.answered_by_peer = False
        "A PRACK has brought the answer to our offer."
        self.answer_waiting: bytes | None = None
        "The description of a 200 that must not go out yet."

    @property
    def at(self) -> float:
        """When something is to be repeated, or given up."""
        return min(self._repeat_at, self._give_up_at)

    @property
    def settled(self) -> bool:
        """Offer and answer have been exchanged: a new offer may come by UPDATE (RFC 3311 5.1)."""
        return (
            self.described
            and (self._open is None or not self._open.sdp)
            and (self._takes_offer or self.answered_by_peer)
        )

    def wants(self, status: int, sdp: bytes) -> Provisional | None:
        """Return what to send for this wish now; None: nothing, or later.

        RFC 3261 13.2.1 has a late offer in the first reliable message: without a description
        there is nothing that could be said to an INVITE without offer. And one description is
        all that the INVITE may be answered by.
        """
        if not (self._takes_offer or self.described or sdp):
            return None
        wish = Provisional(status, b"" if self.described else sdp)
        if self._open is not None:
            if self._queued is not None and not wish.sdp:
                wish = Provisional(status, self._queued.sdp)
            self._queued = wish
            return None
        return wish

    def send(self, provisional: Provisional, now: float) -> bytes:
        """Begin to wait for its PRACK; return the header lines that make it reliable.

        3: "The provisional response to be sent reliably is […] retransmitted periodically with
        an interval that starts at T1 seconds and doubles for each retransmission".
        """
        self._rseq += 1
        self._open = provisional
        self.described = self.described or bool(provisional.sdp)
        self._repeat_s = self._timers.t1_s
        self._repeat_at = now + self._repeat_s
        self._give_up_at = now + self._timers.timeout_s
        return b"%bRSeq: %d\r\n" % (REQUIRE_LINE, self._rseq)

    def repeat(self, now: float) -> bool:
        """Tell whether it is time to send it again; the next interval is twice as long."""
        if now < self._repeat_at:
            return False
        self._repeat_s *= 2
        self._repeat_at = now + self._repeat_s
        return True

    def given_up(self, now: float) -> bool:
        """Tell whether no PRACK came for 64*T1."""
        return now >= self._give_up_at

    def acknowledge(self, request: Request) -> Provisional:
        """Take a PRACK; return what it acknowledges. 481 when that is nothing of ours.

        7.2: RAck has the RSeq of the answer, then CSeq number and method of the request.
        """
        words = request.need(b"rack").split()
        if len(words) != 3:
            raise BadMessageError("RAck is not two numbers and a method")
        numbers = parse_number(words[0]), parse_number(words[1]), words[2]
        acknowledged = self._open
        if acknowledged is None or numbers != (self._rseq, self._invite_cseq, b"INVITE"):
            # 3: "If a PRACK request is received by the UA core that does not match any
            # unacknowledged reliable provisional response, the UAS MUST respond to the PRACK
            # with a 481 response."
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        if request.body and not self.described:
            # The INVITE's own offer has no answer yet: 5 has none in a PRACK before that.
            raise BadMessageError("Request Pending", 491)
        if acknowledged.sdp and not self._takes_offer:
            self.answered_by_peer = True
        self._open = None
        self._repeat_at = self._give_up_at = math.inf
        return acknowledged

    def queued(self) -> Provisional | None:
        """Return what has waited for the PRACK."""
        if self._open is not None:
            return None
        wish, self._queued = self._queued, None
        return wish

    def holds_back(self, sdp: bytes, *, offer_open: bool) -> bool:
        """Tell whether the 200 with this description has to wait; note it then.

        So it does while an offer in a PRACK or UPDATE (`offer_open`) has no answer of ours, and:

        3: "The UAS MAY send a final response to the initial request before having received
        PRACKs for all unacknowledged reliable provisional responses, unless the final response
        is 2xx and any of the unacknowledged reliable provisional responses contained a session
        description."
        """
        if not offer_open and (self._open is None or not self._open.sdp):
            return False
        self.answer_waiting = sdp
        return True

    def stop(self) -> None:
        """Repeat nothing any more; a PRACK for what went out last is still known."""
        self._repeat_at = self._give_up_at = math.inf
        self._queued = None
