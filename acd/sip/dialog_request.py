"""Requests of ours within a dialog, whose challenges are answered (RFC 3261 12.2.1, 22.2).

The ACK of a 2xx and BYE stand here too, for they need no more than a dialog.
"""

from .client_invite import ClientInviteTransaction
from .core import Core, ResponseUser
from .dialog import Dialog
from .digest_client import Attempt
from .effects import Send
from .message import Response
from .reconnecting import next_hop
from .transactions import Transactions
from .writing import reason_line


class DialogRequest:
    """Sends one request; again with a higher CSeq when credentials are asked for.

    Its user hears of every other answer. Without credentials in the dialog nothing is kept.
    """

    __slots__ = (
        "_attempt",
        "_body",
        "_core",
        "_dialog",
        "_extra",
        "_method",
        "_transactions",
        "_user",
        "authorization",
        "invite",
    )

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        dialog: Dialog,
        method: bytes,
        user: ResponseUser,
        *,
        extra: bytes = b"",
        body: bytes = b"",
    ) -> None:
        self._core = core
        self._transactions = transactions
        self._dialog = dialog
        self._method = method
        self._user = user
        self._extra = extra
        self._body = body
        self._attempt: Attempt | None = None
        self.authorization = b""
        "Credentials that went along, for the ACK of a 2xx (22.1)."
        self.invite: ClientInviteTransaction | None = None
        "The transaction of a re-INVITE, for its CANCEL."

    def send(self, now: float) -> None:
        """Send it under the dialog's next CSeq number."""
        core, dialog, method = self._core, self._dialog, self._method
        branch = b"z9hG4bK" + core.token()
        via = b"%b%b\r\n" % (core.identity(dialog.peer).via_head, branch)
        dialog.local_cseq += 1
        parts = dialog.parts(via, dialog.local_cseq)
        user: ResponseUser = self._user
        if dialog.credentials is not None:
            self.authorization = dialog.credentials.lines(method, parts.uri)
            user = self
        extra = self._extra + self.authorization
        request = Send(dialog.peer, parts.request(method, dialog.remote, extra, self._body))
        elsewhere = None if dialog.peer.transport == "udp" else next_hop(dialog)
        begin = self._transactions
        if method == b"INVITE":
            self.invite = begin.begin_client_invite(
                branch, request, parts, user, now, elsewhere=elsewhere
            )
        else:
            begin.begin_client_request(branch, method, request, user, now, elsewhere=elsewhere)

    def on_response(self, response: Response, now: float) -> Send | None:
        """Answer a challenge; hand everything else on."""
        if response.status in {401, 407} and self._learn(response):
            self.send(now)
            return None
        return self._user.on_response(response, now)

    def on_failure(self, status: int, now: float) -> None:
        """Hand it on."""
        self._user.on_failure(status, now)

    def _learn(self, response: Response) -> bool:
        credentials = self._dialog.credentials
        if self._attempt is None:
            self._attempt = Attempt()
        return credentials is not None and credentials.learn(response, self._attempt)


class Nobody:
    """The user of a transaction whose outcome changes nothing: a BYE's, a CANCEL's."""

    def on_response(self, response: Response, now: float) -> Send | None:
        """Ignore it."""

    def on_failure(self, status: int, now: float) -> None:
        """Ignore it."""


NOBODY = Nobody()


def send_ack(
    core: Core, dialog: Dialog, authorization: bytes = b"", cseq: int | None = None
) -> Send:
    """Send the ACK of a 2xx (13.2.2.4): a request of its own, outside of any transaction.

    `cseq` is the INVITE's where the dialog has seen further requests of ours since.

    22.1: "a UAC creating an ACK message will duplicate all of the Authorization and
    Proxy-Authorization header field values that appeared in the request to which the ACK applies."
    """
    via = b"%bz9hG4bK%b\r\n" % (core.identity(dialog.peer).via_head, core.token())
    # "The sequence number of the CSeq header field MUST be the same as the INVITE being
    # acknowledged, but the CSeq method MUST be ACK."
    parts = dialog.parts(via, dialog.local_cseq if cseq is None else cseq)
    ack = Send(dialog.peer, parts.request(b"ACK", dialog.remote, authorization))
    core.out.append(ack)
    return ack


def send_bye(
    core: Core, transactions: Transactions, dialog: Dialog, reason: str, now: float
) -> None:
    """Say BYE (15.1.1); whatever comes of it, the dialog is over."""
    extra = core.product_lines[1] + reason_line(reason)
    if dialog.credentials is not None:
        DialogRequest(core, transactions, dialog, b"BYE", NOBODY, extra=extra).send(now)
        return
    branch = b"z9hG4bK" + core.token()
    via = b"%b%b\r\n" % (core.identity(dialog.peer).via_head, branch)
    dialog.local_cseq += 1
    bye = Send(
        dialog.peer, dialog.parts(via, dialog.local_cseq).request(b"BYE", dialog.remote, extra)
    )
    elsewhere = None if dialog.peer.transport == "udp" else next_hop(dialog)
    transactions.begin_client_request(branch, b"BYE", bye, NOBODY, now, elsewhere=elsewhere)
