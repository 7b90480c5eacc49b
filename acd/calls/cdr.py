"""The call detail record: a fold over one journal's records. Pure, and the only way to rows.

Each row comes out once, when it is complete: a leg at `LegEnded`, a visit at `QueueLeft`, the
interaction at `CallEnded`. Rows still open can be asked for meanwhile (`open_rows`), so that
reports show who waits; the complete row replaces them later.

Durations are differences of monotonic time within one boot. What a boot left open when it died
ends at the time of that boot's last record: so long it surely lasted.
"""

import itertools
from collections.abc import Callable, Iterable
from copy import copy
from typing import get_args

from . import events as ev
from .cdr_agents import AgentIntervals
from .cdr_begin import (
    interaction_row,
    offer_row,
    step_row,
    talk_row,
    transfer_row,
    visit_row,
)
from .cdr_late import LateEvent, late_row
from .cdr_open import (
    Instant,
    Mark,
    Moment,
    OpenCall,
    OpenLeg,
    OpenOffer,
    OpenTalk,
    OpenVisit,
    closing_events,
    elapsed_s,
)
from .cdr_orders import OwnEvent, own_rows
from .cdr_rows import (
    Interaction,
    Interval,
    Leg,
    Row,
)
from .journal import Record

MAX_OPEN_CALLS = 200_000
"Twenty times the longest queue; a call beyond it is one whose end got lost."

REMEMBERED_CALLS = 50_000
"Ended calls whose start is still known for dispositions: an hour of 14 calls/s."

REMEMBERED_BOOTS = 1_000
"Dead boots whose last record's time is kept for the calls they left open."

RESTART = "restart"
NEVER_ENDED = "never_ended"


