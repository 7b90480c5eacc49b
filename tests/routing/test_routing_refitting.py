"""Fits are made between decisions, a slice at a time; no decision waits for one."""

from itertools import count, pairwise
from math import inf

import pytest
from routing_world import BY_RANK, World, agent, only_offer, queue

from acd.routing.model import Status
from acd.routing.rank import (
    BELIEFS_AT_ONCE,
    LITTER_AT_ONCE,
    TALLIES_AT_ONCE,
    Measure,
    Outcome,
    QueueRank,
)
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


# --- in a large queue ---

MANY = 300
"Agents with outcomes in three categories each: three slices of a fit, four of a list."

CROWD = [agent(f"{number:03}") for number in range(MANY)]


def crowded(queues=None, **more):
    """All of them idle, each with some outcomes, and the fit of these is due."""
    world = World(CROWD, queues or QUEUES, **more)
    for somebody in CROWD:
        world.reachable(somebody.number, True)
        world.status(somebody.number, Status.READY)
    for category in CATEGORIES:
        call_and_leave(world, f"before {category}", category)
    world.wait(1.0)
    for index, somebody in enumerate(CROWD):
        learn(world, somebody.number, index % 7, 9)
    return world


def rank_of(world, name="sales"):
    return world.router._dispatch.queues[name].rank


def test_a_large_group_is_fitted_in_slices_to_the_same_end():
    world, at_once = crowded(), crowded()
    assert len(CROWD) * 4 > 2 * TALLIES_AT_ONCE
    call_and_leave(world, "a")
    before = rank_of(world).prior
    slices = 0
    while rank_of(world).stale:
        assert rank_of(world).prior == before, "in force when all of it is done"
        world.now = world.router.next_deadline()
        world.router.on_time(world.now)
        slices += 1
    assert slices == 3
    rank_of(at_once).refresh()
    assert rank_of(world).prior == rank_of(at_once).prior != before
    assert rank_of(world).category_strength == rank_of(at_once).category_strength


def test_outcomes_that_come_between_the_slices_are_not_lost():
    world = crowded()
    call_and_leave(world, "a")
    world.router.on_time(world.router.next_deadline())
    for index, somebody in enumerate(CROWD):
        learn(world, f"{somebody.number}", 9, 9)  # all of them are corrected
        world.router.record_outcome(f"new{index}", "sales", "tea", f"new{index}", True, 0.0)
    world.wait(1.0)
    call_and_leave(world, "b")
    world.wait(1.0)
    rank = rank_of(world)
    prior = rank.prior
    rank.stale = True
    rank.refresh()
    assert rank.prior == prior


@pytest.mark.parametrize("cap", [1.0, 0.5])
def test_a_long_list_is_ranked_anew_in_slices_and_whole_in_the_end(cap):
    world = crowded([queue(layers=(BY_RANK,), occupancy_cap=cap)])
    call_and_leave(world, "a")
    seen = []
    while (due_at := world.router.next_deadline()) <= world.now + 1.0:
        pools = world.router._dispatch.queues["sales"].pools.values()
        seen.append(sum(len(pool.pending) for pool in pools))
        world.router.on_time(due_at)
    per_slice = BELIEFS_AT_ONCE // 2
    steps = [before - after for before, after in pairwise(seen)]
    assert max(steps) == per_slice < MANY
    rank = rank_of(world)
    for pool in pools:
        assert pool.candidates(0).scores == {
            somebody.number: rank.score(somebody.number, pool.category, None) for somebody in CROWD
        }
    assert not rank.clear_litter()


def test_who_left_meanwhile_is_ranked_when_coming_back():
    world = crowded()
    call_and_leave(world, "a")
    lists = world.router._dispatch.queues["sales"].pools.values()
    while not any(pool.pending for pool in lists):
        world.now = world.router.next_deadline()
        world.router.on_time(world.now)
    gone = [number for pool in lists for number in pool.pending[:3]]
    for number in gone:
        world.status(number, Status.AWAY)
    world.wait(1.0)
    for number in gone:
        world.status(number, Status.READY)
    for pool in lists:
        scores = pool.candidates(0).scores
        assert len(scores) == MANY
        for number in gone:
            assert scores[number] == rank_of(world).score(number, pool.category, None)


def test_queues_that_are_due_at_once_have_a_slice_each_at_a_turn():
    names = ("a", "b", "c")
    queues = [queue(name, skill="sales", layers=(BY_RANK,)) for name in names]
    world = World(AGENTS, queues)
    for name in names:
        for index in range(30):
            number = OTHERS[index % len(OTHERS)]
            world.router.record_outcome(number, name, "", f"{name}{index}", index < 9, 0.0)
    world.router.refit_soon(world.now)
    fitted = []
    while (due_at := world.router.next_deadline()) <= world.now + 1.0:
        versions = [rank_of(world, name).version for name in names]
        world.router.on_time(due_at)
        fitted.append(
            sum(rank_of(world, name).version != v for name, v in zip(names, versions, strict=True))
        )
    assert sum(fitted) == len(names)
    assert max(fitted) == 1


def test_what_is_not_due_is_not_begun():
    world = World(AGENTS, QUEUES)
    world.router.refit_soon(world.now)
    assert world.router.next_deadline() == inf


PRICED = [queue(layers=(BY_RANK,), time_price="measured", exploration="ucb")]


@pytest.mark.parametrize("slices", [0, 1, 2, 4, 8, 16, 31])
def test_a_router_rebuilt_between_the_slices_of_a_large_queue_decides_the_same(slices):
    world = crowded(PRICED)
    for somebody in CROWD[::3]:
        world.keep(world.router.engage(somebody.number, f"t{somebody.number}", "", "", world.now))
    world.now += 3600.0
    call_and_leave(world, "a")
    for _ in range(slices):
        world.now = world.router.next_deadline()
        world.router.on_time(world.now)
    ids = count()
    again = Router(agents=CROWD, queues=PRICED, new_id=lambda: f"again{next(ids)}", now=world.now)
    told = world.router.announcements()
    for value in told:
        again.announce(value)
    again.settle(world.now)
    chosen = []
    for router in (world.router, again):
        world.router = router
        now, offered = world.now, []
        for turn in range(40):
            if (due_at := router.next_deadline()) <= world.now + 1.0:
                world.now = due_at
                router.on_time(due_at)
            made = call_and_leave(world, f"{turn}", CATEGORIES[turn % 3])
            offered.append((world.now, made.agent, made.choice.standings))
        chosen.append(offered)
        world.now = now
    assert chosen[0] == chosen[1]


def test_what_thousands_were_believed_to_be_is_let_go_of_in_slices():
    rank = QueueRank(Measure(86_400.0))
    for index in range(LITTER_AT_ONCE + 1):
        rank.add(Outcome(f"{index}", "sales", "", index % 2 == 0, 0.0))
    rank.refresh()
    before = [rank.mean(f"{index}") for index in range(LITTER_AT_ONCE + 1)]
    rank.stale = True
    rank.refresh()
    assert [rank.clear_litter() for _ in range(3)] == [True, True, False]
    assert [rank.mean(f"{index}") for index in range(LITTER_AT_ONCE + 1)] == before
