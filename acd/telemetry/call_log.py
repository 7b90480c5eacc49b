"""Log lines of calls and agents: what an operator greps for, each with its interaction id.

One line at `info` for a call's end and for what people do; a call's single steps at `debug`. A
step of a flow in which something went wrong is a warning: its author has to know.
"""

import structlog
from msgspec.structs import asdict

from acd.calls import events
from acd.calls.journal import Record

log = structlog.get_logger("acd.calls")

INFO = {
    events.CallRejected: "call_rejected",
    events.CallEnded: "call_ended",
    events.TransferCompleted: "transfer_completed",
    events.TransferFailed: "transfer_failed",
    events.DispositionEntered: "disposition_entered",
    events.ClosureChanged: "closure_changed",
    events.CallbackRequested: "callback_requested",
    events.CallbackAttempted: "callback_attempted",
    events.CallbackEnded: "callback_ended",
    events.AgentStatusChanged: "agent_status_changed",
    events.CallMarked: "call_marked",
    events.DeskTaken: "desk_taken",
    events.DeskLeft: "desk_left",
    events.PriorityChanged: "priority_changed",
    events.GroupActivated: "group_activated",
    events.CommandAudited: "command_audited",
}
WARNING = {
    events.AwayLimitExceeded: "away_limit_exceeded",
    events.LogInRefused: "log_in_refused",
}
DEBUG = {
    events.CallStarted: "call_started",
    events.FlowEntered: "flow_entered",
    events.FlowStepTaken: "flow_step_taken",
    events.QueueEntered: "queue_entered",
    events.OfferMade: "offer_made",
    events.OfferEnded: "offer_ended",
    events.QueueLeft: "queue_left",
    events.PartyCalled: "party_called",
    events.PartyAnswered: "party_answered",
    events.AgentConnected: "agent_connected",
    events.AgentDisconnected: "agent_disconnected",
    events.TransferRequested: "transfer_requested",
    events.HoldStarted: "hold_started",
    events.HoldEnded: "hold_ended",
    events.AgentDescribed: "agent_described",
    # An import tells a hundred thousand.
    events.OrderChanged: "order_changed",
    events.CsatRecorded: "csat_recorded",
    events.MatterSettled: "matter_settled",
    # After a power cut or a restart a thousand come within seconds.
    events.DevicesChanged: "devices_changed",
}


class CallLog:
    """Writes the lines of one level's choice; what is not to be written costs a look-up."""

    def __init__(self, level: str) -> None:
        """`level` is the configured log level; logging has been set up."""
        # Bound once: a logger that looks for its set-up each time costs as much as the line.
        self._log = log.bind()
        self._info = INFO if level in {"debug", "info"} else {}
        self._debug = DEBUG if level == "debug" else {}
        self._warns = level in {"debug", "info", "warning"}

    @property
    def kinds(self) -> frozenset[type]:
        """The kinds of events that may get a line at this level."""
        steps = {events.FlowStepTaken, *WARNING} if self._warns else set()
        return frozenset(self._info.keys() | self._debug.keys() | steps)

    def __call__(self, record: Record) -> None:
        """Write the event's line, if it has one."""
        event = record.event
        kind = type(event)
        name = self._info.get(kind)
        if name is not None:
            self._log.info(name, **_fields(event))
        elif self._warns and (name := WARNING.get(kind)) is not None:
            self._log.warning(name, **_fields(event))
        elif self._warns and isinstance(event, events.FlowStepTaken) and event.note:
            self._log.warning("flow_step_failed", **_fields(event))
        elif self._debug and (name := self._debug.get(kind)) is not None:
            self._log.debug(name, **_fields(event))


def _fields(event: events.Event) -> dict[str, object]:
    """Return the event's fields that say something."""
    fields = asdict(event)
    return {name: value for name, value in fields.items() if value is not None and value != ""}
