"""The waiting room: who may wait in a queue, and what those who wait are told.

`Queueing` asks `refusal` before it lines a caller up, and tells who comes and goes. Whoever can no
longer stay - the queue was closed, or nobody serves it - is led out from here.
"""

from collections.abc import Callable, Iterable
from math import inf
from typing import Protocol

from acd.routing.deadlines import Deadlines, Timed
from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile
from acd.routing.router import Router
from acd.routing.waiting_rules import EmptyRule

from .announcing import Announcements, Listener
from .call import Call, Visit
from .closures import Closures
from .effects import Effects
from .hearing import Hearing

EMPTY_FOR_S = 10.0
"""A queue has to be empty for so long before those who wait are led out: the phone of the last
agent whose network blinks has registered again by then (RFC 5626 4.5 begins after 0 to 4 s)."""


class Lines(Protocol):
    """The waiting callers, as the room needs them: `acd.calls.queueing.Queueing`."""

    now: float

    def waiting_in(self, queue: str) -> list[Call]:
        """Return the callers who wait in this queue, the first to have entered first."""

    def lead_out(self, call: Call, reason: LeaveReason) -> None:
        """Take a waiting caller out, and send the caller on as after a refusal."""


class Watch(Timed):
    """When a queue that nobody serves is cleared."""

    __slots__ = ("queue", "rule")

    def __init__(self, queue: str, rule: EmptyRule) -> None:
        super().__init__()
        self.queue = queue
        self.rule = rule


class WaitingRoom:
    """Keeps the rules of `acd.routing.waiting_rules`."""

    def __init__(
        self,
        router: Router,
        effects: Effects,
        hearing: Hearing,
        lines: Lines,
        wall_s: Callable[[], float],
        deadlines: Deadlines,
    ) -> None:
        """`wall_s` gives UTC seconds."""
        self.closures = Closures(effects)
        self._router = router
        self._lines = lines
        self._wall_s = wall_s
        self._deadlines = deadlines
        self._announcements = Announcements(router, hearing, self._deadlines)
        self._watches: dict[str, Watch] = {}

    def configure(self, queues: Iterable[QueueProfile]) -> None:
        """Take over the queues' rules; visits under way keep their announcements and keys."""
        queues = list(queues)
        for watch in self._watches.values():
            self._deadlines.arm(watch, inf)
        self._watches = {
            queue.name: Watch(queue.name, queue.waiting.leave_when_empty)
            for queue in queues
            if queue.waiting.leave_when_empty is not EmptyRule.NEVER
        }
        self.closures.configure(queues, self._wall_s())

    # --- who may wait ---

    def refusal(self, queue: QueueProfile) -> LeaveReason | None:
        """Return why nobody may begin to wait in the queue now; None: callers may."""
        if self.closures.of(queue.name) is not None:
            return LeaveReason.CLOSED
        if self._router.is_empty(queue.name, queue.waiting.refuse_when_empty):
            return LeaveReason.EMPTY
        return None

    def close(self, queue: str, reason: str, by: str) -> None:
        """Close the queue, or all, and lead out those who wait there."""
        self.closures.close(queue, reason, by, self._wall_s())
        self.clear_closed([queue] if queue else self._lines_open())

    def _lines_open(self) -> list[str]:
        return list(self._router.queue_lengths())

    def clear_closed(self, queues: Iterable[str] | None = None) -> None:
        """Lead out whoever waits in a closed queue of these, or of all."""
        for queue in self._lines_open() if queues is None else queues:
            if self.closures.of(queue) is not None:
                self._clear(queue, LeaveReason.CLOSED)

    def _clear(self, queue: str, reason: LeaveReason) -> None:
        for call in self._lines.waiting_in(queue):
            # Who is led out here may have come to wait elsewhere, or be gone.
            if call.visit is not None and call.visit.queue.name == queue:
                self._lines.lead_out(call, reason)

    def agents_changed(self, now: float) -> None:
        """Look which queues nobody serves now, after agents came, went or took a break."""
        for watch in self._watches.values():
            if not self._router.is_empty(watch.queue, watch.rule):
                self._deadlines.arm(watch, inf)
            elif watch.due_at == inf:
                self._deadlines.arm(watch, now + EMPTY_FOR_S)

    # --- those who wait ---

    def entered(self, call: Call, visit: Visit, now: float) -> None:
        """Take that a caller begins to wait."""
        self._announcements.entered(call, visit, now)
        if visit.queue.name in self._watches:
            self.agents_changed(now)

    def left(self, visit: Visit) -> None:
        """Take that a caller waits no more."""
        self._announcements.left(visit)

    def position_due(self, call: Call, position: int, now: float) -> None:
        """Tell a waiting caller the place in the line, and what else the queue tells with it."""
        if call.visit is not None:
            self._announcements.position_due(call, call.visit, position, now)

    def heard_out(self, call: Call) -> None:
        """Go on after an announcement."""
        if call.visit is not None:
            self._announcements.heard_out(call, call.visit)

    # --- time ---

    def prompt_due(self, listener: Listener, now: float) -> None:
        """Let a waiting caller hear the next of the queue's prompts."""
        self._announcements.due(listener, now)

    def watch_due(self, watch: Watch, now: float) -> None:
        """Lead out those who wait in a queue that nobody has served for long enough."""
        del now  # there is nothing to reckon
        if self._router.is_empty(watch.queue, watch.rule):
            self._clear(watch.queue, LeaveReason.EMPTY)
