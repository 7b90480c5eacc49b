"""Session timers of all legs, by the second in which each is due.

They run for half an hour and nearly all of them are dropped before: in the heap of deadlines,
which forgets an entry only when its time comes, each would keep a leg that is long over.
"""

import math
from heapq import heappop, heappush
from typing import Protocol

from .deadlines import Deadlines
from .transaction import Machine


class Timed(Protocol):
    """A session with a timer."""

    due_at: float
    "When `on_due` is to be called, within a second; infinity for never."

    second: int
    "Owned by `SessionClock`: where the session is kept; 0 for nowhere."

    def on_due(self, now: float) -> None:
        """Do what is due."""


class SessionClock(Machine):
    """Keeps sessions by second; putting one in or out costs no search."""

    __slots__ = ("_deadlines", "_seconds", "_sessions")

    def __init__(self, deadlines: Deadlines) -> None:
        super().__init__()
        self._deadlines = deadlines
        # In the order in which they came, so that a simulation can be run again.
        self._sessions: dict[int, dict[Timed, None]] = {}
        self._seconds: list[int] = []  # a heap of the keys, and of some that are gone

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def put(self, session: Timed) -> None:
        """Take note of when the session is due."""
        due_at = session.due_at
        second = 0 if due_at == math.inf else max(1, math.ceil(due_at))
        if second == session.second:
            return
        self.drop(session)
        if not second:
            return
        session.second = second
        sessions = self._sessions.get(second)
        if sessions is None:
            sessions = self._sessions[second] = {}
            heappush(self._seconds, second)
            if second < self.deadline:
                self.deadline = float(second)
                self._deadlines.watch(self)
        sessions[session] = None

    def drop(self, session: Timed) -> None:
        """Forget the session."""
        second, session.second = session.second, 0
        sessions = self._sessions.get(second)
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self._sessions[second]
                self._settle()

    def on_time(self, now: float) -> None:
        """Let every session do what is due."""
        while self.deadline <= now:
            for session in self._sessions.pop(self._seconds[0]):
                session.second = 0
                session.on_due(now)
            self._settle()

    def _settle(self) -> None:
        seconds = self._seconds
        while seconds and seconds[0] not in self._sessions:
            heappop(seconds)
        self.deadline = float(seconds[0]) if seconds else math.inf
