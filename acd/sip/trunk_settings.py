"""What the endpoint is told about trunks, and what it shows of them."""

from enum import Enum

from msgspec import Struct

from .peer import Peer
from .phone_numbers import NumberFormat


class Gateway(Struct, frozen=True, kw_only=True):
    """One place where a trunk's calls go: an address, or a name that DNS resolves to several."""

    host: str
    "IP address, or a domain name that is resolved by RFC 3263."

    port: int = 0
    "0: what SRV records say, else the transport's own (5060, 5061 for TLS)."

    transport: str = ""
    'Lower case: "udp", "tcp" or "tls"; empty: what NAPTR and SRV records say, else udp.'

    priority: int = 10
    "Gateways with the lowest number are tried first."

    weight: int = 10
    "Share of the calls among gateways of one priority (RFC 2782)."


class CallerId(Struct, frozen=True, kw_only=True):
    """Who calls, as the trunk's other side is told."""

    number: str = ""
    "E.164, for calls whose own number is not `allowed`; empty: the own number stays."

    allowed: tuple[str, ...] = ()
    'E.164 numbers that may be shown; one that ends in "*" stands for all that begin so.'

    privacy: bool = False
    "Hide the number from the called person: anonymous From and Privacy: id (RFC 3323, 3325)."


class TrunkRegistration(Struct, frozen=True, kw_only=True):
    """A registration of ours at the trunk's registrar."""

    user: str
    "User part of the address of record, To and From."

    domain: str = ""
    "Host of the Request-URI and the address of record; empty: the trunk's domain."

    contact: str = ""
    "User part of our Contact; empty: `user`."

    expires_s: int = 300


class TrunkSettings(Struct, frozen=True, kw_only=True):
    """One trunk. Immutable; a reload replaces all trunks at once."""

    name: str
    gateways: tuple[Gateway, ...]

    domain: str = ""
    "Host of the Request-URI, From and To of outgoing calls; empty: the gateway's own address."

    networks: tuple[str, ...] = ()
    "Source networks (CIDR) of its calls, beside the addresses of its gateways."

    tls_names: tuple[str, ...] = ()
    """Names of a client certificate (RFC 5922), lower case. If there are any, its calls must come
    over TLS with one of them, from wherever; no address suffices."""

    account: str = ""
    """Digest user that its incoming calls must prove to be, from wherever; empty: the address or
    certificate suffices."""

    account_password: str = ""

    username: str = ""
    "Digest user of our INVITE and REGISTER; empty: a challenge is a failure."

    password: str = ""

    registration: TrunkRegistration | None = None

    options_interval_s: float = 30.0
    "Pause between OPTIONS pings of each gateway; 0: none."

    rest_s: float = 30.0
    "How long a gateway that failed is left alone."

    no_answer_s: float = 4.0
    "Wait for any answer to an INVITE before the next gateway is tried."

    redirects: int = 0
    "3xx answers of its gateways that a call follows, to addresses; 0: they are failures."

    channels: int = 0
    "Calls at once, both ways together; 0: no limit."

    full_status: int = 503
    "Answer to an incoming call beyond the limit: 503 or 486."

    trusted: bool = False
    "Its P-Asserted-Identity is believed, and it gets ours (RFC 3325)."

    codecs: tuple[str, ...] = ()
    "Names in the order of preference; empty: all, as the media engine likes."

    caller_id: CallerId = CallerId()

    number_format: NumberFormat = NumberFormat()
    "How numbers are written to the trunk."

    country: str = "CN"
    "ISO 3166 region that numbers without country code belong to."

    called_from: str = "uri"
    'Where an incoming call\'s number stands: "uri" (Request-URI) or "to".'

    numbers: dict[str, str] = {}
    "Called number (E.164, or as sent) to the number in the number plan."

    user_phone: bool = False
    "Put user=phone behind numbers in URIs, as IMS cores want it (RFC 3261 19.1.1)."


class Health(Enum):
    """What is known of a gateway."""

    UNKNOWN = "unknown"
    "Nothing yet; it is tried."

    UP = "up"
    RESTING = "resting"
    "It failed and is left alone for a while."


class GatewayState(Struct, frozen=True):
    """One gateway address as it stands now."""

    name: str
    "Host as configured."

    peer: Peer
    health: Health
    failures: int
    round_trip_s: float | None
    "Of the last answered OPTIONS."


class TrunkState(Struct, frozen=True):
    """One trunk as it stands now."""

    name: str
    up: bool
    "Some gateway can be tried, and the registration stands if there is to be one."

    channels_in_use: int
    channels: int
    "The limit; 0: none."

    registered: bool | None
    "None: no registration is wanted."

    gateways: tuple[GatewayState, ...]
