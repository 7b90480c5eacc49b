"""Log lines of failed SIP authentications: enough to find the phone or the intruder, no flood."""

from collections import OrderedDict
from collections.abc import Callable

import structlog

from acd.sip.events import AuthenticationFailed

log = structlog.get_logger("acd.sip")

QUIET_S = 60.0
"A phone with a wrong password tries for ever; a line each minute finds it."

MAX_HOSTS = 1_000
"""Addresses that are remembered, and so the most lines in `QUIET_S`: source addresses over UDP can
be made up, and neither memory nor disk may be theirs. More than any centre has phones amiss."""

ACCOUNT_CHARS = 64
"Of a name that the request chose."


class AuthenticationLog:
    """Writes one line per source address and `QUIET_S`; it also counts those since the last."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        # By address: when its last line was written, and failures since. Oldest line first.
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __call__(self, failed: AuthenticationFailed) -> None:
        """Take one failure."""
        now, host = self._now(), failed.peer.host
        told_at, since = self._told.get(host, (-QUIET_S, 0))
        if now - told_at < QUIET_S:
            self._told[host] = (told_at, since + 1)
            return
        if host not in self._told and not self._make_room(now):
            return
        self._told[host] = (now, 0)
        self._told.move_to_end(host)
        log.warning(
            "sip_authentication_failed",
            peer=f"{failed.peer.transport}:{host}:{failed.peer.port}",
            account=failed.account[:ACCOUNT_CHARS],
            method=failed.method,
            failures=since + 1,
        )

    def _make_room(self, now: float) -> bool:
        """Forget the address of the oldest line if need be; False when even that is too young."""
        if len(self._told) < MAX_HOSTS:
            return True
        oldest, (told_at, _) = next(iter(self._told.items()))
        if now - told_at < QUIET_S:
            return False
        del self._told[oldest]
        return True
