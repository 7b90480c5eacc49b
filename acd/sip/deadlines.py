"""One lazy heap of deadlines for all machines of the endpoint."""

import math
from heapq import heapify, heappop, heappush
from itertools import count

from .transaction import Machine

COMPACT_ABOVE = 1024
"Entries that are not worth looking through for dead ones: some 100 kB, and as many machines."


class Deadlines:
    """Knows which machine is due next.

    A machine moves its deadline as it likes and is put in again only when it moved to an earlier
    time; entries whose machine moved on are corrected or dropped when they reach the top. So
    starting and stopping a timer costs O(log n) at most and usually nothing.

    An entry keeps its machine alive. Those of far deadlines, such as a session timer's of half an
    hour, would outlive their calls by as long: when the heap has doubled, the dead ones go.
    """

    __slots__ = ("_compact_above", "_heap", "_order")

    def __init__(self) -> None:
        self._compact_above = COMPACT_ABOVE
        self._heap: list[tuple[float, int, Machine]] = []
        self._order = count()

    def watch(self, machine: Machine) -> None:
        """Take note of the machine's deadline after it may have changed."""
        at = machine.deadline
        if at < machine.queued_at:
            machine.queued_at = at
            heappush(self._heap, (at, next(self._order), machine))
            if len(self._heap) > self._compact_above:
                self._compact()

    def __len__(self) -> int:
        return len(self._heap)

    def _compact(self) -> None:
        kept = []
        for entry in self._heap:
            at, _, machine = entry
            if at != machine.queued_at:
                continue
            if machine.deadline < math.inf:
                kept.append(entry)
            else:
                machine.queued_at = math.inf
        heapify(kept)
        self._heap = kept
        self._compact_above = max(COMPACT_ABOVE, 2 * len(kept))

    def next(self) -> float:
        """Return the earliest deadline; `math.inf` for none."""
        heap = self._heap
        while heap:
            at, _, machine = heap[0]
            if machine.deadline == at == machine.queued_at:
                return at
            heappop(heap)
            if at == machine.queued_at:
                machine.queued_at = math.inf
                if machine.deadline < math.inf:
                    self.watch(machine)
        return math.inf

    def pop_due(self, now: float) -> Machine | None:
        """Return a machine whose deadline has come; call `watch` when it has been served."""
        if self.next() > now:
            return None
        machine = heappop(self._heap)[2]
        machine.queued_at = math.inf
        return machine
