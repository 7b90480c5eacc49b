"""Who agents are, for the records: team, leader and skills, told again when they differ."""

from collections.abc import Iterable, Mapping

from msgspec import structs

from acd.routing.model import AgentProfile

from .events import AgentDescribed

Described = Mapping[str, AgentDescribed]
"What was told last, by agent. Limited by the number of agents that were ever configured."


def describe(
    profiles: Iterable[AgentProfile], *, project: str, leaders: Mapping[str, str]
) -> list[AgentDescribed]:
    """Return who the agents are; `leaders` by team."""
    return [
        AgentDescribed(
            agent=profile.number,
            name=profile.name,
            project=project,
            team=profile.team,
            leader=leaders.get(profile.team, ""),
            skills={skill: grade.name for skill, grade in sorted(profile.skills.items())},
            groups=profile.groups,
        )
        for profile in profiles
    ]


def changes(known: Described, current: Iterable[AgentDescribed]) -> list[AgentDescribed]:
    """Return what has to be told: who is new, is another than before, or is there no more."""
    told = {one.agent: one for one in current}
    changed = [one for one in told.values() if known.get(one.agent) != one]
    gone = [
        structs.replace(one, configured=False)
        for agent, one in known.items()
        if agent not in told and one.configured
    ]
    return changed + gone
