"""A shift plan (排班表): what an agent's status is to be, and when.

A year's plan of a large centre has hundreds of thousands of stretches. They hold plain values, of
which no cycle can come: Python's collector need not look at them.
"""

from msgspec import Struct

READY, AWAY = "ready", "away"


class Planned(Struct, frozen=True, kw_only=True, gc=False):
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
