"""The state of one call and of the agent's leg that belongs to it.

Only the call centre and its parts (`queueing`, `offering`, `talking`, `flowing`, `hearing`,
`holding`) change these; everybody else reads events.

    ARRIVING ── media open ──▶ IN_FLOW ◀─────────┐
        │                        │ queue node     │ queue gave the caller back
        └── queue number ──▶ WAITING ────────────┘
                                 │ agent answered
                                 ▼
                              TALKING ◀── answered ── DIALLING (a colleague, or a number outside)
    CLOSING plays a last prompt. Every phase ends in `ENDED`, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf
from typing import NamedTuple, Protocol

from acd.ivr.run import FlowRun
from acd.routing.deadlines import Timed
from acd.routing.events import OfferOutcome
from acd.routing.model import NO_REQUIREMENTS, QueueProfile, Requirements
from acd.sip.events import Contact

from .dial_plan import InternalTarget, OutsideTarget
from .keys import Keys
from .numbers import CodeTarget, Target


class Phase(Enum):
    """Where the caller is."""

    ARRIVING = auto()
    IN_FLOW = auto()
    WAITING = auto()
    DIALLING = auto()
    TALKING = auto()
    ECHO = auto()
    LOGGING_IN = auto()
    CLOSING = auto()
    ENDED = auto()


class Playing(Enum):
    """What the caller hears from us, so that the end of a play reaches the right one."""

    NOTHING = auto()
    FLOW = auto()
    MUSIC = auto()
    ANNOUNCEMENT = auto()
    AGENT_NUMBER = auto()
    LAST_PROMPT = auto()


class EndReason(Enum):
    """Why an interaction ended; the closed set of `CallEnded.reason`."""

    HANGUP = "hangup"
    CANCELLED = "cancelled"
    BUSY = "busy"
    REJECTED = "rejected"
    NO_ANSWER = "no_answer"
    CALL_FAILED = "call_failed"
    FLOW_ENDED = "flow_ended"
    MAX_WAIT = "max_wait"
    QUEUE_FULL = "queue_full"
    QUEUE_EMPTY = "queue_empty"
    QUEUE_CLOSED = "queue_closed"
    FLOW_UNKNOWN = "flow_unknown"
    QUEUE_UNKNOWN = "queue_unknown"
    CODE_DONE = "code_done"
    CALLBACK = "callback"
    "The caller will be called back."

    TRANSFERRED = "transferred"
    "The caller was an agent who asked on behalf of another caller, and has joined the two."

    MEDIA_REFUSED = "media_refused"
    MEDIA_LOST = "media_lost"
    ACK_MISSING = "ack_missing"
    PEER_GONE = "peer_gone"
    SESSION_EXPIRED = "session_expired"
    TRANSPORT = "transport"
    SHUTDOWN = "shutdown"
    MAX_DURATION = "max_duration"
    RESTART = "restart"


class Place(NamedTuple):
    """A place in a line, and what of the time since was no wait."""

    first_enqueued_at: float
    served_s: float = 0.0


@dataclass(slots=True)
class Visit:
    """One stay in one queue."""

    visit: str
    queue: QueueProfile
    entered_at: float

    first_enqueued_at: float
    "Kept over overflow, so that the place in the line is."

    own_priority: int
    "The call's own, to which the queue's is added."

    category: str

    passed: tuple[QueueProfile, ...] = ()
    "Queues whose line the caller stood in before, and was handed on from to this one."

    callback: bool = False
    "Of a customer who is called back, and has been counted as offered before."

    served_s: float = 0.0
    "Of the time since the first enqueue, what was no wait: talks before a transfer."

    left_at: float | None = None
    "When it was over; None: it is not."

    queue_priority: int = field(init=False)
    "The queue's, as it is configured now; the rest of `queue` stays as it was."

    def __post_init__(self) -> None:
        self.queue_priority = self.queue.priority

    @property
    def priority(self) -> int:
        """What the call counts for in the line."""
        return self.own_priority + self.queue_priority

    def place_at(self, now: float) -> "Place":
        """Return the place that the caller brings along, handed on now; the talk is no wait."""
        talked_s = 0.0 if self.left_at is None else now - self.left_at
        return Place(self.first_enqueued_at, self.served_s + talked_s)

    def stood_in(self, queue: str) -> bool:
        """Whether the caller waited in this queue's line before the visit was over."""
        return queue == self.queue.name or any(queue == one.name for one in self.passed)

    pending: tuple[str, ...] = ()
    "An announcement that became due while another one was heard."


