"""What the endpoint is told from outside: its settings, accounts' secrets, whom to call."""

from typing import Protocol

from msgspec import Struct

from .peer import Peer

# RFC 8760 2.4 wants the strongest algorithm first; a client takes the first one it knows.
ALGORITHMS = ("SHA-256", "MD5")
"Hashes of digest authentication, in the order in which they are offered."


class EndpointSettings(Struct, frozen=True, kw_only=True):
    """Settings of one SIP endpoint; they do not change while it runs."""

    advertised: dict[str, tuple[str, int]]
    """Transport ("udp", "tcp", "tls", "ws", "wss") to the host and port that stand in our Via and
    Contact."""

    advertised_v6: dict[str, tuple[str, int]] = {}
    "The same towards IPv6 peers, where it is another."

    realm: str = "acd"
    "Protection space of digest authentication; changing it invalidates every stored HA1."

    product: str = "acd"
    "Value of Server and User-Agent."

    digest_algorithms: tuple[str, ...] = ALGORITHMS
    "What challenges offer and answers may use, in this order."

    min_expires_s: int = 60
    "A REGISTER that asks for less (but not 0) is answered 423."

    default_expires_s: int = 300
    "Lifetime of a binding whose REGISTER names none."

    max_expires_s: int = 3600
    "A REGISTER that asks for more gets this."

    max_contacts: int = 3
    "Devices per account; one more replaces one that does not answer, else the oldest."

    qualify_s: float = 0.0
    "How often each device is asked by OPTIONS whether it is there; 0: never."

    flow_timer_s: int = 120
    """Flow-Timer of RFC 5626 over stream transports: how often a phone that supports outbound has
    to ping its connection; 0: not said. Below the time that a silent connection may stay."""

    authenticate_accounts: bool = True
    "Challenge an INVITE whose From names one of our accounts. REGISTER is always challenged."

    nonce_lifetime_s: float = 300.0
    "Age after which a digest nonce is stale and a new one is handed out."

    max_legs: int = 50_000
    "Legs at once; 503 beyond. At some 4 kB each about 200 MB, ten times the largest centre."

    max_unacknowledged: int = 1_000
    """Answered calls of strangers that wait for their ACK; beyond, the oldest is given up. At so
    many calls/s an honest caller has a second for it, four slow round trips. As many again of
    trunks that are known by their source address alone."""

    max_transactions: int = 200_000
    "Transactions under way (lingering ones not counted): four per leg; 503 or silence beyond."

    max_tombstones: int = 1_000_000
    "Finished transactions remembered for 64*T1: 7,000 calls/s with four each for 32 s."

    max_accounts: int = 100_000
    "Accounts with bindings; REGISTER of one more is answered 503."

    max_redirects: int = 5
    "Redirections that one outgoing call may follow at most, whatever its target allows."

    session_expires_s: int = 0
    "Session interval that we ask for (RFC 4028); 0: a timer only where the other side wants one."

    min_se_s: int = 90
    "Shortest session interval that is taken; RFC 4028 5 allows no less than 90."

    trusted: tuple[str, ...] = ()
    """Networks whose P-Asserted-Identity is believed (RFC 3325), and which may have changed the
    Request-URI that a digest was made for; trunks say so themselves."""

    own_networks: tuple[str, ...] = ()
    "Networks whose addresses stand in nobody else's datagrams: their callers need no proof."

    scanners: tuple[str, ...] = ()
    "Parts of User-Agents, in lower case, that only scanners have: noticed as an offence."

    offer_100rel: bool = False
    "Our INVITEs say that we acknowledge provisional answers by PRACK (RFC 3262)."

    prefer_100rel: bool = False
    "Callers who support PRACK get reliable provisional answers; who requires it always does."

    retry_after_s: int = 5
    "Retry-After of a 503 sent because of a limit or of draining."


class Credentials(Protocol):
    """Who knows the accounts' secrets."""

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Return hex H(account:realm:password), or None when there is no such account.

        `algorithm` is "MD5" or "SHA-256". None for an account that exists means that its secret
        is not stored under this algorithm.
        """


class InviteTarget(Struct, frozen=True, kw_only=True, gc=False):
    """Whom an outgoing leg calls and on whose behalf."""

    uri: str
    "Request-URI and To."

    peer: Peer = Peer("udp", "0.0.0.0", 0)
    "Where the INVITE goes: a registered contact's peer. Not looked at when `trunk` is named."

    caller: str
    "User part of From; empty for an anonymous caller."

    caller_name: str = ""
    "Display name of From, any UTF-8."

    headers: tuple[tuple[str, str], ...] = ()
    "More headers, in order; line breaks in values become spaces."

    trunk: str = ""
    """Name of the trunk that the call goes over. The endpoint then chooses the gateway, and the
    next one when it fails; of `uri` only the user part counts, and the trunk's credentials do."""

    emergency: bool = False
    "No limit holds it back: neither the trunk's channels nor the endpoint's legs."

    route: tuple[str, ...] = ()
    "Route entries, nearest proxy first: the Path of a registered device (RFC 3327)."

    username: str = ""
    "Answers a 401 or 407 together with `password`; empty: a challenge is a failure."

    password: str = ""

    redirects: int = 0
    "3xx answers to follow; 0: the call fails with the first, so that no phone diverts our calls."


class RegistrationSettings(Struct, frozen=True, kw_only=True):
    """One registration that this side (a phone, or the server at a trunk) keeps up."""

    id: str
    "Names the registration in `ClientEvent`s."

    registrar: str
    'Request-URI of REGISTER, e.g. "sip:127.0.0.1".'

    peer: Peer
    "Where REGISTER goes."

    account: str
    "User part of To and From."

    password: str

    username: str = ""
    "Of the digest, where it differs from the account."

    contact_user: str = ""
    "User part of Contact, where it differs from the account: trunks call it as Request-URI."

    domain: str = ""
    "Host of To and From, where it differs from the registrar's."

    expires_s: int = 300
    "Lifetime asked for; refreshed after five sixths of what was granted."

    retry_s: float = 30.0
    "Pause after the first failure; it doubles with each further one (RFC 5626 4.5)."

    max_retry_s: float = 1800.0
    "Longest pause, also where Retry-After asks for more."

    retry_refused: bool = False
    "Try again after the longest pause where we are refused: a wrong password, 403, 3xx."
