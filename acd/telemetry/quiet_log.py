"""Log lines about peers that anybody can cause: one per address and minute, and no flood."""

from collections import OrderedDict
from collections.abc import Callable

QUIET_S = 60.0
"A phone with a wrong password tries for ever; a line each minute finds it."

MAX_HOSTS = 1_000
"""Addresses that are remembered, and so the most lines in `QUIET_S`: source addresses over UDP can
be made up, and neither memory nor disk may be theirs. More than any centre has phones amiss."""


class QuietLog:
    """Says when to write a line about a host, and for how many occurrences it stands."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # By address: when its last line was written, and occurrences since. Oldest line first.
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, host: str) -> int:
        """Take one occurrence; return how many the line stands for that is due now, or 0."""
        now = self._now()
        told_at, since = self._told.get(host, (-QUIET_S, 0))
        if now - told_at < QUIET_S:
            self._told[host] = (told_at, since + 1)
            return 0
        if host not in self._told and not self._make_room(now):
            return 0
        self._told[host] = (now, 0)
        self._told.move_to_end(host)
        return since + 1

    def _make_room(self, now: float) -> bool:
        """Forget the address of the oldest line if need be; False when even that is too young."""
        if len(self._told) < MAX_HOSTS:
            return True
        oldest, (told_at, _) = next(iter(self._told.items()))
        if now - told_at < QUIET_S:
            return False
        del self._told[oldest]
        return True
