"""What the router decided and what became of the agents. Consumed by `acd.calls`."""

from enum import Enum

from msgspec import Struct

from .model import Choice, State, Status


class OfferOutcome(Enum):
    """How an offer ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    FAILED = "failed"
    "The phone could not be reached, or its media could not be used."

    CALLER_LEFT = "caller_left"
    AGENT_LEFT = "agent_left"
    "The agent went away, logged out or lost the registration while ringing."

    ANSWERED_ELSEWHERE = "answered_elsewhere"
    "Another agent whose phone rang for the same call took it."


class LeaveReason(Enum):
    """Why a call left a queue. `acd.calls` adds short_abandon by the queue's threshold."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    TIMED_OUT = "timed_out"
    OVERFLOWED = "overflowed"
    EXITED = "exited"
    CALLBACK = "callback"
    REFUSED_FULL = "refused_full"
    EMPTY = "empty"
    "Nobody served the queue: refused, or led out."

    CLOSED = "closed"
    "The queue was closed in an emergency (紧急关闭): refused, or led out."

    FAULTED = "faulted"


class OfferMade(Struct, frozen=True, gc=False):
    """Ring this agent for this call. A lease: it ends by itself at `expires_at`."""

    offer: str
    call: str
    interaction: str
    queue: str
    agent: str
    account: str
    choice: Choice
    expires_at: float


class OfferWithdrawn(Struct, frozen=True, gc=False):
    """Stop ringing: the lease ran out, the caller left, the agent did, or another one answered."""

    offer: str
    call: str
    agent: str
    outcome: OfferOutcome


class CallTimedOut(Struct, frozen=True, gc=False):
    """The call reached its queue's maximum wait; the router has forgotten it."""

    call: str
    interaction: str
    queue: str


class CallRefused(Struct, frozen=True, gc=False):
    """The router never held the call: the queue is full, or there is no such queue."""

    call: str
    interaction: str
    queue: str
    reason: LeaveReason = LeaveReason.REFUSED_FULL
    "FAULTED: no queue of this name is configured. `acd.calls` adds EMPTY and CLOSED."


class PositionDue(Struct, frozen=True, gc=False):
    """Tell the caller the place in the line."""

    call: str
    position: int
    "1 is the head; `Queue.expected_place`."


class GroupActivated(Struct, frozen=True, gc=False):
    """A group that is held back may take calls of this queue from now on, or no longer."""

    queue: str
    group: str
    on: bool
    by: str
    'A supervisor\'s name, or "rule".'


class AgentStatusChanged(Struct, frozen=True, gc=False):
    """The status track: what the agent wants."""

    agent: str
    status: Status
    reason: str
    "Away reason code, or empty."

    by: str
    'Who changed it: "agent", "system", or a supervisor\'s name.'

    note: str = ""
    "Why, where somebody else changed it."


class AwayLimitExceeded(Struct, frozen=True, gc=False):
    """The agent is away for longer than the reason allows. Once for each time away."""

    agent: str
    reason: str
    limit_s: float


class AgentStateChanged(Struct, frozen=True, gc=False):
    """The state track: what the system knows."""

    agent: str
    state: State
    queue: str
    "Queue of the call at hand, or empty."

    interaction: str
    "The call at hand, or empty."


Event = (
    OfferMade
    | OfferWithdrawn
    | CallTimedOut
    | CallRefused
    | PositionDue
    | GroupActivated
    | AgentStatusChanged
    | AwayLimitExceeded
    | AgentStateChanged
)
