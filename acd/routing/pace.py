"""How fast a line moves, measured, and what that means for a call at a place in it.

While somebody waits for whom no agent is free, every agent who becomes free takes one call. So
answers in that time, per agent on duty and second, are the pace of one agent: 1 / (mean talk +
wrap-up) where the queue has its agents to itself, and the share of it that is left where they
also serve others, take breaks, or let phones ring. Times the agents on duty now it is the line's
pace R, which follows at once when agents come and go. Whoever waits gives up at a rate θ, the
abandons per second of waiting. Then the call in place k is answered after

    Σ 1 / (R + j·θ),  j = 0 … k − 1

on average: Ibrahim and Whitt, Real-Time Delay Estimation in Overloaded Multiserver Queues with
Abandonments, Management Science 55 (2009), there QLm, with n·µ and θ measured.
"""

import math

from msgspec import Struct

SHORTEST_S = 1e-3
"Less than a millisecond of work or of waiting is no measurement yet."

FORGET = 1.0 / 300
"""Weight of the newest answer: the last three hundred speak. With that the pace of one agent is
known to about 4 %, well below the scatter of a single wait at place 12, 29 %; a shorter memory
takes a slow stretch, which is when lines are long, for the rule, and estimates too much. How many
agents there are is not remembered but known."""


class PaceMeasure(Struct, frozen=True, kw_only=True):
    """What is measured of a line. How many agents are on duty follows from the agents."""

    answers: float
    agent_s: float
    abandons: float
    queued_s: float
    waits: bool
    moved_at: float


class Pace:
    """Measures one line. `now` never goes back; every input costs the same few steps."""

    __slots__ = ("_abandons", "_agent_s", "_answers", "_moved_at", "_queued_s", "_staff", "waits")

    def __init__(self) -> None:
        self._answers = 0.0
        self._agent_s = 0.0
        "Seconds of agents on duty while somebody waited."

        self._abandons = 0.0
        self._queued_s = 0.0
        "Seconds waited by all who have left the line."

        self._staff = 0
        self.waits = False
        "Whether anybody waits for whom no agent is free."

        self._moved_at = 0.0

    def measure(self) -> PaceMeasure:
        """Return all that is measured."""
        return PaceMeasure(
            answers=self._answers,
            agent_s=self._agent_s,
            abandons=self._abandons,
            queued_s=self._queued_s,
            waits=self.waits,
            moved_at=self._moved_at,
        )

    def take(self, measure: PaceMeasure) -> None:
        """Go on from here, with the agents on duty now."""
        self._answers, self._agent_s = measure.answers, measure.agent_s
        self._abandons, self._queued_s = measure.abandons, measure.queued_s
        self.waits, self._moved_at = measure.waits, measure.moved_at

    def note(self, waits: bool, now: float) -> None:
        """Note whether anybody waits for whom no agent is free."""
        if waits is not self.waits:
            self._move(now)
            self.waits = waits

    def change_staff(self, change: int, now: float) -> None:
        """Count agents on duty in or out."""
        self._move(now)
        self._staff += change

    def _move(self, now: float) -> None:
        if self.waits:
            self._agent_s += self._staff * (now - self._moved_at)
        self._moved_at = now

    def count_answer(self, waited_s: float, now: float) -> None:
        """Count a call that had to wait and is answered."""
        self._move(now)
        kept = 1.0 - FORGET
        self._answers = (self._answers + 1.0) * kept
        self._agent_s *= kept
        self._abandons *= kept
        self._queued_s = (self._queued_s + waited_s) * kept

    def count_abandon(self, waited_s: float) -> None:
        """Count a caller who left the line without an answer."""
        self._abandons += 1.0
        self._queued_s += waited_s

    def wait_s(self, place: int) -> float | None:
        """Mean wait until the call in this place is answered; None: not known yet, or never."""
        if not self._staff or not self._answers or self._agent_s < SHORTEST_S:
            return None
        pace = self._answers / self._agent_s * self._staff
        give_up = self._abandons / max(self._queued_s, SHORTEST_S)
        if give_up * place < NEGLIGIBLE * pace:
            return place / pace
        # The sum's first term, and the others by the integral between the half steps.
        later = math.log((pace + (place - 0.5) * give_up) / (pace + 0.5 * give_up)) / give_up
        return 1.0 / pace + later

    def places_within(self, seconds: float, limit: int) -> int:
        """Return how many places, `limit` at most, the line moves up before that time is over."""
        low, high = 0, limit
        while low < high:
            middle = (low + high + 1) // 2
            wait_s = self.wait_s(middle)
            if wait_s is not None and wait_s < seconds:
                low = middle
            else:
                high = middle - 1
        return low


NEGLIGIBLE = 1e-6
"Givers-up, as a share of the pace, below which the logarithm loses more than they change."
