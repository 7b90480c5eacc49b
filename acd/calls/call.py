"""The state of one call and of the agent's leg that belongs to it.

Only the call centre and its parts (`queueing`, `flowing`, `hearing`, `holding`) change these;
everybody else reads events.

    ARRIVING ── media open ──▶ IN_FLOW ◀─────────┐
        │                        │ queue node     │ queue gave the caller back
        └── queue number ──▶ WAITING ────────────┘
                                 │ agent answered
                                 ▼
                              TALKING
    CLOSING plays a last prompt. Every phase ends in `ENDED`, once.
"""

from dataclasses import dataclass
from enum import Enum, auto
from math import inf

from acd.ivr.run import FlowRun
from acd.routing.deadlines import Timed
from acd.routing.model import QueueProfile

from .numbers import CodeTarget, Target


class Phase(Enum):
    """Where the caller is."""

    ARRIVING = auto()
    IN_FLOW = auto()
    WAITING = auto()
    TALKING = auto()
    ECHO = auto()
    CLOSING = auto()
    ENDED = auto()


class Playing(Enum):
    """What the caller hears from us, so that the end of a play reaches the right one."""

    NOTHING = auto()
    FLOW = auto()
    MUSIC = auto()
    ANNOUNCEMENT = auto()
    LAST_PROMPT = auto()


class EndReason(Enum):
    """Why an interaction ended; the closed set of `CallEnded.reason`."""

    HANGUP = "hangup"
    CANCELLED = "cancelled"
    FLOW_ENDED = "flow_ended"
    MAX_WAIT = "max_wait"
    QUEUE_FULL = "queue_full"
    FLOW_UNKNOWN = "flow_unknown"
    QUEUE_UNKNOWN = "queue_unknown"
    CODE_DONE = "code_done"
    MEDIA_REFUSED = "media_refused"
    MEDIA_LOST = "media_lost"
    ACK_MISSING = "ack_missing"
    PEER_GONE = "peer_gone"
    SESSION_EXPIRED = "session_expired"
    TRANSPORT = "transport"
    SHUTDOWN = "shutdown"
    RESTART = "restart"


@dataclass(slots=True)
class Visit:
    """One stay in one queue."""

    visit: str
    queue: QueueProfile
    entered_at: float

    first_enqueued_at: float
    "Kept over overflow, so that the place in the line is."

    priority: int
    category: str


@dataclass(slots=True)
class AgentLeg:
    """The leg to the agent's phone: an offer first, a talk later."""

    leg: str
    offer: str
    agent: str
    account: str
    offered_at: float

    opened: bool = False
    "Its media stream stands."

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

    late_offer: bool = False
    "The INVITE had no SDP: the ACK still has to bring the answer to our offer."

    phase: Phase = Phase.ARRIVING
    sdp: bytes = b""
    "Our session description, once the stream stands."

    answered: bool = False
    run: FlowRun | None = None
    visit: Visit | None = None
    agent_leg: AgentLeg | None = None

    talk_visit: Visit | None = None
    "The visit that the talk under way came from."

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

    refused_at: float = -inf
    refused_by: frozenset[str] = frozenset()
    "Queues that had no room at that moment."

    def note_refusal(self, queue: str, now: float) -> bool:
        """Note that the queue is full; return whether it was at this same moment already."""
        if self.refused_at != now:
            self.refused_at, self.refused_by = now, frozenset()
        again = queue in self.refused_by
        self.refused_by |= {queue}
        return again
