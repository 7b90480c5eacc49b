"""What the call centre asks of the SIP endpoint, one value per command of `acd.sip.endpoint`."""

from msgspec import Struct

from acd.sip.endpoint import InviteTarget


class RingLeg(Struct, frozen=True, gc=False):
    """Send 180, the caller hears ringing; or 183 with an SDP, and the caller hears its stream.

    To a caller who made no offer the SDP is ours, and goes out in a reliable answer only.
    """

    leg: str
    status: int = 180
    sdp: bytes = b""


class AnswerLeg(Struct, frozen=True, gc=False):
    """Send 200 with this SDP."""

    leg: str
    sdp: bytes


class RejectLeg(Struct, frozen=True, gc=False):
    """Send a final answer of 300 and above."""

    leg: str
    status: int
    retry_after_s: int = 0

    warning: str = ""
    "As in `RefuseOffer`."


class InviteLeg(Struct, frozen=True, gc=False):
    """Call a phone; the leg's id is also its Call-ID."""

    leg: str
    target: InviteTarget
    offer: bytes


class HangUpLeg(Struct, frozen=True, gc=False):
    """End the leg whatever its state: CANCEL, BYE, or a refusal."""

    leg: str
    reason: str = ""


class AcceptOffer(Struct, frozen=True, gc=False):
    """Answer a re-INVITE or UPDATE with this SDP."""

    leg: str
    sdp: bytes


class RefuseOffer(Struct, frozen=True, gc=False):
    """Refuse a re-INVITE or UPDATE; the session stays as it was."""

    leg: str
    status: int

    warning: str = ""
    'For the Warning header (RFC 3261 20.43): "305 no codec we speak is offered".'


class AcceptTransfer(Struct, frozen=True, gc=False):
    """Answer a REFER with 202; `NotifyTransfer`s follow."""

    leg: str
    refer: int


class RefuseTransfer(Struct, frozen=True, gc=False):
    """Refuse a REFER; the call stays as it was."""

    leg: str
    refer: int
    status: int


class NotifyTransfer(Struct, frozen=True, gc=False):
    """Tell the phone that asked for a transfer how far it has come."""

    leg: str
    refer: int
    status: int

    final: bool = False
    "Nothing more follows."


class ReofferLeg(Struct, frozen=True, gc=False):
    """Offer this session to the leg by re-INVITE."""

    leg: str
    sdp: bytes


class DoubtContact(Struct, frozen=True, gc=False):
    """A device did not answer a call at all: ask whether it is there, and offer it no more."""

    account: str
    uri: str


class VerifyPin(Struct, frozen=True, gc=False):
    """Check what was keyed in at a desk phone; `CallCentre.desk_login_verified` takes the answer.

    Neither recorded nor sent.
    """

    interaction: str
    account: str
    agent: str
    pin: str


SipCommand = (
    RingLeg
    | AnswerLeg
    | RejectLeg
    | InviteLeg
    | HangUpLeg
    | AcceptOffer
    | RefuseOffer
    | AcceptTransfer
    | RefuseTransfer
    | NotifyTransfer
    | ReofferLeg
    | DoubtContact
)
