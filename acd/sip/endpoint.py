"""SIP endpoint: bytes and commands in, effects and events out. This file is its interface."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from .core import Core, Output
from .dialog import Dialog
from .dialog_request import send_ack, send_bye
from .digest import DigestServer
from .dns_records import Resolved
from .effects import Disconnect
from .errors import BadMessageError, BadTargetError
from .events import Contact, LegFailed
from .inbound import Inbound
from .incoming_leg import IncomingLeg
from .leg import LegTable
from .message import Response, read
from .multipart import open_body
from .outgoing_leg import OutgoingLeg
from .peer import Peer
from .registrar import Registrar
from .registration import Registration
from .settings import Credentials, EndpointSettings, InviteTarget, RegistrationSettings
from .sightings import Sighting
from .timers import SipTimers
from .transaction import Machine, Transaction
from .transactions import Transactions
from .trunk_settings import TrunkSettings, TrunkState
from .trunk_sources import CertificateNames
from .trunks import Trunks

__all__ = [
    "Credentials",
    "Endpoint",
    "EndpointSettings",
    "InviteTarget",
    "Output",
    "RegistrationSettings",
]


_PRACKS_MOST = 100
"Of one branch that is hung up at once: more than any phone rings minutes."

_LONGEST_KEEP_ALIVE = 4
"CRLF CRLF (RFC 5626 3.5.1); longer blank datagrams are no message and dropped as such."


class Endpoint:
    """All SIP of one process, pure: the caller owns sockets and clock.

    Every method returns what is to be done and what happened, in order. A command for a leg that
    is unknown or over returns nothing, since commands and the network race. `BadTargetError` tells
    the caller's own mistakes: a status out of its range, a leg id that is taken.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        *,
        credentials: Credentials,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        timers: SipTimers = SipTimers(),  # noqa: B008 - frozen, one value for all
        certificate_names: CertificateNames = lambda _peer: (),
    ) -> None:
        core = self._core = Core(settings, new_id, random_bytes, timers)
        self._transactions = Transactions(core)
        table = self._table = LegTable(core, self._transactions)
        self._registrar = Registrar(core, self._transactions)
        digest = DigestServer(
            settings.realm,
            credentials,
            random_bytes,
            settings.nonce_lifetime_s,
            algorithms=settings.digest_algorithms,
        )
        self.trunks = Trunks(core, self._transactions, table, certificate_names)
        core.trusters.append(self.trunks.trusts)
        "Which trunk a peer is, and whether one can be called over; read only."
        self._inbound = Inbound(
            core, self._transactions, table, digest, self._registrar, self.trunks
        )
        self._registrations: dict[str, Registration] = {}
        core.reliance.truth = self._relied_on

    def _relied_on(self) -> set[Peer]:
        legs = {peer for leg in self._table.dialogs.values() for peer in leg.peers()}
        return self._transactions.peers() | self._registrar.peers() | legs

    @property
    def draining(self) -> bool:
        """New INVITEs are answered 503 with Retry-After, but for accounts' emergency calls."""
        return self._inbound.draining

    @draining.setter
    def draining(self, draining: bool) -> None:
        self._inbound.draining = draining

    def put_through(self, is_emergency: Callable[[str], bool]) -> None:
        """Learn which dialled numbers an account reaches even while new calls are refused.

        Neither draining nor `max_legs` holds such a call back, once the account has proved itself.
        """
        self._inbound.is_emergency = is_emergency

    @property
    def sightings(self) -> deque[Sighting]:
        """What was noticed about who sends; whoever guards the server takes it out of here."""
        return self._core.sightings.kept

    @property
    def legs(self) -> int:
        """Legs under way, including those that only wait for an ACK to be hung up."""
        return len(self._table)

    @property
    def transactions(self) -> int:
        """Transactions under way."""
        return len(self._transactions)

    @property
    def transfers(self) -> int:
        """Transfers asked for by phones that have not been told the end."""
        return len(self._table.referring)

    @property
    def lingering(self) -> int:
        """Finished transactions still remembered for retransmissions."""
        return self._transactions.lingering

    # The network.

    def receive(self, data: bytes, peer: Peer, now: float) -> list[Output]:
        """Take one message (a datagram, or one frame of a `StreamFramer`)."""
        core = self._core
        out = core.out = []
        if len(data) <= _LONGEST_KEEP_ALIVE and not data.strip():
            # RFC 5626 3.5.1: "If the pong is not received within 10 seconds", the phone takes
            # the connection for dead. Over UDP an empty datagram only keeps a NAT open.
            if peer.transport != "udp" and data == b"\r\n\r\n":
                core.send(peer, b"\r\n")
            return out
        try:
            message = read(data)
        except BadMessageError:
            # No message at all. Where not even the version is named, what else the connection has
            # to say is no SIP either.
            core.sightings.unreadable(peer)
            if peer.transport != "udp" and b"SIP/2.0" not in data.partition(b"\n")[0]:
                out.append(Disconnect(peer))
            return out
        if message.body:
            headers = message.headers
            plain = headers.get(b"content-type") == b"application/sdp"
            if not plain or b"content-encoding" in headers:
                open_body(message)
        try:
            if isinstance(message, Response):
                self._receive_response(message, peer, now)
            else:
                self._inbound.receive(message, peer, now)
        except BadMessageError:
            # A response that nobody can use: dropped, as 18.1.2 has it.
            core.sightings.unreadable(peer)
            return out
        return out

    def refusal(self, data: bytes, peer: Peer) -> bytes | None:
        """Return the 503 that turns a message away in overload, without keeping anything of it.

        None for whatever is to be received all the same: a message of a call or a transaction
        that is known, and one that is not understood.
        """
        try:
            message = read(data)
            return None if isinstance(message, Response) else self._inbound.refusal(message, peer)
        except BadMessageError:
            return None

    def _receive_response(self, response: Response, peer: Peer, now: float) -> None:
        if response.fault is not None:
            return
        branch = self._transactions.receive_response(response, now)
        if branch is not None:
            # 13.2.2.4: "the UAC core MUST generate an ACK […]; if, after acknowledging any 2xx
            # response to an INVITE, the UAC does not want to continue with that dialog, then
            # the UAC MUST terminate the dialog by sending a BYE request".
            dialog = Dialog.of_response(branch, peer)
            ack = send_ack(self._core, dialog, cseq=branch.cseq.number)
            self._transactions.remember_branch(branch, ack, now)
            # The branch may have seen PRACKs of ours, whose numbers the BYE has to exceed; 12.2.2:
            # higher "by more than one […] is not an error condition".
            dialog.local_cseq += _PRACKS_MOST
            send_bye(self._core, self._transactions, dialog, "", now)

    def transport_failed(self, peer: Peer, now: float) -> list[Output]:
        """Learn that nothing can be sent to the peer (refused, connection closed).

        Calls being set up fail. Established ones stay: a phone may come back on a new
        connection, and a BYE that cannot be sent ends them anyway. Bindings behind a stream
        connection are dropped.
        """
        out = self._core.out = []
        if not self._core.reliance.ended(peer):
            return out
        self._transactions.transport_failed(peer, now)
        for leg in list(self._table.dialogs.values()):
            leg.transport_failed(peer, now)
        self._registrar.transport_failed(peer, now)
        for registration in self._registrations.values():
            registration.transport_failed(peer, now)
        return out

    # Time.

    def next_deadline(self) -> float:
        """Return when `on_time` must next be called; `math.inf` for never."""
        timer_at, sweep_at = self._core.deadlines.next(), self._transactions.next_deadline()
        return timer_at if timer_at < sweep_at else sweep_at

    def on_time(self, now: float) -> list[Output]:
        """Fire what is due."""
        core = self._core
        out = core.out = []
        self._transactions.on_time(now)
        while (machine := core.deadlines.pop_due(now)) is not None:
            self._fire(machine, now)
            core.deadlines.watch(machine)
        return out

    def _fire(self, machine: Machine, now: float) -> None:
        if isinstance(machine, Transaction):
            self._transactions.on_deadline(machine, now)
        else:
            machine.on_time(now)

    # Incoming legs.

    def ring(self, leg: str, now: float, sdp: bytes = b"", status: int = 180) -> list[Output]:
        """Answer an incoming leg provisionally (101–199)."""
        _check_status(status, 101, 199)
        out = self._core.out = []
        if isinstance(found := self._table.legs.get(leg), IncomingLeg):
            found.ring(status, sdp, now)
        return out

    def answer(self, leg: str, sdp: bytes, now: float) -> list[Output]:
        """Answer an incoming leg with 200; `LegConfirmed` follows."""
        out = self._core.out = []
        if isinstance(found := self._table.legs.get(leg), IncomingLeg):
            found.answer(sdp, now)
        return out

    def reject(
        self,
        leg: str,
        status: int,
        now: float,
        reason: str = "",
        retry_after_s: int = 0,
        warning: str = "",
    ) -> list[Output]:
        """Refuse an incoming leg (300–699); no event follows.

        `warning` is a warn-code of RFC 3261 20.43, a space and the text: "305 no such codec".
        """
        _check_status(status, 300, 699)
        out = self._core.out = []
        if isinstance(found := self._table.legs.get(leg), IncomingLeg):
            found.reject(status, now, reason, retry_after_s, warning)
        return out

    # Outgoing legs.

    def invite(self, leg: str, target: InviteTarget, offer: bytes, now: float) -> list[Output]:
        """Call out; the leg id becomes the Call-ID. `LegAnswered` or `LegFailed` follows."""
        core = self._core
        out = core.out = []
        if leg in self._table.legs:
            raise BadTargetError(f"leg {leg!r} exists already; take a new id for each leg")
        full = len(self._table.legs) >= core.settings.max_legs or self._transactions.full
        if full and not target.emergency:
            out.append(LegFailed(leg, 503, "Too many legs or transactions of our own"))
            return out
        try:
            if target.trunk:
                self.trunks.invite(leg, target, offer, now)
                return out
            outgoing = OutgoingLeg(core, self._transactions, self._table, leg, target, offer)
        except BadTargetError as fault:
            out.append(LegFailed(leg, 484, str(fault)))
            return out
        self._table.legs[leg] = outgoing
        outgoing.send_invite(now)
        return out

    def cancel(self, leg: str, now: float) -> list[Output]:
        """Give up an outgoing leg; `LegFailed` (487) is among what this returns."""
        out = self._core.out = []
        if isinstance(found := self._table.legs.get(leg), OutgoingLeg):
            found.cancel(now)
        return out

    # Any leg.

    def hang_up(self, leg: str, now: float, reason: str = "") -> list[Output]:
        """End a leg in whatever state: CANCEL, BYE, or a refusal (480).

        No `LegEnded` follows; an outgoing leg that is not answered fails as by `cancel`.
        """
        out = self._core.out = []
        if (found := self._table.legs.get(leg)) is not None:
            found.hang_up(now, reason)
        return out

    def accept_offer(self, leg: str, sdp: bytes, now: float) -> list[Output]:
        """Answer a `LegReoffered` with 200 and this description.

        When it came without an offer, this is the offer, and `LegConfirmed` brings the answer.
        """
        out = self._core.out = []
        if (found := self._table.legs.get(leg)) is not None:
            found.accept_offer(sdp, now)
        return out

    def refuse_offer(self, leg: str, status: int, now: float, warning: str = "") -> list[Output]:
        """Refuse a `LegReoffered` (300–699); the session stays as it was.

        `warning` as in `reject`.
        """
        _check_status(status, 300, 699)
        out = self._core.out = []
        if (found := self._table.legs.get(leg)) is not None:
            found.refuse_offer(status, now, warning)
        return out

    def reoffer(self, leg: str, sdp: bytes, now: float) -> list[Output]:
        """Offer a changed session by re-INVITE; `ReofferAnswered` or `ReofferRefused` follows.

        It waits while another offer is under way, ours or the other side's, and takes the place
        of one that waits already, of which nothing is heard then. `LegEnded` may follow instead.
        """
        out = self._core.out = []
        if (found := self._table.legs.get(leg)) is not None:
            found.reoffer(sdp, now)
        return out

    # Transfers that phones ask for.

    def accept_transfer(self, leg: str, refer: int, now: float) -> list[Output]:
        """Answer a `TransferRequested` with 202; the phone is told "100 Trying"."""
        out = self._core.out = []
        if (referral := self._table.referring.get(leg, refer)) is not None:
            referral.accept(now)
        return out

    def refuse_transfer(self, leg: str, refer: int, status: int, now: float) -> list[Output]:
        """Refuse a `TransferRequested` (300–699); the call stays as it was."""
        _check_status(status, 300, 699)
        out = self._core.out = []
        if (referral := self._table.referring.get(leg, refer)) is not None:
            referral.refuse(status, now)
        return out

    def notify_transfer(
        self, leg: str, refer: int, status: int, reason: str, now: float, *, final: bool
    ) -> list[Output]:
        """Tell the phone what its target says to the transfer; nothing more after `final`.

        This also works when the leg is over: a phone may hang up and listen on.
        """
        _check_status(status, 100, 699)
        out = self._core.out = []
        if (referral := self._table.referring.get(leg, refer)) is not None:
            referral.notify(status, reason, final=final, now=now)
        return out

    # Registrations of this side, as a phone.

    def register(self, registration: RegistrationSettings, now: float) -> list[Output]:
        """Register as a phone and keep it up; `ClientEvent`s follow.

        One of the same id is replaced; its binding is left to expire or be renewed by this one.
        Raises `BadTargetError` for a registrar URI that cannot be used.
        """
        out = self._core.out = []
        machine = Registration(self._core, self._transactions, registration)
        former = self._registrations.get(registration.id)
        if former is not None:
            former.stop()
        self._registrations[registration.id] = machine
        machine.begin(now)
        return out

    def unregister(self, registration: str, now: float) -> list[Output]:
        """Remove our binding and stop refreshing; a `ClientEvent` follows."""
        out = self._core.out = []
        machine = self._registrations.pop(registration, None)
        if machine is not None:
            machine.leave(now)
        return out

    # Trunks.

    def configure_trunks(self, trunks: tuple[TrunkSettings, ...], now: float) -> list[Output]:
        """Replace all trunks; calls under way go on."""
        out = self._core.out = []
        self.trunks.configure(trunks, now)
        return out

    def resolved(self, answer: Resolved, now: float) -> list[Output]:
        """Take what DNS said to a `Resolve`."""
        out = self._core.out = []
        self.trunks.resolved(answer, now)
        return out

    def trunk_state(self) -> tuple[TrunkState, ...]:
        """Return how every trunk stands: up or down, channels in use, gateways."""
        return self.trunks.state()

    # The registrar's bindings.

    def contacts(self, account: str) -> tuple[Contact, ...]:
        """Return an account's registered devices, newest first."""
        return self._registrar.contacts(account)

    def registered_accounts(self) -> tuple[str, ...]:
        """Return the names of the accounts that have registered devices."""
        return self._registrar.accounts()

    def all_contacts(self) -> dict[str, tuple[Contact, ...]]:
        """Return every account's registered devices, with the expiry of the last refresh."""
        return self._registrar.all_contacts()

    def doubt_contact(self, account: str, uri: str, now: float) -> list[Output]:
        """Take a device out that an INVITE did not reach; it comes back when it answers OPTIONS.

        Without effect when devices are not qualified.
        """
        out = self._core.out = []
        self._registrar.doubt(account, uri, now)
        return out

    def restore_contacts(
        self, account: str, contacts: tuple[Contact, ...], now: float
    ) -> list[Output]:
        """Take bindings that an earlier run of the process had; expired ones are left out."""
        out = self._core.out = []
        self._registrar.restore(account, contacts, now)
        return out


def _check_status(status: int, least: int, most: int) -> None:
    if not least <= status <= most:
        raise BadTargetError(f"status {status} cannot be sent here, only {least} to {most}")
