"""Who is away for longer than the reason allows: a deadline per agent away, told once."""

import math

from .agent import Agent
from .deadlines import Deadlines, Timed
from .events import AwayLimitExceeded
from .model import State, Status

AT_REST = frozenset({State.IDLE, State.OFFLINE})


class AwayTimer(Timed):
    """When this agent has been away for too long."""

    __slots__ = ("agent",)

    def __init__(self, agent: Agent) -> None:
        super().__init__(f"3 away {agent.number}")
        self.agent = agent


class AwayWatch:
    """Counts from the moment when away takes effect: a talk and its wrap-up are work.

    Limited by the number of agents: one timer for each that is away under a limit.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.limits_s: dict[str, float] = {}
        self._deadlines = deadlines
        self._timers: dict[str, AwayTimer] = {}

    def look(self, agent: Agent, now: float) -> None:
        """Take that status, reason or state may have changed."""
        if agent.status is not Status.AWAY:
            if agent.number in self._timers:
                self._deadlines.arm(self._timers.pop(agent.number), math.inf)
            return
        if agent.away_since is None and agent.state in AT_REST:
            agent.away_since = now
        self._arm(agent)

    def limit(self, limits_s: dict[str, float], agents: list[Agent]) -> None:
        """Go on under these limits; who is away already is held to them too."""
        if limits_s == self.limits_s:
            return
        self.limits_s = limits_s
        for agent in agents:
            if agent.status is Status.AWAY:
                self._arm(agent)

    def due(self, timer: AwayTimer) -> AwayLimitExceeded:
        """Say that somebody is away for too long."""
        agent = timer.agent
        agent.away_exceeded = True
        del self._timers[agent.number]
        return AwayLimitExceeded(agent.number, agent.reason, self.limits_s[agent.reason])

    def _arm(self, agent: Agent) -> None:
        limit_s = self.limits_s.get(agent.reason, math.inf)
        if agent.away_since is None or agent.away_exceeded or limit_s == math.inf:
            timer = self._timers.pop(agent.number, None)
            if timer is not None:
                self._deadlines.arm(timer, math.inf)
            return
        timer = self._timers.get(agent.number)
        if timer is None:
            timer = self._timers[agent.number] = AwayTimer(agent)
        self._deadlines.arm(timer, agent.away_since + limit_s)
