"""Offers: an agent's phone rings for a waiting caller, until it answers or the offer is over.

The router's offers are carried out here, and what becomes of the phones is told to the router
here. But for `forking`, `ringing` and `talking`, nothing else touches `Call.agent_leg`.
"""

from collections.abc import Callable
from typing import Protocol

from acd.media import commands as media
from acd.routing import events as routing
from acd.routing.events import LeaveReason, OfferOutcome
from acd.routing.router import Router
from acd.sip import events as sip
from acd.sip.endpoint import InviteTarget
from acd.sip.events import Contact

from . import events, ringing
from .call import AgentLeg, Call, Forks, Phase, Visit
from .commands import DoubtContact, HangUpLeg, InviteLeg
from .desk import Desk
from .effects import Effects
from .forking import Forking
from .hearing import Hearing
from .talking import Talks
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


class Lines(Protocol):
    """The waiting callers, as offers need them: `acd.calls.queueing.Queueing`."""

    now: float

    def apply(self, routed: list[routing.Event], now: float) -> None:
        """Carry out what the router decided."""

    def waiting(self, visit: str) -> Call | None:
        """Return the call that waits in this visit."""

    def left(
        self, call: Call, visit: Visit, reason: LeaveReason, now: float, agent: str = ""
    ) -> None:
        """Close the visit's record."""


class Offers:
    """Rings agents' phones as the router decides."""

    def __init__(
        self,
        router: Router,
        desk: Desk,
        effects: Effects,
        hearing: Hearing,
        calls_by_leg: dict[str, Call],
        new_id: Callable[[], str],
        lines: Lines,
        talks: Talks,
    ) -> None:
        self._router = router
        self._desk = desk
        self._effects = effects
        self._hearing = hearing
        self._calls_by_leg = calls_by_leg
        self._new_id = new_id
        self._lines = lines
        self._talks = talks
        self._forking = Forking(effects, talks.drop)

    def made(self, event: routing.OfferMade) -> None:
        call = self._lines.waiting(event.call)
        if call is None:
            # The caller has left within the same step: the agent must not wait for the lease.
            self._lines.apply(self._router.leave(event.call, self._lines.now), self._lines.now)
            return
        leg = AgentLeg(self._new_id(), event.offer, event.agent, event.account, self._lines.now)
        ringing.make_room(call)
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
        self._turn_to(call, leg_id)
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
            self._talks.drop(call, leg, "server", OfferOutcome.FAILED.value)
            self._offer_ended(call, visit, leg, OfferOutcome.FAILED, 0, now)
            ringing.ring_on(call)
            return
        self._desk.answered_on(leg.account, leg.contact)
        self._offer_ended(call, visit, leg, OfferOutcome.ANSWERED, 200, now)
        self._answered_elsewhere(call, visit, now)
        self._lines.left(call, visit, LeaveReason.ANSWERED, now, leg.agent)
        leg.connected_at = now
        call.talk_visit = visit
        if call.back is not None and not call.answered:
            self._talks.await_customer(call, leg)
        else:
            call.phase = Phase.TALKING
            self._talks.introduce(call, leg, visit)
            self._talks.connected(call, leg, visit)
        self._lines.apply(routed, now)

    def _answered_elsewhere(self, call: Call, visit: Visit, now: float) -> None:
        """Let the other agents' phones fall silent; the router has withdrawn their offers."""
        elsewhere = OfferOutcome.ANSWERED_ELSEWHERE
        others, call.beside = call.beside, []
        for other in others:
            further = other.forks.others if other.forks is not None else []
            for leg in (*further, other.leg):
                self._effects.append(HangUpLeg(leg.leg, OFFER_TOLD[elsewhere]))
                self._talks.drop(call, leg, "server", elsewhere.value)
            self._offer_ended(call, visit, other.leg, elsewhere, 0, now)

    def is_agents(self, call: Call, leg_id: str) -> bool:
        """Whether this is the leg to the agent, or to one of those whose phones ring."""
        self._turn_to(call, leg_id)
        return call.agent_leg is not None and call.agent_leg.leg == leg_id

    def _turn_to(self, call: Call, leg_id: str) -> None:
        """Make the leg that something happens to the call's agent leg, if it rings."""
        if call.beside:
            ringing.turn_to_leg(call, leg_id)
        if call.forks is not None:
            self._forking.turn_to(call, leg_id)

    def leg_rang(self, call: Call, leg_id: str) -> None:
        """Note that the agent's phone is there; the offer's lease runs from the INVITE."""
        self._turn_to(call, leg_id)
        if call.agent_leg is not None:
            call.agent_leg.rang = True

    def leg_answered(self, call: Call, leg_id: str) -> None:
        """Let the agent's other devices fall silent; other agents' ring until the media fits."""
        self._turn_to(call, leg_id)
        self._forking.answered(call, leg_id)

    def leg_failed(self, call: Call, event: sip.LegFailed, now: float) -> None:
        """Take that the agent's phone refused, was busy, or could not be reached."""
        self._turn_to(call, event.leg)
        if event.unreached and call.agent_leg is not None:
            self._doubt(call.agent_leg)
        self._offer_over(call, outcome_of(event.status), "peer", event.status, now)

    def media_failed(self, call: Call, leg_id: str, status: int, now: float) -> None:
        """Take that there is no media for the agent's leg, before the talk."""
        self._turn_to(call, leg_id)
        self._offer_over(call, OfferOutcome.FAILED, "fault", status, now)

    def hung_up_early(self, call: Call, leg_id: str, *, fault: bool, now: float) -> None:
        """Take that the agent's leg ended after its answer and before the talk."""
        self._turn_to(call, leg_id)
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
        self._talks.drop(call, leg, ended_by, own.value, own_status)
        self._offer_ended(call, visit, leg, outcome, status, now)
        ringing.ring_on(call)
        self._lines.apply(self._router.offer_failed(leg.offer, outcome, now), now)

    def withdrawn(self, event: routing.OfferWithdrawn) -> None:
        call = self._lines.waiting(event.call)
        if call is None:
            return
        ringing.turn_to_offer(call, event.offer)
        if call.agent_leg is None or call.agent_leg.offer != event.offer:
            return
        leg, visit = call.agent_leg, call.visit
        assert visit is not None  # a call in self._waiting is in a visit
        if event.outcome is OfferOutcome.NO_ANSWER:
            for phone in (leg, *(call.forks.others if call.forks is not None else ())):
                if not phone.rang:
                    self._doubt(phone)
        if call.forks is not None:
            self._forking.withdrawn(call, event.outcome)
        self._effects.append(HangUpLeg(leg.leg, OFFER_TOLD.get(event.outcome, "")))
        self._talks.drop(call, leg, "server", event.outcome.value)
        self._offer_ended(call, visit, leg, event.outcome, 0, self._lines.now)
        ringing.ring_on(call)

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
