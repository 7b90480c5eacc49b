"""Calling a party: a colleague's phone, or a number outside over the trunks in their order.

`connect` serves whoever wants a caller connected - an agent's own call, a transfer - and tells a
`PartyWatcher` how it goes. Nothing else touches `Call.called_leg`.
"""

from collections.abc import Callable, Sequence
from math import inf

from acd.media import commands as media
from acd.routing.events import OfferOutcome
from acd.routing.model import State
from acd.routing.router import Router
from acd.sip import events as sip
from acd.sip.endpoint import InviteTarget
from acd.sip.events import Contact

from . import events
from .call import Call, CalledLeg, EndReason, PartyWatcher, Phase, RingTimer
from .call_table import CallTable
from .commands import DoubtContact, HangUpLeg, InviteLeg
from .desk import Desk
from .dial_plan import DialPlan, InternalTarget, OutsideTarget
from .effects import Effects
from .engagement import Engagement
from .forking import ANSWERED_ELSEWHERE
from .hearing import Hearing
from .offering import outcome_of
from .party_answers import (
    GLOBAL_FAILURE,
    GONE,
    UNAVAILABLE,
    answer_for,
    cause_status,
    may_try_elsewhere,
    most_telling,
)
from .queueing import Queueing
from .told import COMPLETED_ELSEWHERE, END_TOLD

BUSY_STATES = frozenset({State.OFFERED, State.TALKING, State.HELD})
"An agent in one of these has the phone at the ear, or ringing."

REASONS = {
    OfferOutcome.BUSY: EndReason.BUSY,
    OfferOutcome.REJECTED: EndReason.REJECTED,
    OfferOutcome.NO_ANSWER: EndReason.NO_ANSWER,
}


