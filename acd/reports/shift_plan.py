"""A shift plan (排班表): what an agent's status is to be, and when."""

from msgspec import Struct

READY, AWAY = "ready", "away"


class Planned(Struct, frozen=True, kw_only=True):
    """One stretch of a shift plan."""

    agent: str
    begin_us: int
    end_us: int
    status: str
    '"ready" or "away".'

    reason: str = ""
    "Of being away; empty: any."

    def is_kept_by(self, status: str, reason: str) -> bool:
        """Tell whether a status is the planned one."""
        return status == self.status and self.reason in {"", reason}
