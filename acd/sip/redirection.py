"""Following a 3xx to our INVITE, within limits (RFC 3261 sections 8.1.3.4 and 19.1.5)."""

import ipaddress

from .core import Core
from .errors import BadMessageError
from .headers import NameAddr
from .message import Response
from .peer import Peer
from .uri import Uri, text

MAX_CONTACTS = 16
"Contacts read from one 3xx, whose phones are tried one after the other."


class Redirection:
    """The target set of one call: who was named, who has been tried.

    8.1.3.4: "a client that receives a redirect response MUST NOT add any given URI to the target
    set more than once".
    """

    __slots__ = ("_core", "_left", "_queue", "_seen")

    def __init__(self, core: Core, uri: bytes, limit: int) -> None:
        self._core = core
        self._left = limit
        self._queue: list[tuple[bytes, Peer]] = []
        self._seen = {Uri.parse(uri).identity()}

    def take(self, response: Response, peer: Peer) -> None:
        """Add the contacts of a 3xx that can be reached, the most wanted first.

        305 and 380 are not followed: they name a proxy and another service, not the callee.
        """
        if response.status not in {300, 301, 302}:
            return
        found = []
        for entry in response.readable(b"contact")[:MAX_CONTACTS]:
            try:
                contact = NameAddr.parse(entry)
                uri = Uri.parse(contact.uri)
            except BadMessageError:
                continue
            place = self._reachable(uri, peer)
            identity = uri.identity()
            if place is not None and identity not in self._seen:
                self._seen.add(identity)
                # Headers in the URI are left out: 19.1.5 wants dangerous ones not honoured.
                plain = contact.uri.partition(b"?")[0]
                found.append((_preference(contact.parameters.get(b"q")), plain, place))
        # "The client processes the set of contact addresses […] by generating a new request to
        # each, one at a time […] order […] based on the "q" parameter value".
        found.sort(key=lambda item: -item[0])
        self._queue[:0] = [(plain, place) for _, plain, place in found]

    def next(self) -> tuple[bytes, Peer] | None:
        """Return the next URI to call and where it is; None when there is none, or no try left."""
        if not self._queue or self._left <= 0:
            return None
        self._left -= 1
        return self._queue.pop(0)

    def _reachable(self, uri: Uri, redirector: Peer) -> Peer | None:
        """Return where a URI is, if it names an address on a transport of ours.

        A name would need DNS, which nothing here may wait for. Neither ourselves nor, for a
        stranger, this machine or a group of machines is an address to call.
        """
        if uri.scheme not in {b"sip", b"sips"}:
            return None
        parameters = _parameters(uri)
        transport = parameters.get("transport") or ("tls" if uri.scheme == b"sips" else "udp")
        try:
            address = ipaddress.ip_address(text(uri.host).strip("[]"))
        except ValueError:
            return None
        secure = transport == "tls" or uri.scheme != b"sips"
        if not self._core.listens(transport) or "maddr" in parameters or not secure:
            return None
        if address.is_multicast or address.is_unspecified:
            return None
        if address.is_loopback and not ipaddress.ip_address(redirector.host).is_loopback:
            return None
        place = str(address), uri.port or (5061 if transport == "tls" else 5060)
        settings = self._core.settings
        if place in (*settings.advertised.values(), *settings.advertised_v6.values()):
            return None
        return Peer(transport, *place)


def _parameters(uri: Uri) -> dict[str, str]:
    pairs = [piece.partition("=") for piece in text(uri.parameters).lower().split(";")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _preference(q: bytes | None) -> float:
    """Return a qvalue (25.1); 1 where there is none or none that can be read."""
    try:
        value = float(q) if q else 1.0
    except ValueError:
        return 1.0
    return min(max(value, 0.0), 1.0)