@dataclass(slots=True, kw_only=True)
class OtherSide:
    """What the legs that a caller is connected with have in common."""

    opened: bool = False
    "Its media stream stands."

    contact: str = ""
    "URI of the device that is called, once it is."

    rang: bool = False
    "The device said something: it is there."

    connected_at: float | None = None
    held_by: frozenset[str] = frozenset()
    "The legs of the talk, one or both, that have the other side on hold."

    held_since: float | None = None
    hold_s: float = 0.0

    def book_hold(self, now: float) -> None:
        """End a hold that is under way, if any, and add it up."""
        if self.held_since is not None:
            self.hold_s += now - self.held_since
            self.held_since = None


@dataclass(slots=True)
class AgentLeg(OtherSide):
    """The leg to the agent's phone: an offer first, a talk later."""

    leg: str
    offer: str
    agent: str
    account: str
    offered_at: float

    device: Contact | None = None
    "The device that it is for, where the agent's rings on several; None: the one to ring then."

    alone: bool = False
    "The agent has answered and waits for the customer to answer, who is called back."


@dataclass(slots=True)
class Forks:
    """An offer that rings on several of the agent's devices (`acd.calls.forking`)."""

    others: list[AgentLeg]
    "Legs of the same offer beside `Call.agent_leg`."

    best: tuple[OfferOutcome, int] | None = None
    "What the devices have said that ring no more, with the SIP status; the weightiest of it."


@dataclass(slots=True, eq=False)
class Ring:
    """An offer that rings beside the one of `Call.agent_leg` (`acd.calls.ringing`)."""

    leg: AgentLeg
    forks: Forks | None


class PartyWatcher(Protocol):
    """Told what becomes of the party that a call has called (`acd.calls.outbound`)."""

    def ringing(self, call: "Call", *, early: bool) -> None:
        """Take that the phone rings; `early`: its stream stands, there is something to hear."""

    def connected(self, call: "Call") -> None:
        """Let the two hear each other: the phone answered and its media fits."""

    def failed(self, call: "Call", status: int, reason: EndReason) -> None:
        """Take that nobody is reached; `status` is the SIP answer that says so to a caller."""

    def parted(self, call: "Call", ended_by: str, reason: EndReason) -> None:
        """Take that the party hung up ("called") or was lost ("fault") after `connected`."""


class RingTimer(Timed):
    """When a phone has rung for long enough."""

    __slots__ = ("expired",)

    def __init__(self, expired: Callable[[], None]) -> None:
        super().__init__()
        self.expired = expired


@dataclass(slots=True)
class CalledLeg(OtherSide):
    """The leg to the party that the caller, or somebody for the caller, wants to reach."""

    leg: str
    target: InternalTarget | OutsideTarget
    watcher: PartyWatcher
    caller: str
    caller_name: str
    began_at: float
    timer: RingTimer

    trunk: int = 0
    "Which of the target's trunks it goes over."

    answered: bool = False
    rings: bool = False
    early: bool = False
    "Its stream stands before its answer."

    early_pending: int = 0
    "Session descriptions of provisional answers that the media engine still looks at."

    device: Contact | None = None
    "The phone that rings, of a colleague."

    best_status: int = 0
    "What those of the colleague's phones said that rang beside this one, and ring no more."