class Fold:
    """Turns records into rows."""

    def __init__(self) -> None:
        self.strays = 0
        "Events of interactions that were not under way, and so told nothing."
        self._calls: dict[str, OpenCall] = {}
        self._unwritten_visits: dict[str, OpenCall] = {}
        self._ended: dict[str, tuple[int, str]] = {}
        self._intervals = AgentIntervals()
        self._last: Instant | None = None
        self._dead: dict[str, Instant] = {}
        self._rows: list[Row] = []

    # --- what the caller asks ---

    @property
    def open_calls(self) -> int:
        """How many interactions are under way."""
        return len(self._calls)

    @property
    def last(self) -> Instant | None:
        """The time of the latest record."""
        return self._last

    @property
    def under_way(self) -> list[str]:
        """Which interactions are under way."""
        return list(self._calls)

    @property
    def lasting(self) -> list[tuple[str, int]]:
        """Boot and number of the records that began the agents' intervals that last."""
        return self._intervals.lasting()

    def apply(self, record: Record, mark: Mark = (0, 0)) -> list[Row]:
        """Take the next record; return the rows that it completes."""
        last = self._last
        if last is not None and last.boot != record.boot:
            self._bury(last)
        handler = HANDLERS.get(type(record.event))
        if handler is not None:
            handler(self, record, record.event, mark)
        self._last = record
        rows, self._rows = self._rows, []
        return rows

    def open_rows(self) -> list[Row]:
        """Return rows of what lasts and has no row yet: waiting calls, longer intervals."""
        rows: list[Row] = []
        for visit, call in self._unwritten_visits.items():
            rows += (copy(call.row), copy(call.visits[visit].row))
        self._unwritten_visits.clear()
        now_s = self._last.mono_s if self._last is not None else 0.0
        return rows + self._intervals.open_rows(now_s)

    def oldest_open(self) -> Mark | None:
        """Return the mark of the first record that is still needed: a new fold begins there.

        Agents' intervals that have an open row are not counted: `seed` brings them back.
        """
        marks = [call.mark for call in itertools.islice(self._calls.values(), 1)]
        return min(marks + self._intervals.oldest_unwritten(), default=None)

    def seed(self, last: Instant, intervals: Iterable[Interval]) -> None:
        """Take back what `last` and the open rows of intervals kept, where nothing newer is known.

        For a fold that began in mid-journal, called when it has come to where the former ended.
        """
        self._last = self._last or last
        self._intervals.seed(intervals)

    def closing_events(self) -> list[ev.Event]:
        """Return the events that close every interaction under way, as its boot's death did."""
        return [
            event
            for call in self._calls.values()
            for event in closing_events(call, self._last_of(call.row), RESTART)
        ]

    def give_up(self, before_us: int) -> list[Row]:
        """Close the interactions begun before this wall time: their end got lost."""
        for call in list(self._calls.values()):
            if call.row.started_us >= before_us:
                break
            self._give_up(call)
        rows, self._rows = self._rows, []
        return rows

    def _give_up(self, call: OpenCall) -> None:
        moment = self._last_of(call.row)
        for event in closing_events(call, moment, NEVER_ENDED):
            record = Record(call.row.node, moment.boot, 0, moment.wall_us, moment.mono_s, event)
            HANDLERS[type(event)](self, record, event, call.mark)

    # --- time ---

    def _last_of(self, row: Interaction) -> Instant:
        """Return the last moment known of the boot in which the interaction began."""
        dead = self._dead.get(row.boot)
        return dead or self._last or Moment(row.boot, row.started_us, 0.0)

    def _moment(self, record: Record, row: Interaction) -> Instant:
        """Return when the record's event happened, in the time of the interaction's boot."""
        if record.boot == row.boot:
            return record
        return self._last_of(row)

    def _bury(self, last: Instant) -> None:
        """Note that a new boot writes: the former one is dead, agents' intervals ended with it.

        A journal has one writer at a time, whatever the machine is called: a container has another
        name each time that it is made anew.
        """
        if len(self._dead) >= REMEMBERED_BOOTS:
            del self._dead[next(iter(self._dead))]
        self._dead[last.boot] = last
        self._rows += self._intervals.close_all(last, RESTART)

    # --- the call ---

    def _call_started(self, record: Record, event: ev.CallStarted, mark: Mark) -> None:
        if event.interaction in self._calls:
            self.strays += 1
            return
        if len(self._calls) >= MAX_OPEN_CALLS:
            self._give_up(next(iter(self._calls.values())))
        row = interaction_row(record, event)
        call = OpenCall(row, record.mono_s, mark)
        self._calls[event.interaction] = call
        self._begin_leg(
            call,
            record,
            event.leg,
            side="caller",
            sip_call_id=event.sip_call_id,
            agent=event.agent,
            trunk=event.trunk,
        )

    def _call_answered(self, record: Record, event: ev.CallAnswered, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        moment = self._moment(record, call.row)
        call.row.answered_us = moment.wall_us
        if (leg := call.legs.get(event.leg)) is not None:
            leg.row.answered_us = moment.wall_us

    def _call_ended(self, record: Record, event: ev.CallEnded, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        moment = self._moment(record, call.row)
        # Whatever the closing events left out is closed here, so that no row stays open.
        if call.under_way:
            for closing in closing_events(call, moment, event.reason)[:-1]:
                HANDLERS[type(closing)](self, record, closing, call.mark)
        row = call.row
        row.ended_us = moment.wall_us
        row.duration_s = elapsed_s(call.mono_s, moment.mono_s)
        row.ended_by, row.reason, row.sip_status = event.ended_by, event.reason, event.sip_status
        row.detail = event.detail
        self._rows.append(row)
        del self._calls[event.interaction]
        if len(self._ended) >= REMEMBERED_CALLS:
            del self._ended[next(iter(self._ended))]
        self._ended[event.interaction] = (row.started_us, row.project)

    def _begin_leg(
        self,
        call: OpenCall,
        record: Record,
        leg: str,
        *,
        side: str,
        sip_call_id: str,
        agent: str = "",
        trunk: str = "",
        number: str = "",
    ) -> None:
        moment = self._moment(record, call.row)
        row = Leg(
            interaction=call.row.interaction,
            started_us=call.row.started_us,
            project=call.row.project,
            leg=leg,
            side=side,
            agent=agent,
            trunk=trunk,
            number=number,
            sip_call_id=sip_call_id,
            began_us=moment.wall_us,
        )
        call.legs[leg] = OpenLeg(row, moment.mono_s)

    def _cause_told(self, _: Record, event: ev.CauseTold, __: Mark) -> None:
        call = self._call(event.interaction)
        if call is not None and (leg := call.legs.get(event.leg)) is not None:
            leg.row.q850_cause = event.q850_cause

    def _leg_ended(self, record: Record, event: ev.LegEnded, _: Mark) -> None:
        call = self._call(event.interaction)
        leg = call.legs.pop(event.leg, None) if call else None
        if call is None or leg is None:
            self.strays += call is not None
            return
        moment = self._moment(record, call.row)
        leg.row.ended_us = moment.wall_us
        leg.row.duration_s = elapsed_s(leg.mono_s, moment.mono_s)
        leg.row.ended_by, leg.row.reason = event.ended_by, event.reason
        leg.row.sip_status = event.sip_status
        self._rows.append(leg.row)

    def _flow_entered(self, _: Record, event: ev.FlowEntered, __: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        if not call.row.flow:
            call.row.flow, call.row.flow_version = event.flow, event.version
        call.version = event.version

    def _flow_step_taken(self, record: Record, event: ev.FlowStepTaken, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        call.steps += 1
        row = step_row(call, self._moment(record, call.row), event)
        self._rows.append(row)

    # --- queue, offer, talk ---

    def _queue_entered(self, record: Record, event: ev.QueueEntered, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        moment = self._moment(record, call.row)
        row = visit_row(call, moment, event)
        call.visits[event.visit] = OpenVisit(row, moment.mono_s)
        self._unwritten_visits[event.visit] = call

    def _priority_changed(self, _: Record, event: ev.PriorityChanged, __: Mark) -> None:
        call = self._call(event.interaction)
        visit = call.visits.get(event.visit) if call else None
        if visit is not None:
            visit.row.priority = event.priority

    def _queue_left(self, record: Record, event: ev.QueueLeft, _: Mark) -> None:
        call = self._call(event.interaction)
        visit = call.visits.pop(event.visit, None) if call else None
        if call is None or visit is None:
            self.strays += call is not None
            return
        self._unwritten_visits.pop(event.visit, None)
        visit.row.left_us = self._moment(record, call.row).wall_us
        visit.row.outcome = event.reason
        visit.row.waited_s = event.waited_s
        visit.row.agent = event.agent
        self._rows.append(visit.row)

    def _offer_made(self, record: Record, event: ev.OfferMade, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        moment = self._moment(record, call.row)
        row = offer_row(call, moment, event)
        call.offers[event.offer] = OpenOffer(row, moment.mono_s)
        self._begin_leg(
            call, record, event.leg, side="agent", sip_call_id=event.sip_call_id, agent=event.agent
        )
        for leg in event.further_legs:
            self._begin_leg(call, record, leg, side="agent", sip_call_id=leg, agent=event.agent)

    def _offer_ended(self, record: Record, event: ev.OfferEnded, _: Mark) -> None:
        call = self._call(event.interaction)
        offer = call.offers.pop(event.offer, None) if call else None
        if call is None or offer is None:
            self.strays += call is not None
            return
        moment = self._moment(record, call.row)
        offer.row.ended_us = moment.wall_us
        offer.row.outcome = event.outcome
        offer.row.sip_status = event.sip_status
        offer.row.ring_s = event.ring_s
        offer.row.leg = event.leg  # of the agent's devices the one that decided
        self._rows.append(offer.row)
        if event.outcome == "answered" and (leg := call.legs.get(event.leg)) is not None:
            leg.row.answered_us = moment.wall_us

    def _party_called(self, record: Record, event: ev.PartyCalled, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        self._begin_leg(
            call,
            record,
            event.leg,
            side="called",
            sip_call_id=event.sip_call_id,
            agent=event.agent,
            trunk=event.trunk,
            number=event.number,
        )

    def _party_answered(self, record: Record, event: ev.PartyAnswered, _: Mark) -> None:
        call = self._call(event.interaction)
        if call is not None and (leg := call.legs.get(event.leg)) is not None:
            leg.row.answered_us = self._moment(record, call.row).wall_us

    def _agent_connected(self, record: Record, event: ev.AgentConnected, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        moment = self._moment(record, call.row)
        row = talk_row(call, moment, event)
        call.talks[event.leg] = OpenTalk(row, moment.mono_s)

    def _hold_changed(self, record: Record, event: ev.HoldStarted | ev.HoldEnded, _: Mark) -> None:
        call = self._call(event.interaction)
        talk = call.talks.get(event.leg) if call else None
        if call is None or talk is None:
            self.strays += call is not None
            return
        held = isinstance(event, ev.HoldStarted)
        self._rows += talk.turn(self._moment(record, call.row), held=held)

    def _agent_disconnected(self, record: Record, event: ev.AgentDisconnected, _: Mark) -> None:
        call = self._call(event.interaction)
        talk = call.talks.pop(event.leg, None) if call else None
        if call is None or talk is None:
            self.strays += call is not None
            return
        moment = self._moment(record, call.row)
        self._rows += talk.turn(moment, held=False)
        talk.row.ended_us = moment.wall_us
        talk.row.talk_s, talk.row.hold_s = event.talk_s, event.hold_s
        self._rows.append(talk.row)

    def _transfer_requested(self, record: Record, event: ev.TransferRequested, _: Mark) -> None:
        if (call := self._call(event.interaction)) is None:
            return
        if call.transfers is None:
            call.transfers = {}
        started_us = self._start_of(event.consult)[0] if event.consult else None
        moment = self._moment(record, call.row)
        call.transfers[event.transfer] = transfer_row(call, moment, event, started_us)

    def _transfer_ended(
        self, record: Record, event: ev.TransferCompleted | ev.TransferFailed, _: Mark
    ) -> None:
        call = self._call(event.interaction)
        row = (call.transfers or {}).pop(event.transfer, None) if call else None
        if call is None or row is None:
            self.strays += call is not None
            return
        row.ended_us = self._moment(record, call.row).wall_us
        if isinstance(event, ev.TransferFailed):
            row.outcome, row.sip_status = event.reason, event.sip_status
            row.returned_to = event.returned_to
        else:
            row.outcome, row.queue, row.to_agent = "completed", event.queue, event.to_agent
            if event.leg:
                self._leg_joined(call, record, event)
        self._rows.append(row)

    def _leg_joined(self, call: OpenCall, record: Record, event: ev.TransferCompleted) -> None:
        """Begin the part that a leg from elsewhere has in this interaction."""
        self._begin_leg(
            call,
            record,
            event.leg,
            side="agent",
            sip_call_id=event.sip_call_id,
            agent=event.to_agent,
        )
        row = call.legs[event.leg].row
        row.answered_us = row.began_us

    # --- what may come after the call ---

    def _came_late(self, record: Record, event: LateEvent, _: Mark) -> None:
        self._rows.append(late_row(record, event, *self._start_of(event.interaction)))

    def _start_of(self, interaction: str) -> tuple[int, str]:
        if (call := self._calls.get(interaction)) is not None:
            return call.row.started_us, call.row.project
        return self._ended.get(interaction, (0, "main"))

    def _call(self, interaction: str) -> OpenCall | None:
        call = self._calls.get(interaction)
        if call is None:
            self.strays += 1
        return call

    # --- what has a row of its own, complete with each event ---

    def _own_row(self, record: Record, event: OwnEvent, _: Mark) -> None:
        self._rows += own_rows(record, event)

    # --- agents and the server ---

    def _status_changed(self, record: Record, event: ev.AgentStatusChanged, mark: Mark) -> None:
        self._rows += self._intervals.on_status(record, event, mark)

    def _state_changed(self, record: Record, event: ev.AgentStateChanged, mark: Mark) -> None:
        self._rows += self._intervals.on_state(record, event, mark)

    def _server_stopped(self, record: Record, _: ev.ServerStopped, __: Mark) -> None:
        self._rows += self._intervals.close_all(record, "stopped")


WITHOUT_ROWS: tuple[type[ev.Event], ...] = (
    *(ev.CallRejected, ev.DevicesChanged, ev.LogInRefused, ev.AwayLimitExceeded),
    *(ev.CallMarked, ev.GroupActivated, ev.DeskTaken, ev.DeskLeft, ev.ServerStarted),
)
HANDLERS: dict[type[ev.Event], Callable[..., None]] = {
    ev.CallStarted: Fold._call_started,
    ev.CallAnswered: Fold._call_answered,
    ev.FlowEntered: Fold._flow_entered,
    ev.FlowStepTaken: Fold._flow_step_taken,
    ev.QueueEntered: Fold._queue_entered,
    ev.PriorityChanged: Fold._priority_changed,
    ev.QueueLeft: Fold._queue_left,
    ev.OfferMade: Fold._offer_made,
    ev.OfferEnded: Fold._offer_ended,
    ev.PartyCalled: Fold._party_called,
    ev.PartyAnswered: Fold._party_answered,
    ev.AgentConnected: Fold._agent_connected,
    **dict.fromkeys((ev.HoldStarted, ev.HoldEnded), Fold._hold_changed),
    ev.AgentDisconnected: Fold._agent_disconnected,
    ev.TransferRequested: Fold._transfer_requested,
    **dict.fromkeys((ev.TransferCompleted, ev.TransferFailed), Fold._transfer_ended),
    ev.CauseTold: Fold._cause_told,
    ev.LegEnded: Fold._leg_ended,
    ev.CallEnded: Fold._call_ended,
    **dict.fromkeys(get_args(LateEvent), Fold._came_late),
    ev.AgentStatusChanged: Fold._status_changed,
    ev.AgentStateChanged: Fold._state_changed,
    ev.ServerStopped: Fold._server_stopped,
}
HANDLERS |= dict.fromkeys(get_args(OwnEvent), Fold._own_row)
HANDLERS |= {kind: lambda *_: None for kind in WITHOUT_ROWS}
"Refused calls, devices, marks: no rows. A new boot's first record buries the boot before it."
