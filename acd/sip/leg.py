"""What incoming and outgoing legs share: the life of an established dialog.

Here a leg waits for the ACK of its 2xx, takes requests within its dialog, and says BYE.
"""

import math
from abc import abstractmethod

from .core import Core
from .dialog import Dialog
from .dialog_request import send_bye
from .dtmf_info import read_digit
from .effects import Send
from .errors import BadMessageError
from .events import InfoDigit, LegConfirmed, LegEndCause, LegEnded, LegReoffered
from .message import Request
from .peer import Peer
from .reconnecting import answer_again, next_hop
from .referring import Referring
from .request_checks import check_content
from .session import Session
from .session_timer import SessionTerms, agree, agreed_lines, check_interval
from .transaction import Machine
from .transactions import ServerTransaction, Transactions
from .unacknowledged import Unacknowledged
from .uri import text
from .writing import (
    ACCEPT_LINE,
    ALLOW_LINE,
    EXTENSIONS_LINE,
    reply,
    reply_head,
    timestamp_line,
    warning_line,
)

RETRY_SOON = b"Retry-After: 5\r\n"
'RFC 3261 14.2: "a Retry-After header field with a randomly chosen value of between 0 and 10".'


class LegTable:
    """All legs of an endpoint, by what requests and commands name them with."""

    __slots__ = (
        "cancellable",
        "dialogs",
        "incoming",
        "legs",
        "referring",
        "unacknowledged",
        "unacknowledged_of_trunks",
    )

    def __init__(self, core: Core, transactions: Transactions) -> None:
        self.legs: dict[str, Leg] = {}
        "By id: legs that commands may still name."
        self.dialogs: dict[bytes, Leg] = {}
        "By our own tag; also holds legs whose end waits for an ACK."
        self.incoming: dict[tuple[bytes, bytes, int], Leg] = {}
        "By Call-ID, From tag and CSeq of the INVITE, to find merged requests (8.2.2.2)."
        self.cancellable: dict[bytes, Leg] = {}
        "By the key of an INVITE transaction that is not finally answered, for its CANCEL."
        self.referring = Referring(core, transactions, self.dialogs)
        "What phones asked for by REFER within these legs."
        self.unacknowledged = Unacknowledged(core.settings.max_unacknowledged)
        "Strangers' calls that we have answered and that wait for the ACK."
        self.unacknowledged_of_trunks = Unacknowledged(core.settings.max_unacknowledged)
        """The same of trunks that are known by a datagram's source alone, which anybody can write
        who knows it. Apart, so that strangers end no carrier's call."""

    def __len__(self) -> int:
        return len(self.legs.keys() | {leg.id for leg in self.dialogs.values()})


