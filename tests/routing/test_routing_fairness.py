"""Order across the queues of one agent: priorities, ageing, and the bound on starvation."""

from acd.routing.model import Grade
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
    assert [world.router.position(call) for call in ("vip early", "plain", "vip late")] == [
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
