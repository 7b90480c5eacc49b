"""Callers and agents around the production router alone, in virtual time.

No SIP, no media, no flows: what remains of a call is that it comes, waits, is offered, talks and
ends. That is some hundred times cheaper than the whole core (`world.py`), and enough for whatever
depends on routing alone: what a rank earns, how long callers wait, how busy agents are. Whoever
runs it says by `People` how callers and agents behave, and is told there what became of them.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Protocol

from msgspec import Struct

from acd.routing.events import (
    CallRefused,
    CallTimedOut,
    Event,
    LeaveReason,
    OfferMade,
    OfferWithdrawn,
)
from acd.routing.model import Status, WaitingCall
from acd.routing.router import Router


class Arrival(Struct, frozen=True, kw_only=True):
    """A caller who asks for an agent."""

    call: str
    "Unique: interaction and queue visit in one."

    at_s: float
    queue: str
    patience_s: float = inf
    "Hangs up after waiting this long."

    first_at_s: float | None = None
    "When the caller first asked for an agent, in another queue; None: `at_s`."

    category: str = ""
    priority: int = 0
    work_s: float = 0.0
    "Talk time, where it is the call's own matter: the same whoever takes it."


class Handling(Struct, frozen=True):
    """How an agent takes an offered call."""

    talk_s: float
    ring_s: float = 0.0
    "Until the agent answers; inf: lets it ring."


class People(Protocol):
    """How callers and agents behave, and who hears of what happened."""

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        """Say how this agent takes this call."""

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        """Hear that the two talk from now on."""

    def ended(self, arrival: Arrival, agent: str, now: float) -> None:
        """Hear that the talk is over; the agent is not yet free again."""

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None:
        """Hear that the caller is gone without an agent."""


class FloorWorld:
    """Runs a router through arrivals given in order of time. `now` is seconds since its start."""

    def __init__(self, router: Router, people: People) -> None:
        self.router = router
        self.now = 0.0
        self.on_waiting: Callable[[Arrival, float], None] = lambda arrival, now: None
        "Told of callers for whom no agent is free at once, when they have lined up."

        self._people = people
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._arrivals: Iterator[Arrival] = iter(())
        self._waiting: dict[str, Arrival] = {}
        self._offers: dict[str, OfferMade] = {}

    def at(self, at_s: float, action: Callable[[], None]) -> None:
        """Do something at that time; actions of one moment keep the order they were given in."""
        self._count += 1
        heapq.heappush(self._due, (at_s, self._count, action))

    def log_in(self, agents: Iterable[str]) -> None:
        """Let these agents take calls from now on."""
        for agent in agents:
            self.take(self.router.set_reachable(agent, True, self.now))
            self.take(self.router.set_status(agent, Status.READY, "", "agent", self.now))

    def run(self, arrivals: Iterable[Arrival], until_s: float = inf) -> None:
        """Go on until all callers are served or gone, or to `until_s`."""
        self._arrivals = iter(arrivals)
        self._await_next()
        router, due = self.router, self._due
        while True:
            deadline = router.next_deadline()
            at = due[0][0] if due else inf
            if min(deadline, at) > until_s or (deadline == inf and not due):
                return
            if deadline < at:
                self.now = deadline
                self.take(router.on_time(deadline))
            else:
                self.now, _, action = heapq.heappop(due)
                action()

    def take(self, events: Iterable[Event]) -> None:
        """Let people act on what the router decided."""
        for event in events:
            if isinstance(event, OfferMade):
                self._ring(event)
            elif isinstance(event, OfferWithdrawn):
                self._offers.pop(event.offer, None)
            elif isinstance(event, CallTimedOut):
                self._leave(event.call, LeaveReason.TIMED_OUT)
            elif isinstance(event, CallRefused):
                self._leave(event.call, event.reason)

    # --- callers ---

    def _await_next(self) -> None:
        arrival = next(self._arrivals, None)
        if arrival is not None:
            self.at(arrival.at_s, lambda: self._arrive_next(arrival))

    def _arrive_next(self, arrival: Arrival) -> None:
        self._await_next()
        self.arrive(arrival)

    def call_of(self, arrival: Arrival) -> WaitingCall:
        """Return the call as the router is told of it now."""
        return WaitingCall(
            call=arrival.call,
            interaction=arrival.call,
            queue=arrival.queue,
            enqueued_at=self.now if arrival.first_at_s is None else arrival.first_at_s,
            entered_at=self.now,
            priority=arrival.priority,
            category=arrival.category,
        )

    def arrive(self, arrival: Arrival) -> None:
        """Let a caller line up now."""
        self._waiting[arrival.call] = arrival
        self.take(self.router.enqueue(self.call_of(arrival), self.now))
        if arrival.call in self._waiting:
            self.on_waiting(arrival, self.now)
            if arrival.patience_s < inf:
                self.at(self.now + arrival.patience_s, lambda: self._hang_up(arrival.call))

    def _hang_up(self, call: str) -> None:
        if call in self._waiting:
            self._leave(call, LeaveReason.ABANDONED)
            self.take(self.router.leave(call, self.now))

    def _leave(self, call: str, reason: LeaveReason) -> None:
        arrival = self._waiting.pop(call, None)
        if arrival is not None:
            self._people.left(arrival, reason, self.now)

    # --- agents ---

    def _ring(self, offer: OfferMade) -> None:
        arrival = self._waiting.get(offer.call)
        if arrival is None:
            return  # another one whose phone was to ring for the call has answered at once
        handling = self._people.handle(arrival, offer.agent)
        if handling.ring_s == 0.0:
            self._answer(offer, handling.talk_s)
        elif handling.ring_s < inf:
            self._offers[offer.offer] = offer
            talk_s = handling.talk_s
            self.at(self.now + handling.ring_s, lambda: self._pick_up(offer, talk_s))

    def _pick_up(self, offer: OfferMade, talk_s: float) -> None:
        if self._offers.pop(offer.offer, None) is not None:
            self._answer(offer, talk_s)

    def _answer(self, offer: OfferMade, talk_s: float) -> None:
        arrival = self._waiting.pop(offer.call)
        self.take(self.router.offer_answered(offer.offer, self.now))
        self._people.answered(arrival, offer, self.now)
        self.at(self.now + talk_s, lambda: self._end(arrival, offer.agent))

    def _end(self, arrival: Arrival, agent: str) -> None:
        self._people.ended(arrival, agent, self.now)
        self.take(self.router.release(agent, self.now))
