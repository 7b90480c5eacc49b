"""One lazy heap for every deadline of the router.

Of what is due at the same time the name decides, not who was armed first: a router that was
rebuilt from announcements has armed in another order, and must go on alike. Calls come first, so
that one at its maximum wait is not offered to an agent who frees up at that very moment.
"""

from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

COMPACT_ABOVE = 1024
"""Stale entries are cleared out once the heap is longer than this, and than four times what was
armed when that was last done: a waiting call re-arms a few times in its life, so that this is some
hundred calls' worth."""


class Due(Protocol):
    """Something that is due at most once at a time. Set `due_at` only by `Deadlines.arm`."""

    due_at: float

    @property
    def name(self) -> str:
        """As in `Timed`."""


class Timed:
    """A base for what is `Due`."""

    __slots__ = ("due_at", "name")

    def __init__(self, name: str = "") -> None:
        self.due_at = inf
        self.name = name
        "What is due, unique, with the rank of its kind; of equal times the smaller comes first."


class Deadlines:
    """Who is due when. Re-arming leaves a stale heap entry, dropped when it comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, int, Due]] = []
        self._order = count()
        self._compact_above = COMPACT_ABOVE

    def arm(self, timed: Due, due_at: float) -> None:
        """Make this due at `due_at` in place of any earlier arrangement; inf: never."""
        if due_at == timed.due_at:
            return
        timed.due_at = due_at
        if due_at != inf:
            heap = self._heap
            heappush(heap, (due_at, timed.name, next(self._order), timed))
            if len(heap) > self._compact_above:
                self._compact()

    def next(self) -> float:
        """When the first one is due; inf: nothing is armed."""
        heap = self._heap
        while heap:
            due_at, _, _, timed = heap[0]
            if timed.due_at == due_at:
                return due_at
            heappop(heap)
        return inf

    def pop_due(self, now: float) -> Due | None:
        """Take the first one that is due by `now`, disarmed; None: nothing is."""
        if self.next() > now or not self._heap:
            return None
        timed = heappop(self._heap)[3]
        timed.due_at = inf
        return timed

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[3].due_at == entry[0]]
        heapify(self._heap)
        self._compact_above = max(COMPACT_ABOVE, 4 * len(self._heap))
