"""A leg that this server begins: the UAC side of an INVITE (RFC 3261 sections 9.1, 13.2)."""

from functools import lru_cache

from msgspec import structs

from .client_invite import ClientInviteTransaction, State
from .core import Core
from .dialog import Dialog
from .dialog_request import NOBODY, send_ack, send_bye
from .digest_client import Attempt, DigestClient
from .early import EarlyDialog, EarlyDialogs
from .effects import Send
from .errors import BadMessageError, BadTargetError
from .events import LegAnswered, LegFailed, LegReoffered, LegRinging
from .headers import NameAddr, quote, read_q850_cause, read_retry_after
from .leg import RETRY_SOON, Leg, LegTable
from .message import Request, Response
from .peer import Peer
from .prack import Branch, ReliableBranches, is_reliable
from .redirection import Redirection
from .request_checks import check_content
from .session_timer import asking_lines, demanded_s, granted
from .settings import InviteTarget
from .transactions import Transactions
from .uri import Uri, escape_user, is_sips, text
from .writing import ALLOW_LINE, HopParts, one_line, reason_line, reason_phrase

# What may stand in a request line; everything else there needs a %-escape.
_SAFE = bytes(byte for byte in range(0x21, 0x7F) if byte not in b'<>"\\^`{|}')

_NOBODY_THERE = frozenset({410, 430})
"Gone, and Flow Failed (RFC 5626 11.5): said of a phone, not by it."


@lru_cache(8192)  # as many phones are called again and again; some 2 MB
def request_uri(uri: str) -> bytes:
    """Encode a URI for a request line; `BadTargetError` when it cannot stand there."""
    raw = uri.encode("utf-8", "replace")
    if raw.translate(None, _SAFE):
        raise BadTargetError(f"URI {uri!r} has characters that need %-escapes")
    try:
        parsed = Uri.parse(raw)
    except BadMessageError as fault:
        raise BadTargetError(f"URI {uri!r}: {fault.reason}") from fault
    return raw.partition(b"?")[0] if parsed.headers else raw


