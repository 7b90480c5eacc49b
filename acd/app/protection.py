"""What stands between the network and the core, and how an admin gets to see it."""

from collections.abc import Callable

import structlog

from acd.config.server import Sip
from acd.sip.admission import Admission, Level
from acd.telemetry.metrics import ProtectionState

log = structlog.get_logger(__name__)

QUIET_S = 10.0
"A flood that lasts writes a line so often, with the counts since the last one."


class Protection:
    """Admission with its log lines and views."""

    def __init__(self, sip: Sip, now: Callable[[], float]) -> None:
        self.admission = Admission(sip.limits.admission())
        self._now = now
        self._told_at = -QUIET_S
        self._told = dict(self.admission.counts)

    def look(self) -> None:
        """Write what was turned away, if anything was; to be called each second."""
        counts = self.admission.counts
        now = self._now()
        if counts == self._told or now - self._told_at < QUIET_S:
            return
        log.warning(
            "sip_messages_turned_away",
            level=self.admission.level.name.lower(),
            squeezed=sorted(self.admission.squeezed),
            **{what: count - self._told[what] for what, count in counts.items()},
        )
        self._told_at, self._told = now, dict(counts)

    def state(self) -> ProtectionState:
        """Return what the metrics show."""
        admission = self.admission
        return ProtectionState(dict(admission.counts), int(admission.level), admission.sources)

    def details(self) -> dict[str, object]:
        """Return what /readyz shows."""
        level = self.admission.level
        return {
            "overload": level.name.lower() if level >= Level.SHEDDING else "none",
            "squeezed": sorted(self.admission.squeezed),
        }
