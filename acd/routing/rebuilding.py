"""Rebuilding a router: what is to be announced of it, and going on from what was announced.

Announcements may come in any order, repeatedly, and older ones after newer. Nothing follows from
one alone: `settle` takes in all that came, in an order of its own (measures of queues, agents,
calls, offers), and then goes on. So half of the truth is never acted upon.
"""

from .agent import Agent
from .announcing import (
    AgentAnnouncement,
    Announcement,
    CallAnnouncement,
    HouseAnnouncement,
    OfferAnnouncement,
    QueueAnnouncement,
    subject,
)
from .describing import describe
from .dispatch import Dispatch
from .errors import RoutingError
from .events import CallRefused, Event, LeaveReason, OfferOutcome, OfferWithdrawn
from .membership import Membership
from .model import State
from .offer import Offer
from .outcomes import ConversionRanks
from .queue import Queue, Waiting
from .rank import Measure, QueueRank

MAXIMUM_SUBJECTS = 200_000
"""Subjects whose sequence numbers are remembered, the oldest forgotten first, and announcements
between two settlings: ten times the agents and waiting calls of the largest centre thought of."""

_TALKING = frozenset({State.TALKING, State.HELD})


class Rebuilding:
    """Takes announcements in for one router."""

    def __init__(self, dispatch: Dispatch, ranks: ConversionRanks) -> None:
        self._dispatch = dispatch
        self._ranks = ranks
        self._seq = 0
        "The highest that was used or seen."

        self._seen: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], Announcement] = {}

    def announcements(self) -> list[Announcement]:
        """Describe everything that is known, newer than all that was announced before."""
        self._seq += 1
        return describe(self._dispatch, self._ranks, self._seq)

    def announce(self, value: Announcement) -> bool:
        """Note what an owner says; returns whether that was news. It counts from `settle` on."""
        about = subject(value)
        if value.seq <= self._seen.get(about, -1):
            return False
        if len(self._told) >= MAXIMUM_SUBJECTS and about not in self._told:
            raise RoutingError(f"more than {MAXIMUM_SUBJECTS} announcements without Router.settle")
        self._seen.pop(about, None)
        self._seen[about] = value.seq
        while len(self._seen) > MAXIMUM_SUBJECTS:
            del self._seen[next(iter(self._seen))]
        self._told[about] = value
        self._seq = max(self._seq, value.seq)
        return True

    def settle(self, now: float) -> list[Event]:
        """Go on from all that was announced since the last time."""
        told = [self._told[about] for about in sorted(self._told)]
        self._told = {}
        events: list[Event] = []
        queues = [each for each in told if isinstance(each, QueueAnnouncement)]
        for each in told:
            if isinstance(each, HouseAnnouncement):
                self._take_house(each)
        self._take_queues(queues)
        for each in told:
            if isinstance(each, AgentAnnouncement):
                self._take_agent(each, now)
        for each in told:
            if isinstance(each, CallAnnouncement):
                self._take_call(each, now, events)
        for each in told:
            if isinstance(each, OfferAnnouncement):
                self._take_offer(each, now, events)
        self._take_measures(queues)
        self._go_on(now, events)
        return events

    # --- house and queues ---

    def _take_house(self, value: HouseAnnouncement) -> None:
        dispatch = self._dispatch
        dispatch.turns = max(dispatch.turns, value.turns)
        for category in sorted(value.learned_categories):
            dispatch.floor.learn_category(category)
        self._ranks.take(value.outcomes, value.forgotten_before)

    def _take_queues(self, values: list[QueueAnnouncement]) -> None:
        dispatch = self._dispatch
        unknown = [each for each in values if each.queue not in dispatch.queues]
        for value in unknown:
            if value.profile is not None:
                profile = value.profile
                rank = QueueRank(Measure(profile.success_half_life_s, profile.currency))
                rank.follow(profile, dispatch.floor.random)
                queue = dispatch.queues[value.queue] = Queue(profile, rank)
                queue.retired = True
        for value in values:
            if value.queue in dispatch.queues:
                self._take_queue(dispatch.queues[value.queue], value)
        if unknown:
            dispatch.rings = any(queue.rings for queue in dispatch.queues.values())
            dispatch.floor.rebuild(dispatch.agents.values(), dispatch.queues.values())

    def _take_queue(self, queue: Queue, value: QueueAnnouncement) -> None:
        queue.rank.take(value.rank)
        queue.shares.take(value.answered, value.shares)
        queue.recent.take(value.recent, value.recent_news)
        for measure in value.activations:
            activation = queue.activations.get(measure.group)
            if activation is not None:
                activation.take(measure)
                self._dispatch.deadlines.arm(activation, measure.due_at)
        queue.admit_active()
        self._dispatch.floor.reopen(queue)

    def _take_measures(self, values: list[QueueAnnouncement]) -> None:
        """Take what rests upon agents and calls: they must be known."""
        for value in values:
            queue = self._dispatch.queues.get(value.queue)
            if queue is not None:
                for candidates in value.candidates:
                    self._dispatch.floor.take(queue, candidates)
                queue.pace.take(value.pace)
                self._dispatch.deadlines.arm(queue.refit, value.refit_at)

    # --- agents ---

    def _take_agent(self, value: AgentAnnouncement, now: float) -> None:
        dispatch = self._dispatch
        agent = dispatch.agents.get(value.agent)
        if agent is None:
            if value.profile is None:
                return
            agent = dispatch.agents[value.agent] = Agent(value.profile, now)
            agent.retired = True
            agent.member = Membership()
        if agent.offer in dispatch.offers and agent.offer != value.offer:
            dispatch.end(dispatch.offers[agent.offer])
        dispatch.floor.quit(agent)
        dispatch.talking.discard(agent.call)
        agent.take(value)
        if agent.state in _TALKING:
            dispatch.talking.add(agent.call)
        dispatch.deadlines.arm(agent, value.due_at)
        dispatch.on_duty.note(agent, dispatch.floor.serves(agent), now)
        if agent.available:
            dispatch.floor.join(agent)
        dispatch.away.look(agent, now)

    # --- calls and offers ---

    def _take_call(self, value: CallAnnouncement, now: float, events: list[Event]) -> None:
        dispatch, call = self._dispatch, value.call
        if call.call in dispatch.talking:
            return  # answered meanwhile
        queue = dispatch.queues.get(call.queue)
        if queue is None:
            reason = LeaveReason.FAULTED
            events.append(CallRefused(call.call, call.interaction, call.queue, reason))
            return
        demand = dispatch.floor.demand_as(queue, call, value.category)
        waiting = dispatch.waiting.get(call.call)
        if waiting is None:
            waiting = dispatch.waiting[call.call] = Waiting.of(call, queue, demand, now)
        else:
            dispatch.floor.reservations.remove(waiting)
            waiting.queue.remove(waiting)
        waiting.take(value, queue, demand)
        if waiting.reserved:
            dispatch.floor.reservations.add(waiting)
        queue.add(waiting)
        if waiting.offer:
            queue.take(waiting)
        dispatch.deadlines.arm(waiting, queue.next_due(waiting, now))

    def _take_offer(self, value: OfferAnnouncement, now: float, events: list[Event]) -> None:
        dispatch = self._dispatch
        agent, waiting = dispatch.agents.get(value.agent), dispatch.waiting.get(value.call)
        rings = agent is not None and agent.state is State.OFFERED and agent.offer == value.offer
        if agent is None or not rings or waiting is None or not _may_ring(waiting, value.offer):
            outcome = OfferOutcome.AGENT_LEFT if waiting is not None else OfferOutcome.CALLER_LEFT
            if value.offer not in dispatch.offers:
                events.append(OfferWithdrawn(value.offer, value.call, value.agent, outcome))
            return
        dispatch.offers[value.offer] = Offer(value.offer, waiting, agent)
        waiting.queue.take(waiting)
        if not waiting.offer:
            waiting.offer = value.offer
            dispatch.ringing += 1
        elif value.offer not in {waiting.offer, *waiting.others}:
            waiting.others += (value.offer,)
        if waiting.queue.rings:
            waiting.queue.ringing[value.call] = waiting
        dispatch.deadlines.arm(agent, value.expires_at)
        dispatch.deadlines.arm(waiting, waiting.queue.next_due(waiting, now))

    # --- going on ---

    def _go_on(self, now: float, events: list[Event]) -> None:
        """Settle what the announcements leave open, and what has become possible meanwhile."""
        dispatch = self._dispatch
        for agent in list(dispatch.agents.values()):
            if agent.state is State.OFFERED and agent.offer not in dispatch.offers:
                agent.offer = ""
                dispatch.free(agent, agent.idle_since, now, events)
            dispatch.forget_if_gone(agent)
        idle = [agent for agent in dispatch.agents.values() if agent.available]
        if any(dispatch.floor.first_call(agent, now) is not None for agent in idle):
            for waiting in self._unoffered(now):
                if not waiting.offer:
                    dispatch.assign(waiting, now, events)
        for queue in dispatch.queues.values():
            dispatch.ring_on(queue.ringing.values(), now, events)

    def _unoffered(self, now: float) -> list[Waiting]:
        queues = self._dispatch.queues.values()
        waiting = [call for queue in queues for call in queue.unoffered()]
        return sorted(waiting, key=lambda call: call.urgency(now))


def _may_ring(waiting: Waiting, offer: str) -> bool:
    """Whether this offer may be the call's, alone or beside those that are known to ring."""
    return waiting.offer in {"", offer} or waiting.queue.rings
