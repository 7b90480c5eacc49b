"""Early dialogs of our INVITE: what each branch of a fork said before the answer (12.1.2)."""

from msgspec import Struct

MAX_BRANCHES = 16
"Phones that one INVITE may be forked to; the answers of further ones are not looked at."


class EarlyDialog(Struct):
    """One branch, as its last provisional answer left it."""

    status: int = 0
    body: bytes = b""
    answer: bytes = b""
    "The SDP heard last; it stands when the 2xx brings none (RFC 3261 13.2.1, RFC 3262 5)."
    remote_cseq: int = -1
    "Of the branch's last request; -1 while it has sent none."


class EarlyDialogs:
    """The branches of one INVITE by To tag.

    13.2.2.4: "Multiple 2xx responses may arrive at the UAC for a single INVITE request due to a
    forking proxy. Each response is distinguished by the tag parameter in the To header field";
    12.1.2 has the same for provisional ones.
    """

    __slots__ = ("_by_tag",)

    def __init__(self) -> None:
        self._by_tag: dict[bytes, EarlyDialog] = {}

    def heard(self, tag: bytes, status: int, body: bytes) -> bool:
        """Note a provisional answer; False when it only repeats the last one of its branch."""
        branch = self._by_tag.get(tag)
        if branch is None:
            if len(self._by_tag) >= MAX_BRANCHES:
                return False
            branch = self._by_tag[tag] = EarlyDialog()
        elif branch.status == status and branch.body == body:
            return False  # the network and some phones repeat provisional answers
        branch.status, branch.body = status, body
        if body:
            branch.answer = body
        return True

    def branch(self, tag: bytes) -> EarlyDialog | None:
        """Return a branch that has answered."""
        return self._by_tag.get(tag)

    def answer(self, tag: bytes) -> bytes:
        """Return the SDP that this branch has answered with, or nothing."""
        branch = self._by_tag.get(tag)
        return b"" if branch is None else branch.answer
