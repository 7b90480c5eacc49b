"""The price of an agent's time: who is kept for what nobody else sells so well, and when."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from routing_world import BY_RANK, World, agent, only_offer, queue

from acd.routing.price import EVERY_S, HIGHEST, STEP, TimePrice, mean_over
from acd.routing.rank import Measure, Outcome, QueueRank
from acd.routing.router import Router

SOLD = {("1", "tv"): 90, ("1", "pans"): 62, ("2", "tv"): 50, ("2", "pans"): 60}
"""Orders of 100 calls: 1 is better at both, but at tv by much more."""

AGENTS = (agent("1"), agent("2"))
PRICED = queue(layers=(BY_RANK,), wrap_up_s=0.0, time_price="measured")


def tell(record, sold=SOLD):
    for (number, category), orders in sold.items():
        for index in range(100):
            record(number, category, f"{number}{category}{index}", index < orders)


def floor(profile=PRICED, *, talk_s, agents=AGENTS, sold=SOLD):
    """Two agents of whom all is known, and who come from a talk of this length."""
    world = World(agents, [profile])
    tell(
        lambda number, category, name, success: world.router.record_outcome(
            number, "sales", category, name, success, 0.0
        ),
        sold,
    )
    world.log_in("1", "2")
    for category in ("tv", "pans"):  # so that there are lists which the price has to reach
        world.leave(only_offer(world.call(f"short {category}", category=category)).call)
    for name in ("early", "early too"):
        world.answer(only_offer(world.call(name)).offer)
    world.wait(talk_s)
    for number in ("1", "2"):
        world.release(number)
    world.router.refit(world.now)
    return world


def asked(router):
    """The price that the router's only queue asks."""
    return next(each.rank.price for each in router.announcements() if hasattr(each, "rank"))


def taken_by(world, category):
    return only_offer(world.call(f"{category}!", category=category)).agent


def test_when_agents_are_scarce_the_specialist_is_kept_for_what_nobody_else_sells():
    busy = floor(talk_s=3 * 3600.0)
    assert taken_by(busy, "pans") == "2"
    assert taken_by(busy, "tv") == "1"


def test_while_agents_are_plenty_the_best_one_goes_first():
    quiet = floor(talk_s=1.0)
    assert taken_by(quiet, "pans") == "1"


def test_who_is_not_on_duty_is_not_idle_either():
    busy = floor(talk_s=3 * 3600.0, agents=(*AGENTS, *map(agent, "3456789")))
    taken_by(busy, "pans")
    assert asked(busy.router).share > 0.8


def test_without_a_price_the_best_one_always_goes_first():
    busy = floor(replace(PRICED, time_price="none"), talk_s=3 * 3600.0)
    assert taken_by(busy, "pans") == "1"


def test_the_choice_shows_the_score_with_the_price_taken_off():
    offers = [
        only_offer(floor(PRICED, talk_s=talk_s).call("tv!", category="tv")).choice
        for talk_s in (1.0, 3 * 3600.0)
    ]
    plain, priced = ({each.agent: each.score for each in made.candidates} for made in offers)
    assert [made.order for made in offers] == ["conversion", "conversion"]
    assert priced["1"] < plain["1"]
    assert priced["2"] > plain["2"], "who sells less than the group is dear to nobody"


def test_in_a_queue_of_one_category_nothing_is_taken_off():
    one = {("1", "tv"): 90, ("2", "tv"): 50}
    choices = [
        only_offer(floor(talk_s=talk_s, sold=one).call("tv!", category="tv")).choice
        for talk_s in (1.0, 3 * 3600.0)
    ]
    assert [each.score for each in choices[0].candidates] == [
        each.score for each in choices[1].candidates
    ]


def known_rank(share, sold=SOLD, by_value=False):
    rank = QueueRank(Measure(1e9))
    basis = "value" if by_value else "orders"
    rank.follow(replace(PRICED, rank_by=basis), None)
    tell(
        lambda number, category, name, success: rank.add(
            Outcome(number, "sales", category, success, 0.0, 500, "CNY")
        ),
        sold,
    )
    rank.refresh()
    rank.price.share = share
    return rank


