"""What follows from what: the moves by which calls and agents find each other.

    an agent frees up     → the first call in line that the agent is admitted to, else idle
    a call comes back     → the best idle agent by the open layers, else it waits on
    a deadline strikes    → an offer ends unanswered, a wrap-up or pause is over, a layer opens,
                            a position is due, the maximum wait is reached

so that no agent is idle while a call waits that the agent may take. Each move appends the events
that it causes. Inputs are in router.py, the choice is in floor.py, changes of an agent in
agent.py.
"""

import math
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from .activation import Activation
from .agent import Agent
from .away import AwayTimer, AwayWatch
from .deadlines import Deadlines
from .events import CallTimedOut, Event, OfferMade, OfferOutcome, OfferWithdrawn, PositionDue
from .floor import Floor
from .model import Choice, Counters, State, Status
from .offer import Offer, miss_rule, pause_s, wrap_up_of
from .on_duty import OnDuty
from .queue import NOBODY, Queue, Waiting
from .refitting import PAUSE_S, Refit
from .ringing import ring_on, silence

SYSTEM = "system"
"""Who changes a status when nobody did."""

MISSED = "missed"
"""Away reason of an agent who let too many offers go by."""

_AT_REST = frozenset({State.IDLE, State.OFFLINE})
_SET_ASIDE = frozenset({State.PAUSED, State.COOL_DOWN})


