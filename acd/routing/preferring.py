"""Calls that wait for one of a few agents, before the layers open them to all.

A reserved call keeps its place in the line but stands in nobody's way: agents who are not
preferred do not see it. It is opened to all when its time is over, or at once when none of its
agents is there any more: logged out, away, without a phone, or passed over.
"""

import math

from .agent import Agent
from .model import Preferred, State, Status
from .queue import Waiting


def is_there(agent: Agent) -> bool:
    """Whether the agent will take calls, now or after the work at hand."""
    return not agent.retired and agent.status is Status.READY and agent.rest is State.IDLE


class Reservations:
    """The reserved calls, by the agents whom they wait for."""

    def __init__(self) -> None:
        self.by_agent: dict[str, dict[str, Waiting]] = {}

    def wanted(self, waiting: Waiting, agents: dict[str, Agent]) -> list[tuple[Agent, Preferred]]:
        """Return who of the preferred is there and may take the call, the most wanted first."""
        found = []
        for preferred in waiting.call.preferred:
            agent = agents.get(preferred.agent)
            if (
                agent is not None
                and agent.number not in waiting.passed_over
                and is_there(agent)
                and waiting.queue.admission.ever(agent, waiting.demand)
            ):
                found.append((agent, preferred))
        return found

    def add(self, waiting: Waiting) -> None:
        """Have the call seen by its preferred agents."""
        for preferred in waiting.call.preferred:
            self.by_agent.setdefault(preferred.agent, {})[waiting.call.call] = waiting

    def remove(self, waiting: Waiting) -> None:
        """Forget the call; one that is not in here is no mistake."""
        for preferred in waiting.call.preferred:
            calls = self.by_agent.get(preferred.agent)
            if calls is not None:
                calls.pop(waiting.call.call, None)
                if not calls:
                    del self.by_agent[preferred.agent]

    def of(self, agent: str) -> list[Waiting]:
        """Return the calls that wait for this agent, on offer or not, first come first."""
        calls = self.by_agent.get(agent)
        return sorted(calls.values(), key=lambda call: call.place[1:]) if calls else []

    def first(self, agent: Agent, now: float) -> Waiting | None:
        """Return the call that waits longest for this agent, of those that nobody is offered.

        One at its starvation bound goes before those of queues that have a later one.
        """
        calls = self.by_agent.get(agent.number)
        if not calls:
            return None
        waiting = [
            call
            for call in calls.values()
            if not call.offer
            and agent.number not in call.passed_over
            and call.queue.admission.ever(agent, call.demand)
        ]
        return min(
            waiting,
            key=lambda call: (call.urgency(now)[0] > -math.inf, call.place[1:]),
            default=None,
        )
