"""The call-backs that have not ended: found by id or number, ended once, kept over a restart."""

from collections.abc import Callable, Iterator
from datetime import datetime
from math import inf
from typing import TypedDict

from msgspec.structs import replace

from acd.routing.deadlines import Deadlines
from acd.routing.model import QueueProfile
from acd.routing.waiting_rules import CallbackRules

from . import events
from .callback import Callback, SavedCallback
from .dial_plan import Barred, CallClass, OutsideTarget
from .effects import Effects
from .outbound import Outbound
from .queueing import Queueing

MAX_CALLBACKS = 10_000
"As many as the longest line of the stock settings; one more is refused, and its caller waits on."


class CallbackBook:
    """All call-backs that have not ended, and what holds for them by now."""

    def __init__(
        self,
        *,
        effects: Effects,
        queueing: Queueing,
        outbound: Outbound,
        wall: Callable[[], datetime],
        deadlines: Deadlines,
    ) -> None:
        self._effects = effects
        self._queueing = queueing
        self._outbound = outbound
        self._wall = wall
        self._deadlines = deadlines
        self._all: dict[str, Callback] = {}
        self._by_key: dict[tuple[str, str], Callback] = {}

    def __iter__(self) -> Iterator[Callback]:
        """Go through all, the oldest wish first."""
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, callback: str) -> Callback:
        return self._all[callback]

    def get(self, callback: str) -> Callback | None:
        """Return the call-back asked for in this interaction; None: there is none."""
        return self._all.get(callback)

    def of(self, number: str, queue: str) -> Callback | None:
        """Return the one by which this queue calls this number."""
        return self._by_key.get((number, queue))

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        return len(self._all) >= MAX_CALLBACKS

    def keep(self, callback: Callback) -> None:
        """Take a new one in."""
        self._all[callback.id] = callback
        self._by_key[callback.key] = callback

    def renew(self, callback: Callback, rules: CallbackRules, now: float) -> None:
        """Let a second wish of the number count as much as a first one; the place stays."""
        callback.attempts_before = callback.attempts
        callback.called_in = False
        expires_at = now + rules.expires_s
        if expires_at > callback.expires_at:
            callback.expires_at = expires_at
            expires_us = self.wall_us() + round(rules.expires_s * 1e6)
            callback.saved = replace(callback.saved, expires_us=expires_us)

    def end(self, callback: Callback, outcome: str, *, agent: str = "", by: str = "") -> None:
        """Record how it ends, once."""
        self._deadlines.arm(callback, inf)
        del self._all[callback.id]
        del self._by_key[callback.key]
        self._effects.append(
            events.CallbackEnded(
                interaction=callback.id,
                attempts=callback.attempts,
                last_attempt_us=callback.last_attempt_us,
                outcome=outcome,
                agent=agent,
                by=by,
                **told(callback),
            )
        )

    @property
    def saved(self) -> tuple[SavedCallback, ...]:
        """All of them as they outlive a restart."""
        return tuple(
            replace(
                one.saved,
                attempts=one.attempts,
                attempts_before=one.attempts_before,
                last_attempt_us=one.last_attempt_us,
            )
            for one in self._all.values()
        )

    # --- what holds by now ---

    def rules(self, callback: Callback) -> tuple[QueueProfile, CallbackRules] | None:
        """Return the queue as it is configured now; None: it calls nobody back any more."""
        queue = self._queueing.queue(callback.saved.queue)
        if queue is None or queue.waiting.callback is None:
            return None
        return queue, queue.waiting.callback

    def target(self, rules: CallbackRules, number: str) -> OutsideTarget | Barred:
        """Return where the number leads, as far as the queue may call."""
        return self._outbound.dial_plan.customer(number, CallClass(rules.may_call))

    def wall_us(self) -> int:
        """Wall time in µs, UTC."""
        return round(self._wall().timestamp() * 1e6)


class _Told(TypedDict):
    callback: str
    queue: str
    number: str
    requested_us: int
    first_enqueued_us: int


def told(callback: Callback) -> _Told:
    """Return what every event tells of a call-back."""
    saved = callback.saved
    return {
        "callback": saved.callback,
        "queue": saved.queue,
        "number": saved.number,
        "requested_us": saved.requested_us,
        "first_enqueued_us": saved.first_enqueued_us,
    }
