"""The one stream of what happened: the journal, metrics and live screens all read these.

Each event is small, in the past tense and complete in itself; a record of it in the journal adds
its key (node, boot, seq), wall time and monotonic time (`acd.calls.journal.Record`). Events are
stored: fields are only ever added, with a default; a changed meaning is a new event.
`SCHEMA_VERSION` counts such changes. Ids are UUIDv7 text; enumerations travel as their values.
Those of agents stand in agent_events.py, those that other systems tell in customer_events.py; all
are named from here.
"""

from msgspec.structs import replace

from acd.routing.model import Choice

from .agent_events import (
    AgentDescribed as AgentDescribed,
)
from .agent_events import (
    AgentStateChanged as AgentStateChanged,
)
from .agent_events import (
    AgentStatusChanged as AgentStatusChanged,
)
from .agent_events import (
    AwayLimitExceeded as AwayLimitExceeded,
)
from .agent_events import (
    CallMarked as CallMarked,
)
from .agent_events import (
    CommandAudited as CommandAudited,
)
from .agent_events import (
    DeskLeft as DeskLeft,
)
from .agent_events import (
    DeskTaken as DeskTaken,
)
from .agent_events import (
    DevicesChanged as DevicesChanged,
)
from .agent_events import (
    LogInRefused as LogInRefused,
)
from .customer_events import (
    CsatRecorded as CsatRecorded,
)
from .customer_events import (
    MatterSettled as MatterSettled,
)
from .customer_events import (
    OrderChanged as OrderChanged,
)
from .stored_event import StoredEvent

SCHEMA_VERSION = 4


# --- the call ---


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


class QueueEntered(StoredEvent, frozen=True, kw_only=True):
    """The caller asked for an agent: one more *offered* of this queue."""

    interaction: str
    visit: str
    queue: str
    kind: str
    "Value of `acd.routing.model.QueueKind`."

    priority: int = 0
    category: str = ""

    waited_before_s: float = 0.0
    "Wait brought along from the queue that overflowed into this one."

    short_abandon_s: float = 5.0
    service_level_s: float = 20.0
    "The queue's thresholds at that time."

    callback: bool = False
    "A customer is called back: counted as offered before, and not again."

    skill: str = ""
    "The skill group that the queue serves."

    region: str = ""
    "Whose agents the call asks for, as the flow or the queue says; empty: any."


class GroupActivated(StoredEvent, frozen=True, kw_only=True):
    """A group held back for peaks may take a queue's calls from now on, or no longer."""

    queue: str
    group: str
    on: bool
    by: str
    'A supervisor\'s name, or "rule".'


class PriorityChanged(StoredEvent, frozen=True, kw_only=True):
    """A waiting call matters more or less from now on; it keeps its first enqueue time."""

    interaction: str
    visit: str
    queue: str
    priority: int


class QueueLeft(StoredEvent, frozen=True, kw_only=True):
    """The visit is over. Exactly one per `QueueEntered`."""

    interaction: str
    visit: str
    queue: str
    reason: str
    "Value of `acd.routing.events.LeaveReason`, or short_abandon."

    waited_s: float
    "Since this visit's `QueueEntered`."

    agent: str = ""
    "Who answered."


class OfferMade(StoredEvent, frozen=True, kw_only=True):
    """An agent's phone is being called."""

    interaction: str
    visit: str
    queue: str
    offer: str
    agent: str
    leg: str
    sip_call_id: str
    choice: Choice

    further_legs: tuple[str, ...] = ()
    "To the agent's other devices, which ring as well; each leg's id is its SIP Call-ID."

    def readable(self) -> "OfferMade":
        """Return the same for people: with the candidates, scores and idle times."""
        choice = replace(self.choice, told=self.choice.candidates, standings=())
        return replace(self, choice=choice)


class OfferEnded(StoredEvent, frozen=True, kw_only=True):
    """Exactly one per `OfferMade`."""

    interaction: str
    visit: str
    queue: str
    offer: str
    agent: str
    leg: str
    outcome: str
    "Value of `acd.routing.events.OfferOutcome`."

    sip_status: int = 0
    ring_s: float


class PartyCalled(StoredEvent, frozen=True, kw_only=True):
    """A phone is being called that no queue chose: a colleague's, or one outside.

    Ends with `LegEnded`, in vain or not; `PartyAnswered` lies between when it was answered.
    """

    interaction: str
    leg: str
    sip_call_id: str
    agent: str = ""
    "The colleague, if it is one."

    trunk: str = ""
    "The trunk that it goes over, if it goes outside."

    number: str
    "As in `CallStarted`."

    caller: str = ""
    "The number that it is called from."


class PartyAnswered(StoredEvent, frozen=True, kw_only=True):
    """The phone called by `PartyCalled` answered."""

    interaction: str
    leg: str
    ring_s: float


class AgentConnected(StoredEvent, frozen=True, kw_only=True):
    """An agent and the other side of the call hear each other."""

    interaction: str
    visit: str = ""
    queue: str = ""
    "Both empty in a call that came through no queue."

    agent: str
    leg: str


class HoldStarted(StoredEvent, frozen=True, kw_only=True):
    """One side put the other on hold."""

    interaction: str
    agent: str
    leg: str


