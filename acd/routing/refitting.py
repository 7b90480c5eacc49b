"""What a queue's rank needs from time to time, done between decisions: none of them waits for it.

A decision only notices that outcomes have made the prior old, or that the price of time is to be
looked at again; it goes by what was fitted before. Due at that same moment, and then every
`PAUSE_S` until nothing is left, is one slice: the fit, the price, or one list ranked anew. So
calls that come meanwhile wait for a slice at most: one pass over the agents of one queue.
"""

from .deadlines import Timed

PAUSE_S = 0.001
"Between two slices, for whatever has come meanwhile."


class Refit(Timed):
    """One queue's refit: due when something is to be done."""

    __slots__ = ("queue",)

    def __init__(self, queue: str) -> None:
        super().__init__(f"5 rank {queue}")
        self.queue = queue