class Leg(Machine):
    """One call leg. The deadline is the next repetition of a 2xx, or the end of patience.

    A session timer and offers of our own come in by `session`, from when there are any.
    """

    __slots__ = (
        "_answer",
        "_answer_cseq",
        "_confirms",
        "_core",
        "_give_up_at",
        "_late_offer",
        "_offer",
        "_offer_key",
        "_pool",
        "_repeat_at",
        "_repeat_s",
        "_table",
        "_transactions",
        "dialog",
        "id",
        "local_sdp",
        "over",
        "owns_call_id",
        "referred",
        "session",
        "updatable",
    )

    def __init__(
        self, core: Core, transactions: Transactions, table: LegTable, leg_id: str
    ) -> None:
        self.deadline = self.queued_at = math.inf  # `Machine`'s own, without one call more
        self._table = table
        self._core = core
        self._transactions = transactions
        self.id = leg_id
        self.dialog: Dialog | None = None
        self.over = False
        "The call centre has heard of the end, or ordered it; nothing more is reported."
        self.referred = False
        "A REFER came in this dialog: NOTIFYs of further ones have to name theirs."
        self._answer: Send | None = None  # our 2xx while its ACK is missing
        self._answer_cseq = -1
        self._confirms = False  # its ACK is reported: it is the first, or carries an answer
        self._late_offer = False  # our 2xx made the offer
        self._pool: Unacknowledged | None = None  # where our 2xx waits for its ACK, if anywhere
        self._repeat_s = 0.0
        self._repeat_at = math.inf
        self._give_up_at = math.inf
        # A re-INVITE or UPDATE whose answer we owe, and where it came from.
        self._offer: tuple[ServerTransaction, Request, Peer] | None = None
        self._offer_key = b""
        self.local_sdp = b""
        "Our last description that was sent: what a refresh by re-INVITE repeats."
        self.updatable = False
        "The other side has said that it takes UPDATE."
        self.owns_call_id = False
        self.session: Session | None = None

    @property
    def early(self) -> bool:
        """The INVITE is not answered yet."""
        return self.dialog is None

    def has_branch(self, request: Request) -> bool:
        """Tell whether a request is of an early dialog; see outgoing legs."""
        return False

    @abstractmethod
    def hang_up(self, now: float, reason: str) -> None:
        """End the leg, whatever its state."""

    # The ACK of our 2xx.

    def _await_ack(self, answer: Send, cseq: int, now: float) -> None:
        """Repeat a 2xx until its ACK comes.

        13.3.1.4: "the 2xx response is passed to the transport with an interval that starts at T1
        seconds and doubles for each retransmission until it reaches T2 seconds […]. Response
        retransmissions cease when an ACK request for the response is received. This is
        independent of whatever transport protocols are used to send the response."
        """
        timers = self._core.timers
        self._answer, self._answer_cseq = answer, cseq
        if answer.peer.transport != "udp":
            self._core.reliance.note(answer.peer)
        self._repeat_s = timers.t1_s
        self._repeat_at = now + timers.t1_s
        self._give_up_at = now + timers.timeout_s
        self.arm()

    def give_up(self, now: float) -> None:
        """Wait for the ACK no longer than now."""
        self._give_up_at = now
        self.arm()

    def _stop_waiting(self) -> None:
        if self._pool is not None:
            self._pool.over(self.id)
        self._answer = None
        self._repeat_at = self._give_up_at = math.inf
        if self.session is None:
            self.deadline = math.inf
        else:
            self.arm()

    def arm(self) -> None:
        """Take the earliest of all deadlines."""
        repeat, give_up = self._repeat_at, self._give_up_at
        at = repeat if repeat < give_up else give_up
        if self.session is not None and self.session.at < at:
            at = self.session.at
        self.deadline = at
        self._core.deadlines.watch(self)

    def on_ack(self, request: Request, peer: Peer, now: float) -> None:
        """Take an ACK within the dialog."""
        if self._answer is None or request.cseq.number != self._answer_cseq:
            return
        self._stop_waiting()
        if self.dialog is not None:
            self.dialog.peer = peer
        if self.over:
            # "The callee's UA […] MUST NOT send a BYE on a confirmed dialog until it has
            # received an ACK for its 2xx response" (15): it has now.
            self._bye(now)
        elif self._confirms:
            body = request.body if self._late_offer else b""
            self._core.out.append(LegConfirmed(self.id, body))
        self._late_offer = self._confirms = False
        if self.session is not None:
            self._go_on(now)

    def on_time(self, now: float) -> None:
        """Do what is due: for our 2xx without ACK, for the session."""
        if now >= self._repeat_at or now >= self._give_up_at:
            self._repeat_answer(now)
        if self.session is not None and now >= self.session.at:
            self.session.on_time(now)
        self.arm()

    def _repeat_answer(self, now: float) -> None:
        """Repeat the 2xx, or give up."""
        if self._answer is None:
            return
        if now >= self._give_up_at:
            # "If the server retransmits the 2xx response for 64*T1 seconds without receiving an
            # ACK, the dialog is confirmed, but the session SHOULD be terminated. This is
            # accomplished with a BYE" (13.3.1.4).
            self._stop_waiting()
            self._bye(now)
            if self._confirms and self.dialog is not None:
                self._core.sightings.unacknowledged(self.dialog.peer)
            self._end(LegEndCause.ACK_MISSING, "")
            return
        self._core.out.append(self._answer)
        self._repeat_s = min(2 * self._repeat_s, self._core.timers.t2_s)
        self._repeat_at = now + self._repeat_s

    def transport_failed(self, peer: Peer, now: float) -> None:
        """Look for another way to a peer whose connection is gone."""
        dialog = self.dialog
        if dialog is not None and dialog.peer == peer:
            dialog.peer = next_hop(dialog) or peer
        if self._answer is None or self._answer.peer != peer:
            return
        again = answer_again(self._answer)
        if again is not None:
            self._answer = again
            self._core.reliance.note(again.peer)
            self._core.out.append(again)
            return
        # A 2xx that cannot reach the other side any more: no ACK will come.
        self._stop_waiting()
        self._end(LegEndCause.TRANSPORT, "Connection lost before the ACK")
        self._settle_offer(487, now)
        self._forget()

    def peers(self) -> set[Peer]:
        """Return whose connections the leg counts on."""
        counted = {self.dialog.peer} if self.dialog is not None else set()
        return counted | ({self._answer.peer} if self._answer is not None else set())

    # Requests within the dialog.

    def on_request(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Take a request other than ACK and CANCEL; `BadMessageError` is its refusal."""
        dialog = self.dialog
        if dialog is None:
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        number = request.cseq.number
        if number <= dialog.remote_cseq:
            # 12.2.2: "If the remote sequence number was not empty, but the sequence number of
            # the request is lower than the remote sequence number, the request is out of order
            # and MUST be rejected with a 500 (Server Internal Error) response."
            # An equal number with another branch is refused alike: numbers must increase.
            raise BadMessageError("CSeq Out Of Order", 500)
        match request.method:
            case b"BYE":
                self._on_bye(request, key, peer, now)
            case b"INVITE" | b"UPDATE":
                self._on_refreshing(request, key, peer, now)
            case b"INFO":
                self._on_info(request, key, peer, now)
            case b"PRACK":
                self._on_prack(request, key, peer, now)
            case b"REFER":
                self._table.referring.receive(self, dialog, request, key, peer, now)
            case b"NOTIFY":
                # RFC 6665 4.1.3: "the subscriber MUST respond with a 481": we asked for nothing.
                # 489 says that and, unlike 481, does not make a phone give the call up.
                raise BadMessageError("Bad Event", 489, b"Allow-Events: refer\r\n")
            case _:
                # OPTIONS, 11.2: within a dialog it is answered alike and changes nothing. Its
                # repetition has an old CSeq number, and gets the same answer.
                lines = ALLOW_LINE + ACCEPT_LINE + EXTENSIONS_LINE
                self._answer_plainly(request, key, peer, now, lines)
        dialog.remote_cseq = number
        if not self.over:
            dialog.peer = peer

    def _on_bye(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        self._answer_plainly(request, key, peer, now)
        self._stop_waiting()
        self._end(LegEndCause.BYE, text(request.get(b"reason")))
        # 15.1.2: "The UAS MUST still respond to any pending requests received for that dialog.
        # It is RECOMMENDED that a 487 (Request Terminated) response be generated".
        self._settle_offer(487, now)
        self._forget()

    def _on_refreshing(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Take a re-INVITE or UPDATE, or refuse it."""
        try:
            self._on_offer(request, key, peer, now)
        except BadMessageError as refusal:
            self._refuse(request, key, peer, refusal, now)

    def _refuse(
        self, request: Request, key: bytes, peer: Peer, refusal: BadMessageError, now: float
    ) -> None:
        """Refuse an offer by a transaction: a repetition of it must not be taken for another."""
        extra = refusal.headers + self._core.product_lines[0]
        data = reply(refusal.status, reply_head(request, peer, b""), extra, reason=refusal.reason)
        answer = Send(peer, data)
        if request.method != b"INVITE":
            self._transactions.answer_request(key, answer, now)
            return
        invite = self._transactions.begin_server_invite(key, peer)
        self._transactions.respond(invite, refusal.status, answer, now)

    def _on_offer(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        dialog = self.dialog
        if dialog is None:
            return
        check_content(request)
        if b"session-expires" in request.headers:
            check_interval(request, self._core.settings)
        if request.method == b"UPDATE" and not request.body:
            self._on_refresh(dialog, request, key, peer, now)
            return
        if self._offer is not None:
            # 14.2: "A UAS that receives a second INVITE before it sends the final response to a
            # first INVITE with a lower CSeq sequence number on the same dialog MUST return a 500
            # (Server Internal Error) response to the second INVITE and MUST include a
            # Retry-After header field". RFC 3311 5.2 says the same of UPDATE.
            raise BadMessageError("Offer Pending", 500, RETRY_SOON)
        unsettled = self._answer is not None and (request.method == b"INVITE" or self._late_offer)
        if unsettled or (self.session is not None and self.session.offering):
            # 14.2: "A UAS that receives an INVITE on a dialog while an INVITE it had sent on
            # that dialog is in progress MUST return a 491 (Request Pending)"; our 2xx without
            # its ACK is as unsettled, and RFC 3311 5.2 wants 491 where our own offer is.
            raise BadMessageError("Request Pending", 491)
        dialog.refresh(request, peer)
        if request.method == b"INVITE":
            invite = self._transactions.begin_server_invite(key, peer)
            self._offer = (invite, request, peer)
            trying = Send(
                peer, reply(100, reply_head(request, peer, b""), timestamp_line(request))
            )
            self._transactions.respond(invite, 100, trying, now)
            self._table.cancellable[key] = self
        else:
            update = self._transactions.begin_server_request(key, peer)
            self._offer = (update, request, peer)
        self._offer_key = key
        self._core.out.append(LegReoffered(self.id, request.body))

    def _on_prack(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Refuse what acknowledges nothing (RFC 3262 3)."""
        raise BadMessageError("Call/Transaction Does Not Exist", 481)

    def _on_refresh(
        self, dialog: Dialog, request: Request, key: bytes, peer: Peer, now: float
    ) -> None:
        """Take an UPDATE without offer: it refreshes target and session, whatever is pending."""
        dialog.refresh(request, peer)
        lines = self._core.contact(peer, dialog.secure) + self._agree(request, now)
        head = reply_head(request, peer, b"")
        answer = Send(peer, reply(200, head, lines + self._core.product_lines[0]))
        self._transactions.answer_request(key, answer, now)

    def _on_info(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        digit = read_digit(request)
        self._answer_plainly(request, key, peer, now)
        if digit is not None and not self.over:
            self._core.out.append(InfoDigit(self.id, *digit))

    def _answer_plainly(
        self, request: Request, key: bytes, peer: Peer, now: float, lines: bytes = b""
    ) -> None:
        head = reply_head(request, peer, b"")
        answer = Send(peer, reply(200, head, lines + self._core.product_lines[0]))
        self._transactions.answer_request(key, answer, now)

    # Our answer to a re-INVITE or UPDATE.

    def accept_offer(self, sdp: bytes, now: float) -> None:
        """Answer it with 200."""
        self._answer_offer(200, sdp, now)

    def refuse_offer(self, status: int, now: float, warning: str = "") -> None:
        """Answer it with a refusal."""
        self._answer_offer(status, b"", now, warning)

    def cancelled(self, now: float) -> None:
        """Take the CANCEL of a re-INVITE (9.2)."""
        self._settle_offer(487, now)

    def _settle_offer(self, status: int, now: float) -> None:
        if self._offer is not None:
            self._answer_offer(status, b"", now)

    def _answer_offer(self, status: int, sdp: bytes, now: float, warning: str = "") -> None:
        if self._offer is None:
            return
        (transaction, request, peer), self._offer = self._offer, None
        self._table.cancellable.pop(self._offer_key, None)
        head = reply_head(request, peer, b"")
        extra = self._core.product_lines[0]
        if status < 300:
            contact = self._core.contact(peer, self.dialog is not None and self.dialog.secure)
            extra = contact + ALLOW_LINE + self._agree(request, now) + extra
            self.local_sdp = sdp or self.local_sdp
        elif warning:
            extra += warning_line(warning, self._core.identity(peer).host)
        answer = Send(peer, reply(status, head, extra, sdp))
        self._transactions.respond(transaction, status, answer, now)
        if status < 300 and request.method == b"INVITE":
            self._late_offer = self._confirms = not request.body
            self._await_ack(answer, request.cseq.number, now)
        else:
            self._go_on(now)

    # Our own offers, and the session timer.

    def reoffer(self, sdp: bytes, now: float) -> None:
        """Offer a changed session, as soon as nothing stands against it."""
        if self.session is None:
            self.session = Session(self._core, self._transactions, self)
        self.session.offer(sdp, now)
        self.arm()

    def may_offer(self) -> bytes:
        """Return the method of an offer of ours.

        14.1: "a UAC MUST NOT initiate a new INVITE transaction within a dialog while another
        INVITE transaction is in progress in either direction."
        """
        if self.dialog is None or self._offer is not None or self._answer is not None:
            return b""
        return b"INVITE"

    def _go_on(self, now: float) -> None:
        """Let an offer of ours go that had to wait."""
        if self.session is not None:
            self.session.proceed(now)
            self.arm()

    def _agree(self, request: Request, now: float) -> bytes:
        """Set the timer as our 2xx to this refresh says; return its lines."""
        settings = self._core.settings
        if self.early or request.method == b"PRACK":
            return b""  # the session is not there yet, or not refreshed by this
        if b"session-expires" not in request.headers and not settings.session_expires_s:
            if self.session is not None:
                self._restart_timer(None, now)
            return b""
        terms = agree(request, settings)
        self._restart_timer(terms, now)
        return b"" if terms is None else agreed_lines(terms)

    def _restart_timer(self, terms: SessionTerms | None, now: float) -> None:
        if self.session is None:
            if terms is None:
                return
            self.session = Session(self._core, self._transactions, self)
        self.session.restart(terms, now)
        self.arm()

    def lost(self, cause: LegEndCause, reason: str, now: float, said: str = "") -> None:
        """End the leg by BYE, for a fault; `said` is the BYE's Reason."""
        self._stop_waiting()
        self._bye(now, said)
        self._end(cause, reason)

    # The end.

    def _hang_up_dialog(self, now: float, reason: str) -> None:
        """Say BYE from our side."""
        self.over = True
        self._settle_offer(487, now)
        self._stop_waiting()
        self._bye(now, reason)

    def _bye(self, now: float, reason: str = "") -> None:
        if self.dialog is not None:
            send_bye(self._core, self._transactions, self.dialog, reason, now)
        self._settle_offer(487, now)
        self._forget()

    def _end(self, cause: LegEndCause, reason: str) -> None:
        if not self.over:
            self.over = True
            self._core.out.append(LegEnded(self.id, cause, reason))

    def _forget(self) -> None:
        """Leave the endpoint's tables."""
        self._table.legs.pop(self.id, None)
        if self.dialog is not None:
            self._table.dialogs.pop(self.dialog.local_tag, None)
        if self.session is not None:
            self.session.close()
            self.session = None
            self.deadline = math.inf
