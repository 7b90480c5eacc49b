"""What other systems tell of calls, into the event stream: `acd.web.ports.Entries`.

An entry counts once it is in the journal; Postgres is asked who handled the call, and not needed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import structlog

from acd.calls import events
from acd.calls.centre import CallCentre
from acd.calls.desk import Disposition
from acd.calls.effects import Effects
from acd.config import Config
from acd.storage.entry_keys import EntryKeyError, KeyBook
from acd.storage.homes import Handling
from acd.web.access import Role
from acd.web.entry_bodies import CsatEntry, DispositionEntry, Entry, MatterEntry, OrderEntry
from acd.web.ports import CommandRefusedError, Posting, ServiceUnavailableError, Told

from .audited import class_told, csat_told, matter_told, order_told
from .entry_checks import check_category
from .entry_times import time_fault
from .handled_calls import HandledCalls

log = structlog.get_logger(__name__)

Answer = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the composition root gives."""

    centre: CallCentre
    calls: HandledCalls
    keys: KeyBook
    config: Callable[[], Config]
    zone: ZoneInfo
    carry_out: Callable[[Effects], None]
    writable: Callable[[], bool]
    "Whether the journal takes events."

    wall_s: Callable[[], float]


class Entries:
    """Implements `acd.web.ports.Entries`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._centre = surroundings.centre
        self._calls = surroundings.calls

    async def order(self, entry: OrderEntry, posting: Posting) -> Told:
        """Take a state of an order. Raises CommandRefusedError."""

        async def find() -> Handling | None:
            home = await self._calls.find_order(entry.order_id)
            if home is not None or not entry.interaction:
                return home
            return await self._calls.find(entry.interaction, _agent(entry.agent, posting))

        def tell(call: Handling | None, at_us: int) -> tuple[Effects, Answer]:
            event = events.OrderChanged(
                order_id=entry.order_id,
                state=entry.state,
                at_us=at_us,
                interaction=call.interaction if call else "",
                agent=call.agent if call else _agent(entry.agent, posting),
                queue=call.queue if call else "",
                category=entry.category or (call.category if call else ""),
                amount=entry.amount,
                currency=entry.currency,
                key=posting.key,
                by=posting.actor.name,
            )
            names = "order_id state interaction agent queue category amount currency"
            return [event, order_told(event, posting.actor.role.value)], _fields(event, names)

        self._check_category(entry.category)
        return await self._take("orders", entry, posting, find, tell)

    async def disposition(self, entry: DispositionEntry, posting: Posting) -> Told:
        """Take how a call is classed. Raises CommandRefusedError."""

        async def find() -> Handling | None:
            return await self._calls.find(entry.interaction, _agent(entry.agent, posting))

        def tell(call: Handling | None, _at_us: int) -> tuple[Effects, Answer]:
            assert call is not None
            if not call.agent:
                text = "nobody handled the call, or nobody knows who just now: name the agent"
                raise CommandRefusedError("not_handled", text, field="agent")
            return self._dispose(entry, call, posting)

        self._check_category(entry.category)
        return await self._take("dispositions", entry, posting, find, tell)

    async def csat(self, entry: CsatEntry, posting: Posting) -> Told:
        """Take a question to a customer, or its answer. Raises CommandRefusedError."""

        async def find() -> Handling | None:
            if entry.interaction:
                return await self._calls.find(entry.interaction, entry.agent)
            home = await self._calls.home_of(entry.order_id)
            return await self._calls.find(home.interaction, entry.agent) if entry.agent else home

        def tell(call: Handling | None, at_us: int) -> tuple[Effects, Answer]:
            assert call is not None
            event = events.CsatRecorded(
                interaction=call.interaction,
                question=entry.question,
                at_us=at_us,
                score=entry.score,
                scale_low=entry.scale_low,
                scale_high=entry.scale_high,
                comment=entry.comment,
                channel=entry.channel,
                agent=call.agent,
                queue=call.queue,
                key=posting.key,
                by=posting.actor.name,
            )
            effects: Effects = [event, csat_told(event, posting.actor.role.value)]
            return effects, _fields(event, "interaction question score agent queue")

        return await self._take("csat", entry, posting, find, tell)

    async def matter(self, entry: MatterEntry, posting: Posting) -> Told:
        """Take what became of a call's matter. Raises CommandRefusedError."""

        async def find() -> Handling | None:
            return await self._calls.find(entry.interaction, "")

        def tell(call: Handling | None, at_us: int) -> tuple[Effects, Answer]:
            assert call is not None
            solved = entry.state == "solved"
            event = events.MatterSettled(
                interaction=entry.interaction,
                at_us=at_us,
                solved=solved,
                ticket=entry.ticket,
                key=posting.key,
                by=posting.actor.name,
            )
            self._centre.desk.contacts.settled(entry.interaction, call.agent, solved)
            effects: Effects = [event, matter_told(event, posting.actor.role.value)]
            return effects, {"state": entry.state, **_fields(event, "interaction ticket")}

        return await self._take("matters", entry, posting, find, tell)

    # --- common ---

    async def _take(
        self,
        kind: str,
        entry: Entry | DispositionEntry,
        posting: Posting,
        find: Callable[[], Awaitable[Handling | None]],
        tell: Callable[[Handling | None, int], tuple[Effects, Answer]],
    ) -> Told:
        """Take an entry once: find its call, have it told, keep the answer under its key."""
        earlier = self._earlier(kind, posting)
        if earlier is not None:
            return earlier
        at_us = self._at_us(entry)
        call = await find()
        # While the records were asked the same may have been posted once more.
        earlier = self._earlier(kind, posting)
        if earlier is not None:
            return earlier
        if not self._around.writable():
            raise ServiceUnavailableError("the journal cannot be written: try again later")
        effects, fields = tell(call, at_us)
        self._around.carry_out(effects)
        at = datetime.fromtimestamp(at_us / 1e6, UTC).astimezone(self._around.zone)
        answer = msgspec.json.encode({**fields, "at": at.isoformat(timespec="seconds")})
        if posting.key:
            try:
                self._around.keys.keep(f"{kind} {posting.key}", posting.fingerprint, answer)
            except EntryKeyError as error:
                log.warning("entry_key_not_kept", error=str(error), effect="lost with a restart")
        return Told(answer)

    def _earlier(self, kind: str, posting: Posting) -> Told | None:
        used = self._around.keys.find(f"{kind} {posting.key}") if posting.key else None
        if used is None:
            return None
        if used.fingerprint != posting.fingerprint:
            text = "this key was used with another content: an entry that differs needs its own"
            raise CommandRefusedError("key_reused", text, field="key")
        return Told(bytes(used.answer), replayed=True)

    def _at_us(self, entry: Entry | DispositionEntry) -> int:
        wall_s = self._around.wall_s()
        told = entry.told_at if isinstance(entry, Entry) else None
        if told is None:
            return int(wall_s * 1e6)
        fault = time_fault(told, datetime.fromtimestamp(wall_s, UTC), self._around.zone)
        if fault:
            raise CommandRefusedError("invalid_time", fault, field="at")
        return int(told.timestamp() * 1e6)

    def _check_category(self, category: str) -> None:
        check_category(self._around.config(), category)

    def _dispose(
        self, entry: DispositionEntry, call: Handling, posting: Posting
    ) -> tuple[Effects, Answer]:
        by = "" if posting.actor.role is Role.AGENT else posting.actor.name
        category = entry.category or call.category
        disposition = Disposition(
            call_class=entry.call_class,
            category=category,
            order_id=entry.order_id,
            ordered=entry.ordered,
            solved=entry.solved,
            amount=entry.amount,
            currency=entry.currency,
            key=posting.key,
            by=by,
        )
        told = disposition.told(call.interaction, call.agent, call.queue)
        effects = self._centre.dispose(call.agent, disposition, interaction=call.interaction)
        if effects is None:
            if entry.solved is not None:
                self._centre.desk.contacts.settled(call.interaction, call.agent, entry.solved)
            effects = [told]
        audited = class_told(
            *(told, posting.actor.name, posting.actor.role.value),
            before=self._calls.classed(call.interaction, call.agent, call),
            why=entry.why,
        )
        return [*effects, audited], {
            "interaction": call.interaction,
            "agent": call.agent,
            "queue": call.queue,
            "class": entry.call_class,
            "category": category,
            "order_id": entry.order_id,
            "ordered": entry.ordered,
            "solved": entry.solved,
        }


def _agent(named: str, posting: Posting) -> str:
    """Return the agent that is meant: an agent's token tells of that agent alone."""
    actor = posting.actor
    if actor.role is not Role.AGENT:
        return named
    if named not in {"", actor.agent}:
        text = f"this token is agent {actor.agent}'s alone"
        raise CommandRefusedError("not_handled", text, field="agent")
    return actor.agent


def _fields(event: events.Event, names: str) -> Answer:
    return {name: getattr(event, name) for name in names.split()}
