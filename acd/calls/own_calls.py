"""Agents' own calls: dialled on their phones, or ordered for them (click-to-dial).

Who may call whom is the dial plan's to say; reaching the other side is `acd.calls.outbound`'s.
This part lets the agent's phone follow how that goes.
"""

from collections.abc import Callable

from acd.media import commands as media
from acd.sip import events as sip
from acd.sip.endpoint import InviteTarget
from acd.sip.peer import Peer

from . import events
from .call import Call, EndReason, Phase, Playing, RingTimer
from .call_table import CallTable
from .commands import InviteLeg, RejectLeg, RingLeg
from .desk import Desk
from .dial_plan import Barred, CallClass, DialPlan, InternalTarget, OutsideTarget
from .effects import Effects
from .engagement import Engagement
from .hearing import Hearing
from .host import Host
from .outbound import Outbound, end_reason
from .settings import CentreSettings

LEAST_OUTSIDE_DIGITS = 7
"Digits from which a stranger's wrong number is counted as an attempt to call out through us."

PICK_UP_S = 30.0
"How long the own phone of an agent rings who ordered a call: whoever clicks sits beside it."


class OwnCalls:
    """Calls that agents place. Implements `PartyWatcher` for them."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        settings: CentreSettings,
        desk: Desk,
        hearing: Hearing,
        outbound: Outbound,
        engagement: Engagement,
        new_id: Callable[[], str],
    ) -> None:
        self.dial_plan = DialPlan()
        self._table = table
        self._effects = effects
        self._host = host
        self._settings = settings
        self._desk = desk
        self._hearing = hearing
        self._outbound = outbound
        self._engagement = engagement
        self._new_id = new_id

    # --- permission ---

    def target(self, event: sip.InviteReceived) -> InternalTarget | OutsideTarget | Barred:
        """Return where a number leads that is not in the number plan.

        Only an account that has proved itself gets anywhere: neither a stranger nor a trunk is
        let through to another trunk, nor to an agent's phone past the queues.
        """
        if event.account is None:
            digits = event.called.removeprefix("+")
            outside = digits.isdigit() and len(digits) >= LEAST_OUTSIDE_DIGITS
            return Barred(404, "no_transit" if outside else "unknown_number")
        return self.reach(event.called, self._desk.agent_of(event.account))

    def reach(self, dialled: str, agent: str | None) -> InternalTarget | OutsideTarget | Barred:
        """Return where this leads for an agent, or None: an account that is no agent's."""
        plan = self.dial_plan
        colleague = dialled if self._desk.profile(dialled) else self._desk.agent_of(dialled)
        if colleague is None or dialled in plan.emergency:
            return plan.outside(dialled, agent)
        if agent is None or plan.rights_of(agent).allowed < CallClass.INTERNAL:
            return Barred(403, "not_permitted")
        return InternalTarget(colleague)

    # --- dialled on the phone ---

    def dialled(self, call: Call, event: sip.InviteReceived, near: str) -> None:
        """Open the agent's stream, near a leg that it may be joined with: the call is taken."""
        self._started(call, call.called, event.sip_call_id, peer_text(event.peer))
        self._effects.append(
            media.OpenStream(call.leg, event.offer, near=near, codecs=event.codecs)
        )

    def begin(self, call: Call) -> None:
        """Call the other side, or the agent's own phone first: its stream stands."""
        if call.picking_up:
            self._ring_own_phone(call)
        else:
            self._call_party(call)

    def _started(self, call: Call, called: str, sip_call_id: str, peer: str) -> None:
        target = call.target
        call.agent = self._desk.agent_of(call.account) or ""
        internal = isinstance(target, InternalTarget)
        number = target.agent if isinstance(target, InternalTarget) else ""
        if isinstance(target, OutsideTarget):
            number = target.number
        self._effects.append(
            events.CallStarted(
                interaction=call.interaction,
                leg=call.leg,
                sip_call_id=sip_call_id,
                caller=call.caller,
                caller_name=call.caller_name,
                called=called,
                direction="internal" if internal else "outbound",
                agent=call.agent,
                number=number,
                account=call.account or "",
                peer=peer,
                project=self._settings.project,
            )
        )
        if call.agent:
            self._engagement.begin(call.agent, call.interaction, self._table.now)

    def _call_party(self, call: Call) -> None:
        target = call.target
        assert isinstance(target, InternalTarget | OutsideTarget)  # an own call's has no other
        call.phase = Phase.DIALLING
        profile = self._desk.profile(call.agent)
        own = call.agent or call.account or ""
        name = profile.name if profile is not None else ""
        if isinstance(target, OutsideTarget):
            # The name is the house's own business.
            own, name = target.caller_id or own, ""
        self._outbound.connect(call, target, self, caller=own, caller_name=name)

    # --- ordered for the agent ---

    def order(self, agent: str, number: str, refusing: str | None = None) -> str | Barred:
        """Ring the agent's own phone, then call the number; return the interaction, or why not.

        `refusing` says why no call is taken now but one that helps somebody in danger.
        """
        profile = self._desk.profile(agent)
        if profile is None:
            return Barred(404, "unknown_agent")
        contact = self._desk.contact(profile.account)
        if contact is None:
            return Barred(480, "no_device")
        target = self.reach(number, agent)
        if isinstance(target, Barred):
            return target
        if not (isinstance(target, OutsideTarget) and target.emergency):
            if refusing is None and len(self._table.by_interaction) >= self._settings.max_calls:
                refusing = "full"
            if refusing is not None:
                return Barred(503, refusing)
        leg = self._new_id()
        call = Call(
            self._new_id(),
            leg,
            agent,
            profile.name,
            number,
            target,
            self._settings.language,
            account=profile.account,
            began_at=self._table.now,
            picking_up=True,
        )
        self._table.by_interaction[call.interaction] = call
        self._table.by_leg[leg] = call
        self._started(call, number, leg, peer_text(contact.peer))
        self._effects.append(media.OpenStream(leg, b""))
        return call.interaction

    def _ring_own_phone(self, call: Call) -> None:
        contact = self._desk.contact(call.account or "")
        if contact is None:
            self._host.end(call, "fault", EndReason.CALL_FAILED)
            return
        call.phase = Phase.DIALLING
        # The phone shows whom the call will be with.
        target = InviteTarget(
            uri=contact.uri, peer=contact.peer, route=contact.path, caller=call.called
        )
        self._outbound.wait(RingTimer(lambda: self._not_taken(call)), self._table.now + PICK_UP_S)
        self._effects.append(InviteLeg(call.leg, target, call.sdp))

    def _not_taken(self, call: Call) -> None:
        if call.picking_up and call.phase is not Phase.ENDED:
            self._host.end(call, "system", EndReason.NO_ANSWER)

    def picked_up(self, call: Call) -> None:
        """Call the other side: the agent's own phone answered and its media fits."""
        call.picking_up = False
        call.answered = True
        self._effects.append(events.CallAnswered(interaction=call.interaction, leg=call.leg))
        self._call_party(call)

    def not_picked_up(self, call: Call, status: int) -> None:
        """Close the call: the agent's own phone refused it, or was not reached."""
        reason = end_reason(status)
        self._host.finish(call, "agent", reason, leg_ended_by="peer", status=status)

    def hang_up(self, agent: str) -> None:
        """End every own call of the agent."""
        for call in [c for c in self._table.by_interaction.values() if c.agent == agent]:
            self._host.end(call, "caller", EndReason.HANGUP)

    # --- how it goes (`PartyWatcher`) ---

    def ringing(self, call: Call, *, early: bool) -> None:
        """Let the agent hear the far end's early media, else ringing."""
        leg = call.called_leg
        assert leg is not None  # it rings
        if early and not call.late_offer:
            if not call.answered:
                self._effects.append(RingLeg(call.leg, 183, call.sdp))
            self._hearing.join(call, leg.leg)
        elif not call.answered:
            self._effects.append(RingLeg(call.leg, sdp=call.sdp if call.late_offer else b""))
        elif self._settings.prompts.ringback:
            ringback = (self._settings.prompts.ringback,)
            self._hearing.play(call, Playing.MUSIC, ringback, loop=True)

    def connected(self, call: Call) -> None:
        """Answer the agent's phone, and let the two talk."""
        leg = call.called_leg
        assert leg is not None  # it answered
        call.phase = Phase.TALKING
        self._hearing.bridge(call, leg.leg)

    def failed(self, call: Call, status: int, reason: EndReason) -> None:
        """Tell the agent's phone what came of it."""
        if call.answered:
            self._host.end(call, "called", reason)
            return
        self._effects.append(RejectLeg(call.leg, status))
        self._host.finish(call, "called", reason, leg_ended_by="server", status=status)

    def parted(self, call: Call, ended_by: str, reason: EndReason) -> None:
        """Hang up on the agent, too."""
        self._host.end(call, ended_by, reason)


def peer_text(peer: Peer) -> str:
    """Return a transport address as records have it."""
    return f"{peer.transport}:{peer.host}:{peer.port}"
