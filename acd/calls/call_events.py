"""Events of a call as such: it comes, goes through a flow, loses its legs, ends, is classed.

Part of the one stream: named from `events`.
"""

from .stored_event import StoredEvent


class CallStarted(StoredEvent, frozen=True, kw_only=True):
    """A caller's INVITE was taken; the interaction begins here."""

    interaction: str
    leg: str
    sip_call_id: str
    caller: str
    caller_name: str = ""
    called: str
    direction: str = "inbound"
    """"inbound", "outbound" (an agent to somebody outside), "internal" (agent to agent), or
    "callback" (to a customer who had asked for it; the interaction is that of the wish)."""

    agent: str = ""
    "The agent who placed the call, where it is an agent's own."

    number: str = ""
    "What was dialled, normalised: E.164, or a colleague's agent number."

    account: str = ""
    "The account that called, when it proved itself."

    claimed: str = ""
    "What From says, where a trusted peer asserts another caller."

    withheld: bool = False
    "The caller asked that nobody is shown who calls."

    diverted_from: tuple[str, ...] = ()
    "Numbers that the call was for before, the first one first."

    peer: str
    'Transport address of the caller: "udp:192.0.2.7:5060".'

    project: str = "main"

    trunk: str = ""
    "The trunk that the caller came by, or is called back by; empty: none."


class CallRejected(StoredEvent, frozen=True, kw_only=True):
    """A caller's INVITE was refused before it became an interaction."""

    sip_call_id: str
    caller: str
    called: str
    peer: str
    sip_status: int
    account: str = ""
    "The account that called, when it proved itself."

    detail: str = ""
    "The blacklist's reason, or what would have been right."

    reason: str
    """A closed set: "unknown_number", "not_an_agent", "not_replaceable", "full", "draining",
    "journal_failing", "not_permitted" (the agent may not dial that far), "forbidden_number"
    (nobody may), "no_transit" (somebody who is no agent dialled a number outside), "not_public",
    "blacklisted", "anonymous", and "unknown_reason" (to be away: `detail` names those that are
    known)."""


class CallAnswered(StoredEvent, frozen=True, kw_only=True):
    """We sent 200 to the caller."""

    interaction: str
    leg: str


class FlowEntered(StoredEvent, frozen=True, kw_only=True):
    """The call is in this version of an IVR flow."""

    interaction: str
    flow: str
    version: str


class FlowStepTaken(StoredEvent, frozen=True, kw_only=True):
    """The call left a node of its flow."""

    interaction: str
    flow: str
    node: str
    outcome: str

    note: str = ""
    "What went wrong in the node, for whoever maintains the flow; empty when nothing did."


class CauseTold(StoredEvent, frozen=True, kw_only=True):
    """The other side of a leg said why it ends it or refuses it (RFC 3326); `LegEnded` follows."""

    interaction: str
    leg: str

    q850_cause: int
    "The telephone network's cause (ITU-T Q.850), 1 to 127: 16 normal clearing, 17 busy …"


class LegEnded(StoredEvent, frozen=True, kw_only=True):
    """A leg is over, caller's or agent's. Exactly one per leg that was answered or offered."""

    interaction: str
    leg: str
    ended_by: str
    '"peer", "server", or "fault".'

    sip_status: int = 0

    reason: str = ""
    """Value of `acd.calls.call.EndReason`, or of `OfferOutcome` for a phone that rang in vain, or
    "answered_elsewhere" for one beside which another one was answered."""


class CallEnded(StoredEvent, frozen=True, kw_only=True):
    """The interaction is over: the record can be written. Exactly one per `CallStarted`."""

    interaction: str
    ended_by: str
    '"caller", "agent", "called" (the party called), "flow", "system", or "fault".'

    reason: str
    'What ended it, a closed set in acd.calls.call: "hangup", "max_wait", "restart" …'

    sip_status: int = 0

    detail: str = ""
    "The reason that the flow's hang-up names, in its author's words; empty for any other end."


class DispositionEntered(StoredEvent, frozen=True, kw_only=True):
    """An agent classed a call; a later one for the same interaction replaces it."""

    interaction: str
    agent: str
    queue: str = ""
    call_class: str
    '"inquiry", "order", "complaint", "transfer" or "other".'

    category: str = ""
    order_id: str = ""
    ordered: bool = False
    solved: bool | None = None
    amount: int | None = None
    "What the order is worth, in minor units of `currency`; None: not told."

    currency: str = ""
    "ISO 4217; empty without an amount."

    key: str = ""
    "Idempotency key; empty: none was given."

    by: str = ""
    "Name of the token by which somebody else than the agent told it; empty: the agent."


class StreamMeasured(StoredEvent, frozen=True, kw_only=True):
    """What a leg's media stream counted (acd.media.events.StreamClosed)."""

    interaction: str
    leg: str
    packets_received: int = 0
    packets_sent: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_foreign: int = 0
    jitter_ms: float = 0.0
