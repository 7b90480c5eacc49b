"""A running offer, and what a missed one costs the agent."""

from msgspec import Struct

from .agent import Agent
from .events import OfferOutcome
from .model import MissRule, QueueProfile
from .queue import Waiting


def pause_s(rule: MissRule, outcome: OfferOutcome) -> float | None:
    """How long an agent is set aside after such an offer; None: that was no miss."""
    if outcome is OfferOutcome.NO_ANSWER:
        return rule.no_answer_s
    if outcome is OfferOutcome.BUSY:
        return rule.busy_s
    if outcome is OfferOutcome.REJECTED:
        return rule.rejected_s
    if outcome is OfferOutcome.FAILED:
        return rule.failed_s
    return None


def miss_rule(agent: Agent, waiting: Waiting) -> MissRule:
    """Return what a missed offer costs: the agent's own rule goes before the queue's."""
    return agent.profile.miss or waiting.queue.profile.miss


def wrap_up_of(agent: Agent, queue: QueueProfile) -> float:
    """Return the after-call work in seconds: the agent's own goes before the queue's."""
    own_s = agent.profile.wrap_up_s
    return queue.wrap_up_s if own_s is None else own_s


class Offer(Struct, frozen=True):
    """A running offer: one call, one agent, a lease that is the agent's deadline."""

    offer: str
    waiting: Waiting
    agent: Agent