class OutgoingLeg(Leg):
    """From our INVITE to the end. Before the answer, `_invite` is its transaction."""

    __slots__ = (
        "_attempt",
        "_authorization",
        "_cancel_wanted",
        "_credentials",
        "_early",
        "_interval_s",
        "_invite",
        "_lengthened",
        "_min_se_s",
        "_parts",
        "_reason",
        "_redirection",
        "_reliable",
        "_target",
        "_to",
    )

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        leg_id: str,
        target: InviteTarget,
        offer: bytes,
    ) -> None:
        super().__init__(core, transactions, table, leg_id)
        self._target = target
        self.local_sdp = offer
        self.owns_call_id = True
        self._interval_s = core.settings.session_expires_s
        self._min_se_s = core.settings.min_se_s
        self._cancel_wanted = False
        self._lengthened = False
        self._reason = b""
        self._early: EarlyDialogs | None = None
        self._reliable: ReliableBranches | None = None
        self._credentials: DigestClient | None = None
        self._attempt: Attempt | None = None
        self._authorization = b""
        self._redirection: Redirection | None = None
        if target.username:
            self._credentials = DigestClient(target.username, target.password, core.token)
            self._attempt = Attempt()
        self._invite: ClientInviteTransaction | None = None
        uri = request_uri(target.uri)
        self._to = b"<%b>" % uri
        route = b""
        if target.route:
            route = b"".join([b"Route: %b\r\n" % one_line(entry) for entry in target.route])
        self._parts = HopParts(uri, b"", self._from(target), one_line(leg_id), 0, route)

    def _from(self, target: InviteTarget) -> bytes:
        core = self._core
        tag = core.token()
        if not target.caller:
            # RFC 3323 4.1.1.3: the From of a caller who does not want to be known.
            return b'"Anonymous" <sip:anonymous@anonymous.invalid>;tag=' + tag
        host = core.identity(target.peer).host
        name = quote(target.caller_name) + b" " if target.caller_name else b""
        return b"%b<sip:%b@%b>;tag=%b" % (name, escape_user(target.caller), host, tag)

    def send_invite(self, now: float) -> None:
        """Send the INVITE, at first or again with an answer to a challenge."""
        core, target, old = self._core, self._target, self._parts
        identity = core.identity(target.peer)
        branch = b"z9hG4bK" + core.token()
        via = b"%b%b\r\n" % (identity.via_head, branch)
        # 8.1.3.5: "the UAC SHOULD use the same value of the Call-ID, To, and From […], and the
        # CSeq should contain a new sequence number that is one higher than the previous."
        parts = HopParts(old.uri, via, old.from_, old.call_id, old.cseq + 1, old.route)
        self._parts, self._early, self._reliable = parts, None, None
        extra = (
            core.contact(target.peer, is_sips(old.uri))
            + ALLOW_LINE
            + core.product_lines[1]
            + self._authorization
        )
        if self._interval_s or core.settings.offer_100rel:
            extra += self._extension_lines()
        for name, value in target.headers:
            extra += b"%b: %b\r\n" % (one_line(name), one_line(value))
        invite = Send(target.peer, parts.request(b"INVITE", self._to, extra, self.local_sdp))
        self._invite = self._transactions.begin_client_invite(branch, invite, parts, self, now)

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take what the other side says to our INVITE."""
        status = response.status
        if status < 200:
            if self._cancel_wanted:
                # 9.1: "If no provisional response has been received, the CANCEL request MUST
                # NOT be sent; rather, the client MUST wait for the arrival of a provisional
                # response before sending the request."
                self._send_cancel(now)
            elif (
                status > 100
                and not self.over
                and (b"rseq" not in response.headers or self._acknowledged(response, now))
            ):
                self._report_ringing(response)
            return None
        invite, self._invite = self._invite, None
        if status < 300:
            peer = self._target.peer if invite is None else invite.peer
            return self._accepted(response, peer, now)
        self._leave_early(now)
        if status in {401, 407} and self._retry_authorized(response, now):
            return None
        if status == 422 and self._retry_longer(response, now):
            return None
        if self._target.redirects and self._redirected(response, now):
            return None
        unreached = status in _NOBODY_THERE or (status == 408 and self._early is None)
        self._fail(
            status,
            text(response.reason),
            read_retry_after(response.get(b"retry-after")),
            read_q850_cause(response.readable(b"reason")),
            unreached=unreached,
        )
        return None

    def _extension_lines(self) -> bytes:
        tags = [b"100rel"] if self._core.settings.offer_100rel else []
        lines = b""
        if self._interval_s:
            tags.append(b"timer")
            lines = asking_lines(self._interval_s, self._min_se_s)
        return b"Supported: %b\r\n%b" % (b", ".join(tags), lines)

    def _acknowledged(self, response: Response, now: float) -> bool:
        """Send the PRACK of a reliable provisional answer; False when it is to be dropped."""
        invite = self._invite
        if invite is None or not is_reliable(response):
            return True
        if self._reliable is None:
            self._reliable = ReliableBranches(self._core, self._transactions)
        if not self._reliable.acknowledge(response, invite.peer, self._credentials, now):
            return False
        # From now on the other side may send an UPDATE, which names our tag.
        self._table.dialogs[response.from_.tag] = self
        return True

    def _leave_early(self, now: float) -> None:
        """Forget the early dialogs: no answer of any branch is to come, or none counts."""
        if self._reliable is not None:
            self._settle_offer(487, now)
            self._table.dialogs.pop(NameAddr.parse(self._parts.from_).tag, None)

    def has_branch(self, request: Request) -> bool:
        """Tell whether a request is of one of our early dialogs (12.1.2)."""
        if self._reliable is not None and self._reliable.of_request(request) is not None:
            return True
        return self._unreliable(request) is not None

    def _unreliable(self, request: Request) -> EarlyDialog | None:
        """Return the branch that a request names, whose answers need no PRACK."""
        early, parts = self._early, self._parts
        named = early is not None and request.get(b"call-id") == parts.call_id
        if early is None or not named or request.to.tag != NameAddr.parse(parts.from_).tag:
            return None
        return early.branch(request.from_.tag)

    def on_request(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Take a request within the dialog, or an UPDATE within an early one (RFC 3311 5.2)."""
        if self.dialog is not None:
            super().on_request(request, key, peer, now)
            return
        if request.method != b"UPDATE":
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        branch = None if self._reliable is None else self._reliable.of_request(request)
        early = branch.dialog if branch is not None else self._unreliable(request)
        if early is None:
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        if request.cseq.number <= early.remote_cseq:
            raise BadMessageError("CSeq Out Of Order", 500)
        early.remote_cseq = request.cseq.number
        try:
            if branch is not None:
                self._on_early_update(branch, request, key, peer, now)
            else:
                self._on_unreliable_update(request, key, peer, now)
        except BadMessageError as refusal:
            self._refuse(request, key, peer, refusal, now)

    def _on_unreliable_update(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        """Take the UPDATE of a branch that has answered unreliably only.

        Gateways tell so who was reached. Our offer in the INVITE has no answer yet that counts,
        so that RFC 3311 5.2 has an offer refused by 491; a 481 would end the call there.
        """
        check_content(request)
        if request.body:
            raise BadMessageError("Request Pending", 491)
        contact = self._core.contact(peer, is_sips(self._parts.uri))
        self._answer_plainly(request, key, peer, now, contact)

    def _on_early_update(
        self, branch: Branch, request: Request, key: bytes, peer: Peer, now: float
    ) -> None:
        check_content(request)
        if not request.body:
            self._on_refresh(branch.dialog, request, key, peer, now)
            return
        if self._offer is not None:
            raise BadMessageError("Offer Pending", 500, RETRY_SOON)
        if not branch.description:
            # "If an UPDATE is received that contains an offer, and the UAS has generated an offer
            # (in an UPDATE, PRACK or INVITE) to which it has not yet received an answer, the UAS
            # MUST reject the UPDATE with a 491 response."
            raise BadMessageError("Request Pending", 491)
        branch.dialog.refresh(request, peer)
        self._offer = (self._transactions.begin_server_request(key, peer), request, peer)
        self._offer_key = key
        self._core.out.append(LegReoffered(self.id, request.body))

    def accept_offer(self, sdp: bytes, now: float) -> None:
        """Answer an offer; within an early dialog it then stands for the INVITE's answer."""
        if self.dialog is None and self._reliable is not None and self._offer is not None:
            request = self._offer[1]
            branch = self._reliable.of_request(request)
            if branch is not None:
                branch.description = request.body
        super().accept_offer(sdp, now)

    def _report_ringing(self, response: Response) -> None:
        status, sdp = response.status, response.body
        early = self._early
        if early is None:
            early = self._early = EarlyDialogs()
        if early.heard(response.to.tag, status, sdp):
            self._core.out.append(LegRinging(self.id, status, sdp))

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed."""
        self._invite = None
        self._leave_early(now)
        if self._redirection is not None and self._call_next(self._redirection, now):
            return
        self._fail(status, reason_phrase(status), unreached=True)

    def cancel(self, now: float, reason: str = "") -> None:
        """Give the call up; it is reported as failed at once, whatever the network still says."""
        if self._invite is None or self.over:
            return
        self._reason = reason_line(reason)
        if self._invite.state is State.PROCEEDING:
            self._send_cancel(now)
        else:
            self._cancel_at_first_answer(self._invite)
        self._leave_early(now)
        self._fail(487, reason_phrase(487))

    def hang_up(self, now: float, reason: str) -> None:
        """CANCEL before the answer, BYE after it."""
        if self.dialog is None:
            self.cancel(now, reason)
        else:
            self._hang_up_dialog(now, reason)

    def _cancel_at_first_answer(self, invite: ClientInviteTransaction) -> None:
        self._cancel_wanted = True
        self._transactions.forgo_fallback(invite)

    def _send_cancel(self, now: float) -> None:
        self._cancel_wanted = False
        invite = self._invite
        if invite is None:
            return
        branch = invite.key.partition(b" ")[0]
        cancel = Send(invite.peer, invite.parts.request(b"CANCEL", self._to, self._reason))
        self._transactions.begin_client_request(branch, b"CANCEL", cancel, NOBODY, now)
        self._transactions.abandon(invite, now)

    def _accepted(self, response: Response, peer: Peer, now: float) -> Send | None:
        core = self._core
        try:
            dialog = Dialog.of_response(response, peer)
            described, number = b"", None
            if self._reliable is not None:
                described, number = self._reliable.confirm(dialog), response.cseq.number
            ack = send_ack(core, dialog, self._authorization, number)
        except BadMessageError as fault:
            # Nothing in the message tells where an ACK would have to go.
            self._leave_early(now)
            self._fail(502, fault.reason)
            return None
        dialog.credentials = self._credentials
        early, self._early = self._early, None
        if self.over:
            # 9.1 and 15: the 2xx crossed our CANCEL; the call that it made is hung up again.
            send_bye(core, self._transactions, dialog, "", now)
            return ack
        self.dialog = dialog
        self.updatable = b"UPDATE" in response.headers.get(b"allow", b"")
        self._table.dialogs[dialog.local_tag] = self
        # 13.2.1: "the UAC MUST treat the first session description it receives as the answer, and
        # MUST ignore any session descriptions in subsequent responses to the initial INVITE."
        answer = described or response.body
        self._reliable = None
        if not answer and early is not None:
            # 13.2.1: "If the initial offer is in an INVITE, the answer MUST be in a reliable
            # non-failure message from UAS back to UAC", and a 2xx need not repeat it then. One
            # that was only in an unreliable answer is taken as well: it is all there is.
            answer = early.answer(dialog.remote_tag)
        core.out.append(LegAnswered(self.id, answer))
        if self._interval_s or b"session-expires" in response.headers:
            self._restart_timer(granted(response, self._interval_s, self._min_se_s), now)
        return ack

    def _retry_longer(self, response: Response, now: float) -> bool:
        """Ask again with the session interval that a 422 demands (RFC 4028 7.3), once."""
        least_s = demanded_s(response)
        if self.over or not self._interval_s or least_s <= self._min_se_s or self._lengthened:
            return False
        self._lengthened = True
        self._min_se_s = least_s
        self._interval_s = max(self._interval_s, least_s)
        self.send_invite(now)
        return True

    def _retry_authorized(self, response: Response, now: float) -> bool:
        credentials, attempt = self._credentials, self._attempt
        if credentials is None or attempt is None or self.over:
            return False
        if not credentials.learn(response, attempt):
            return False
        self._authorization = credentials.lines(b"INVITE", self._parts.uri)
        self.send_invite(now)
        return True

    def _redirected(self, response: Response, now: float) -> bool:
        """Call the next URI that a 3xx named; False when there is none to be called.

        8.1.3.4: "failures SHOULD be detected through failure response codes (codes greater than
        399)", after which the next URI is called; "for network errors the client transaction will
        report any transport layer failures to the transaction user".
        """
        redirection, status = self._redirection, response.status
        if redirection is None:
            if status >= 400:
                return False
            limit = min(self._target.redirects, self._core.settings.max_redirects)
            redirection = self._redirection = Redirection(self._core, self._parts.uri, limit)
        redirection.take(response, self._target.peer)
        return status < 600 and self._call_next(redirection, now)

    def _call_next(self, redirection: Redirection, now: float) -> bool:
        while not self.over and (step := redirection.next()) is not None:
            try:
                uri = request_uri(text(step[0]))
            except BadTargetError:
                continue
            if self._credentials is not None:
                if step[1].host != self._target.peer.host:
                    self._credentials.close()
                self._attempt, self._authorization = Attempt(), b""
            self._target = structs.replace(self._target, peer=step[1])
            # "In order to create a request based on a contact address in a 3xx response, a UAC
            # MUST copy the entire URI from the target set into the Request-URI […] it is
            # RECOMMENDED that the UAC reuse the same To, From, and Call-ID".
            # The route set was the way to the URI called before.
            self._parts = structs.replace(self._parts, uri=uri, route=b"")
            self.send_invite(now)
            return True
        return False

    def _fail(
        self,
        status: int,
        reason: str,
        retry_after_s: int = 0,
        q850_cause: int = 0,
        *,
        unreached: bool = False,
    ) -> None:
        if not self.over:
            self.over = True
            failed = LegFailed(self.id, status, reason, retry_after_s, q850_cause, unreached)
            self._core.out.append(failed)
        self._forget()
