"""Which agents are on duty for which queues: ready, reachable, and admitted by some layer."""

from .agent import Agent
from .queue import Queue


class OnDuty:
    """Keeps the number of agents on duty in each queue's pace."""

    def __init__(self) -> None:
        self._serving: dict[str, tuple[Queue, ...]] = {}

    def note(self, agent: Agent, queues: tuple[Queue, ...], now: float) -> None:
        """Count the agent in or out, after a change of status, device or configuration.

        Agents at work are on duty too: their talk ends.
        """
        before = self._serving.get(agent.number, ())
        serving = queues if agent.on_duty and not agent.retired else ()
        if serving == before:
            return
        for queue in before:
            if queue not in serving:
                queue.pace.change_staff(-1, now)
        for queue in serving:
            if queue not in before:
                queue.pace.change_staff(+1, now)
        if serving:
            self._serving[agent.number] = serving
        else:
            del self._serving[agent.number]