class Dispatch:
    """All that is in motion: agents, queues, waiting calls, offers, and their deadlines."""

    def __init__(
        self, new_id: Callable[[], str], random: Callable[[], float] | None = None
    ) -> None:
        self._new_id = new_id
        self.turns = 0
        "Offers made so far."

        self.agents: dict[str, Agent] = {}
        self.queues: dict[str, Queue] = {}
        self.waiting: dict[str, Waiting] = {}
        "Calls in any line, by queue visit."

        self.talking: set[str] = set()
        "Calls answered and not yet over."

        self.ringing = 0
        "Of these, for which some phone rings."

        self.offers: dict[str, Offer] = {}
        self.rings = False
        "Some queue rings several phones for one call."

        self._fresh: list[Waiting] = []
        "Calls of such queues that may ring on further phones now."

        self.deadlines = Deadlines()
        self.away = AwayWatch(self.deadlines)
        self.floor = Floor(self.deadlines, random)
        self.on_duty = OnDuty()

    # --- agents ---

    def want(
        self,
        agent: Agent,
        status: Status,
        reason: str,
        by: str,
        now: float,
        events: list[Event],
        note: str = "",
    ) -> None:
        """Change the status, with all that follows."""
        if agent.want(status, reason, by, events, note):
            if status is Status.READY:
                agent.misses = 0
            elif status is Status.LOGGED_OUT:
                agent.counters = Counters()
            self.reconsider(agent, now, events)
            self.away.look(agent, now)

    def reconsider(self, agent: Agent, now: float, events: list[Event]) -> None:
        """Let the state follow a changed status or reachability.

        Talk and wrap-up are finished first. Somebody who is set aside and still wants calls
        stays set aside.
        """
        self.on_duty.note(agent, self.floor.serves(agent), now)
        wanted = agent.rest is State.IDLE and agent.status is Status.READY
        if agent.state is State.OFFERED:
            if not wanted:
                self.withdraw(self.offers[agent.offer], OfferOutcome.AGENT_LEFT, now, events)
        elif agent.state in _AT_REST:
            if self.floor.has_idle(agent) != wanted or agent.state is not agent.rest:
                self.free(agent, now, now, events)
        elif agent.state in _SET_ASIDE and not wanted:
            self.free(agent, now, now, events)
        if not wanted:
            self._open_those_for(agent, now, events)

    def free(self, agent: Agent, idle_since: float, now: float, events: list[Event]) -> None:
        """Take the first call in line, now that no work is at hand, else rest."""
        self.floor.quit(agent)
        agent.idle_since = idle_since
        cool_down_s, agent.cool_down_s = agent.cool_down_s, 0.0
        available = agent.on_duty
        if available:
            if cool_down_s > 0.0:
                self._set_aside_until(agent, State.COOL_DOWN, now + cool_down_s, now, events)
                return
            waiting, way = self.floor.next_call(agent, now)
            if waiting is None and self.rings:
                waiting = self._call_to_join(agent, now)
            if waiting is not None:
                choice = self.floor.only_choice(agent, waiting, way, now)
                self.offer_to(agent, waiting, choice, now, events)
                if self._fresh:
                    ring_on(self, self._fresh, now, events)
                return
        self.deadlines.arm(agent, math.inf)
        agent.enter(agent.rest, now, events)
        agent.occupancy.change(0.0 if available else None, now)
        if available:
            self.floor.join(agent)
        self.away.look(agent, now)
        self.forget_if_gone(agent)

    def _call_to_join(self, agent: Agent, now: float) -> Waiting | None:
        """Return the call that an agent who frees up rings for beside others."""
        agent.occupancy.change(0.0, now)  # free, as far as the limits go
        return self.floor.ringing_call(agent, now)

    def _set_aside_until(
        self, agent: Agent, state: State, until: float, now: float, events: list[Event]
    ) -> None:
        agent.enter(state, now, events)
        self.deadlines.arm(agent, until)

    # --- preferred agents (preferring.py) ---

    def reserve(self, waiting: Waiting, now: float) -> None:
        """Keep a call, not yet in line, for its preferred agents, if one of them is there."""
        wait_s = waiting.queue.profile.preferred_wait_s
        reservations = self.floor.reservations
        if waiting.call.preferred and reservations.wanted(waiting, self.agents):
            waiting.reserved = True
            waiting.reserved_until = now + wait_s
            reservations.add(waiting)

    def _open_those_for(self, agent: Agent, now: float, events: list[Event]) -> None:
        """Open calls that have waited for this agent and have nobody left to wait for."""
        for waiting in self.floor.reservations.of(agent.number):
            if not waiting.offer and self._open_if_in_vain(waiting):
                self.assign(waiting, now, events)

    def _open_if_in_vain(self, waiting: Waiting) -> bool:
        if not waiting.reserved or self.floor.reservations.wanted(waiting, self.agents):
            return False
        self._open_to_all(waiting)
        return True

    def _open_to_all(self, waiting: Waiting) -> None:
        self.floor.reservations.remove(waiting)
        waiting.reserved = False
        waiting.queue.put_back(waiting)

    def count_from(self, agent: Agent, counters: Counters) -> None:
        """Go on with counters from before; later offers are later turns."""
        agent.counters = replace(counters)
        self.turns = max(self.turns, counters.turn)
        if self.floor.has_idle(agent):
            self.floor.quit(agent)
            self.floor.join(agent)

    def forget_if_gone(self, agent: Agent) -> None:
        """Forget a removed agent without work at hand."""
        if agent.retired and agent.state is State.OFFLINE:
            self.agents.pop(agent.number, None)

    # --- calls ---

    def assign(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Offer the call to the best idle agent, or to several; if there is none, it waits on."""
        self.find_agent(waiting, now, events)
        if self._fresh:
            ring_on(self, self._fresh, now, events)

    def serve(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Offer a call that stands aside, where nobody else waits unoffered, or line it up."""
        chosen = self.floor.choose(waiting, now)
        if chosen is None:
            self._wait_on(waiting, now)
            waiting.queue.put_back(waiting)
            return
        agent, choice = chosen
        self.offer_to(agent, waiting, choice, now, events)
        if self._fresh:
            ring_on(self, self._fresh, now, events)

    def _wait_on(self, waiting: Waiting, now: float) -> None:
        waiting.queue.line_up(waiting, now)
        self.deadlines.arm(waiting, waiting.queue.next_due(waiting, now))

    def ring_on(self, ringing: Iterable[Waiting], now: float, events: list[Event]) -> None:
        """Let these calls, and those that began to ring, ring on as many phones as they may."""
        self._fresh.extend(ringing)
        if self._fresh:
            ring_on(self, self._fresh, now, events)

    def find_agent(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Let the first phone ring for the call, if anybody is idle who may take it."""
        target = waiting
        while (chosen := self.floor.choose(target, now)) is not None:
            agent, choice = chosen
            # A layer may have opened to this agent at this very moment for a call further ahead
            # whose deadline has not struck yet. Each turn makes an offer or goes further ahead.
            if len(self.waiting) - self.ringing > 1:
                first = self.floor.first_call(agent, now)
                if first is not None and first is not target:
                    target = first
                    continue
            self.offer_to(agent, target, choice, now, events)
            if target is waiting:
                return
            target = waiting
        self._wait_on(waiting, now)

    def drop(self, waiting: Waiting) -> None:
        """Take the call out of its queue for good."""
        self.deadlines.arm(waiting, math.inf)
        if waiting.reserved:
            self.floor.reservations.remove(waiting)
        del self.waiting[waiting.call.call]
        queue = waiting.queue
        queue.remove(waiting)
        if queue.retired and not len(queue):
            del self.queues[queue.profile.name]
            for activation in queue.activations.values():
                self.deadlines.arm(activation, math.inf)
            self.deadlines.arm(queue.refit, math.inf)
            self.floor.close_lists(queue)

    def _call_due(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        if not waiting.offer:
            if now >= waiting.leaves_at:
                self._time_out(waiting, now, events)
                return
            if waiting.reserved and now >= waiting.reserved_until:
                self._open_to_all(waiting)
            self.assign(waiting, now, events)
        elif waiting.queue.rings:
            self.ring_on([waiting], now, events)
        if now >= waiting.position_at:
            every_s = waiting.queue.profile.position_every_s
            waiting.position_at = now + every_s if every_s else math.inf
            if every_s:  # else announcements were turned off since
                place = waiting.queue.expected_place(waiting, now)
                events.append(PositionDue(waiting.call.call, place))
        self.deadlines.arm(waiting, waiting.queue.next_due(waiting, now))

    def _time_out(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        self.drop(waiting)
        waiting.queue.note_pace(now)
        waiting.queue.count_recent(in_time=False)
        call = waiting.call
        events.append(CallTimedOut(call.call, call.interaction, call.queue))

    # --- offers ---

    def offer_to(
        self, agent: Agent, waiting: Waiting, choice: Choice, now: float, events: list[Event]
    ) -> None:
        """Let the agent's phone ring, alone or beside those that ring for the call."""
        if agent.listed_as_idle:
            self.floor.quit(agent)
        queue, call = waiting.queue, waiting.call
        profile, number = queue.profile, agent.number
        queue.offer(waiting, now)
        offer = self._new_id()
        self.offers[offer] = Offer(offer, waiting, agent)
        self.turns += 1
        if waiting.offer:
            waiting.others += (offer,)
        else:
            waiting.offer = offer
            self.ringing += 1
            if queue.rings:
                queue.ringing[call.call] = waiting
                if number in waiting.passed_over:
                    waiting.passed_over = NOBODY  # nobody else is left: another round
                self._fresh.append(waiting)
        waiting.step_at = now + profile.ring_step_s
        expires_at = now + profile.ring_timeout_s
        self.deadlines.arm(agent, expires_at)
        if queue.rings:
            self.deadlines.arm(waiting, queue.next_due(waiting, now))
        elif waiting.due_at != waiting.position_at:
            self.deadlines.arm(waiting, waiting.position_at)
        agent.ring(offer, self.turns, call.queue, call.interaction, now, events)
        events.append(
            OfferMade(
                offer,
                call.call,
                call.interaction,
                call.queue,
                number,
                agent.profile.account,
                choice,
                expires_at,
            )
        )

    def end(self, offer: Offer) -> None:
        """End the lease without an answer; agent and call still have to be moved."""
        self._close(offer)
        if not offer.waiting.offer:
            offer.waiting.queue.put_back(offer.waiting)

    def _close(self, offer: Offer) -> None:
        del self.offers[offer.offer]
        offer.agent.offer = ""
        waiting = offer.waiting
        if waiting.others:
            ringing = [each for each in (waiting.offer, *waiting.others) if each != offer.offer]
            waiting.offer, waiting.others = ringing[0], tuple(ringing[1:])
            return
        waiting.offer = ""
        self.ringing -= 1
        waiting.queue.ringing.pop(waiting.call.call, None)

    def withdraw(
        self, offer: Offer, outcome: OfferOutcome, now: float, events: list[Event]
    ) -> None:
        """Stop the ringing from our side."""
        events.append(
            OfferWithdrawn(offer.offer, offer.waiting.call.call, offer.agent.number, outcome)
        )
        self.fail(offer, outcome, now, events)

    def fail(self, offer: Offer, outcome: OfferOutcome, now: float, events: list[Event]) -> None:
        """Move the agent, then the call, of an offer that came to nothing."""
        self.end(offer)
        agent, waiting = offer.agent, offer.waiting
        aside_s = pause_s(miss_rule(agent, waiting), outcome)
        if aside_s is None:
            self.free(agent, now, now, events)
        else:
            waiting.passed_over |= {agent.number}
            # A call that never reached the phone (no media port, a broken line) is not the
            # agent's fault: it sets aside for a moment, but counts towards nothing.
            missed = outcome is not OfferOutcome.FAILED
            self._set_aside(agent, waiting, aside_s, now, events, missed=missed)
        self.go_on(waiting, now, events)

    def leave(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Take out a call whose caller has left; every phone that rings for it falls silent."""
        agents = silence(self, waiting, OfferOutcome.CALLER_LEFT, events)
        self.drop(waiting)
        waiting.queue.count_abandon(waiting, now)
        for agent in agents:
            self.free(agent, agent.idle_since, now, events)

    def go_on(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Find the call its next agent, after an offer came to nothing or its demand changed."""
        if waiting.offer:
            # Other phones ring on, and one more may.
            self.ring_on([waiting], now, events)
            return
        # The maximum wait may have struck while the phone was ringing.
        if now >= waiting.leaves_at:
            self._time_out(waiting, now, events)
            return
        if waiting.reserved and now >= waiting.reserved_until:
            self._open_to_all(waiting)
        else:
            self._open_if_in_vain(waiting)
        self.assign(waiting, now, events)

    def _set_aside(
        self,
        agent: Agent,
        waiting: Waiting,
        aside_s: float,
        now: float,
        events: list[Event],
        *,
        missed: bool,
    ) -> None:
        agent.misses += missed
        limit = miss_rule(agent, waiting).away_after_misses
        if missed and limit and agent.misses >= limit:
            agent.want(Status.AWAY, MISSED, SYSTEM, events)
            self.on_duty.note(agent, self.floor.serves(agent), now)
            self.free(agent, now, now, events)
            self._open_those_for(agent, now, events)
        else:
            self._set_aside_until(agent, State.PAUSED, now + aside_s, now, events)

    # --- talk ---

    def answer(self, offer: Offer, now: float, events: list[Event]) -> None:
        """Let caller and agent talk from now on; the call is no longer waiting."""
        waiting = offer.waiting
        queue, call = waiting.queue, waiting.call
        others: list[Agent] = []
        if waiting.others:
            self._close(offer)
            others = silence(self, waiting, OfferOutcome.ANSWERED_ELSEWHERE, events)
            self.drop(waiting)
        else:
            self.drop(waiting)
            self._close(offer)
        queue.count_answer(waiting, now)
        queue.shares.count(offer.agent.number)
        offer.agent.misses = 0
        offer.agent.counters.calls += 1
        offer.agent.wrap_up_s = wrap_up_of(offer.agent, queue.profile)
        self._talk(offer.agent, call.call, call.interaction, call.queue, now, events)
        self.floor.clear_up()
        for agent in others:
            self.free(agent, agent.idle_since, now, events)

    def engage(
        self,
        agent: Agent,
        call: str,
        interaction: str,
        queue: str,
        now: float,
        events: list[Event],
    ) -> None:
        """Let the agent talk without an offer; one that rings is withdrawn."""
        offer = self.offers.get(agent.offer)
        if offer is not None:
            left = OfferOutcome.AGENT_LEFT
            events.append(OfferWithdrawn(offer.offer, offer.waiting.call.call, agent.number, left))
            self.end(offer)
        self.floor.quit(agent)
        if agent.state is State.WRAP_UP and not queue:
            agent.wrap_up_s = max(0.0, agent.due_at - now)
            agent.interrupted = agent.queue, agent.interaction
        else:
            known = self.queues.get(queue)
            agent.wrap_up_s = wrap_up_of(agent, known.profile) if known is not None else 0.0
        if agent.state is State.COOL_DOWN:
            # An own call is no rest: what was left of the cool-down follows it.
            agent.cool_down_s = max(0.0, agent.due_at - now)
        self._talk(agent, call, interaction, queue, now, events)
        if offer is not None:
            self.go_on(offer.waiting, now, events)

    def switch(
        self, agent: Agent, call: str, interaction: str, now: float, events: list[Event]
    ) -> None:
        """Let the agent talk on in another call, without a queue; wrap-up comes after it."""
        self.talking.discard(agent.call)
        agent.counters.talk_s += now - agent.talks_since
        if agent.wrap_up_s > 0.0 and agent.interrupted is None:
            agent.interrupted = agent.queue, agent.interaction
        self._talk(agent, call, interaction, "", now, events)

    def _talk(
        self,
        agent: Agent,
        call: str,
        interaction: str,
        queue: str,
        now: float,
        events: list[Event],
    ) -> None:
        self.talking.add(call)
        agent.talks_since = now
        agent.call = call
        self.deadlines.arm(agent, math.inf)
        agent.enter(State.TALKING, now, events, queue, interaction)

    def hang_up(self, agent: Agent, now: float, events: list[Event]) -> None:
        """End the talk: wrap-up, or free at once where the queue has none."""
        self.talking.discard(agent.call)
        agent.counters.talk_s += now - agent.talks_since
        agent.call = ""
        queue, interaction = agent.interrupted or (agent.queue, agent.interaction)
        agent.interrupted = None
        if agent.wrap_up_s > 0.0:
            agent.enter(State.WRAP_UP, now, events, queue, interaction)
            self.deadlines.arm(agent, now + agent.wrap_up_s)
        else:
            self.free(agent, now, now, events)

    # --- time ---

    def on_time(self, now: float, events: list[Event]) -> list[Activation]:
        """Do everything that is due by now, but return the groups whose rules have to look."""
        looks: list[Activation] = []
        refitted = False
        while (due := self.deadlines.pop_due(now)) is not None:
            if isinstance(due, Waiting):
                self._call_due(due, now, events)
            elif isinstance(due, Agent):
                self._agent_due(due, now, events)
            elif isinstance(due, AwayTimer):
                events.append(self.away.due(due))
            elif isinstance(due, Activation):
                looks.append(due)
            elif isinstance(due, Refit) and due.queue in self.queues:
                if refitted:  # one slice at a turn
                    self.deadlines.arm(due, now + PAUSE_S)
                else:
                    refitted = self.floor.refit(self.queues[due.queue], now)
        return looks

    def _agent_due(self, agent: Agent, now: float, events: list[Event]) -> None:
        if agent.state is State.OFFERED:
            self.withdraw(self.offers[agent.offer], OfferOutcome.NO_ANSWER, now, events)
        else:
            self.free(agent, now, now, events)
