"""The one stream of what happened: the journal, metrics and live screens all read these.

Each event is small, in the past tense and complete in itself; a record of it in the journal adds
its key (node, boot, seq), wall time and monotonic time (`acd.calls.journal.Record`). Events are
stored: fields are only ever added, with a default; a changed meaning is a new event.
`SCHEMA_VERSION` counts such changes. Ids are UUIDv7 text; enumerations travel as their values.

They stand by subject in call_events.py, queue_events.py, talk_events.py, agent_events.py and, of
what other systems tell, customer_events.py; all are named from here.
"""

from .agent_events import (
    AgentDescribed,
    AgentStateChanged,
    AgentStatusChanged,
    AwayLimitExceeded,
    CallMarked,
    CommandAudited,
    DeskLeft,
    DeskTaken,
    DevicesChanged,
    LogInRefused,
)
from .call_events import (
    CallAnswered,
    CallEnded,
    CallRejected,
    CallStarted,
    CauseTold,
    DispositionEntered,
    FlowEntered,
    FlowStepTaken,
    LegEnded,
    StreamMeasured,
)
from .customer_events import (
    CsatRecorded,
    MatterSettled,
    OrderChanged,
)
from .queue_events import (
    CallbackAttempted,
    CallbackEnded,
    CallbackRequested,
    ClosureChanged,
    GroupActivated,
    OfferEnded,
    OfferMade,
    PriorityChanged,
    QueueEntered,
    QueueLeft,
)
from .stored_event import StoredEvent
from .talk_events import (
    AgentConnected,
    AgentDisconnected,
    HoldEnded,
    HoldStarted,
    PartyAnswered,
    PartyCalled,
    TransferCompleted,
    TransferFailed,
    TransferRequested,
)

SCHEMA_VERSION = 4


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

__all__ = [
    "SCHEMA_VERSION",
    "AgentConnected",
    "AgentDescribed",
    "AgentDisconnected",
    "AgentStateChanged",
    "AgentStatusChanged",
    "AwayLimitExceeded",
    "CallAnswered",
    "CallEnded",
    "CallMarked",
    "CallRejected",
    "CallStarted",
    "CallbackAttempted",
    "CallbackEnded",
    "CallbackRequested",
    "CauseTold",
    "ClosureChanged",
    "CommandAudited",
    "CsatRecorded",
    "DeskLeft",
    "DeskTaken",
    "DevicesChanged",
    "DispositionEntered",
    "Event",
    "FlowEntered",
    "FlowStepTaken",
    "GroupActivated",
    "HoldEnded",
    "HoldStarted",
    "LegEnded",
    "LogInRefused",
    "MatterSettled",
    "OfferEnded",
    "OfferMade",
    "OrderChanged",
    "PartyAnswered",
    "PartyCalled",
    "PriorityChanged",
    "QueueEntered",
    "QueueLeft",
    "ServerStarted",
    "ServerStopped",
    "StreamMeasured",
    "TransferCompleted",
    "TransferFailed",
    "TransferRequested",
]
