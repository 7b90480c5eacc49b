"""Seeded callers and agents with their phones, as the call centre meets them: by SIP events."""

from collections.abc import Callable
from functools import partial

from acd.sip import events as sip
from acd.sip.peer import Peer

from .clock import VirtualClock
from .randomness import Randomness
from .scenario import Scenario

OFFER = b"v=0\r\n"
HOLD_OFFER = b"v=0\r\na=sendonly\r\n"
Tell = Callable[[sip.Event], None]

FAR_APART = 7_654_321
"From one of a few callers' numbers to the next, so that some lie in each network's range."


def _one_of(people: int, draw: float) -> int:
    """Return the last nine digits of one of so many callers' numbers."""
    return int(draw * people) * FAR_APART % 10**9


class Caller:
    """Dials, presses keys, waits as long as patience lasts, talks, hangs up."""

    def __init__(
        self,
        leg: str,
        number: str,
        scenario: Scenario,
        clock: VirtualClock,
        randomness: Randomness,
        tell: Tell,
        *,
        account: str | None = None,
    ) -> None:
        """`account` is the one that the call comes from, for an agent who calls."""
        self.leg = leg
        self.over = False
        self._account = account
        self._number = number
        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._tell = tell
        self._answered = False
        self._talking = False

    def dial(self) -> None:
        """Send the INVITE."""
        draw, people = self._randomness, self._scenario.callers
        person = _one_of(people, draw.random()) if people else draw.getrandbits(29)
        caller = f"13{person:09d}"
        peer = Peer("udp", "192.0.2.1", 5060)
        account = self._account
        self._tell(
            sip.InviteReceived(self.leg, self.leg, peer, caller, "", self._number, account, OFFER)
        )
        patience_s = self._randomness.expovariate(1 / self._scenario.patience_mean_s)
        self._clock.after(patience_s, self._lose_patience)

    def on_answered(self) -> None:
        """Hear the greeting; press a key at some point, perhaps twice."""
        if self._answered or self.over:
            return
        self._answered = True
        self._tell(sip.LegConfirmed(self.leg, b""))
        for _ in range(2):
            self._clock.after(self._randomness.uniform(0, 25), self._press)

    def on_talk(self) -> None:
        """Talk until the agent or the caller has had enough."""
        if self._talking:
            return
        self._talking = True
        # Two independent exponential times whose smaller one has the scenario's mean.
        share = 1 - self._scenario.agent_hangs_up
        talk_s = self._randomness.expovariate(share / self._scenario.talk_mean_s)
        self._clock.after(talk_s, self._hang_up)

    def on_over(self) -> None:
        """Hear that the server ended or refused the call."""
        self.over = True

    def _press(self) -> None:
        if not self.over and not self._talking:
            key = self._randomness.choice(self._scenario.keys)
            self._tell(sip.InfoDigit(self.leg, key, 100))

    def _lose_patience(self) -> None:
        if not self._talking:
            self._hang_up()

    def _hang_up(self) -> None:
        if self.over:
            return
        self.over = True
        if self._answered:
            self._tell(sip.LegEnded(self.leg, sip.LegEndCause.BYE, ""))
        else:
            self._tell(sip.LegCancelled(self.leg))


