"""A call's arrival: taken or refused, its media opened, and what the called number means begun."""

from collections.abc import Callable

from acd.media import commands as media
from acd.media import events as media_in
from acd.sip import events as sip

from . import events
from .call import Call, EndReason, Phase
from .call_table import CallTable
from .calling_back import CallBacks
from .codes import Codes
from .commands import RejectLeg
from .desk import Desk
from .desk_login import DeskLogins
from .dial_plan import Barred, InternalTarget, OutsideTarget
from .effects import Effects
from .engagement import Engagement
from .flowing import Flowing
from .hearing import Hearing
from .host import Host
from .numbers import (
    CodeAction,
    CodeTarget,
    EchoTarget,
    FlowTarget,
    NumberPlan,
    QueueTarget,
    Target,
)
from .outbound import Outbound
from .own_calls import OwnCalls, peer_text
from .queueing import Queueing
from .replacing import Replacing
from .screening import screen
from .settings import CentreSettings
from .transferring import Transferring

RETRY_AFTER_S = 10
"Asked of a caller whom we cannot take now: long enough for a burst to pass, short for a person."


class Arrival:
    """From the INVITE to the first thing that the caller hears."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        settings: CentreSettings,
        desk: Desk,
        hearing: Hearing,
        flowing: Flowing,
        queueing: Queueing,
        codes: Codes,
        own_calls: OwnCalls,
        outbound: Outbound,
        transferring: Transferring,
        replacing: Replacing,
        engagement: Engagement,
        desk_logins: DeskLogins,
        call_backs: CallBacks,
        new_id: Callable[[], str],
    ) -> None:
        self.numbers = NumberPlan(targets={})
        self.refusing: str | None = None
        self._table = table
        self._effects = effects
        self._host = host
        self._settings = settings
        self._desk = desk
        self._hearing = hearing
        self._flowing = flowing
        self._queueing = queueing
        self._codes = codes
        self._own_calls = own_calls
        self._outbound = outbound
        self._transferring = transferring
        self._replacing = replacing
        self._engagement = engagement
        self._desk_logins = desk_logins
        self._call_backs = call_backs
        self._new_id = new_id

    def invited(self, event: sip.InviteReceived) -> None:
        """Take the call and open its media, or refuse it."""
        if event.replaces:
            self._replacing.invited(event)
            return
        target = screen(self.numbers, event)
        if target is None and event.account is not None:
            target = self.numbers.wrong_reason(event.called)
        if target is None:
            target = self._own_calls.target(event)
        refusal = self._refusal(event, target)
        if refusal is not None:
            self._reject(event, refusal)
            return
        assert not isinstance(target, Barred)  # refused
        call = Call(
            self._new_id(),
            event.leg,
            event.caller,
            event.caller_name,
            event.called,
            target,
            self._settings.language,
            account=event.account,
            began_at=self._table.now,
            withheld=event.withheld,
            late_offer=not event.offer,
            unproved=event.unproved,
        )
        self._table.by_interaction[call.interaction] = call
        self._table.by_leg[call.leg] = call
        near = ""
        if event.account is not None:
            near = self._transferring.near(event.account)
            self._desk.called_from(event.account, event.peer)
        if isinstance(target, InternalTarget | OutsideTarget):
            self._own_calls.dialled(call, event, near)
            return
        self._effects.append(
            events.CallStarted(
                interaction=call.interaction,
                leg=call.leg,
                sip_call_id=event.sip_call_id,
                caller=self._recorded(event, event.caller),
                caller_name=self._recorded(event, event.caller_name),
                called=event.called,
                account=event.account or "",
                claimed=self._recorded(event, event.claimed),
                withheld=event.withheld,
                diverted_from=event.diverted_from,
                peer=peer_text(event.peer),
                project=self._settings.project,
                trunk=event.trunk,
            )
        )
        if event.account and not isinstance(target, CodeTarget):
            self._engage(call, event.account)
        self._effects.append(
            media.OpenStream(
                call.leg,
                event.offer,
                near=near,
                codecs=event.codecs,
                # Over UDP anybody can ask for a call in another one's name: who acknowledges our
                # answer has received it. An account has proved as much by digest.
                waits=event.account is None,
            )
        )

    def adopt(self) -> None:
        """Engage agents who came into the configuration while their phone was in a call."""
        for call in self._table.by_interaction.values():
            if call.account and not call.agent and not isinstance(call.target, CodeTarget):
                self._engage(call, call.account)

    def _engage(self, call: Call, account: str) -> None:
        """Keep offers from an agent who calls one of our own numbers, until the call is over.

        A code is over in seconds, and what it does depends on the agent's state before it.
        """
        agent = self._desk.agent_of(account)
        if agent is not None:
            call.agent = agent
            self._engagement.begin(agent, call.interaction, self._table.now)

    def _recorded(self, event: sip.InviteReceived, value: str) -> str:
        """Return what records keep of a value that tells who calls."""
        return "" if event.withheld and not self._settings.record_withheld else value

    def _reject(self, event: sip.InviteReceived, barred: Barred) -> None:
        """Refuse a call before it becomes an interaction."""
        retry_after_s = RETRY_AFTER_S if barred.status == 503 else 0
        # RFC 3261 20.43: 399 is for "arbitrary information to be presented to a human user".
        warning = f"399 {barred.detail}" if barred.reason == "unknown_reason" else ""
        self._effects.append(RejectLeg(event.leg, barred.status, retry_after_s, warning))
        self._effects.append(
            events.CallRejected(
                sip_call_id=event.sip_call_id,
                caller=self._recorded(event, event.caller),
                called=event.called,
                peer=peer_text(event.peer),
                sip_status=barred.status,
                account=event.account or "",
                detail=barred.detail,
                reason=barred.reason,
            )
        )

    def _refusal(self, event: sip.InviteReceived, target: Target | Barred) -> Barred | None:
        """Return why this call is not taken, and its answer, if so."""
        if isinstance(target, OutsideTarget) and target.emergency:
            return None
        if self.refusing is not None:
            return Barred(503, self.refusing)
        if len(self._table.by_interaction) >= self._settings.max_calls:
            return Barred(503, "full")
        if isinstance(target, CodeTarget) and target.action is CodeAction.DESK_LOGIN:
            at_desk = event.account in self.numbers.desk_phones
            return None if at_desk else Barred(403, "not_permitted")
        if isinstance(target, CodeTarget) and self._desk.agent_of(event.account) is None:
            return Barred(403, "not_an_agent")
        return target if isinstance(target, Barred) else None

    def stream_opened(self, event: media_in.StreamOpened) -> None:
        """Go on with the leg whose media stands."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            if not self._replacing.stream_opened(event):
                self._effects.append(media.CloseStream(event.leg))
        elif (called := call.called_by(event.leg)) is not None:
            self._outbound.stream_opened(call, called, event.sdp)
        elif event.leg != call.leg:
            self._queueing.offers.stream_opened(call, event.leg, event.sdp, self._table.now)
        elif not call.sdp:
            call.sdp = event.sdp
            if call.back is not None:
                self._call_backs.attempts.stream_opened(call, call.back)
            else:
                self._begin(call)

    def _begin(self, call: Call) -> None:
        """Start what the called number means."""
        match call.target:
            case FlowTarget(flow, requires):
                call.requires = requires
                self._hearing.answer(call)
                self._flowing.enter(call, flow, self._table.now)
            case QueueTarget(name, ringing, requires):
                call.requires = requires
                if ringing:
                    self._hearing.ring(call)
                else:
                    self._hearing.answer(call)
                if not (call.answered and call.unproved):
                    self._host.enter_queue(call, name, 0, "")
            case InternalTarget() | OutsideTarget():
                self._own_calls.begin(call)
            case EchoTarget():
                self._host.echo(call)
            case CodeTarget() as code:
                self._hearing.answer(call)
                self._carry_out(call, code)

    def acknowledged(self, call: Call) -> None:
        """Go on with a caller who has shown to be there: no agent's phone rings for nobody."""
        call.unproved = False
        if call.phase is Phase.ARRIVING and isinstance(call.target, QueueTarget):
            self._host.enter_queue(call, call.target.queue, 0, "")

    def _carry_out(self, call: Call, code: CodeTarget) -> None:
        """Do what an agent dialled, say so, and hang up."""
        if code.action is CodeAction.DESK_LOGIN:
            self._desk_logins.begin(call)
            return
        sound = self._codes.dialled(call, code, self._table.now)
        self._host.end_with_prompt(call, sound, EndReason.CODE_DONE)
