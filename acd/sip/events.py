"""What happened on the SIP side, as the call centre has to know it.

A *leg* is one INVITE dialog, or the attempt at one, between this server and a phone or trunk.
The endpoint makes the id of an incoming leg, the call centre that of an outgoing one; both take
it from the same injected source (UUIDv7 text).
"""

from enum import Enum

from msgspec import Struct

from .peer import Peer


class LegEndCause(Enum):
    """Why an established leg is over."""

    BYE = "bye"
    "The other side hung up."

    ACK_MISSING = "ack_missing"
    "No ACK for our 2xx within 64*T1 (RFC 3261 13.3.1.4)."

    PEER_GONE = "peer_gone"
    "An in-dialog request was answered 408 or 481, or not at all (RFC 3261 12.2.1.2)."

    SESSION_EXPIRED = "session_expired"
    "No refresh within the session interval (RFC 4028 10)."

    TRANSPORT = "transport"
    "The transport could not reach the other side."


class ContactsCause(Enum):
    """Why an account's devices are others than before."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    RESTORED = "restored"
    "Known from before a restart."

    CONNECTION_LOST = "connection_lost"
    UNREACHABLE = "unreachable"
    "A device does not answer (`sip.registrar.qualify_s`)."

    REACHABLE = "reachable"
    "It answers again."


class Contact(Struct, frozen=True, gc=False):
    """One registered device of an account (RFC 3261 section 10)."""

    uri: str
    "The Contact URI; the Request-URI of requests to this device."

    peer: Peer
    "Where its REGISTER came from: requests go there, past NAT, not where the URI points."

    expires_at: float
    "In the endpoint's time."

    user_agent: str = ""

    q: float = 1.0
    "Preference among the account's devices, 0 to 1."

    instance: str = ""
    'The device itself wherever it is, "urn:uuid:…" (RFC 5626); empty when it does not say.'

    reg_id: int = 0
    "Which of the device's flows this is (RFC 5626); 0 for a binding by URI."

    path: tuple[str, ...] = ()
    "Proxies on the way to it, as Route entries (RFC 3327)."

    reachable: bool = True
    "False when it was asked and did not answer: nothing is sent there but further questions."


class InviteReceived(Struct, frozen=True, gc=False):
    """A new incoming call. 100 was sent; answer with `ring`, `answer` or `reject`."""

    leg: str
    sip_call_id: str
    peer: Peer

    caller: str
    "User part of From, or empty."

    caller_name: str
    "Display name of From, or empty."

    called: str
    "User part of the Request-URI."

    account: str | None
    "The account that proved itself by digest, if any."

    offer: bytes
    "The SDP offer; empty when the answer's ACK is to carry it the other way round (late offer)."

    replaces: str = ""
    "The leg of ours whose place this call is to take (RFC 3891); empty for an ordinary call."

    referred_by: str = ""
    "With `replaces`: the URI of Referred-By (RFC 3892), on whose behalf this is said to be."

    trunk: str = ""
    "The trunk that it came by; its numbers are E.164 then, or the number plan's."

    codecs: tuple[str, ...] = ()
    "What the session is limited to, in order of preference; empty: no limit."

    claimed: str = ""
    "User part of From, where a trusted peer asserts another one, which `caller` then is."

    withheld: bool = False
    "The caller asks that nobody is shown who calls (RFC 3323)."

    diverted_from: tuple[str, ...] = ()
    "Numbers that the call was for before, the first one first (RFC 5806, RFC 7044)."

    unproved: bool = False
    """It came in a datagram from outside, without digest: nothing shows yet that there is anybody
    where it says that it comes from. `LegConfirmed` or `EarlyAnswered` does."""


class LegCancelled(Struct, frozen=True, gc=False):
    """The caller gave up before we answered, or the INVITE's Expires did; 487 has been sent."""

    leg: str


class LegConfirmed(Struct, frozen=True, gc=False):
    """The ACK of our 2xx came."""

    leg: str

    answer: bytes
    "The SDP answer in the ACK when we had made the offer in the 2xx; else empty."


