"""Calls that ring on several agents' phones at once: who rings beside, and how they end.

A layer whose `ring` is `all` rings every idle agent whom it admits, one with `progressively`
a further one every `ring_step_s`. Each phone is an offer of its own, with its own lease, choice
and outcome; the first answer takes the call, and the others are withdrawn. `Waiting.offer` is the
offer made first of those that ring, `Waiting.others` are the rest: a call that rings on one phone
has none and costs nothing more.

Only an agent who has not let this call go by, and who keeps the queue's limits, rings beside
another one. Whoever frees up joins, if no other call waits for this agent. When the call has to
go to somebody who let it go by, because nobody else is there, another round begins: all may ring
again.
"""

from typing import Protocol

from .agent import Agent
from .deadlines import Deadlines
from .events import Event, OfferOutcome, OfferWithdrawn
from .floor import Floor
from .model import Choice
from .offer import Offer
from .queue import Waiting


class Offers(Protocol):
    """What makes offers and ends them: `acd.routing.dispatch.Dispatch`."""

    floor: Floor
    deadlines: Deadlines
    offers: dict[str, Offer]

    def find_agent(self, waiting: Waiting, now: float, events: list[Event]) -> None:
        """Let the first phone ring for the call."""

    def offer_to(
        self, agent: Agent, waiting: Waiting, choice: Choice, now: float, events: list[Event]
    ) -> None:
        """Let the agent's phone ring for the call."""

    def end(self, offer: Offer) -> None:
        """End the lease."""


def silence(
    dispatch: Offers, waiting: Waiting, outcome: OfferOutcome, events: list[Event]
) -> list[Agent]:
    """End from our side all that rings for a call; return the agents, who still have to be moved.

    The longest idle first: in this order they take the calls that wait.
    """
    agents = []
    while waiting.offer:
        offer = dispatch.offers[waiting.offer]
        agents.append(offer.agent)
        events.append(OfferWithdrawn(offer.offer, waiting.call.call, offer.agent.number, outcome))
        dispatch.end(offer)
    return sorted(agents, key=lambda agent: (agent.idle_since, agent.number))


def ring_on(dispatch: Offers, fresh: list[Waiting], now: float, events: list[Event]) -> None:
    """Let these calls, that ring, ring on as many phones as they may.

    An agent whom a call without any phone may have goes to that one first: a layer may have
    opened for it at this very moment. Such a call comes into `fresh` itself, so that this ends
    when nobody is left who may ring.
    """
    while fresh:
        waiting = fresh.pop(0)
        while waiting.offer and waiting.may_grow(now):
            chosen = dispatch.floor.choose_further(waiting, now)
            if chosen is None:
                break
            agent, choice = chosen
            first = dispatch.floor.first_call(agent, now)
            if first is not None:
                dispatch.find_agent(first, now, events)
            else:
                dispatch.offer_to(agent, waiting, choice, now, events)
        dispatch.deadlines.arm(waiting, waiting.queue.next_due(waiting, now))
