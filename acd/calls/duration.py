"""The longest that a call may last: beyond, somebody has forgotten to hang up, or a leg leaks."""

from math import inf

from .call import Call, EndReason
from .call_table import CallTable
from .dial_plan import OutsideTarget
from .host import Host


class DurationLimit:
    """Ends calls that last too long.

    All calls may last equally long and stand in the order in which they began, so that the first
    one is always the next to be ended. It is looked at only when it could be due: a call that
    lasts as long as calls do costs nothing.
    """

    __slots__ = ("_host", "_limit_s", "_look_at", "_table")

    def __init__(self, table: CallTable, host: Host, limit_s: float) -> None:
        """`limit_s`: 0 for no limit."""
        self._table = table
        self._host = host
        self._limit_s = limit_s or inf
        self._look_at = inf

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        if self._look_at == inf and self._table.by_interaction:
            # The first of these calls began now at the latest: nothing can be due before.
            self._look_at = self._table.now + self._limit_s
        return self._look_at

    def on_time(self, now: float) -> None:
        """End what has lasted too long."""
        if now < self._look_at:
            return
        self._look_at = inf
        for call in tuple(self._table.by_interaction.values()):
            ends_at = call.began_at + self._limit_s
            if ends_at > now:
                self._look_at = ends_at
                break
            if not _is_emergency(call):
                self._host.end(call, "system", EndReason.MAX_DURATION)


def _is_emergency(call: Call) -> bool:
    """Whether the call helps somebody in danger: nobody hangs up on those.

    An agent may have dialled it, or handed a caller on to it.
    """
    party = call.called_leg.target if call.called_leg is not None else None
    return any(isinstance(one, OutsideTarget) and one.emergency for one in (call.target, party))
