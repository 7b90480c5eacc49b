"""Attempts to call a customer back: the call made for it, and the customer's phone."""

from collections.abc import Callable
from math import inf

from acd.media import commands as media
from acd.routing.waiting_rules import CallbackRules, First
from acd.sip.endpoint import InviteTarget

from . import events
from .call import Attempt, Call, EndReason, Phase, Place, Playing, RingTimer
from .call_table import CallTable
from .callback import Callback, CallbackState
from .callback_book import CallbackBook, told
from .commands import HangUpLeg, InviteLeg
from .dial_plan import OutsideTarget
from .effects import Effects
from .hearing import Hearing
from .host import Host
from .outbound import Outbound, end_reason
from .party_answers import may_try_elsewhere
from .queueing import Queueing
from .settings import CentreSettings
from .told import END_TOLD


class CallbackAttempts:
    """Calls customers. Only this part touches `Call.back`."""

    def __init__(
        self,
        *,
        book: CallbackBook,
        table: CallTable,
        effects: Effects,
        host: Host,
        queueing: Queueing,
        hearing: Hearing,
        outbound: Outbound,
        settings: CentreSettings,
        new_id: Callable[[], str],
    ) -> None:
        self._book = book
        self._table = table
        self._effects = effects
        self._host = host
        self._queueing = queueing
        self._hearing = hearing
        self._outbound = outbound
        self._settings = settings
        self._new_id = new_id

    def begin(self, callback: Callback, rules: CallbackRules, target: OutsideTarget) -> Call:
        """Return the call of a new attempt, in which nobody is called yet."""
        saved = callback.saved
        callback.state = CallbackState.RUNNING
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
        return call

    def _count(self, call: Call, back: Attempt) -> None:
        """Note that the customer is called. What comes to nothing before that is no attempt."""
        callback = self._book[back.callback]
        back.dialled = True
        callback.attempts += 1
        callback.last_attempt_us = self._book.wall_us()
        first = First.AGENT if call.agent_leg is not None else First.CUSTOMER
        self._effects.append(
            events.CallbackAttempted(
                interaction=callback.id,
                attempt=callback.attempts,
                first=first.value,
                trunk=back.target.trunks[back.trunk],
                **told(callback),
            )
        )

    # --- the customer's phone ---

    def agent_waits(self, call: Call) -> None:
        """Call the customer: the agent has answered and hears ringing."""
        ringback = self._settings.prompts.ringback
        if ringback and call.agent_leg is not None:
            self._hearing.play_to(call, call.agent_leg.leg, (ringback,), loop=True)
        self.dial(call)

    def dial(self, call: Call) -> None:
        """Open the customer's media, over the trunk whose turn it is."""
        call.phase = Phase.DIALLING
        back = call.back
        assert back is not None  # only attempts are dialled
        if not back.dialled:
            self._count(call, back)
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
        found = self._book.rules(self._book[back.callback])
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
        callback = self._book[back.callback]
        found = self._book.rules(callback)
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
            place=Place(callback.first_enqueued_at),
            admitted=True,
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
        self.dial(call)

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
