"""In shortage: which of the waiting calls suits the agent who frees up.

Rank can pick nothing among agents when only one is free; it can pick among calls. The one to
take is where this agent is furthest above the group, per category: comparative advantage (Ricardo,
1817), and not where the agent sells best, which would leave to nobody what all find hard.

Fairness is a bound on time: a call is overtaken only by calls that came at most
`fairness_window_s` after it, so that those who can still overtake it are soon used up. Only calls
of the same queue and priority take part, and none of the hold-out share: it goes first come, first
served. A group's head is its oldest call, so a look at the heads is enough.
"""

from collections.abc import Callable

from .agent import Agent
from .demand import Demand
from .policy import Way
from .queue import Waiting

PAIRING = "pairing"
"""Order recorded where a call went ahead of the head of the line for the agent's sake."""


def best_suited(agent: Agent, first: Waiting, now: float, way: Callable[[Demand], Way]) -> Waiting:
    """Return the call that suits the agent best; of equals the one that comes first.

    `first` is the head of the line, `way` says how calls of a demand come to this agent.
    """
    queue = first.queue
    rank, name = queue.rank, queue.profile.name
    by_hand = agent.profile.rank.get(name)
    latest = first.call.enqueued_at + queue.profile.fairness_window_s
    best, best_key = first, (-rank.advantage(agent.number, first.category, by_hand), first.place)
    for _, enqueued_at, call, demand, hold_out in queue.heads(now):
        priority = queue.calls[call].call.priority
        if hold_out or priority != first.call.priority or enqueued_at > latest:
            continue
        if now < enqueued_at + way(demand).after_s:
            continue
        place = queue.calls[call].place
        key = (-rank.advantage(agent.number, demand.category, by_hand), place)
        if key < best_key:
            best, best_key = queue.calls[call], key
    return best
