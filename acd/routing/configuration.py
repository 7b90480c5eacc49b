"""What agents and queues must satisfy before the router takes them over."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from .explore import EXPLORATIONS, THOMPSON
from .model import AgentProfile, LayerProfile, MissRule, Overflow, QueueProfile
from .policy import MAXIMUM_RINGING, ORDERS, REQUIREMENTS, WAYS, WEIGHTED_RANDOM
from .price import TIME_PRICES
from .rank import BASES

SHORTEST_S = 1.0
"""Lower end of ring time and announcement interval: less can only be a slip, and would make the
router turn over the same call without end."""


def faults(
    agents: Iterable[AgentProfile], queues: Iterable[QueueProfile], has_random: bool
) -> list[str]:
    """Every mistake, each saying where it is and what would be right."""
    agents, queues = list(agents), list(queues)
    names = {queue.name for queue in queues}
    found = [
        *_twice("agent number", [agent.number for agent in agents]),
        *_twice("queue", [queue.name for queue in queues]),
    ]
    for agent in agents:
        found.extend(f"agent {agent.number!r}: {fault}" for fault in _agent_faults(agent))
    for queue in queues:
        found.extend(
            f"queue {queue.name!r}: {fault}" for fault in _queue_faults(queue, names, has_random)
        )
    return found


def _twice(what: str, values: list[str]) -> list[str]:
    return [
        f"{what} {value!r} stands {count} times; it must be unique"
        for value, count in Counter(values).items()
        if count > 1
    ]


def _agent_faults(agent: AgentProfile) -> Iterator[str]:
    if not agent.number:
        yield "the number is empty"
    if not 0.0 < agent.weight < math.inf:
        yield f"weight is {agent.weight}; more than 0, and finite"
    for queue, rank in agent.rank.items():
        if not 0.0 <= rank <= 1.0:
            yield f"rank for {queue!r} is {rank}; a conversion lies between 0 and 1"
    if agent.wrap_up_s is not None and not 0.0 <= agent.wrap_up_s < math.inf:
        yield f"wrap_up_s is {agent.wrap_up_s}; seconds from 0 on, and finite"
    if agent.miss is not None:
        yield from _miss_faults(agent.miss)


def _queue_faults(queue: QueueProfile, names: set[str], has_random: bool) -> Iterator[str]:
    if not queue.name:
        yield "the name is empty"
    if not queue.layers:
        yield "it has no layer, so that nobody could take its calls; give it at least one"
    yield from _twice("layer", [layer.name for layer in queue.layers])
    for layer in queue.layers:
        yield from _layer_faults(layer)
    yield from _ringing_faults(queue)
    yield from _limit_faults(queue)
    yield from _order_faults(queue)
    yield from _activation_faults(queue)
    if not 0.0 <= queue.hold_out <= 1.0:
        yield f"hold_out is {queue.hold_out}; a share lies between 0 and 1"
    elif queue.hold_out and not has_random:
        yield "hold_out needs a source of random numbers, and the router was given none"
    yield from _rank_faults(queue, has_random)
    if not has_random and any(layer.order == WEIGHTED_RANDOM for layer in queue.layers):
        yield "weighted_random needs a source of random numbers, and the router was given none"
    if queue.overflow is not None:
        yield from _overflow_faults(queue.overflow, queue.name, names)


def _rank_faults(queue: QueueProfile, has_random: bool) -> Iterator[str]:
    if queue.rank_by not in BASES:
        yield f"rank_by {queue.rank_by!r} is unknown; one of {', '.join(sorted(BASES))}"
    if queue.exploration not in EXPLORATIONS:
        known = ", ".join(sorted(EXPLORATIONS))
        yield f"exploration {queue.exploration!r} is unknown; one of {known}"
    elif queue.exploration == THOMPSON and not has_random:
        yield "exploration thompson needs a source of random numbers, and there is none"
    if queue.time_price not in TIME_PRICES:
        known = ", ".join(sorted(TIME_PRICES))
        yield f"time_price {queue.time_price!r} is unknown; one of {known}"
    for name in ("occupancy_cap", "maximum_share"):
        share: float = getattr(queue, name)
        if not 0.0 < share <= 1.0:
            yield f"{name} is {share}; more than 0, and at most 1, which is none"
    if not 0.0 <= queue.fairness_window_s < math.inf:
        yield f"fairness_window_s is {queue.fairness_window_s}; seconds from 0 on, and finite"


def _overflow_faults(overflow: Overflow, name: str, names: set[str]) -> Iterator[str]:
    ways = [way for way in (overflow.queue, overflow.flow, overflow.hang_up_prompt) if way]
    if len(ways) != 1:
        yield f"overflow names {len(ways)} ways out; exactly one of queue, flow, hang_up_prompt"
    if overflow.queue == name:
        yield "overflow goes to the queue itself"
    elif overflow.queue and overflow.queue not in names:
        yield f"overflow goes to queue {overflow.queue!r}, which is not configured"


def _layer_faults(layer: LayerProfile) -> Iterator[str]:
    if layer.order not in ORDERS:
        known = ", ".join(ORDERS)
        yield f"layer {layer.name!r}: order {layer.order!r} is unknown; one of {known}"
    if not 0.0 <= layer.after_s < math.inf:
        yield f"layer {layer.name!r}: after_s is {layer.after_s}; seconds from 0 on"
    if layer.ring not in WAYS:
        yield f"layer {layer.name!r}: ring {layer.ring!r} is unknown; one of {', '.join(WAYS)}"
    for name in layer.waives:
        if name not in REQUIREMENTS:
            known = ", ".join(REQUIREMENTS)
            yield f"layer {layer.name!r}: waives {name!r}, which is no requirement; one of {known}"
    if layer.lower_by < 0:
        yield f"layer {layer.name!r}: lower_by is {layer.lower_by}; 0 grades or more"


def _activation_faults(queue: QueueProfile) -> Iterator[str]:
    named = {group for layer in queue.layers for group in layer.groups}
    for rule in queue.activations:
        if rule.group not in named:
            yield f"activations: no layer names the group {rule.group!r}"
        if not rule.off_after_s >= SHORTEST_S or rule.last_calls < 1:
            yield f"activations: {rule.group!r}: off_after_s at least {SHORTEST_S} s, last_calls 1"
    yield from _twice("activation of group", [rule.group for rule in queue.activations])


def _order_faults(queue: QueueProfile) -> Iterator[str]:
    if not 0.0 <= queue.ageing_s < math.inf:
        yield f"ageing_s is {queue.ageing_s}; 0 (never), or seconds"
    if not queue.starvation_s > 0.0:
        yield f"starvation_s is {queue.starvation_s}; more than 0 s, or inf (never)"


def _ringing_faults(queue: QueueProfile) -> Iterator[str]:
    for name in ("ring_timeout_s", "ring_step_s"):
        ring_s: float = getattr(queue, name)
        if not SHORTEST_S <= ring_s < math.inf:
            yield f"{name} is {ring_s}; at least {SHORTEST_S} s, and finite"
    if not 1 <= queue.ring_at_most <= MAXIMUM_RINGING:
        yield f"ring_at_most is {queue.ring_at_most}; 1 to {MAXIMUM_RINGING} phones"


def _limit_faults(queue: QueueProfile) -> Iterator[str]:
    if queue.position_every_s and not SHORTEST_S <= queue.position_every_s < math.inf:
        yield f"position_every_s is {queue.position_every_s}; 0, or at least {SHORTEST_S} s"
    if not 0.0 <= queue.wrap_up_s < math.inf:
        yield f"wrap_up_s is {queue.wrap_up_s}; seconds from 0 on, and finite"
    if not queue.max_wait_s > 0.0:
        yield f"max_wait_s is {queue.max_wait_s}; more than 0 s"
    if not 0.0 < queue.success_half_life_s < math.inf:
        yield f"success_half_life_s is {queue.success_half_life_s}; more than 0 s, and finite"
    if queue.max_length < 1:
        yield f"max_length is {queue.max_length}; at least 1 call"
    yield from _miss_faults(queue.miss)


def _miss_faults(miss: MissRule) -> Iterator[str]:
    for name in ("no_answer_s", "busy_s", "rejected_s", "failed_s"):
        pause_s: float = getattr(miss, name)
        if not SHORTEST_S <= pause_s < math.inf:
            yield f"miss.{name} is {pause_s}; at least {SHORTEST_S} s, and finite"
    if miss.away_after_misses < 0:
        yield f"miss.away_after_misses is {miss.away_after_misses}; 0 (never) or more"
