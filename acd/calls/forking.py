"""One offer on several devices: all of an agent's phones ring, and the first to answer takes it.

What a forking proxy does by RFC 3261 section 16.7, with a leg of our own to each device. While
they ring, `Call.agent_leg` is the one that something happens to, and `Call.forks` holds the
others; only this part changes the latter.
"""

from collections.abc import Callable

from acd.routing.events import OfferOutcome

from .call import AgentLeg, Call
from .commands import HangUpLeg
from .effects import Effects
from .told import COMPLETED_ELSEWHERE, OFFER_TOLD

ANSWERED_ELSEWHERE = "answered_elsewhere"
"`LegEnded.reason` of a device that fell silent because another one was answered."

WEIGHT = (OfferOutcome.FAILED, OfferOutcome.NO_ANSWER, OfferOutcome.REJECTED, OfferOutcome.BUSY)
"Of several devices' outcomes the last one here is the offer's: a person's word before a fault."


class Forking:
    """Keeps the further legs of an offer."""

    def __init__(
        self, effects: Effects, drop: Callable[[Call, AgentLeg, str, str, int], None]
    ) -> None:
        """`drop` closes a leg's record and stream: (call, leg, ended_by, reason, status)."""
        self._effects = effects
        self._drop = drop

    def turn_to(self, call: Call, leg: str) -> None:
        """Make the leg that something happened to the call's agent leg."""
        forks = call.forks
        if forks is None or call.agent_leg is None:
            return
        for place, other in enumerate(forks.others):
            if other.leg == leg:
                forks.others[place], call.agent_leg = call.agent_leg, other
                return

    def answered(self, call: Call, leg: str) -> None:
        """Let the others fall silent: this device has answered."""
        self.turn_to(call, leg)
        self._silence(call, ANSWERED_ELSEWHERE, COMPLETED_ELSEWHERE)

    def withdrawn(self, call: Call, outcome: OfferOutcome) -> None:
        """Let the others fall silent: the offer is over, whatever they do."""
        self._silence(call, outcome.value, OFFER_TOLD.get(outcome, ""))

    def failed(
        self, call: Call, outcome: OfferOutcome, ended_by: str, status: int
    ) -> tuple[OfferOutcome, int] | None:
        """Take that the agent leg came to nothing; None while another device still rings.

        Otherwise return the offer's outcome and status; the agent leg is still to be dropped.
        16.7: "If a 6xx (global failure) response is received, it […] SHOULD cancel all client
        pending transactions": a person who declines on one phone means all of them.
        """
        forks, leg = call.forks, call.agent_leg
        if forks is None or leg is None:
            return outcome, status
        if status >= 600:
            self._silence(call, outcome.value, f'SIP;cause={status};text="declined_elsewhere"')
            return outcome, status
        if forks.best is None or WEIGHT.index(outcome) > WEIGHT.index(forks.best[0]):
            forks.best = outcome, status
        if forks.others:
            self._drop(call, leg, ended_by, outcome.value, status)
            call.agent_leg = forks.others.pop(0)
            return None
        call.forks = None
        return forks.best

    def _silence(self, call: Call, reason: str, told: str) -> None:
        forks, call.forks = call.forks, None
        if forks is None:
            return
        for other in forks.others:
            self._effects.append(HangUpLeg(other.leg, told))
            self._drop(call, other, "server", reason, 0)
