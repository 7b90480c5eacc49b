"""Emergency closure (紧急关闭): queues that take nobody, by configuration or a person's switch."""

from collections.abc import Iterable

from msgspec import Struct

from acd.routing.model import QueueProfile

from . import events
from .effects import Effects

EVERY_QUEUE = ""
"Stands for all queues together."

CONFIGURATION = "configuration"
"Who closes what queues.yaml says is closed."


class Closure(Struct, frozen=True, kw_only=True):
    """One closed queue, or all of them."""

    queue: str
    "`EVERY_QUEUE` for all."

    reason: str
    by: str
    since_wall_s: float
    "UTC seconds."


class Closures:
    """Which queues are closed. One switch per queue and one for all; the configuration's apart."""

    def __init__(self, effects: Effects) -> None:
        self._effects = effects
        self._switched: dict[str, Closure] = {}
        self._configured: dict[str, Closure] = {}

    def configure(self, queues: Iterable[QueueProfile], wall_s: float) -> None:
        """Take over what the configuration closes; what people have closed stays so."""
        wanted = {queue.name: queue.waiting.closed for queue in queues if queue.waiting.closed}
        for name in self._configured.keys() - wanted.keys():
            del self._configured[name]
            self._changed(name, "", CONFIGURATION, closed=False)
        for name, reason in wanted.items():
            before = self._configured.get(name)
            if before is None or before.reason != reason:
                self._configured[name] = Closure(
                    queue=name, reason=reason, by=CONFIGURATION, since_wall_s=wall_s
                )
                self._changed(name, reason, CONFIGURATION, closed=True)

    def of(self, queue: str) -> Closure | None:
        """Return what keeps the queue closed; None: it is open."""
        return (
            self._switched.get(EVERY_QUEUE)
            or self._switched.get(queue)
            or self._configured.get(queue)
        )

    def close(self, queue: str, reason: str, by: str, wall_s: float) -> None:
        """Turn the switch of the queue, or of all; a second time replaces the reason."""
        self._switched[queue] = Closure(queue=queue, reason=reason, by=by, since_wall_s=wall_s)
        self._changed(queue, reason, by, closed=True)

    def open(self, queue: str, by: str, why: str = "") -> bool:
        """Turn the switch back; False: it was not turned. What else closes the queue stays."""
        if self._switched.pop(queue, None) is None:
            return False
        self._changed(queue, why, by, closed=False)
        return True

    @property
    def switched(self) -> tuple[Closure, ...]:
        """What people have closed, for whoever keeps it over a restart."""
        return tuple(self._switched.values())

    def restore(self, closures: Iterable[Closure]) -> None:
        """Take back what was closed before a restart; it is no new event."""
        self._switched = {closure.queue: closure for closure in closures}

    def _changed(self, queue: str, reason: str, by: str, *, closed: bool) -> None:
        self._effects.append(
            events.ClosureChanged(queue=queue, closed=closed, reason=reason, by=by)
        )
