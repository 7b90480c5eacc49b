"""Skills that count: those for which an agent holds the certificate."""

from collections.abc import Iterable

from msgspec import structs

from acd.routing.model import AgentProfile

from .ports import Certificates


def certified(
    agents: Iterable[AgentProfile], certificates: Certificates
) -> tuple[AgentProfile, ...]:
    """Return the agents with the skills that they may serve; configured skills only."""
    return tuple([_certified(agent, certificates) for agent in agents])


def _certified(agent: AgentProfile, certificates: Certificates) -> AgentProfile:
    held = {
        skill: grade
        for skill, grade in agent.skills.items()
        if certificates.serves(agent.number, skill)
    }
    return agent if held == agent.skills else structs.replace(agent, skills=held)
