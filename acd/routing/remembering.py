"""What of an agent outlives the process, and putting it back."""

from .agent import Agent
from .away import AT_REST
from .dispatch import Dispatch
from .events import Event
from .model import AgentMemory, AgentView, State, Status
from .occupancy import OccupancyMeasure

PASSING = frozenset({State.WRAP_UP, State.PAUSED, State.COOL_DOWN})
"""States that end by themselves and so can go on in another process. A talk cannot: its call ended
with the process."""


def memory_of(view: AgentView, now: float, occupancy: float = 0.0) -> AgentMemory:
    """Describe what has to be remembered of the agent at this moment."""
    passing = view.state in PASSING
    return AgentMemory(
        agent=view.agent,
        status=view.status,
        reason=view.reason,
        misses=view.misses,
        state=view.state if passing else State.OFFLINE,
        remaining_s=max(0.0, view.deadline - now) if passing else 0.0,
        queue=view.queue if passing else "",
        interaction=view.interaction if passing else "",
        cool_down_s=view.cool_down_s,
        away_s=None if view.away_since is None else now - view.away_since,
        away_exceeded=view.away_exceeded,
        counters=view.counters,
        idle_s=now - view.idle_since if view.state is State.IDLE else None,
        occupancy=occupancy,
    )


def restore(
    dispatch: Dispatch,
    agent: Agent,
    memory: AgentMemory,
    by: str,
    now: float,
    events: list[Event],
) -> None:
    """Put the agent where the memory says, as if the time between had been lived through."""
    if agent.state is State.OFFLINE:
        agent.occupancy.take(OccupancyMeasure(memory.occupancy, now))
    elif dispatch.floor.has_idle(agent):
        dispatch.floor.quit(agent)
        agent.occupancy.take(OccupancyMeasure(memory.occupancy, now, 0.0))
        dispatch.floor.join(agent)
    dispatch.want(agent, memory.status, memory.reason, by, now, events)
    agent.misses = memory.misses
    if memory.counters is not None:
        dispatch.count_from(agent, memory.counters)
    if memory.state in PASSING and memory.remaining_s > 0.0 and agent.state in AT_REST:
        dispatch.floor.quit(agent)
        agent.cool_down_s = memory.cool_down_s
        agent.enter(memory.state, now, events, memory.queue, memory.interaction)
        dispatch.deadlines.arm(agent, now + memory.remaining_s)
        agent.away_since = None  # away takes effect when this is over
        dispatch.away.look(agent, now)
    elif memory.idle_s is not None and agent.available:
        dispatch.floor.quit(agent)
        agent.idle_since = now - memory.idle_s
        dispatch.floor.join(agent)
    if memory.away_s is not None and agent.status is Status.AWAY:
        agent.away_since = now - memory.away_s
        agent.away_exceeded = memory.away_exceeded
        dispatch.away.look(agent, now)
