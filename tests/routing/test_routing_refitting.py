"""Fits are made between decisions, a slice at a time; no decision waits for one."""

from itertools import count

import pytest
from routing_world import BY_RANK, World, agent, only_offer, queue

from acd.routing.refitting import PAUSE_S
from acd.routing.router import Router

CATEGORIES = ("tv", "pans", "tea")
OTHERS = [f"other{index}" for index in range(20)]
AGENTS = [agent("few"), agent("many"), *(agent(number) for number in OTHERS)]
QUEUES = [queue(layers=(BY_RANK,))]


def learn(world, number, orders, calls):
    for index in range(calls):
        name, category = f"{number}-{index}", CATEGORIES[index % len(CATEGORIES)]
        world.router.record_outcome(number, "sales", category, name, index < orders, 0.0)


def call_and_leave(world, name, category="tv"):
    made = only_offer(world.call(name, category=category))
    world.leave(name)
    return made


@pytest.fixture
def world():
    """Five of five orders, until the others show that the group sells little."""
    world = World(AGENTS, QUEUES)
    learn(world, "few", 5, 5)
    learn(world, "many", 55, 100)
    world.router.refit(world.now)
    world.log_in("few", "many")
    for category in CATEGORIES:
        assert call_and_leave(world, f"first {category}", category).agent == "few"
    for number in OTHERS:
        learn(world, number, 20, 100)
    return world


def test_the_decision_that_finds_the_prior_old_goes_by_it_and_the_next_one_by_the_new(world):
    assert call_and_leave(world, "a").agent == "few"
    assert world.router.next_deadline() == world.now
    world.wait(1.0)
    assert call_and_leave(world, "b").agent == "many"
    assert world.router.next_deadline() > world.now + 1.0


def test_no_outcome_alone_wakes_the_server(world):
    world.wait(1.0)
    assert world.router.next_deadline() > world.now + 1e6


def test_a_slice_is_one_fit_or_one_list_and_others_come_between(world):
    call_and_leave(world, "a")
    slices = []
    while (due_at := world.router.next_deadline()) <= world.now + 1.0:
        slices.append(due_at - world.now)
        world.router.on_time(due_at)
    fit_lists_nothing_left = 1 + len(CATEGORIES) + 1
    assert slices == pytest.approx([PAUSE_S * each for each in range(fit_lists_nothing_left)])


def test_a_router_rebuilt_in_the_middle_of_a_refit_goes_on_with_it(world):
    call_and_leave(world, "a")
    for _ in range(2):
        world.now = world.router.next_deadline()
        world.router.on_time(world.now)
    ids = count()
    again = Router(agents=AGENTS, queues=QUEUES, new_id=lambda: f"again{next(ids)}", now=world.now)
    for value in world.router.announcements():
        again.announce(value)
    again.settle(world.now)
    while (due_at := world.router.next_deadline()) <= world.now + 1.0:
        assert again.next_deadline() == due_at
        assert again.on_time(due_at) == world.router.on_time(due_at)
    for name, router in (("of one", world.router), ("of the other", again)):
        world.router = router
        assert call_and_leave(world, name, "tea").agent == "many"


def test_the_refit_of_a_queue_that_is_removed_goes_with_it(world):
    """Else it would wake the server for nothing, or work at a new queue of the same name."""
    call_and_leave(world, "a")
    assert world.router.next_deadline() == world.now
    world.configure(AGENTS, [queue("service")])
    assert world.router.next_deadline() > world.now + 1.0
