"""The ledger of call-backs: each ends once, is tried as often as it says, and keeps its place."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from acd.calls import events
from acd.calls.callback import SavedCallback

from .invariant import require

KEPT_TO_S = 1e-3
"Places outlive a restart as wall time in whole microseconds; that is far finer than any order."


@dataclass(slots=True)
class _Promise:
    queue: str
    number: str
    first_enqueued_at: float | None
    "None: not known, since a restart has counted it anew by a wall clock that jumps."

    priority: int
    attempts: int = 0
    talked: bool = False
    queued: bool = False
    "In this call the customer has been in the line, and may be handed on from there."

    lined_up_at: float | None = None


class Promises:
    """Reads the events of call-backs, told by `Ledger`."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        "CallbackEnded outcomes."

        self.asked = self.merged = self.attempts = 0
        "Wishes, those that were merged into an earlier one among them; and calls to customers."

        self.lost = 0
        "Wishes that a dead server had not saved yet."

        self.again = 0
        "Wishes that had ended, and whose end a dead server had not saved yet."

        self.known: set[str] = set()
        "All that were ever promised."

        self._open: dict[str, _Promise] = {}

    @property
    def open(self) -> set[str]:
        """Call-backs that have been promised and have not ended."""
        return set(self._open)

    def requested(
        self,
        event: events.CallbackRequested,
        now: float,
        *,
        first_enqueued_at: float | None,
        priority: int,
    ) -> None:
        """Take a wish; the place is that of the visit in which it was made, if that is known."""
        self.asked += 1
        promised = event.callback in self._open
        require(promised == event.merged, f"{now}: promised twice, or merged into none", event)
        if event.merged:
            self.merged += 1
            return
        self.known.add(event.callback)
        keys = {(one.number, one.queue) for one in self._open.values()}
        require((event.number, event.queue) not in keys, f"{now}: two of one number", event)
        self._open[event.callback] = _Promise(
            event.queue, event.number, first_enqueued_at, priority
        )

    def attempted(self, event: events.CallbackAttempted, now: float) -> None:
        """Take that a customer is called."""
        promise = self._open.get(event.callback)
        require(promise is not None, f"{now}: calls back unasked", event)
        if promise is None:
            return
        self.attempts += 1
        promise.attempts += 1
        promise.lined_up_at = None
        require(event.attempt == promise.attempts, f"{now}: attempts miscounted", event)
        require(not promise.talked, f"{now}: called back after the talk", event)

    def entered(self, event: events.QueueEntered, now: float) -> None:
        """Take that a customer who is called back is in the line, at the place that was kept."""
        promise = self._open.get(event.interaction)
        require(promise is not None, f"{now}: nobody promised to call back", event)
        if promise is None:
            return
        promise.lined_up_at = None  # from here on the visit is looked at like any other
        if promise.queued:
            return
        promise.queued = True
        require(event.queue == promise.queue, f"{now}: of another queue", event)
        if promise.first_enqueued_at is None:
            return
        first = now - event.waited_before_s - event.served_before_s
        moved_s = first - promise.first_enqueued_at
        require(abs(moved_s) < KEPT_TO_S, f"{now}: the place moved by {moved_s} s", event)

    def talked(self, interaction: str) -> None:
        """Take that an agent and the caller of this interaction hear each other."""
        promise = self._open.get(interaction)
        if promise is not None and promise.attempts:
            promise.talked = True

    def call_over(self, interaction: str) -> None:
        """Take that a call has ended, perhaps one for a call-back: the next begins in the line."""
        promise = self._open.get(interaction)
        if promise is not None:
            promise.queued = False

    def ended(self, event: events.CallbackEnded, now: float) -> None:
        """Take the end, which comes once."""
        promise = self._open.pop(event.callback, None)
        require(promise is not None, f"{now}: call-back ended twice", event)
        if promise is None:
            return
        reached = event.outcome == "reached"
        require(reached == promise.talked, f"{now}: reached is who was talked to", event)
        require(event.attempts == promise.attempts, f"{now}: attempts miscounted", event)
        self.outcomes[event.outcome] += 1

    def restored(self, saved: Iterable[SavedCallback], *, placed: bool) -> None:
        """Take what a new server knows; `placed`: its wall clock is that of the one before."""
        kept = {one.callback: one for one in saved}
        self.lost += len(self._open.keys() - kept.keys())
        self.again += len(kept.keys() - self._open.keys())
        before, self._open = self._open, {}
        for key, one in kept.items():
            self.known.add(key)
            known = before.get(key)
            # The attempt in whose step the server died is the only one that may be forgotten.
            forgotten = known.attempts - one.attempts if known is not None else 0
            require(forgotten in {0, 1}, f"{forgotten} attempts forgotten", one)
            first = known.first_enqueued_at if known is not None and placed else None
            priority = known.priority if known is not None else one.priority
            self._open[key] = _Promise(one.queue, one.number, first, priority, one.attempts)

    # --- the place in the line ---

    def lines_up(self, callback: str, now: float | None) -> None:
        """Note that the call-back stands in the line from now on; None: it does not."""
        promise = self._open.get(callback)
        if promise is None:
            return
        if now is None or promise.lined_up_at is None:
            promise.lined_up_at = now

    def overtaken(
        self, queue: str, priority: int, first_enqueued_at: float, now: float
    ) -> str | None:
        """Return a call-back that has stood in this line for longer, with the same priority."""
        for key, promise in self._open.items():
            if (
                promise.queue == queue
                and promise.priority == priority
                and promise.lined_up_at is not None
                and promise.lined_up_at < now
                and promise.first_enqueued_at is not None
                and promise.first_enqueued_at < first_enqueued_at - KEPT_TO_S
            ):
                return key
        return None