class EarlyAnswered(Struct, frozen=True, gc=False):
    """The caller answered the offer that we made in a reliable provisional answer (RFC 3262)."""

    leg: str
    answer: bytes


class LegRinging(Struct, frozen=True, gc=False):
    """A provisional answer above 100 to our INVITE."""

    leg: str
    status: int
    sdp: bytes


class LegAnswered(Struct, frozen=True, gc=False):
    """A 2xx to our INVITE; its ACK has been sent."""

    leg: str
    answer: bytes


class LegFailed(Struct, frozen=True, gc=False):
    """Our INVITE came to nothing: a final answer of 300 and above, or none at all."""

    leg: str

    status: int
    "The answer's code; 408 when none came, 503 when the transport failed."

    reason: str

    retry_after_s: int = 0
    "Retry-After of the answer, in seconds; 0 when it has none."

    q850_cause: int = 0
    "What the telephone network behind a gateway said (RFC 6432); 0 when it said nothing."

    unreached: bool = False
    """Nobody is there: nothing answered at all, or a proxy says so (408 without ringing, 410, 430
    of RFC 5626)."""


class LegEnded(Struct, frozen=True, gc=False):
    """An established leg ended by the other side or by a fault (not by our own BYE)."""

    leg: str
    cause: LegEndCause

    reason: str
    "The Reason header of the BYE, or what failed; may be empty."


class LegReoffered(Struct, frozen=True, gc=False):
    """A re-INVITE or UPDATE offers a changed session (hold, resume, moved media).

    Answer with `accept_offer` or `refuse_offer`.
    """

    leg: str
    offer: bytes


class TransferRequested(Struct, frozen=True, gc=False):
    """A phone asks that the other side of its call be connected elsewhere (RFC 3515).

    Answer with `accept_transfer` or `refuse_transfer`.
    """

    leg: str

    refer: int
    "Names the request within the leg."

    target_user: str
    "User part of Refer-To: whom to connect with."

    target_uri: str
    "The whole URI of Refer-To, without its headers."

    replaces: str = ""
    "The leg of ours whose place is to be taken: an attended transfer. Empty: a blind one."

    referred_by: str = ""
    "The URI of Referred-By (RFC 3892), if any; it proves nothing."


class ReofferAnswered(Struct, frozen=True, gc=False):
    """The other side took the session that we offered by `reoffer`, or to refresh it."""

    leg: str
    answer: bytes


class ReofferRefused(Struct, frozen=True, gc=False):
    """The other side refused our `reoffer`; the session stays as it was."""

    leg: str

    status: int
    "The answer's code; 491 when its own offers were in the way all the time."


class InfoDigit(Struct, frozen=True, gc=False):
    """A digit in a SIP INFO body (application/dtmf-relay or application/dtmf)."""

    leg: str
    digit: str
    duration_ms: int


class ContactsChanged(Struct, frozen=True, gc=False):
    """An account's registered devices are now these, newest first; empty when none is left.

    Those that do not answer are among them, marked so. A refresh is no change.
    """

    account: str
    contacts: tuple[Contact, ...]
    cause: ContactsCause = ContactsCause.REGISTERED


class ContactsRefreshed(Struct, frozen=True, gc=False):
    """Bindings of an account expire later than before, and are the same otherwise.

    Not for the call centre, nor for the record: whoever keeps bindings over a restart wants to
    know.
    """

    account: str


class AuthenticationFailed(Struct, frozen=True, gc=False):
    """A request was refused because its credentials do not prove the account.

    Not for the call centre, nor for the record: whoever guards the server wants to know.
    """

    account: str
    "As the request names it: there may be none of this name."

    peer: Peer
    method: str

    other_uri: bool = False
    "They do prove it, but were made for another number than the one that is called."


Event = (
    InviteReceived
    | LegCancelled
    | LegConfirmed
    | EarlyAnswered
    | LegRinging
    | LegAnswered
    | LegFailed
    | LegEnded
    | LegReoffered
    | TransferRequested
    | ReofferAnswered
    | ReofferRefused
    | InfoDigit
    | ContactsChanged
)
