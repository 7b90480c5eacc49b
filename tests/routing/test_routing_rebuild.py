"""A router that was rebuilt from announcements decides as the one that they were made of."""

import math
from dataclasses import dataclass, field
from random import Random

from floor_staff import AGENTS, CREW, LAYERS, RULES, SALES, SERVICE, TEAM, profile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from routing_world import World, agent, queue

from acd.config.rules import rule_of
from acd.routing.announcing import (
    AgentAnnouncement,
    OfferAnnouncement,
    QueueAnnouncement,
    subject,
)
from acd.routing.errors import UnknownAgentError
from acd.routing.events import CallRefused, LeaveReason, OfferMade, OfferOutcome, OfferWithdrawn
from acd.routing.model import (
    ActivationRule,
    Grade,
    LayerProfile,
    Preferred,
    State,
    Status,
    WaitingCall,
)
from acd.routing.router import Router

MOBILE = replace(profile("6", {"sales": Grade.A, "service": Grade.B}), groups=("mobile",))
VALUED = replace(
    SALES,
    layers=(
        LAYERS[0],
        LayerProfile(name="mobile", order="conversion", groups=("mobile",)),
        LayerProfile(name="drawn", order="weighted_random", after_s=2.0, skills=("service",)),
        LayerProfile(
            name="ruled",
            order="conversion",
            after_s=1.0,
            waives=("skills",),
            rule=rule_of("call.priority > 0 && call.region in agent.regions"),
        ),
        LayerProfile(name="known", after_s=3.0, rule=rule_of('call.category == "radio"')),
        *LAYERS[1:],
    ),
    activations=(ActivationRule(group="mobile", length=3, longest_wait_s=12.0, off_after_s=9.0),),
    exploration="thompson",
    time_price="measured",
    rank_by="value",
    occupancy_cap=0.001,
    maximum_share=0.0015,
    fairness_window_s=6.0,
    success_half_life_s=50.0,
)
LEVEL = replace(
    SERVICE,
    layers=(
        LayerProfile(name="all", order="least_talk_time", rule=rule_of('agent.number != "5"')),
        LayerProfile(name="mobile", order="round_robin", groups=("mobile",)),
    ),
    activations=(
        ActivationRule(group="mobile", service_level=0.5, last_calls=2, off_after_s=5.0),
    ),
)
SPARING = replace(TEAM, occupancy_cap=0.001)
STAFF = (*AGENTS, MOBILE)
CONFIGURATIONS = (
    (STAFF, (VALUED, LEVEL, SPARING)),
    (STAFF[1:], (VALUED, LEVEL, CREW)),
    (STAFF, (LEVEL, SPARING, CREW)),
    ((profile("1", {"service": Grade.C}), *STAFF[3:]), (SERVICE, SALES)),
)


class Source:
    """Ids and random numbers that another source can take up at the same place."""

    def __init__(self, seed, made=0, drawn=0):
        self.seed, self.made, self.drawn = seed, made, drawn

    def id(self):
        self.made += 1
        return f"o{self.made:06}"  # as sortable as UUIDv7

    def random(self):
        self.drawn += 1
        return Random(f"{self.seed} {self.drawn}").random()

    def again(self):
        return Source(self.seed, self.made, self.drawn)


