"""What all parts of one endpoint share: settings, identity on the wire, and the output."""

from binascii import hexlify
from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

from msgspec import Struct

from .client_events import ClientEvent
from .deadlines import Deadlines
from .effects import Effect, Send
from .errors import BadTargetError
from .events import AuthenticationFailed, ContactsRefreshed, Event
from .message import Request, Response
from .peer import Peer
from .settings import EndpointSettings
from .sightings import Sightings
from .timers import SipTimers
from .uri import parse_host_port
from .writing import one_line

Output = Effect | Event | ClientEvent | AuthenticationFailed | ContactsRefreshed


class LocalIdentity(Struct, frozen=True):
    """How we are named on one transport; lines are ready to be joined."""

    via_head: bytes
    'The Via line up to and with "branch=".'
    contact: bytes
    host: bytes
    "Host and port, for From."
    transport_parameter: bytes


class ResponseUser(Protocol):
    """Who sent a request and wants to know what became of it."""

    def on_response(self, response: Response, now: float) -> Send | None:
        """Take a response. After a 2xx to INVITE, return the ACK that was sent."""

    def on_failure(self, status: int, now: float) -> None:
        """No answer came (408) or none can come (503)."""


class Core:
    """Shared state of one endpoint. `out` collects what the current call returns."""

    __slots__ = (
        "_identities",
        "_secret",
        "deadlines",
        "new_id",
        "out",
        "product_lines",
        "random_bytes",
        "settings",
        "sightings",
        "timers",
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
        self.out: list[Output] = []
        self.sightings = Sightings(settings.scanners)
        self._secret = random_bytes(16)
        self._identities = {
            transport: _identity(transport, host, port)
            for transport, (host, port) in settings.advertised.items()
        }
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

    def identity(self, transport: str) -> LocalIdentity:
        """Return how we are named on a transport; on one that is not set up, the first's name."""
        identity = self._identities.get(transport)
        return identity or next(iter(self._identities.values()))

    def own_identity(self, transport: str) -> LocalIdentity | None:
        """Return how we are named on a transport, None when it is not set up."""
        return self._identities.get(transport)

    def send(self, peer: Peer, data: bytes) -> None:
        """Add a message to what the current call returns."""
        self.out.append(Send(peer, data))


def _identity(transport: str, host: str, port: int) -> LocalIdentity:
    name = host.encode("idna" if not host.isascii() else "ascii")
    place = b"[%b]:%d" % (name, port) if b":" in name else b"%b:%d" % (name, port)
    parse_host_port(place)  # a broken setting is found at start
    parameter = b"" if transport == "udp" else b";transport=" + transport.encode()
    via = b"Via: SIP/2.0/%b %b;rport;branch=" % (transport.upper().encode(), place)
    return LocalIdentity(
        via, b"Contact: <sip:acd@%b%b>\r\n" % (place, parameter), place, parameter
    )
