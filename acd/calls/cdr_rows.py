"""The rows of a call's detail record, as `acd.calls.cdr` folds them from the events.

Times are wall time, µs since 1970 in UTC; durations are seconds of the monotonic clock.
`started_us` is the interaction's start: with the row's own id it is the row's key. `None` as an
end means that it lies ahead. Rows hold plain values, of which no cycle can come: Python's
collector need not look at them.
"""

from msgspec import Struct

from acd.routing.model import Candidate


class Interaction(Struct, kw_only=True, gc=False):
    """A customer's contact, from the INVITE to the end of all its legs."""

    interaction: str
    started_us: int
    project: str
    node: str
    boot: str
    direction: str
    agent: str
    "Who placed it, where it is an agent's own call."

    number: str
    "What an agent's own call went to: E.164, or a colleague's agent number."

    caller: str
    caller_name: str
    called: str
    account: str
    peer: str
    sip_call_id: str
    flow: str = ""
    "The first flow that it entered."

    answered_us: int | None = None
    ended_us: int | None = None
    duration_s: float | None = None
    ended_by: str = ""
    reason: str = ""
    sip_status: int = 0

    detail: str = ""
    "The reason that the flow's hang-up names, when the flow ended the call."

    withheld: bool = False
    "The caller asked that nobody is shown who calls."

    customer_key: str = ""
    """Keyed hash of the customer's number, the same for each contact; empty: none. The fold knows
    no key: whoever stores the row fills it in."""

    trunk: str = ""
    "That the caller came by."

    flow_version: str = ""
    "Version of `flow`."


class Leg(Struct, kw_only=True, gc=False):
    """One INVITE dialog of an interaction, or the attempt at one."""

    interaction: str
    started_us: int
    project: str
    leg: str
    side: str
    '"caller", "agent" (out of a queue) or "called" (whom somebody chose to call).'

    agent: str = ""
    trunk: str = ""
    number: str = ""
    "Number called, where the side is called."

    sip_call_id: str = ""
    began_us: int
    answered_us: int | None = None
    ended_us: int | None = None
    duration_s: float | None = None
    ended_by: str = ""
    reason: str = ""
    sip_status: int = 0

    q850_cause: int = 0
    "What the other side said of its end (ITU-T Q.850); 0: nothing."


class QueueVisit(Struct, kw_only=True, gc=False):
    """One stay in a queue: one *offered* of its KPIs."""

    interaction: str
    started_us: int
    project: str
    visit: str
    queue: str
    kind: str
    priority: int
    category: str
    entered_us: int
    left_us: int | None = None

    outcome: str = "waiting"
    "Value of `acd.routing.events.LeaveReason`, short_abandon, or waiting."

    waited_s: float | None = None
    waited_before_s: float
    short_abandon_s: float
    service_level_s: float
    agent: str = ""
    "Who answered."

    callback: bool = False
    "Of a customer who was called back: counted as offered before, and not again."

    skill: str = ""
    "Skill group of the queue."

    region: str = ""
    "Whose agents the call asked for."

    trunk: str = ""
    "That the caller came by."

    flow_version: str = ""
    'First flow of the call and its version: "name@version".'


class Offer(Struct, kw_only=True, gc=False):
    """One ringing of one agent's phone, and why this agent was chosen."""

    interaction: str
    started_us: int
    project: str
    offer: str
    visit: str
    queue: str
    agent: str
    leg: str
    offered_us: int
    ended_us: int | None = None
    outcome: str = "ringing"
    sip_status: int = 0
    ring_s: float | None = None
    layer: str
    ranked_by: str
    waited_s: float
    candidates: tuple[Candidate, ...]
    "Best first, ten at most."

    candidates_total: int
    hold_out: bool = False
    "The call is of the hold-out share."

    spared: int = 0
    "Idle agents who ranked before this one and were passed over for a cap or maximum share."

    overtook_s: float = 0.0
    "How much later than the head of the line, which it overtook, the call had come."


class FlowStep(Struct, kw_only=True, gc=False):
    """One node of an IVR flow that the call left."""

    interaction: str
    started_us: int
    project: str
    step: int
    "1, 2, 3 … within the interaction."

    at_us: int
    flow: str
    version: str
    node: str
    outcome: str

    note: str = ""
    "What went wrong in the node."


class TalkSegment(Struct, kw_only=True, gc=False):
    """Caller and one agent connected, from joining to parting."""

    interaction: str
    started_us: int
    project: str
    leg: str
    "The agent's."

    visit: str
    queue: str
    agent: str
    began_us: int
    ended_us: int | None = None
    talk_s: float = 0.0
    "Without hold."

    hold_s: float = 0.0


class HoldSegment(Struct, kw_only=True, gc=False):
    """A stretch of a talk in which one side was on hold."""

    interaction: str
    started_us: int
    project: str
    leg: str
    "The agent's: that of the talk."

    hold: int
    "1, 2, 3 … within the talk."

    visit: str
    queue: str
    agent: str
    began_us: int
    began_mono_s: float
    ended_us: int | None = None
    duration_s: float | None = None


class Transfer(Struct, kw_only=True, gc=False):
    """An agent's wish to hand the caller on, and what became of it."""

    interaction: str
    started_us: int
    project: str
    transfer: str
    agent: str
    kind: str
    '"blind", "attended" or "moved".'

    target: str
    consult: str
    "Attended: the interaction in which the agent talked to the other one."

    consult_started_us: int | None
    requested_us: int
    ended_us: int | None = None
    outcome: str = "pending"
    '"completed", or the reason of `acd.calls.events.TransferFailed`.'

    sip_status: int = 0
    queue: str = ""
    to_agent: str = ""
    returned_to: str = ""


