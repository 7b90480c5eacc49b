"""Orders that change after the call: the measured conversion follows what the records say of it.

One definition for all, that of `acd.storage.outcomes`, which a start learns from, too: it knows
every order of the call, whenever and in which order their states were told. While the database is
down nothing is learned; calls are routed by what is known.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import structlog

from acd.calls import events
from acd.calls.desk import part_of
from acd.calls.journal import Record
from acd.routing.router import Router
from acd.storage.outcomes import SalesOutcome
from acd.web.ports import ServiceUnavailableError

log = structlog.get_logger(__name__)

SETTLE_S = 5.0
"So long others are waited for: a shop tells many orders at once, and ranks change little."

PENDING_MAX = 100_000
"An import while the database is down; of what is beyond, the next start learns."

Ask = Callable[[Iterable[str], Iterable[str]], AsyncIterator[Sequence[SalesOutcome]]]
"(interactions, order numbers): their outcomes, when the records are up to date."


class OrderOutcomes:
    """A subscriber of the event stream. Run `run` as a task."""

    KINDS = frozenset({events.OrderChanged, events.DispositionEntered})

    def __init__(self, router: Router, ask: Ask, *, settle_s: float = SETTLE_S) -> None:
        self._router = router
        self._ask = ask
        self._settle_s = settle_s
        self._wake = asyncio.Event()
        self._calls: set[str] = set()
        self._orders: set[str] = set()

    def __call__(self, record: Record) -> None:
        """Note a call whose outcome may have changed."""
        event = record.event
        if len(self._calls) + len(self._orders) >= PENDING_MAX:
            return
        if isinstance(event, events.OrderChanged):
            self._orders.add(event.order_id)
            if event.interaction:
                self._calls.add(event.interaction)
        elif isinstance(event, events.DispositionEntered) and (event.by or event.ordered):
            # The agent's own word is known at once; an order may have been cancelled before it.
            self._calls.add(event.interaction)
        else:
            return
        self._wake.set()

    async def run(self) -> None:
        """Learn for ever; ends by cancellation."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._settle_s)
            self._wake.clear()
            calls, self._calls = self._calls, set()
            orders, self._orders = self._orders, set()
            try:
                async for outcomes in self._ask(calls, orders):
                    for outcome in outcomes:
                        learn(self._router, outcome)
            except ServiceUnavailableError as error:
                log.warning("order_outcomes_not_learned", reason=str(error))
                self._calls |= calls
                self._orders |= orders
                self._wake.set()


def learn(router: Router, outcome: SalesOutcome) -> None:
    """Tell the router what the records say of a call."""
    router.record_outcome(
        outcome.agent,
        outcome.queue,
        outcome.category,
        part_of(outcome.interaction, outcome.agent),
        outcome.ordered,
        outcome.started_s,
        amount=outcome.amount,
        currency=outcome.currency,
    )
