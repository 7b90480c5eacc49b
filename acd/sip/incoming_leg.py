"""A leg that a phone or trunk began: the UAS side of an INVITE (RFC 3261 section 13.3)."""

import math

from . import identity
from .core import Core
from .dialog import Dialog
from .effects import Send
from .errors import BadMessageError
from .events import InviteReceived, LegCancelled
from .leg import RETRY_SOON, Leg, LegTable
from .message import Request
from .peer import Peer
from .referring import referred_by
from .server_invite import ServerInviteTransaction
from .session_timer import SessionTerms, agree, agreed_lines
from .transactions import Transactions
from .uri import Uri, text
from .writing import ALLOW_LINE, SUPPORTED_LINE, reply, reply_head, warning_line

RING_REPEAT_S = 60.0


class IncomingLeg(Leg):
    """From INVITE to the end. Before the answer, `_invite` is the transaction to answer by."""

    __slots__ = (
        "_account_lines",
        "_begun",
        "_head",
        "_invite",
        "_key",
        "_merge_key",
        "_peer",
        "_record_routes",
        "_ringing",
        "_takes_offer",
        "_terms",
    )

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
        headers, settings = invite.headers, core.settings
        self._terms: SessionTerms | None = None
        if b"session-expires" in headers or settings.session_expires_s:
            self._terms = agree(invite, settings)
        self.updatable = b"UPDATE" in headers.get(b"allow", b"")
        self._merge_key = (dialog.call_id, dialog.remote_tag, dialog.remote_cseq)
        self._invite: ServerInviteTransaction | None = transactions.begin_server_invite(key, peer)

    def begin(
        self, invite: Request, called: Uri, account: str | None, now: float, replaces: str = ""
    ) -> None:
        """Answer 100 and report the call; `replaces` names the leg whose place it takes."""
        core, dialog = self._core, self._begun
        if account is not None:
            self._account_lines = SUPPORTED_LINE
        table = self._table
        table.legs[self.id] = self
        table.dialogs[dialog.local_tag] = self
        table.incoming[self._merge_key] = self
        table.cancellable[self._key] = self
        self._respond(100, reply(100, self._head), now)
        caller = invite.from_
        event = InviteReceived(
            self.id,
            text(dialog.call_id),
            self._peer,
            caller.user_text(),
            caller.display_text,
            called.user_text,
            account,
            invite.body,
            replaces,
            referred_by(invite) if replaces else "",
        )
        if not invite.headers.keys().isdisjoint(identity.HEADERS):
            event = identity.complete(event, invite, trusted=core.trusts(self._peer))
        core.out.append(event)

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
        data = reply(status, self._head, self._dialog_lines(), sdp)
        self._ringing = (status, data)
        self._respond(status, data, now)
        self.deadline = now + RING_REPEAT_S
        self._core.deadlines.watch(self)

    def on_time(self, now: float) -> None:
        """Repeat the ringing; or what every leg repeats."""
        if self._invite is None:
            super().on_time(now)
        elif self._ringing is not None:
            self._respond(*self._ringing, now)
            self.deadline = now + RING_REPEAT_S
            self._core.deadlines.watch(self)

    def answer(self, sdp: bytes, now: float) -> None:
        """Answer with 200 and wait for the ACK."""
        if self._invite is None:
            return
        extra = self._dialog_lines() + ALLOW_LINE + self._account_lines
        if self._terms is not None:
            extra += agreed_lines(self._terms)
        extra += self._core.product_lines[0]
        data = reply(200, self._head, extra, sdp)
        self.local_sdp = sdp
        self._late_offer = not self._takes_offer
        self._confirms = True
        answer = self._respond(200, data, now)
        self._await_ack(answer, self._begun.remote_cseq, now)
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
        if self._invite is None:
            return
        extra = self._core.product_lines[0]
        if retry_after_s > 0:
            extra += b"Retry-After: %d\r\n" % retry_after_s
        if warning:
            extra += warning_line(warning, self._core.identity(self._peer).host)
        self.over = True
        self._respond(status, reply(status, self._head, extra, reason=reason), now)
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
            self.reject(480, now, reason)
        elif self._answer is not None and self._confirms:
            self.over = True
            self._table.legs.pop(self.id, None)
        else:
            self._hang_up_dialog(now, reason)

    def may_offer(self) -> bytes:
        """Return the method of an offer of ours; none before the answer."""
        return b"" if self._invite is not None else super().may_offer()

    def _dialog_lines(self) -> bytes:
        return self._record_routes + self._core.contact(self._peer, self._begun.target)

    def _on_bye(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        if self._invite is None:
            super()._on_bye(request, key, peer, now)
            return
        # 15: "The caller's UA MAY send a BYE for either confirmed or early dialogs".
        self._answer_plainly(request, key, peer, now)
        self.cancelled(now)

    def _on_offer(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        if self._invite is not None:
            raise BadMessageError("Offer Pending", 500, RETRY_SOON)
        super()._on_offer(request, key, peer, now)

    def _respond(self, status: int, data: bytes, now: float) -> Send:
        """Send an answer to the INVITE; a final one ends its transaction's part here."""
        invite, answer = self._invite, Send(self._peer, data)
        if invite is not None:
            if status >= 200:
                self._invite = self._ringing = None
                self.deadline = math.inf
                self._table.cancellable.pop(self._key, None)
            self._transactions.respond(invite, status, answer, now)
        return answer

    def _forget(self) -> None:
        super()._forget()
        self._table.incoming.pop(self._merge_key, None)
