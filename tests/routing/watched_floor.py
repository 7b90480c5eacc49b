"""The floor as the router's events tell it, and the routing rules in words of their own."""

import math
from itertools import count

from floor_staff import AGENTS, CREW, RULES, SALES, SERVICE, TEAM
from hypothesis.stateful import RuleBasedStateMachine

from acd.routing.events import (
    AgentStateChanged,
    AgentStatusChanged,
    AwayLimitExceeded,
    CallRefused,
    CallTimedOut,
    OfferMade,
    OfferOutcome,
    OfferWithdrawn,
    PositionDue,
)
from acd.routing.model import AgentProfile, State, Status, WaitingCall
from acd.routing.router import Router


class WatchedFloor(RuleBasedStateMachine):
    """Takes the router's events, and says of each offer whether it ought to have been made."""

    def __init__(self):
        super().__init__()
        ids = count(1)
        self.calls_made = count(1)
        self.draw = 0.0
        self.profiles = {agent.number: agent for agent in AGENTS}
        self.configured = set(self.profiles)
        self.queues = {queue.name: queue for queue in (SALES, SERVICE, TEAM, CREW)}
        self.retired_queues = {}
        self.router = Router(
            agents=AGENTS,
            queues=(SALES, SERVICE, TEAM, CREW),
            new_id=lambda: f"o{next(ids)}",
            random=lambda: self.draw,
            rules=RULES,
        )
        self.now = 100.0
        self.waiting = {}
        self.offers = {}
        self.talking = {}
        self.tracks = {}
        self.wants = {}
        self.ended = set()
        self.missed = {}
        self.reserved_until = {}
        self.leaves_at = {}
        self.rang_at = {}
        self.away_for = {}
        self.told_off = set()
        self.on_the_clock = False
        self.struck_from = self.now
        "The time before the clock struck last."

        self.work = {}
        self.parts = {}
        self.seen_by_type = {
            OfferMade: self.saw_offer_made,
            OfferWithdrawn: self.saw_offer_withdrawn,
            CallTimedOut: self.saw_call_timed_out,
            CallRefused: self.saw_call_refused,
            PositionDue: self.saw_position_due,
            AgentStatusChanged: self.saw_agent_status_changed,
            AgentStateChanged: self.saw_agent_state_changed,
            AwayLimitExceeded: self.saw_away_limit_exceeded,
        }

    # --- the world, from events ---

    def take(self, events):
        for event in events:
            self.seen_by_type[type(event)](event)
        self.weigh_work()
        return events

    def saw_offer_made(self, event: OfferMade):
        assert event.call in self.waiting, "an offer of a call that is not waiting"
        assert event.agent not in {made.agent for made in self.offers.values()}
        assert event.agent not in self.talking, "an agent in two calls"
        assert self.wants[event.agent] is Status.READY
        if self.ringing(event.call):
            self.check_further(event)
        else:
            self.check_order(event)
        self.check_choice(event)
        several = any(
            layer.ring != "one" for layer in self.queue_of(self.waiting[event.call]).layers
        )
        if several and event.agent in self.missed.get(event.call, ()):
            self.missed[event.call] = set()  # another round
        self.offers[event.offer] = event
        self.rang_at[event.call] = self.now

    def saw_offer_withdrawn(self, event: OfferWithdrawn):
        made = self.offers.pop(event.offer)
        assert (made.call, made.agent) == (event.call, event.agent)
        if event.outcome is OfferOutcome.NO_ANSWER:
            self.missed.setdefault(made.call, set()).add(made.agent)

    def saw_call_timed_out(self, event: CallTimedOut):
        assert event.call not in {made.call for made in self.offers.values()}
        self.finish(event.call)

    def saw_call_refused(self, event: CallRefused):
        self.finish(event.call)

    def saw_position_due(self, event: PositionDue):
        assert 1 <= event.position <= len(self.waiting)

    def saw_agent_status_changed(self, event: AgentStatusChanged):
        self.wants[event.agent] = event.status
        self.away_for[event.agent] = event.reason if event.status is Status.AWAY else None
        self.told_off.discard(event.agent)

    def saw_away_limit_exceeded(self, event: AwayLimitExceeded):
        assert self.away_for[event.agent] == event.reason == "lunch"
        assert event.agent not in self.told_off, "told twice"
        self.told_off.add(event.agent)

    def saw_agent_state_changed(self, event: AgentStateChanged):
        now = (event.state, event.queue, event.interaction)
        initial = (State.OFFLINE, "", "")
        assert self.tracks.get(event.agent, initial) != now, "a change that is none"
        self.tracks[event.agent] = now

    def finish(self, call):
        assert call in self.waiting, "ended twice"
        del self.waiting[call]
        self.ended.add(call)

    def known(self):
        return {view.agent for view in self.router.agents()}

    # --- how busy agents are, in our own words ---

    def weigh_work(self):
        """Of each agent: occupancy at a moment, and whether it grows (1), falls (0) or rests."""
        known, lines = self.known(), self.router.queue_lengths()
        self.parts = {name: each for name, each in self.parts.items() if name in lines}
        self.work = {number: each for number, each in self.work.items() if number in known}
        for number in known:
            state = self.tracks.get(number, (State.OFFLINE,))[0]
            goes = None
            if state in {State.TALKING, State.HELD, State.WRAP_UP}:
                goes = 1.0
            elif state is State.IDLE and self.wants.get(number) is Status.READY:
                goes = 0.0
            self.work[number] = (self.occupancy(number), self.now, goes)

    def occupancy(self, number):
        value, since, goes = self.work.get(number, (0.0, 0.0, None))
        if goes is None:
            return value
        return goes + (value - goes) * math.exp((since - self.now) / 1800.0)

    def share(self, queue, number):
        """Each of the queue's answered calls counts 1/1000 for its agent, and fades by as much."""
        answered = self.parts.get(queue, [])
        return sum(
            0.001 * 0.999 ** (len(answered) - 1 - index)
            for index, agent in enumerate(answered)
            if agent == number
        )

    def spared(self, number, queue):
        """Whether the agent is above a limit; None: too close to tell."""
        excess = (
            self.occupancy(number) - queue.occupancy_cap,
            self.share(queue.name, number) - queue.maximum_share,
        )
        if min(abs(each) for each in excess) < 1e-9:
            return None
        return max(excess) > 0.0

    # --- what ought to be ---

    def queue_of(self, call):
        return self.queues.get(call.queue) or self.retired_queues[call.queue]

    def admitted(self, agent: AgentProfile, call: WaitingCall):
        """Whether some open layer lets the agent take the call."""
        return any(self.lets_in(layer, agent, call) for layer in self.queue_of(call).layers)

    def lets_in(self, layer, agent: AgentProfile, call: WaitingCall):
        """The rule in its own words: grade, category grade, and the layer is open by now."""
        skills = layer.skills if layer.skills else (self.queue_of(call).skill,)
        graded = max(agent.skills.get(skill, 0) for skill in skills) >= layer.minimum_grade
        knows = layer.minimum_category_grade is None or (
            agent.categories.get(call.category, 0) >= layer.minimum_category_grade
        )
        return (
            graded
            and knows
            and self.meets(layer, agent, call)
            and call.enqueued_at + layer.after_s <= self.now
        )

    def meets(self, layer, agent: AgentProfile, call: WaitingCall):
        """What the call requires, as far as the layer insists."""
        wanted = {
            "skills": all(
                agent.skills.get(skill, 0) >= max(1, grade - layer.lower_by)
                for skill, grade in call.skills.items()
            ),
            "language": call.language in {"", *agent.languages},
            "region": call.region in {"", *agent.regions},
        }
        return all(met for name, met in wanted.items() if name not in layer.waives)

    def place(self, call):
        """Effective priority, then first come; from the starvation bound on, first come only."""
        queue = self.queue_of(call)
        if self.now >= call.enqueued_at + queue.starvation_s:
            return (-math.inf, call.enqueued_at, call.call)
        gained = (self.now - call.enqueued_at) / queue.ageing_s if queue.ageing_s else 0.0
        effective = queue.priority + call.priority + gained
        return (-round(effective, 9), call.enqueued_at, call.call)

    def ringing(self, call):
        return [made for made in self.offers.values() if made.call == call]

    def rings_on(self, layer, call: WaitingCall):
        """Whether the layer lets one more phone ring for a call that rings."""
        since_s = self.now - self.rang_at[call.call]
        due = since_s >= self.queue_of(call).ring_step_s
        return layer.ring == "all" or (layer.ring == "progressively" and due)

    def joins(self, number, call: WaitingCall):
        """Whether this agent rings beside those who ring for the call."""
        ringing = self.ringing(call.call)
        queue = self.queue_of(call)
        return (
            len(ringing) < queue.ring_at_most
            and all(made.choice.layer != "preferred" for made in ringing)
            and self.now < self.leaves_at[call.call]
            and number not in self.missed.get(call.call, ())
            and any(
                self.rings_on(layer, call) and self.lets_in(layer, self.profiles[number], call)
                for layer in queue.layers
            )
        )

    def check_further(self, event):
        """One more phone rings, whose agent no call without any phone may have."""
        assert self.joins(event.agent, self.waiting[event.call])
        agent = self.profiles[event.agent]
        assert not [call for call in self.unoffered() if self.admitted(agent, call)]

    def may_be_reserved(self, call):
        """Whether the call may wait for its preferred agents still; it need not.

        Of calls whose time for that is over at one stroke of the clock one is opened first.
        """
        now = self.struck_from if self.on_the_clock else self.now
        return now < self.reserved_until.get(call.call, -math.inf)

    def unoffered(self):
        """Calls that every admitted agent must see: not those that may still be reserved."""
        offered = {made.call for made in self.offers.values()}
        return [
            call
            for name, call in self.waiting.items()
            if name not in offered and not self.may_be_reserved(call)
        ]

    def check_order(self, event):
        """Nobody who could be served by this agent stands before the call."""
        chosen = self.waiting[event.call]
        agent = self.profiles[event.agent]
        if event.choice.layer == "preferred":
            assert event.agent in {each.agent for each in chosen.preferred}
            assert self.now <= self.reserved_until[chosen.call] or self.on_the_clock
            assert event.agent not in self.missed.get(chosen.call, ())
            starving = [
                call
                for call in self.unoffered()
                if self.place(call)[0] == -math.inf and self.admitted(agent, call)
            ]
            first = min(starving, key=self.place, default=chosen)
            assert self.on_the_clock or self.place(chosen) <= self.place(first)
            return
        assert self.admitted(agent, chosen)
        assert self.on_the_clock or not self.starves_for(agent, chosen)
        before = [
            call
            for call in self.unoffered()
            if self.place(call) < self.place(chosen) and self.admitted(agent, call)
        ]
        assert before == []

    def starves_for(self, agent, chosen):
        """Calls at their bound, before this one, that wait for this very agent."""
        return [
            call
            for call in self.waiting.values()
            if not self.ringing(call.call)
            and agent.number in {each.agent for each in call.preferred}
            and agent.number not in self.missed.get(call.call, ())
            and self.place(call)[0] == -math.inf
            and self.place(call) < self.place(chosen)
            and self.admitted(agent, call)
        ]

    def check_choice(self, event):
        choice = event.choice
        first = choice.candidates[0]
        assert first.agent == event.agent
        if choice.layer == "preferred":
            assert (choice.candidates_total, choice.order) == (1, "manager")
            return
        keys = [(-each.score, -each.idle_s, each.agent) for each in choice.candidates]
        assert keys == sorted(keys)
        assert len(choice.candidates) == min(10, choice.candidates_total)
        if not self.on_the_clock:
            layer, agents = self.best_layer(event)
            assert choice.layer == layer.name
            assert {each.agent for each in choice.candidates} == agents
            self.check_scores(event, layer)

    def best_layer(self, event):
        """First open layer with anybody idle who did not miss this call, else with anybody.

        Those above a limit of the queue come after the others of either kind. Where the call
        rings already, of the layers that ring on.
        """
        call = self.waiting[event.call]
        further = self.ringing(event.call)
        idle = {event.agent} | {
            number
            for number, track in self.tracks.items()
            if track[0] is State.IDLE and self.wants.get(number) is Status.READY
        }
        queue, missed = self.queue_of(call), self.missed.get(event.call, set())
        spared = {number for number in idle if self.spared(number, queue)}
        for left_out in (missed | spared, missed, spared, set()):
            for layer in queue.layers:
                if further and not self.rings_on(layer, call):
                    continue
                agents = {
                    number
                    for number in idle - left_out
                    if self.lets_in(layer, self.profiles[number], call)
                }
                if agents:
                    return layer, agents
        raise AssertionError("nobody could be chosen")

    def check_scores(self, event, layer):
        for each in event.choice.candidates:
            profile = self.profiles[each.agent]
            category = self.waiting[event.call].category
            if event.choice.order in {"round_robin", "fewest_calls"}:
                assert each.score <= 0.0
            elif event.choice.order in {"longest_idle", "hold_out"}:
                assert each.score == 0.0
            elif event.choice.order == "category_grade":
                assert each.score == profile.categories.get(category, 0)
            elif event.queue in profile.rank:
                assert each.score == profile.rank[event.queue]
            else:
                assert 0.0 < each.score < 1.0
