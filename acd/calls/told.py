"""What phones and trunks read in the Reason of our BYE and CANCEL (RFC 3326; causes of Q.850).

A caller or agent who hangs up is no reason worth a header: that is what BYE means.
"""

from acd.routing.events import OfferOutcome

from .call import EndReason

_CAUSES = {
    EndReason.NO_ANSWER: 19,
    EndReason.MAX_WAIT: 19,
    EndReason.QUEUE_EMPTY: 20,
    EndReason.TRANSPORT: 38,
    EndReason.MEDIA_LOST: 41,
    EndReason.SHUTDOWN: 41,
    EndReason.QUEUE_FULL: 42,
    EndReason.MEDIA_REFUSED: 88,
    EndReason.ACK_MISSING: 102,
    EndReason.PEER_GONE: 102,
    EndReason.SESSION_EXPIRED: 102,
}

END_TOLD = {
    reason: f'Q.850;cause={cause};text="{reason.value}"' for reason, cause in _CAUSES.items()
}
END_TOLD[EndReason.MAX_DURATION] = EndReason.MAX_DURATION.value
"By why a call ended; what is not in it goes without saying."

COMPLETED_ELSEWHERE = "Call completed elsewhere"
"Reason of the CANCEL (RFC 3326): the phone then counts no missed call."

OFFER_TOLD = {
    OfferOutcome.NO_ANSWER: 'Q.850;cause=19;text="no_answer"',
    OfferOutcome.ANSWERED_ELSEWHERE: COMPLETED_ELSEWHERE,
    OfferOutcome.CALLER_LEFT: 'SIP;cause=487;text="caller_left"',
}
"By how an offer ended, in the CANCEL to the agent's phone: it shows a missed call, rightly."
