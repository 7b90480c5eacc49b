"""SIP endpoint: bytes and commands in, effects and events out. This file is its interface."""

from __future__ import annotations

import math
from collections.abc import Callable

from .client_events import ClientEvent
from .effects import Effect
from .events import Contact, Event
from .peer import Peer
from .settings import Credentials, EndpointSettings, InviteTarget, RegistrationSettings
from .timers import SipTimers

Output = Effect | Event | ClientEvent

__all__ = [
    "Credentials",
    "Endpoint",
    "EndpointSettings",
    "InviteTarget",
    "Output",
    "RegistrationSettings",
]


class Endpoint:
    """All SIP of one process, pure: the caller owns sockets and clock.

    Every method returns what is to be done and what happened, in order. A command for a leg that
    is unknown or over returns nothing, since commands and the network race.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        credentials: Credentials,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        timers: SipTimers = SipTimers(),  # noqa: B008 - frozen, one value for all
    ) -> None:
        self.draining = False
        "New INVITEs are answered 503 with Retry-After."

    def receive(self, data: bytes, peer: Peer, now: float) -> list[Output]:
        """Take one message (a datagram, or one frame of a `StreamFramer`)."""
        return []

    def transport_failed(self, peer: Peer, now: float) -> list[Output]:
        """Learn that nothing can be sent to the peer (refused, connection closed)."""
        return []

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; `math.inf` for never."""
        return math.inf

    def on_time(self, now: float) -> list[Output]:
        """Fire what is due."""
        return []

    def ring(self, leg: str, now: float, sdp: bytes = b"", status: int = 180) -> list[Output]:
        """Answer an incoming leg provisionally."""
        return []

    def answer(self, leg: str, sdp: bytes, now: float) -> list[Output]:
        """Answer an incoming leg with 200; `LegConfirmed` follows."""
        return []

    def reject(
        self, leg: str, status: int, now: float, reason: str = "", retry_after_s: int = 0
    ) -> list[Output]:
        """Refuse an incoming leg (300–699); no event follows."""
        return []

    def invite(self, leg: str, target: InviteTarget, offer: bytes, now: float) -> list[Output]:
        """Call out; the leg id becomes the Call-ID. `LegAnswered` or `LegFailed` follows."""
        return []

    def cancel(self, leg: str, now: float) -> list[Output]:
        """Give up an outgoing leg; `LegFailed` (487) is among what this returns."""
        return []

    def hang_up(self, leg: str, now: float, reason: str = "") -> list[Output]:
        """End a leg in whatever state: CANCEL, BYE, or a refusal. No `LegEnded` follows."""
        return []

    def accept_offer(self, leg: str, sdp: bytes, now: float) -> list[Output]:
        """Answer a `LegReoffered` with 200 and this description."""
        return []

    def refuse_offer(self, leg: str, status: int, now: float) -> list[Output]:
        """Refuse a `LegReoffered`; the session stays as it was."""
        return []

    def register(self, registration: RegistrationSettings, now: float) -> list[Output]:
        """Register as a phone and keep it up; `ClientEvent`s follow."""
        return []

    def unregister(self, registration: str, now: float) -> list[Output]:
        """Remove our binding and stop refreshing; a `ClientEvent` follows."""
        return []

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return an account's registered devices, newest first."""
        return ()

    def restore_contacts(
        self, account: str, contacts: tuple[Contact, ...], now: float
    ) -> list[Output]:
        """Take bindings that an earlier run of the process had; expired ones are left out."""
        return []
