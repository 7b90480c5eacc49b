"""What people see and steer by HTTP of those who wait: closed queues."""

from collections.abc import Callable
from datetime import UTC, datetime

from acd.calls.centre import CallCentre
from acd.calls.closures import Closure
from acd.calls.effects import Effects
from acd.web.ports import CommandRefusedError


class WaitingFloor:
    """The part of the operations floor that callers wait on."""

    def __init__(
        self,
        centre: CallCentre,
        *,
        carry_out: Callable[[Effects], None],
        now: Callable[[], float],
    ) -> None:
        self._centre = centre
        self._carry_out = carry_out
        self._now = now

    def close(self, queue: str, reason: str, by: str) -> dict[str, object] | None:
        """Close a queue, or all (""), in an emergency; None: there is no such queue."""
        effects = self._centre.close_queue(queue, reason, by, self._now())
        if effects is None:
            return None
        self._carry_out(effects)
        return {"queue": queue, "closed": True, "reason": reason, "by": by}

    def open(self, queue: str, by: str) -> dict[str, object]:
        """Take a closing back. Raises CommandRefusedError."""
        effects = self._centre.open_queue(queue, by)
        if effects is None:
            closure = self._centre.closures.of(queue)
            text = "nobody has closed it"
            if closure is not None:
                text = f"closed by {closure.by}: open it there" if queue else text
            raise CommandRefusedError("not_closed", text, field="queue")
        self._carry_out(effects)
        return {"queue": queue, "closed": False, "reason": "", "by": by}


def closure_view(closure: Closure | None) -> dict[str, object] | None:
    """Describe what keeps a queue closed."""
    if closure is None:
        return None
    since = datetime.fromtimestamp(closure.since_wall_s, UTC)
    return {
        "reason": closure.reason,
        "by": closure.by,
        "since": since.isoformat(timespec="milliseconds"),
        "all_queues": not closure.queue,
    }
