"""What of an agent outlives the process, and putting it back."""

from .agent import Agent
from .away import AT_REST
from .dispatch import Dispatch
from .events import Event
from .model import AgentMemory, AgentView, State, Status
from .occupancy import OccupancyMeasure

PASSING = frozenset({State.WRAP_UP, State.PAUSED, State.COOL_DOWN})
"""States that end by themselves and so can go on in another process. A talk cannot: its call ended
with the process, and what of an earlier call was to follow it, follows."""

TALKING = frozenset({State.TALKING, State.HELD})


def memory_of(view: AgentView, now: float, occupancy: float = 0.0) -> AgentMemory:
    """Describe what has to be remembered of the agent at this moment."""
    state, remaining_s, queue, interaction = State.OFFLINE, 0.0, "", ""
    owed = view.state in TALKING and view.interrupted is not None and view.wrap_up_s > 0.0
    if view.state in PASSING:
        state, remaining_s = view.state, max(0.0, view.deadline - now)
        queue, interaction = view.queue, view.interaction
    elif owed and view.interrupted is not None:
        state, remaining_s = State.WRAP_UP, view.wrap_up_s
        queue, interaction = view.interrupted
    # After a talk it comes only for who is ready then, and the talk is over.
    cools_down = state is not State.OFFLINE or view.status is Status.READY
    return AgentMemory(
        agent=view.agent,
        status=view.status,
        reason=view.reason,
        misses=view.misses,
        state=state,
        remaining_s=remaining_s,
        queue=queue,
        interaction=interaction,
        owed=owed,
        cool_down_s=view.cool_down_s if cools_down else 0.0,
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
    if agent.state in AT_REST:
        _resume(dispatch, agent, memory, now, events)
    if memory.away_s is not None and agent.status is Status.AWAY:
        agent.away_since = now - memory.away_s
        agent.away_exceeded = memory.away_exceeded
        dispatch.away.look(agent, now)


def _resume(
    dispatch: Dispatch, agent: Agent, memory: AgentMemory, now: float, events: list[Event]
) -> None:
    """Go on with what was under way, or was to follow a talk; else be idle as long as before."""
    remaining_s, cool_down_s = memory.remaining_s, memory.cool_down_s
    if memory.state is State.COOL_DOWN and not agent.on_duty:
        # The phone has to answer first, and by that the agent is ready: then it begins.
        remaining_s, cool_down_s = 0.0, remaining_s
    if memory.state in PASSING and remaining_s > 0.0:
        dispatch.floor.quit(agent)
        agent.cool_down_s = cool_down_s
        agent.enter(memory.state, now, events, memory.queue, memory.interaction)
        dispatch.deadlines.arm(agent, now + remaining_s)
        agent.away_since = None  # away takes effect when this is over
        dispatch.away.look(agent, now)
    elif cool_down_s > 0.0 and agent.status is not Status.AWAY:
        agent.cool_down_s = cool_down_s
        if agent.available:
            dispatch.free(agent, now, now, events)
    elif memory.idle_s is not None and agent.available:
        dispatch.floor.quit(agent)
        agent.idle_since = now - memory.idle_s
        dispatch.floor.join(agent)
