"""What rules know of a call and of an agent."""

from .model import AgentProfile, WaitingCall
from .rule import Fact


def call_facts(call: WaitingCall, category: str) -> dict[str, Fact]:
    """Return what rules know of this call."""
    return {
        "call.category": category,
        "call.language": call.language,
        "call.region": call.region,
        "call.caller": call.caller,
        "call.called": call.called,
        "call.tags": call.tags,
        "call.skills": {skill: int(grade) for skill, grade in call.skills.items()},
        "call.visits": call.visits,
        "call.priority": call.priority,
    }


def agent_facts(agent: AgentProfile) -> dict[str, Fact]:
    """Return what rules know of this agent."""
    return {
        "agent.number": agent.number,
        "agent.team": agent.team,
        "agent.groups": agent.groups,
        "agent.languages": agent.languages,
        "agent.regions": agent.regions,
        "agent.skills": {skill: int(grade) for skill, grade in agent.skills.items()},
        "agent.categories": {name: int(grade) for name, grade in agent.categories.items()},
    }
