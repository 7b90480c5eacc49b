"""Business rules over calls and agents: what they may look at, and what a compiled one is.

A rule is compiled and type-checked where the configuration is read; here it is only asked. One
over the agent alone is asked once per change of the agent, one over the call alone once per call,
one over both once per agent and kind of call.
"""

from collections.abc import Mapping
from typing import Protocol

Fact = int | str | tuple[str, ...] | dict[str, int]

CALL_FACTS: dict[str, type] = {
    "call.category": str,
    "call.language": str,
    "call.region": str,
    "call.caller": str,
    "call.called": str,
    "call.tags": tuple,
    "call.skills": dict,
    "call.visits": int,
    "call.priority": int,
}
"What rules know of a call: texts, lists of texts, grades by skill, numbers."

AGENT_FACTS: dict[str, type] = {
    "agent.number": str,
    "agent.team": str,
    "agent.groups": tuple,
    "agent.languages": tuple,
    "agent.regions": tuple,
    "agent.skills": dict,
    "agent.categories": dict,
}
"What rules know of an agent; grades are numbers, C = 1 … AAA = 5."


class Rule(Protocol):
    """A compiled expression that is true or false; total: no value counts as false."""

    @property
    def text(self) -> str:
        """The expression as it was written; rules of the same text are the same."""

    @property
    def call_facts(self) -> frozenset[str]:
        """Which of CALL_FACTS it looks at."""

    @property
    def of_agent(self) -> bool:
        """Whether it looks at the agent."""

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        """Return what it says; `facts` has at least those that it looks at."""
