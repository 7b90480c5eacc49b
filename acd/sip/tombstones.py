"""What is left of finished transactions: a key, and the bytes to repeat."""

import math
from collections import deque

from msgspec import Struct

from .effects import Send


class Tombstone(Struct, gc=False):
    """A finished transaction for as long as retransmissions may still come."""

    repeat: Send | None
    "Sent again on each retransmission; None when that is only to be absorbed."

    tag: bytes = b""
    "To tag of the 2xx that our INVITE took; another tag is another branch of a fork."

    branches: int = 0
    "Further branches that answered with a 2xx of their own."


class Tombstones:
    """Tombstones by transaction key; each is forgotten when its time has passed.

    Nothing happens when one expires, so they are swept together: at most one wake-up a second
    however many there are.
    """

    SWEEP_S = 1.0

    __slots__ = ("_by_key", "_limit", "_queues", "sweep_at")

    def __init__(self, limit: int) -> None:
        self._by_key: dict[bytes, Tombstone] = {}
        # One queue for each length of lingering (64*T1, timer D, T4), each in order of expiry.
        self._queues: dict[float, deque[tuple[float, bytes]]] = {}
        self._limit = limit
        self.sweep_at = math.inf
        "When `on_time` must next be called."

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, key: bytes, tombstone: Tombstone, linger_s: float, now: float) -> None:
        """Remember for `linger_s`.

        Beyond the limit nothing is remembered: a late retransmission is then a stranger.
        """
        if len(self._by_key) >= self._limit:
            return
        self._by_key[key] = tombstone
        queue = self._queues.get(linger_s)
        if queue is None:
            queue = self._queues[linger_s] = deque()
        expiry = now + linger_s
        queue.append((expiry, key))
        if expiry + self.SWEEP_S < self.sweep_at:
            self.sweep_at = expiry + self.SWEEP_S

    def get(self, key: bytes) -> Tombstone | None:
        """Return what is remembered under the key."""
        return self._by_key.get(key)

    def on_time(self, now: float) -> None:
        """Forget what has expired."""
        if now < self.sweep_at:
            return
        next_at = math.inf
        for queue in self._queues.values():
            while queue and queue[0][0] <= now:
                self._by_key.pop(queue.popleft()[1], None)
            if queue:
                next_at = min(next_at, queue[0][0])
        self.sweep_at = next_at + self.SWEEP_S
