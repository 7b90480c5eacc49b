"""Virtual time: a heap of things to do, run in order without waiting."""

import heapq
from collections.abc import Callable
from math import inf


class VirtualClock:
    """Monotonic seconds that pass only from one due thing to the next."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wall_ahead_s = 0.0
        "How far the wall clock is ahead of the monotonic one; it may jump either way."

        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run the action so much later; actions of one moment run in the order they were given."""
        self._count += 1
        heapq.heappush(self._due, (self.now + delay_s, self._count, action))

    def next_due(self) -> float:
        """Return when the next action is due; inf for never."""
        return self._due[0][0] if self._due else inf

    def run_next(self) -> None:
        """Move to the next action and run it."""
        at, _, action = heapq.heappop(self._due)
        self.now = max(self.now, at)
        action()