@dataclass(slots=True)
class Attempt:
    """One call to a customer who asked to be called back (`acd.calls.callback_attempts`)."""

    callback: str
    target: OutsideTarget
    caller_id: str
    timer: RingTimer
    trunk: int = 0
    "Which of the target's trunks it goes over."

    dialled: bool = False
    "The customer has been called, and the attempt counts."

    rang: bool = False
    agent: str = ""
    "Who has talked to the customer; empty: nobody yet."


class FlowTimer(Timed):
    """When the call's flow has something to do by itself."""

    __slots__ = ("call",)

    def __init__(self, call: "Call") -> None:
        super().__init__()
        self.call = call


@dataclass(slots=True, eq=False)
class Call:
    """One caller, from INVITE to the end."""

    interaction: str
    leg: str
    caller: str
    caller_name: str
    called: str

    target: Target
    "What the called number meant at the INVITE, whatever is loaded later."

    language: str

    account: str | None = None
    "The account that called, if it proved itself."

    began_at: float = 0.0
    withheld: bool = False
    "The caller asks that nobody is shown who calls."

    late_offer: bool = False
    "The INVITE had no SDP: the ACK still has to bring the answer to our offer."

    unproved: bool = False
    "Nothing has shown yet that there is a caller (`InviteReceived.unproved`)."

    phase: Phase = Phase.ARRIVING
    sdp: bytes = b""
    "Our session description, once the stream stands."

    answered: bool = False

    requires: Requirements = NO_REQUIREMENTS
    "What number and flow say that its agent needs; kept over queues and transfers."

    run: FlowRun | None = None
    visit: Visit | None = None
    agent_leg: AgentLeg | None = None
    forks: Forks | None = None

    beside: list[Ring] = field(default_factory=list)
    "While several agents' phones ring for the call: the offers beside that of `agent_leg`."

    called_leg: CalledLeg | None = None

    called_others: tuple[CalledLeg, ...] = ()
    "While several phones of a colleague ring: those beside `called_leg`."

    agent: str = ""
    "The agent whose own call this is."

    picking_up: bool = False
    "The caller's leg is one that we ring: click-to-dial, until the agent picks up."

    talk_visit: Visit | None = None
    "The visit that the talk under way came from."

    left_line: Visit | None = None
    "The latest visit that no agent ended by answering; whoever comes back keeps its place."

    answered_visit: Visit | None = None
    "The latest visit that an agent ended by answering; what it stands for is kept in transfers."

    back: Attempt | None = None
    "The customer's leg is one that we dial."

    at_end: CodeTarget | None = None
    "An agent's code that waits for the end of this call."

    play: int = 0
    "Number of the latest play on the caller's stream."

    playing: Playing = Playing.NOTHING

    flow_play: int = 0
    "The flow's own number of that play."

    end_reason: EndReason = EndReason.HANGUP
    "What to say when the last prompt is over."

    reoffering: frozenset[str] = frozenset()
    "Legs whose re-INVITE waits for the media engine."

    holding: frozenset[str] = frozenset()
    "Legs whose phone has put us on hold, in a talk or before one."

    timer: FlowTimer | None = None

    keys: Keys | None = None
    "What the caller has pressed of late; None as long as nothing was."

    refused_at: float = -inf
    refused_by: frozenset[str] = frozenset()
    "Queues that did not take the caller at that moment."

    @property
    def shown_caller(self) -> str:
        """The number that people get to see; empty when the caller withholds it."""
        return "" if self.withheld else self.caller

    @property
    def shown_name(self) -> str:
        """The name that people get to see, or the number."""
        return "" if self.withheld else self.caller_name or self.caller

    def called_by(self, leg: str) -> CalledLeg | None:
        """Return the called party's leg of this name, if it is one."""
        found = self.called_leg
        if found is None or found.leg == leg:
            return found
        return next((other for other in self.called_others if other.leg == leg), None)

    def note_refusal(self, queue: str, now: float) -> bool:
        """Note that the queue refuses; return whether it did at this same moment already."""
        if self.refused_at != now:
            self.refused_at, self.refused_by = now, frozenset()
        again = queue in self.refused_by
        self.refused_by |= {queue}
        return again
