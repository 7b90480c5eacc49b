"""Order across the queues of one agent: priorities, ageing, and the bound on starvation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.routing.events import PositionDue
from acd.routing.model import Grade, Status
from tests.routing.routing_world import World, agent, offers, queue

BOTH = agent("1", skills={"sales": Grade.A, "service": Grade.A})


def serve(world, calls):
    """Let the agent take so many calls, ten seconds each, and return which."""
    taken = []
    pending = [made for made in offers(world.log) if made.call not in taken][-1:]
    for _ in range(calls):
        made = pending[0]
        world.answer(made.offer)
        taken.append(made.call)
        world.wait(10.0)
        pending = offers(world.release("1"))
        if not pending:
            break
    return taken


def test_priority_grows_with_the_wait():
    world = World(
        [BOTH],
        [
            queue("sales", priority=2, wrap_up_s=0.0),
            queue("service", ageing_s=30.0, wrap_up_s=0.0),
        ],
    )
    world.call("old", "service")
    world.now += 59.0
    world.call("new", "sales")
    world.log_in("1")
    assert serve(world, 2) == ["new", "old"]
    world.call("old again", "service", enqueued_at=world.now - 61.0)
    world.call("new again", "sales")
    assert serve(world, 2)[0] == "old again"


def test_in_one_line_ageing_weighs_priority_against_seconds():
    world = World([agent("1")], [queue(ageing_s=60.0)])
    world.call("plain")
    world.now += 59.0
    world.call("vip early", priority=1)
    world.now += 2.0
    world.call("vip late", priority=1)
    assert [
        world.router.position(call, world.now) for call in ("vip early", "plain", "vip late")
    ] == [
        1,
        2,
        3,
    ]


def test_a_call_at_its_bound_goes_before_every_call_that_is_not():
    lines = [
        queue("sales", priority=10, wrap_up_s=0.0, starvation_s=120.0),
        queue("service", wrap_up_s=0.0, starvation_s=100.0),
    ]
    world = World([BOTH], lines)
    world.log_in("1")
    world.call("first", "sales")
    world.call("starving", "service")
    for n in range(30):
        world.call(f"s{n:02}", "sales")
    taken = serve(world, 15)
    # Served every 10 s; at 100 s of wait it is next.
    assert taken.index("starving") == 10
    assert taken[11] == "s09"


def test_of_calls_at_their_bound_the_oldest_goes_first_whatever_the_priority():
    world = World(
        [BOTH],
        [queue("sales", priority=10, starvation_s=50.0), queue("service", starvation_s=50.0)],
    )
    world.call("old", "service")
    world.now += 1.0
    world.call("younger", "sales", priority=9)
    world.now += 60.0
    world.log_in("1")
    assert offers(world.log)[0].call == "old"


def test_a_call_at_its_bound_is_told_that_it_is_the_next():
    world = World([agent("1")], [queue(starvation_s=50.0, position_every_s=10.0)])
    world.call("plain")
    world.now += 30.0
    for name in ("vip early", "vip late"):
        assert world.call(name, priority=5)[-1].position == 1 + (name == "vip late")
    before = [PositionDue("plain", 3), PositionDue("vip early", 1), PositionDue("vip late", 2)]
    assert world.wait(10.0) == [PositionDue("plain", 3), *before]
    assert world.wait(10.0) == [
        PositionDue("plain", 1),
        PositionDue("vip early", 2),
        PositionDue("vip late", 3),
    ]
    assert world.call("another", priority=9) == [PositionDue("another", 2)]


def test_the_estimated_wait_is_that_of_the_place_told():
    world = World([agent("1")], [queue(starvation_s=200.0, wrap_up_s=0.0)])
    world.log_in("1")
    for name in ("a", "b", "plain"):
        world.call(name)
    for names in (("vip early", "vip late"), ("vip last",)):
        world.answer(world.router.agent_view("1").offer)
        world.wait(40.0)
        for name in names:
            world.call(name, priority=1)
        world.release("1")
    # At 80 s "vip late" rings, "vip last" is due at 160 s, and at 200 s the others go first.
    told = [("vip late", 1), ("vip last", 2), ("b", 3), ("plain", 4)]
    assert [(name, world.router.expected_place(name, world.now)) for name, _ in told] == told
    assert world.router.estimated_wait("plain", world.now) == pytest.approx(4 * 40.0)
    told = [("vip late", 3), ("vip last", 4), ("b", 1), ("plain", 2)]
    now = world.now + 120.0
    assert [(name, world.router.expected_place(name, now)) for name, _ in told] == told
    assert world.router.estimated_wait("plain", now) == pytest.approx(2 * 40.0)


WAITERS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(-1, 2)),  # came at, priority
    min_size=1,
    max_size=12,
)


@given(
    WAITERS,
    st.sampled_from([0.0, 7.0]),
    st.sampled_from([1.0, 20.0, 45.0, 1e9]),
    st.integers(60, 80),
    st.data(),
)
def test_agents_take_the_calls_in_the_order_of_the_places_told(
    waiters, ageing_s, starvation_s, now, data
):
    """Whoever frees up now takes the first place, whatever moved before."""
    agents = [agent(f"{n}") for n in range(len(waiters))]
    world = World(agents, [queue(ageing_s=ageing_s, starvation_s=starvation_s)])
    world.now = 0.0
    for n, (came_at, priority) in enumerate(sorted(waiters)):
        world.now = float(came_at)
        world.call(f"{n:02}", priority=priority)
    names = [f"{n:02}" for n in range(len(waiters))]
    for name in data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3)):
        if data.draw(st.booleans()):
            world.leave(name)
            names.remove(name)
        else:
            world.router.set_priority(name, data.draw(st.integers(-1, 2)), world.now)
    world.now = float(now)
    told = sorted(names, key=lambda name: world.router.position(name, world.now))
    assert [world.router.position(name, world.now) for name in told] == [
        n + 1 for n in range(len(names))
    ]
    taken = []
    for each in agents[: len(names)]:
        world.reachable(each.number, True)
        world.status(each.number, Status.READY)
        taken.append(offers(world.log)[-1].call)
    assert taken == told
