"""The invariants of the event stream, checked event by event (style.md's rule on simulation).

One record per call and leg, no agent in two calls, none called who wants no call or still writes
up the last one, nothing opened that is not closed, nobody overtaken within equal rank. A breach
raises `InvariantError` at once, with the time and the ids, so that the seed shows it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from acd.calls import events
from acd.routing.model import NO_REQUIREMENTS, AgentProfile, QueueProfile, State, Status
from acd.routing.takeover import REMOVED

from .invariant import InvariantError, require
from .promises import Promises

RESTART = "restart"
"What became of calls, visits and offers that a dead server left open."


LONGEST_OFFER_S = 90.0
"""An offer is over by then: no queue here rings for more than 30 s, and a server that stands still
does so for 15 s, twice at most within one ring."""


@dataclass(slots=True)
class _Waiting:
    interaction: str
    queue: str
    first_enqueued_at: float
    priority: int
    entered_at: float
    ringing: int = 0
    missed_by: set[str] = field(default_factory=set)


def _chooses(queue: QueueProfile) -> bool:
    """Whether one call of the queue may rightly go before an earlier one, for an agent's sake."""
    return bool(
        queue.prefers
        or queue.fairness_window_s
        or queue.requires != NO_REQUIREMENTS
        or any(layer.rule or layer.groups for layer in queue.layers)
    )


class StarvationBounds:
    """How long calls may be overtaken, and who may take them once they have waited so long."""

    def __init__(self, agents: Iterable[AgentProfile], queues: Iterable[QueueProfile]) -> None:
        """Skills alone count: every layer has opened by then, and asks for no grade."""
        queues = list(queues)
        self.after_s = {queue.name: queue.starvation_s for queue in queues}
        self.choosing = frozenset(queue.name for queue in queues if _chooses(queue))
        "Of these the order of the line is not checked."

        self._skills = {agent.number: frozenset(agent.skills) for agent in agents}
        self._asked = {
            queue.name: frozenset(
                skill for layer in queue.layers for skill in layer.skills or (queue.skill,)
            )
            for queue in queues
        }

    def may_take(self, agent: str, queue: str) -> bool:
        """Whether the agent has a skill that the queue's calls are served with."""
        return not self._skills[agent].isdisjoint(self._asked[queue])


