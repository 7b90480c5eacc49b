"""The end of calls: whoever hangs up, each call's records are closed once, here."""

from acd.routing.events import LeaveReason
from acd.sip import events as sip
from acd.sip.headers import read_q850_cause

from . import events
from .call import Call, EndReason, Phase, Playing
from .call_table import CallTable
from .codes import Codes
from .commands import HangUpLeg
from .effects import Effects
from .engagement import Engagement
from .flowing import Flowing
from .hearing import Hearing
from .host import Host
from .outbound import Outbound
from .queueing import Queueing
from .replacing import Replacing
from .told import END_TOLD
from .transfer import Transfers

LEG_END_REASONS = {
    sip.LegEndCause.BYE: EndReason.HANGUP,
    sip.LegEndCause.ACK_MISSING: EndReason.ACK_MISSING,
    sip.LegEndCause.PEER_GONE: EndReason.PEER_GONE,
    sip.LegEndCause.SESSION_EXPIRED: EndReason.SESSION_EXPIRED,
    sip.LegEndCause.TRANSPORT: EndReason.TRANSPORT,
}
GONE_UNANSWERED = 480
"What `HangUpLeg` says to a caller whom we have not answered yet."


class Ending:
    """Ends calls. Only this part sets `Phase.ENDED` and takes calls out of the table."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        flowing: Flowing,
        queueing: Queueing,
        codes: Codes,
        outbound: Outbound,
        engagement: Engagement,
        transfers: Transfers,
        replacing: Replacing,
    ) -> None:
        self._table = table
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._flowing = flowing
        self._queueing = queueing
        self._codes = codes
        self._outbound = outbound
        self._engagement = engagement
        self._transfers = transfers
        self._replacing = replacing

    def end(self, call: Call, ended_by: str, reason: EndReason, detail: str = "") -> None:
        """Hang up on the caller and close the call; `detail` is the flow's own word for why."""
        if call.phase is Phase.ENDED:
            return
        self._effects.append(HangUpLeg(call.leg, END_TOLD.get(reason, "")))
        status = 0 if call.answered else GONE_UNANSWERED
        self.finish(call, ended_by, reason, leg_ended_by="server", status=status, detail=detail)

    def end_with_prompt(self, call: Call, sound: str, reason: EndReason) -> None:
        """Let the caller hear one more thing, if anything, then hang up."""
        if not sound:
            self.end(call, "system", reason)
            return
        call.phase = Phase.CLOSING
        call.end_reason = reason
        name = f"{call.language}/{sound}"
        self._hearing.play(call, Playing.LAST_PROMPT, (name,), loop=False)

    def cancelled(self, event: sip.LegCancelled) -> None:
        """Take that the caller gave up before our answer."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            self._replacing.cancelled(event.leg)
        else:
            self.finish(call, "caller", EndReason.CANCELLED, leg_ended_by="peer", status=487)

    def leg_ended(self, event: sip.LegEnded) -> None:
        """Take that either side hung up, or was lost."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            return
        self.cause_told(call, event.leg, read_q850_cause([event.reason.encode()]))
        reason = LEG_END_REASONS[event.cause]
        fault = reason is not EndReason.HANGUP
        leg_ended_by = "fault" if fault else "peer"
        if event.leg == call.leg:
            self.finish(call, "fault" if fault else "caller", reason, leg_ended_by=leg_ended_by)
        elif (called := call.called_by(event.leg)) is not None:
            self._outbound.leg_ended(call, called, reason, fault=fault)
        elif self._transfers.leg_ended(call, event.leg, leg_ended_by, reason):
            pass  # the caller is on the way to somebody else
        elif call.phase is Phase.TALKING or _waits_for_customer(call):
            self._queueing.talks.talk_over(call, leg_ended_by, reason.value, self._table.now)
            self.end(call, "fault" if fault else "agent", reason)
        else:
            self._queueing.offers.hung_up_early(call, event.leg, fault=fault, now=self._table.now)

    def cause_told(self, call: Call, leg: str, q850_cause: int) -> None:
        """Record what a leg's other side said of its end; 0: nothing."""
        if q850_cause:
            told = events.CauseTold(interaction=call.interaction, leg=leg, q850_cause=q850_cause)
            self._effects.append(told)

    def finish(
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
        now = self._table.now
        self._queueing.leave(call, left, now)
        if call.agent_leg is not None:
            self._effects.append(HangUpLeg(call.agent_leg.leg, END_TOLD.get(reason, "")))
            self._queueing.talks.talk_over(call, "server", reason.value, now)
        if call.called_leg is not None:
            self._outbound.give_up(call, reason.value, END_TOLD.get(reason, ""))
        self._transfers.call_over(call, now)
        call.phase = Phase.ENDED
        self._flowing.leave(call)
        del self._table.by_interaction[call.interaction]
        del self._table.by_leg[call.leg]
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
        if call.agent:
            self._engagement.end(call.agent, call.interaction, now)
        if call.at_end is not None:
            self._codes.call_over(call, call.at_end, now)
        self._host.call_over(call)


def _waits_for_customer(call: Call) -> bool:
    return call.agent_leg is not None and call.agent_leg.alone