@pytest.mark.parametrize("by_value", [False, True])
@pytest.mark.parametrize("by_hand", [None, 0.8])
def test_what_is_taken_off_is_the_part_of_the_mean_advantage_that_agents_are_busy(
    by_hand, by_value
):
    rank = known_rank(0.6, by_value=by_value)
    standing = (rank.advantage("1", "tv", by_hand) + rank.advantage("1", "pans", by_hand)) / 2
    for _ in range(2):  # the second time it is remembered
        assert rank.score("1", "tv", by_hand) == pytest.approx(
            rank.worth("1", "tv", by_hand) - 0.6 * standing
        )


def test_an_outcome_changes_the_price_of_its_agent_at_once():
    rank = known_rank(0.6)
    before = rank.score("1", "pans", None), rank.score("2", "pans", None)
    for _ in range(5):
        rank.add(Outcome("1", "sales", "tv", False, 0.0))
    standing = (rank.advantage("1", "tv", None) + rank.advantage("1", "pans", None)) / 2
    priced = rank.worth("1", "pans", None) - 0.6 * standing
    assert rank.score("1", "pans", None) == pytest.approx(priced) != before[0]
    assert rank.score("2", "pans", None) == before[1]
    for _ in range(100):
        rank.add(Outcome("1", "sales", "tv", False, 0.0))
    rank.refresh()
    tv, pans = (rank.advantage("2", category, None) for category in ("tv", "pans"))
    standing = (305 * tv + 200 * pans) / 505  # as many calls as the fit has seen of each
    priced = rank.worth("2", "pans", None) - 0.6 * standing
    assert rank.score("2", "pans", None) == pytest.approx(priced)


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.tuples(st.floats(0.01, 1e4), st.floats(-1.0, 1.0)),
        min_size=1,
    ),
    st.floats(0.0, 1e4),
    st.floats(-1.0, 1.0),
)
def test_the_mean_lies_between_the_least_and_the_most(parts, rest, without):
    calls = {category: part for category, (part, _) in parts.items()}
    advantages = {category: each for category, (_, each) in parts.items()} | {"": without}
    total = sum(calls.values())
    mean = mean_over({"": total + rest, **calls}, advantages.__getitem__)
    counted = [advantages[category] for category in calls]
    if rest:
        counted.append(without)
    assert min(counted) - 1e-6 <= mean <= max(counted) + 1e-6


def test_calls_without_a_category_weigh_as_many_as_they_are():
    assert mean_over({"": 4.0, "a": 1.0}, {"": 0.2, "a": -0.2}.__getitem__) == pytest.approx(0.1)
    assert mean_over({"": 0.0, "a": 0.0}, {"": 0.2, "a": -0.2}.__getitem__) == 0.0


def test_how_busy_agents_are_is_looked_at_in_steps():
    price = TimePrice()

    def looked(occupancies, now):
        price.look(occupancies, len(occupancies))
        return price.settle(now)

    price.look([0.2], 3)  # of them two are not on duty
    assert price.seen == 3
    assert looked([0.6], 10.0)
    assert (price.share, price.due_at, price.seen) == (0.4, 10.0 + EVERY_S, 0)
    assert not looked([0.4 + 0.9 * STEP], 400.0), "not for so little"
    assert not looked([], 800.0), "nobody is on duty"
    assert price.share == 0.4
    assert looked([1.0], 1200.0)
    assert price.share == HIGHEST


def test_a_router_that_is_rebuilt_asks_the_same_price():
    world = floor(talk_s=3 * 3600.0)
    taken_by(world, "tv")
    world.release("1")
    ids = count(100)
    again = Router(
        agents=AGENTS, queues=[PRICED], new_id=lambda: f"again{next(ids)}", now=world.now
    )
    told = world.router.announcements()
    for value in told:
        again.announce(value)
    again.settle(world.now)
    price = asked(world.router)
    assert 0.8 < price.share <= HIGHEST
    assert price.standings
    assert asked(again) == price


def test_a_price_that_is_switched_off_is_gone_at_once():
    world = floor(talk_s=3 * 3600.0)
    world.leave(only_offer(world.call("first", category="pans")).call)
    world.router.configure(AGENTS, [replace(PRICED, time_price="none")], world.now)
    assert taken_by(world, "pans") == "1"


def test_an_unknown_price_is_told_with_those_that_there_are():
    with pytest.raises(Exception, match="time_price 'dear' is unknown; one of measured, none"):
        World(AGENTS, [replace(PRICED, time_price="dear")])
