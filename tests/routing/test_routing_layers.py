"""Rules about layers and rank: who is the best agent for a call, and what is recorded of it."""

import pytest
from routing_world import ANYBODY, BY_RANK, World, agent, offered_to, only_offer, queue

from acd.routing.model import Candidate, Grade, LayerProfile, State, Status


def test_the_longest_idle_agent_is_first_and_the_number_decides_a_tie():
    world = World([agent("2"), agent("1"), agent("3")], [queue()])
    world.log_in("3")
    for number in ("2", "1"):  # at the same moment
        world.reachable(number, True)
        world.status(number, Status.READY)
    assert [only_offer(world.call(call)).agent for call in "abc"] == ["3", "1", "2"]


def test_rank_is_a_tuple_so_that_no_idle_time_makes_up_for_a_lower_score():
    # Packed into one number (penalty · 10⁶ − idle seconds), twelve idle days beat a better rank.
    world = World(
        [agent("good", rank={"sales": 0.51}), agent("patient", rank={"sales": 0.50})],
        [queue(layers=(BY_RANK,))],
    )
    world.log_in("patient")
    world.now += 40 * 86_400.0
    world.log_in("good")
    made = only_offer(world.call("a"))
    assert made.agent == "good"
    assert made.choice.candidates[1].idle_s > 40 * 86_400.0


def test_equal_scores_go_by_idle_time():
    world = World(
        [agent("1", rank={"sales": 0.5}), agent("2", rank={"sales": 0.5})],
        [queue(layers=(BY_RANK,))],
    )
    world.log_in("2", "1")
    assert only_offer(world.call("a")).agent == "2"


def test_a_rank_set_by_hand_wins_over_the_measured_one_and_only_on_its_queue():
    world = World(
        [agent("1", rank={"sales": 0.05}), agent("2")],
        [queue(layers=(BY_RANK,)), queue("offers", skill="sales", layers=(BY_RANK,))],
    )
    for index in range(40):
        for line in ("sales", "offers"):
            world.router.record_outcome("1", line, "", f"{line}{index}", True, 0.0)
            world.router.record_outcome("2", line, "", f"2{line}{index}", index % 2 == 0, 0.0)
    world.log_in("1", "2")
    assert only_offer(world.call("a")).agent == "2"
    world.leave("a")
    assert only_offer(world.call("b", "offers")).agent == "1"


def test_category_grades_rank_within_their_layer():
    by_grade = LayerProfile(
        name="knows it", order="category_grade", minimum_category_grade=Grade.A
    )
    world = World(
        [
            agent("1", categories={"tv": Grade.A}),
            agent("2", categories={"tv": Grade.AAA}),
            agent("3", categories={"tv": Grade.B}),
            agent("4"),
        ],
        [queue(layers=(by_grade,))],
    )
    world.log_in("1", "2", "3", "4")
    made = only_offer(world.call("a", category="tv"))
    assert [candidate.agent for candidate in made.choice.candidates] == ["2", "1"]
    assert made.choice.candidates[0].score == float(Grade.AAA)
    assert offered_to(world.call("b", category="never heard of")) == []


def test_the_queues_category_stands_in_where_the_flow_sets_none():
    by_grade = LayerProfile(
        name="knows it", order="category_grade", minimum_category_grade=Grade.A
    )
    world = World(
        [agent("1", categories={"tv": Grade.A})], [queue(layers=(by_grade,), category="tv")]
    )
    world.log_in("1")
    assert offered_to(world.call("a")) == [("a", "1")]


def test_without_the_certificate_nobody_takes_the_skills_calls():
    layer = LayerProfile(name="certified", order="longest_idle", minimum_grade=Grade.B)
    world = World(
        [agent("1", grade=Grade.C), agent("2", skill="service"), agent("3", grade=Grade.B)],
        [queue(layers=(layer,))],
    )
    world.log_in("1", "2", "3")
    made = only_offer(world.call("a"))
    assert (made.agent, made.choice.candidates_total) == ("3", 1)