class Outbound:
    """Legs to called parties: from the first INVITE to the end of the talk."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        router: Router,
        desk: Desk,
        hearing: Hearing,
        queueing: Queueing,
        engagement: Engagement,
        new_id: Callable[[], str],
    ) -> None:
        self.dial_plan = DialPlan()
        self._table = table
        self._effects = effects
        self._router = router
        self._desk = desk
        self._hearing = hearing
        self._queueing = queueing
        self._engagement = engagement
        self._new_id = new_id
        self._deadlines = table.deadlines

    # --- beginning ---

    def connect(
        self,
        call: Call,
        target: InternalTarget | OutsideTarget,
        watcher: PartyWatcher,
        *,
        caller: str,
        caller_name: str = "",
        reserved: bool = False,
    ) -> None:
        """Call the party for this call's caller; the watcher hears of it, perhaps at once.

        The caller's stream stands already. A call has one called party at a time; it may have an
        agent's leg beside it. `reserved`: by `reserve`, for this call.
        """
        if isinstance(target, InternalTarget):
            failure = self._unavailable(target.agent, reserved=reserved)
            if failure is not None:
                if reserved:
                    self._engagement.end(target.agent, call.interaction, self._table.now)
                watcher.failed(call, *failure)
                return
            if not reserved:
                self.reserve(target.agent, call)
        elif not target.trunks:
            watcher.failed(call, 503, EndReason.CALL_FAILED)
            return
        now = self._table.now
        timer = RingTimer(lambda: self._rang_out(call, timer))
        self.wait(timer, now + self.dial_plan.no_answer_s)
        legs = [
            CalledLeg(
                self._new_id(), target, watcher, caller, caller_name, now, timer, device=device
            )
            for device in self._devices(target)
        ]
        call.called_leg, call.called_others = legs[0], tuple(legs[1:])
        for leg in legs:
            self._call_out(call, leg)

    def reserve(self, agent: str, call: Call) -> None:
        """Let the colleague be offered nothing: the phone is to ring for this call."""
        self._engagement.begin(agent, call.interaction, self._table.now)

    def _unavailable(self, agent: str, *, reserved: bool) -> tuple[int, EndReason] | None:
        """Return why a colleague's phone cannot be rung; None: it can."""
        profile = self._desk.profile(agent)
        if profile is None or self._desk.contact(profile.account) is None:
            return UNAVAILABLE if profile else GONE, EndReason.CALL_FAILED
        if not reserved and self._router.agent_view(agent).state in BUSY_STATES:
            return 486, EndReason.BUSY
        return None

    def _devices(self, target: InternalTarget | OutsideTarget) -> Sequence[Contact | None]:
        """Return the phones that ring together; None for the one that the leg itself finds."""
        profile = None
        if isinstance(target, InternalTarget):
            profile = self._desk.profile(target.agent)
        return (self._desk.all_to_ring(profile.account) if profile is not None else ()) or (None,)

    def _call_out(self, call: Call, leg: CalledLeg) -> None:
        self._table.by_leg[leg.leg] = call
        agent, trunk, number = _names(leg)
        self._effects.append(
            events.PartyCalled(
                interaction=call.interaction,
                leg=leg.leg,
                sip_call_id=leg.leg,
                agent=agent,
                trunk=trunk,
                number=number,
                caller=leg.caller,
            )
        )
        codecs = self.dial_plan.codecs.get(trunk, ())
        self._effects.append(media.OpenStream(leg.leg, b"", near=call.leg, codecs=codecs))

    def stream_opened(self, call: Call, leg: CalledLeg, sdp: bytes) -> None:
        """Send the INVITE: the party's media stands."""
        if leg.opened:
            return
        leg.opened = True
        target = self._invite_target(leg)
        if target is None:
            self.failed(call, leg, UNAVAILABLE)
        else:
            self._effects.append(InviteLeg(leg.leg, target, sdp))

    def _invite_target(self, leg: CalledLeg) -> InviteTarget | None:
        target = leg.target
        if isinstance(target, OutsideTarget):
            return InviteTarget(
                uri=f"sip:{target.number}@trunk.invalid",
                caller=leg.caller,
                caller_name=leg.caller_name,
                trunk=target.trunks[leg.trunk],
                emergency=target.emergency,
            )
        profile = self._desk.profile(target.agent)
        if leg.device is None and profile is not None:
            leg.device = self._desk.contact(profile.account)
        contact = leg.device
        if contact is None:
            return None
        return InviteTarget(
            uri=contact.uri,
            peer=contact.peer,
            caller=leg.caller,
            caller_name=leg.caller_name,
            route=contact.path,
        )

    # --- ringing ---

    def ringing(self, call: Call, leg: CalledLeg, event: sip.LegRinging) -> None:
        """Take a provisional answer; one with an SDP has something to be heard."""
        if leg.answered:
            return
        if event.sdp:
            leg.early_pending += 1
            self._effects.append(media.AcceptAnswer(leg.leg, event.sdp))
        if event.status == 180 or not event.sdp:
            self._rings(call, leg)

    def _rings(self, call: Call, leg: CalledLeg) -> None:
        if not leg.rings:
            leg.rings = True
            if not leg.early and not any(other.rings for other in _beside(call, leg)):
                leg.watcher.ringing(call, early=False)

    def answered(self, call: Call, leg: CalledLeg, event: sip.LegAnswered) -> None:
        """Give the answer's SDP to the media engine; other phones fall silent."""
        leg.answered = True
        self._silence(call, _beside(call, leg), ANSWERED_ELSEWHERE, COMPLETED_ELSEWHERE)
        call.called_leg, call.called_others = leg, ()
        self.wait(leg.timer, inf)
        self._effects.append(media.AcceptAnswer(leg.leg, event.answer))

    def stream_accepted(self, call: Call, leg: CalledLeg) -> None:
        """Let the caller hear what comes before the answer; at the answer, let them talk."""
        if leg.early_pending:
            leg.early_pending -= 1
            if call.called_others:
                # Of several phones that ring none is heard before one is answered.
                self._rings(call, leg)
            elif not leg.early and not leg.answered:
                leg.early = leg.rings = True
                leg.watcher.ringing(call, early=True)
            return
        if leg.connected_at is not None or not leg.answered:
            return
        now = self._table.now
        leg.connected_at = now
        interaction = call.interaction
        self._effects.append(
            events.PartyAnswered(interaction=interaction, leg=leg.leg, ring_s=now - leg.began_at)
        )
        if leg.device is not None and isinstance(leg.target, InternalTarget):
            self._desk.answered_on(self._account(leg.target.agent), leg.device.uri)
        leg.watcher.connected(call)
        for agent, own_leg in talkers(call, leg):
            self._effects.append(
                events.AgentConnected(interaction=interaction, agent=agent, leg=own_leg)
            )

    # --- ending ---

    def stream_refused(self, call: Call, leg: CalledLeg, status: int) -> None:
        """Take that there is no media for the party; what was only early is done without."""
        if leg.early_pending:
            leg.early_pending -= 1
            return
        self._effects.append(HangUpLeg(leg.leg))
        self.failed(call, leg, status, ended_by="fault")

    def leg_failed(self, call: Call, leg: CalledLeg, event: sip.LegFailed) -> None:
        """Take that the party was not reached; another trunk may be better."""
        if leg.answered:
            return
        if event.unreached and leg.device is not None and isinstance(leg.target, InternalTarget):
            account = self._account(leg.target.agent)
            self._effects.append(DoubtContact(account, leg.device.uri))
        self.failed(call, leg, cause_status(event))

    def _account(self, agent: str) -> str:
        profile = self._desk.profile(agent)
        return profile.account if profile is not None else ""

    def failed(self, call: Call, leg: CalledLeg, status: int, *, ended_by: str = "peer") -> None:
        """Try the next trunk, or tell that nobody is reached."""
        target, others = leg.target, _beside(call, leg)
        self._drop(call, leg, ended_by, outcome_of(status).value, status)
        if others and status < GLOBAL_FAILURE:
            for other in others:
                other.best_status = most_telling(leg.best_status, status)
            call.called_leg, call.called_others = others[0], others[1:]
            return
        # RFC 3261 16.7: a 6xx "SHOULD cancel all client pending transactions".
        self._silence(call, others, outcome_of(status).value, "")
        status = most_telling(leg.best_status, status)
        if (
            isinstance(target, OutsideTarget)
            and leg.trunk + 1 < len(target.trunks)
            and not leg.rings
            and not leg.answered
            # Whatever is wrong with 110 over this trunk, another one may be right.
            and (target.emergency or may_try_elsewhere(status))
        ):
            again = CalledLeg(
                self._new_id(),
                target,
                leg.watcher,
                leg.caller,
                leg.caller_name,
                leg.began_at,
                leg.timer,
                trunk=leg.trunk + 1,
            )
            call.called_leg = again
            self._call_out(call, again)
            return
        self._over(call, leg)
        leg.watcher.failed(call, answer_for(status), end_reason(status))

    def leg_ended(self, call: Call, leg: CalledLeg, reason: EndReason, *, fault: bool) -> None:
        """Take that the party hung up, or was lost."""
        if leg.connected_at is None:
            # It answered and went before its media was through.
            self.failed(call, leg, UNAVAILABLE, ended_by="fault" if fault else "peer")
            return
        self.end_talk(call, leg, "fault" if fault else "peer", reason.value)
        leg.watcher.parted(call, "fault" if fault else "called", reason)

    def give_up(self, call: Call, reason: str, told: str = "") -> None:
        """Hang up on the party, whatever it has come to; the watcher hears nothing."""
        leg = call.called_leg
        if leg is not None:
            self._silence(call, call.called_others, reason, told)
            self._effects.append(HangUpLeg(leg.leg, told))
            self.end_talk(call, leg, "server", reason)

    def end_talk(self, call: Call, leg: CalledLeg, ended_by: str, reason: str) -> None:
        """Book the talk of a leg that has ended, and close the leg."""
        leg.book_hold(self._table.now)
        self._drop(call, leg, ended_by, reason)
        self._disconnected(call, leg)
        self._over(call, leg)

    def _disconnected(self, call: Call, leg: CalledLeg) -> None:
        if leg.connected_at is None:
            return
        talk_s = self._table.now - leg.connected_at - leg.hold_s
        for agent, own_leg in talkers(call, leg):
            self._effects.append(
                events.AgentDisconnected(
                    interaction=call.interaction,
                    agent=agent,
                    leg=own_leg,
                    talk_s=talk_s,
                    hold_s=leg.hold_s,
                )
            )

    # --- talks that go on elsewhere (`transferring`) ---

    def part(self, call: Call) -> CalledLeg | None:
        """Take the party's leg out of the call; it stands, and so does the talk's record.

        None: no party talks.
        """
        leg = call.called_leg
        if leg is None or leg.connected_at is None:
            return None
        call.called_leg = None
        return leg

    def give_away(self, call: Call, leg: CalledLeg, reason: str) -> None:
        """Close the records of a leg that goes on in another call; its stream stands."""
        leg.book_hold(self._table.now)
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction, leg=leg.leg, ended_by="server", reason=reason
            )
        )
        self._disconnected(call, leg)

    def join(self, call: Call, leg: CalledLeg, watcher: PartyWatcher, before: Call) -> None:
        """Begin the talk of a party that another call has given away."""
        now = self._table.now
        leg.watcher = watcher
        leg.connected_at, leg.held_by, leg.hold_s = now, frozenset(), 0.0
        call.called_leg = leg
        self._table.by_leg[leg.leg] = call
        call.phase = Phase.TALKING
        self._hearing.bridge(call, leg.leg)
        for agent, own_leg in talkers(call, leg):
            self._effects.append(
                events.AgentConnected(interaction=call.interaction, agent=agent, leg=own_leg)
            )
        if isinstance(leg.target, InternalTarget):
            self._engagement.begin(leg.target.agent, call.interaction, now)
            self._engagement.end(leg.target.agent, before.interaction, now)

    # --- what ends them ---

    def _drop(
        self, call: Call, leg: CalledLeg, ended_by: str, reason: str, status: int = 0
    ) -> None:
        """Forget the leg and give its media back."""
        if call.called_leg is leg:
            call.called_leg = None
        call.reoffering -= {leg.leg}
        call.holding -= {leg.leg}
        self._table.by_leg.pop(leg.leg, None)
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

    def _silence(self, call: Call, legs: tuple[CalledLeg, ...], reason: str, told: str) -> None:
        """Give up phones that ring beside another one."""
        for leg in legs:
            self._effects.append(HangUpLeg(leg.leg, told))
            self._drop(call, leg, "server", reason)
        call.called_others = ()

    def _over(self, call: Call, leg: CalledLeg) -> None:
        """Let go of the colleague, after the last attempt."""
        self.wait(leg.timer, inf)
        if isinstance(leg.target, InternalTarget):
            self._engagement.end(leg.target.agent, call.interaction, self._table.now)

    # --- hold, and time ---

    def held(self, call: Call, leg: CalledLeg, held: bool) -> None:
        """Either side put the other on hold, or took it back."""
        now = self._table.now
        if held == (leg.held_since is not None):
            return
        if held:
            leg.held_since = now
        else:
            leg.book_hold(now)
        kind = events.HoldStarted if held else events.HoldEnded
        for agent, own_leg in talkers(call, leg):
            self._effects.append(kind(interaction=call.interaction, agent=agent, leg=own_leg))
            self._engagement.hold(agent, call.interaction, held, now)

    def due(self, timer: RingTimer, now: float) -> None:
        """Give up a phone that has rung for long enough."""
        del now  # there is nothing to reckon
        timer.expired()

    def wait(self, timer: RingTimer, until: float) -> None:
        """Have the timer expire then, in place of any earlier arrangement; inf: never."""
        self._deadlines.arm(timer, until)

    def _rang_out(self, call: Call, timer: RingTimer) -> None:
        leg = call.called_leg
        if leg is not None and leg.timer is timer:
            reason = EndReason.NO_ANSWER
            self._silence(call, call.called_others, reason.value, END_TOLD[reason])
            self._effects.append(HangUpLeg(leg.leg, END_TOLD[EndReason.NO_ANSWER]))
            leg.rings = True  # long enough: no other trunk is tried
            self.failed(call, leg, 408, ended_by="server")


def _beside(call: Call, leg: CalledLeg) -> tuple[CalledLeg, ...]:
    """Return the legs to the party but this one."""
    if not call.called_others:
        return ()
    legs = (call.called_leg, *call.called_others)
    return tuple([one for one in legs if one is not None and one is not leg])


def end_reason(status: int) -> EndReason:
    """Return why a call ends whose party answered so."""
    return REASONS.get(outcome_of(status), EndReason.CALL_FAILED)


def talkers(call: Call, leg: CalledLeg) -> list[tuple[str, str]]:
    """Return the agents in this talk, each with the own leg."""
    found = [(call.agent, call.leg)] if call.agent else []
    if isinstance(leg.target, InternalTarget):
        found.append((leg.target.agent, leg.leg))
    return found


def _names(leg: CalledLeg) -> tuple[str, str, str]:
    """Return agent, trunk and number of the party, as records have them."""
    target = leg.target
    if isinstance(target, InternalTarget):
        return target.agent, "", target.agent
    return "", target.trunks[leg.trunk], target.number
