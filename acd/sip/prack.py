"""PRACK: we acknowledge reliable provisional answers to our INVITE (RFC 3262 section 4)."""

from msgspec import Struct

from .core import Core
from .dialog import Dialog
from .dialog_request import NOBODY, DialogRequest
from .digest_client import DigestClient
from .early import MAX_BRANCHES
from .errors import BadMessageError
from .headers import parse_number
from .message import Request, Response
from .peer import Peer
from .transactions import Transactions


class Branch(Struct, gc=False):
    """One early dialog that has answered reliably."""

    dialog: Dialog
    rseq: int
    description: bytes = b""
    "The other side's last session description, in an answer or an UPDATE."


class ReliableBranches:
    """The early dialogs of one INVITE whose provisional answers are acknowledged."""

    __slots__ = ("_by_tag", "_core", "_transactions")

    def __init__(self, core: Core, transactions: Transactions) -> None:
        self._core = core
        self._transactions = transactions
        self._by_tag: dict[bytes, Branch] = {}

    def acknowledge(
        self, response: Response, peer: Peer, credentials: DigestClient | None, now: float
    ) -> bool:
        """Send the PRACK of a new answer; False for one that has to be dropped.

        4: "If the UAC receives another reliable provisional response to the same request, and
        its RSeq value is not one higher than the value of the sequence number, that response
        MUST NOT be acknowledged with a PRACK, and MUST NOT be processed further by the UAC." So
        it is with a repetition; the PRACK's own transaction repeats what was lost.
        """
        try:
            number = parse_number(response.headers[b"rseq"])
            branch = self._branch(response, number, peer)
        except BadMessageError:
            return False
        if branch is None:
            return False
        branch.dialog.credentials = credentials
        if response.body and not branch.description:
            branch.description = response.body
        rack = b"RAck: %d %d INVITE\r\n" % (number, response.cseq.number)
        extra = self._core.product_lines[1] + rack
        DialogRequest(
            self._core, self._transactions, branch.dialog, b"PRACK", NOBODY, extra=extra
        ).send(now)
        return True

    def _branch(self, response: Response, number: int, peer: Peer) -> Branch | None:
        tag = response.to.tag
        branch = self._by_tag.get(tag)
        if branch is None:
            if len(self._by_tag) >= MAX_BRANCHES:
                return None
            branch = self._by_tag[tag] = Branch(Dialog.of_response(response, peer), number)
        elif number != branch.rseq + 1:
            return None
        branch.rseq = number
        return branch

    def of_request(self, request: Request) -> Branch | None:
        """Return the branch that a request names."""
        branch = self._by_tag.get(request.from_.tag)
        return branch if branch is not None and branch.dialog.matches(request) else None

    def confirm(self, dialog: Dialog) -> bytes:
        """Let the dialog of a 2xx go on where its branch stands; return the description there."""
        branch = self._by_tag.get(dialog.remote_tag)
        if branch is None:
            return b""
        early = branch.dialog
        dialog.local_cseq, dialog.remote_cseq = early.local_cseq, early.remote_cseq
        return branch.description


def is_reliable(response: Response) -> bool:
    """Tell whether a provisional answer wants a PRACK: it requires 100rel, and has an RSeq."""
    if b"rseq" not in response.headers or b"require" not in response.headers:
        return False
    return b"100rel" in {tag.lower() for tag in response.all(b"require")}
