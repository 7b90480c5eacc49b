"""Who agents are is told once, and again only when it differs."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from acd.calls.describing import changes, describe
from acd.calls.events import AgentDescribed
from acd.routing.model import AgentProfile, Grade

WANG = AgentProfile(
    number="1001",
    name="王丽",
    account="1001",
    skills={"sales": Grade.AAA, "care": Grade.B},
    team="销售一组",
    groups=("mobile",),
)


def told(*profiles: AgentProfile) -> list[AgentDescribed]:
    return describe(profiles, project="shop", leaders={"销售一组": "1000"})


def test_an_agent_is_described_as_configured() -> None:
    assert told(WANG) == [
        AgentDescribed(
            agent="1001",
            name="王丽",
            project="shop",
            team="销售一组",
            leader="1000",
            skills={"care": "B", "sales": "AAA"},
            groups=("mobile",),
        )
    ]


def test_the_order_of_skills_is_no_difference() -> None:
    turned = structs.replace(WANG, skills={"care": Grade.B, "sales": Grade.AAA})
    known = {one.agent: one for one in told(WANG)}
    assert changes(known, told(turned)) == []


def test_who_is_taken_out_is_told_once() -> None:
    known = {one.agent: one for one in told(WANG)}
    (gone,) = changes(known, [])
    assert (gone.configured, gone.team) == (False, "销售一组")
    assert changes({"1001": gone}, []) == []
    assert changes({"1001": gone}, told(WANG)) == told(WANG)


teams = st.sampled_from(["", "销售一组", "客服"])


@given(st.lists(st.dictionaries(st.sampled_from(["1001", "1002", "1003"]), teams), max_size=6))
def test_what_was_told_always_says_who_they_are(states: list[dict[str, str]]) -> None:
    known: dict[str, AgentDescribed] = {}
    for state in states:
        current = told(
            *(structs.replace(WANG, number=agent, team=team) for agent, team in state.items())
        )
        news = changes(known, current)
        assert all(known.get(one.agent) != one for one in news)
        known |= {one.agent: one for one in news}
        assert {one.agent: one for one in known.values() if one.configured} == {
            one.agent: one for one in current
        }
