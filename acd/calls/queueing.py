"""A caller's stay in a queue: waiting, offers to agents' phones, the talk.

Whatever the router decides is carried out here, and whatever becomes of an agent's phone is told
to the router here. Nothing else touches `Call.visit` and, but for `forking`, `Call.agent_leg`.
"""

from collections import deque
from collections.abc import Callable

from acd.ivr.speech import say_position
from acd.media import commands as media
from acd.routing import events as routing
from acd.routing.events import LeaveReason, OfferOutcome
from acd.routing.model import QueueProfile, WaitingCall
from acd.routing.router import Router
from acd.sip import events as sip
from acd.sip.endpoint import InviteTarget
from acd.sip.events import Contact

from . import events
from .call import AgentLeg, Call, EndReason, Forks, Phase, Playing, Visit
from .commands import DoubtContact, HangUpLeg, InviteLeg
from .desk import Desk
from .effects import Effects
from .forking import Forking
from .hearing import Hearing
from .host import Host
from .told import OFFER_TOLD

BUSY_STATUSES = frozenset({486, 600})
REJECTED_STATUSES = frozenset({403, 480, 603})
NO_ANSWER_STATUSES = frozenset({408, 487})


def outcome_of(status: int) -> OfferOutcome:
    """Return what a phone's final answer says about the agent.

    480 is what a phone set to "do not disturb" answers; 408 and 487 come from the phone's own
    ringing time-out; anything else is a fault of phone or network.
    """
    if status in BUSY_STATUSES:
        return OfferOutcome.BUSY
    if status in REJECTED_STATUSES:
        return OfferOutcome.REJECTED
    if status in NO_ANSWER_STATUSES:
        return OfferOutcome.NO_ANSWER
    return OfferOutcome.FAILED


