"""Session timers of all legs, by the tick in which each is due.

They run for half an hour and nearly all of them are dropped before: in the heap of deadlines,
which forgets an entry only when its time comes, each would keep a leg that is long over.
"""

import math
from heapq import heappop, heappush
from typing import Protocol

from .deadlines import Deadlines
from .transaction import Machine

TICKS_PER_S = 8
"Many sessions fall into one tick, and the shortest interval still has refresh and end apart."

STALE_MAX = 256
"""Ticks kept in the heap after their sessions went elsewhere, beyond as many as there are: a phone
may set its timer anew with every message, to another time each."""


class Timed(Protocol):
    """A session with a timer."""

    due_at: float
    "When `on_due` is to be called, at most a tick later; infinity for never."

    tick: int
    "Owned by `SessionClock`: where the session is kept; 0 for nowhere."

    def on_due(self, now: float) -> None:
        """Do what is due."""


class SessionClock(Machine):
    """Keeps sessions by tick; putting one in or out costs no search."""

    __slots__ = ("_deadlines", "_sessions", "_ticks")

    def __init__(self, deadlines: Deadlines) -> None:
        super().__init__()
        self._deadlines = deadlines
        # In the order in which they came, so that a simulation can be run again.
        self._sessions: dict[int, dict[Timed, None]] = {}
        self._ticks: list[int] = []  # a heap of the keys, and of some that are gone

    def __len__(self) -> int:
        return sum(map(len, self._sessions.values()))

    def put(self, session: Timed) -> None:
        """Take note of when the session is due."""
        due_at = session.due_at
        tick = 0 if due_at == math.inf else max(1, math.ceil(due_at * TICKS_PER_S))
        if tick == session.tick:
            return
        self.drop(session)
        if not tick:
            return
        session.tick = tick
        sessions = self._sessions.get(tick)
        if sessions is None:
            sessions = self._sessions[tick] = {}
            heappush(self._ticks, tick)
            if len(self._ticks) > 2 * len(self._sessions) + STALE_MAX:
                self._ticks = sorted(self._sessions)  # sorted is a heap, too
            if tick / TICKS_PER_S < self.deadline:
                self.deadline = tick / TICKS_PER_S
                self._deadlines.watch(self)
        sessions[session] = None

    def drop(self, session: Timed) -> None:
        """Forget the session."""
        tick, session.tick = session.tick, 0
        sessions = self._sessions.get(tick)
        if sessions is not None:
            sessions.pop(session, None)
            if not sessions:
                del self._sessions[tick]
                self._settle()

    def on_time(self, now: float) -> None:
        """Let every session do what is due."""
        while self.deadline <= now:
            for session in self._sessions.pop(self._ticks[0]):
                session.tick = 0
                session.on_due(now)
            self._settle()

    def _settle(self) -> None:
        ticks = self._ticks
        while ticks and ticks[0] not in self._sessions:
            heappop(ticks)
        self.deadline = ticks[0] / TICKS_PER_S if ticks else math.inf
