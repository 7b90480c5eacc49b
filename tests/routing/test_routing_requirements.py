"""What a call requires of its agent, and how layers relax it."""

from acd.routing.demand import MAXIMUM_DEMANDS
from acd.routing.model import Grade, LayerProfile, QueueProfile, Requirements
from tests.routing.routing_world import ANYBODY, World, agent, offered_to, queue

ENGLISH_A = {"english": Grade.A}


def test_every_required_skill_and_its_grade_count():
    world = World(
        [
            agent("none"),
            agent("low", skills={"sales": Grade.A, "english": Grade.B}),
            agent("right", skills={"sales": Grade.C, "english": Grade.AA}),
            agent("wrong line", skills={"service": Grade.A, "english": Grade.AAA}),
        ],
        [queue()],
    )
    world.log_in("none", "low", "right", "wrong line")
    assert offered_to(world.call("c1", skills=ENGLISH_A)) == [("c1", "right")]
    assert offered_to(world.call("c2", skills=ENGLISH_A)) == []
    assert offered_to(world.call("c3")) == [("c3", "none")]


def test_language_and_region_are_required_of_the_agent():
    world = World(
        [
            agent("zh", languages=("zh",)),
            agent("yue", languages=("zh", "yue"), regions=("福建",)),
            agent("guangdong", languages=("yue",), regions=("广东", "福建")),
        ],
        [queue()],
    )
    world.log_in("zh", "yue", "guangdong")
    call = {"language": "yue", "region": "广东"}
    assert offered_to(world.call("c1", **call)) == [("c1", "guangdong")]
    assert offered_to(world.call("c2", **call)) == []
    assert offered_to(world.call("c3", language="yue")) == [("c3", "yue")]


def test_requirements_relax_with_time():
    layers = (
        LayerProfile(name="exact", order="longest_idle"),
        LayerProfile(name="one grade less", order="longest_idle", after_s=10.0, lower_by=1),
        LayerProfile(name="any", order="longest_idle", after_s=20.0, waives=("skills",)),
    )
    world = World(
        [
            agent("none"),
            agent("C", skills={"sales": Grade.A, "english": Grade.C}),
            agent("B", skills={"sales": Grade.A, "english": Grade.B}),
        ],
        [queue(layers=layers)],
    )
    world.log_in("none", "C", "B")
    assert offered_to(world.call("c1", skills=ENGLISH_A)) == []
    assert offered_to(world.call("c2", skills=ENGLISH_A)) == []
    assert offered_to(world.wait(9.9)) == []
    assert offered_to(world.wait(0.1)) == [("c1", "B")]
    assert offered_to(world.wait(10.0)) == [("c2", "none")]


def test_a_lowered_grade_never_falls_below_a_certificate():
    layers = (LayerProfile(name="all", order="longest_idle", lower_by=4),)
    world = World(
        [agent("none"), agent("C", skills={"sales": Grade.A, "english": Grade.C})],
        [queue(layers=layers)],
    )
    world.log_in("none", "C")
    assert offered_to(world.call("c1", skills=ENGLISH_A)) == [("c1", "C")]


def test_a_call_that_requires_much_does_not_hold_up_those_behind_it():
    world = World([agent("1", skills={"sales": Grade.A})], [queue()])
    world.call("hard", skills=ENGLISH_A)
    world.call("easy")
    world.log_in("1")
    assert [(event.call, event.agent) for event in world.log if hasattr(event, "offer")] == [
        ("easy", "1")
    ]


def test_requirements_lie_over_each_other():
    number = Requirements(skills={"english": Grade.B}, region="广东", tags=("vip",))
    flow = Requirements(skills={"english": Grade.A}, language="yue", tags=("vip", "gold"))
    assert flow.over(number) == Requirements(
        skills={"english": Grade.A}, region="广东", language="yue", tags=("vip", "gold")
    )
    assert Requirements().over(number) == number


def test_demands_that_nobody_has_any_more_are_cleared_out():
    """More different requirements than are remembered: each call still goes to the right agent."""
    world = World(
        [agent("1", regions=("r7",)), agent("2")],
        [QueueProfile(name="sales", skill="sales", layers=(ANYBODY,), wrap_up_s=0.0)],
    )
    world.log_in("1", "2")
    for n in range(MAXIMUM_DEMANDS + 10):
        made = offered_to(world.call(f"c{n}", region=f"r{n}"))
        assert made == ([("c7", "1")] if n == 7 else [])
        world.leave(f"c{n}")
    assert offered_to(world.call("again", region="r7")) == [("again", "1")]
