"""Calling customers back who asked for it in place of waiting.

    HELD ── caller gone ──▶ LINED_UP ── turn ──▶ RUNNING ── reached ──▶ ended
                             ▲    │                 │
              hours, closure │    │                 │ in vain
                             RESTING ◀──────────────┘ ── attempts used up, expired ──▶ ended

A call-back keeps the caller's place by a call in the router's line that nobody hears. At its turn
the chosen agent is rung and then the customer (`First.AGENT`), or the customer is called and gets
the line's head (`First.CUSTOMER`). Interactions of the attempts are that of the wish.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from math import inf
from typing import TypedDict

from msgspec.structs import replace

from acd.media import commands as media
from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import QueueProfile, WaitingCall
from acd.routing.router import Router
from acd.routing.waiting_rules import CallbackRules, First
from acd.sip.endpoint import InviteTarget

from . import events
from .call import Attempt, Call, EndReason, Phase, Playing, RingTimer, Visit
from .call_table import CallTable
from .callback import Callback, CallbackState, SavedCallback
from .commands import HangUpLeg, InviteLeg
from .dial_plan import Barred, CallClass, OutsideTarget
from .effects import Effects
from .hearing import Hearing
from .host import Host
from .outbound import Outbound, end_reason
from .party_answers import may_try_elsewhere
from .queueing import Queueing
from .settings import CentreSettings
from .told import END_TOLD

MAX_CALLBACKS = 10_000
"As many as the longest line of the stock settings; one more is refused, and its caller waits on."

LOOK_AGAIN_S = 60.0
"When nobody may be called now: opening hours are written in minutes."


class CallBacks:
    """All call-backs that have not ended. Only this part touches `Call.back` and `Callback`."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        router: Router,
        queueing: Queueing,
        hearing: Hearing,
        outbound: Outbound,
        settings: CentreSettings,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
    ) -> None:
        self.paused = False
        "Nobody is called: the server takes no new calls."
        self._table = table
        self._effects = effects
        self._host = host
        self._router = router
        self._queueing = queueing
        self._hearing = hearing
        self._outbound = outbound
        self._settings = settings
        self._new_id = new_id
        self._wall = wall
        self._deadlines = table.deadlines
        self._all: dict[str, Callback] = {}
        self._by_key: dict[tuple[str, str], Callback] = {}
        self._by_visit: dict[str, Callback] = {}

    # --- the wish ---

    def pressed(self, call: Call) -> None:
        """Take the key of a waiting caller who wants to be called back."""
        visit = call.visit
        prompts = self._settings.prompts
        if visit is None or call.back is not None:
            return
        if not self._request(call, visit.queue, "", visit):
            if prompts.callback_refused:
                refused = (f"{call.language}/{prompts.callback_refused}",)
                self._hearing.play(call, Playing.ANNOUNCEMENT, refused, loop=False)
            return
        self._queueing.leave(call, LeaveReason.CALLBACK, self._table.now)
        self._host.end_with_prompt(call, prompts.callback_taken, EndReason.CALLBACK)

    def wished(self, call: Call, name: str, number: str, priority: int, category: str) -> bool:
        """Take the wish of a caller in a flow; it counts as a visit that ends with `callback`."""
        queue, now = self._queueing.queue(name), self._table.now
        if queue is None or call.back is not None or self._wanted(call, queue, number) is None:
            return False
        if len(self._all) >= MAX_CALLBACKS or call.interaction in self._all:
            return False
        former, first = call.former_place or ("", now)
        visit = Visit(
            self._new_id(),
            queue,
            now,
            first if former == name else now,
            priority + queue.priority,
            category or queue.category,
        )
        phase = call.phase
        self._queueing.adopt(call, visit, now)
        self._request(call, queue, number, visit)
        self._queueing.left(call, visit, LeaveReason.CALLBACK, now)
        call.phase = phase
        return True

    def _wanted(self, call: Call, queue: QueueProfile, number: str) -> OutsideTarget | None:
        """Return where to call; `number` is another than the caller's own, empty: the own."""
        rules = queue.waiting.callback
        own = "" if call.withheld else call.caller
        if rules is None or not (number or own):
            return None
        target = self._target(rules, number or own)
        if isinstance(target, Barred) or not target.trunks:
            return None
        home = self._target(rules, own) if own else None
        if number and not (isinstance(home, OutsideTarget) and home.number == target.number):
            other = self._outbound.dial_plan.customer(number, CallClass(rules.other_numbers))
            if isinstance(other, Barred) or rules.other_numbers == CallClass.NONE:
                return None
        return target

    def _request(self, call: Call, queue: QueueProfile, number: str, visit: Visit) -> bool:
        rules, target = queue.waiting.callback, self._wanted(call, queue, number)
        if rules is None or target is None:
            return False
        former = self._by_key.get((target.number, queue.name))
        if former is not None:
            self._effects.append(
                events.CallbackRequested(
                    interaction=call.interaction, merged=True, **_told(former)
                )
            )
            return True
        if len(self._all) >= MAX_CALLBACKS or call.interaction in self._all:
            # A call has one wish: else one caller could have many numbers called.
            return False
        now, wall_us = self._table.now, self._wall_us()
        first = visit.first_enqueued_at
        saved = SavedCallback(
            callback=call.interaction,
            number=target.number,
            queue=queue.name,
            category=visit.category,
            priority=visit.own_priority,
            requires=call.requires,
            language=call.language,
            called=call.called,
            first_enqueued_us=wall_us - round((now - first) * 1e6),
            requested_us=wall_us,
            expires_us=wall_us + round(rules.expires_s * 1e6),
        )
        callback = Callback(saved, first_enqueued_at=first, expires_at=now + rules.expires_s)
        self._keep(callback)
        self._effects.append(
            events.CallbackRequested(interaction=call.interaction, **_told(callback))
        )
        return True

    def _target(self, rules: CallbackRules, number: str) -> OutsideTarget | Barred:
        return self._outbound.dial_plan.customer(number, CallClass(rules.may_call))

    def _keep(self, callback: Callback) -> None:
        self._all[callback.id] = callback
        self._by_key[callback.key] = callback

    def _wall_us(self) -> int:
        return round(self._wall().timestamp() * 1e6)

    # --- in the line ---

    def _rules(self, callback: Callback) -> tuple[QueueProfile, CallbackRules] | None:
        """Return the queue as it is configured now; None: it calls nobody back any more."""
        queue = self._queueing.queue(callback.saved.queue)
        if queue is None or queue.waiting.callback is None:
            return None
        return queue, queue.waiting.callback

    def _may_call(self, queue: QueueProfile, rules: CallbackRules) -> bool:
        return (
            not self.paused
            and rules.hours.is_open(self._wall())
            and self._queueing.room.closures.of(queue.name) is None
            and len(self._table.by_interaction) < self._settings.max_calls
        )

    def _line_up(self, callback: Callback) -> None:
        found = self._rules(callback)
        if found is None:
            self._end(callback, "barred")
            return
        queue, rules = found
        if not self._may_call(queue, rules):
            self._rest(callback, LOOK_AGAIN_S)
            return
        saved, now = callback.saved, self._table.now
        callback.state, callback.visit = CallbackState.LINED_UP, self._new_id()
        self._by_visit[callback.visit] = callback
        bare = WaitingCall(
            call=callback.visit,
            interaction=callback.id,
            queue=queue.name,
            enqueued_at=callback.first_enqueued_at,
            # The router gives it up when it expires, not after the longest wait of a caller.
            entered_at=callback.expires_at - queue.max_wait_s,
            priority=saved.priority,
            category=saved.category,
            caller=saved.number,
            called=saved.called,
        )
        waiting = self._queueing.with_wishes(bare, queue, saved.requires, saved.number, now)
        self._queueing.apply(self._router.enqueue(waiting, now), now)

    def _leave_line(self, callback: Callback) -> None:
        if self._by_visit.pop(callback.visit, None) is not None:
            visit, callback.visit = callback.visit, ""
            now = self._table.now
            self._queueing.apply(self._router.leave(visit, now), now)

    def _rest(self, callback: Callback, pause_s: float) -> None:
        callback.state = CallbackState.RESTING
        at = min(self._table.now + pause_s, callback.expires_at)
        self._deadlines.arm(callback, at)

    def turn_lost(self, visit: str, reason: LeaveReason) -> bool:
        """Take that the router, or a closure, has ended the place; False: it is no call-back's."""
        callback = self._by_visit.get(visit)
        if callback is None:
            return False
        call = self._table.by_interaction.get(callback.id)
        if call is not None and call.visit is not None and call.back is not None:
            # No agent has answered in all the time: the customer's phone has not rung.
            self._queueing.left(call, call.visit, reason, self._table.now)
            self._by_visit.pop(visit, None)
            callback.visit = ""
            self._host.end(call, "system", EndReason.MAX_WAIT)
            return True
        self._leave_line(callback)
        if reason is LeaveReason.TIMED_OUT:
            self._end(callback, "expired")
        else:
            self._rest(callback, LOOK_AGAIN_S)
        return True

    # --- the turn ---

    def turn_came(self, event: OfferMade) -> bool:
        """Begin an attempt; False: go on with the offer."""
        callback = self._by_visit.get(event.call)
        if callback is None or callback.id in self._table.by_interaction:
            return False
        found = self._rules(callback)
        target = self._target(found[1], callback.saved.number) if found else None
        if found is None or not isinstance(target, OutsideTarget) or not target.trunks:
            self._leave_line(callback)
            self._end(callback, "barred")
            return True
        queue, rules = found
        if not self._may_call(queue, rules):
            self._leave_line(callback)
            self._rest(callback, LOOK_AGAIN_S)
            return True
        call = self._begin(callback, rules, target)
        if rules.first is First.CUSTOMER:
            # The agent who was chosen serves others meanwhile; the customer gets the line's head.
            self._leave_line(callback)
            self._dial(call)
            return True
        saved = callback.saved
        visit = Visit(
            event.call,
            queue,
            self._table.now,
            callback.first_enqueued_at,
            saved.priority,
            saved.category,
            callback=True,
        )
        self._queueing.adopt(call, visit, self._table.now)
        return False

    def _begin(self, callback: Callback, rules: CallbackRules, target: OutsideTarget) -> Call:
        saved = callback.saved
        callback.state = CallbackState.RUNNING
        callback.attempts += 1
        callback.last_attempt_us = self._wall_us()
        leg = self._new_id()
        call = Call(
            callback.id,
            leg,
            saved.number,
            "",
            saved.called,
            target,
            saved.language,
            began_at=self._table.now,
            requires=saved.requires,
        )
        timer = RingTimer(lambda: self._rang_out(call, timer))
        call.back = Attempt(callback.id, target, rules.caller_id or saved.called, timer)
        self._table.by_interaction[call.interaction] = call
        self._table.by_leg[leg] = call
        self._effects.append(
            events.CallStarted(
                interaction=call.interaction,
                leg=leg,
                sip_call_id=leg,
                caller=saved.number,
                called=saved.called,
                direction="callback",
                number=saved.number,
                peer=f"trunk:{target.trunks[0]}",
                project=self._settings.project,
                trunk=target.trunks[0],
            )
        )
        self._effects.append(
            events.CallbackAttempted(
                interaction=callback.id,
                attempt=callback.attempts,
                first=rules.first.value,
                trunk=target.trunks[0],
                **_told(callback),
            )
        )
        return call

    # --- the customer's phone ---

    def agent_waits(self, call: Call) -> None:
        """Call the customer: the agent has answered and hears ringing."""
        ringback = self._settings.prompts.ringback
        if ringback and call.agent_leg is not None:
            self._hearing.play_to(call, call.agent_leg.leg, (ringback,), loop=True)
        self._dial(call)

    def _dial(self, call: Call) -> None:
        call.phase = Phase.DIALLING
        back = call.back
        assert back is not None  # only attempts are dialled
        near = call.agent_leg.leg if call.agent_leg is not None else ""
        trunk = back.target.trunks[back.trunk]
        codecs = self._outbound.dial_plan.codecs.get(trunk, ())
        self._effects.append(media.OpenStream(call.leg, b"", near=near, codecs=codecs))

    def stream_opened(self, call: Call, back: Attempt) -> None:
        """Send the INVITE: the customer's media stands."""
        target = InviteTarget(
            uri=f"sip:{back.target.number}@trunk.invalid",
            caller=back.caller_id,
            trunk=back.target.trunks[back.trunk],
        )
        found = self._rules(self._all[back.callback])
        ring_s = found[1].ring_s if found is not None else self._outbound.dial_plan.no_answer_s
        self._outbound.wait(back.timer, self._table.now + ring_s)
        self._effects.append(InviteLeg(call.leg, target, call.sdp))

    def rings(self, call: Call) -> None:
        """Take that the customer's phone rings: no other trunk is tried any more."""
        if call.back is not None:
            call.back.rang = True

    def answered(self, call: Call, back: Attempt) -> None:
        """Let the customer talk to the agent who waits, or wait for one at the line's head."""
        self._outbound.wait(back.timer, inf)
        call.answered = True
        self._effects.append(events.CallAnswered(interaction=call.interaction, leg=call.leg))
        if call.agent_leg is not None:
            self._queueing.talks.customer_came(call, self._table.now)
            return
        callback = self._all[back.callback]
        found = self._rules(callback)
        if found is None:
            self._host.end(call, "system", EndReason.QUEUE_UNKNOWN)
            return
        saved, queue = callback.saved, found[0]
        self._queueing.enter(
            call,
            queue,
            self._table.now,
            priority=saved.priority,
            category=saved.category,
            first_enqueued_at=callback.first_enqueued_at,
            callback=True,
        )
        greeting = self._settings.prompts.callback_greeting
        if greeting and call.phase is Phase.WAITING:
            sounds = (f"{call.language}/{greeting}",)
            self._hearing.play(call, Playing.ANNOUNCEMENT, sounds, loop=False)

    def failed(self, call: Call, back: Attempt, status: int, *, ended_by: str = "peer") -> None:
        """Try the next trunk, or give this attempt up."""
        self._outbound.wait(back.timer, inf)
        elsewhere = back.trunk + 1 < len(back.target.trunks) and may_try_elsewhere(status)
        if not elsewhere or back.rang:
            reason = end_reason(status)
            self._host.finish(call, "called", reason, leg_ended_by=ended_by, status=status)
            return
        self._hearing.close(call, call.leg, opened=bool(call.sdp))
        del self._table.by_leg[call.leg]
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction,
                leg=call.leg,
                ended_by=ended_by,
                sip_status=status,
                reason=end_reason(status).value,
            )
        )
        back.trunk += 1
        call.leg, call.sdp = self._new_id(), b""
        self._table.by_leg[call.leg] = call
        self._effects.append(
            events.PartyCalled(
                interaction=call.interaction,
                leg=call.leg,
                sip_call_id=call.leg,
                trunk=back.target.trunks[back.trunk],
                number=back.target.number,
                caller=back.caller_id,
            )
        )
        self._dial(call)

    def media_refused(self, call: Call, back: Attempt, status: int) -> None:
        """Take that there is no media for the customer's leg."""
        self._effects.append(HangUpLeg(call.leg))
        back.rang = True  # another trunk would find no media, either
        self.failed(call, back, status, ended_by="fault")

    def _rang_out(self, call: Call, timer: RingTimer) -> None:
        back = call.back
        if back is not None and back.timer is timer and not call.answered:
            self._effects.append(HangUpLeg(call.leg, END_TOLD[EndReason.NO_ANSWER]))
            back.rang = True
            self.failed(call, back, 408, ended_by="server")

    # --- how it ends ---

    def call_over(self, call: Call) -> None:
        """Go on after the call in which it was asked for, or after an attempt."""
        callback = self._all.get(call.interaction)
        if callback is None:
            return
        back = call.back
        if back is None:
            if callback.state is CallbackState.HELD:
                self._line_up(callback)
            return
        self._outbound.wait(back.timer, inf)
        self._by_visit.pop(callback.visit, None)
        callback.visit = ""
        found = self._rules(callback)
        if back.agent:
            self._end(callback, "reached", agent=back.agent)
        elif found is None:
            self._end(callback, "barred")
        elif callback.attempts >= found[1].attempts:
            self._end(callback, "not_reached")
        else:
            self._rest(callback, found[1].retry_pause_s)

    def called_in(self, number: str, queue: str) -> None:
        """Take that the customer has called again and talks to an agent: no need to call back."""
        callback = self._by_key.get((number, queue))
        if callback is not None and callback.state in _CANCELLABLE:
            self._leave_line(callback)
            self._end(callback, "called_in")

    def cancel(self, callback_id: str, by: str) -> bool | None:
        """Give a call-back up; False: it is being carried out, None: there is none."""
        callback = self._all.get(callback_id)
        if callback is None:
            return None
        if callback.state not in _CANCELLABLE:
            return False
        self._leave_line(callback)
        self._end(callback, "cancelled", by=by)
        return True

    def _end(self, callback: Callback, outcome: str, *, agent: str = "", by: str = "") -> None:
        self._deadlines.arm(callback, inf)
        del self._all[callback.id]
        del self._by_key[callback.key]
        self._effects.append(
            events.CallbackEnded(
                interaction=callback.id,
                attempts=callback.attempts,
                last_attempt_us=callback.last_attempt_us,
                outcome=outcome,
                agent=agent,
                by=by,
                **_told(callback),
            )
        )

    # --- time, views, restart ---

    def due(self, callback: Callback, now: float) -> None:
        """Line up what has rested for long enough, or end what has expired."""
        if now >= callback.expires_at:
            self._end(callback, "expired")
        else:
            self._line_up(callback)

    def __iter__(self) -> Iterator[Callback]:
        """Go through all, the oldest wish first."""
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    @property
    def saved(self) -> tuple[SavedCallback, ...]:
        """All of them as they outlive a restart."""
        return tuple(
            replace(one.saved, attempts=one.attempts, last_attempt_us=one.last_attempt_us)
            for one in self._all.values()
        )

    def restore(self, saved: Iterable[SavedCallback], now: float) -> None:
        """Take back what stood before a restart; each is lined up, or ended, when time goes on."""
        self._table.now = now
        wall_us = self._wall_us()
        for one in saved:
            callback = Callback(
                one,
                first_enqueued_at=now - (wall_us - one.first_enqueued_us) / 1e6,
                expires_at=now + (one.expires_us - wall_us) / 1e6,
            )
            self._keep(callback)
            self._rest(callback, 0.0)


_CANCELLABLE = frozenset({CallbackState.LINED_UP, CallbackState.RESTING})


class _Told(TypedDict):
    callback: str
    queue: str
    number: str
    requested_us: int
    first_enqueued_us: int


def _told(callback: Callback) -> _Told:
    """Return what every event tells of a call-back."""
    saved = callback.saved
    return {
        "callback": saved.callback,
        "queue": saved.queue,
        "number": saved.number,
        "requested_us": saved.requested_us,
        "first_enqueued_us": saved.first_enqueued_us,
    }
