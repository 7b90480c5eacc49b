"""All trunks of an endpoint: who they are, what they may do, and how they stand."""

from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address
from typing import cast

from msgspec.structs import replace

from .core import Core
from .dns_records import Kind, Record, Resolved
from .errors import BadMessageError
from .events import InviteReceived, LegFailed
from .gateways import GatewayMonitor
from .leg import LegTable
from .locating import Locator
from .message import Request
from .names import Names, Question
from .options_ping import OptionsPing
from .peer import Peer
from .phone_numbers import to_e164
from .settings import InviteTarget
from .transactions import Transactions
from .trunk import Trunk
from .trunk_channels import Channels
from .trunk_leg import TrunkCall, TrunkIncomingLeg, TrunkLeg
from .trunk_registration import TrunkRegistration
from .trunk_settings import TrunkSettings, TrunkState
from .trunk_sources import CertificateNames, TrunkSources

TRANSPORTS = ("udp", "tcp", "tls")
"Those of gateways, in the order in which we try them where DNS leaves the choice."


class Trunks:
    """The trunks by name, their gateways' addresses, registrations and channels."""

    __slots__ = (
        "_by_name",
        "_channels",
        "_core",
        "_names",
        "_registrations",
        "_sources",
        "_table",
        "_transactions",
    )

    def __init__(
        self,
        core: Core,
        transactions: Transactions,
        table: LegTable,
        certificate_names: CertificateNames,
    ) -> None:
        self._core = core
        self._transactions = transactions
        self._table = table
        self._channels = Channels()
        self._by_name: dict[str, Trunk] = {}
        self._sources = TrunkSources(core, certificate_names)
        self._names = Names(lambda question: core.out.append(question), core.deadlines.watch)
        self._registrations: dict[str, TrunkRegistration] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    # Settings and addresses.

    def configure(self, trunks: Iterable[TrunkSettings], now: float) -> None:
        """Replace all trunks. Calls under way stay, and so does what is known of gateways."""
        former = self._by_name
        self._by_name = {}
        for settings in trunks:
            trunk = former.get(settings.name)
            if trunk is None or trunk.settings != settings:
                trunk = self._made(settings, trunk, now)
            self._by_name[settings.name] = trunk
        for name, trunk in former.items():
            if self._by_name.get(name) is not trunk:
                self._retire(trunk, now)
        self._locate(now)

    def resolved(self, answer: Resolved, now: float) -> None:
        """Take an answer of DNS."""
        if self._names.resolved(answer, now):
            self._locate(now)

    def _made(self, settings: TrunkSettings, former: Trunk | None, now: float) -> Trunk:
        trunk = Trunk(settings, self._random)
        if former is not None and _watched_alike(former.settings, settings):
            trunk.gateways.take_over(former.gateways, settings.gateways)
        if settings.registration is not None:
            trunk.registered = False
        return trunk

    def _retire(self, trunk: Trunk, now: float) -> None:
        kept = self._by_name.get(trunk.settings.name)
        staying = {id(monitor) for _, monitor in kept.gateways.monitors()} if kept else set()
        for _, monitor in trunk.gateways.monitors():
            if id(monitor) not in staying:
                monitor.stop()
        registration = self._registrations.pop(trunk.settings.name, None)
        if registration is None:
            return
        if kept is not None and kept.settings.registration == trunk.settings.registration:
            # The next one renews the same binding; removing it first could take that away again.
            registration.stop()
        else:
            registration.leave(now)

    def _locate(self, now: float) -> None:
        """Place every gateway where DNS says that it is now."""
        asked: set[Question] = set()

        def look(name: str, kind: Kind) -> tuple[Record, ...] | None:
            asked.add((name, kind))
            return self._names.look(name, kind, now)

        ours = tuple(name for name in TRANSPORTS if name in self._core.settings.advertised)
        locator = Locator(look, ours, self._address_kinds())
        for trunk in self._by_name.values():
            for gateway in trunk.settings.gateways:
                located = locator.locate(gateway)
                if located or not locator.waiting:
                    trunk.gateways.place(gateway, located, partial(self._monitor, trunk, now))
            self._register(trunk, now)
        self._names.keep(asked)
        self._sources.learn(self._by_name.values())

    def _address_kinds(self) -> tuple[Kind, ...]:
        """Return A, AAAA or both: what our own addresses can reach."""
        kinds: set[Kind] = set()
        for host, _ in self._core.settings.advertised.values():
            try:
                kinds.add("A" if ip_address(host).version == 4 else "AAAA")
            except ValueError:
                kinds |= {"A", "AAAA"}
        return tuple(sorted(kinds))

    def _monitor(self, trunk: Trunk, now: float, peer: Peer) -> GatewayMonitor:
        """Return who watches a peer for this trunk: one for all gateways that lead there."""
        settings = trunk.settings
        return trunk.gateways.of(peer) or GatewayMonitor(
            peer,
            interval_s=settings.options_interval_s,
            patience_s=settings.no_answer_s,
            rest_s=settings.rest_s,
            ping=OptionsPing(self._core, self._transactions, settings.domain).send,
            random=self._random,
            watch=self._core.deadlines.watch,
            now=now,
        )

    def _register(self, trunk: Trunk, now: float) -> None:
        """Begin the trunk's registration as soon as an address is known."""
        wanted, name = trunk.settings.registration, trunk.settings.name
        candidate = next(trunk.gateways.order(), None)
        if wanted is None or name in self._registrations or candidate is None:
            return
        registration = self._registrations[name] = TrunkRegistration(
            self._core, self._transactions, trunk, wanted, candidate.monitor.peer
        )
        registration.begin(now)

    def _random(self) -> float:
        return int.from_bytes(self._core.random_bytes(4), "big") / 2**32

    # Views.

    def state(self) -> tuple[TrunkState, ...]:
        """Return how every trunk stands."""
        return tuple(
            trunk.state(self._channels.in_use(name)) for name, trunk in self._by_name.items()
        )

    def has_free_channel(self, name: str) -> bool:
        """Tell whether a call over this trunk can be tried now: it is up and has a channel."""
        trunk = self._by_name.get(name)
        return (
            trunk is not None and trunk.up and self._channels.free(name, trunk.settings.channels)
        )

    def codecs(self, name: str) -> tuple[str, ...]:
        """Return the codecs that a session over this trunk is limited to; empty: no limit."""
        trunk = self._by_name.get(name)
        return () if trunk is None else trunk.settings.codecs

    def of(self, peer: Peer) -> str | None:
        """Return the name of the trunk at this address or with this certificate."""
        trunk = self._sources.of(peer) if self._by_name else None
        return None if trunk is None else trunk.settings.name

    def trusts(self, peer: Peer) -> bool:
        """Tell whether P-Asserted-Identity from this peer is to be believed (RFC 3325)."""
        trunk = self._sources.of(peer) if self._by_name else None
        return trunk is not None and trunk.settings.trusted

    # Incoming.

    def caller(self, request: Request, peer: Peer, now: float) -> Trunk | None:
        """Return the trunk that a new call comes by, proved; None for all others.

        Raises `BadMessageError`, 401 or 403, while it has to prove itself.
        """
        return self._sources.caller(request, peer, now) if self._by_name else None

    def incoming(self, trunk: Trunk, key: bytes, request: Request, peer: Peer) -> TrunkIncomingLeg:
        """Return the leg of a call from the trunk, if a channel is free for it.

        Raises `BadMessageError`, 503 or 486, when there is none.
        """
        core, settings = self._core, trunk.settings
        leg = core.new_id()
        if not self._channels.free(settings.name, settings.channels):
            raise BadMessageError(
                "No Channel Free",
                settings.full_status,
                b"Retry-After: %d\r\n" % core.settings.retry_after_s,
            )
        made = TrunkIncomingLeg(
            core,
            self._transactions,
            self._table,
            leg,
            key,
            request,
            peer,
            self._channels,
            proved=bool(settings.account),
        )
        self._channels.take(leg, settings.name, settings.channels)
        return made

    def name_call(self, trunk: Trunk, request: Request) -> None:
        """Complete the `InviteReceived` just made: its trunk, and the numbers as they are here."""
        out, settings = self._core.out, trunk.settings
        at = next(at for at, event in enumerate(out) if isinstance(event, InviteReceived))
        event = cast("InviteReceived", out[at])
        number = request.to.user_text() if settings.called_from == "to" else event.called
        out[at] = replace(
            event,
            caller=to_e164(event.caller, settings.country),
            called=trunk.plan_number(number),
            trunk=settings.name,
            codecs=settings.codecs,
            diverted_from=tuple(map(trunk.plan_number, event.diverted_from)),
        )

    # Outgoing.

    def invite(self, leg: str, target: InviteTarget, offer: bytes, now: float) -> None:
        """Call out over `target.trunk`; `BadTargetError` for a number that cannot be written."""
        core, name = self._core, target.trunk
        trunk = self._by_name.get(name)
        if trunk is None:
            core.out.append(LegFailed(leg, 503, f"No trunk {name}"))
            return
        call = TrunkCall(trunk, target, offer, self._channels)
        candidate = next(call.candidates, None)
        if candidate is None:
            core.out.append(LegFailed(leg, 503, f"No gateway of trunk {name} is up"))
            return
        channels = 0 if target.emergency else trunk.settings.channels
        if not self._channels.take(leg, name, channels):
            core.out.append(LegFailed(leg, 503, f"No free channel on trunk {name}"))
            return
        try:
            first = TrunkLeg(core, self._transactions, self._table, leg, call, candidate)
        except BaseException:
            self._channels.give_back(leg)
            raise
        first.begin(now)


def _watched_alike(one: TrunkSettings, other: TrunkSettings) -> bool:
    return (one.options_interval_s, one.no_answer_s, one.rest_s, one.domain) == (
        other.options_interval_s,
        other.no_answer_s,
        other.rest_s,
        other.domain,
    )