NUMBERS = st.sampled_from("1123456")
PICK = st.integers(0, 5)
OUTCOMES = st.sampled_from(
    [OfferOutcome.NO_ANSWER, OfferOutcome.BUSY, OfferOutcome.REJECTED, OfferOutcome.FAILED]
)
CALL = st.fixed_dictionaries(
    {
        "queue": st.sampled_from(["sales", "sales", "service", "team", "team", "crew"]),
        "priority": st.integers(0, 1),
        "category": st.sampled_from(["", "tv", "radio"]),
        "before": st.sampled_from([0.0, 0.0, 3.0, 30.0]),
        "skills": st.sampled_from([{}, {}, {"service": Grade.B}, {"sales": Grade.A}]),
        "language": st.sampled_from(["", "", "yue"]),
        "region": st.sampled_from(["", "", "south"]),
        "preferred": st.sampled_from(["", "", "2", "51"]),
    }
)
ANY_CALL = {
    **dict.fromkeys(("category", "language", "region", "preferred"), ""),
    "queue": "sales",
    "priority": 0,
    "before": 0.0,
    "skills": {},
}
STEP = st.one_of(
    st.tuples(st.just("log_in"), NUMBERS),
    st.tuples(st.just("log_in"), NUMBERS),
    st.tuples(st.just("call"), CALL),
    st.tuples(st.just("call"), CALL),
    st.tuples(st.just("answer"), PICK),
    st.tuples(st.just("answer"), PICK),
    st.tuples(st.just("miss"), PICK, OUTCOMES),
    st.tuples(st.just("leave"), PICK),
    st.tuples(st.just("release"), PICK),
    st.tuples(st.just("release"), PICK),
    st.tuples(st.just("own_call"), PICK),
    st.tuples(st.just("hold"), NUMBERS, st.booleans()),
    st.tuples(st.just("engage"), NUMBERS),
    st.tuples(st.just("switch"), NUMBERS),
    st.tuples(st.just("take_over"), NUMBERS, st.sampled_from(["sales", "service"])),
    st.tuples(st.just("phone"), NUMBERS, st.booleans()),
    st.tuples(st.just("status"), NUMBERS, st.sampled_from(Status), st.sampled_from(["", "lunch"])),
    st.tuples(st.just("wrap_up"), NUMBERS, st.sampled_from([0.0, 3.0, math.inf])),
    st.tuples(st.just("cool_down"), PICK),
    st.tuples(st.just("free_up"), NUMBERS),
    st.tuples(st.just("priority"), PICK, st.integers(-1, 2)),
    st.tuples(st.just("group"), st.sampled_from(["sales", "service"]), st.booleans()),
    st.tuples(st.just("outcome"), NUMBERS, st.sampled_from(["", "tv", "radio"]), PICK, PICK),
    st.tuples(st.just("outcome"), NUMBERS, st.sampled_from(["", "tv", "radio"]), PICK, PICK),
    st.tuples(st.just("time"), st.sampled_from([0.3, 1.0, 2.0, 5.0, 11.0])),
    st.tuples(st.just("time"), st.sampled_from([0.3, 1.0, 2.0, 5.0, 11.0])),
    st.tuples(st.just("jump"), st.sampled_from([3.0, 15.0])),
    st.tuples(st.just("configure"), st.integers(0, len(CONFIGURATIONS) - 1)),
)


