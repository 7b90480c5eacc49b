"""The measured conversion, with numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.routing.fitting import (
    CATEGORY_STRENGTH,
    DEFAULT_STRENGTH,
    MAXIMUM_STRENGTH,
    MINIMUM_STRENGTH,
    Prior,
    fit_category_strength,
    fit_prior,
)
from acd.routing.outcomes import ConversionRanks
from acd.routing.rank import Measure, Outcome, QueueRank
from acd.routing.tally import Tally

DAY_S = 86_400.0
HALF_LIFE_S = 30 * DAY_S


def strength(prior: Prior) -> float:
    return prior.alpha + prior.beta


def ranks() -> ConversionRanks:
    made = ConversionRanks()
    made.configure({"sales": Measure(HALF_LIFE_S)})
    return made


def record(made, interaction, agent, success, *, category="", wall_s=0.0, queue="sales"):
    return made.record(interaction, Outcome(agent, queue, category, success, wall_s))


def feed(made, agent, orders, calls, **fields):
    for index in range(calls):
        record(made, f"{agent}-{fields}-{index}", agent, index < orders, **fields)


def test_the_prior_is_fitted_by_the_method_of_moments():
    # Four agents of 100 calls each with 40, 50, 60 and 70 orders.
    #   N = 400, μ = (220 + ½)/401 = 0.549875
    #   S = 100·((−.149875)² + (−.049875)² + .050125² + .150125²) = 5.000006
    #   S/(μ(1 − μ)) = 5.000006/0.247512 = 20.201; less m − 1 = 3: 17.201
    #   N − Σn²/N − (m − 1) = 400 − 100 − 3 = 297; ρ = 17.201/297 = 0.057916
    #   α₀ + β₀ = 1/ρ − 1 = 16.266; the mean is μ·5/6 = 0.458229
    prior = fit_prior([(100.0, 40.0), (100.0, 50.0), (100.0, 60.0), (100.0, 70.0)])
    assert strength(prior) == pytest.approx(16.266, abs=0.001)
    assert prior.mean == pytest.approx(0.458229, abs=1e-6)


def test_with_many_agents_the_priors_mean_is_the_groups():
    # 98 agents with 10 orders of 50 calls: μ·99/100, less the half call that hardly counts.
    prior = fit_prior([(50.0, 10.0)] * 98)
    assert prior.mean == pytest.approx(0.2 * 99 / 100, abs=1e-4)


def test_agents_no_further_apart_than_chance_have_the_maximum_strength():
    assert strength(fit_prior([(50.0, 10.0)] * 30)) == pytest.approx(MAXIMUM_STRENGTH)


def test_agents_as_far_apart_as_can_be_keep_the_minimum_strength():
    assert strength(fit_prior([(100.0, 0.0), (100.0, 100.0)])) == pytest.approx(MINIMUM_STRENGTH)


@pytest.mark.parametrize(
    "tallies",
    [
        [],
        [(0.0, 0.0)],
        [(40.0, 10.0)],
        [(1.0, 1.0), (1.0, 0.0)],  # one call each: the spread cannot be told from chance
        [(0.2, 0.2), (0.3, 0.0)],  # long forgotten
    ],
)
def test_where_the_spread_cannot_be_measured_the_strength_is_the_default(tallies):
    assert strength(fit_prior(tallies)) == pytest.approx(DEFAULT_STRENGTH)


def test_without_any_outcome_everybody_is_even():
    assert fit_prior([]).mean == 0.5
    rank = QueueRank(Measure(HALF_LIFE_S))
    assert rank.mean("1") == rank.mean("2", "tv") == 0.5


@pytest.mark.parametrize("tallies", [[(50.0, 0.0)] * 3, [(50.0, 50.0)] * 3])
def test_a_group_that_never_or_always_sells_still_has_a_prior(tallies):
    prior = fit_prior(tallies)
    assert 0.0 < prior.mean < 1.0


def test_three_of_three_does_not_beat_180_of_250():
    made = ranks()
    feed(made, "newcomer", 3, 3)
    feed(made, "proven", 180, 250)
    rank = made.queues["sales"]
    rank.refresh()
    # μ = 183.5/254 = .722441; S = 3·.277559² + 250·.002441² = .232606; /.200520 = 1.16001;
    # ρ = .16001/(253 − 62509/253 − 1) = .16001/4.92885 = .032464; strength 29.803;
    # mean .722441·3/4 = .541831, so α₀ = 16.148:
    #   newcomer (16.148 + 3)/(29.803 + 3) = .5837      proven (16.148 + 180)/279.803 = .7010
    assert rank.mean("newcomer") == pytest.approx(0.5837, abs=1e-3)
    assert rank.mean("proven") == pytest.approx(0.7010, abs=1e-3)


def test_nor_does_it_in_a_group_of_usual_size():
    made = ranks()
    for index in range(20):  # from 35 % to 73 %
        feed(made, f"usual{index}", 70 + 4 * index, 200)
    feed(made, "proven", 180, 250)
    feed(made, "newcomer", 3, 3)
    rank = made.queues["sales"]
    rank.refresh()
    assert rank.mean("newcomer") < rank.mean("proven")
    assert rank.mean("newcomer") > rank.mean("stranger"), "three orders are worth something"


def test_an_outcome_of_one_half_life_ago_counts_half():
    tally = Tally(0.0)
    for _ in range(4):
        tally.add(True, 0.0, HALF_LIFE_S, 1.0)
    tally.add(False, HALF_LIFE_S, HALF_LIFE_S, 1.0)
    # four orders at ½ and one call without: 3 calls, 2 orders
    assert tally.at(HALF_LIFE_S, HALF_LIFE_S) == pytest.approx((3.0, 2.0))
    tally.add(True, 0.0, HALF_LIFE_S, 1.0)  # a late one, at its own age
    assert tally.at(HALF_LIFE_S, HALF_LIFE_S) == pytest.approx((3.5, 2.5))
    assert tally.at(2 * HALF_LIFE_S, HALF_LIFE_S) == pytest.approx((1.75, 1.25))


def test_what_was_good_long_ago_no_longer_beats_what_is_good_now():
    made = ranks()
    feed(made, "then", 90, 100, wall_s=0.0)
    feed(made, "now", 70, 100, wall_s=10 * HALF_LIFE_S)
    feed(made, "usual", 40, 100, wall_s=10 * HALF_LIFE_S)
    rank = made.queues["sales"]
    rank.refresh()
    assert rank.mean("now") > rank.mean("then")


def test_a_category_shrinks_to_the_agents_queue():
    made = ranks()
    feed(made, "1", 10, 40, category="tv")
    feed(made, "1", 30, 40, category="pans")
    feed(made, "2", 30, 40, category="tv")
    feed(made, "2", 10, 40, category="pans")
    rank = made.queues["sales"]
    rank.refresh()
    queue_mean, strength = rank.mean("1"), rank.category_strength
    assert rank.mean("1", "tv") == pytest.approx((strength * queue_mean + 10) / (strength + 40))
    assert rank.mean("1", "tv") < queue_mean < rank.mean("1", "pans")
    assert rank.mean("1", "never sold") == queue_mean


def test_what_sells_badly_for_all_is_no_fault_of_the_agent_who_gets_it():
    made = ranks()
    for number in ("1", "2", "3", "4"):
        feed(made, number, 200, 1000, category="hard")
        feed(made, number, 800, 1000, category="easy")
    feed(made, "newcomer", 16, 20, category="easy")
    rank = made.queues["sales"]
    rank.refresh()
    assert rank.group_mean("hard") == pytest.approx(0.2, abs=0.01)
    assert rank.mean("newcomer", "hard") < 0.4 < 0.6 < rank.mean("newcomer", "easy")


def test_the_bond_of_categories_to_their_agent_is_fitted_by_the_method_of_moments():
    # Two agents, each 100 calls of two categories, at 60 % and 40 % around a mean of 50 %:
    #   spread 4·100·.1²/.25 = 16, freedom 2, room 2·(200 − 100 − 1) = 198
    #   ρ = 14/198 = 0.070707; strength 1/ρ − 1 = 13.142857
    categories = [(100.0, 60.0, 0.0), (100.0, 40.0, 0.0)]
    assert fit_category_strength([categories, categories[::-1]]) == pytest.approx(13.142857)
    assert fit_category_strength([]) == CATEGORY_STRENGTH
    # What all agents have alike is the category's, and says nothing about how they differ.
    alike = [(100.0, 60.0, 0.1), (100.0, 40.0, -0.1)]
    assert fit_category_strength([alike, alike]) == MAXIMUM_STRENGTH


def test_pending_is_not_failed_and_a_cancelled_order_takes_the_success_back():
    made = ranks()
    feed(made, "1", 5, 10)
    rank = made.queues["sales"]
    rank.refresh()
    before = rank.mean("1")
    record(made, "late", "1", True)
    assert rank.mean("1") > before
    assert record(made, "late", "1", False) == Outcome("1", "sales", "", True, 0.0)
    assert rank.mean("1") < before


def test_a_corrected_outcome_leaves_nothing_of_the_first_behind():
    corrected, plain = ranks(), ranks()
    for made in (corrected, plain):
        feed(made, "2", 3, 10, wall_s=5.0)
    record(corrected, "x", "1", True, category="tv", wall_s=3 * DAY_S)
    record(corrected, "x", "2", False, category="pans", wall_s=3 * DAY_S)
    record(corrected, "x", "2", False, category="pans", wall_s=3 * DAY_S)
    record(plain, "x", "2", False, category="pans", wall_s=3 * DAY_S)
    for made in (corrected, plain):
        made.queues["sales"].prior = Prior(1.0, 1.0)
    for agent, category in (("1", ""), ("1", "tv"), ("2", ""), ("2", "pans"), ("2", "tv")):
        assert corrected.queues["sales"].mean(agent, category) == pytest.approx(
            plain.queues["sales"].mean(agent, category)
        )


def test_outcomes_beyond_the_limit_keep_their_weight_but_not_their_name():
    made = ConversionRanks(maximum_outcomes=2)
    made.configure({"sales": Measure(HALF_LIFE_S)})
    for index in range(3):
        record(made, f"x{index}", "1", True, wall_s=100.0 + index)
    rank = made.queues["sales"]
    before = rank.mean("1")
    assert record(made, "x0", "1", False, wall_s=99.0) is None, "may be a forgotten one"
    assert rank.mean("1") == before
    record(made, "x2", "1", False, wall_s=102.0)
    assert rank.mean("1") < before


def test_a_changed_half_life_weighs_the_outcomes_anew_and_an_unknown_queue_is_left_out():
    made = ranks()
    feed(made, "1", 10, 10, wall_s=0.0)
    feed(made, "2", 5, 10, wall_s=HALF_LIFE_S)
    record(made, "elsewhere", "1", True, queue="nowhere")
    made.configure({"sales": Measure(HALF_LIFE_S)})
    kept = made.queues["sales"]
    kept.refresh()
    slow = kept.mean("1")
    made.configure({"sales": Measure(HALF_LIFE_S / 10)})
    fast = made.queues["sales"]
    fast.refresh()
    assert fast is not kept
    assert fast.mean("1") < slow, "ten half-lives old, nothing is left of it but the prior"


def test_between_two_fits_only_the_agent_concerned_is_computed_anew():
    made = ranks()
    feed(made, "1", 100, 200)
    feed(made, "2", 120, 200)
    rank = made.queues["sales"]
    rank.refresh()
    version, other = rank.version, rank.mean("2")
    record(made, "one more", "1", True)
    rank.refresh()
    assert (rank.version, rank.mean("2")) == (version, other), "one in 400 is no reason to refit"
    feed(made, "1", 0, 21, wall_s=1.0)
    rank.refresh()
    assert rank.version == version + 1


def test_a_twentieth_of_a_half_life_is_reason_enough_to_fit_again():
    made = ranks()
    feed(made, "1", 100, 200)
    rank = made.queues["sales"]
    rank.refresh()
    version = rank.version
    record(made, "later", "1", True, wall_s=HALF_LIFE_S / 10)
    rank.refresh()
    assert rank.version == version + 1


outcomes = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["", "tv", "pans"]),
        st.booleans(),
        st.floats(0.0, 400 * DAY_S),
    ),
    max_size=40,
)


@given(outcomes)
def test_whatever_is_told_in_whatever_order_only_the_last_word_per_interaction_counts(told):
    made, plain = ranks(), ranks()
    last = {}
    for interaction, agent, category, success, wall_s in told:
        record(made, f"i{interaction}", agent, success, category=category, wall_s=wall_s)
        last[interaction] = (agent, category, success, wall_s)
    for interaction, (agent, category, success, wall_s) in last.items():
        record(plain, f"i{interaction}", agent, success, category=category, wall_s=wall_s)
    for each in (made, plain):
        rank = each.queues["sales"]
        rank.prior = Prior(3.0, 7.0)
        # One more call now, so that both weigh everything as of the same moment.
        record(each, "now", "9", True, wall_s=500 * DAY_S)
    for agent in ("1", "2", "3"):
        for category in ("", "tv", "pans"):
            ours = made.queues["sales"].mean(agent, category)
            assert 0.0 <= ours <= 1.0
            assert ours == pytest.approx(plain.queues["sales"].mean(agent, category), abs=1e-6)


GROUPS = st.lists(
    st.tuples(st.floats(0.01, 400.0), st.floats(0.0, 1.0)).map(
        lambda one: (one[0], one[0] * one[1])
    ),
    min_size=2,
    max_size=60,
)


@given(GROUPS)
def test_sums_that_are_taken_bit_by_bit_fit_what_the_formula_says(tallies):
    total = sum(calls for calls, _ in tallies)
    mean = (sum(orders for _, orders in tallies) + 0.5) / (total + 1.0)
    spread = sum(calls * (orders / calls - mean) ** 2 for calls, orders in tallies)
    freedom = len(tallies) - 1
    room = total - sum(calls * calls for calls, _ in tallies) / total - freedom
    prior = fit_prior(tallies)
    if room > 10.0:  # else the rounding of either way is seen
        correlation = (spread / (mean * (1.0 - mean)) - freedom) / room
        expected = MAXIMUM_STRENGTH
        if correlation > 1.0 / (MAXIMUM_STRENGTH + 1.0):
            expected = max(MINIMUM_STRENGTH, 1.0 / correlation - 1.0)
        assert strength(prior) == pytest.approx(expected, rel=1e-2)
    assert prior.mean == pytest.approx(mean * (len(tallies) + 1) / (len(tallies) + 2))
