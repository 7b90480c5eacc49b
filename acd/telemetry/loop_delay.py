"""Measures how late the event loop runs its callbacks."""

import asyncio
from collections.abc import Callable

INTERVAL_S = 1.0
"One wake-up per second: invisible in the CPU figures, and Prometheus rarely looks more often."


class LoopDelaySampler:
    """Asks for a call at a time once per second and reports how much later it came."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, in the running loop."""
        loop = asyncio.get_running_loop()
        self._arm(loop, loop.time() + INTERVAL_S)

    def stop(self) -> None:
        """End; may be called at any time."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, loop: asyncio.AbstractEventLoop, due_at: float) -> None:
        self._handle = loop.call_at(due_at, self._on_time, loop, due_at)

    def _on_time(self, loop: asyncio.AbstractEventLoop, due_at: float) -> None:
        now = loop.time()
        self._report(max(0.0, now - due_at))
        # From now, not from due_at: after a long stall no volley of overdue samples follows.
        self._arm(loop, now + INTERVAL_S)
