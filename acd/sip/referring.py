"""REFER: a phone asks us to connect its other side elsewhere (RFC 3515, 3892, 4488).

An accepted REFER is a subscription of its own within the leg's dialog: NOTIFYs tell the phone what
became of it. It may outlive the leg, for a phone may say BYE while the other one still rings.
"""

import math
from collections.abc import Mapping
from typing import Protocol

from .core import Core
from .dialog import Dialog
from .effects import Send
from .errors import BadMessageError
from .events import TransferRequested
from .headers import NameAddr
from .message import Request, Response
from .peer import Peer
from .reconnecting import next_hop
from .replaces import InDialog, Replaces
from .server_request import ServerRequestTransaction
from .transaction import Machine
from .transactions import Transactions
from .uri import TEXT_CHARS, Uri, text
from .writing import reply, reply_head, status_line

EXPIRES_S = 180.0
"""Lifetime of the subscription, never refreshed: longer than any phone is let ring for a transfer;
whoever is told nothing until then is told the end."""

MAX_REFERRALS = 4
"Under way within one dialog. A person asks once, and again after a failure."

_FRAGMENT_LINE = b"Content-Type: message/sipfrag;version=2.0\r\n"


class Referrer(InDialog, Protocol):
    """What is asked of a leg here (`acd.sip.leg.Leg`)."""

    referred: bool


class Referral(Machine):
    """One REFER: undecided at first, a subscription once accepted."""

    __slots__ = (
        "_cseq",
        "_dialog",
        "_ends_at",
        "_event_line",
        "_last",
        "_next",
        "_notifying",
        "_referring",
        "_request",
        "_silent",
        "_transaction",
        "key",
    )

    def __init__(
        self,
        referring: "Referring",
        key: tuple[str, int],
        dialog: Dialog,
        request: tuple[Request, Peer, ServerRequestTransaction],
        event_line: bytes,
    ) -> None:
        super().__init__()
        self.key = key
        self._referring = referring
        self._dialog = dialog
        self._request: tuple[Request, Peer] = request[:2]
        self._transaction: ServerRequestTransaction | None = request[2]
        self._event_line = event_line
        # RFC 4488 section 4: this asks for no subscription, and our 202 says the same.
        self._silent = request[0].get(b"refer-sub").partition(b";")[0].strip().lower() == b"false"
        self._ends_at = math.inf
        self._last: tuple[int, str] = (100, "")
        self._next: tuple[int, str, bytes] | None = None
        "Status, reason and end of the NOTIFY that waits until the one before it is answered."
        self._notifying = False

    def accept(self, now: float) -> None:
        """Answer 202 and begin the subscription."""
        core = self._referring.core
        contact = core.contact(self._request[1], self._dialog.secure)
        extra = contact + core.product_lines[0]
        if self._silent:
            extra += b"Refer-Sub: false\r\n"
        if not self._answer(202, extra, now):
            return
        if self._silent:
            self._forget()
            return
        self._ends_at = self.deadline = now + EXPIRES_S
        core.deadlines.watch(self)
        # RFC 6665 4.2.1.2 asks for a NOTIFY at once, whatever is known by then.
        self._tell(100, "", b"", now)

    def refuse(self, status: int, now: float) -> None:
        """Answer the REFER with a refusal."""
        if self._answer(status, self._referring.core.product_lines[0], now):
            self._forget()

    def notify(self, status: int, reason: str, *, final: bool, now: float) -> None:
        """Tell the phone how far it has come."""
        if self._transaction is None:
            self._tell(status, reason, b"noresource" if final else b"", now)

    def on_time(self, now: float) -> None:
        """End what lasts too long."""
        self.deadline = math.inf
        if self._transaction is not None:
            self.refuse(500, now)
        else:
            self._tell(*self._last, b"timeout", now)

    def on_response(self, response: Response, now: float) -> None:
        """Take the phone's answer to a NOTIFY; what came in between is told now."""
        if response.status < 200:
            return
        self._notifying = False
        waiting, self._next = self._next, None
        if response.status >= 300:
            # RFC 6665 4.2.2: after most refusals "the notifier MUST remove the subscription".
            self._forget()
        elif waiting is not None:
            self._tell(*waiting, now)

    def on_failure(self, status: int, now: float) -> None:
        """Forget a phone that does not answer."""
        del status, now
        self._forget()

    def _answer(self, status: int, extra: bytes, now: float) -> bool:
        """Answer the REFER; False when that has been done."""
        transaction, self._transaction = self._transaction, None
        if transaction is None:
            return False
        request, peer = self._request
        answer = Send(peer, reply(status, reply_head(request, peer, b""), extra))
        self._referring.transactions.respond(transaction, status, answer, now)
        return True

    def _tell(self, status: int, reason: str, end: bytes, now: float) -> None:
        """Send a NOTIFY, or note it as the next one: a phone gets them one after the other."""
        if self._notifying:
            if self._next is None or not self._next[2]:
                self._next = (status, reason, end)
            return
        core, dialog = self._referring.core, self._dialog
        self._last = (status, reason)
        left_s = max(1, math.ceil(self._ends_at - now))
        state = b"terminated;reason=%b" % end if end else b"active;expires=%d" % left_s
        identity = core.identity(dialog.peer)
        branch = b"z9hG4bK" + core.token()
        dialog.local_cseq += 1
        extra = b"%b%bSubscription-State: %b\r\n%b%b" % (
            core.contact(dialog.peer, dialog.secure),
            self._event_line,
            state,
            core.product_lines[1],
            _FRAGMENT_LINE,
        )
        parts = dialog.parts(b"%b%b\r\n" % (identity.via_head, branch), dialog.local_cseq)
        # 2.4.5: "The body of a NOTIFY MUST begin with a SIP Response Status-Line".
        body = status_line(status, reason)
        notify = Send(dialog.peer, parts.request(b"NOTIFY", dialog.remote, extra, body, b""))
        if end:
            self._forget()
        else:
            self._notifying = True
        elsewhere = None if dialog.peer.transport == "udp" else next_hop(dialog)
        self._referring.transactions.begin_client_request(
            branch, b"NOTIFY", notify, self, now, elsewhere=elsewhere
        )

    def _forget(self) -> None:
        self.deadline = math.inf
        self._referring.forget(self)


