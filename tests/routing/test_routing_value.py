"""Value per order in place of orders, and sources that are missing or wrong."""

from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_world import BY_RANK, World, agent, only_offer, queue

from acd.routing.model import QueueKind
from acd.routing.outcomes import ConversionRanks
from acd.routing.rank import Measure, Outcome
from acd.routing.tally import VALUE_STRENGTH

DAY_S = 86_400.0


def shop(**fields):
    world = World(
        [agent("often"), agent("dear")],
        [queue(layers=(BY_RANK,), kind=QueueKind.SALES, wrap_up_s=0.0, **fields)],
    )
    for index in range(100):
        world.router.record_outcome(
            "often", "sales", "tv", f"o{index}", index < 60, 0.0, amount=10_000, currency="CNY"
        )
        world.router.record_outcome(
            "dear", "sales", "tv", f"d{index}", index < 40, 0.0, amount=30_000, currency="CNY"
        )
    world.log_in("often", "dear")
    return world


@pytest.mark.parametrize(
    ("fields", "first", "order"),
    [
        ({"rank_by": "orders"}, "often", "conversion"),
        ({"rank_by": "value"}, "dear", "value"),
        ({"rank_by": "value", "currency": "USD"}, "often", "conversion"),
    ],
)
def test_a_queue_ranks_by_orders_or_by_value_in_its_own_currency(fields, first, order):
    made = only_offer(shop(**fields).call("a", category="tv"))
    assert (made.agent, made.choice.order) == (first, order)


def test_a_cancelled_order_takes_its_value_back():
    world = shop(rank_by="value")
    for index in range(40):
        world.router.record_outcome(
            "dear", "sales", "tv", f"d{index}", False, 0.0, amount=30_000, currency="CNY"
        )
    assert only_offer(world.call("a", category="tv")).agent == "often"


def test_a_conversion_set_by_hand_is_weighed_with_the_groups_order_value():
    world = World(
        [agent("hand", rank={"sales": 0.9}), agent("usual")],
        [queue(layers=(BY_RANK,), rank_by="value", wrap_up_s=0.0)],
    )
    for index in range(100):
        world.router.record_outcome(
            "usual", "sales", "", f"u{index}", index < 50, 0.0, amount=10_000, currency="CNY"
        )
    world.log_in("usual", "hand")
    made = only_offer(world.call("a"))
    assert made.agent == "hand"
    assert made.choice.candidates[0].score == pytest.approx(9_000)


def test_the_mean_order_value_is_shrunk_to_the_categorys():
    made = ConversionRanks()
    made.configure({"sales": Measure(30 * DAY_S)})
    for index in range(60):
        made.record(f"a{index}", Outcome("a", "sales", "tv", True, 0.0, 20_000, "CNY"))
        made.record(f"b{index}", Outcome("b", "sales", "tv", True, 0.0, 10_000, "CNY"))
    rank = made.queues["sales"]
    rank.refresh()
    # The category's mean is the whole's, 15,000, as there is no other category.
    shrunk = (VALUE_STRENGTH * 15_000 + 60 * 20_000) / (VALUE_STRENGTH + 60)
    assert rank.order_value("a", "tv") == pytest.approx(shrunk)
    assert rank.order_value("stranger", "tv") == pytest.approx(15_000)
    assert rank.order_value("stranger", "never sold") == pytest.approx(15_000)


told = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from("ab"),
        st.booleans(),
        st.sampled_from([None, 0, 100, 10**12]),
        st.sampled_from(["CNY", "USD"]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(told)
def test_values_are_those_of_the_last_word_and_never_below_nothing(outcomes):
    made, plain, last = ConversionRanks(), ConversionRanks(), {}
    for each in (made, plain):
        each.configure({"sales": Measure(DAY_S)})
    for interaction, number, success, amount, currency in outcomes:
        last[interaction] = Outcome(number, "sales", "", success, 0.0, amount, currency)
        made.record(f"{interaction}", last[interaction])
    for interaction, outcome in last.items():
        plain.record(f"{interaction}", outcome)
    for number in "ab":
        ours = made.queues["sales"].order_value(number)
        assert ours >= 0.0
        if plain.queues["sales"].valued and made.queues["sales"].valued:
            assert ours == pytest.approx(
                plain.queues["sales"].order_value(number), rel=1e-3, abs=1.0
            )


def test_while_nothing_is_known_calls_go_by_longest_idle_and_it_is_seen():
    world = World(
        [agent("1"), agent("2")],
        [queue(layers=(BY_RANK,), kind=QueueKind.SALES), queue("service")],
    )
    world.log_in("2", "1")
    assert world.router.unmeasured() == ["sales"]
    assert only_offer(world.call("a")).choice.order == "unmeasured"
    world.leave("a")
    world.router.record_outcome("1", "sales", "", "x", True, 0.0)
    assert world.router.unmeasured() == []
    made = only_offer(world.call("b"))
    assert (made.agent, made.choice.order) == ("1", "conversion")


@pytest.mark.parametrize("wall_s", [nan, inf, -inf])
def test_an_outcome_without_a_time_is_left_out(wall_s):
    world = shop()
    for index in range(50):
        world.router.record_outcome("dear", "sales", "tv", f"w{index}", True, wall_s)
    made = only_offer(world.call("a", category="tv"))
    assert made.agent == "often"
    assert 0.0 < made.choice.candidates[0].score < 1.0


def test_a_rank_set_by_hand_needs_no_source():
    world = World([agent("1", rank={"sales": 0.4})], [queue(layers=(BY_RANK,))])
    world.log_in("1")
    assert only_offer(world.call("a")).choice.order == "conversion"