class HoldEnded(StoredEvent, frozen=True, kw_only=True):
    """Both hear each other again."""

    interaction: str
    agent: str
    leg: str


class AgentDisconnected(StoredEvent, frozen=True, kw_only=True):
    """The talk is over. Exactly one per `AgentConnected`."""

    interaction: str
    visit: str = ""
    queue: str = ""
    agent: str
    leg: str
    talk_s: float
    "Without hold."

    hold_s: float


class TransferRequested(StoredEvent, frozen=True, kw_only=True):
    """An agent's phone asked that the caller be connected elsewhere."""

    interaction: str
    transfer: str
    agent: str
    leg: str
    "The agent's."

    kind: str
    """"blind" (to a number), "attended" (to whom the agent talked to before), or "moved" (the
    agent goes on at another phone)."""

    target: str
    "The number, as the phone named it."

    consult: str = ""
    "Attended: the interaction in which the agent talked to the other one."


class TransferCompleted(StoredEvent, frozen=True, kw_only=True):
    """The caller is where the agent wanted: in a queue or flow, or connected."""

    interaction: str
    transfer: str
    agent: str
    kind: str
    queue: str = ""
    "The queue that the caller is in now, or that the other agent answered for."

    to_agent: str = ""
    "Who talks to the caller now, when it is an agent."

    leg: str = ""
    "The leg that has joined this interaction; empty when it is none from elsewhere."

    sip_call_id: str = ""
    "Of that leg."


class TransferFailed(StoredEvent, frozen=True, kw_only=True):
    """Nobody took the caller over. This or `TransferCompleted` ends each `TransferRequested`."""

    interaction: str
    transfer: str
    agent: str
    kind: str
    reason: str
    """A closed set: "unknown_number", "not_allowed", "full", "busy", "rejected", "no_answer",
    "failed", "caller_left", "restart"."""

    sip_status: int = 0
    "What the agent's phone was told."

    returned_to: str = ""
    'Where the caller is: "agent", "queue" (the one that the agent had answered), or gone.'


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


class _CallbackEvent(StoredEvent, frozen=True, kw_only=True):
    """What every event of a call-back tells: each is complete in itself."""

    callback: str
    "Its id: the interaction in which it was asked for, and in which the attempts are made."

    queue: str
    number: str
    "E.164."

    requested_us: int
    first_enqueued_us: int
    "Wall time from which the place in the line counts."


class CallbackRequested(_CallbackEvent, frozen=True, kw_only=True):
    """A caller asked to be called back. Ends with exactly one `CallbackEnded`, unless merged."""

    interaction: str
    "Of the caller; another one than `callback` when merged."

    merged: bool = False
    "This number waits already for a call-back of this queue, which keeps its place."


class CallbackAttempted(_CallbackEvent, frozen=True, kw_only=True):
    """The turn has come: the agent or the customer is called."""

    interaction: str
    attempt: int
    first: str
    "Whose phone rings first: agent or customer."

    trunk: str


class CallbackEnded(_CallbackEvent, frozen=True, kw_only=True):
    """Exactly one per `CallbackRequested` that was not merged."""

    interaction: str
    attempts: int
    last_attempt_us: int = 0
    "Wall time; 0: there was none."

    outcome: str
    """A closed set: "reached" (talked to an agent), "not_reached" (all attempts in vain),
    "expired", "called_in" (called again and was answered), "cancelled" (by a person), "barred"
    (the number may not be called any more, or the queue calls nobody back)."""

    agent: str = ""
    "Who talked to the customer."

    by: str = ""
    "Who cancelled."


class ClosureChanged(StoredEvent, frozen=True, kw_only=True):
    """A queue, or all of them, was closed in an emergency (紧急关闭), or opened again."""

    queue: str
    "Empty: all."

    closed: bool
    reason: str = ""
    "In the words of whoever closed it."

    by: str
    'Who did it; "configuration": queues.yaml.'


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


# --- the server ---


class ServerStarted(StoredEvent, frozen=True, kw_only=True):
    """First event of a boot. What an earlier boot of this node left open ended before it."""

    version: str
    schema_version: int = SCHEMA_VERSION


class ServerStopped(StoredEvent, frozen=True, kw_only=True):
    """Last event of a boot that ended in good order."""


Event = (
    CallStarted
    | CallRejected
    | CallAnswered
    | FlowEntered
    | FlowStepTaken
    | QueueEntered
    | PriorityChanged
    | GroupActivated
    | QueueLeft
    | OfferMade
    | OfferEnded
    | PartyCalled
    | PartyAnswered
    | AgentConnected
    | HoldStarted
    | HoldEnded
    | AgentDisconnected
    | TransferRequested
    | TransferCompleted
    | TransferFailed
    | CauseTold
    | LegEnded
    | CallEnded
    | CallbackRequested
    | CallbackAttempted
    | CallbackEnded
    | ClosureChanged
    | DispositionEntered
    | OrderChanged
    | CsatRecorded
    | MatterSettled
    | StreamMeasured
    | AgentDescribed
    | AgentStatusChanged
    | LogInRefused
    | AwayLimitExceeded
    | CallMarked
    | CommandAudited
    | DeskTaken
    | DeskLeft
    | AgentStateChanged
    | DevicesChanged
    | ServerStarted
    | ServerStopped
)
