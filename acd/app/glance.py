"""What is looked after about once a second while something happens, and not at all otherwise."""

import asyncio
import math
from collections.abc import Callable

from acd.net.whole_ms import first_at

INTERVAL_S = 1.0
"A log line about a flood or a trunk may come so late; looking costs some 10 µs."


class Glance:
    """Calls `look` within a second after something happened, however much it was."""

    def __init__(self, look: Callable[[], float]) -> None:
        """`look` returns when it wants to be called again, by the loop's clock; inf for never."""
        self._look = look
        self._loop = asyncio.get_running_loop()
        self._stirred = False
        self._handle: asyncio.TimerHandle | None = None

    def stir(self) -> None:
        """Say that something happened. On the path of every message: nearly always a mere test."""
        if not self._stirred:
            self._stirred = True
            self._arm(self._loop.time() + INTERVAL_S)

    def stop(self) -> None:
        """Look no more until the next `stir`."""
        self._stirred = False
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, at: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_at(first_at(at), self._on_time)

    def _on_time(self) -> None:
        self._handle, self._stirred = None, False
        again_at = self._look()
        if again_at < math.inf:
            self._arm(again_at)
