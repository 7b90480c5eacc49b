"""One lazy heap for every deadline of the router.

Of what is due at the same time the name decides, not who was armed first: a router that was
rebuilt from announcements has armed in another order, and must go on alike. Calls come first, so
that one at its maximum wait is not offered to an agent who frees up at that very moment.
"""

import heapq
import math
from itertools import count

COMPACT_ABOVE = 1024
"""Stale entries are cleared out once the heap is longer than this and mostly stale: a waiting
call re-arms a few times in its life, so that this is some hundred calls' worth."""


class Timed:
    """Something that is due at most once at a time. Set `due_at` only by `Deadlines.arm`."""

    __slots__ = ("due_at", "name")

    def __init__(self, name: str = "") -> None:
        self.due_at = math.inf
        self.name = name
        "What is due, unique, with the rank of its kind; of equal times the smaller comes first."


class Deadlines:
    """Who is due when. Re-arming leaves a stale heap entry, dropped when it comes up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, str, int, Timed]] = []
        self._order = count()
        self._armed = 0

    def arm(self, timed: Timed, due_at: float) -> None:
        """Make this due at `due_at` in place of any earlier arrangement; inf: never."""
        if due_at == timed.due_at:
            return
        self._armed += (timed.due_at == math.inf) - (due_at == math.inf)
        timed.due_at = due_at
        if due_at != math.inf:
            heapq.heappush(self._heap, (due_at, timed.name, next(self._order), timed))
            if len(self._heap) > COMPACT_ABOVE and len(self._heap) > 4 * self._armed:
                self._compact()

    def next(self) -> float:
        """When the first one is due; inf: nothing is armed."""
        heap = self._heap
        while heap:
            due_at, _, _, timed = heap[0]
            if timed.due_at == due_at:
                return due_at
            heapq.heappop(heap)
        return math.inf

    def pop_due(self, now: float) -> Timed | None:
        """Take the first one that is due by `now`, disarmed; None: nothing is."""
        if self.next() > now or not self._heap:
            return None
        timed = heapq.heappop(self._heap)[3]
        timed.due_at = math.inf
        self._armed -= 1
        return timed

    def _compact(self) -> None:
        self._heap = [entry for entry in self._heap if entry[3].due_at == entry[0]]
        heapq.heapify(self._heap)
