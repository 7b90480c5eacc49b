"""Which call went to which agent last: from the event stream, else from the records.

Whoever tells an order, an answer or an outcome names a call; the agent and the queue belong to it.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from msgspec import Struct

from acd.calls.desk import Desk
from acd.calls.events import AgentConnected, DispositionEntered, OrderChanged
from acd.calls.journal import Record
from acd.storage.homes import Handling
from acd.web.ports import CommandRefusedError, ServiceUnavailableError

from .audited import classed

REMEMBERED_CALLS = 20_000
"A day's calls of 250 seats, 10 MB; the database knows the others."

UNWRITTEN_S = 300.0
"""A call that is younger need not be in the records: they are some 2 s behind, minutes while the
database is loaded. One that is older and not there does not exist."""


class Part(Struct, frozen=True, gc=False):
    """An agent's part in a call."""

    agent: str
    queue: str
    category: str


class HandledCalls:
    """A subscriber of the event stream that knows the last calls' agents."""

    KINDS = frozenset({AgentConnected, DispositionEntered, OrderChanged})

    def __init__(
        self,
        desk: Desk,
        *,
        handlings: Callable[[Iterable[tuple[str, str]]], Awaitable[dict[str, Handling]]],
        orders: Callable[[Iterable[str]], Awaitable[dict[str, Handling]]],
        wall_s: Callable[[], float],
    ) -> None:
        """Take `handlings` and `orders`, which ask the records as `acd.storage.homes` does.

        Both may raise ServiceUnavailableError.
        """
        self._desk = desk
        self._handlings = handlings
        self._orders = orders
        self._wall_s = wall_s
        self._parts: OrderedDict[str, tuple[Part, ...]] = OrderedDict()
        self._classes: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._homes: OrderedDict[str, Handling] = OrderedDict()

    def __call__(self, record: Record) -> None:
        """Note who talks to whom, how calls are classed, and which orders come from them."""
        match record.event:
            case DispositionEntered() as event:
                self._note_class(event)
                if event.ordered:
                    self._note_home(event)
            case OrderChanged() as event:
                self._note_home(event)
            case AgentConnected() as event:
                self._note_part(event)
            case event:
                raise AssertionError(event)

    def _note_part(self, event: AgentConnected) -> None:
        last = self._desk.handled(event.agent)
        known = last is not None and last.interaction == event.interaction
        part = Part(event.agent, event.queue, last.category if known and last else "")
        others = [one for one in self._parts.get(event.interaction, ()) if one.agent != part.agent]
        self._parts[event.interaction] = (*others, part)
        if len(self._parts) > REMEMBERED_CALLS:
            self._parts.popitem(last=False)

    def classed(self, interaction: str, agent: str, found: Handling | None = None) -> str:
        """Return how this agent's part is classed, in words; empty: not at all, as is known.

        `found` is the call as the records have it.
        """
        known = self._classes.get((interaction, agent))
        if known is not None or found is None:
            return known or ""
        return classed(found.call_class, found.told_category, found.told_order, found.solved)

    async def find(self, interaction: str, agent: str) -> Handling:
        """Return who handled a call, this agent or ('') the last one.

        As far as that is known: while the database is down nothing may be known of an older call.
        Raises CommandRefusedError when there is no such call, or the agent took no part in it.
        """
        recent = self._recent(interaction, agent)
        if recent is not None:
            return recent
        unknown = Handling(interaction=interaction, started_us=0, project="", agent=agent)
        try:
            found = (await self._handlings([(interaction, agent)])).get(interaction)
        except ServiceUnavailableError:
            return unknown
        if found is None:
            if self._is_new(interaction):
                return unknown
            text = f"no call {interaction[:64]} is in the records"
            raise CommandRefusedError("unknown_interaction", text, field="interaction")
        if agent and found.agent != agent:
            text = f"agent {agent} took no part in call {interaction}"
            raise CommandRefusedError("not_handled", text, field="agent")
        return found

    async def find_order(self, order_id: str) -> Handling | None:
        """Return the call of an order that is known; None: it is not, or cannot be asked."""
        try:
            return await self.home_of(order_id)
        except (CommandRefusedError, ServiceUnavailableError):
            return None

    async def home_of(self, order_id: str) -> Handling:
        """Return the call that an order came from.

        Raises CommandRefusedError where nobody has named one, ServiceUnavailableError where it
        cannot be asked.
        """
        # First the records: of two calls that were named the first one counts.
        try:
            home = (await self._orders([order_id])).get(order_id)
        except ServiceUnavailableError:
            if order_id not in self._homes:
                raise
            home = None
        if home is None or not home.interaction:
            home = self._homes.get(order_id)
        if home is None:
            text = f"nobody has told yet which call order {order_id[:64]} came from"
            raise CommandRefusedError("unknown_order", text, field="order_id")
        return home

    def _note_class(self, event: DispositionEntered) -> None:
        words = classed(event.call_class, event.category, event.order_id, event.solved)
        self._classes[event.interaction, event.agent] = words
        if len(self._classes) > REMEMBERED_CALLS:
            self._classes.popitem(last=False)

    def _note_home(self, event: DispositionEntered | OrderChanged) -> None:
        # Without a queue it may be a call that does not exist: the records say so. And an order
        # stays with the call that named it first.
        if not (event.order_id and event.interaction and event.queue):
            return
        if event.order_id in self._homes:
            return
        self._homes[event.order_id] = Handling(
            interaction=event.interaction,
            started_us=0,
            project="",
            agent=event.agent,
            queue=event.queue,
            category=event.category,
        )
        if len(self._homes) > REMEMBERED_CALLS:
            self._homes.popitem(last=False)

    def _recent(self, interaction: str, agent: str) -> Handling | None:
        parts = [one for one in self._parts.get(interaction, ()) if agent in {"", one.agent}]
        if not parts:
            return None
        part = parts[-1]
        return Handling(
            interaction=interaction,
            started_us=0,
            project="",
            agent=part.agent,
            queue=part.queue,
            category=part.category,
        )

    def _is_new(self, interaction: str) -> bool:
        made_s = made_at_s(interaction)
        return made_s is not None and abs(self._wall_s() - made_s) < UNWRITTEN_S


def made_at_s(interaction: str) -> float | None:
    """Return when a UUIDv7 was made, UTC seconds (RFC 9562 5.7); None: it is none."""
    digits = interaction.replace("-", "")
    if len(digits) != 32 or digits[12] != "7":
        return None
    try:
        return int(digits[:12], 16) / 1000
    except ValueError:
        return None
