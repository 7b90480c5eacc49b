"""Sources of messages: who counts as one, and which networks stand apart."""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

IPV6_SOURCE_BITS = 64
"The smallest network that anybody is given (RFC 6177): within it, addresses cost nothing."

_CACHED_HOSTS = 16_384
"Hosts whose networks are remembered: 2,000 phones many times over; some 2 MB."


def source_of(host: str) -> str:
    """Return what a host is counted under: itself, or the /64 of an IPv6 address.

    `host` is an address as text; anything else stands for itself.
    """
    return _network_of(host) if ":" in host else host


@lru_cache(_CACHED_HOSTS)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, IPV6_SOURCE_BITS), strict=False))


class Networks:
    """A set of networks; tells whether an address lies in one of them."""

    __slots__ = ("_cache", "_networks")

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Take "192.0.2.0/24" and single addresses; raises ValueError for anything else."""
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(text, strict=False) for text in networks
        )
        self._cache: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, host: str) -> bool:
        if not self._networks:
            return False
        known = self._cache.get(host)
        if known is None:
            if len(self._cache) >= _CACHED_HOSTS:
                self._cache.clear()
            known = self._cache[host] = self._find(host)
        return known

    def _find(self, host: str) -> bool:
        try:
            # A source stands for its whole /64: it is exempt when its first address is.
            address = ipaddress.ip_address(host.partition("/")[0].partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)
