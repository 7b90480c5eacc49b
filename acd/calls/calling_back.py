"""Calling customers back who asked for it in place of waiting.

    HELD ── caller gone ──▶ LINED_UP ── turn ──▶ RUNNING ── reached ──▶ ended
                             ▲    │                 │
              hours, closure │    │                 │ in vain
                             RESTING ◀──────────────┘ ── attempts used up, expired ──▶ ended

A call-back keeps the caller's place by a call in the router's line that nobody hears. At its turn
the chosen agent is rung and then the customer (`First.AGENT`), or the customer is called and gets
the line's head (`First.CUSTOMER`). Interactions of the attempts are that of the wish.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from math import inf

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import QueueProfile, WaitingCall
from acd.routing.router import Router
from acd.routing.waiting_rules import CallbackRules, First

from .call import Call, EndReason, Visit
from .call_table import CallTable
from .callback import Callback, CallbackState, SavedCallback
from .callback_attempts import CallbackAttempts
from .callback_book import CallbackBook
from .callback_wishes import CallbackWishes
from .dial_plan import OutsideTarget
from .effects import Effects
from .hearing import Hearing
from .host import Host
from .outbound import Outbound
from .queueing import Queueing
from .settings import CentreSettings

LOOK_AGAIN_S = 60.0
"When nobody may be called now: opening hours are written in minutes."

SAME_MOMENT_S = 1e-3
"The router reckons the moment of expiry by another sum, whose last digits may differ."


class CallBacks:
    """Leads each call-back through line, turn and pauses to its end."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        router: Router,
        queueing: Queueing,
        hearing: Hearing,
        outbound: Outbound,
        settings: CentreSettings,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
    ) -> None:
        self.paused = False
        "Nobody is called: the server takes no new calls."
        self._table = table
        self._host = host
        self._router = router
        self._queueing = queueing
        self._outbound = outbound
        self._settings = settings
        self._new_id = new_id
        self._wall = wall
        self._deadlines = table.deadlines
        self._by_visit: dict[str, Callback] = {}
        book = self._book = CallbackBook(
            effects=effects,
            queueing=queueing,
            outbound=outbound,
            wall=wall,
            deadlines=table.deadlines,
        )
        self.wishes = CallbackWishes(
            book=book,
            table=table,
            effects=effects,
            host=host,
            queueing=queueing,
            hearing=hearing,
            outbound=outbound,
            prompts=settings.prompts,
            new_id=new_id,
        )
        self.attempts = CallbackAttempts(
            book=book,
            table=table,
            effects=effects,
            host=host,
            queueing=queueing,
            hearing=hearing,
            outbound=outbound,
            settings=settings,
            new_id=new_id,
        )

    # --- in the line ---

    def _may_call(self, queue: QueueProfile, rules: CallbackRules) -> bool:
        return (
            not self.paused
            and rules.hours.is_open(self._wall())
            and self._queueing.room.closures.of(queue.name) is None
            and len(self._table.by_interaction) < self._settings.max_calls
        )

    def _line_up(self, callback: Callback) -> None:
        found = self._book.rules(callback)
        if found is None:
            self._book.end(callback, "barred")
            return
        queue, rules = found
        if callback.tries >= rules.attempts:
            # The last one was cut by a restart.
            self._book.end(callback, "not_reached")
            return
        if not self._may_call(queue, rules):
            self._rest(callback, LOOK_AGAIN_S)
            return
        saved, now = callback.saved, self._table.now
        callback.state, callback.visit = CallbackState.LINED_UP, self._new_id()
        self._by_visit[callback.visit] = callback
        bare = WaitingCall(
            call=callback.visit,
            interaction=callback.id,
            queue=queue.name,
            enqueued_at=callback.first_enqueued_at,
            # The router gives it up when it expires, not after the longest wait of a caller.
            entered_at=callback.expires_at - queue.max_wait_s,
            priority=saved.priority,
            category=saved.category,
            caller=saved.number,
            called=saved.called,
            admitted=True,
        )
        waiting = self._queueing.with_wishes(bare, queue, saved.requires, saved.number, now)
        self._queueing.apply(self._router.enqueue(waiting, now), now)

    def _leave_line(self, callback: Callback) -> None:
        if self._by_visit.pop(callback.visit, None) is not None:
            visit, callback.visit = callback.visit, ""
            now = self._table.now
            self._queueing.apply(self._router.leave(visit, now), now)

    def _rest(self, callback: Callback, pause_s: float) -> None:
        callback.state = CallbackState.RESTING
        at = min(self._table.now + pause_s, callback.expires_at)
        self._deadlines.arm(callback, at)

    def turn_lost(self, visit: str, reason: LeaveReason) -> bool:
        """Take that the router, or a closure, has ended the place; False: it is no call-back's."""
        callback = self._by_visit.get(visit)
        if callback is None:
            return False
        call = self._table.by_interaction.get(callback.id)
        if call is not None and call.visit is not None and call.back is not None:
            # No agent has answered in all the time: the customer's phone has not rung.
            self._queueing.left(call, call.visit, reason, self._table.now)
            self._by_visit.pop(visit, None)
            callback.visit = ""
            self._host.end(call, "system", EndReason.MAX_WAIT)
            return True
        self._leave_line(callback)
        if reason is LeaveReason.TIMED_OUT:
            self._expired(callback)
        else:
            self._rest(callback, LOOK_AGAIN_S)
        return True

    # --- the turn ---

    def turn_came(self, event: OfferMade) -> bool:
        """Begin an attempt; False: go on with the offer."""
        callback = self._by_visit.get(event.call)
        if callback is None or callback.id in self._table.by_interaction:
            return False
        found = self._book.rules(callback)
        target = self._book.target(found[1], callback.saved.number) if found else None
        if found is None or not isinstance(target, OutsideTarget) or not target.trunks:
            self._leave_line(callback)
            self._book.end(callback, "barred")
            return True
        queue, rules = found
        if not self._may_call(queue, rules):
            self._leave_line(callback)
            self._rest(callback, LOOK_AGAIN_S)
            return True
        call = self.attempts.begin(callback, rules, target)
        if rules.first is First.CUSTOMER:
            # The agent who was chosen serves others meanwhile; the customer gets the line's head.
            self._leave_line(callback)
            self.attempts.dial(call)
            return True
        saved = callback.saved
        visit = Visit(
            event.call,
            queue,
            self._table.now,
            callback.first_enqueued_at,
            saved.priority,
            saved.category,
            callback=True,
        )
        self._queueing.adopt(call, visit, self._table.now)
        return False

    # --- how it ends ---

    def call_over(self, call: Call) -> None:
        """Go on after the call in which it was asked for, or after an attempt."""
        callback = self._book.get(call.interaction)
        if callback is None:
            return
        back = call.back
        if back is None:
            if callback.state is CallbackState.HELD:
                self._caller_gone(callback)
            return
        self._outbound.wait(back.timer, inf)
        self._by_visit.pop(callback.visit, None)
        callback.visit = ""
        found = self._book.rules(callback)
        if back.agent:
            self._book.end(callback, "reached", agent=back.agent)
        elif callback.called_in:
            self._book.end(callback, "called_in")
        elif found is None:
            self._book.end(callback, "barred")
        elif callback.tries >= found[1].attempts:
            self._book.end(callback, "not_reached")
        elif self._has_expired(callback):
            self._book.end(callback, "expired")
        else:
            self._rest(callback, found[1].retry_pause_s if back.dialled else LOOK_AGAIN_S)

    def _caller_gone(self, callback: Callback) -> None:
        """Begin, now that the call is over in which it was asked for."""
        if callback.called_in:
            self._book.end(callback, "called_in")
        else:
            self._line_up(callback)

    def called_in(self, call: Call, queue: str) -> None:
        """Take that the customer has called again and talks to an agent: no need to call back.

        A call under way in which it was asked for, or the customer is called, comes to its end.
        """
        callback = self._book.of(call.caller, queue)
        if callback is None or call.back is not None:
            return
        if callback.state in _CANCELLABLE:
            self._leave_line(callback)
            self._book.end(callback, "called_in")
        else:
            callback.called_in = True

    def cancel(self, callback_id: str, by: str) -> bool | None:
        """Give a call-back up; False: it is being carried out, None: there is none."""
        callback = self._book.get(callback_id)
        if callback is None:
            return None
        if callback.state not in _CANCELLABLE:
            return False
        self._leave_line(callback)
        self._book.end(callback, "cancelled", by=by)
        return True

    # --- time, views, restart ---

    def due(self, callback: Callback, now: float) -> None:
        """Line up what has rested for long enough, or end what has expired."""
        if now >= callback.expires_at:
            self._book.end(callback, "expired")
        else:
            self._line_up(callback)

    def _expired(self, callback: Callback) -> None:
        """Take that the router has given it up; a second wish may have renewed it meanwhile."""
        if self._has_expired(callback):
            self._book.end(callback, "expired")
        else:
            self._line_up(callback)

    def _has_expired(self, callback: Callback) -> bool:
        return callback.expires_at <= self._table.now + SAME_MOMENT_S

    def __iter__(self) -> Iterator[Callback]:
        """Go through all, the oldest wish first."""
        return iter(self._book)

    def __len__(self) -> int:
        return len(self._book)

    @property
    def saved(self) -> tuple[SavedCallback, ...]:
        """All of them as they outlive a restart."""
        return self._book.saved

    def restore(self, saved: Iterable[SavedCallback], now: float) -> None:
        """Take back what stood before a restart; each is lined up, or ended, when time goes on."""
        self._table.now = now
        wall_us = self._book.wall_us()
        for one in saved:
            callback = Callback(
                one,
                first_enqueued_at=now - (wall_us - one.first_enqueued_us) / 1e6,
                expires_at=now + (one.expires_us - wall_us) / 1e6,
            )
            self._book.keep(callback)
            self._rest(callback, self._pause_left_s(callback, wall_us))

    def _pause_left_s(self, callback: Callback, wall_us: int) -> float:
        """Return how long a customer is still left alone after an attempt before a restart."""
        found = self._book.rules(callback)
        if found is None or not callback.tries or callback.tries >= found[1].attempts:
            return 0.0
        pause_s, gone_s = found[1].retry_pause_s, (wall_us - callback.last_attempt_us) / 1e6
        # No longer than the whole pause, wherever the wall clock has jumped.
        return max(0.0, min(pause_s, pause_s - gone_s))


_CANCELLABLE = frozenset({CallbackState.LINED_UP, CallbackState.RESTING})
