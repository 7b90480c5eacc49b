"""What there is to announce of agents, calls, offers and queues, as they stand."""

import math

from msgspec.structs import replace

from .agent import Agent
from .announcing import (
    AgentAnnouncement,
    Announcement,
    CallAnnouncement,
    HouseAnnouncement,
    OfferAnnouncement,
    QueueAnnouncement,
)
from .dispatch import Dispatch
from .offer import Offer
from .outcomes import ConversionRanks
from .queue import Queue, Waiting


def describe(dispatch: Dispatch, ranks: ConversionRanks, seq: int) -> list[Announcement]:
    """Describe everything but the configuration under this sequence number."""
    dispatch.floor.clear_up()
    return [
        _house(dispatch, ranks, seq),
        *(_queue(queue, seq) for queue in dispatch.queues.values()),
        *(_agent(agent, seq) for agent in dispatch.agents.values()),
        *(_call(waiting, seq) for waiting in dispatch.waiting.values()),
        *(_offer(offer, seq) for offer in dispatch.offers.values()),
    ]


def _house(dispatch: Dispatch, ranks: ConversionRanks, seq: int) -> HouseAnnouncement:
    return HouseAnnouncement(
        seq=seq,
        turns=dispatch.turns,
        learned_categories=dispatch.floor.learned_categories,
        outcomes=tuple(ranks.outcomes()),
        forgotten_before=ranks.forgotten_before,
    )


def _queue(queue: Queue, seq: int) -> QueueAnnouncement:
    return QueueAnnouncement(
        queue=queue.profile.name,
        seq=seq,
        answered=queue.shares.calls,
        shares=queue.shares.measure(),
        recent=queue.recent.measure(),
        recent_news=queue.recent.news,
        activations=tuple(each.measure() for each in queue.activations.values()),
        pace=queue.pace.measure(),
        rank=queue.rank.measures(),
        refit_at=queue.refit.due_at,
        candidates=tuple(pool.candidates(key[0]) for key, pool in queue.pools.items()),
        profile=queue.profile if queue.retired else None,
    )


def _agent(agent: Agent, seq: int) -> AgentAnnouncement:
    return AgentAnnouncement(
        agent=agent.number,
        seq=seq,
        status=agent.status,
        reason=agent.reason,
        reachable=agent.reachable,
        state=agent.state,
        since=agent.since,
        idle_since=agent.idle_since,
        talks_since=agent.talks_since,
        due_at=agent.due_at,
        queue=agent.queue,
        interaction=agent.interaction,
        call=agent.call,
        offer=agent.offer,
        wrap_up_s=agent.wrap_up_s,
        interrupted=agent.interrupted,
        cool_down_s=agent.cool_down_s,
        misses=agent.misses,
        away_since=agent.away_since,
        away_exceeded=agent.away_exceeded,
        counters=replace(agent.counters),
        occupancy=agent.occupancy.measure(),
        profile=agent.profile if agent.retired else None,
    )


def _call(waiting: Waiting, seq: int) -> CallAnnouncement:
    return CallAnnouncement(
        call=waiting.call,
        seq=seq,
        category=waiting.category,
        entered_at=waiting.entered_at,
        leaves_at=waiting.leaves_at,
        position_at=waiting.position_at,
        lined_up_at=waiting.lined_up_at,
        reserved_until=waiting.reserved_until if waiting.reserved else -math.inf,
        hold_out=waiting.hold_out,
        passed_over=tuple(sorted(waiting.passed_over)),
        step_at=waiting.step_at,
    )


def _offer(offer: Offer, seq: int) -> OfferAnnouncement:
    return OfferAnnouncement(
        offer=offer.offer,
        seq=seq,
        call=offer.waiting.call.call,
        agent=offer.agent.number,
        expires_at=offer.agent.due_at,
    )