@pytest.fixture
def three_layers():
    """The three lines of the house: top sellers, then experts, then borrowed agents."""
    layers = (
        LayerProfile(name="sellers", order="conversion", minimum_grade=Grade.AA),
        LayerProfile(
            name="experts",
            order="category_grade",
            after_s=5.0,
            minimum_category_grade=Grade.A,
        ),
        LayerProfile(name="borrowed", order="longest_idle", after_s=20.0, skills=("service",)),
    )
    return World(
        [
            agent("seller", grade=Grade.AA),
            agent("expert", grade=Grade.B, categories={"tv": Grade.A}),
            agent("lent", skill="service"),
        ],
        [queue(layers=layers)],
    )


def test_earlier_layers_go_first(three_layers):
    three_layers.log_in("lent", "expert", "seller")
    made = only_offer(three_layers.call("a", category="tv"))
    assert (made.agent, made.choice.layer, made.choice.order) == (
        "seller",
        "sellers",
        "unmeasured",
    )


def test_a_layer_opens_by_itself_when_its_time_has_come(three_layers):
    three_layers.log_in("lent", "expert")
    assert offered_to(three_layers.call("a", category="tv")) == []
    assert offered_to(three_layers.wait(4.9)) == []
    made = only_offer(three_layers.wait(0.1))
    assert (made.agent, made.choice.layer, made.choice.waited_s) == (
        "expert",
        "experts",
        pytest.approx(5.0),
    )


def test_borrowed_agents_come_last_and_only_after_the_wait(three_layers):
    three_layers.call("a", category="tv")
    three_layers.log_in("lent")
    assert three_layers.state("lent") is State.IDLE
    made = only_offer(three_layers.wait(20.0))
    assert (made.agent, made.choice.layer) == ("lent", "borrowed")


def test_an_agent_who_frees_up_takes_no_call_whose_layer_is_still_closed(three_layers):
    three_layers.call("a", category="tv")
    three_layers.log_in("expert")
    assert three_layers.state("expert") is State.IDLE
    three_layers.log_in("seller")
    assert three_layers.state("seller") is State.OFFERED


def test_a_call_that_waited_elsewhere_finds_every_layer_open(three_layers):
    three_layers.log_in("lent")
    made = only_offer(three_layers.call("a", enqueued_at=three_layers.now - 60.0))
    assert made.choice.layer == "borrowed"


def test_the_choice_records_the_ten_best_and_how_many_there_were():
    numbers = [f"{index:02}" for index in range(25)]
    world = World(
        [agent(number, rank={"sales": int(number) / 100}) for number in numbers],
        [queue(layers=(BY_RANK,))],
    )
    world.log_in(*numbers)
    made = only_offer(world.call("a"))
    choice = made.choice
    assert [candidate.agent for candidate in choice.candidates] == numbers[:-11:-1]
    assert (choice.candidates_total, choice.layer, choice.order) == (25, "by rank", "conversion")
    # "24" logged in last, one second ago.
    assert choice.candidates[0] == Candidate("24", 0.24, 1.0)


def test_the_choice_of_an_agent_who_frees_up_says_why():
    world = World([agent("1", rank={"sales": 0.3})], [queue(layers=(BY_RANK,))])
    world.call("a")
    world.now += 12.0
    world.log_in("1")
    choice = next(event for event in world.log if hasattr(event, "choice")).choice
    assert choice.candidates == (Candidate("1", 0.3, 0.0),)
    assert (choice.layer, choice.order, choice.waited_s) == ("by rank", "conversion", 12.0)