class AgentPhone:
    """Rings, is answered or not, talks, holds, hangs up. One call at a time."""

    def __init__(
        self,
        account: str,
        scenario: Scenario,
        clock: VirtualClock,
        randomness: Randomness,
        tell: Tell,
        *,
        host: str = "198.51.100.1",
    ) -> None:
        self.account = account
        self.contact = sip.Contact(f"sip:{account}@{host}", Peer("udp", host, 5060), 1e9)
        self.registered = False
        self.beside: tuple[AgentPhone, ...] = ()
        "All phones of the account, this one among them, newest first."

        self.leg = ""
        "The call at hand; empty for none."

        self.vanished = 0
        "How often it fell silent in the middle of an offer or talk."

        self._scenario = scenario
        self._clock = clock
        self._randomness = randomness
        self._transmit = tell
        self._silent = False
        self._answered = False
        self._talking = False

    def register(self, *, registered: bool) -> None:
        """Register the phone, or take it away; a silent one is only forgotten."""
        self.registered = registered and not self._silent
        self._announce()

    def _announce(self) -> None:
        contacts = tuple(one.contact for one in self.beside if one.registered)
        self._transmit(sip.ContactsChanged(self.account, contacts))

    def _tell(self, event: sip.Event) -> None:
        if not self._silent:
            self._transmit(event)

    def on_invite(self, leg: str) -> None:
        """Ring, and do what people and phones do then."""
        scenario, draw = self._scenario, self._randomness.random()
        if self._silent:
            return
        if scenario.phones_vanish and self._randomness.random() < scenario.phones_vanish:
            self._plan_vanishing()
        if self.leg:
            self._clock.after(0.01, lambda: self._tell(sip.LegFailed(leg, 486, "Busy Here")))
            return
        self.leg, self._answered, self._talking = leg, False, False
        self._clock.after(0.01, lambda: self._tell(sip.LegRinging(leg, 180, b"")))
        for share, status in (
            (scenario.busy, 486),
            (scenario.rejected, 603),
            (scenario.unreachable, 503),
        ):
            if draw < share:
                self._clock.after(0.05, partial(self._fail, leg, status))
                return
            draw -= share
        if draw >= scenario.no_answer:
            ring_s = self._randomness.expovariate(1 / scenario.ring_mean_s)
            self._clock.after(ring_s, lambda: self._answer(leg))

    def on_talk(self) -> None:
        """Talk; perhaps hold once, perhaps be the one who hangs up."""
        if self._talking:
            return
        self._talking = True
        leg, scenario = self.leg, self._scenario
        if self._randomness.random() < scenario.holds:
            at_s = self._randomness.uniform(1, scenario.talk_mean_s)
            self._clock.after(at_s, lambda: self._reoffer(leg, HOLD_OFFER))
            self._clock.after(at_s + 10, lambda: self._reoffer(leg, OFFER))
        share = scenario.agent_hangs_up
        talk_s = self._randomness.expovariate(share / scenario.talk_mean_s)
        self._clock.after(talk_s, lambda: self.hang_up(leg))

    def on_hang_up(self, leg: str) -> None:
        """Fall silent: the server cancelled or ended the call."""
        if self.leg == leg:
            self.leg = ""

    def on_server_died(self) -> None:
        """Fall silent about the call at hand: it is nobody's any more."""
        self.leg = ""

    def announce_again(self) -> None:
        """Let a new server know of the phone, if the old one did."""
        if self.registered:
            self._announce()

    def _plan_vanishing(self) -> None:
        """Fall silent at once, while it rings, or some time after the answer."""
        step_s = self._randomness.choice(
            (0.0, 0.02, self._scenario.ring_mean_s, self._scenario.talk_mean_s)
        )
        self._clock.after(self._randomness.random() * step_s, self._vanish)

    def _vanish(self) -> None:
        if self._silent:
            return
        self._silent = True
        self.vanished += 1
        mean_s = self._scenario.found_out_s
        self._clock.after(self._randomness.expovariate(1 / mean_s), self._found_out)

    def _found_out(self) -> None:
        """Be missed by the server: by its timers of the leg, then by the registration."""
        back_s = self._randomness.expovariate(1 / self._scenario.found_out_s)
        self._clock.after(back_s, self._come_back)
        leg, self.leg = self.leg, ""
        if leg and self._answered:
            self._transmit(sip.LegEnded(leg, sip.LegEndCause.SESSION_EXPIRED, ""))
        elif leg:
            self._transmit(sip.LegFailed(leg, 408, "Request Timeout"))
        self.register(registered=False)

    def _come_back(self) -> None:
        self._silent = False
        self.register(registered=True)

    def _answer(self, leg: str) -> None:
        if self.leg != leg:
            return
        if self._scenario.answers_lost and self._randomness.random() < self._scenario.answers_lost:
            return
        self._answered = not self._silent
        self._tell(sip.LegAnswered(leg, OFFER))

    def _fail(self, leg: str, status: int) -> None:
        if self.leg == leg:
            self.leg = ""
            self._tell(sip.LegFailed(leg, status, ""))

    def _reoffer(self, leg: str, offer: bytes) -> None:
        if self.leg == leg:
            self._tell(sip.LegReoffered(leg, offer))

    def hang_up(self, leg: str) -> None:
        """End the call, if it is the one at hand."""
        if self.leg == leg:
            self.leg = ""
            self._tell(sip.LegEnded(leg, sip.LegEndCause.BYE, ""))
