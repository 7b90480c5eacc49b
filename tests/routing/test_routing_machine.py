"""Any sequence of inputs keeps the promises of the router, checked from its events alone."""

import math
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

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
from acd.routing.model import (
    AgentProfile,
    AgentRules,
    Grade,
    LayerProfile,
    Preferred,
    QueueProfile,
    State,
    Status,
    WaitingCall,
)
from acd.routing.router import LONGEST_WRAP_UP_S, Router

LAYERS = (
    LayerProfile(name="best", order="conversion", minimum_grade=Grade.A),
    LayerProfile(
        name="experts", order="category_grade", minimum_category_grade=Grade.B, after_s=4.0
    ),
    LayerProfile(
        name="borrowed",
        order="round_robin",
        skills=("service",),
        after_s=9.0,
        lower_by=1,
        waives=("language",),
    ),
    LayerProfile(name="lastly", order="fewest_calls", after_s=15.0, waives=("skills", "region")),
)
SALES = QueueProfile(
    name="sales",
    skill="sales",
    layers=LAYERS,
    max_wait_s=40.0,
    max_length=6,
    wrap_up_s=5.0,
    position_every_s=7.0,
    hold_out=0.3,
    ageing_s=8.0,
)
SERVICE = QueueProfile(
    name="service",
    skill="service",
    layers=(LayerProfile(name="all", order="longest_idle"),),
    priority=1,
    starvation_s=20.0,
    wrap_up_s=0.0,
    ring_timeout_s=8.0,
    maximum_share=0.0015,
    occupancy_cap=0.001,
)
TEAM = QueueProfile(
    name="team",
    skill="service",
    layers=(
        LayerProfile(
            name="next",
            order="category_grade",
            skills=("service", "sales"),
            ring="progressively",
            minimum_grade=Grade.B,
        ),
        LayerProfile(
            name="everybody",
            order="longest_idle",
            skills=("service", "sales"),
            ring="all",
            after_s=6.0,
        ),
    ),
    ring_at_most=3,
    ring_step_s=3.0,
    ring_timeout_s=8.0,
    max_wait_s=25.0,
    wrap_up_s=2.0,
)
CREW = QueueProfile(
    name="crew",
    skill="sales",
    layers=(LayerProfile(name="all", ring="all", skills=("service", "sales")),),
    ring_at_most=4,
    ring_timeout_s=6.0,
    wrap_up_s=0.0,
    priority=1,
)
ONE_BY_ONE = replace(TEAM, layers=(replace(TEAM.layers[1], ring="one"),), ring_at_most=2)


def profile(number, skills, categories=None, rank=None, languages=(), regions=()):
    return AgentProfile(
        number=number,
        name=number,
        account=f"sip{number}",
        skills=skills,
        categories=categories or {},
        rank=rank or {},
        languages=languages,
        regions=regions,
    )


AGENTS = (
    profile("1", {"sales": Grade.AAA}, rank={"sales": 0.4}, languages=("yue",)),
    profile("2", {"sales": Grade.A}, {"tv": Grade.AA}, regions=("south",)),
    profile("3", {"sales": Grade.C}, {"tv": Grade.B}),
    profile("4", {"service": Grade.B}),
    profile(
        "5",
        {"sales": Grade.B, "service": Grade.A},
        {"pans": Grade.A},
        languages=("yue",),
        regions=("south",),
    ),
)
CONFIGURATIONS = (
    (AGENTS, (SALES, SERVICE, TEAM, CREW)),
    (AGENTS[1:], (SALES, SERVICE, TEAM, CREW)),
    (AGENTS, (SERVICE,)),
    (AGENTS, (SALES, CREW, ONE_BY_ONE)),
    ((profile("1", {"service": Grade.C}), *AGENTS[2:]), (SERVICE, SALES, TEAM)),
)

RULES = AgentRules(away_limits_s={"lunch": 7.0}, cool_down_s=6.0)
PREFERRED_WAIT_S = 10.0
"As queues have it that say nothing."

NUMBERS = st.sampled_from("12345")
QUEUES = ("sales", "sales", "service", "team", "team", "crew", "crew")
PICK = st.integers(0, 5)
SET_ASIDE = {State.WRAP_UP, State.PAUSED, State.COOL_DOWN}


