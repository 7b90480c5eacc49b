"""What all parts of one endpoint share: settings, identity on the wire, and the output."""

from binascii import hexlify
from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from .client_events import ClientEvent
from .deadlines import Deadlines
from .dns_records import Resolve
from .effects import Effect, Send
from .errors import BadTargetError
from .events import AuthenticationFailed, ContactsRefreshed, Event
from .message import Request, Response
from .peer import SECURE, Peer
from .reliance import Reliance
from .session_clock import SessionClock
from .settings import EndpointSettings
from .sightings import Sightings
from .sources import Networks
from .timers import SipTimers
from .uri import parse_host_port
from .writing import one_line

Output = Effect | Event | ClientEvent | AuthenticationFailed | ContactsRefreshed | Resolve


class LocalIdentity(Struct, frozen=True):
    """How we are named on one transport; lines are ready to be joined."""

    via_head: bytes
    'The Via line up to and with "branch=".'
    contact: bytes
    secure_contact: bytes
    "The same with a SIPS URI; without one where the transport is open to everybody."
    host: bytes
    "Host and port, for From."
    transport_parameter: bytes


class ResponseUser(Protocol):
    """Who sent a request and wants to know what became of it."""

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take a response. After a 2xx to INVITE, return the ACK that was sent."""

    def on_failure(self, status: int, now: float) -> None:
        """No answer came (408), none can come (503), or one that nobody can read (502)."""


class Core:
    """Shared state of one endpoint. `out` collects what the current call returns."""

    __slots__ = (
        "_identities",
        "_identities_v6",
        "_own",
        "_secret",
        "_trusted",
        "deadlines",
        "new_id",
        "out",
        "product_lines",
        "random_bytes",
        "reliance",
        "session_clock",
        "settings",
        "sightings",
        "timers",
        "trusters",
    )

    def __init__(
        self,
        settings: EndpointSettings,
        new_id: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        timers: SipTimers,
    ) -> None:
        if not settings.advertised:
            raise BadTargetError("advertised names no transport; give at least udp")
        self.settings = settings
        self.timers = timers
        self.new_id = new_id
        self.random_bytes = random_bytes
        self.deadlines = Deadlines()
        self.reliance = Reliance()
        self.session_clock = SessionClock(self.deadlines)
        self.out: list[Output] = []
        self.sightings = Sightings(settings.scanners)
        self._own = Networks(settings.own_networks)
        self._trusted = Networks(settings.trusted)
        self.trusters: list[Callable[[Peer], bool]] = []
        "Who else knows peers whose word about identities is taken, such as the trunks."
        self._secret = random_bytes(16)
        self._identities = _identities(settings.advertised)
        self._identities_v6 = _identities(settings.advertised_v6)
        product = one_line(settings.product)
        self.product_lines = b"Server: %b\r\n" % product, b"User-Agent: %b\r\n" % product
        "Server (for answers) and User-Agent (for requests)."

    def token(self) -> bytes:
        """Return 64 random bits as text: a tag, or the end of a branch (RFC 3261 19.3)."""
        return hexlify(self.random_bytes(8))

    def stateless_tag(self, request: Request) -> bytes:
        """Return the same tag for each retransmission of a request (RFC 3261 8.2.7)."""
        seed = request.get(b"call-id") + b"\0" + request.get(b"from") + b"\0" + request.get(b"via")
        return blake2b(seed, digest_size=8, key=self._secret).hexdigest().encode()

    def identity(self, peer: Peer) -> LocalIdentity:
        """Return how we are named towards a peer.

        On a transport that we do not listen on, only connections of our own can stand: they bear
        the first transport's address.
        """
        transport = peer.transport
        if self._identities_v6 and ":" in peer.host and transport in self._identities_v6:
            return self._identities_v6[transport]
        identity = self._identities.get(transport)
        if identity is None:
            address = next(iter(self.settings.advertised.values()))
            identity = self._identities[transport] = _identity(transport, *address)
        return identity

    def listens(self, transport: str) -> bool:
        """Tell whether others can connect to us by this transport."""
        return transport in self.settings.advertised

    def contact(self, peer: Peer, secure: bool) -> bytes:
        """Return our Contact line towards a peer, in a dialog that is `Dialog.secure` or not.

        8.1.1.8: "If the Request-URI or top Route header field value contains a SIPS URI, the
        Contact header field MUST contain a SIPS URI as well", and so for answers (12.1.1).
        """
        identity = self.identity(peer)
        return identity.secure_contact if secure else identity.contact

    def trusts(self, peer: Peer) -> bool:
        """Tell whether the peer's P-Asserted-Identity is believed (RFC 3325, "Spec(T)")."""
        return peer.host in self._trusted or any(known(peer) for known in self.trusters)

    def is_own(self, peer: Peer) -> bool:
        """Tell whether the peer is in a network from which nobody is made up."""
        return peer.host in self._own

    def send(self, peer: Peer, data: bytes) -> None:
        """Add a message to what the current call returns."""
        self.out.append(Send(peer, data))


def _identities(advertised: dict[str, tuple[str, int]]) -> dict[str, LocalIdentity]:
    return {
        transport: _identity(transport, host, port)
        for transport, (host, port) in advertised.items()
    }


def _identity(transport: str, host: str, port: int) -> LocalIdentity:
    name = host.encode("idna" if not host.isascii() else "ascii")
    place = b"[%b]:%d" % (name, port) if b":" in name else b"%b:%d" % (name, port)
    parse_host_port(place)  # a broken setting is found at start
    # RFC 7118 5.2: Via names WS or WSS, a URI transport=ws for both.
    uri_transport = b"ws" if transport == "wss" else transport.encode()
    parameter = b"" if transport == "udp" else b";transport=" + uri_transport
    # 26.2.2: "the use of transport=tls has consequently been deprecated" where SIPS says it all.
    secure_parameter = b"" if transport == "tls" else parameter
    scheme = b"sips" if transport in SECURE else b"sip"
    via = b"Via: SIP/2.0/%b %b;rport;branch=" % (transport.upper().encode(), place)
    return LocalIdentity(
        via,
        b"Contact: <sip:acd@%b%b>\r\n" % (place, parameter),
        b"Contact: <%b:acd@%b%b>\r\n" % (scheme, place, secure_parameter),
        place,
        parameter,
    )
