"""Log lines of failed TLS handshakes: a phone that does not trust us, a trunk we do not trust."""

from collections.abc import Callable

import structlog

from acd.sip.peer import Peer

from .quiet_log import QuietLog

log = structlog.get_logger("acd.sip")

REASON_CHARS = 200
"OpenSSL's own texts have some 100."


class HandshakeLog:
    """Writes one line per address and minute; it also counts those since the last."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._quiet = QuietLog(now)

    def __call__(self, peer: Peer, reason: str) -> None:
        """Take one failure."""
        if failures := self._quiet.count(peer.host):
            log.warning(
                "tls_handshake_failed",
                peer=f"{peer.transport}:{peer.host}:{peer.port}",
                reason=reason[:REASON_CHARS],
                failures=failures,
            )
