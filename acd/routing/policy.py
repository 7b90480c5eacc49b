"""Who may take a call, from when on, and what ranks them: a queue's layers read as rules."""

import math

from .model import AgentProfile, LayerProfile, QueueProfile
from .rank import QueueRank

CONVERSION = "conversion"
CATEGORY_GRADE = "category_grade"
LONGEST_IDLE = "longest_idle"
ORDERS = frozenset({CONVERSION, CATEGORY_GRADE, LONGEST_IDLE})

VALUE = "value"
"""Order recorded where the conversion is weighed with the value of orders."""

UNMEASURED = "unmeasured"
"""Order recorded where conversion would rank, but no outcome is known: longest idle."""

HOLD_OUT = "hold_out"
"""Order recorded for a call of the hold-out share: longest idle where conversion would rank."""


def admits(layer: LayerProfile, queue: QueueProfile, agent: AgentProfile, category: str) -> bool:
    """Whether this layer lets the agent take a call of this category.

    The agent needs `minimum_grade` in the queue's skill or, where the layer borrows from other
    lines, in one of those skills instead; and the grade in the category if the layer names one.
    An agent without the skill's certificate is never admitted.
    """
    skills = layer.skills or (queue.skill,)
    if not any(agent.skills.get(skill, 0) >= layer.minimum_grade for skill in skills):
        return False
    if layer.minimum_category_grade is None:
        return True
    return agent.categories.get(category, 0) >= layer.minimum_category_grade


def admitted_after_s(queue: QueueProfile, agent: AgentProfile, category: str) -> float:
    """Wait after which a call of this category may go to this agent; inf: never."""
    return min(
        (layer.after_s for layer in queue.layers if admits(layer, queue, agent, category)),
        default=math.inf,
    )


def depends_on_category(layer: LayerProfile, order: str) -> bool:
    """Whether calls of two categories see this layer's agents differently."""
    return layer.minimum_category_grade is not None or order in {CONVERSION, CATEGORY_GRADE}


def order_of(layer: LayerProfile, hold_out: bool) -> str:
    """Say what ranks the layer's agents for a call in, or not in, the hold-out share."""
    return HOLD_OUT if hold_out and layer.order == CONVERSION else layer.order


def score(
    order: str,
    queue: QueueProfile,
    rank: QueueRank,
    agent: AgentProfile,
    category: str,
    *,
    exploring: bool = True,
) -> float:
    """Rank the agent: higher first; equal scores go by longest idle, then by number.

    A conversion set by hand wins over the measured one. Orders by idle time score all alike.
    """
    if order == CONVERSION:
        by_hand = agent.rank.get(queue.name)
        return rank.worth(agent.number, category, by_hand, exploring=exploring)
    if order == CATEGORY_GRADE:
        return float(agent.categories.get(category, 0))
    return 0.0


def recorded_order(order: str, queue: QueueProfile, rank: QueueRank, agent: AgentProfile) -> str:
    """Say what the order came to for this agent, so that a missing source of it is seen."""
    if order != CONVERSION:
        return order
    if not rank.measured and queue.name not in agent.rank:
        return UNMEASURED
    return VALUE if rank.by_value and rank.valued else CONVERSION