class Referring:
    """All REFERs that are undecided or subscribed to."""

    __slots__ = ("_dialogs", "_referrals", "core", "transactions")

    def __init__(
        self, core: Core, transactions: Transactions, dialogs: Mapping[bytes, InDialog]
    ) -> None:
        self.core = core
        self.transactions = transactions
        self._dialogs = dialogs
        self._referrals: dict[tuple[str, int], Referral] = {}

    def __len__(self) -> int:
        return len(self._referrals)

    def receive(
        self, leg: Referrer, dialog: Dialog, request: Request, key: bytes, peer: Peer, now: float
    ) -> None:
        """Take a REFER within a leg's dialog; `BadMessageError` is its refusal."""
        event = self._read(leg, request)
        if leg.early or leg.over:
            raise BadMessageError("No Call To Transfer", 403)
        under_way = sum(leg.id == other for other, _ in self._referrals)
        if under_way >= MAX_REFERRALS or self.transactions.full:
            raise BadMessageError("Too Many Transfers", 503, b"Retry-After: 10\r\n")
        # 2.4.6: the CSeq of a further REFER tells its NOTIFYs apart; the first one needs no id,
        # and some phones expect none.
        line = b"Event: refer;id=%d\r\n" % event.refer if leg.referred else b"Event: refer\r\n"
        leg.referred = True
        transaction = self.transactions.begin_server_request(key, peer)
        referral = Referral(
            self, (leg.id, event.refer), dialog, (request, peer, transaction), line
        )
        self._referrals[referral.key] = referral
        referral.deadline = now + self.core.timers.timeout_s
        self.core.deadlines.watch(referral)
        self.core.out.append(event)

    def get(self, leg: str, refer: int) -> Referral | None:
        """Return a REFER under way."""
        return self._referrals.get((leg, refer))

    def forget(self, referral: Referral) -> None:
        """Drop one that is over."""
        self._referrals.pop(referral.key, None)

    def _read(self, leg: Referrer, request: Request) -> TransferRequested:
        value = request.headers.get(b"refer-to", b"")
        if not value or b"refer-to" in request.more:
            # 2.4.2: "An agent responding to a REFER method MUST return a 400 (Bad Request) if
            # the request contained zero or more than one Refer-To header field values."
            raise BadMessageError("REFER needs one Refer-To")
        target = NameAddr.parse(value).uri
        uri = Uri.parse(target)
        if uri.scheme not in {b"sip", b"sips", b"tel"}:
            raise BadMessageError("Unsupported URI Scheme", 416)
        method = _parameter(uri.parameters, b"method")
        if method not in {b"", b"INVITE"}:
            raise BadMessageError("Only Calls Are Referred", 501)
        replaces = Replaces.in_uri(uri.headers) if uri.headers else None
        return TransferRequested(
            leg.id,
            request.cseq.number,
            uri.user_text,
            text(target.partition(b"?")[0])[:TEXT_CHARS],
            self._replaced(leg, replaces) if replaces is not None else "",
            referred_by(request),
        )

    def _replaced(self, leg: Referrer, replaces: Replaces) -> str:
        """Find our leg that the new call would replace."""
        other = replaces.find(self._dialogs)
        if other is None or other.over or other is leg:
            # Not 481: a phone takes that for the end of the dialog that it asked in.
            raise BadMessageError("Replaced Dialog Not Found", 404)
        if replaces.early_only and not other.early:
            raise BadMessageError("Busy Here", 486)
        return other.id


def _parameter(parameters: bytes, name: bytes) -> bytes:
    for piece in parameters.split(b";"):
        key, _, value = piece.partition(b"=")
        if key.lower() == name:
            return value
    return b""


def referred_by(request: Request) -> str:
    """Return the URI of Referred-By (RFC 3892), who asks; empty when nobody is named."""
    value = request.headers.get(b"referred-by")
    return text(NameAddr.parse(value).uri)[:TEXT_CHARS] if value else ""
