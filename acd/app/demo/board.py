"""The floor's figures over time, folded from what the HTTP API says again and again."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from acd.reports.kpi import QueueKpi

from .client import AgentView, CallView, QueueView

FINISHED_KEPT = 8
"As many last calls as fit on a screen beside queues and agents."


class FinishedCall(Struct, frozen=True, kw_only=True):
    """A call that is over, as it was last seen."""

    interaction: str
    caller: str
    queue: str
    "Empty: it never came to a queue."

    agent: str
    "Who talked to the caller; empty: nobody."

    ended: datetime
    waited_s: float
    "Before the agent, or in all."

    talked_s: float


class _Seen(Struct):
    """A call under way."""

    view: CallView
    since_s: float
    talking_since_s: float | None = None


class Board:
    """What the screen shows. Times are as exact as the API is asked often."""

    def __init__(self) -> None:
        self.queues: list[QueueView] = []
        self.agents: list[AgentView] = []
        self.kpis: dict[str, QueueKpi] = {}
        self.calls_taken: dict[str, int] = {}
        "By agent."

        self.finished: deque[FinishedCall] = deque(maxlen=FINISHED_KEPT)
        "Newest first."

        self.calls_total = 0
        "Seen so far, those under way included."

        self._calls: dict[str, _Seen] = {}
        self._last_of_agent: dict[str, str] = {}

    @property
    def calls_under_way(self) -> int:
        """Callers at this moment."""
        return len(self._calls)

    @property
    def last_call(self) -> str:
        """The interaction that ended last, or empty."""
        return self.finished[0].interaction if self.finished else ""

    def take_queues(self, queues: list[QueueView]) -> None:
        """Take GET /api/queues."""
        self.queues = queues

    def take_kpis(self, kpis: Iterable[QueueKpi]) -> None:
        """Take GET /api/reports/kpi."""
        self.kpis = {kpi.queue: kpi for kpi in kpis}

    def take_agents(self, agents: list[AgentView]) -> None:
        """Take GET /api/agents; a new last interaction is a call that the agent took."""
        self.agents = agents
        for agent in agents:
            last = agent.last_interaction
            if last and self._last_of_agent.get(agent.number) != last:
                self._last_of_agent[agent.number] = last
                self.calls_taken[agent.number] = self.calls_taken.get(agent.number, 0) + 1

    def take_calls(self, calls: Iterable[CallView], *, now_s: float, wall: datetime) -> None:
        """Take GET /api/calls: those that are no longer there are over.

        Agents who dial their codes are no callers, though the server has them in its list.
        """
        accounts = {agent.account for agent in self.agents}
        here = {call.interaction: call for call in calls if call.caller not in accounts}
        for interaction in self._calls.keys() - here.keys():
            self._finish(self._calls.pop(interaction), now_s, wall)
        for interaction, view in here.items():
            seen = self._calls.get(interaction)
            if seen is None:
                self.calls_total += 1
                seen = self._calls[interaction] = _Seen(view, now_s)
            seen.view = view
            if view.phase == "talking" and seen.talking_since_s is None:
                seen.talking_since_s = now_s

    def _finish(self, seen: _Seen, now_s: float, wall: datetime) -> None:
        talked_from_s = now_s if seen.talking_since_s is None else seen.talking_since_s
        answered = seen.talking_since_s is not None
        self.finished.appendleft(
            FinishedCall(
                interaction=seen.view.interaction,
                caller=seen.view.caller,
                queue=seen.view.queue,
                agent=seen.view.agent if answered else "",
                ended=wall,
                waited_s=talked_from_s - seen.since_s,
                talked_s=now_s - talked_from_s,
            )
        )
