"""The exchange: SIP endpoint and call centre joined, still without I/O.

Adapters feed it datagrams, media events, commands and time. Whatever follows inside the core runs
to its end within the same step; only what has to leave the core comes out: a `Step`. The same
object serves the server and the simulation.
"""

from collections import deque
from collections.abc import Callable

from msgspec import Struct

from acd.media.commands import Command as MediaCommand
from acd.media.events import Event as MediaEvent
from acd.sip import effects as sip_effects
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.endpoint import Endpoint, Output
from acd.sip.events import AuthenticationFailed, Contact, ContactsRefreshed
from acd.sip.events import Event as SipEvent
from acd.sip.peer import Peer
from acd.sip.sightings import Sighting
from acd.sip.trunk_settings import TrunkSettings

from . import commands
from .centre import CallCentre
from .effects import Effects
from .events import Event as CallEvent


class Step(Struct):
    """What one or more inputs led to. Journal the events before the sends go out."""

    events: list[CallEvent] = []
    sends: list[sip_effects.Effect] = []
    media: list[MediaCommand] = []

    failed_proofs: list[AuthenticationFailed] = []
    "For whoever guards the server; no part of the record."

    questions: list[Resolve] = []
    "To be asked of DNS; each answer comes back by `Exchange.resolved`."

    pins: list[commands.VerifyPin] = []
    "To be checked; each answer comes back by `CallCentre.desk_login_verified`."

    refreshed: bool = False
    "Some device's registration was refreshed: for whoever keeps them over a restart."


class Exchange:
    """Runs effects between endpoint and call centre until nothing is left inside."""

    def __init__(self, endpoint: Endpoint, centre: CallCentre) -> None:
        self.step = Step()
        "What has come together since the adapter last took it by `take_step`."
        self._endpoint = endpoint
        self._centre = centre
        self._commands: dict[type, Callable[..., list[Output]]] = {
            commands.RingLeg: lambda c, now: endpoint.ring(c.leg, now, c.sdp, c.status),
            commands.AnswerLeg: lambda c, now: endpoint.answer(c.leg, c.sdp, now),
            commands.RejectLeg: lambda c, now: endpoint.reject(
                c.leg, c.status, now, retry_after_s=c.retry_after_s, warning=c.warning
            ),
            commands.InviteLeg: lambda c, now: endpoint.invite(c.leg, c.target, c.offer, now),
            commands.HangUpLeg: lambda c, now: endpoint.hang_up(c.leg, now, c.reason),
            commands.AcceptOffer: lambda c, now: endpoint.accept_offer(c.leg, c.sdp, now),
            commands.ReofferLeg: lambda c, now: endpoint.reoffer(c.leg, c.sdp, now),
            commands.RefuseOffer: lambda c, now: endpoint.refuse_offer(
                c.leg, c.status, now, c.warning
            ),
            commands.DoubtContact: lambda c, now: endpoint.doubt_contact(c.account, c.uri, now),
            commands.AcceptTransfer: lambda c, now: endpoint.accept_transfer(c.leg, c.refer, now),
            commands.RefuseTransfer: lambda c, now: endpoint.refuse_transfer(
                c.leg, c.refer, c.status, now
            ),
            commands.NotifyTransfer: lambda c, now: endpoint.notify_transfer(
                c.leg, c.refer, c.status, "", now, final=c.final
            ),
        }
        self._recorded = frozenset(CallEvent.__args__)
        self._media_commands = frozenset(MediaCommand.__args__)
        self._sends = frozenset({sip_effects.Send, sip_effects.Disconnect})
        self._heard = frozenset(SipEvent.__args__)

    def receive(self, data: bytes, peer: Peer, now: float) -> None:
        """Take one SIP message."""
        self._settle(self._endpoint.receive(data, peer, now), now)

    def refusal(self, data: bytes, peer: Peer) -> bytes | None:
        """Return the 503 for a message that would begin something new; None for all others."""
        return self._endpoint.refusal(data, peer)

    def transport_failed(self, peer: Peer, now: float) -> None:
        """Take a transport's word that the peer cannot be reached."""
        self._settle(self._endpoint.transport_failed(peer, now), now)

    def restore_contacts(self, account: str, contacts: tuple[Contact, ...], now: float) -> None:
        """Take the devices that an earlier run of the process knew."""
        self._settle(self._endpoint.restore_contacts(account, contacts, now), now)

    def configure_trunks(self, trunks: tuple[TrunkSettings, ...], now: float) -> None:
        """Replace all trunks; calls under way go on."""
        self._settle(self._endpoint.configure_trunks(trunks, now), now)

    def resolved(self, answer: Resolved, now: float) -> None:
        """Take an answer of DNS."""
        self._settle(self._endpoint.resolved(answer, now), now)

    def on_media(self, event: MediaEvent, now: float) -> None:
        """Take what the media engine reports."""
        self.carry_out(self._centre.on_media(event, now), now)

    def on_time(self, now: float) -> None:
        """Run every deadline that has passed."""
        if self._endpoint.next_deadline() <= now:
            self._settle(self._endpoint.on_time(now), now)
        if self._centre.next_deadline() <= now:
            self.carry_out(self._centre.on_time(now), now)

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; inf for never."""
        return min(self._endpoint.next_deadline(), self._centre.next_deadline())

    def carry_out(self, effects: Effects, now: float) -> None:
        """Carry out effects of the call centre, e.g. those of a person's command."""
        pending: deque[SipEvent] = deque()
        self._sort(effects, pending, now)
        self._drain(pending, now)

    @property
    def sightings(self) -> deque[Sighting]:
        """What the endpoint noticed about who sends; to be taken out by whoever guards it."""
        return self._endpoint.sightings

    def take_media(self) -> list[MediaCommand]:
        """Hand over the commands to the media engine that have come together in this step."""
        media = self.step.media
        if media:
            self.step.media = []
        return media

    def take_step(self) -> Step:
        """Hand over what has come together, and begin anew."""
        step, self.step = self.step, Step()
        return step

    def _settle(self, outputs: list[Output], now: float) -> None:
        pending: deque[SipEvent] = deque()
        self._sort_sip(outputs, pending)
        self._drain(pending, now)

    def _drain(self, pending: deque[SipEvent], now: float) -> None:
        while pending:
            self._sort(self._centre.on_sip(pending.popleft(), now), pending, now)

    def _sort(self, effects: Effects, pending: deque[SipEvent], now: float) -> None:
        step, recorded = self.step, self._recorded
        for effect in effects:
            kind = type(effect)
            if kind in recorded:
                step.events.append(effect)  # type: ignore[arg-type]  # told by its type
            elif kind in self._media_commands:
                step.media.append(effect)  # type: ignore[arg-type]  # told by its type
            elif kind is commands.VerifyPin:
                step.pins.append(effect)  # type: ignore[arg-type]  # told by its type
            else:
                self._sort_sip(self._commands[kind](effect, now), pending)

    def _sort_sip(self, outputs: list[Output], pending: deque[SipEvent]) -> None:
        for output in outputs:
            kind = type(output)
            if kind in self._sends:
                self.step.sends.append(output)  # type: ignore[arg-type]  # told by its type
            elif kind in self._heard:
                pending.append(output)  # type: ignore[arg-type]  # told by its type
            elif isinstance(output, AuthenticationFailed):
                self.step.failed_proofs.append(output)
            elif isinstance(output, Resolve):
                self.step.questions.append(output)
            elif isinstance(output, ContactsRefreshed):
                self.step.refreshed = True