def test_a_new_outcome_moves_an_idle_agent_at_once():
    world = World([agent("1"), agent("2")], [queue(layers=(BY_RANK,))])
    world.log_in("1", "2")
    world.leave(only_offer(world.call("warm up")).call)
    for index in range(30):
        world.router.record_outcome("1", "sales", "", f"x{index}", index < 10, 0.0)
        world.router.record_outcome("2", "sales", "", f"y{index}", index < 20, 0.0)
    assert only_offer(world.call("a")).agent == "2"
    world.leave("a")
    for index in range(30):  # every order of 2 is cancelled
        world.router.record_outcome("2", "sales", "", f"y{index}", False, 0.0)
    assert only_offer(world.call("b")).agent == "1"


def test_a_single_outcome_moves_its_idle_agent_without_a_new_fit_of_the_group():
    world = World([agent("1"), agent("2")], [queue(layers=(BY_RANK,))])
    for index in range(200):
        world.router.record_outcome("1", "sales", "", f"x{index}", index < 100, 0.0)
        world.router.record_outcome("2", "sales", "", f"y{index}", index < 100, 0.0)
    world.log_in("1", "2")
    assert only_offer(world.call("a")).agent == "1"
    world.leave("a")
    world.router.record_outcome("2", "sales", "", "one more", True, 0.0)
    assert only_offer(world.call("b")).agent == "2"
    world.leave("b")
    # The order turns out to have been taken by the other one.
    world.router.record_outcome("1", "sales", "", "one more", True, 0.0)
    assert only_offer(world.call("c")).agent == "1"


def test_a_new_fit_of_the_group_ranks_those_anew_who_stand_idle_meanwhile():
    others = [f"other{index}" for index in range(20)]
    world = World(
        [agent("few"), agent("many"), *(agent(number) for number in others)],
        [queue(layers=(BY_RANK,))],
    )

    def learn(number, orders, calls):
        for index in range(calls):
            interaction = f"{number}-{index}"
            world.router.record_outcome(number, "sales", "", interaction, index < orders, 0.0)

    learn("few", 5, 5)
    learn("many", 55, 100)
    world.log_in("few", "many")
    assert only_offer(world.call("a")).agent == "few"
    world.leave("a")
    for number in others:  # the group turns out to sell little: five of five was luck
        learn(number, 20, 100)
    world.leave(only_offer(world.call("b")).call)
    world.wait(1.0)
    assert only_offer(world.call("c")).agent == "many"


def test_conversion_is_learned_by_category_even_where_nobody_has_grades():
    world = World([agent("1"), agent("2")], [queue(layers=(BY_RANK,))])
    for index in range(50):
        world.router.record_outcome("1", "sales", "tv", f"a{index}", True, 0.0)
        world.router.record_outcome("1", "sales", "pans", f"b{index}", False, 0.0)
        world.router.record_outcome("2", "sales", "tv", f"c{index}", False, 0.0)
        world.router.record_outcome("2", "sales", "pans", f"d{index}", True, 0.0)
    world.log_in("1", "2")
    assert only_offer(world.call("a", category="tv")).agent == "1"
    world.leave("a")
    assert only_offer(world.call("b", category="pans")).agent == "2"


def test_the_hold_out_share_goes_by_longest_idle_and_says_so():
    draws = iter([0.05, 0.2])
    world = World(
        [agent("good", rank={"sales": 0.9}), agent("patient", rank={"sales": 0.1})],
        [queue(layers=(BY_RANK,), hold_out=0.1)],
        random=lambda: next(draws),
    )
    world.log_in("patient", "good")
    made = only_offer(world.call("a"))
    assert (made.agent, made.choice.order) == ("patient", "hold_out")
    world.leave("a")
    made = only_offer(world.call("b"))
    assert (made.agent, made.choice.order) == ("good", "conversion")


def test_layers_of_one_queue_are_tried_in_their_order_not_by_the_wait():
    layers = (
        LayerProfile(name="later but first", order="longest_idle", after_s=3.0, skills=("vip",)),
        ANYBODY,
    )
    world = World([agent("1"), agent("2", skill="vip")], [queue(layers=layers)])
    world.log_in("1", "2")
    assert only_offer(world.call("a", enqueued_at=world.now - 3.0)).agent == "2"
