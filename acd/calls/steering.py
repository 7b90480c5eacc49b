"""What supervisors do to agents and waiting calls, beyond what agents do themselves."""

from acd.routing.events import LeaveReason
from acd.routing.model import Status
from acd.routing.router import Router

from . import events
from .call_table import CallTable
from .codes import extend_wrap_up
from .desk import Desk
from .effects import Effects
from .queueing import Queueing


class Steering:
    """Moves of the floor's controllers (现场管理). Each says whether it could be done."""

    def __init__(
        self,
        table: CallTable,
        effects: Effects,
        router: Router,
        desk: Desk,
        queueing: Queueing,
    ) -> None:
        self._table = table
        self._effects = effects
        self._router = router
        self._desk = desk
        self._queueing = queueing

    def set_status(self, agent: str, status: Status, reason: str, by: str, note: str) -> bool:
        """Change what an agent wants; False: a log-in that is refused, see `Desk.refusal`."""
        self._desk.has_wished(agent)
        routed = self._desk.wishes(agent, status, reason, by, self._table.now, note)
        self._queueing.apply(routed or [], self._table.now)
        return routed is not None

    def free_up(self, agent: str) -> None:
        """End an agent's wrap-up, pause or cool-down."""
        now = self._table.now
        self._queueing.apply(self._router.free_up(agent, now), now)

    def cool_down(self, agent: str, by: str) -> bool:
        """Mark the agent's last call as upsetting; False: there is none, or not now."""
        now = self._table.now
        routed = self._desk.mark_upsetting(agent, by, now)
        self._queueing.apply(routed or [], now)
        return routed is not None

    def extend_wrap_up(self, agent: str, extra_s: float) -> bool:
        """Give an agent more time for after-call work; False: there is none under way."""
        now = self._table.now
        return extend_wrap_up(agent, extra_s, self._router, now) is not None

    def move_call(self, interaction: str, to: str) -> str | None:
        """Line a waiting call up in another queue, by its first enqueue time.

        Returns the queue that it was in; None: it cannot, and `immovable` says why. A phone that
        rings for it falls silent.
        """
        call, queue = self._table.by_interaction.get(interaction), self._queueing.queue(to)
        if self.immovable(interaction, to) or call is None or call.visit is None or queue is None:
            return None
        visit, now = call.visit, self._table.now
        self._queueing.leave(call, LeaveReason.OVERFLOWED, now)
        self._queueing.hand_on(call, visit, queue, now)
        return visit.queue.name

    def immovable(self, interaction: str, to: str) -> str:
        """Return why a call cannot be moved to a queue; empty: it can.

        A queue that would turn the caller away at once gets nobody: "queue_full",
        "queue_closed", "queue_empty". One of "unknown_queue", "not_waiting" and "already_there"
        else; nobody waits yet in a call-back whose customer has not been called.
        """
        call, queue = self._table.by_interaction.get(interaction), self._queueing.queue(to)
        if queue is None:
            return "unknown_queue"
        if call is None or call.visit is None or (call.back is not None and not call.answered):
            return "not_waiting"
        if call.visit.queue.name == to:
            return "already_there"
        refusal = self._queueing.room.refusal(queue)
        if refusal is not None:
            return f"queue_{refusal.value}"
        full = self._router.queue_lengths()[to] >= queue.max_length
        return "queue_full" if full else ""

    def activate_group(self, queue: str, group: str, active: bool, by: str) -> None:
        """Switch a group of a queue. Raises UnknownGroupError."""
        now = self._table.now
        self._queueing.apply(self._router.activate(queue, group, active, by, now), now)

    def set_priority(self, interaction: str, priority: int) -> int | None:
        """Give a waiting call another priority; return the former one, None: it does not wait."""
        call = self._table.by_interaction.get(interaction)
        if call is None or call.visit is None:
            return None
        visit = call.visit
        former, own = visit.priority, priority - visit.queue_priority
        followed = self._router.set_priority(visit.visit, own, self._table.now)
        if followed is None:
            return None
        visit.own_priority = own
        changed = events.PriorityChanged(
            interaction=interaction,
            visit=visit.visit,
            queue=visit.queue.name,
            priority=priority,
        )
        self._effects.append(changed)
        self._queueing.apply(followed, self._table.now)
        return former