@dataclass
class Floor:
    """One router and what happens around it, by steps that name nothing of the router's own."""

    source: Source
    router: Router = None
    now: float = 100.0
    configured: int = 0
    made: int = 0
    waiting: list = field(default_factory=list)
    offers: list = field(default_factory=list)
    log: list = field(default_factory=list)

    def __post_init__(self):
        if self.router is None:
            self.router = self.new_router()

    def new_router(self):
        agents, queues = CONFIGURATIONS[self.configured]
        return Router(
            agents=agents,
            queues=queues,
            new_id=self.source.id,
            random=self.source.random,
            now=self.now,
            rules=RULES,
        )

    def rebuilt(self, shuffle):
        """The same floor, its router told everything in any order, some of it twice."""
        told = self.router.announcements()
        again = Floor(self.source.again(), now=self.now, configured=self.configured)
        again.made, again.waiting = self.made, list(self.waiting)
        again.offers = list(self.offers)
        values = [*told, *shuffle.sample(told, len(told) // 2)]
        shuffle.shuffle(values)
        for value in values:
            again.router.announce(value)
        assert again.router.settle(self.now) == []
        assert not any(again.router.announce(value) for value in values), "all is known"
        assert again.router.settle(self.now) == []
        assert again.source.drawn == self.source.drawn, "it drew anew what had been drawn"
        return again

    def step(self, kind, *values):
        events = getattr(self, f"do_{kind}")(*values)
        for event in events:
            match event:
                case OfferMade():
                    self.offers.append(event)
                case OfferWithdrawn():
                    self.offers = [each for each in self.offers if each.offer != event.offer]
        self.waiting = [call for call in self.waiting if self.router.position(call, self.now)]
        return events

    def number(self, number):
        return number in {view.agent for view in self.router.agents()}

    def do_log_in(self, number):
        if not self.number(number):
            return []
        try:
            return [
                *self.router.set_reachable(number, True, self.now),
                *self.router.set_status(number, Status.READY, "", "agent", self.now),
            ]
        except UnknownAgentError:
            return []

    def do_call(self, values):
        self.made += 1
        name = f"c{self.made:04}"
        self.waiting.append(name)
        call = WaitingCall(
            call=name,
            interaction=f"i{name}",
            enqueued_at=self.now - values["before"],
            preferred=tuple(Preferred(each, "manager") for each in values["preferred"]),
            **{key: each for key, each in values.items() if key not in {"before", "preferred"}},
        )
        return self.router.enqueue(call, self.now)

    def do_answer(self, pick):
        if not self.offers:
            return []
        offer = self.offers.pop(pick % len(self.offers))
        return self.router.offer_answered(offer.offer, self.now)

    def do_miss(self, pick, outcome):
        if not self.offers:
            return []
        offer = self.offers.pop(pick % len(self.offers))
        return self.router.offer_failed(offer.offer, outcome, self.now)

    def do_leave(self, pick):
        if not self.waiting:
            return []
        return self.router.leave(self.waiting[pick % len(self.waiting)], self.now)

    def those_in(self, *states):
        return [view.agent for view in self.router.agents() if view.state in states]

    def do_release(self, pick):
        talking = self.those_in(State.TALKING, State.HELD)
        if not talking:
            return []
        return self.router.release(talking[pick % len(talking)], self.now)

    def do_own_call(self, pick):
        """An own call comes into a wrap-up or a cool-down."""
        at_work = self.those_in(State.WRAP_UP, State.COOL_DOWN)
        return self.do_engage(at_work[pick % len(at_work)]) if at_work else []

    def do_hold(self, number, held):
        return self.router.hold(number, held, self.now)

    def do_engage(self, number):
        self.made += 1
        name = f"d{self.made}"
        return self.router.engage(number, name, f"i{name}", "", self.now)

    def do_switch(self, number):
        self.made += 1
        name = f"s{self.made}"
        return self.router.switch(number, name, f"i{name}", self.now)

    def do_take_over(self, number, queue):
        self.router.owe_wrap_up(number, queue, "i0")
        return []

    def do_phone(self, number, reachable):
        return self.router.set_reachable(number, reachable, self.now)

    def do_status(self, number, status, reason):
        try:
            return self.router.set_status(number, status, reason, "agent", self.now)
        except UnknownAgentError:
            return []

    def do_wrap_up(self, number, seconds):
        if not self.number(number):
            return []
        if seconds:
            return self.router.extend_wrap_up(number, self.now + seconds, self.now)
        return self.router.end_wrap_up(number, self.now)

    def do_cool_down(self, pick):
        at_work = self.those_in(State.TALKING, State.HELD, State.WRAP_UP)
        if not at_work:
            return []
        return self.router.cool_down(at_work[pick % len(at_work)], self.now)

    def do_free_up(self, number):
        return self.router.free_up(number, self.now) if self.number(number) else []

    def do_priority(self, pick, priority):
        if self.waiting:
            call = self.waiting[pick % len(self.waiting)]
            return self.router.set_priority(call, priority, self.now)
        return []

    def do_group(self, queue, on):
        _, queues = CONFIGURATIONS[self.configured]
        named = {each.name for each in queues if each.activations}
        return (
            self.router.activate(queue, "mobile", on, "boss", self.now) if queue in named else []
        )

    def do_outcome(self, number, category, of, success):
        self.router.record_outcome(
            number, "sales", category, f"i{of}", success > 2, 1e9 + self.now, amount=100 * success,
            currency="CNY",
        )  # fmt: skip
        return []

    def do_time(self, seconds):
        events, until = [], self.now + seconds
        while (due_at := self.router.next_deadline()) <= until:
            self.now = max(self.now, due_at)
            events += self.router.on_time(self.now)
        self.now = until
        return events

    def do_jump(self, seconds):
        self.now += seconds
        return self.router.on_time(self.now)

    def do_configure(self, index):
        self.configured = index
        return self.router.configure(*CONFIGURATIONS[index], self.now)

    def views(self):
        """Everything that a router says of itself."""
        router = self.router
        waits = {call: router.estimated_wait(call, self.now) for call in self.waiting}
        return {
            "agents": router.agents(),
            "positions": {call: router.position(call, self.now) for call in self.waiting},
            "waits": {
                call: each if each is None else round(each, 6) for call, each in waits.items()
            },
            "lengths": router.queue_lengths(),
            "oldest": router.oldest_wait(self.now),
            "groups": {name: router.active_groups(name) for name in ("sales", "service")},
            "outcomes": router.outcomes(),
            "unmeasured": router.unmeasured(),
            "deadline": router.next_deadline(),
        }


@settings(max_examples=100, deadline=None)
@given(
    staff=st.integers(0, 6),
    before=st.lists(STEP, min_size=25, max_size=70),
    after=st.lists(STEP, min_size=12, max_size=40),
    seed=st.integers(0, 1000),
)
@example(staff=0, before=[("call", ANY_CALL), ("leave", 0), ("configure", 2)], after=[], seed=0)
def test_a_rebuilt_router_decides_the_same(staff, before, after, seed):
    old = Floor(Source(seed))
    for number in "213645"[:staff]:
        old.step("log_in", number)
        old.now += 1.0
    for step in before:
        old.step(*step)
    new = old.rebuilt(Random(seed))
    assert new.views() == old.views()
    for step in after:
        assert new.step(*step) == old.step(*step)
        assert new.views() == old.views()
        assert new.source.drawn == old.source.drawn


# --- what does not fit together ---


def world():
    """Agent 1 rings for call a, b waits behind it, agent 2 is away."""
    floor = World([agent("1"), agent("2")], [queue()])
    floor.log_in("1", "2")
    floor.status("2", Status.AWAY, "lunch")
    floor.call("a")
    floor.call("b")
    return floor


def blank():
    """A router of the same configuration that has been told nothing."""
    return World([agent("1"), agent("2")], [queue()])


def told(router, values):
    return [router.announce(value) for value in values]


def test_nothing_follows_before_all_is_settled():
    new = blank()
    told(new.router, world().router.announcements())
    assert new.router.position("a", new.now) == 0
    assert new.state("1") is State.OFFLINE
    assert new.router.settle(1010.0) == []
    assert new.router.position("b", new.now) == 2
    assert new.state("1") is State.OFFERED


def test_an_older_announcement_after_a_newer_one_is_ignored():
    old = world()
    before = old.router.announcements()
    old.leave("a")
    new = blank()
    assert all(told(new.router, old.router.announcements()))
    stale = told(new.router, before)
    # Only of the call and offer that are over has nobody said anything newer.
    assert [value for value, news in zip(before, stale, strict=True) if news] == [
        value for value in before if subject(value) in {("call", "a"), ("offer", "offer1")}
    ]


def test_a_repeated_announcement_does_not_undo_what_came_after_it():
    old, new = world(), blank()
    values = old.router.announcements()
    told(new.router, values)
    new.router.settle(1010.0)
    new.router.leave("a", 1011.0)
    assert not any(told(new.router, values))
    assert new.router.settle(1012.0) == []
    assert new.router.position("a", new.now) == 0


def test_a_newer_announcement_replaces_what_was_known():
    old, new = world(), blank()
    told(new.router, old.router.announcements())
    new.router.settle(1010.0)
    old.router.set_priority("b", 5, old.now)
    old.answer("offer1")
    told(new.router, old.router.announcements())
    assert new.router.settle(1010.0) == []
    assert new.router.agents() == old.router.agents()
    assert new.router.position("b", new.now) == 1


def test_an_offer_whose_call_nobody_announces_is_withdrawn_and_its_agent_free():
    new = blank()
    values = world().router.announcements()
    told(new.router, [each for each in values if getattr(each, "call", None) is None])
    told(new.router, [each for each in values if isinstance(each, AgentAnnouncement)])
    told(new.router, [each for each in values if isinstance(each, OfferAnnouncement)])
    events = new.router.settle(1010.0)
    assert events[0] == OfferWithdrawn("offer1", "a", "1", OfferOutcome.CALLER_LEFT)
    assert new.state("1") is State.IDLE
    assert new.router.next_deadline() == math.inf


def test_a_call_whose_offer_nobody_announces_is_offered_anew():
    new = blank()
    values = world().router.announcements()
    told(new.router, [each for each in values if not isinstance(each, OfferAnnouncement)])
    (made,) = [event for event in new.router.settle(1010.0) if isinstance(event, OfferMade)]
    assert (made.call, made.agent) == ("a", "1")


def test_a_call_of_a_queue_that_nobody_knows_is_refused():
    new = World([agent("1")], [queue("service")])
    told(new.router, world().router.announcements())
    refused = [event for event in new.router.settle(1010.0) if isinstance(event, CallRefused)]
    assert [(event.call, event.reason) for event in refused] == [
        ("a", LeaveReason.FAULTED),
        ("b", LeaveReason.FAULTED),
    ]


def test_whoever_became_free_while_there_was_no_router_takes_the_call_that_waits():
    old, new = world(), blank()
    values = old.router.announcements()
    told(new.router, values)
    (away,) = [each for each in values if getattr(each, "agent", "") == "2"]
    new.router.announce(replace(away, seq=away.seq + 1, status=Status.READY, reason=""))
    (made,) = [event for event in new.router.settle(1010.0) if isinstance(event, OfferMade)]
    assert (made.call, made.agent) == ("b", "2")


def test_a_layer_that_opened_while_there_was_no_router_is_open():
    layers = (LayerProfile(name="own", skills=("none",)), LayerProfile(name="all", after_s=20.0))
    profiles = [agent("1")], [queue(layers=layers)]
    old, new = World(*profiles), World(*profiles)
    old.log_in("1")
    old.call("a")
    told(new.router, old.router.announcements())
    (made,) = [event for event in new.router.settle(1030.0) if isinstance(event, OfferMade)]
    assert made.call == "a"


def test_a_removed_queue_serves_those_that_wait_in_a_rebuilt_router_too():
    old = World([agent("1")], [queue(), queue("service")])
    old.call("a")
    old.configure([agent("1")], [queue("service")])
    values = old.router.announcements()
    assert {each.queue for each in values if isinstance(each, QueueAnnouncement)} == {
        "sales",
        "service",
    }
    new = World([agent("1")], [queue("service")])
    told(new.router, values)
    assert new.router.settle(1000.0) == []
    new.log_in("1")
    assert new.state("1") is State.OFFERED
