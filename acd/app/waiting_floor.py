"""What people see and steer by HTTP of those who wait: closed queues, call-backs."""

from collections.abc import Callable
from datetime import UTC, datetime

from acd.calls import events
from acd.calls.callback import Callback
from acd.calls.centre import CallCentre
from acd.calls.closures import Closure
from acd.calls.effects import Effects
from acd.web.access import Order
from acd.web.ports import CommandRefusedError


class WaitingFloor:
    """The part of the operations floor that callers wait on."""

    def __init__(
        self,
        centre: CallCentre,
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

    def open(self, queue: str, order: Order) -> dict[str, object]:
        """Take a closing back. Raises CommandRefusedError."""
        by = order.actor.name
        effects = self._centre.open_queue(queue, by, order.why)
        if effects is None:
            closure = self._centre.closures.of(queue)
            text = "nobody has closed it"
            if closure is not None:
                text = f"closed by {closure.by}: open it there" if queue else text
            raise CommandRefusedError("not_closed", text, field="queue")
        self._carry_out(effects)
        return {"queue": queue, "closed": False, "reason": order.why, "by": by}

    def callbacks(self) -> list[dict[str, object]]:
        """Return every call-back that has not ended, the oldest wish first."""
        return [self._callback(callback) for callback in self._centre.call_backs]

    @staticmethod
    def _callback(callback: Callback) -> dict[str, object]:
        saved = callback.saved
        return {
            "callback": callback.id,
            "number": saved.number,
            "queue": saved.queue,
            "state": callback.state.value,
            "requested": _wall(saved.requested_us),
            "first_enqueued": _wall(saved.first_enqueued_us),
            "expires": _wall(saved.expires_us),
            "attempts": callback.attempts,
            "last_attempt": _wall(callback.last_attempt_us) if callback.attempts else None,
        }

    def cancel(self, callback: str, order: Order) -> bool:
        """Give a call-back up, on record; False: there is none. Raises CommandRefusedError."""
        known = {one.id: one.saved.queue for one in self._centre.call_backs}
        by = order.actor.name
        effects, done = self._centre.cancel_callback(callback, by, self._now())
        if done is False:
            text = "it is being carried out, or its caller is still on the line"
            raise CommandRefusedError("callback_running", text, field="id")
        audited = events.CommandAudited(
            by=by,
            role=order.actor.role.value,
            action="cancel_callback",
            subject=callback,
            before=known.get(callback, ""),
            after="cancelled",
            why=order.why,
        )
        self._carry_out([*effects, audited] if done else effects)
        return done is True


def _wall(wall_us: int) -> str:
    return datetime.fromtimestamp(wall_us / 1e6, UTC).isoformat(timespec="milliseconds")


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