class Callback(Struct, kw_only=True, gc=False):
    """A customer's wish to be called back, and what became of it."""

    callback: str
    "Its id: the interaction in which it was asked for."

    started_us: int
    "When it was asked for."

    project: str
    queue: str
    number: str
    first_enqueued_us: int
    attempts: int = 0
    last_attempt_us: int | None = None
    ended_us: int | None = None
    outcome: str = "waiting"
    "Value of `acd.calls.events.CallbackEnded.outcome`, or waiting."

    agent: str = ""
    by: str = ""


class Closure(Struct, kw_only=True, gc=False):
    """A switch of the emergency closure that was turned. Key: the record."""

    node: str
    boot: str
    seq: int
    project: str
    started_us: int
    "When it was turned."

    queue: str
    "Empty: all."

    closed: bool
    reason: str
    changed_by: str


class Disposition(Struct, kw_only=True, gc=False):
    """How an agent classed the own part of an interaction; a later one replaces it."""

    interaction: str

    started_us: int
    "0: the fold has forgotten the interaction; its row tells."

    project: str
    entered_us: int
    agent: str
    queue: str
    call_class: str
    category: str
    order_id: str
    ordered: bool
    solved: bool | None
    amount: int | None = None
    "In minor units of `currency`."

    currency: str = ""
    entered_by: str = ""
    "Who told it, where it was not the agent."


class OrderEvent(Struct, kw_only=True, gc=False):
    """A state that an order came into. Key: call, order and entry."""

    interaction: str
    "Empty: no event of the order has named a call so far."

    started_us: int
    """0: the fold has forgotten the interaction; its row tells. Without an interaction the time of
    the event itself."""

    project: str
    order_id: str
    key: str
    "The idempotency key that was given, else the record's boot and number."

    state: str
    at_us: int
    entered_us: int
    agent: str
    queue: str
    category: str
    amount: int | None
    currency: str
    entered_by: str


class CsatAnswer(Struct, kw_only=True, gc=False):
    """A question that a customer was asked, and the answer, if there is one."""

    interaction: str

    started_us: int
    "0: the fold has forgotten the interaction; its row tells."

    project: str
    question: str
    at_us: int
    score: int | None
    scale_low: int
    scale_high: int
    comment: str
    channel: str
    agent: str
    queue: str
    entered_us: int
    entered_by: str

    @property
    def answered(self) -> bool:
        """Whether the customer gave an answer."""
        return self.score is not None


class MatterOutcome(Struct, kw_only=True, gc=False):
    """What a ticket system said of a call's matter. Key: call and ticket."""

    interaction: str

    started_us: int
    "0: the fold has forgotten the interaction; its row tells."

    project: str
    ticket: str
    at_us: int
    solved: bool
    entered_us: int
    entered_by: str


class StreamQuality(Struct, kw_only=True, gc=False):
    """What a leg's media stream counted."""

    interaction: str

    started_us: int
    "0: the fold has forgotten the interaction; its row tells."

    project: str
    leg: str
    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_foreign: int
    jitter_ms: float


class AgentStatusInterval(Struct, kw_only=True, gc=False):
    """A stretch of time in which an agent wanted one thing. Key: the record that began it."""

    node: str
    boot: str
    seq: int
    project: str
    agent: str
    status: str
    reason: str
    changed_by: str
    began_us: int
    began_mono_s: float
    ended_us: int | None = None
    duration_s: float | None = None

    closed_by: str = ""
    '"change", "stopped" or "restart"; empty while it lasts.'


class AgentStateInterval(Struct, kw_only=True, gc=False):
    """A stretch of time in which an agent was in one state. Key: the record that began it."""

    node: str
    boot: str
    seq: int
    project: str
    agent: str
    state: str
    queue: str
    interaction: str
    began_us: int
    began_mono_s: float
    ended_us: int | None = None
    duration_s: float | None = None

    closed_by: str = ""
    '"change", "stopped" or "restart"; empty while it lasts.'


class AgentProfileRow(Struct, kw_only=True, gc=False):
    """Who an agent was from a moment on, until the agent's next row. Key: its record."""

    node: str
    boot: str
    seq: int
    project: str
    started_us: int
    "From when on."

    agent: str
    name: str
    team: str
    leader: str
    skills: dict[str, str]
    groups: tuple[str, ...]
    configured: bool


class AuditEntry(Struct, kw_only=True, gc=False):
    """Something that somebody changed by the HTTP interface. Key: its record."""

    node: str
    boot: str
    seq: int
    project: str
    started_us: int
    "When it was done."

    changed_by: str
    role: str
    action: str
    subject: str
    before: str
    after: str
    why: str


Interval = AgentStatusInterval | AgentStateInterval
Row = (
    Interaction
    | Leg
    | QueueVisit
    | Offer
    | FlowStep
    | TalkSegment
    | HoldSegment
    | Transfer
    | Callback
    | Closure
    | Disposition
    | OrderEvent
    | CsatAnswer
    | MatterOutcome
    | StreamQuality
    | AgentStatusInterval
    | AgentStateInterval
    | AgentProfileRow
    | AuditEntry
)
