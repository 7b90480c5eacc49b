"""Replaces: a new call that takes the place of another one (RFC 3891)."""

import re
from collections.abc import Mapping
from typing import Protocol, TypeVar

from msgspec import Struct

from .dialog import Dialog
from .errors import BadMessageError
from .headers import parse_parameters
from .message import Request

_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_NO_TAG = b"0"
"What stands for the missing tag of an RFC 2543 phone (RFC 3891 6.1)."


class InDialog(Protocol):
    """What is asked of a leg here (`acd.sip.leg.Leg`)."""

    id: str
    over: bool
    dialog: Dialog | None

    @property
    def early(self) -> bool:
        """The INVITE is not answered yet."""


Found = TypeVar("Found", bound=InDialog)


class Replaces(Struct, frozen=True):
    """Names a dialog as the one who gets the header sees it: `to_tag` is the own tag."""

    call_id: bytes
    to_tag: bytes
    from_tag: bytes
    early_only: bool = False

    @classmethod
    def parse(cls, value: bytes) -> "Replaces":
        """Read a header's value; `BadMessageError` (400) when a part is missing."""
        call_id, semicolon, tail = value.partition(b";")
        parameters = parse_parameters(semicolon + tail)
        call_id = call_id.strip()
        to_tag, from_tag = parameters.get(b"to-tag"), parameters.get(b"from-tag")
        if not call_id or not to_tag or not from_tag:
            raise BadMessageError("Replaces needs a Call-ID, a to-tag and a from-tag")
        return cls(call_id, to_tag, from_tag, b"early-only" in parameters)

    @classmethod
    def in_uri(cls, headers: bytes) -> "Replaces | None":
        """Read the one among the headers of a URI (RFC 3261 19.1.1), if there is one."""
        for field in headers.split(b"&"):
            name, _, value = field.partition(b"=")
            if name.lower() == b"replaces":
                return cls.parse(_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), value))
        return None

    def find(self, dialogs: Mapping[bytes, Found]) -> Found | None:
        """Return the leg of ours whose dialog this is; `dialogs` has them by our own tag."""
        leg = dialogs.get(self.to_tag)
        dialog = leg.dialog if leg is not None else None
        if dialog is None or dialog.call_id != self.call_id:
            return None
        matches = dialog.remote_tag == self.from_tag
        return leg if matches or (not dialog.remote_tag and self.from_tag == _NO_TAG) else None


def replaced_by(invite: Request, account: str | None, dialogs: Mapping[bytes, InDialog]) -> str:
    """Return the id of the leg that this INVITE is to replace (section 3).

    Whether this account may do so is for those to say who know whose the leg is.
    """
    if b"replaces" in invite.more:
        # "If more than one Replaces header field is present in an INVITE […], the UAS MUST
        # reject the request with a 400 Bad Request response."
        raise BadMessageError("More than one Replaces header")
    wanted = Replaces.parse(invite.headers[b"replaces"])
    if account is None:
        # "the UA MUST verify that the initiator of the new INVITE is authorized to replace the
        # matched dialog": nobody without an account is, and learns nothing about dialogs.
        raise BadMessageError("Forbidden", 403)
    leg = wanted.find(dialogs)
    if leg is None or (leg.early and not leg.over):
        # "If no match is found, the UAS rejects the INVITE and returns a 481"; "If the Replaces
        # header field matches an early dialog that was not initiated by this UA, it returns a
        # 481".
        raise BadMessageError("Call/Transaction Does Not Exist", 481)
    if leg.over:
        # "If the Replaces header field matches a dialog which has already terminated, the UA
        # SHOULD decline the request with a 603 Declined response."
        raise BadMessageError("Decline", 603)
    if wanted.early_only:
        # "If the Replaces header field matches a confirmed dialog, it checks for the presence of
        # the "early-only" flag […]. If the flag is present, the UA rejects the request with a
        # 486 Busy response."
        raise BadMessageError("Busy Here", 486)
    return leg.id