class Floor(RuleBasedStateMachine):
    """The world as the router's events tell it, against what it says and ought to do."""

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

    def place_in_line(self, call):
        """As `place`, without the bound on starvation: callers are told their usual place."""
        queue = self.queue_of(call)
        gained = -call.enqueued_at / queue.ageing_s if queue.ageing_s else 0.0
        return (-round(call.priority + gained, 9), call.enqueued_at, call.call)

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
            assert self.on_the_clock or not starving or starving == [chosen]
            return
        assert self.admitted(agent, chosen)
        before = [
            call
            for call in self.unoffered()
            if self.place(call) < self.place(chosen) and self.admitted(agent, call)
        ]
        assert before == []

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

    # --- inputs ---

    @initialize(absent=st.sets(NUMBERS))
    def shift_begins(self, absent):
        for number in sorted({*"12345"} - absent):
            self.log_in(number)

    @rule(number=NUMBERS, reachable=st.booleans())
    def phone(self, number, reachable):
        self.take(self.router.set_reachable(number, reachable, self.now))
        assert self.router.set_reachable(number, reachable, self.now) == []

    @rule(number=NUMBERS, status=st.sampled_from(Status), reason=st.sampled_from(["", "lunch"]))
    def status(self, number, status, reason):
        if number in self.configured:
            self.take(self.router.set_status(number, status, reason, "agent", self.now))
            assert self.router.set_status(number, status, reason, "agent", self.now) == []

    @rule(number=NUMBERS)
    def log_in(self, number):
        if number in self.configured:
            self.take(self.router.set_reachable(number, True, self.now))
            self.take(self.router.set_status(number, Status.READY, "", "agent", self.now))

    @rule(
        queue=st.sampled_from([*QUEUES, "nowhere"]),
        priority=st.integers(0, 1),
        category=st.sampled_from(["", "tv", "pans"]),
        before=st.sampled_from([0.0, 0.0, 3.0, 30.0]),
        draw=st.sampled_from([0.1, 0.9]),
        skills=st.sampled_from([{}, {}, {"service": Grade.B}, {"sales": Grade.A}]),
        language=st.sampled_from(["", "", "yue"]),
        region=st.sampled_from(["", "", "south"]),
        preferred=st.sampled_from(["", "", "2", "51"]),
    )
    def call(self, queue, before, draw, preferred, **wishes):
        self.draw = draw
        self.call_comes(
            queue,
            before,
            preferred=tuple(Preferred(number, "manager") for number in preferred),
            **wishes,
        )

    def call_comes(self, queue, before=0.0, *, preferred=(), **wishes):
        name = f"c{next(self.calls_made)}"
        call = WaitingCall(
            call=name,
            interaction=f"i{name}",
            queue=queue,
            enqueued_at=self.now - before,
            preferred=preferred,
            **wishes,
        )
        if preferred:
            self.reserved_until[name] = self.now + PREFERRED_WAIT_S
        self.waiting[name] = call
        if queue in self.queues:
            self.leaves_at[name] = self.now + self.queues[queue].max_wait_s
        self.take(self.router.enqueue(call, self.now))
        if name in self.waiting:
            assert self.router.enqueue(call, self.now) == []

    @rule(queues=st.lists(st.sampled_from(QUEUES), min_size=1, max_size=3))
    def calls_come(self, queues):
        """Calls of no wishes: the usual ones."""
        for queue in queues:
            self.call_comes(queue)

    @precondition(lambda self: self.waiting)
    @rule(pick=PICK)
    def caller_leaves(self, pick):
        name = sorted(self.waiting)[pick % len(self.waiting)]
        ringing = [made.agent for made in self.offers.values() if made.call == name]
        events = self.router.leave(name, self.now)
        if ringing:
            assert isinstance(events[0], OfferWithdrawn)
            assert events[0].outcome is OfferOutcome.CALLER_LEFT
        self.finish(name)
        self.take(events)
        assert self.router.leave(name, self.now) == []

    @precondition(lambda self: self.offers)
    @rule(pick=PICK)
    def agent_answers(self, pick):
        offer = sorted(self.offers)[pick % len(self.offers)]
        made = self.offers.pop(offer)
        self.talking[made.agent] = made
        self.parts.setdefault(made.queue, []).append(made.agent)
        self.finish(made.call)
        others = self.ringing(made.call)
        before = {other.agent: self.rested(other.agent) for other in others}
        events = self.take(self.router.offer_answered(offer, self.now))
        elsewhere = OfferOutcome.ANSWERED_ELSEWHERE
        assert events[: len(others) + 1] == [
            *(OfferWithdrawn(each.offer, each.call, each.agent, elsewhere) for each in others),
            AgentStateChanged(made.agent, State.TALKING, made.queue, made.interaction),
        ]
        assert len(events) >= 1 + 2 * len(others)
        assert not self.ringing(made.call)
        assert {agent: self.rested(agent) for agent in before} == before
        assert self.router.offer_answered(offer, self.now) == []

    @precondition(lambda self: self.offers)
    @rule(
        pick=PICK,
        outcome=st.sampled_from(
            [
                OfferOutcome.NO_ANSWER,
                OfferOutcome.BUSY,
                OfferOutcome.REJECTED,
                OfferOutcome.FAILED,
            ]
        ),
    )
    def phone_does_not_take_it(self, pick, outcome):
        offer = sorted(self.offers)[pick % len(self.offers)]
        made = self.offers.pop(offer)
        self.missed.setdefault(made.call, set()).add(made.agent)
        self.take(self.router.offer_failed(offer, outcome, self.now))
        assert self.router.offer_failed(offer, outcome, self.now) == []

    def rested(self, number):
        """What an offer that another agent answered leaves as it is."""
        view = self.router.agent_view(number)
        return (view.idle_since, view.misses, view.counters.calls)

    @rule(queue=st.sampled_from(["service", "sales"]), times=st.integers(1, 3))
    def calls_are_served(self, queue, times):
        """From the call to the end of wrap-up: the next choice goes by what has been done."""
        for _ in range(times):
            self.call_comes(queue)
            ringing = self.ringing(f"c{next(self.calls_made) - 1}")
            if ringing:
                made = ringing[0]
                self.agent_answers(sorted(self.offers).index(made.offer))
                self.time_goes_by(2.0)
                if made.agent in self.talking:
                    self.talk_ends(sorted(self.talking).index(made.agent))
                self.wrap_up_is_done(made.agent)

    @precondition(lambda self: self.talking)
    @rule(pick=PICK, held=st.booleans())
    def hold(self, pick, held):
        agent = sorted(self.talking)[pick % len(self.talking)]
        self.take(self.router.hold(agent, held, self.now))

    @precondition(lambda self: self.talking)
    @rule(pick=PICK)
    def talk_ends(self, pick):
        agent = sorted(self.talking)[pick % len(self.talking)]
        del self.talking[agent]
        self.take(self.router.release(agent, self.now))

    @rule(number=NUMBERS)
    def dials_out(self, number):
        name = f"d{next(self.calls_made)}"
        if number in self.known() and number not in self.talking:
            # The state track and the invariants below do the checking.
            self.talking[number] = name
            self.take(self.router.engage(number, name, f"i{name}", "", self.now))
        assert self.router.engage(number, name, f"i{name}", "", self.now) == []

    @rule(number=NUMBERS)
    def another_talk_goes_on(self, number):
        name = f"s{next(self.calls_made)}"
        if number in self.talking:
            self.talking[number] = name
            self.take(self.router.switch(number, name, f"i{name}", self.now))
            assert self.router.talk(number) == f"i{name}"
        else:
            assert self.router.switch(number, name, f"i{name}", self.now) == []

    @rule(number=NUMBERS)
    def wrap_up_is_done(self, number):
        if number in self.known():
            self.take(self.router.end_wrap_up(number, self.now))

    @rule(number=NUMBERS, seconds=st.sampled_from([3.0, 20.0, math.inf]))
    def wrap_up_goes_on(self, number, seconds):
        if number in self.known():
            self.take(self.router.extend_wrap_up(number, self.now + seconds, self.now))

    @rule(number=NUMBERS)
    def a_call_was_upsetting(self, number):
        if number in self.known():
            self.take(self.router.cool_down(number, self.now) or [])

    @rule(number=NUMBERS)
    def a_supervisor_wants_somebody_back(self, number):
        if number in self.known():
            self.take(self.router.free_up(number, self.now))
        if number in self.known():  # still: a removed agent is gone with the last work
            assert self.router.free_up(number, self.now) == []
            assert self.router.agent_view(number).state not in SET_ASIDE

    @precondition(lambda self: self.waiting)
    @rule(pick=PICK, priority=st.integers(-1, 2))
    def a_call_matters_more_or_less(self, pick, priority):
        name = sorted(self.waiting)[pick % len(self.waiting)]
        self.waiting[name] = replace(self.waiting[name], priority=priority)
        assert self.router.set_priority(name, priority, self.now) == []

    @rule(number=NUMBERS, success=st.booleans(), category=st.sampled_from(["", "tv"]), of=PICK)
    def outcome(self, number, success, category, of):
        wall_s = 1e9 + self.now
        self.router.record_outcome(number, "sales", category, f"i{of}", success, wall_s)

    @rule(seconds=st.sampled_from([0.5, 2.0, 5.0, 10.0, 45.0]))
    def time_goes_by(self, seconds):
        until = self.now + seconds
        while (due_at := self.router.next_deadline()) <= until:
            self.strike(max(self.now, due_at))
            assert self.router.next_deadline() > self.now
        self.now = until

    @rule(seconds=st.sampled_from([3.0, 15.0]))
    def time_jumps(self, seconds):
        """The clock comes late: everything that was due strikes at once."""
        self.strike(self.now + seconds)

    def strike(self, now):
        self.struck_from, self.now = self.now, now
        # Of deadlines that come at the same time one is first: an agent who frees up may take a
        # call whose layer opens at this very moment to others too.
        self.on_the_clock = True
        self.take(self.router.on_time(self.now))
        self.on_the_clock = False

    @rule(pick=st.integers(0, len(CONFIGURATIONS) - 1))
    def configuration_changes(self, pick):
        agents, queues = CONFIGURATIONS[pick]
        self.retired_queues |= self.queues
        self.queues = {queue.name: queue for queue in queues}
        self.configured = {agent.number for agent in agents}
        self.profiles |= {agent.number: agent for agent in agents}
        self.take(self.router.configure(agents, queues, self.now))
        assert self.router.configure(agents, queues, self.now) == []
        self.forget_shares()

    def forget_shares(self):
        """A queue's count goes on; whoever is not configured for it any more has no part in it."""
        for name, answered in self.parts.items():
            queue = self.queues.get(name) or self.retired_queues[name]
            skills = {s for layer in queue.layers for s in layer.skills or (queue.skill,)}
            staff = {n for n in self.configured if skills & self.profiles[n].skills.keys()}
            self.parts[name] = [each if each in staff else None for each in answered]

    # --- promises ---

    def known(self):
        return {view.agent for view in self.router.agents()}

    @invariant()
    def no_call_is_lost(self):
        for name in self.waiting:
            assert self.router.position(name) >= 1
        assert sum(self.router.queue_lengths().values()) == len(self.waiting)

    @invariant()
    def the_line_is_in_order(self):
        for queue in {call.queue for call in self.waiting.values()}:
            line = [call for call in self.waiting.values() if call.queue == queue]
            line.sort(key=self.place_in_line)
            assert [self.router.position(call.call) for call in line] == [
                index + 1 for index in range(len(line))
            ]

    @invariant()
    def events_and_views_agree(self):
        for view in self.router.agents():
            track = self.tracks.get(view.agent, (State.OFFLINE, "", ""))
            assert (view.state, view.queue, view.interaction) == track
            assert view.status is self.wants.get(view.agent, Status.LOGGED_OUT)
            offered = {made.agent for made in self.offers.values()}
            assert (view.state is State.OFFERED) == (view.agent in offered)
            talking = view.state in {State.TALKING, State.HELD}
            assert talking == (view.agent in self.talking)

    @invariant()
    def nobody_is_stuck(self):
        for view in self.router.agents():
            if view.state in {State.OFFERED, *SET_ASIDE}:
                assert view.deadline <= self.now + LONGEST_WRAP_UP_S
                assert self.router.next_deadline() <= view.deadline
            else:
                assert view.deadline == math.inf
        if self.waiting:
            assert self.router.next_deadline() < math.inf

    @invariant()
    def whoever_is_away_too_long_is_told_once(self):
        for view in self.router.agents():
            assert view.away_exceeded == (view.agent in self.told_off)
            if view.away_since is not None and view.reason == "lunch" and not view.away_exceeded:
                assert self.router.next_deadline() <= view.away_since + 7.0

    @invariant()
    def nobody_is_idle_while_a_call_waits_that_the_agent_may_take(self):
        for view in self.router.agents():
            if view.state is State.IDLE and view.status is Status.READY:
                agent = self.profiles[view.agent]
                assert not [call for call in self.unoffered() if self.admitted(agent, call)]

    @invariant()
    def nobody_is_idle_who_may_ring_beside_others(self):
        ringing = {made.call for made in self.offers.values()}
        for view in self.router.agents():
            if view.state is State.IDLE and view.status is Status.READY:
                for call in ringing:
                    assert not self.joins(view.agent, self.waiting[call])


Floor.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestFloor = Floor.TestCase
