"""What a queue's rank needs from time to time, done between decisions: none of them waits for it.

A decision only notices that outcomes have made the prior old, or that the price of time is to be
looked at again; it goes by what was fitted before. Due at that same moment, and then every
`PAUSE_S` until nothing is left, is one slice: some agents of the fit, of the price, or of one list
that is ranked anew. Of queues that have to be refitted at the same time one has a slice at a turn.
So calls that come meanwhile wait for one slice at most, however large the queue is. In a long list
some agents stand by the new fit already and others not yet, for as long as its slices take.
"""

from .deadlines import Timed

PAUSE_S = 0.001
"Between two slices, for whatever has come meanwhile."

STAFF_AT_ONCE = 1_000
"Agents whose occupancy a slice looks at: less than a microsecond each."


class Refit(Timed):
    """One queue's refit: due when something is to be done."""

    __slots__ = ("queue",)

    def __init__(self, queue: str) -> None:
        super().__init__(f"5 rank {queue}")
        self.queue = queue
