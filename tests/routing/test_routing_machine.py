"""Any sequence of inputs keeps the promises of the router, checked from its events alone."""

import math

from floor_staff import CONFIGURATIONS, PREFERRED_WAIT_S
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec.structs import replace
from watched_floor import WatchedFloor

from acd.routing.events import AgentStateChanged, OfferOutcome, OfferWithdrawn
from acd.routing.model import Grade, Preferred, State, Status, WaitingCall
from acd.routing.router import LONGEST_WRAP_UP_S

NUMBERS = st.sampled_from("12345")
QUEUES = ("sales", "sales", "service", "team", "team", "crew", "crew")
PICK = st.integers(0, 5)
SET_ASIDE = {State.WRAP_UP, State.PAUSED, State.COOL_DOWN}


class Floor(WatchedFloor):
    """What may happen, and what must hold after each of it."""

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

    @rule(number=NUMBERS, queue=st.sampled_from(["service", "sales", "gone"]))
    def takes_over_from_a_colleague(self, number, queue):
        """Whoever talks owes the queue's after-call work; the others owe nothing."""
        self.router.owe_wrap_up(number, queue, "i0")

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

    @invariant()
    def no_call_is_lost(self):
        for name in self.waiting:
            assert self.router.position(name, self.now) >= 1
        assert sum(self.router.queue_lengths().values()) == len(self.waiting)

    @invariant()
    def the_line_is_in_order(self):
        for queue in {call.queue for call in self.waiting.values()}:
            line = [call for call in self.waiting.values() if call.queue == queue]
            line.sort(key=self.place)
            assert [self.router.position(call.call, self.now) for call in line] == [
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
