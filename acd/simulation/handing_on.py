"""Simulated agents who hand callers on: blind, and after asking somebody (REFER with Replaces)."""

from collections.abc import Callable

from acd.calls import commands
from acd.sip import events as sip

from .clock import VirtualClock
from .people import HOLD_OFFER, OFFER, AgentPhone, Tell
from .randomness import Randomness
from .scenario import Scenario

ASKED_S = 10.0
"Mean length of a consultation, and of the patience for one."

NEVER_HANGS_UP = 0.1
"Share of phones that are told of the success and do nothing."


class ConsultLine:
    """An agent's second call. The world treats it like a caller."""

    def __init__(self, leg: str, tell: Tell, on_talk: Callable[[], None]) -> None:
        self.leg = leg
        self.over = False
        self._tell = tell
        self._answered = False
        self._on_talk: Callable[[], None] | None = on_talk

    def on_answered(self) -> None:
        """Acknowledge the answer."""
        if not self._answered and not self.over:
            self._answered = True
            self._tell(sip.LegConfirmed(self.leg, b""))

    def on_talk(self) -> None:
        """Begin to ask, once."""
        ask, self._on_talk = self._on_talk, None
        if ask is not None:
            ask()

    def on_over(self) -> None:
        """Hear that the server ended or refused the call."""
        self.over = True

    def hang_up(self) -> None:
        """Give up."""
        if not self.over:
            self.over = True
            ended = sip.LegEnded(self.leg, sip.LegEndCause.BYE, "")
            self._tell(ended if self._answered else sip.LegCancelled(self.leg))


class HandingOn:
    """Decides in each talk whether, when and how the agent hands the caller on."""

    def __init__(
        self,
        scenario: Scenario,
        agents: tuple[str, ...],
        clock: VirtualClock,
        randomness: Randomness,
        tell: Tell,
        new_id: Callable[[], str],
        joins: Callable[[ConsultLine], None],
    ) -> None:
        """Tell `joins` of each consult before its INVITE."""
        self._scenario = scenario
        self._agents = agents
        self._clock = clock
        self._randomness = randomness
        self._tell = tell
        self._new_id = new_id
        self._joins = joins
        self._phones: dict[str, AgentPhone] = {}

    def talks(self, phone: AgentPhone) -> None:
        """Perhaps plan a transfer of the talk that begins at this phone."""
        if phone.leg in self._phones or self._randomness.random() >= self._scenario.hands_on:
            return
        leg = phone.leg
        self._phones[leg] = phone
        at_s = self._randomness.uniform(1, self._scenario.talk_mean_s)
        if self._randomness.random() < 0.5:
            self._clock.after(at_s, lambda: self._blind(phone, leg))
        else:
            self._clock.after(at_s, lambda: self._ask(phone, leg))

    def notified(self, command: commands.NotifyTransfer) -> None:
        """Hang up when it is done, as most phones do."""
        phone = self._phones.get(command.leg)
        if phone is None or not command.final or command.status != 200:
            return
        if self._randomness.random() >= NEVER_HANGS_UP:
            self._clock.after(0.05, lambda: phone.hang_up(command.leg))

    def _blind(self, phone: AgentPhone, leg: str) -> None:
        if phone.leg == leg:
            target = self._randomness.choice((*self._scenario.numbers, *self._agents[:5], "4711"))
            self._tell(sip.TransferRequested(leg, 1, target, f"sip:{target}@server"))

    def _ask(self, phone: AgentPhone, leg: str) -> None:
        if phone.leg != leg:
            return
        self._tell(sip.LegReoffered(leg, HOLD_OFFER))
        if phone.leg != leg:
            return
        line = ConsultLine(self._new_id(), self._tell, lambda: self._asks(phone, leg, line))
        self._joins(line)
        target = self._randomness.choice(self._scenario.numbers)
        peer = phone.contact.peer
        self._tell(
            sip.InviteReceived(
                line.leg, line.leg, peer, phone.account, "", target, phone.account, OFFER
            )
        )
        patience_s = self._randomness.expovariate(1 / (3 * ASKED_S))
        self._clock.after(patience_s, lambda: self._wearies(phone, leg, line))

    def _asks(self, phone: AgentPhone, leg: str, line: ConsultLine) -> None:
        asked_s = self._randomness.expovariate(1 / ASKED_S)
        self._clock.after(asked_s, lambda: self._join(phone, leg, line))

    def _wearies(self, phone: AgentPhone, leg: str, line: ConsultLine) -> None:
        """Give the consult up, or let the caller wait in it."""
        if self._randomness.random() < 0.5:
            self._join(phone, leg, line)
        else:
            line.hang_up()

    def _join(self, phone: AgentPhone, leg: str, line: ConsultLine) -> None:
        if line.over:
            return
        if phone.leg != leg:
            line.hang_up()
            return
        legs = (leg, line.leg) if self._randomness.random() < 0.5 else (line.leg, leg)
        self._tell(sip.TransferRequested(legs[0], 2, "", "sip:server", legs[1]))
        # Whatever came of it: nobody holds two lines for ever.
        self._clock.after(ASKED_S, line.hang_up)
