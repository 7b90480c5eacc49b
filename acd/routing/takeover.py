"""Going on under another configuration while calls wait and agents talk."""

import math
from typing import TypeVar

from .agent import Agent
from .deadlines import Timed
from .dispatch import SYSTEM, Dispatch
from .events import Event
from .model import AgentProfile, QueueProfile, Status
from .outcomes import ConversionRanks
from .queue import Queue
from .rank import Measure

Listed = TypeVar("Listed")

REMOVED = "removed"
"""Reason of the log-out of an agent who is no longer configured."""


def take_over(
    dispatch: Dispatch,
    ranks: ConversionRanks,
    agents: list[AgentProfile],
    queues: list[QueueProfile],
    now: float,
) -> list[Event]:
    """Put these agents and queues, known to be without faults, in place of the present ones."""
    events: list[Event] = []
    timers = _timers(dispatch.queues)
    _take_over_queues(dispatch.queues, ranks, queues)
    for timer in timers - _timers(dispatch.queues):
        dispatch.deadlines.arm(timer, math.inf)
    for profile in queues:
        ranks.queues[profile.name].follow(profile, dispatch.floor.random)
    removed = _take_over_agents(dispatch.agents, agents, now)
    dispatch.rings = any(queue.rings for queue in dispatch.queues.values())
    dispatch.floor.rebuild(dispatch.agents.values(), dispatch.queues.values())
    for agent in dispatch.agents.values():
        dispatch.on_duty.note(agent, dispatch.floor.serves(agent), now)
    for agent in removed:
        dispatch.want(agent, Status.LOGGED_OUT, REMOVED, SYSTEM, now, events)
        dispatch.forget_if_gone(agent)
    # Other layers and skills may suit calls that waited in vain; first come, first served.
    unoffered = [call for queue in dispatch.queues.values() for call in queue.unoffered()]
    unoffered.sort(key=lambda call: call.urgency(now))
    for waiting in unoffered:
        if not waiting.offer:
            dispatch.go_on(waiting, now, events)
    for queue in dispatch.queues.values():
        dispatch.ring_on(queue.ringing.values(), now, events)
    return events


def _timers(queues: dict[str, Queue]) -> set[Timed]:
    """Return what strikes for a queue as a whole; it must not once the queue is gone."""
    return {
        timer for queue in queues.values() for timer in (queue.refit, *queue.activations.values())
    }


def _take_over_queues(
    queues: dict[str, Queue], ranks: ConversionRanks, profiles: list[QueueProfile]
) -> None:
    ranks.configure(
        {
            profile.name: Measure(profile.success_half_life_s, profile.currency)
            for profile in profiles
        }
    )
    for profile in profiles:
        rank = ranks.queues[profile.name]
        queue = queues.get(profile.name)
        if queue is None:
            queues[profile.name] = Queue(profile, rank)
        else:
            queue.reconfigure(profile, rank)
    for name in queues.keys() - {profile.name for profile in profiles}:
        queues[name].retired = True
        if not len(queues[name]):
            del queues[name]
    _line_up(queues, [profile.name for profile in profiles])


def _take_over_agents(
    agents: dict[str, Agent], profiles: list[AgentProfile], now: float
) -> list[Agent]:
    for listed, profile in enumerate(profiles):
        agent = agents.get(profile.number)
        if agent is None:
            agent = agents[profile.number] = Agent(profile, now)
        else:
            agent.take_profile(profile)
            agent.retired = False
        agent.listed = listed
    removed = sorted(agents.keys() - {profile.number for profile in profiles})
    for number in removed:
        agents[number].retired = True
    _line_up(agents, [profile.number for profile in profiles])
    return [agents[number] for number in removed]


def _line_up(known: dict[str, Listed], configured: list[str]) -> None:
    """Have them in the configuration's order, the removed last: not in that of their coming."""
    ordered = [*configured, *sorted(known.keys() - set(configured))]
    for name in ordered:
        known[name] = known.pop(name)
