"""Agents who call colleagues and numbers outside, and the carrier that takes the latter."""

from collections.abc import Callable, Sequence

from acd.sip import events as sip
from acd.sip.peer import Peer
from acd.sip.trunk_settings import Gateway, TrunkSettings

from .clock import VirtualClock
from .randomness import Randomness
from .scenario import Scenario
from .sip_phone import SDP, SipPhone

CARRIER = Peer("udp", "192.0.2.50", 5060)
TRUNK = TrunkSettings(
    name="carrier", gateways=(Gateway(host=CARRIER.host, port=CARRIER.port),), options_interval_s=0
)

REFUSALS = (404, 486, 480, 503, 603)
"What comes back from the telephone network, each as likely."


class Carrier:
    """Rings, lets its early media be heard, answers or refuses, and hangs up."""

    def __init__(
        self, phone: SipPhone, scenario: Scenario, clock: VirtualClock, randomness: Randomness
    ) -> None:
        self.calls = 0
        "INVITEs that came."

        self._phone = phone
        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        phone.on_event = self._hear

    def _hear(self, event: sip.Event) -> None:
        if not isinstance(event, sip.InviteReceived):
            return
        self.calls += 1
        phone, leg, draw = self._phone, event.leg, self._randomness.random()
        if draw < self._scenario.rejected + self._scenario.busy:
            phone.reject(leg, self._randomness.choice(REFUSALS))
            return
        if self._randomness.random() < self._scenario.early_media:
            phone.ring(leg, 183, SDP)
        else:
            phone.ring(leg)
        if draw > 1 - self._scenario.no_answer:
            return
        ring_s = self._randomness.expovariate(1 / self._scenario.ring_mean_s)
        self._clock.after(ring_s, lambda: phone.answer(leg))
        talk_s = self._randomness.expovariate(1 / self._scenario.talk_mean_s)
        self._clock.after(ring_s + talk_s, lambda: phone.hang_up(leg))


class OwnCallers:
    """Lets one agent after the other dial, as long as callers come."""

    def __init__(
        self,
        phones: Sequence[tuple[SipPhone, str]],
        scenario: Scenario,
        clock: VirtualClock,
        randomness: Randomness,
        go_on: Callable[[], bool],
    ) -> None:
        """`phones` are the agents' with their accounts; an account's password is its name."""
        self.open = 0
        "Calls that the agent has not put down yet."

        self._phones = phones
        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._go_on = go_on

    def plan(self) -> None:
        """Let the next call come after a while."""
        if self._scenario.own_calls_every_s:
            wait_s = self._randomness.expovariate(1 / self._scenario.own_calls_every_s)
            self._clock.after(wait_s, self._dial)

    def _dial(self) -> None:
        if not self._go_on():
            return
        self.open += 1
        phone, account = self._randomness.choice(self._phones)
        number = self._randomness.choice(self._scenario.own_numbers)
        leg = phone.call(number, account, password=account)
        stay_s = self._randomness.expovariate(1 / self._scenario.talk_mean_s)
        self._clock.after(stay_s, lambda: self._put_down(phone, leg))
        self.plan()

    def _put_down(self, phone: SipPhone, leg: str) -> None:
        self.open -= 1
        phone.hang_up(leg)
