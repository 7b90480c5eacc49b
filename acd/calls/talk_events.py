"""Events of talking: who was called and answered, holds, transfers.

Part of the one stream: named from `events`.
"""

from .stored_event import StoredEvent


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
