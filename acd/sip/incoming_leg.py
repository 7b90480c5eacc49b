"""A leg that a phone or trunk began: the UAS side of an INVITE (RFC 3261 section 13.3)."""

import math
from contextlib import suppress
from typing import ClassVar

from . import identity
from .core import Core
from .dialog import Dialog
from .effects import Send
from .errors import BadMessageError
from .events import (
    EarlyAnswered,
    InviteReceived,
    LegCancelled,
    LegEndCause,
    LegEnded,
    LegReoffered,
)
from .headers import parse_number
from .leg import RETRY_SOON, Leg, LegTable
from .message import Request
from .peer import Peer
from .reliable_answers import MAX_FIRST_RSEQ, Provisional, ReliableAnswers
from .request_checks import check_content
from .server_invite import ServerInviteTransaction
from .session_timer import SessionTerms, agree, agreed_lines
from .transactions import Transactions
from .uri import TEXT_CHARS, Uri, text
from .writing import (
    ALLOW_LINE,
    SUPPORTED_LINE,
    reason_line,
    reply,
    reply_head,
    timestamp_line,
    warning_line,
)

RING_REPEAT_S = 60.0


class IncomingLeg(Leg):
    """From INVITE to the end. Before the answer, `_invite` is the transaction to answer by."""

    __slots__ = (
        "_account_lines",
        "_begun",
        "_expire_at",
        "_head",
        "_invite",
        "_key",
        "_merge_key",
        "_peer",
        "_record_routes",
        "_reliable",
        "_ring_at",
        "_ringing",
        "_takes_offer",
        "_terms",
    )

    by_trunk: ClassVar[bool] = False
    "It comes by a trunk; else its caller is a stranger, or has an account."

    proved = False
    "Its trunk has shown that the call is its own, by more than a source address."

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        leg_id: str,
        key: bytes,
        invite: Request,
        peer: Peer,
    ) -> None:
        super().__init__(core, transactions, table, leg_id)
        tag = core.token()
        dialog = self._begun = self.dialog = Dialog.of_request(invite, tag, peer)
        self._peer = peer
        self._key = key
        self._head = reply_head(invite, peer, tag)
        # 12.1.1: "the UAS MUST copy all Record-Route header field values from the request into
        # the response".
        self._record_routes = b"".join(
            [b"Record-Route: %b\r\n" % entry for entry in dialog.routes]
        )
        self._takes_offer = bool(invite.body)
        self._account_lines = b""
        self._ringing: tuple[int, bytes] | None = None
        self._ring_at = self._expire_at = math.inf
        headers, settings = invite.headers, core.settings
        self._reliable: ReliableAnswers | None = None
        if b"require" in headers or settings.prefer_100rel:
            self._reliable = self._reliable_answers(invite)
        self._terms: SessionTerms | None = None
        if b"session-expires" in headers or settings.session_expires_s:
            self._terms = agree(invite, settings)
        self.updatable = b"UPDATE" in headers.get(b"allow", b"")
        self._merge_key = (dialog.call_id, dialog.remote_tag, dialog.remote_cseq)
        self._invite: ServerInviteTransaction | None = transactions.begin_server_invite(key, peer)

    def _reliable_answers(self, invite: Request) -> ReliableAnswers | None:
        """Return what makes our provisional answers reliable, if the caller wants or knows that.

        RFC 3262 3: "The UAS MUST send any non-100 provisional response reliably if the initial
        request contained a Require header field with the option tag 100rel."
        """
        tags = invite.all(b"require")
        if self._core.settings.prefer_100rel:
            tags += invite.all(b"supported")
        if b"100rel" not in {tag.lower() for tag in tags}:
            return None
        # So that no overflow comes within a call, the first one keeps clear of the end.
        number = int.from_bytes(self._core.random_bytes(4)) % (MAX_FIRST_RSEQ // 2)
        return ReliableAnswers(
            first_rseq=number + 1,
            invite_cseq=invite.cseq.number,
            takes_offer=self._takes_offer,
            timers=self._core.timers,
        )

    def begin(
        self,
        invite: Request,
        called: Uri,
        account: str | None,
        now: float,
        *,
        replaces: str = "",
        referred: str = "",
    ) -> None:
        """Answer 100 and report the call.

        `replaces` names the leg whose place it takes, `referred` who has asked for that.
        """
        core, dialog = self._core, self._begun
        by_address = account is None and not self.proved and self._peer.transport == "udp"
        if self.by_trunk:
            self._pool = self._table.unacknowledged_of_trunks if by_address else None
        elif account is None:
            self._pool = self._table.unacknowledged
        if account is not None:
            self._account_lines = SUPPORTED_LINE
        table = self._table
        table.legs[self.id] = self
        table.dialogs[dialog.local_tag] = self
        table.incoming[self._merge_key] = self
        table.cancellable[self._key] = self
        self._respond(100, reply(100, self._head, timestamp_line(invite)), now)
        if b"expires" in invite.headers:
            self._expire(invite, now)
        caller = invite.from_
        event = InviteReceived(
            self.id,
            text(dialog.call_id)[:TEXT_CHARS],
            self._peer,
            caller.user_text(),
            caller.display_text,
            called.user_text,
            account,
            invite.body,
            replaces,
            referred,
            unproved=by_address and not core.is_own(self._peer),
        )
        if not invite.headers.keys().isdisjoint(identity.HEADERS):
            event = identity.complete(event, invite, trusted=core.trusts(self._peer))
        core.out.append(event)

    def _expire(self, invite: Request, now: float) -> None:
        """Let the invitation expire when the caller says; one who says it unreadably, never."""
        with suppress(BadMessageError):
            self._expire_at = now + parse_number(invite.headers[b"expires"])
            self.arm()

    @property
    def early(self) -> bool:
        """The INVITE is not answered yet."""
        return self._invite is not None

    def ring(self, status: int, sdp: bytes, now: float) -> None:
        """Answer provisionally, again each minute until the final answer.

        13.3.1.1: "If the UAS desires an extended period of time to answer the INVITE, it will need
        to ask for an "extension" in order to prevent proxies from canceling the transaction. […]
        the UAS MUST send a non-100 provisional response at every minute".
        """
        if self._invite is None:
            return
        if self._reliable is not None:
            wish = self._reliable.wants(status, sdp)
            if wish is not None:
                self._ring_reliably(self._reliable, wish, now)
            return
        # RFC 3261 13.2.1: an offer of ours may only stand in a reliable answer.
        body = sdp if self._takes_offer else b""
        data = reply(status, self._head, self._dialog_lines(), body)
        self._ringing = (status, data)
        self._respond(status, data, now)
        self._ring_at = now + RING_REPEAT_S
        self.arm()

    def _ring_reliably(self, reliable: ReliableAnswers, wish: Provisional, now: float) -> None:
        lines = self._dialog_lines() + ALLOW_LINE + reliable.send(wish, now)
        data = reply(wish.status, self._head, lines, wish.sdp)
        self.local_sdp = wish.sdp or self.local_sdp
        self._ringing = (wish.status, data)
        self._respond(wish.status, data, now)
        self._ring_at = now + RING_REPEAT_S
        self.arm()

    def arm(self) -> None:
        """Take the earliest of all deadlines."""
        if self._invite is None:
            super().arm()
            return
        at = min(self._ring_at, self._expire_at)
        if self._reliable is not None and self._reliable.at < at:
            at = self._reliable.at
        if self.session is not None and self.session.at < at:
            at = self.session.at
        self.deadline = at
        self._core.deadlines.watch(self)

    def on_time(self, now: float) -> None:
        """Repeat the ringing; or what every leg repeats."""
        if self._invite is None:
            super().on_time(now)
            return
        if now >= self._expire_at:
            # 13.3.1: "If the invitation expires before the UAS has generated a final response, a
            # 487 (Request Terminated) response SHOULD be generated."
            self.cancelled(now)
            return
        reliable, ringing = self._reliable, self._ringing
        if reliable is not None and reliable.given_up(now):
            # RFC 3262 3: "If a reliable provisional response is retransmitted for 64*T1 seconds
            # without reception of a corresponding PRACK, the UAS SHOULD reject the original
            # request with a 5xx response."
            self._lose_early(504, LegEndCause.PEER_GONE, "No PRACK of a provisional answer", now)
            return
        if ringing is not None:
            if reliable is not None and reliable.repeat(now):
                self._respond(*ringing, now)
            elif now >= self._ring_at:
                self._ring_again(*ringing, now)
        if self.session is not None and now >= self.session.at:
            self.session.on_time(now)
        self.arm()

    def _ring_again(self, status: int, data: bytes, now: float) -> None:
        self._ring_at = now + RING_REPEAT_S
        if self._reliable is None:
            self._respond(status, data, now)
        else:
            self.ring(status, b"", now)

    def _on_prack(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Take the acknowledgement of a provisional answer, with an answer or offer in it."""
        reliable = self._reliable
        if reliable is None:
            super()._on_prack(request, key, peer, now)
            return
        check_content(request)
        offering = self.session is not None and self.session.offering
        if request.body and (offering or self._offer is not None):
            raise BadMessageError("Request Pending", 491)
        acknowledged = reliable.acknowledge(request)
        if acknowledged.sdp and not self._takes_offer:
            self._answer_plainly(request, key, peer, now)
            self._core.out.append(EarlyAnswered(self.id, request.body))
        elif request.body:
            # RFC 3262 5: "If the UAS receives a PRACK with an offer, it MUST place the answer in
            # the 2xx to the PRACK."
            self._offer = (self._transactions.begin_server_request(key, peer), request, peer)
            self._offer_key = key
            self._core.out.append(LegReoffered(self.id, request.body))
        else:
            self._answer_plainly(request, key, peer, now)
        self._ring_on(now)

    def _ring_on(self, now: float) -> None:
        """Go on with what has waited for a PRACK, or for our answer to an offer in one."""
        reliable = self._reliable
        if reliable is None or self._invite is None:
            return
        answer, reliable.answer_waiting = reliable.answer_waiting, None
        if answer is not None:
            self.answer(answer, now)
        elif (wish := reliable.queued()) is not None:
            self._ring_reliably(reliable, wish, now)
        self._go_on(now)
        self.arm()

    def _answer_offer(self, status: int, sdp: bytes, now: float, warning: str = "") -> None:
        super()._answer_offer(status, sdp, now, warning)
        self._ring_on(now)

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer with 200 and wait for the ACK."""
        if self._invite is None:
            return
        reliable = self._reliable
        if reliable is not None and reliable.holds_back(sdp, offer_open=self._offer is not None):
            return
        extra = self._dialog_lines() + ALLOW_LINE + self._account_lines
        if self._terms is not None:
            extra += agreed_lines(self._terms)
        extra += self._core.product_lines[0]
        described = reliable is not None and reliable.described
        if not described:
            self.local_sdp = sdp
        # 13.2.1: what a reliable provisional answer has described is not described again.
        data = reply(200, self._head, extra, b"" if described else sdp)
        self._late_offer = not self._takes_offer and not described
        self._confirms = True
        answer = self._respond(200, data, now)
        self._await_ack(answer, self._merge_key[2], now)
        if self._pool is not None:
            self._pool.wait(self, now)
        if self._terms is not None:
            self._restart_timer(self._terms, now)

    def reject(
        self,
        status: int,
        now: float,
        reason: str = "",
        retry_after_s: int = 0,
        warning: str = "",
    ) -> None:
        """Refuse the call."""
        lines = b""
        if retry_after_s > 0:
            lines = b"Retry-After: %d\r\n" % retry_after_s
        if warning:
            lines += warning_line(warning, self._core.identity(self._peer).host)
        self._refuse_call(status, now, lines, reason)

    def _refuse_call(self, status: int, now: float, lines: bytes, reason: str = "") -> None:
        if self._invite is None:
            return
        self.over = True
        extra = self._core.product_lines[0] + lines
        self._respond(status, reply(status, self._head, extra, reason=reason), now)
        self._settle_offer(487, now)
        self._forget()

    def cancelled(self, now: float) -> None:
        """Take the CANCEL of our INVITE, or of a re-INVITE.

        9.2: "if the original request was an INVITE, the UAS SHOULD immediately respond to the
        INVITE with a 487 (Request Terminated)".
        """
        if self._invite is None:
            super().cancelled(now)
            return
        self.reject(487, now)
        self._core.out.append(LegCancelled(self.id))

    def hang_up(self, now: float, reason: str) -> None:
        """Refuse, or say BYE; after a 2xx without ACK the BYE waits for it (15)."""
        if self._invite is not None:
            self._refuse_call(480, now, reason_line(reason))
        elif self._answer is not None and self._confirms:
            self.over = True
            self._table.legs.pop(self.id, None)
        else:
            self._hang_up_dialog(now, reason)

    def lost(self, cause: LegEndCause, reason: str, now: float, said: str = "") -> None:
        """End the leg for a fault.

        15: "the callee's UA MAY send a BYE on confirmed dialogs, but MUST NOT send a BYE on early
        dialogs": until then it refuses.
        """
        if self._invite is not None:
            self._lose_early(480, cause, reason, now)
        else:
            super().lost(cause, reason, now, said)

    def _lose_early(self, status: int, cause: LegEndCause, reason: str, now: float) -> None:
        self.reject(status, now)
        self._core.out.append(LegEnded(self.id, cause, reason))

    def may_offer(self) -> bytes:
        """Return the method of an offer of ours; before the answer, UPDATE at best."""
        if self._invite is None:
            return super().may_offer()
        # RFC 3311 5.1: an offer within an early dialog needs that the INVITE's own is answered,
        # by a reliable provisional answer that was acknowledged.
        free = self._offer is None and self._settled_early()
        return b"UPDATE" if free and self.updatable else b""

    def _settled_early(self) -> bool:
        return self._reliable is not None and self._reliable.settled

    def _dialog_lines(self) -> bytes:
        return self._record_routes + self._core.contact(self._peer, self._begun.secure)

    def _on_bye(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        if self._invite is None:
            super()._on_bye(request, key, peer, now)
            return
        # 15: "The caller's UA MAY send a BYE for either confirmed or early dialogs".
        self._answer_plainly(request, key, peer, now)
        self.cancelled(now)

    def _on_offer(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        if self._invite is not None:
            update = request.method == b"UPDATE"
            if not update or (request.body and not self._settled_early()):
                # RFC 3311 5.2: "If an UPDATE is received that contains an offer, and the UAS has
                # received an offer (in an UPDATE, PRACK, or INVITE) to which it has not yet
                # generated an answer, the UAS MUST reject the UPDATE with a 500 response, and
                # MUST include a Retry-After header field".
                raise BadMessageError("Offer Pending", 500, RETRY_SOON)
        super()._on_offer(request, key, peer, now)

    def _respond(self, status: int, data: bytes, now: float) -> Send:
        """Send an answer to the INVITE; a final one ends its transaction's part here."""
        invite, answer = self._invite, Send(self._peer, data)
        if invite is not None:
            if status >= 200:
                self._invite = self._ringing = None
                self.deadline = math.inf
                if self._reliable is not None:
                    self._reliable.stop()
                self._table.cancellable.pop(self._key, None)
            self._transactions.respond(invite, status, answer, now)
        return answer

    def _forget(self) -> None:
        super()._forget()
        self._table.incoming.pop(self._merge_key, None)
