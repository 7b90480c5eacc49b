"""What the router tells of itself at a moment, without changing anything."""

from collections.abc import Iterable

from .activation import SwitchedGroup
from .agent import Agent
from .dispatch import Dispatch
from .errors import UnknownAgentError
from .model import AgentView, QueueKind, State
from .policy import CONVERSION
from .staffing import nobody_serves
from .waiting_rules import EmptyRule


class Views:
    """Looks at agents, queues and calls; the inputs are `router.Router`'s."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    def _agent(self, number: str) -> Agent:
        agent = self._dispatch.agents.get(number)
        if agent is None:
            raise UnknownAgentError(number)
        return agent

    def active_groups(self, queue: str) -> dict[str, str]:
        """Return who activated each group that is active for this queue now."""
        known = self._dispatch.queues.get(queue)
        if known is None:
            return {}
        return {group: each.by for group, each in known.activations.items() if each.on}

    def switched_groups(self) -> tuple[SwitchedGroup, ...]:
        """Return what people have said of groups, for whoever keeps it over a restart."""
        said = (
            activation.switched
            for queue in self._dispatch.queues.values()
            for activation in queue.activations.values()
        )
        return tuple(each for each in said if each is not None)

    def occupancies(self, numbers: Iterable[str], now: float) -> dict[str, float]:
        """Return the occupancy of these agents, 0-1, as the caps see it."""
        known = self._dispatch.agents
        return {number: known[number].occupancy.at(now) for number in numbers if number in known}

    def shares(self) -> dict[str, dict[str, float]]:
        """Return the agents' shares of the calls, 0-1, of each queue with a maximum share."""
        return {
            name: {agent: queue.shares.of(agent) for agent in queue.shares.measure()}
            for name, queue in self._dispatch.queues.items()
            if queue.profile.maximum_share < 1.0
        }

    def queue_lengths(self) -> dict[str, int]:
        """Count the calls in each line, those being offered among them."""
        return {name: len(queue) for name, queue in self._dispatch.queues.items()}

    def oldest_wait(self, now: float) -> dict[str, float]:
        """Longest wait in each line, seconds, without talks before transfers; 0: nobody waits."""
        return {
            name: now - queue.oldest() if len(queue) else 0.0
            for name, queue in self._dispatch.queues.items()
        }

    def service_level_s(self, queue: str) -> float:
        """Return the wait within which an answer is in time; 0: no such queue."""
        known = self._dispatch.queues.get(queue)
        return known.profile.service_level_s if known is not None else 0.0

    def unmeasured(self) -> list[str]:
        """Name the sales queues that conversion should rank and of which no outcome is known.

        Their calls go to the longest idle agent until the first one is.
        """
        return [
            name
            for name, queue in self._dispatch.queues.items()
            if queue.profile.kind is QueueKind.SALES
            and any(layer.order == CONVERSION for layer in queue.profile.layers)
            and not queue.rank.measured
        ]

    def agent_view(self, agent: str) -> AgentView:
        """One agent at this moment."""
        return self._agent(agent).view()

    def views_of(self, numbers: Iterable[str]) -> list[AgentView]:
        """Those of these agents that are known, at this moment."""
        known = self._dispatch.agents
        return [known[number].view() for number in numbers if number in known]

    def agent_numbers(self) -> list[str]:
        """Every agent's number."""
        return list(self._dispatch.agents)

    def agents(self) -> list[AgentView]:
        """Every agent at this moment."""
        return [agent.view() for agent in self._dispatch.agents.values()]

    def talk(self, agent: str) -> str:
        """Interaction that the agent talks in; empty: in none, or there is no such agent."""
        somebody = self._dispatch.agents.get(agent)
        talks = somebody is not None and somebody.state in {State.TALKING, State.HELD}
        return somebody.interaction if somebody is not None and talks else ""

    def position(self, call: str, now: float) -> int:
        """Place in the line by now, 1 is the head; 0: the call is in none."""
        waiting = self._dispatch.waiting.get(call)
        return waiting.queue.position(waiting, now) if waiting is not None else 0

    def expected_place(self, call: str, now: float) -> int:
        """Place that the caller is told, as `Queue.expected_place` says it; 0: in no line."""
        waiting = self._dispatch.waiting.get(call)
        return waiting.queue.expected_place(waiting, now) if waiting is not None else 0

    def is_empty(self, queue: str, rule: EmptyRule) -> bool:
        """Whether nobody serves the queue now, by what the rule counts as empty."""
        known = self._dispatch.queues.get(queue)
        return known is None or nobody_serves(known, self._dispatch.floor.staff(queue), rule)

    def next_wait(self, queue: str) -> float | None:
        """Seconds until a call that came now would be answered, as `estimated_wait` says it."""
        known = self._dispatch.queues.get(queue)
        return known.pace.wait_s(len(known) + 1) if known is not None else None

    def estimated_wait(self, call: str, now: float) -> float | None:
        """Seconds until this call is answered at the measured pace of its line: see pace.py.

        None: nobody was answered yet out of a line, nobody is on duty, or the call is in none.
        """
        waiting = self._dispatch.waiting.get(call)
        return waiting.queue.estimated_wait(waiting, now) if waiting is not None else None
