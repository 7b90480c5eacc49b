"""One lazy heap of deadlines for all machines of the endpoint."""

import math
from heapq import heappop, heappush
from itertools import count

from .transaction import Machine


class Deadlines:
    """Knows which machine is due next.

    A machine moves its deadline as it likes and is put in again only when it moved to an earlier
    time; entries whose machine moved on are corrected or dropped when they reach the top. So
    starting and stopping a timer costs O(log n) at most and usually nothing.
    """

    __slots__ = ("_heap", "_order")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Machine]] = []
        self._order = count()

    def watch(self, machine: Machine) -> None:
        """Take note of the machine's deadline after it may have changed."""
        at = machine.deadline
        if at < machine.queued_at:
            machine.queued_at = at
            heappush(self._heap, (at, next(self._order), machine))

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
