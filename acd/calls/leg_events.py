"""What happens on a call's legs and streams, told to the part that the leg belongs to.

A leg is the caller's, an offered or talking agent's (`queueing`), or a called party's
(`outbound`); one of a transfer that is under way may be of no call at all.
"""

from acd.ivr import events as ivr_in
from acd.media import commands as media
from acd.media import events as media_in
from acd.sip import events as sip

from .arrival import RETRY_AFTER_S, Arrival
from .call import EndReason, Phase, Playing
from .call_table import CallTable
from .calling_back import CallBacks
from .commands import HangUpLeg, RefuseOffer, RejectLeg
from .desk_login import DeskLogins
from .effects import Effects
from .ending import Ending
from .flowing import Flowing
from .hearing import Hearing
from .holding import Holding
from .host import Host
from .keys import Keys
from .onward import Onward
from .outbound import Outbound
from .own_calls import OwnCalls
from .party_answers import cause_status
from .queueing import Queueing
from .replacing import Replacing
from .transfer import Transfers


class LegEvents:
    """Finds the part for each event."""

    def __init__(
        self,
        *,
        table: CallTable,
        effects: Effects,
        host: Host,
        hearing: Hearing,
        arrival: Arrival,
        flowing: Flowing,
        queueing: Queueing,
        outbound: Outbound,
        own_calls: OwnCalls,
        holding: Holding,
        transfers: Transfers,
        replacing: Replacing,
        ending: Ending,
        onward: Onward,
        desk_logins: DeskLogins,
        call_backs: CallBacks,
    ) -> None:
        self._table = table
        self._effects = effects
        self._host = host
        self._hearing = hearing
        self._arrival = arrival
        self._flowing = flowing
        self._queueing = queueing
        self._outbound = outbound
        self._own_calls = own_calls
        self._holding = holding
        self._transfers = transfers
        self._replacing = replacing
        self._ending = ending
        self._onward = onward
        self._desk_logins = desk_logins
        self._call_backs = call_backs

    # --- what the caller hears, and presses ---

    def play_finished(self, event: media_in.PlayFinished) -> None:
        """Go on after a sound: the flow, the music, or the end of the call."""
        call = self._table.by_leg.get(event.leg)
        if call is None or event.leg != call.leg:
            return
        match self._hearing.finished(call, event.play):
            case Playing.FLOW:
                self._flowing.tell(call, ivr_in.SoundsFinished(call.flow_play), self._table.now)
            case Playing.ANNOUNCEMENT:
                self._queueing.room.heard_out(call)
            case Playing.AGENT_NUMBER:
                self._queueing.talks.introduced(call)
            case Playing.LAST_PROMPT:
                self._host.end(call, "system", call.end_reason)
            case _:
                pass

    def digit(self, event: media_in.DigitPressed | sip.InfoDigit) -> None:
        """Tell the flow what the caller pressed, or leave the queue by it."""
        call = self._table.by_leg.get(event.leg)
        if call is None or event.leg != call.leg:
            return
        now = self._table.now
        call.keys = call.keys or Keys()
        if not call.keys.are_new(event.digit, type(event), event.duration_ms / 1000, now):
            return
        if call.phase is Phase.IN_FLOW:
            self._flowing.tell(call, ivr_in.DigitPressed(event.digit), now)
        elif call.phase is Phase.LOGGING_IN:
            self._desk_logins.pressed(call, event.digit)
        elif call.phase is Phase.WAITING:
            self._onward.pressed(call, event.digit)

    # --- legs ---

    def leg_ringing(self, event: sip.LegRinging) -> None:
        """Note that an agent's phone is there; the offer's lease runs from the INVITE."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            return
        leg = call.called_by(event.leg)
        if leg is not None:
            self._outbound.ringing(call, leg, event)
        elif event.leg == call.leg:
            self._call_backs.attempts.rings(call)
        else:
            self._queueing.offers.leg_rang(call, event.leg)

    def leg_answered(self, event: sip.LegAnswered) -> None:
        """Have the media engine look at what the phone answered."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            return
        leg = call.called_by(event.leg)
        if leg is not None:
            self._outbound.answered(call, leg, event)
        else:
            self._queueing.offers.leg_answered(call, event.leg)
            self._effects.append(media.AcceptAnswer(event.leg, event.answer))

    def confirmed(self, event: sip.LegConfirmed | sip.EarlyAnswered) -> None:
        """Take that a caller is there, and an answer that came late: in an ACK or a PRACK."""
        call = self._table.by_leg.get(event.leg)
        if call is None or call.agent_leg is None or call.agent_leg.leg != event.leg:
            # A leg on its way from call to call is of none; agents' phones were called by us.
            self._effects.append(media.Begin(event.leg))
        if call is None:
            return
        if event.answer:
            self._effects.append(media.AcceptAnswer(event.leg, event.answer))
        elif call.late_offer and event.leg == call.leg:
            # RFC 3261 13.2.2.4: "If the 2xx contains an offer (based on the rules above), the ACK
            # MUST carry an answer in its body." Without one nobody would ever hear anything.
            self._host.end(call, "fault", EndReason.MEDIA_REFUSED)
        if event.leg == call.leg:
            call.late_offer = False
            if call.unproved:
                self._arrival.acknowledged(call)

    def stream_accepted(self, event: media_in.StreamAccepted) -> None:
        """Let the phone talk whose answer fits."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            return
        leg = call.called_by(event.leg)
        if leg is not None:
            self._outbound.stream_accepted(call, leg)
        elif self._queueing.offers.is_agents(call, event.leg):
            self._queueing.offers.stream_accepted(call, self._table.now)
        elif call.picking_up:
            self._own_calls.picked_up(call)
        elif call.back is not None and not call.answered:
            self._call_backs.attempts.answered(call, call.back)
        self._holding.answered(call, event.leg, event.held, self._table.now)

    def leg_failed(self, event: sip.LegFailed) -> None:
        """Tell whoever called the phone that it is not to be had."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            return
        self._ending.cause_told(call, event.leg, event.q850_cause)
        leg = call.called_by(event.leg)
        if leg is not None:
            self._outbound.leg_failed(call, leg, event)
        elif event.leg != call.leg:
            self._queueing.offers.leg_failed(call, event, self._table.now)
        elif call.picking_up:
            self._own_calls.not_picked_up(call, event.status)
        elif call.back is not None:
            self._call_backs.attempts.failed(call, call.back, cause_status(event))

    # --- media ---

    def leg_reoffered(self, event: sip.LegReoffered) -> None:
        """Look at a re-INVITE or UPDATE: hold, resume, another address."""
        call = self._table.by_leg.get(event.leg)
        if call is None:
            self._effects.append(RefuseOffer(event.leg, 481))
        else:
            self._holding.reoffered(call, event.leg, event.offer)

    def reoffer_answered(self, event: sip.ReofferAnswered) -> None:
        """Take the answer to an offer of ours."""
        if event.leg in self._table.by_leg:
            self._effects.append(media.AcceptAnswer(event.leg, event.answer))

    def stream_reoffered(self, event: media_in.StreamReoffered) -> None:
        """Answer a re-INVITE whose offer fits."""
        call = self._table.by_leg.get(event.leg)
        if call is not None:
            self._holding.accepted(call, event.leg, event.answer, event.held, self._table.now)

    def stream_refused(self, event: media_in.StreamRefused) -> None:
        """Refuse, or end, what there is no media for."""
        call = self._table.by_leg.get(event.leg)
        warning = f"{event.warning_code} {event.reason}"
        if call is None:
            self._replacing.stream_refused(event.leg, event.status)
            return
        if self._holding.refused(call, event.leg, event.status, warning):
            return
        if self._transfers.leg_lost(call, event.leg):
            return
        called = call.called_by(event.leg)
        if called is not None and called.connected_at is None:
            self._outbound.stream_refused(call, called, event.status)
        elif call.back is not None and event.leg == call.leg and not call.answered:
            self._call_backs.attempts.media_refused(call, call.back, event.status)
        elif call.phase is Phase.TALKING or (call.answered and event.leg == call.leg):
            self._host.end(call, "fault", EndReason.MEDIA_REFUSED)
        elif call.agent_leg is not None and call.agent_leg.alone:
            # The customer would answer to an agent who is gone.
            self._host.end(call, "fault", EndReason.MEDIA_REFUSED)
        elif event.leg != call.leg:
            self._effects.append(HangUpLeg(event.leg))
            self._queueing.offers.media_failed(call, event.leg, event.status, self._table.now)
        elif call.picking_up:
            self._host.end(call, "fault", EndReason.MEDIA_REFUSED)
        else:
            retry_after_s = RETRY_AFTER_S if event.status == 503 else 0
            self._effects.append(RejectLeg(call.leg, event.status, retry_after_s, warning))
            self._ending.finish(
                call,
                "system",
                EndReason.MEDIA_REFUSED,
                leg_ended_by="server",
                status=event.status,
            )

    def streams_lost(self, event: media_in.StreamsLost) -> None:
        """End the calls of a media worker that has died."""
        for leg in event.legs:
            call = self._table.by_leg.get(leg)
            if call is None:
                self._replacing.stream_refused(leg, 503)
            else:
                self._host.end(call, "fault", EndReason.MEDIA_LOST)
        self._hearing.lost(event.legs)
