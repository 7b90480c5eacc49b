"""Log lines of failed SIP authentications: enough to find the phone or the intruder, no flood."""

from collections.abc import Callable

import structlog

from acd.sip.events import AuthenticationFailed

from .quiet_log import QuietLog

log = structlog.get_logger("acd.sip")

ACCOUNT_CHARS = 64
"Of a name that the request chose."


class AuthenticationLog:
    """Writes one line per source address and minute; it also counts those since the last."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._quiet = QuietLog(now)

    def __call__(self, failed: AuthenticationFailed) -> None:
        """Take one failure."""
        peer = failed.peer
        if failures := self._quiet.count(peer.host):
            log.warning(
                "sip_authentication_failed",
                peer=f"{peer.transport}:{peer.host}:{peer.port}",
                account=failed.account[:ACCOUNT_CHARS],
                method=failed.method,
                reason="other_uri" if failed.other_uri else "wrong_password",
                failures=failures,
            )
