"""All trunks of an endpoint: who they are, what they may do, and how they stand."""

from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address, ip_network

from msgspec.structs import replace

from .core import Core
from .errors import BadMessageError
from .events import InviteReceived, LegFailed
from .gateways import GatewayMonitor, Located
from .leg import LegTable
from .message import Request
from .options_ping import OptionsPing
from .peer import Peer
from .phone_numbers import to_e164
from .settings import InviteTarget
from .transactions import Transactions
from .trunk import DEFAULT_PORTS, Trunk
from .trunk_channels import Channels
from .trunk_leg import TrunkCall, TrunkIncomingLeg, TrunkLeg
from .trunk_settings import Gateway, TrunkSettings, TrunkState

MAX_SOURCES = 65_536
"Sources whose trunk is remembered, strangers too; some 10 MB. More begin anew."


class Trunks:
    """The trunks by name and by source address."""

    __slots__ = (
        "_by_name",
        "_by_source",
        "_channels",
        "_core",
        "_table",
        "_transactions",
    )

    def __init__(self, core: Core, transactions: Transactions, table: LegTable) -> None:
        self._core = core
        self._transactions = transactions
        self._table = table
        self._channels = Channels()
        self._by_name: dict[str, Trunk] = {}
        self._by_source: dict[str, Trunk | None] = {}
        "Remembered answers of `of_source`; emptied by every change."

    def __len__(self) -> int:
        return len(self._by_name)

    def configure(self, trunks: Iterable[TrunkSettings], now: float) -> None:
        """Replace all trunks. Calls under way stay, and so does what is known of gateways."""
        former = self._by_name
        self._by_name = {}
        for settings in trunks:
            trunk = former.get(settings.name)
            if trunk is None or trunk.settings != settings:
                trunk = self._made(settings, trunk, now)
            self._by_name[settings.name] = trunk
        kept = {
            id(monitor) for t in self._by_name.values() for _, monitor in t.gateways.monitors()
        }
        for trunk in former.values():
            for _, monitor in trunk.gateways.monitors():
                if id(monitor) not in kept:
                    monitor.stop()
        self._by_source.clear()

    def _made(self, settings: TrunkSettings, former: Trunk | None, now: float) -> Trunk:
        trunk = Trunk(settings, self._random)
        alike = (
            former if former is not None and _watched_alike(former.settings, settings) else None
        )
        for gateway in settings.gateways:
            trunk.gateways.place(
                gateway, _literal(gateway), partial(self._monitor, trunk, alike, now)
            )
        return trunk

    def _monitor(
        self, trunk: Trunk, former: Trunk | None, now: float, peer: Peer
    ) -> GatewayMonitor:
        """Return who watches a peer for this trunk: one for all gateways that lead there."""
        known = trunk.gateways.of(peer) or (former and former.gateways.of(peer))
        if known:
            return known
        settings = trunk.settings
        return GatewayMonitor(
            peer,
            interval_s=settings.options_interval_s,
            patience_s=settings.no_answer_s,
            rest_s=settings.rest_s,
            ping=OptionsPing(self._core, self._transactions, settings.domain).send,
            random=self._random,
            watch=self._core.deadlines.watch,
            now=now,
        )

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

    def trusts(self, peer: Peer) -> bool:
        """Tell whether P-Asserted-Identity from this peer is to be believed (RFC 3325)."""
        if not self._by_name:
            return False
        trunk = self.of_source(peer)
        return trunk is not None and trunk.settings.trusted

    # Incoming.

    def of_source(self, peer: Peer) -> Trunk | None:
        """Return the trunk whose calls come from this address."""
        host, known = peer.host, self._by_source
        if host not in known:
            if len(known) >= MAX_SOURCES:
                known.clear()
            known[host] = self._find_source(host)
        return known[host]

    def _find_source(self, host: str) -> Trunk | None:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return None
        for trunk in self._by_name.values():
            if any(monitor.peer.host == host for _, monitor in trunk.gateways.monitors()):
                return trunk
            if any(address in ip_network(network) for network in trunk.settings.networks):
                return trunk
        return None

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
            core, self._transactions, self._table, leg, key, request, peer, self._channels
        )
        self._channels.take(leg, settings.name, settings.channels)
        return made

    def name_call(self, trunk: Trunk, request: Request) -> None:
        """Complete the `InviteReceived` just made: its trunk, and the numbers as they are here."""
        out, settings = self._core.out, trunk.settings
        event = out[-1]
        if isinstance(event, InviteReceived):
            number = request.to.user_text() if settings.called_from == "to" else event.called
            out[-1] = replace(
                event,
                caller=to_e164(event.caller, settings.country),
                called=trunk.plan_number(number),
                trunk=settings.name,
                codecs=settings.codecs,
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
        if not self._channels.take(leg, name, trunk.settings.channels):
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


def _literal(gateway: Gateway) -> tuple[Located, ...]:
    """Return the address of a gateway that is named by one; nothing for a name."""
    try:
        host = str(ip_address(gateway.host))
    except ValueError:
        return ()
    transport = gateway.transport or "udp"
    return (Located(Peer(transport, host, gateway.port or DEFAULT_PORTS[transport])),)