class Queueing:
    """Carries out the router's decisions."""

    def __init__(
        self,
        router: Router,
        desk: Desk,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        calls_by_leg: dict[str, Call],
        new_id: Callable[[], str],
    ) -> None:
        self._router = router
        self._desk = desk
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._calls_by_leg = calls_by_leg
        self._new_id = new_id
        self._forking = Forking(effects, self._drop_agent_leg)
        self._queues: dict[str, QueueProfile] = {}
        self._waiting: dict[str, Call] = {}
        self._routed: deque[routing.Event] = deque()
        self._applying = False
        self._now = 0.0
        self._handlers: dict[type, Callable[..., None]] = {
            routing.OfferMade: self._offer_made,
            routing.OfferWithdrawn: self._offer_withdrawn,
            routing.CallTimedOut: self._timed_out,
            routing.CallRefused: self._refused,
            routing.PositionDue: self._position_due,
            routing.AgentStatusChanged: self._status_changed,
            routing.AgentStateChanged: self._state_changed,
        }

    def configure(self, queues: dict[str, QueueProfile]) -> None:
        """Replace the queues; visits under way keep the profile that they began with."""
        self._queues = queues

    def queue(self, name: str) -> QueueProfile | None:
        """Return the queue as configured."""
        return self._queues.get(name)

    def apply(self, routed: list[routing.Event], now: float) -> None:
        """Carry out what the router decided, in the order in which it did.

        Carrying one decision out may ask the router for more (an overflow lines up elsewhere):
        those wait until the earlier ones are through, or an agent's states would be told in the
        wrong order.
        """
        self._now = now
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

    # --- waiting ---

    def enter(
        self,
        call: Call,
        queue: QueueProfile,
        now: float,
        *,
        priority: int = 0,
        category: str = "",
        first_enqueued_at: float | None = None,
    ) -> None:
        """Put the caller into the queue; `first_enqueued_at` keeps an earlier place."""
        first = now if first_enqueued_at is None else first_enqueued_at
        visit = Visit(
            self._new_id(),
            queue,
            now,
            first,
            priority + queue.priority,
            category or queue.category,
        )
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
                waited_before_s=now - first,
                short_abandon_s=queue.short_abandon_s,
                service_level_s=queue.service_level_s,
            )
        )
        if queue.music:
            self._hearing.play(call, Playing.MUSIC, (queue.music,), loop=True)
        else:
            self._hearing.hush(call)
        waiting = WaitingCall(
            call=visit.visit,
            interaction=call.interaction,
            queue=queue.name,
            enqueued_at=first,
            entered_at=now,
            priority=visit.priority,
            category=visit.category,
            caller=call.caller,
        )
        self.apply(self._router.enqueue(waiting, now), now)

    def leave(self, call: Call, reason: LeaveReason, now: float) -> None:
        """Take a waiting caller out; a phone that rings for it falls silent."""
        visit = call.visit
        if visit is None:
            return
        self.apply(self._router.leave(visit.visit, now), now)
        self._left(call, visit, reason, now)

    def _left(
        self, call: Call, visit: Visit, reason: LeaveReason, now: float, agent: str = ""
    ) -> None:
        """Close the visit's record."""
        waited_s = now - visit.entered_at
        value = reason.value
        if reason is LeaveReason.ABANDONED and waited_s <= visit.queue.short_abandon_s:
            value = "short_abandon"
        call.visit = None
        self._waiting.pop(visit.visit, None)
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

    def _timed_out(self, event: routing.CallTimedOut) -> None:
        self._gave_back(event.call, LeaveReason.TIMED_OUT)

    def _refused(self, event: routing.CallRefused) -> None:
        self._gave_back(event.call, event.reason)

    def _gave_back(self, visit_id: str, reason: LeaveReason) -> None:
        call = self._waiting.get(visit_id)
        if call is None or call.visit is None:
            return
        visit, overflow = call.visit, call.visit.queue.overflow
        # The queue it overflows into may have been taken away by a reload.
        target = self._queues.get(overflow.queue) if overflow and overflow.queue else None
        overflows = target is not None or (overflow is not None and overflow.flow != "")
        if overflows and reason is LeaveReason.TIMED_OUT:
            reason = LeaveReason.OVERFLOWED
        self._left(call, visit, reason, self._now)
        if reason is LeaveReason.FAULTED:
            self._host.end(call, "system", EndReason.QUEUE_UNKNOWN)
            return
        full = reason is LeaveReason.REFUSED_FULL
        again = full and call.note_refusal(visit.queue.name, self._now)
        if target is not None and not again:
            self.enter(
                call,
                target,
                self._now,
                priority=visit.priority - visit.queue.priority,
                category=visit.category,
                first_enqueued_at=visit.first_enqueued_at,
            )
        else:
            self._host.queue_gave_back(call, visit.queue, reason, again=again)

    def _position_due(self, event: routing.PositionDue) -> None:
        call = self._waiting.get(event.call)
        if call is not None:
            sounds = say_position(event.position, call.language)
            self._hearing.play(call, Playing.ANNOUNCEMENT, sounds, loop=False)

    # --- offers ---

    def _offer_made(self, event: routing.OfferMade) -> None:
        call = self._waiting.get(event.call)
        if call is None:
            # The caller has left within the same step: the agent must not wait for the lease.
            self.apply(self._router.leave(event.call, self._now), self._now)
            return
        leg = AgentLeg(self._new_id(), event.offer, event.agent, event.account, self._now)
        call.agent_leg = leg
        self._calls_by_leg[leg.leg] = call
        devices = self._desk.all_to_ring(event.account)
        if devices:
            self._fork(call, leg, devices)
        others = [other.leg for other in call.forks.others] if call.forks is not None else []
        self._effects.append(
            events.OfferMade(
                interaction=call.interaction,
                visit=event.call,
                queue=event.queue,
                offer=event.offer,
                agent=event.agent,
                leg=leg.leg,
                sip_call_id=leg.leg,
                choice=event.choice,
                further_legs=tuple(others),
            )
        )
        for opening in (leg.leg, *others):
            self._effects.append(media.OpenStream(opening, b"", near=call.leg))

    def _fork(self, call: Call, leg: AgentLeg, devices: list[Contact]) -> None:
        """Have the offer ring on all these devices; `leg` is for the first of them."""
        leg.device = devices[0]
        others = [
            AgentLeg(
                self._new_id(), leg.offer, leg.agent, leg.account, leg.offered_at, device=device
            )
            for device in devices[1:]
        ]
        call.forks = Forks(others)
        for other in others:
            self._calls_by_leg[other.leg] = call

    def stream_opened(self, call: Call, leg_id: str, sdp: bytes, now: float) -> None:
        """Ring the agent's phone: its media stands."""
        if call.forks is not None:
            self._forking.turn_to(call, leg_id)
        leg, visit = call.agent_leg, call.visit
        if leg is None or visit is None:
            return
        leg.opened = True
        contact = leg.device or self._desk.contact(leg.account)
        if contact is None:
            self._offer_over(call, OfferOutcome.FAILED, "fault", 480, now)
            return
        leg.contact = contact.uri
        queue = visit.queue.display_name or visit.queue.name
        target = InviteTarget(
            uri=contact.uri,
            peer=contact.peer,
            route=contact.path,
            caller=call.shown_caller,
            caller_name=f"{queue} {call.shown_name}".strip(),
        )
        self._effects.append(InviteLeg(leg.leg, target, sdp))

    def stream_accepted(self, call: Call, now: float) -> None:
        """Let caller and agent talk: the agent answered and the media fits."""
        leg, visit = call.agent_leg, call.visit
        if leg is None or visit is None:
            return
        if call.forks is not None:
            self._forking.answered(call, leg.leg)
        routed = self._router.offer_answered(leg.offer, now)
        if not routed:
            # The offer was over already: the agent may be called by somebody else by now.
            self._effects.append(HangUpLeg(leg.leg))
            self._drop_agent_leg(call, leg, "server", OfferOutcome.FAILED.value)
            self._offer_ended(call, visit, leg, OfferOutcome.FAILED, 0, now)
            return
        self._desk.answered_on(leg.account, leg.contact)
        self._offer_ended(call, visit, leg, OfferOutcome.ANSWERED, 200, now)
        self._left(call, visit, LeaveReason.ANSWERED, now, leg.agent)
        leg.connected_at = now
        call.phase = Phase.TALKING
        self._hearing.bridge(call, leg.leg)
        self._connected(call, leg, visit)
        call.talk_visit = visit
        self.apply(routed, now)

    def leg_rang(self, call: Call, leg_id: str) -> None:
        """Note that the agent's phone is there; the offer's lease runs from the INVITE."""
        if call.forks is not None:
            self._forking.turn_to(call, leg_id)
        if call.agent_leg is not None:
            call.agent_leg.rang = True

    def leg_answered(self, call: Call, leg_id: str) -> None:
        """Let the agent's other devices fall silent."""
        self._forking.answered(call, leg_id)

    def leg_failed(self, call: Call, event: sip.LegFailed, now: float) -> None:
        """Take that the agent's phone refused, was busy, or could not be reached."""
        if call.forks is not None:
            self._forking.turn_to(call, event.leg)
        if event.unreached and call.agent_leg is not None:
            self._doubt(call.agent_leg)
        self._offer_over(call, outcome_of(event.status), "peer", event.status, now)

    def media_failed(self, call: Call, leg_id: str, status: int, now: float) -> None:
        """Take that there is no media for the agent's leg, before the talk."""
        if call.forks is not None:
            self._forking.turn_to(call, leg_id)
        self._offer_over(call, OfferOutcome.FAILED, "fault", status, now)

    def hung_up_early(self, call: Call, *, fault: bool, now: float) -> None:
        """Take that the agent's leg ended after its answer and before the talk."""
        if fault:
            self._offer_over(call, OfferOutcome.FAILED, "fault", 200, now)
        else:
            self._offer_over(call, OfferOutcome.REJECTED, "peer", 200, now)

    def _offer_over(
        self, call: Call, outcome: OfferOutcome, ended_by: str, status: int, now: float
    ) -> None:
        """End the offer from the phone's side; the router finds the next agent."""
        leg, visit = call.agent_leg, call.visit
        if leg is None or visit is None:
            return
        own, own_status = outcome, status
        if call.forks is not None:
            told = self._forking.failed(call, outcome, ended_by, status)
            if told is None:
                return  # another device rings on
            outcome, status = told
        self._drop_agent_leg(call, leg, ended_by, own.value, own_status)
        self._offer_ended(call, visit, leg, outcome, status, now)
        self.apply(self._router.offer_failed(leg.offer, outcome, now), now)

    def _offer_withdrawn(self, event: routing.OfferWithdrawn) -> None:
        call = self._waiting.get(event.call)
        if call is None or call.agent_leg is None or call.agent_leg.offer != event.offer:
            return
        leg, visit = call.agent_leg, call.visit
        assert visit is not None  # a call in self._waiting is in a visit
        if event.outcome is OfferOutcome.NO_ANSWER:
            for ringing in (leg, *(call.forks.others if call.forks is not None else ())):
                if not ringing.rang:
                    self._doubt(ringing)
        if call.forks is not None:
            self._forking.withdrawn(call, event.outcome)
        self._effects.append(HangUpLeg(leg.leg, OFFER_TOLD.get(event.outcome, "")))
        self._drop_agent_leg(call, leg, "server", event.outcome.value)
        self._offer_ended(call, visit, leg, event.outcome, 0, self._now)

    def _doubt(self, leg: AgentLeg) -> None:
        """Let a device that said nothing be asked whether it is there."""
        if leg.contact:
            self._effects.append(DoubtContact(leg.account, leg.contact))

    def _offer_ended(
        self,
        call: Call,
        visit: Visit,
        leg: AgentLeg,
        outcome: OfferOutcome,
        status: int,
        now: float,
    ) -> None:
        self._effects.append(
            events.OfferEnded(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                offer=leg.offer,
                agent=leg.agent,
                leg=leg.leg,
                outcome=outcome.value,
                sip_status=status,
                ring_s=now - leg.offered_at,
            )
        )

    def _drop_agent_leg(
        self, call: Call, leg: AgentLeg, ended_by: str, reason: str, status: int = 0
    ) -> None:
        """Forget the agent's leg and give its media back."""
        if call.agent_leg is leg:
            call.agent_leg = None
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._calls_by_leg.pop(leg.leg, None)
        self._hearing.close(call, leg.leg, opened=leg.opened)
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction,
                leg=leg.leg,
                ended_by=ended_by,
                sip_status=status,
                reason=reason,
            )
        )

    # --- talk ---

    def held(self, call: Call, held: bool, now: float) -> None:
        """Either side put the other on hold, or took it back."""
        leg = call.agent_leg
        if leg is None or leg.connected_at is None or held == (leg.held_since is not None):
            return
        if held:
            leg.held_since = now
            event: events.Event = events.HoldStarted(
                interaction=call.interaction, agent=leg.agent, leg=leg.leg
            )
        else:
            leg.book_hold(now)
            event = events.HoldEnded(interaction=call.interaction, agent=leg.agent, leg=leg.leg)
        self._effects.append(event)
        self.apply(self._router.hold(leg.agent, held, now), now)

    def talk_over(self, call: Call, ended_by: str, reason: str, now: float) -> None:
        """Book the talk and send the agent into wrap-up.

        `ended_by` says who ended the agent's leg: "peer", "server" or "fault"; `reason` is that
        of the whole call.
        """
        leg, visit = call.agent_leg, call.talk_visit
        if leg is None or leg.connected_at is None or visit is None:
            return
        call.talk_visit = None
        self.end_talk(call, leg, visit, ended_by, reason, now)

    def end_talk(
        self,
        call: Call,
        leg: AgentLeg,
        visit: Visit,
        ended_by: str,
        reason: str,
        now: float,
        *,
        release: bool = True,
    ) -> None:
        """Book a talk whose leg the call may have given away; `release` frees the agent."""
        self._drop_agent_leg(call, leg, ended_by, reason)
        self._disconnected(call, leg, visit, now)
        if release:
            self._host.release_agent(leg.agent)

    def _disconnected(self, call: Call, leg: AgentLeg, visit: Visit, now: float) -> None:
        leg.book_hold(now)
        began_at = now if leg.connected_at is None else leg.connected_at
        self._effects.append(
            events.AgentDisconnected(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                agent=leg.agent,
                leg=leg.leg,
                talk_s=now - began_at - leg.hold_s,
                hold_s=leg.hold_s,
            )
        )

    # --- talks that go on elsewhere (`transferring`) ---

    def part(self, call: Call) -> tuple[AgentLeg, Visit] | None:
        """Take the talking agent's leg out of the call; it stands, and so does the talk's record.

        None: nobody talks.
        """
        leg, visit = call.agent_leg, call.talk_visit
        if leg is None or leg.connected_at is None or visit is None:
            return None
        call.agent_leg = call.talk_visit = None
        return leg, visit

    def rejoin(self, call: Call, leg: AgentLeg, visit: Visit) -> None:
        """Give the call the leg back that `part` took; the talk goes on."""
        call.agent_leg, call.talk_visit = leg, visit
        call.phase = Phase.TALKING

    def give_away(self, call: Call, leg: AgentLeg, visit: Visit, reason: str, now: float) -> None:
        """Close the records of a leg that goes on in another call; its stream stands."""
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction, leg=leg.leg, ended_by="server", reason=reason
            )
        )
        self._disconnected(call, leg, visit, now)

    def join(self, call: Call, leg: AgentLeg, visit: Visit, now: float) -> None:
        """Begin the talk of an agent who came by no offer of this call, from `visit`'s queue."""
        leg.connected_at = now
        self._calls_by_leg[leg.leg] = call
        self.rejoin(call, leg, visit)
        self._hearing.bridge(call, leg.leg)
        self._connected(call, leg, visit)

    def _connected(self, call: Call, leg: AgentLeg, visit: Visit) -> None:
        self._effects.append(
            events.AgentConnected(
                interaction=call.interaction,
                visit=visit.visit,
                queue=visit.queue.name,
                agent=leg.agent,
                leg=leg.leg,
            )
        )
        self._desk.remember(
            leg.agent, interaction=call.interaction, queue=visit.queue, category=visit.category
        )

    # --- agents ---

    def _status_changed(self, event: routing.AgentStatusChanged) -> None:
        self._effects.append(
            events.AgentStatusChanged(
                agent=event.agent, status=event.status.value, reason=event.reason, by=event.by
            )
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
