"""A call-back: somebody's place in a line without the somebody."""

from enum import Enum

from msgspec import Struct

from acd.routing.deadlines import Timed
from acd.routing.model import Requirements


class CallbackState(Enum):
    """Where a call-back is."""

    HELD = "held"
    "The caller is still on the line."

    RESTING = "resting"
    "Until the next attempt, or until somebody may be called again."

    LINED_UP = "lined_up"
    RUNNING = "running"


class SavedCallback(Struct, frozen=True, kw_only=True):
    """A call-back as it outlives a restart; times are wall time, µs in UTC."""

    callback: str
    number: str
    queue: str
    category: str
    priority: int
    "Its own, without the queue's."

    requires: Requirements = Requirements()
    "What it asks of its agent beside what the queue does."

    language: str
    called: str
    first_enqueued_us: int
    requested_us: int
    expires_us: int
    attempts: int = 0
    "Calls to the customer."

    attempts_before: int = 0
    "Of these, before the number's latest wish: it begins to count anew."

    last_attempt_us: int = 0
    "0: there was none."


class Callback(Timed):
    """A call-back at work. Only `acd.calls.calling_back` and its parts change it."""

    __slots__ = (
        "attempts",
        "attempts_before",
        "called_in",
        "expires_at",
        "first_enqueued_at",
        "last_attempt_us",
        "saved",
        "state",
        "visit",
    )

    def __init__(
        self, saved: SavedCallback, *, first_enqueued_at: float, expires_at: float
    ) -> None:
        """Both times are monotonic, and may lie before the start of this process."""
        super().__init__()
        self.saved = saved
        self.first_enqueued_at = first_enqueued_at
        self.expires_at = expires_at
        self.attempts = saved.attempts
        self.attempts_before = saved.attempts_before
        self.last_attempt_us = saved.last_attempt_us
        self.state = CallbackState.HELD
        self.visit = ""
        "Its place in the router's line; empty: it is in none."
        self.called_in = False
        "The customer was answered while it could not be ended."

    @property
    def id(self) -> str:
        """The interaction in which it was asked for."""
        return self.saved.callback

    @property
    def tries(self) -> int:
        """Calls to the customer since the latest wish."""
        return self.attempts - self.attempts_before

    @property
    def key(self) -> tuple[str, str]:
        """What is called back once only: a number, by a queue."""
        return self.saved.number, self.saved.queue
