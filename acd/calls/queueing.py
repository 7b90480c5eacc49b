"""A caller's stay in a queue, and the router's decisions handed to whoever carries them out.

Offers to agents' phones are in offering.py, talks in talking.py; `Queueing` holds both. Nothing
else touches `Call.visit`.
"""

from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from acd.routing import events as routing
from acd.routing.events import LeaveReason
from acd.routing.model import QueueProfile, Requirements, WaitingCall
from acd.routing.router import Router

from . import events
from .call import Call, EndReason, Phase, Place, Playing, Visit
from .call_table import CallTable
from .desk import Desk
from .effects import Effects
from .hearing import Hearing
from .host import Host
from .offering import Offers
from .returning import Returning
from .talking import Talks
from .waiting_room import WaitingRoom

CUT_OFF = frozenset({LeaveReason.ABANDONED, LeaveReason.FAULTED})
"So a caller leaves who may call again and wants the place back."

REFUSALS = frozenset({LeaveReason.REFUSED_FULL, LeaveReason.EMPTY, LeaveReason.CLOSED})
"With these a queue takes nobody, at this moment at least."


class Queueing:
    """Carries out the router's decisions."""

    def __init__(
        self,
        router: Router,
        desk: Desk,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        table: CallTable,
        new_id: Callable[[], str],
        wall_s: Callable[[], float],
    ) -> None:
        self._router = router
        self._desk = desk
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._new_id = new_id
        self.talks = Talks(router, desk, effects, host, hearing, table.by_leg, self.apply)
        self.offers = Offers(
            router, desk, effects, hearing, table.by_leg, new_id, self, self.talks
        )
        self.room = WaitingRoom(router, effects, hearing, self, wall_s, table.deadlines)
        self._returning = Returning()
        self._queues: dict[str, QueueProfile] = {}
        self._waiting: dict[str, Call] = {}
        self._routed: deque[routing.Event] = deque()
        self._applying = False
        self.now = 0.0
        self._handlers: dict[type, Callable[..., None]] = {
            routing.OfferMade: self._offer_made,
            routing.OfferWithdrawn: self.offers.withdrawn,
            routing.CallTimedOut: self._timed_out,
            routing.CallRefused: self._refused,
            routing.PositionDue: self._position_due,
            routing.GroupActivated: self._group_activated,
            routing.AgentStatusChanged: self._status_changed,
            routing.AwayLimitExceeded: self._away_limit_exceeded,
            routing.AgentStateChanged: self._state_changed,
        }

    def configure(self, queues: dict[str, QueueProfile]) -> None:
        """Replace the queues; visits under way keep the profile that they began with.

        But the router serves them by the queue's new priority, and their records say so.
        """
        self._queues = queues
        self.room.configure(queues.values())
        for call in self._waiting.values():
            visit = call.visit
            queue = queues.get(visit.queue.name) if visit is not None else None
            if visit is not None and queue is not None and queue.priority != visit.queue_priority:
                visit.queue_priority = queue.priority
                self._effects.append(
                    events.PriorityChanged(
                        interaction=call.interaction,
                        visit=visit.visit,
                        queue=queue.name,
                        priority=visit.priority,
                    )
                )

    def queue(self, name: str) -> QueueProfile | None:
        """Return the queue as configured."""
        return self._queues.get(name)

    def waiting_in(self, queue: str) -> list[Call]:
        """Return the callers who wait in this queue, the first to have entered first."""
        return [
            call
            for call in self._waiting.values()
            if call.visit is not None and call.visit.queue.name == queue
        ]

    def waiting(self, visit: str) -> Call | None:
        """Return the call that waits in this visit, one whose offer rings among them."""
        return self._waiting.get(visit)

    def apply(self, routed: list[routing.Event], now: float) -> None:
        """Carry out what the router decided, in the order in which it did.

        Carrying one decision out may ask the router for more (an overflow lines up elsewhere):
        those wait until the earlier ones are through, or an agent's states would be told in the
        wrong order.
        """
        self.now = now
        waiting = self._routed
        waiting.extend(routed)
        if self._applying:
            return
        self._applying = True
        try:
            while waiting:
                event = waiting.popleft()
                self._handlers[type(event)](event)
        finally:
            self._applying = False
        self.room.agents_changed(now)

    # --- waiting ---

    def enter(
        self,
        call: Call,
        queue: QueueProfile,
        now: float,
        *,
        priority: int = 0,
        category: str = "",
        place: Place | None = None,
        passed: tuple[QueueProfile, ...] = (),
        admitted: bool = False,
    ) -> None:
        """Put the caller into the queue; `place` is an earlier one, which is kept.

        `passed` are the queues that handed the caller on. `admitted`: the line takes the caller
        even if it is full.
        """
        first, served_s = place or self._former_place(call, queue, now)
        visit = Visit(
            self._new_id(),
            queue,
            now,
            first,
            priority,
            category or queue.category,
            passed=tuple(one for one in passed if one.name != queue.name),
            callback=call.back is not None and not call.back.agent,
            served_s=served_s,
        )
        self.adopt(call, visit, now)
        if queue.music:
            self._hearing.play(call, Playing.MUSIC, (queue.music,), loop=True)
        else:
            self._hearing.hush(call)
        bare = WaitingCall(
            call=visit.visit,
            interaction=call.interaction,
            queue=queue.name,
            enqueued_at=first,
            served_s=served_s,
            entered_at=now,
            priority=priority,
            admitted=admitted,
            category=visit.category,
            caller=call.caller,
            called=call.called,
        )
        known = "" if call.withheld else call.caller
        waiting = self.with_wishes(bare, queue, call.requires, known, now)
        refusal = self.room.refusal(queue)
        if refusal is not None:
            refused = routing.CallRefused(visit.visit, call.interaction, queue.name, refusal)
            self.apply([refused], now)
            return
        self.room.entered(call, visit, now)
        self.apply(self._router.enqueue(waiting, now), now)

    def hand_on(self, call: Call, visit: Visit, queue: QueueProfile, now: float) -> None:
        """Line a caller up elsewhere whose visit is over, by the same first enqueue time."""
        self.enter(
            call,
            queue,
            now,
            priority=visit.own_priority,
            category=visit.category,
            place=Place(visit.first_enqueued_at, visit.served_s),
            passed=(*visit.passed, visit.queue),
        )

    def _former_place(self, call: Call, queue: QueueProfile, now: float) -> Place:
        """Return the place of a caller whom nobody hands on.

        Whoever comes back to a line, in the same call or in time by another one, keeps its place.
        """
        left = call.left_line
        if left is not None and left.stood_in(queue.name):
            return Place(left.first_enqueued_at, left.served_s)
        return self._returning.place(call, queue, now)

    def with_wishes(
        self,
        waiting: WaitingCall,
        queue: QueueProfile,
        requires: Requirements,
        known: str,
        now: float,
    ) -> WaitingCall:
        """Return the call with what it asks of its agent, and who of them it is for.

        `known` is the number that customers are remembered by; empty: nobody is.
        """
        requires, contacts = requires.over(queue.requires), self._desk.contacts
        return replace(
            waiting,
            skills=requires.skills,
            language=requires.language,
            region=requires.region,
            tags=requires.tags,
            preferred=contacts.preferred(known, queue.prefers, now) if queue.prefers else (),
            visits=contacts.visits(known, now),
        )

    def adopt(self, call: Call, visit: Visit, now: float) -> None:
        """Begin the visit's record; the router is told, or has been, by whoever asks for this."""
        queue = visit.queue
        call.visit = visit
        call.phase = Phase.WAITING
        self._waiting[visit.visit] = call
        self._effects.append(
            events.QueueEntered(
                interaction=call.interaction,
                visit=visit.visit,
                queue=queue.name,
                kind=queue.kind.value,
                priority=visit.priority,
                category=visit.category,
                waited_before_s=now - visit.first_enqueued_at - visit.served_s,
                served_before_s=visit.served_s,
                short_abandon_s=queue.short_abandon_s,
                service_level_s=queue.service_level_s,
                callback=visit.callback,
                skill=queue.skill,
                region=call.requires.region or queue.requires.region,
            )
        )

    def lead_out(self, call: Call, reason: LeaveReason) -> None:
        """Take a waiting caller out, and send the caller on as after a refusal."""
        if call.visit is not None:
            visit = call.visit.visit
            self.apply(self._router.leave(visit, self.now), self.now)
            self._gave_back(visit, reason)

    def leave(self, call: Call, reason: LeaveReason, now: float) -> None:
        """Take a waiting caller out; a phone that rings for it falls silent."""
        visit = call.visit
        if visit is None:
            return
        self.apply(self._router.leave(visit.visit, now), now)
        self.left(call, visit, reason, now)

    def left(
        self, call: Call, visit: Visit, reason: LeaveReason, now: float, agent: str = ""
    ) -> None:
        """Close the visit's record."""
        waited_s = now - visit.entered_at
        value = reason.value
        if reason is LeaveReason.ABANDONED and waited_s <= visit.queue.short_abandon_s:
            value = "short_abandon"
        call.visit, visit.left_at = None, now
        self._waiting.pop(visit.visit, None)
        self.room.left(visit)
        if reason is LeaveReason.ANSWERED:
            call.answered_visit, call.left_line = visit, None
            self._host.called_in(call, visit.queue.name)
        elif now > visit.first_enqueued_at:  # else it did not come to wait
            call.left_line = visit
        if reason in CUT_OFF and not visit.callback:
            self._returning.remember(call, visit, now)
        self._effects.append(
            events.QueueLeft(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                reason=value,
                waited_s=waited_s,
                agent=agent,
            )
        )

    def _offer_made(self, event: routing.OfferMade) -> None:
        if not self._host.turn_came(event):
            self.offers.made(event)

    def _timed_out(self, event: routing.CallTimedOut) -> None:
        self._gave_back(event.call, LeaveReason.TIMED_OUT)

    def _refused(self, event: routing.CallRefused) -> None:
        self._gave_back(event.call, event.reason)

    def _gave_back(self, visit_id: str, reason: LeaveReason) -> None:
        call = self._waiting.get(visit_id)
        if call is None or call.visit is None:
            self._host.turn_lost(visit_id, reason)
            return
        if call.back is not None and not call.answered:
            # The customer has not been called yet, and hears nothing of where others are sent.
            self._host.turn_lost(visit_id, reason)
            return
        visit, overflow = call.visit, call.visit.queue.overflow
        # The queue it overflows into may have been taken away by a reload.
        target = self._queues.get(overflow.queue) if overflow and overflow.queue else None
        if reason is LeaveReason.CLOSED:
            target = None
        overflows = target is not None or (overflow is not None and overflow.flow != "")
        if overflows and reason is LeaveReason.TIMED_OUT:
            reason = LeaveReason.OVERFLOWED
        self.left(call, visit, reason, self.now)
        if reason is LeaveReason.FAULTED:
            self._host.end(call, "system", EndReason.QUEUE_UNKNOWN)
            return
        refused = reason in REFUSALS
        again = refused and call.note_refusal(visit.queue.name, self.now)
        if target is not None and not again:
            self.hand_on(call, visit, target, self.now)
        else:
            self._host.queue_gave_back(call, visit.queue, reason, again=again)

    def _position_due(self, event: routing.PositionDue) -> None:
        call = self._waiting.get(event.call)
        if call is not None:
            self.room.position_due(call, event.position, self.now)

    # --- agents ---

    def _group_activated(self, event: routing.GroupActivated) -> None:
        self._effects.append(
            events.GroupActivated(queue=event.queue, group=event.group, on=event.on, by=event.by)
        )

    def _status_changed(self, event: routing.AgentStatusChanged) -> None:
        self._effects.append(
            events.AgentStatusChanged(
                agent=event.agent,
                status=event.status.value,
                reason=event.reason,
                by=event.by,
                note=event.note,
            )
        )

    def _away_limit_exceeded(self, event: routing.AwayLimitExceeded) -> None:
        self._effects.append(
            events.AwayLimitExceeded(agent=event.agent, reason=event.reason, limit_s=event.limit_s)
        )

    def _state_changed(self, event: routing.AgentStateChanged) -> None:
        self._effects.append(
            events.AgentStateChanged(
                agent=event.agent,
                state=event.state.value,
                queue=event.queue,
                interaction=event.interaction,
            )
        )
