"""Requests from outside: found, checked and handed to who serves them (RFC 3261 section 8.2).

Order of the checks: syntax; loop and method (482, 405, 501); authentication; Request-URI scheme
(416); Require (420); content (415, 406). A refusal is raised as `BadMessageError` and answered
here without any state: 8.2.7 allows it, and a stranger's request then costs no memory.
"""

from collections.abc import Callable

from .core import Core
from .digest import DigestServer, failed_proof
from .effects import Send
from .errors import BadMessageError, OtherResourceError, ProofFailedError
from .incoming_leg import IncomingLeg
from .leg import Leg, LegTable
from .message import Request
from .peer import Peer
from .referring import referred_by
from .registrar import Registrar
from .replaces import replaced_by
from .request_checks import (
    REGISTER_EXTENSIONS,
    check_content,
    check_extensions,
    check_method,
    check_syntax,
    check_target,
)
from .server_invite import ServerInviteTransaction, State
from .session_timer import check_interval
from .transactions import Transactions, server_key
from .trunk import Trunk
from .trunks import Trunks
from .uri import Uri, text
from .writing import ACCEPT_LINE, ALLOW_LINE, EXTENSIONS_LINE, reply, reply_head

_COMPLETED = State.COMPLETED


class Inbound:
    """Takes every request that the endpoint receives."""

    __slots__ = (
        "_core",
        "_digest",
        "_registrar",
        "_table",
        "_transactions",
        "_trunks",
        "draining",
        "is_emergency",
    )

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        digest: DigestServer,
        registrar: Registrar,
        trunks: Trunks,
    ) -> None:
        self._core = core
        self._table = table
        self._transactions = transactions
        self._digest = digest
        self._registrar = registrar
        self._trunks = trunks
        self.draining = False
        self.is_emergency: Callable[[str], bool] = lambda _called: False

    def receive(self, request: Request, peer: Peer, now: float) -> None:
        """Serve the request, or refuse it. An ACK is never answered."""
        sightings = self._core.sightings
        try:
            sightings.request(request, peer)
            self._dispatch(request, peer, now)
        except BadMessageError as refusal:
            sightings.refused(refusal, peer)
            if request.method == b"ACK" or b"via" not in request.headers:
                return
            head = reply_head(request, peer, self._core.stateless_tag(request))
            extra = refusal.headers + self._core.product_lines[0]
            data = reply(refusal.status, head, extra, reason=refusal.reason)
            self._core.send(peer, data)

    def refusal(self, request: Request, peer: Peer) -> bytes | None:
        """Return 503 for a new INVITE or REGISTER; None for what belongs to something known.

        None, too, for an account's call to an emergency number: it is in for its challenge at
        least, which is a refusal that costs no more.
        """
        check_syntax(request)
        if request.method not in {b"INVITE", b"REGISTER"} or request.to.tag:
            return None
        key = server_key(request, request.method)
        if self._transactions.server(key) is not None or self._transactions.finished(key):
            return None
        if request.method == b"INVITE" and self._may_be_urgent(request):
            return None
        # RFC 3261 21.5.4: "The server MAY indicate when the client should retry the request in a
        # Retry-After header field."
        refusal = self._unavailable()
        head = reply_head(request, peer, self._core.stateless_tag(request))
        return reply(refusal.status, head, refusal.headers + self._core.product_lines[0])

    def _dispatch(self, request: Request, peer: Peer, now: float) -> None:
        check_syntax(request)
        method = request.method
        if method == b"ACK":
            self._on_ack(request, peer, now)
            return
        key = server_key(request, method)
        if self._transactions.absorb(key):
            return
        check_method(method)
        if method == b"CANCEL":
            self._on_cancel(request, key, peer, now)
        elif method == b"REGISTER":
            self._on_register(request, key, peer, now)
        elif request.to.tag:
            self._within_dialog(request, key, peer, now)
        elif method == b"INVITE":
            self._on_invite(request, key, peer, now)
        elif method == b"OPTIONS":
            self._on_options(request, peer)
        elif method == b"REFER":
            # RFC 3515 2.4.2 lets an agent decline; nobody makes us call out of nothing.
            raise BadMessageError("Forbidden", 403)
        else:
            raise BadMessageError("Call/Transaction Does Not Exist", 481)

    def _on_ack(self, request: Request, peer: Peer, now: float) -> None:
        machine = self._transactions.server(server_key(request, b"INVITE"))
        if isinstance(machine, ServerInviteTransaction) and machine.state is _COMPLETED:
            self._transactions.acknowledged(machine, now)
            return
        leg = self._table.dialogs.get(request.to.tag)
        if leg is not None and leg.dialog is not None and leg.dialog.matches(request):
            leg.on_ack(request, peer, now)

    def _on_cancel(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        invite_key = server_key(request, b"INVITE")
        leg = self._table.cancellable.get(invite_key)
        machine = self._transactions.server(invite_key)
        if leg is None and machine is None and not self._transactions.finished(invite_key):
            # 9.2: "If the UAS did not find a matching transaction for the CANCEL according to
            # the procedure above, it SHOULD respond to the CANCEL with a 481".
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        if leg is not None and leg.dialog is not None:
            # "the To tag of the response to the CANCEL and the To tag in the response to the
            # original request SHOULD be the same."
            tag = leg.dialog.local_tag
        else:
            tag = self._core.stateless_tag(request)
        answer = Send(peer, reply(200, reply_head(request, peer, tag)))
        self._transactions.answer_request(key, answer, now)
        if leg is not None:
            # Otherwise the final answer is out already: "the processing of the CANCEL request
            # has no effect on the processing of the original request".
            leg.cancelled(now)

    def _within_dialog(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        leg = self._table.dialogs.get(request.to.tag) or self._calling(request)
        if leg is None or (
            (leg.dialog is None or not leg.dialog.matches(request)) and not leg.has_branch(request)
        ):
            raise BadMessageError("Call/Transaction Does Not Exist", 481)
        check_target(request, peer)
        check_extensions(request)
        leg.on_request(request, key, peer, now)

    def _calling(self, request: Request) -> Leg | None:
        """Return our call that is not answered yet, by its Call-ID, which is the leg's id."""
        leg = self._table.legs.get(text(request.need(b"call-id")))
        return leg if leg is not None and leg.dialog is None else None

    def _on_invite(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        core = self._core
        merge_key = (request.need(b"call-id"), request.from_.tag, request.cseq.number)
        if merge_key in self._table.incoming:
            # 8.2.2.2: "If the request has no tag in the To header field, the UAS core MUST check
            # the request against ongoing transactions. If the From tag, Call-ID, and CSeq
            # exactly match those associated with an ongoing transaction, but the request does
            # not match that transaction […], the UAS core SHOULD generate a 482".
            raise BadMessageError("Loop Detected", 482)
        trunk, account = self._caller(request, peer, now)
        called = check_target(request, peer)
        check_extensions(request)
        check_content(request)
        if b"session-expires" in request.headers:
            check_interval(request, core.settings)
        replaces = referred = ""
        if b"replaces" in request.headers:
            replaces = replaced_by(request, account, self._table.dialogs)
            referred = referred_by(request)
        # Whatever can be wrong with the request has been found: a leg that has begun is in the
        # tables, and no refusal from here takes it out of them.
        if trunk is None:
            new_id = core.new_id()
            leg = IncomingLeg(core, self._transactions, self._table, new_id, key, request, peer)
        else:
            leg = self._trunks.incoming(trunk, key, request, peer)
        leg.begin(request, called, account, now, replaces=replaces, referred=referred)
        if trunk is not None:
            self._trunks.name_call(trunk, request)

    def _caller(self, request: Request, peer: Peer, now: float) -> tuple[Trunk | None, str | None]:
        """Return the trunk or account that a call comes from, proved; neither is a stranger.

        Where there is no room, nobody is asked for a proof whose call would not be taken with it.
        """
        shut = (
            self.draining
            or len(self._table.dialogs) >= self._core.settings.max_legs
            or self._transactions.full
        )
        if shut and not self._may_be_urgent(request):
            raise self._unavailable()
        trunk = self._trunks.caller(request, peer, now)
        # A trunk's callers have no account with us, whatever stands in From.
        account = None if trunk is not None else self._caller_account(request, peer, now)
        if shut and account is None:
            raise self._unavailable()
        return trunk, account

    def _may_be_urgent(self, request: Request) -> bool:
        """Tell whether an account of ours, if it proves to be one, calls for help."""
        if not self.is_emergency(Uri.parse(request.uri).user_text):
            return False
        account = request.from_.user_text()
        wanted = self._core.settings.authenticate_accounts and bool(account)
        return wanted and self._digest.knows(account)

    def _caller_account(self, request: Request, peer: Peer, now: float) -> str | None:
        """Return the account that the caller proved to be; None for everybody else."""
        if not self._core.settings.authenticate_accounts:
            return None
        account = request.from_.user_text()
        if not account or not self._digest.knows(account):
            return None
        self._authenticate(request, account, peer, now)
        return account

    def _authenticate(self, request: Request, account: str, peer: Peer, now: float) -> None:
        core = self._core
        try:
            self._digest.check(request, account, peer.host, now, rewritten=core.trusts(peer))
        except (ProofFailedError, OtherResourceError) as error:
            core.out.append(failed_proof(request, account, peer, error))
            raise
        core.sightings.proved(peer)

    def _on_options(self, request: Request, peer: Peer) -> None:
        # 11.2: "The response code chosen MUST be the same that would have been chosen had the
        # request been an INVITE": a dispatcher in front of us learns so that we are leaving.
        if self.draining:
            raise self._unavailable()
        check_target(request, peer)
        check_extensions(request)
        head = reply_head(request, peer, self._core.stateless_tag(request))
        extra = ALLOW_LINE + ACCEPT_LINE + EXTENSIONS_LINE + self._core.product_lines[0]
        self._core.send(peer, reply(200, head, extra))

    def _on_register(self, request: Request, key: bytes, peer: Peer, now: float) -> None:
        account = request.to.user_text()
        if not account:
            # 10.3.5: "If the address-of-record is not valid for the domain in the Request-URI,
            # the registrar MUST send a 404 (Not Found) response".
            raise BadMessageError("Not Found", 404)
        if self._transactions.full:
            raise self._unavailable()
        self._authenticate(request, account, peer, now)
        check_target(request, peer)
        check_extensions(request, REGISTER_EXTENSIONS)
        lines = self._registrar.register(request, account, peer, now)
        head = reply_head(request, peer, self._core.token())
        answer = Send(peer, reply(200, head, lines + self._core.product_lines[0]))
        self._transactions.answer_request(key, answer, now)

    def _unavailable(self) -> BadMessageError:
        line = b"Retry-After: %d\r\n" % self._core.settings.retry_after_s
        return BadMessageError("Service Unavailable", 503, line)
