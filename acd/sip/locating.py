"""From a gateway's name to addresses in order (RFC 3263 section 4, RFC 2782)."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from .dns_records import Kind, Naptr, Record, Srv
from .gateways import Located
from .peer import Peer
from .trunk_settings import Gateway

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}

_NAPTR_SERVICES = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_SRV_LABELS = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}

Look = Callable[[str, Kind], tuple[Record, ...] | None]
"Returns what is known of a name, None for not yet."

Rank = tuple[int, ...]


class Locator:
    """Locates gateways with what `look` knows, for a server with these transports."""

    __slots__ = ("_kinds", "_look", "_transports", "waiting")

    def __init__(self, look: Look, transports: tuple[str, ...], kinds: tuple[Kind, ...]) -> None:
        """`transports` are those we have, the preferred first; `kinds` of A and AAAA likewise."""
        self._look = look
        self._transports = transports
        self._kinds = kinds
        self.waiting = False
        "Some answer is missing that the last `locate` would have gone by."

    def locate(self, gateway: Gateway) -> tuple[Located, ...]:
        """Return the gateway's addresses as far as they are known.

        What is tried only because there is no record must wait until that is certain.
        """
        self.waiting = False
        return tuple(self._located(gateway))

    def _located(self, gateway: Gateway) -> Iterator[Located]:
        host, transport = gateway.host, gateway.transport or "udp"
        try:
            literal = str(ip_address(host))
        except ValueError:
            literal = ""
        port = gateway.port or DEFAULT_PORTS[transport]
        if literal:
            # 4.1: "if the TARGET is a numeric IP address, the client SHOULD use UDP for a SIP URI"
            yield Located(Peer(transport, literal, port))
        elif gateway.port:
            # "if the TARGET is not numeric, but an explicit port is provided, the client SHOULD
            # use UDP", and 4.2: "the client performs an A or AAAA record lookup".
            yield from self._addresses(host, transport, port, (), gateway.weight)
        else:
            found = list(self._by_services(host, gateway.transport))
            if not found and not self.waiting:
                # 4.2: "If no SRV records were found, the client performs an A or AAAA record
                # lookup of the domain name."
                found = list(self._addresses(host, transport, port, (), gateway.weight))
            yield from found

    def _by_services(self, host: str, transport: str) -> Iterator[Located]:
        if transport:
            yield from self._of_service(f"{_SRV_LABELS[transport]}.{host}", transport, ())
            return
        services = self._naptr(host)
        for rank, service, name in services:
            yield from self._of_service(name, service, rank)
        if services or self.waiting:
            return
        # "If no NAPTR records are found, the client constructs SRV queries for those transport
        # protocols it supports, and does a query for each. […] A particular transport is supported
        # if the query is successful."
        for supported in self._transports:
            label = _SRV_LABELS.get(supported)
            found = label and list(self._of_service(f"{label}.{host}", supported, ()))
            if found:
                yield from found
            if found or self.waiting:
                return

    def _naptr(self, host: str) -> list[tuple[Rank, str, str]]:
        """Return (rank, transport, name for SRV) of the services that we have a transport for.

        "the server MUST discard any records whose services field is not […] supported by the
        client".
        """
        found: list[tuple[Rank, str, str]] = []
        for record in self._known(host, "NAPTR"):
            if isinstance(record, Naptr) and record.flags.lower() == "s":
                transport = _NAPTR_SERVICES.get(record.service.upper(), "")
                if transport in self._transports:
                    rank = (record.order, record.preference)
                    found.append((rank, transport, record.replacement))
        return sorted(found)

    def _of_service(self, name: str, transport: str, rank: Rank) -> Iterator[Located]:
        for record in self._known(name, "SRV"):
            # RFC 2782: "A Target of "." means that the service is decidedly not available at this
            # domain."
            if isinstance(record, Srv) and record.target.strip("."):
                place = (*rank, record.priority)
                yield from self._addresses(
                    record.target, transport, record.port, place, record.weight
                )

    def _addresses(
        self, host: str, transport: str, port: int, rank: Rank, weight: int
    ) -> Iterator[Located]:
        for kind in self._kinds:
            for address in self._known(host, kind):
                if isinstance(address, str):
                    yield Located(Peer(transport, address, port), rank, weight)
                    # One name's further addresses share its place, not its weight.
                    weight = 0

    def _known(self, name: str, kind: Kind) -> tuple[Record, ...]:
        records = self._look(name, kind)
        if records is None:
            self.waiting = True
            return ()
        return records
