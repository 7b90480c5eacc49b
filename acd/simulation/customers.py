"""Seeded customers outside who are called back: their phones are behind a trunk."""

from acd.sip import events as sip

from .clock import VirtualClock
from .people import OFFER, Tell
from .randomness import Randomness
from .scenario import Scenario

REFUSALS = (486, 603, 404, 503)
"Busy, declined, no such number, and a network that has no line: the next trunk is tried."


class Customer:
    """Answers or not, waits for an agent as long as patience lasts, talks, hangs up."""

    def __init__(
        self,
        leg: str,
        scenario: Scenario,
        clock: VirtualClock,
        randomness: Randomness,
        tell: Tell,
    ) -> None:
        self.leg = leg
        self.over = False
        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._tell = tell
        self._talking = False

    def on_invite(self) -> None:
        """Ring, be busy, or be out of reach."""
        scenario, draw = self._scenario, self._randomness.random()
        if draw > (1 + scenario.reached) / 2:
            self._clock.after(0.05, self._refuse)
            return
        self._clock.after(0.01, self._ring)
        if draw < scenario.reached:
            ring_s = 0.02 + self._randomness.expovariate(1 / scenario.ring_mean_s)
            self._clock.after(ring_s, self._answer)

    def on_answered(self) -> None:
        """Do nothing: it is the customer who answers."""

    def on_talk(self) -> None:
        """Talk until the agent or the customer has had enough."""
        if self._talking:
            return
        self._talking = True
        share = 1 - self._scenario.agent_hangs_up
        talk_s = self._randomness.expovariate(share / self._scenario.talk_mean_s)
        self._clock.after(talk_s, self._hang_up)

    def on_over(self) -> None:
        """Fall silent: the server ended the call, or let the phone ring no longer."""
        self.over = True

    def _ring(self) -> None:
        if not self.over:
            self._tell(sip.LegRinging(self.leg, 180, b""))

    def _refuse(self) -> None:
        if not self.over:
            self.over = True
            self._tell(sip.LegFailed(self.leg, self._randomness.choice(REFUSALS), ""))

    def _answer(self) -> None:
        if self.over:
            return
        patience_s = self._randomness.expovariate(1 / self._scenario.patience_mean_s)
        self._clock.after(patience_s, self._lose_patience)
        self._tell(sip.LegAnswered(self.leg, OFFER))

    def _lose_patience(self) -> None:
        if not self._talking:
            self._hang_up()

    def _hang_up(self) -> None:
        if not self.over:
            self.over = True
            self._tell(sip.LegEnded(self.leg, sip.LegEndCause.BYE, ""))
