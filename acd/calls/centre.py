"""The call centre: every call from its INVITE to its end.

The one place where SIP, IVR, routing and media meet. Inputs are SIP events, media events, commands
of people, and time; the result of each is a list of effects in the order to carry them out.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from acd.ivr import events as ivr_in
from acd.ivr.book import FlowBook
from acd.media import commands as media
from acd.media import events as media_in
from acd.routing.events import LeaveReason
from acd.routing.model import AgentProfile, QueueProfile, Status
from acd.routing.router import Router
from acd.sip import events as sip

from . import events
from .call import Call, EndReason, Phase, Playing
from .codes import can_wait, carry_out
from .commands import HangUpLeg, RefuseOffer, RejectLeg, RingLeg
from .desk import Desk, Disposition
from .effects import Effect, Effects
from .flowing import Flowing
from .hearing import Hearing
from .holding import Holding
from .numbers import (
    CodeTarget,
    EchoTarget,
    FlowTarget,
    NumberPlan,
    QueueTarget,
    Target,
)
from .queueing import Queueing
from .settings import CentreSettings

LEG_END_REASONS = {
    sip.LegEndCause.BYE: EndReason.HANGUP,
    sip.LegEndCause.ACK_MISSING: EndReason.ACK_MISSING,
    sip.LegEndCause.PEER_GONE: EndReason.PEER_GONE,
    sip.LegEndCause.TRANSPORT: EndReason.TRANSPORT,
}
GONE_UNANSWERED = 480
"What `HangUpLeg` says to a caller whom we have not answered yet."

RETRY_AFTER_S = 10
"Asked of a caller whom we cannot take now: long enough for a burst to pass, short for a person."


class CallCentre:
    """Joins callers, flows, queues, agents and their media. Does no I/O; `now` is monotonic."""

    def __init__(
        self,
        *,
        router: Router,
        agents: Iterable[AgentProfile],
        queues: Iterable[QueueProfile],
        numbers: NumberPlan,
        flows: FlowBook,
        settings: CentreSettings,
        new_id: Callable[[], str],
        wall: Callable[[], datetime],
    ) -> None:
        self.refusing: str | None = None
        'Set to "draining" or "journal_failing" to refuse new calls with 503.'
        self._router = router
        self._settings = settings
        self._new_id = new_id
        self._effects: Effects = []
        self._calls: dict[str, Call] = {}
        self._calls_by_leg: dict[str, Call] = {}
        self._now = 0.0
        self._desk = Desk(
            router,
            self._effects,
            login_at_registration=settings.login_at_registration,
            wall=wall,
        )
        self._hearing = Hearing(self._effects)
        self._queueing = Queueing(
            router, self._desk, self._effects, self, self._hearing, self._calls_by_leg, new_id
        )
        self._holding = Holding(self._effects, self._hearing, self._queueing)
        self._numbers = numbers
        self._flowing = Flowing(flows, self._effects, self, self._hearing, wall)
        self._desk.configure(agents)
        self._queueing.configure({queue.name: queue for queue in queues})
        self._on_sip: dict[type, Callable[..., None]] = {
            sip.InviteReceived: self._invited,
            sip.LegCancelled: self._cancelled,
            sip.LegConfirmed: self._confirmed,
            sip.LegRinging: self._ignored,
            sip.LegAnswered: self._leg_answered,
            sip.LegFailed: self._leg_failed,
            sip.LegEnded: self._leg_ended,
            sip.LegReoffered: self._leg_reoffered,
            sip.InfoDigit: self._digit,
            sip.ContactsChanged: self._contacts_changed,
        }
        self._on_media: dict[type, Callable[..., None]] = {
            media_in.StreamOpened: self._stream_opened,
            media_in.StreamAccepted: self._stream_accepted,
            media_in.StreamReoffered: self._stream_reoffered,
            media_in.StreamRefused: self._stream_refused,
            media_in.PlayFinished: self._play_finished,
            media_in.DigitPressed: self._digit,
            media_in.StreamClosed: self._hearing.closed,
            media_in.StreamsLost: self._streams_lost,
        }

    # --- inputs ---

    def on_sip(self, event: sip.Event, now: float) -> Effects:
        """Take what happened on the SIP side."""
        self._now = now
        self._on_sip[type(event)](event)
        return self._take()

    def on_media(self, event: media_in.Event, now: float) -> Effects:
        """Take what the media engine reports."""
        self._now = now
        self._on_media[type(event)](event)
        return self._take()

    def on_time(self, now: float) -> Effects:
        """Run every deadline that has passed."""
        self._now = now
        self._flowing.on_time(now)
        if self._router.next_deadline() <= now:
            self._queueing.apply(self._router.on_time(now), now)
        return self._take()

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        return min(self._flowing.next_deadline(), self._router.next_deadline())

    # --- what people command ---

    def set_status(
        self, agent: str, status: Status, reason: str, by: str, now: float
    ) -> Effects | None:
        """Change what an agent wants; None if there is no such agent."""
        if self._desk.profile(agent) is None:
            return None
        self._now = now
        self._queueing.apply(self._router.set_status(agent, status, reason, by, now), now)
        return self._take()

    def end_wrap_up(self, agent: str, now: float) -> Effects | None:
        """End an agent's after-call work; None if there is no such agent."""
        if self._desk.profile(agent) is None:
            return None
        self._now = now
        self._queueing.apply(self._router.end_wrap_up(agent, now), now)
        return self._take()

    def dispose(
        self, agent: str, disposition: Disposition, *, interaction: str = ""
    ) -> Effects | None:
        """Class an agent's last call; None if the agent took no such call."""
        if not self._desk.dispose(agent, disposition, interaction=interaction):
            return None
        return self._take()

    def configure(
        self,
        *,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        numbers: NumberPlan,
        login_at_registration: bool | None = None,
        now: float,
    ) -> Effects:
        """Replace agents, queues and numbers at once; calls and devices stay.

        `login_at_registration` as in the settings; None: as it is.
        All of it or, on the router's ConfigurationError, nothing.
        """
        self._now = now
        routed = self._router.configure(agents, queues, now)
        self._numbers = numbers
        self._desk.configure(agents, login_at_registration=login_at_registration)
        self._queueing.configure({queue.name: queue for queue in queues})
        self._queueing.apply(routed, now)
        self._queueing.apply(self._desk.settle(now), now)
        return self._take()

    def replace_flows(self, flows: FlowBook) -> None:
        """Serve new calls by these flows; calls under way finish on the book they began with."""
        self._flowing.flows = flows

    def shut_down(self, now: float) -> Effects:
        """Hang up every call."""
        self._now = now
        for call in tuple(self._calls.values()):
            self.end(call, "system", EndReason.SHUTDOWN)
        return self._take()

    # --- views ---

    @property
    def calls(self) -> Iterable[Call]:
        """The calls under way; read only."""
        return self._calls.values()

    @property
    def calls_total(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    @property
    def desk(self) -> Desk:
        """Agents and their devices; read only."""
        return self._desk

    # --- arrival ---

    def _invited(self, event: sip.InviteReceived) -> None:
        target = self._numbers.target(event.called)
        refusal = self._refusal(event, target)
        if target is None or refusal is not None:
            self._reject(event, *(refusal or (404, "unknown_number")))
            return
        call = Call(
            self._new_id(),
            event.leg,
            event.caller,
            event.caller_name,
            event.called,
            target,
            self._settings.language,
            account=event.account,
            late_offer=not event.offer,
        )
        self._calls[call.interaction] = call
        self._calls_by_leg[call.leg] = call
        self._effects.append(
            events.CallStarted(
                interaction=call.interaction,
                leg=call.leg,
                sip_call_id=event.sip_call_id,
                caller=event.caller,
                caller_name=event.caller_name,
                called=event.called,
                account=event.account or "",
                peer=_peer_text(event),
                project=self._settings.project,
            )
        )
        self._effects.append(media.OpenStream(call.leg, event.offer))

    def _reject(self, event: sip.InviteReceived, status: int, reason: str) -> None:
        """Refuse a call before it becomes an interaction."""
        retry_after_s = RETRY_AFTER_S if status == 503 else 0
        self._effects.append(RejectLeg(event.leg, status, retry_after_s))
        self._effects.append(
            events.CallRejected(
                sip_call_id=event.sip_call_id,
                caller=event.caller,
                called=event.called,
                peer=_peer_text(event),
                sip_status=status,
                reason=reason,
            )
        )

    def _refusal(self, event: sip.InviteReceived, target: Target | None) -> tuple[int, str] | None:
        """Return the SIP answer and the reason why this call is not taken, if so."""
        if self.refusing is not None:
            return 503, self.refusing
        if len(self._calls) >= self._settings.max_calls:
            return 503, "full"
        if isinstance(target, CodeTarget) and self._desk.agent_of(event.account) is None:
            return 403, "not_an_agent"
        return None

    def _stream_opened(self, event: media_in.StreamOpened) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None:
            self._effects.append(media.CloseStream(event.leg))
        elif event.leg != call.leg:
            self._queueing.stream_opened(call, event.sdp, self._now)
        elif not call.sdp:
            call.sdp = event.sdp
            self._begin(call)

    def _begin(self, call: Call) -> None:
        """Start what the called number means."""
        match call.target:
            case FlowTarget(flow):
                self._hearing.answer(call)
                self._flowing.enter(call, flow, self._now)
            case QueueTarget(name, ringing):
                if ringing:
                    self._effects.append(RingLeg(call.leg))
                else:
                    self._hearing.answer(call)
                self.enter_queue(call, name, 0, "")
            case EchoTarget():
                self.echo(call)
            case CodeTarget() as code:
                self._hearing.answer(call)
                self._carry_out(call, code)

    def echo(self, call: Call) -> None:
        """Send the caller's own audio back until the caller hangs up."""
        call.phase = Phase.ECHO
        self._hearing.echo(call)

    def _carry_out(self, call: Call, code: CodeTarget) -> None:
        """Do what an agent dialled, say so, and hang up."""
        agent = self._desk.agent_of(call.account)
        if agent is not None and can_wait(code.action, agent, self._router):
            call.at_end = code
            done = True
        else:
            done = agent is not None and self._do_code(code, agent)
        prompts = self._settings.prompts
        sound = prompts.code_done.get(code.action, "") if done else prompts.code_refused
        self._last_prompt(call, sound, EndReason.CODE_DONE)

    def _do_code(self, code: CodeTarget, agent: str) -> bool:
        """Carry out a code; False if it cannot be done now."""
        routed = carry_out(
            code.action,
            code.argument,
            agent,
            router=self._router,
            desk=self._desk,
            now=self._now,
        )
        if routed is not None:
            self._queueing.apply(routed, self._now)
        return routed is not None

    # --- queues ---

    def enter_queue(self, call: Call, name: str, priority: int, category: str) -> None:
        """Put the caller into a queue."""
        queue = self._queueing.queue(name)
        if queue is None:
            # Taken away by a reload under a call that still follows the flow from before.
            self.end(call, "system", EndReason.QUEUE_UNKNOWN)
            return
        self._queueing.enter(call, queue, self._now, priority=priority, category=category)

    def queue_gave_back(
        self, call: Call, queue: QueueProfile, reason: LeaveReason, *, again: bool
    ) -> None:
        """Go on where the queue's overflow says, else where the flow says, else hang up."""
        overflow, prompts = queue.overflow, self._settings.prompts
        full = reason is LeaveReason.REFUSED_FULL
        end_reason = EndReason.QUEUE_FULL if full else EndReason.MAX_WAIT
        if again:
            # Flow and overflow have led round in a ring, and all of its queues are full.
            self._last_prompt(call, prompts.queue_full, end_reason)
        elif overflow is not None and overflow.flow:
            self._hearing.answer(call)
            self._hearing.hush(call)
            self._flowing.enter(call, overflow.flow, self._now)
        elif overflow is not None and overflow.hang_up_prompt:
            self._last_prompt(call, overflow.hang_up_prompt, end_reason)
        elif self._flowing.can_take_back(call):
            call.phase = Phase.IN_FLOW
            self._hearing.hush(call)
            self._flowing.tell(call, ivr_in.QueueLeft(reason.value), self._now)
        else:
            self._last_prompt(call, prompts.queue_full if full else prompts.max_wait, end_reason)

    # --- what the caller hears, and presses ---

    def _last_prompt(self, call: Call, sound: str, reason: EndReason) -> None:
        """Let the caller hear one more thing, then hang up."""
        if not sound:
            self.end(call, "system", reason)
            return
        call.phase = Phase.CLOSING
        call.end_reason = reason
        name = f"{call.language}/{sound}"
        self._hearing.play(call, Playing.LAST_PROMPT, (name,), loop=False)

    def _play_finished(self, event: media_in.PlayFinished) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None or event.leg != call.leg:
            return
        match self._hearing.finished(call, event.play):
            case Playing.FLOW:
                self._flowing.tell(call, ivr_in.SoundsFinished(call.flow_play), self._now)
            case Playing.ANNOUNCEMENT if call.visit is not None and call.visit.queue.music:
                music = (call.visit.queue.music,)
                self._hearing.play(call, Playing.MUSIC, music, loop=True)
            case Playing.LAST_PROMPT:
                self.end(call, "system", call.end_reason)
            case _:
                pass

    def _digit(self, event: media_in.DigitPressed | sip.InfoDigit) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is not None and event.leg == call.leg and call.phase is Phase.IN_FLOW:
            self._flowing.tell(call, ivr_in.DigitPressed(event.digit), self._now)

    # --- legs ---

    def _leg_answered(self, event: sip.LegAnswered) -> None:
        if event.leg in self._calls_by_leg:
            self._effects.append(media.AcceptAnswer(event.leg, event.answer))

    def _confirmed(self, event: sip.LegConfirmed) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None:
            return
        if event.answer:
            self._effects.append(media.AcceptAnswer(event.leg, event.answer))
        elif call.late_offer and event.leg == call.leg:
            # RFC 3261 13.2.2.4: "If the 2xx contains an offer (based on the rules above), the ACK
            # MUST carry an answer in its body." Without one nobody would ever hear anything.
            self.end(call, "fault", EndReason.MEDIA_REFUSED)
        call.late_offer = False

    def _stream_accepted(self, event: media_in.StreamAccepted) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is not None and event.leg != call.leg:
            self._queueing.stream_accepted(call, self._now)
            self._holding.settle(call, self._now)

    def _leg_failed(self, event: sip.LegFailed) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is not None and event.leg != call.leg:
            self._queueing.leg_failed(call, event.status, self._now)

    def _cancelled(self, event: sip.LegCancelled) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is not None:
            self._finish(call, "caller", EndReason.CANCELLED, leg_ended_by="peer", status=487)

    def _leg_ended(self, event: sip.LegEnded) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None:
            return
        reason = LEG_END_REASONS[event.cause]
        fault = reason is not EndReason.HANGUP
        leg_ended_by = "fault" if fault else "peer"
        if event.leg == call.leg:
            self._finish(call, "fault" if fault else "caller", reason, leg_ended_by=leg_ended_by)
        elif call.phase is Phase.TALKING:
            self._queueing.talk_over(call, leg_ended_by, reason.value, self._now)
            self.end(call, "fault" if fault else "agent", reason)
        else:
            self._queueing.hung_up_early(call, fault=fault, now=self._now)

    def end(self, call: Call, ended_by: str, reason: EndReason, detail: str = "") -> None:
        """Hang up on the caller and close the call; `detail` is the flow's own word for why."""
        if call.phase is Phase.ENDED:
            return
        self._effects.append(HangUpLeg(call.leg))
        status = 0 if call.answered else GONE_UNANSWERED
        self._finish(call, ended_by, reason, leg_ended_by="server", status=status, detail=detail)

    def _finish(
        self,
        call: Call,
        ended_by: str,
        reason: EndReason,
        *,
        leg_ended_by: str,
        status: int = 0,
        detail: str = "",
    ) -> None:
        """Close the call's records; its caller's leg is over or on the way to be."""
        if call.phase is Phase.ENDED:
            return
        faulted = ended_by in {"fault", "system"}
        left = LeaveReason.FAULTED if faulted else LeaveReason.ABANDONED
        self._queueing.leave(call, left, self._now)
        if call.agent_leg is not None:
            self._effects.append(HangUpLeg(call.agent_leg.leg))
            self._queueing.talk_over(call, "server", reason.value, self._now)
        call.phase = Phase.ENDED
        self._flowing.leave(call)
        del self._calls[call.interaction]
        del self._calls_by_leg[call.leg]
        self._hearing.close(call, call.leg, opened=bool(call.sdp))
        self._effects.append(
            events.LegEnded(
                interaction=call.interaction,
                leg=call.leg,
                ended_by=leg_ended_by,
                sip_status=status,
                reason=reason.value,
            )
        )
        self._effects.append(
            events.CallEnded(
                interaction=call.interaction,
                ended_by=ended_by,
                reason=reason.value,
                sip_status=status,
                detail=detail,
            )
        )
        agent = self._desk.agent_of(call.account)
        if call.at_end is not None and agent is not None:
            self._do_code(call.at_end, agent)

    # --- media ---

    def _leg_reoffered(self, event: sip.LegReoffered) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None:
            self._effects.append(RefuseOffer(event.leg, 481))
        else:
            self._holding.reoffered(call, event.leg, event.offer)

    def _stream_reoffered(self, event: media_in.StreamReoffered) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is not None:
            self._holding.accepted(call, event.leg, event.answer, event.held, self._now)

    def _stream_refused(self, event: media_in.StreamRefused) -> None:
        call = self._calls_by_leg.get(event.leg)
        if call is None or self._holding.refused(call, event.leg, event.status):
            return
        if call.phase is Phase.TALKING or (call.answered and event.leg == call.leg):
            self.end(call, "fault", EndReason.MEDIA_REFUSED)
        elif event.leg != call.leg:
            self._effects.append(HangUpLeg(event.leg))
            self._queueing.media_failed(call, event.status, self._now)
        else:
            self._effects.append(RejectLeg(call.leg, event.status))
            self._finish(
                call,
                "system",
                EndReason.MEDIA_REFUSED,
                leg_ended_by="server",
                status=event.status,
            )

    def _streams_lost(self, event: media_in.StreamsLost) -> None:
        for leg in event.legs:
            call = self._calls_by_leg.get(leg)
            if call is not None:
                self.end(call, "fault", EndReason.MEDIA_LOST)
        self._hearing.lost(event.legs)

    # --- the rest ---

    def _contacts_changed(self, event: sip.ContactsChanged) -> None:
        self._queueing.apply(self._desk.contacts_changed(event, self._now), self._now)

    def _ignored(self, event: sip.LegRinging) -> None:
        """Do nothing on a ringing phone: the offer's lease runs from the INVITE."""

    def _take(self) -> list[Effect]:
        taken = self._effects[:]
        self._effects.clear()
        return taken


def _peer_text(event: sip.InviteReceived) -> str:
    peer = event.peer
    return f"{peer.transport}:{peer.host}:{peer.port}"
