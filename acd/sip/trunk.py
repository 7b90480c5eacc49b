"""One trunk at run time: its gateways, whom its calls go to, and how its numbers are written."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from .gateways import Candidate, GatewaySet
from .locating import DEFAULT_PORTS
from .phone_numbers import for_trunk, to_e164
from .settings import InviteTarget
from .trunk_settings import CallerId, TrunkSettings, TrunkState
from .uri import escape_user, unescape


class TrunkTarget(Struct, frozen=True):
    """Whom one INVITE goes to, and the URI that stands in its From."""

    target: InviteTarget

    from_uri: bytes
    "Empty for a caller who is not to be known."


class Trunk:
    """A trunk that serves. Only `Trunks` changes it."""

    __slots__ = ("gateways", "registered", "settings")

    def __init__(self, settings: TrunkSettings, random: Callable[[], float]) -> None:
        self.settings = settings
        self.gateways = GatewaySet(random)
        self.registered: bool | None = None
        "Whether our registration stands; None when none is wanted."

    @property
    def up(self) -> bool:
        """Calls may be tried."""
        return self.gateways.usable and self.registered is not False

    def state(self, in_use: int) -> TrunkState:
        """Return the view of it."""
        return TrunkState(
            self.settings.name,
            self.up,
            in_use,
            self.settings.channels,
            self.registered,
            tuple(m.state(gateway.host) for gateway, m in self.gateways.monitors()),
        )

    def target(self, wanted: InviteTarget, candidate: Candidate, own_host: str) -> TrunkTarget:
        """Return whom the INVITE to this gateway goes to, and from whom it is.

        `wanted.uri` brings the called number as its user part; `own_host` is our name on the
        gateway's transport.
        """
        settings, peer = self.settings, candidate.monitor.peer
        place = settings.domain or _place(candidate)
        called = unescape(wanted.uri.encode().partition(b":")[2].partition(b"@")[0])
        uri = self._uri(called, place)
        if not settings.domain and peer.transport != "udp":
            uri += f";transport={peer.transport}"
        shown = shown_number(wanted.caller, settings)
        identity = self._uri(shown, settings.domain or own_host)
        hidden = not wanted.caller or settings.caller_id.privacy
        headers = wanted.headers
        if shown and settings.trusted:
            # RFC 3325 9.1: the identity goes only to whom the network trusts.
            headers += (("P-Asserted-Identity", f"<{identity}>"),)
        if hidden:
            # RFC 3323 4.2, RFC 3325 9.3: "id" keeps the asserted identity from the called person.
            headers += (("Privacy", "id"),)
        target = replace(
            wanted,
            uri=uri,
            peer=peer,
            caller="" if hidden else shown,
            caller_name="" if hidden else wanted.caller_name,
            headers=headers,
            username=settings.username,
            password=settings.password,
            redirects=settings.redirects,
        )
        return TrunkTarget(target, b"" if hidden or not shown else identity.encode())

    def _uri(self, number: str, place: str) -> str:
        settings = self.settings
        written = for_trunk(number, settings.country, settings.number_format)
        tail = ";user=phone" if settings.user_phone else ""
        return f"sip:{escape_user(written).decode()}@{place}{tail}"

    def plan_number(self, called: str) -> str:
        """Return an incoming call's number as the number plan has it."""
        settings = self.settings
        full = to_e164(called, settings.country)
        return settings.numbers.get(full) or settings.numbers.get(called) or full


def shown_number(own: str, settings: TrunkSettings) -> str:
    """Return the number that a call of this caller may show; empty for none."""
    rules: CallerId = settings.caller_id
    full = to_e164(own, settings.country)
    if full and (_allowed(full, rules.allowed) or not rules.number):
        return full
    return rules.number


def _allowed(number: str, patterns: tuple[str, ...]) -> bool:
    return any(
        number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern
        for pattern in patterns
    )


def _place(candidate: Candidate) -> str:
    """Return host and port of the gateway as they stand in a URI."""
    host, peer = candidate.gateway.host, candidate.monitor.peer
    name = f"[{host}]" if ":" in host else host
    # A name without port is looked up by SRV again by whoever reads the URI (RFC 3263 4.2).
    named = candidate.gateway.port or (peer.port if host == peer.host else 0)
    return name if named in {0, DEFAULT_PORTS.get(peer.transport, 5060)} else f"{name}:{named}"
