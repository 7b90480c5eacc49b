"""Wishes to be called back: by a waiting caller's key, or in a flow."""

from collections.abc import Callable

from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile

from . import events
from .call import Call, EndReason, Playing, Visit
from .call_table import CallTable
from .callback import Callback, SavedCallback
from .callback_book import CallbackBook, told
from .dial_plan import Barred, CallClass, OutsideTarget
from .effects import Effects
from .hearing import Hearing
from .host import Host
from .outbound import Outbound
from .queueing import Queueing
from .settings import CentrePrompts


class CallbackWishes:
    """Promises to call back, or says that it cannot be."""

    def __init__(
        self,
        *,
        book: CallbackBook,
        table: CallTable,
        effects: Effects,
        host: Host,
        queueing: Queueing,
        hearing: Hearing,
        outbound: Outbound,
        prompts: CentrePrompts,
        new_id: Callable[[], str],
    ) -> None:
        self._book = book
        self._table = table
        self._effects = effects
        self._host = host
        self._queueing = queueing
        self._hearing = hearing
        self._outbound = outbound
        self._prompts = prompts
        self._new_id = new_id

    def pressed(self, call: Call) -> None:
        """Take the key of a waiting caller who wants to be called back."""
        visit = call.visit
        if visit is None or call.back is not None:
            return
        if not self._request(call, visit.queue, "", visit):
            if self._prompts.callback_refused:
                refused = (f"{call.language}/{self._prompts.callback_refused}",)
                self._hearing.play(call, Playing.ANNOUNCEMENT, refused, loop=False)
            return
        self._queueing.leave(call, LeaveReason.CALLBACK, self._table.now)
        self._host.end_with_prompt(call, self._prompts.callback_taken, EndReason.CALLBACK)

    def wished(self, call: Call, name: str, number: str, priority: int, category: str) -> bool:
        """Take the wish of a caller in a flow; it counts as a visit that ends with `callback`."""
        queue, now = self._queueing.queue(name), self._table.now
        if queue is None or call.back is not None or self._wanted(call, queue, number) is None:
            return False
        if self._book.full or self._book.get(call.interaction) is not None:
            return False
        former = call.left_line
        kept = former is not None and former.stood_in(name)
        visit = Visit(
            self._new_id(),
            queue,
            now,
            former.first_enqueued_at if former is not None and kept else now,
            priority + queue.priority,
            category or queue.category,
        )
        phase = call.phase
        self._queueing.adopt(call, visit, now)
        self._request(call, queue, number, visit)
        self._queueing.left(call, visit, LeaveReason.CALLBACK, now)
        call.phase = phase
        return True

    def _wanted(self, call: Call, queue: QueueProfile, number: str) -> OutsideTarget | None:
        """Return where to call; `number` is another than the caller's own, empty: the own."""
        rules = queue.waiting.callback
        own = "" if call.withheld else call.caller
        if rules is None or not (number or own):
            return None
        target = self._book.target(rules, number or own)
        if isinstance(target, Barred) or not target.trunks:
            return None
        home = self._book.target(rules, own) if own else None
        if number and not (isinstance(home, OutsideTarget) and home.number == target.number):
            other = self._outbound.dial_plan.customer(number, CallClass(rules.other_numbers))
            if isinstance(other, Barred) or rules.other_numbers == CallClass.NONE:
                return None
        return target

    def _request(self, call: Call, queue: QueueProfile, number: str, visit: Visit) -> bool:
        rules, target = queue.waiting.callback, self._wanted(call, queue, number)
        if rules is None or target is None:
            return False
        former = self._book.of(target.number, queue.name)
        if former is not None:
            self._book.renew(former, rules, self._table.now)
            self._effects.append(
                events.CallbackRequested(interaction=call.interaction, merged=True, **told(former))
            )
            return True
        if self._book.full or self._book.get(call.interaction) is not None:
            # A call has one wish: else one caller could have many numbers called.
            return False
        now, wall_us = self._table.now, self._book.wall_us()
        first = visit.first_enqueued_at
        saved = SavedCallback(
            callback=call.interaction,
            number=target.number,
            queue=queue.name,
            category=visit.category,
            priority=visit.own_priority,
            requires=call.requires,
            language=call.language,
            called=call.called,
            first_enqueued_us=wall_us - round((now - first) * 1e6),
            requested_us=wall_us,
            expires_us=wall_us + round(rules.expires_s * 1e6),
        )
        callback = Callback(saved, first_enqueued_at=first, expires_at=now + rules.expires_s)
        self._book.keep(callback)
        self._effects.append(
            events.CallbackRequested(interaction=call.interaction, **told(callback))
        )
        return True
