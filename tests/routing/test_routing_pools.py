"""The two kinds of lists of idle agents agree; the heads of a line are its most urgent calls."""

import math

from hypothesis import given
from hypothesis import strategies as st

from acd.routing.agent import Agent
from acd.routing.demand import Demand
from acd.routing.idle import Idle
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueProfile, WaitingCall
from acd.routing.plain_pool import PlainPool
from acd.routing.policy import FEWEST_CALLS, Admission
from acd.routing.queue import Queue, Waiting
from acd.routing.rank import Measure, QueueRank
from acd.routing.sparing_pool import SparingPool

LAYER = LayerProfile(name="all", order=FEWEST_CALLS)
QUEUE = QueueProfile(name="sales", skill="sales", layers=(LAYER,))
AGENTS = 16
ADMITTED = 12
"""Of these, so that bits of others stand between theirs."""

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "go", "go", "choose", "rank"]),
        st.integers(0, AGENTS - 1),
        st.integers(0, 3),
    ),
    min_size=20,
    max_size=150,
)


def rank():
    return QueueRank(Measure(86_400.0, "CNY"))


def staff():
    profiles = [
        AgentProfile(number=f"{index:02}", name="", account=f"{index}", skills={"sales": Grade.C})
        for index in range(AGENTS)
    ]
    return {profile.number: Agent(profile, 0.0) for profile in profiles}


class Lists:
    """The same agents in a list that lets them go, and in one that takes them out."""

    def __init__(self):
        self.agents = staff()
        self.idle = Idle(self.agents.values())
        self.admitted = [each for each in self.agents.values() if int(each.number) % 4 != 1]
        parts = (Admission(QUEUE), LAYER, Demand(""), FEWEST_CALLS, rank())
        self.plain = PlainPool(*parts, self.idle)
        self.plain.admit(self.admitted)
        self.exact = SparingPool(*parts)
        assert len(self.admitted) == ADMITTED

    def come(self, agent, calls, now):
        if not agent.listed_as_idle:
            agent.idle_since, agent.counters.calls = now, calls
            agent.listed_as_idle = True
            self.idle.bits |= 1 << self.idle.places[agent.number]
            if agent in self.admitted:
                self.plain.add(agent)
                self.exact.add(agent)

    def go(self, agent):
        if agent.listed_as_idle:
            agent.listed_as_idle = False
            self.idle.bits ^= 1 << self.idle.places[agent.number]
            self.exact.discard(agent)

    def rank(self, agent, calls):
        if agent.listed_as_idle:
            agent.counters.calls = calls
            self.plain.rescore(agent)
            self.exact.rescore(agent)


@given(MOVES)
def test_who_left_is_passed_over_and_counted_nowhere(moves):
    lists = Lists()
    for now, (move, index, figure) in enumerate(moves):
        agent = lists.agents[f"{index:02}"]
        if move == "come":
            lists.come(agent, figure, float(now))
        elif move == "go":
            lists.go(agent)
        elif move == "rank":
            lists.rank(agent, figure)
        passed_over = {f"{(index + step) % AGENTS:02}" for step in range(2 * figure)}
        if move == "choose":
            assert lists.plain.best(passed_over, now) == lists.exact.best(passed_over, now)
        assert len(lists.plain._ranked) <= ADMITTED
    assert lists.plain.best((), 100.0) == lists.exact.best((), 100.0)
    assert lists.plain.keys() == lists.exact.keys()


def test_who_moves_up_to_the_front_and_leaves_is_not_recorded_there():
    lists = Lists()
    for now, agent in enumerate(lists.admitted):
        lists.come(agent, 0, float(now))
    first, eleventh = lists.admitted[0], lists.admitted[10]
    lists.go(first)
    lists.come(first, 0, 60.0)
    lists.go(eleventh)
    assert lists.plain.best((), 70.0) == lists.exact.best((), 70.0)


def test_a_whole_shift_that_left_is_passed_over_at_one_look():
    lists = Lists()
    for agent in lists.agents.values():
        lists.come(agent, 0, 1.0)
    for agent in list(lists.agents.values())[:-1]:
        lists.go(agent)
    best = lists.plain.best((), 5.0)
    assert (best.agent.number, best.total) == (f"{AGENTS - 1}", 1)
    assert len(lists.plain._ranked) == 1


CALLS = st.lists(
    st.tuples(
        st.integers(0, 60),  # came at
        st.integers(0, 2),  # priority
        st.integers(0, 2),  # kind
        st.sampled_from(["wait", "wait", "offered", "back", "gone"]),
    ),
    max_size=25,
)


# At 7.3 s no two calls are equally urgent: rounding would decide between them.
@given(CALLS, st.sampled_from([0.0, 7.3]), st.sampled_from([20.0, 1e9]), st.integers(60, 90))
def test_heads_are_the_most_urgent_of_each_kind_in_their_order(calls, ageing_s, starvation_s, now):
    profile = QueueProfile(
        name="sales", skill="sales", layers=(LAYER,), ageing_s=ageing_s, starvation_s=starvation_s
    )
    queue = Queue(profile, rank())
    demands = [Demand("", language=str(kind)) for kind in range(3)]
    open_calls = {}
    for index, (came_at, priority, kind, fate) in enumerate(calls):
        call = WaitingCall(
            call=f"{index:02}",
            interaction="",
            queue="sales",
            enqueued_at=float(came_at),
            priority=priority,
        )
        waiting = Waiting.of(call, queue, demands[kind], float(now))
        queue.add(waiting)
        open_calls[call.call] = waiting
        if fate in {"offered", "back"}:
            queue.take(waiting)
        if fate == "back":
            queue.put_back(waiting)
        if fate == "gone":
            queue.remove(waiting)
        if fate in {"offered", "gone"}:
            del open_calls[call.call]
        queue.heads(float(now))
        assert queue.first_figure == min((head[0] for head in queue.front), default=math.inf)
    groups = {}
    for waiting in open_calls.values():
        groups.setdefault((waiting.call.priority, waiting.demand), []).append(waiting)
    first = [min(group, key=lambda each: each.urgency(now)) for group in groups.values()]
    expected = sorted(first, key=lambda each: each.urgency(now))
    assert [head[2] for head in queue.heads(float(now))] == [each.call.call for each in expected]
    assert [head[3] for head in queue.heads(float(now))] == [each.demand for each in expected]