class Ledger:
    """Reads every event once and keeps what is open."""

    def __init__(
        self,
        wrap_up_s: Mapping[str, float] | None = None,
        agents: Mapping[str, str] | None = None,
        bounds: "StarvationBounds | None" = None,
        ring_at_most: Mapping[str, int] | None = None,
    ) -> None:
        """`wrap_up_s` is the after-call work of each queue that is checked.

        `agents` are the numbers of agents by account, for the calls that they make themselves.
        `bounds` None: the starvation bound is not checked.
        `ring_at_most` is how many phones may ring for one call, by queue; not named: one.
        """
        self.outcomes: Counter[str] = Counter()
        "CallEnded reasons."

        self.left: Counter[str] = Counter()
        "QueueLeft reasons."

        self.offers: Counter[str] = Counter()
        "OfferEnded outcomes."

        self.layers: Counter[str] = Counter()
        "Layers by which offers came."

        self.transfers: Counter[str] = Counter()
        "Transfers by kind and outcome."

        self.directions: Counter[str] = Counter()
        "CallStarted directions."

        self.started = self.ended = self.offered = self.own_calls = 0
        self.wrap_ups = 0
        "Wrap-ups that ended by themselves."

        self.forked = self.rung_together = 0
        "Offers that rang on several devices; offers made while others of the same call rang."

        self.exits: Counter[str] = Counter()
        "Keys that led callers out of a queue, by the queue."

        self.promises = Promises()
        "Call-backs."

        self.queue_priorities: dict[str, int] = {}
        """As configured now. Events tell a call's priority with its queue's of that moment; the
        order within a queue goes by the call's own."""

        self.employed: frozenset[str] | None = None
        "Who is configured; nobody else may be offered a call. None: not checked."

        self._bounds = bounds
        self._agents = agents or {}
        self._ring_at_most = ring_at_most or {}
        self._dialled_by: dict[str, str] = {}
        self._wrap_up_s = wrap_up_s or {}
        self._wrap_up: dict[str, tuple[float, str]] = {}
        self._statuses: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._legs: dict[str, str] = {}
        self._calls: set[str] = set()
        self._ended: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._offers: dict[str, str] = {}
        self._offered_at: dict[str, float] = {}
        self._rings: dict[str, str] = {}
        "By agent the interaction of an offer that the state tells and that is not named yet."

        self._offer_of_agent: dict[str, str] = {}
        self._talks: dict[str, str] = {}
        self._own_talks: dict[str, set[str]] = {}
        self._written_up_s: dict[str, float] = {}
        "What an agent had of a wrap-up when an own call came into it."

        self._states: dict[str, str] = {}
        self._transfers: dict[str, str] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            events.CallStarted: self._call_started,
            events.LegEnded: self._leg_ended,
            events.CallEnded: self._call_ended,
            events.QueueEntered: self._queue_entered,
            events.PriorityChanged: self._priority_changed,
            events.QueueLeft: self._queue_left,
            events.OfferMade: self._offer_made,
            events.OfferEnded: self._offer_ended,
            events.PartyCalled: self._party_called,
            events.AgentConnected: self._connected,
            events.AgentDisconnected: self._disconnected,
            events.TransferRequested: self._transfer_requested,
            events.TransferCompleted: self._transfer_completed,
            events.TransferFailed: self._transfer_failed,
            events.CallbackRequested: self._callback_requested,
            events.CallbackAttempted: self._callback_attempted,
            events.CallbackEnded: self._callback_ended,
            events.AgentStateChanged: self._state_changed,
            events.AgentStatusChanged: self._status_changed,
        }

    def take(self, event: events.Event, now: float) -> None:
        """Check one event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, now)

    def under_way(self, interaction: str) -> bool:
        """Return whether this call has not ended."""
        return interaction in self._calls

    def ends_wrap_up(self, agent: str) -> None:
        """Note that the agent is about to end the wrap-up before its time."""
        self._wrap_up.pop(agent, None)

    def statuses(self) -> dict[str, tuple[str, str]]:
        """Return what each agent wants, and why, as the state folder would have it."""
        return {agent: (one, self._reasons[agent]) for agent, one in self._statuses.items()}

    def restarted(self) -> None:
        """Close what a dead server left open, as its next start does; agents begin anew."""
        self.ended += len(self._calls)
        self.outcomes[RESTART] += len(self._calls)
        self.left[RESTART] += len(self._waiting)
        self.offers[RESTART] += len(self._offers)
        for open_ones in (
            self._calls,
            self._legs,
            self._waiting,
            self._offers,
            self._offer_of_agent,
            self._rings,
            self._talks,
            self._own_talks,
            self._dialled_by,
            self._transfers,
            self._wrap_up,
            self._written_up_s,
            self._states,
            self._statuses,
            self._reasons,
        ):
            open_ones.clear()

    def check_rested(self) -> None:
        """Check that nobody is stuck in anything long after the last call."""
        rest = {State.OFFLINE.value, State.IDLE.value}
        stuck = [f"{agent} {state}" for agent, state in self._states.items() if state not in rest]
        require(not stuck, f"agents stuck: {stuck[:3]}")

    def check_closed(self) -> None:
        """Check that nothing is left open when all callers have gone."""
        require(not self._legs, f"legs never ended: {sorted(self._legs)[:3]}")
        require(not self._calls, f"calls never ended: {sorted(self._calls)[:3]}")
        require(not self._waiting, f"visits never left: {sorted(self._waiting)[:3]}")
        require(not self._offers, f"offers never ended: {sorted(self._offers)[:3]}")
        talks = [*self._talks, *(agent for agent, own in self._own_talks.items() if own)]
        require(not talks, f"talks never ended: {sorted(talks)[:3]}")
        require(not self._transfers, f"transfers left open: {sorted(self._transfers)[:3]}")
        require(self.started == self.ended, f"{self.started} started, {self.ended} ended")
        busy = {State.OFFERED.value, State.TALKING.value, State.HELD.value}
        stuck = [agent for agent, state in self._states.items() if state in busy]
        require(not stuck, f"agents stuck: {stuck[:3]}")

    def _call_started(self, event: events.CallStarted, now: float) -> None:
        self.started += 1
        require(event.interaction not in self._calls, f"{now}: call started twice")
        self._calls.add(event.interaction)
        self.directions[event.direction] += 1
        self._legs[event.leg] = event.interaction
        if event.account in self._agents:
            self.own_calls += 1
            self._dialled_by[event.interaction] = self._agents[event.account]

    def _leg_ended(self, event: events.LegEnded, now: float) -> None:
        began = self._legs.pop(event.leg, None)
        require(began == event.interaction, f"{now}: leg ended twice or never began", event)

    def _call_ended(self, event: events.CallEnded, now: float) -> None:
        self.ended += 1
        require(event.interaction in self._calls, f"{now}: ended without start or twice", event)
        self._calls.remove(event.interaction)
        self._dialled_by.pop(event.interaction, None)
        self.outcomes[event.reason] += 1
        self.promises.call_over(event.interaction)

    def _queue_entered(self, event: events.QueueEntered, now: float) -> None:
        self.offered += 1
        require(event.visit not in self._waiting, f"{now}: visit entered twice", event)
        require(event.interaction in self._calls, f"{now}: no such call", event)
        first = now - event.waited_before_s - event.served_before_s
        own = event.priority - self.queue_priorities.get(event.queue, 0)
        self._waiting[event.visit] = _Waiting(event.interaction, event.queue, first, own, now)
        if event.callback:
            self.promises.entered(event, now)

    def _priority_changed(self, event: events.PriorityChanged, now: float) -> None:
        waiting = self._waiting.get(event.visit)
        require(waiting is not None, f"{now}: {event.visit} does not wait, and has a priority")
        if waiting is not None:
            of_queue = self.queue_priorities.get(waiting.queue, 0)
            waiting.priority = event.priority - of_queue

    def _queue_left(self, event: events.QueueLeft, now: float) -> None:
        require(event.visit in self._waiting, f"{now}: left what was not entered", event)
        require(not self._waiting.pop(event.visit).ringing, f"{now}: offer left open", event)
        self.left[event.reason] += 1
        if event.reason == "exited":
            self.exits[event.queue] += 1

    def _offer_made(self, event: events.OfferMade, now: float) -> None:
        agent = event.agent
        employed = self.employed is None or agent in self.employed
        require(employed, f"{now}: {agent} is offered a call and not configured")
        require(agent not in self._offer_of_agent, f"{now}: {agent} is offered two calls")
        talks = agent in self._talks or self._own_talks.get(agent)
        require(not talks, f"{now}: {agent} is offered a call while talking")
        dials = agent in self._dialled_by.values()
        require(not dials, f"{now}: {agent} is offered a call while in an own one")
        waiting = self._waiting.get(event.visit)
        if waiting is None or waiting.ringing >= self._ring_at_most.get(waiting.queue, 1):
            raise InvariantError(f"{now}: offered a call that does not wait {event}")
        state, status = self._states.get(agent), self._statuses.get(agent)
        require(state == State.OFFERED.value, f"{now}: {agent} is {state}, not offered", event)
        require(status == Status.READY.value, f"{now}: {agent} is {status}, not ready", event)
        _best_first(event, now)
        self.layers[event.choice.layer] += 1
        self.rung_together += waiting.ringing > 0
        waiting.ringing += 1
        self.forked += bool(event.further_legs)
        for leg in (event.leg, *event.further_legs):
            self._legs[leg] = event.interaction
        self._offers[event.offer] = event.visit
        self._offer_of_agent[agent] = event.offer
        self._offered_at[agent] = now
        self._rings.pop(agent, None)
        self._nobody_overtaken(event, waiting, now)
        if self._bounds is not None:
            self._nobody_starves(self._bounds, event, waiting, now)

    def _nobody_starves(
        self, bounds: "StarvationBounds", event: events.OfferMade, chosen: _Waiting, now: float
    ) -> None:
        """Whoever has waited beyond the bound goes before all who came later, in any queue."""
        for visit, other in self._waiting.items():
            if (
                not other.ringing
                and other.queue not in bounds.choosing
                and other.first_enqueued_at < chosen.first_enqueued_at - 1e-9
                and now > other.first_enqueued_at + bounds.after_s[other.queue] + 1e-9
                and other.entered_at < now
                and event.agent not in other.missed_by
                and bounds.may_take(event.agent, other.queue)
            ):
                raise InvariantError(f"{now}: {visit} starves: {event.visit} goes before it")

    def _nobody_overtaken(self, event: events.OfferMade, chosen: _Waiting, now: float) -> None:
        """Within a queue and a priority the first to come is the first to be offered.

        A call whose offer this agent has missed may be passed by for another agent.
        """
        if self._bounds is not None and chosen.queue in self._bounds.choosing:
            return
        for visit, other in self._waiting.items():
            if (
                other.queue == chosen.queue
                and other.priority == chosen.priority
                and not other.ringing
                # What is due at one moment is decided in one go: whoever overflows into this
                # queue then comes after that, with however long a wait.
                and other.entered_at < now
                and event.agent not in other.missed_by
                and other.first_enqueued_at < chosen.first_enqueued_at - 1e-9
            ):
                raise InvariantError(f"{now}: {visit} was overtaken by {event.visit}")
        first, priority = chosen.first_enqueued_at, chosen.priority
        passed = self.promises.overtaken(chosen.queue, priority, first, now)
        require(passed is None, f"{now}: call-back {passed} was overtaken", event)

    def _offer_ended(self, event: events.OfferEnded, now: float) -> None:
        visit = self._offers.pop(event.offer, None)
        require(visit == event.visit, f"{now}: offer ended twice or never made", event)
        del self._offer_of_agent[event.agent]
        rang_s = now - self._offered_at[event.agent]
        require(rang_s <= LONGEST_OFFER_S, f"{now}: an offer of {rang_s} s", event)
        self.offers[event.outcome] += 1
        waiting = self._waiting.get(event.visit)
        if waiting is not None:
            waiting.ringing -= 1
            waiting.missed_by.add(event.agent)

    def _party_called(self, event: events.PartyCalled, now: float) -> None:
        require(event.interaction in self._calls, f"{now}: no such call", event)
        require(event.leg not in self._legs, f"{now}: leg began twice", event)
        self._legs[event.leg] = event.interaction

    def _connected(self, event: events.AgentConnected, now: float) -> None:
        require(event.interaction in self._calls, f"{now}: no such call", event)
        agent = event.agent
        self.promises.talked(event.interaction)
        if event.visit:
            require(agent not in self._talks, f"{now}: {agent} is in two calls")
            self._talks[agent] = event.interaction
        else:
            # An own call may stand beside the one of a queue: the agent asks a colleague.
            own = self._own_talks.setdefault(agent, set())
            require(event.leg not in own, f"{now}: talk began twice", event)
            own.add(event.leg)

    def _disconnected(self, event: events.AgentDisconnected, now: float) -> None:
        if event.visit:
            talk = self._talks.pop(event.agent, None)
            require(talk == event.interaction, f"{now}: talk ended twice or never began", event)
        else:
            own = self._own_talks.get(event.agent, set())
            require(event.leg in own, f"{now}: talk ended twice or never began", event)
            own.remove(event.leg)
        require(event.talk_s >= -1e-6 and event.hold_s >= 0, f"{now}: negative time", event)

    def _transfer_requested(self, event: events.TransferRequested, now: float) -> None:
        own = event.leg in self._own_talks.get(event.agent, ())
        talks = own or self._talks.get(event.agent) == event.interaction
        require(talks, f"{now}: transfers a call not at hand", event)
        pending = event.interaction in self._transfers.values()
        require(not pending, f"{now}: two transfers of one call", event)
        self._transfers[event.transfer] = event.interaction

    def _transfer_completed(self, event: events.TransferCompleted, now: float) -> None:
        began = self._transfers.pop(event.transfer, None)
        require(began == event.interaction, f"{now}: transfer ended twice", event)
        if event.leg:
            require(event.leg not in self._legs, f"{now}: joined a leg in another call", event)
            self._legs[event.leg] = event.interaction
        self.transfers[f"{event.kind} completed"] += 1

    def _transfer_failed(self, event: events.TransferFailed, now: float) -> None:
        began = self._transfers.pop(event.transfer, None)
        require(began == event.interaction, f"{now}: transfer ended twice", event)
        self.transfers[f"{event.kind} {event.reason}"] += 1

    def _callback_requested(self, event: events.CallbackRequested, now: float) -> None:
        require(event.interaction in self._calls, f"{now}: nobody asked for it", event)
        visits = [one for one in self._waiting.values() if one.interaction == event.interaction]
        require(len(visits) == 1, f"{now}: asked for it out of no line", event)
        [visit] = visits
        self.promises.requested(
            event, now, first_enqueued_at=visit.first_enqueued_at, priority=visit.priority
        )

    def _callback_attempted(self, event: events.CallbackAttempted, now: float) -> None:
        require(event.interaction in self._calls, f"{now}: no such call", event)
        self.promises.attempted(event, now)

    def _callback_ended(self, event: events.CallbackEnded, now: float) -> None:
        require(event.interaction not in self._calls, f"{now}: ended before its call", event)
        self.promises.ended(event, now)

    def _status_changed(self, event: events.AgentStatusChanged, now: float) -> None:
        before = self._statuses.get(event.agent), self._reasons.get(event.agent)
        require(before != (event.status, event.reason), f"{now}: no change", event)
        if event.reason == REMOVED:
            # Whoever comes into the configuration again begins anew, logged out without a word.
            self._statuses.pop(event.agent, None)
            self._reasons.pop(event.agent, None)
            return
        self._statuses[event.agent] = event.status
        self._reasons[event.agent] = event.reason

    def _state_changed(self, event: events.AgentStateChanged, now: float) -> None:
        before = self._states.get(event.agent, State.OFFLINE.value)
        require(before != event.state or event.interaction != "", f"{now}: no change", event)
        self._states[event.agent] = event.state
        # The turn of a call-back may be the customer's first, or nobody's outside of the hours.
        rings = self._rings.pop(event.agent, "")
        a_call = not rings or rings in self.promises.known
        require(a_call, f"{now}: {event.agent} was offered a call that is none", event)
        if event.state == State.OFFERED.value:
            self._rings[event.agent] = event.interaction
        if event.state == State.WRAP_UP.value:
            written_up_s = self._written_up_s.pop(event.agent, 0.0)
            self._wrap_up[event.agent] = now - written_up_s, event.queue
        elif event.agent in self._wrap_up:
            self._wrap_up_over(event, now)

    def _wrap_up_over(self, event: events.AgentStateChanged, now: float) -> None:
        began_at, queue = self._wrap_up.pop(event.agent)
        if event.state == State.TALKING.value:
            self._written_up_s[event.agent] = now - began_at
            return
        due_s = self._wrap_up_s.get(queue, 0.0)
        require(now - began_at >= due_s - 1e-6, f"{now}: wrap-up of {due_s} s cut short", event)
        self.wrap_ups += 1


def _best_first(event: events.OfferMade, now: float) -> None:
    """Check that the best of those who were weighed is called, among equals who idled longest."""
    chosen, *others = event.choice.candidates
    require(chosen.agent == event.agent, f"{now}: another one was better", event)
    best = (chosen.score, chosen.idle_s + 1e-9)
    for other in others:
        if (other.score, other.idle_s) > best:
            raise InvariantError(f"{now}: {other.agent} was better {event}")
