"""When datagrams come so fast that they are better taken in groups (as network cards do it, NAPI).

Each wake-up of the event loop costs as much as half a message, and between two of them the caches
go cold. Above a rate the sockets are read every few milliseconds instead of at each datagram;
below it nothing waits. Pure: what is done with the verdict is `net.udp`'s.
"""

GATHER_ABOVE = 900.0
"""Datagrams per second: some 150 calls, of six each. At 25 and 100 calls a second hardly two would
come together within the time, and a call's set-up would only take longer."""

GATHER_BELOW = 0.7
"Share of the former under which it ends, so that it does not flutter."

WINDOW_S = 0.1
"Over which the rate is measured: a burst of a tenth of a second is none of ours."


class Pace:
    """The rate of one socket, and the verdict."""

    __slots__ = ("_began_at", "_count", "gathering", "interval_s")

    def __init__(self, interval_s: float) -> None:
        """`interval_s`: how long a datagram may wait for others; 0: never."""
        self.interval_s = interval_s
        self.gathering = False
        self._count = 0
        self._began_at = 0.0

    def took(self, count: int, now: float) -> bool:
        """Take note of datagrams that were read; return whether the next ones may gather."""
        self._count += count
        elapsed_s = now - self._began_at
        if elapsed_s >= WINDOW_S:
            limit = GATHER_ABOVE * GATHER_BELOW if self.gathering else GATHER_ABOVE
            self.gathering = self.interval_s > 0 and self._count > limit * elapsed_s
            self._count, self._began_at = 0, now
        return self.gathering
