"""Whose call is this? A trunk is known by its address, its certificate, or its digest account."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from .core import Core
from .digest import DigestServer, failed_proof
from .digest_values import ha1, read_digests
from .errors import OtherResourceError, ProofFailedError
from .message import Request
from .peer import Peer
from .trunk import Trunk

MAX_SOURCES = 65_536
"Sources whose trunk is remembered, strangers too; some 10 MB. More begin anew."

CertificateNames = Callable[[Peer], tuple[str, ...]]
"Names in the verified certificate of a TLS peer; empty without one."


class TrunkSources:
    """Finds the trunk that an incoming call comes by."""

    __slots__ = (
        "_by_account",
        "_by_name",
        "_certificate_names",
        "_core",
        "_digest",
        "_hosts",
        "_known",
        "_networks",
    )

    def __init__(self, core: Core, certificate_names: CertificateNames) -> None:
        self._core = core
        self._certificate_names = certificate_names
        settings = core.settings
        self._digest = DigestServer(
            settings.realm,
            self,
            core.random_bytes,
            settings.nonce_lifetime_s,
            algorithms=settings.digest_algorithms,
        )
        self._known: dict[str, Trunk | None] = {}
        self._hosts: dict[str, Trunk] = {}
        self._networks: list[tuple[IPv4Network | IPv6Network, Trunk]] = []
        self._by_account: dict[str, Trunk] = {}
        self._by_name: dict[str, Trunk] = {}

    def learn(self, trunks: Iterable[Trunk]) -> None:
        """Take all trunks as they are now; of two with one address, the first is meant."""
        for table in (self._known, self._hosts, self._by_account, self._by_name):
            table.clear()
        self._networks.clear()
        for trunk in trunks:
            settings = trunk.settings
            for name in settings.tls_names:
                self._by_name.setdefault(name, trunk)
            if settings.account:
                self._by_account.setdefault(settings.account, trunk)
            if settings.tls_names:
                continue
            for _, monitor in trunk.gateways.monitors():
                self._hosts.setdefault(monitor.peer.host, trunk)
            self._networks += [(ip_network(network), trunk) for network in settings.networks]

    def of(self, peer: Peer) -> Trunk | None:
        """Return the trunk of this address or certificate; its digest is not asked for here."""
        if self._by_name and peer.transport in {"tls", "wss"}:
            for name in self._certificate_names(peer):
                if (trunk := self._by_name.get(name)) is not None:
                    return trunk
        host, known = peer.host, self._known
        if host not in known:
            if len(known) >= MAX_SOURCES:
                known.clear()
            known[host] = self._hosts.get(host) or self._of_network(host)
        return known[host]

    def caller(self, request: Request, peer: Peer, now: float) -> Trunk | None:
        """Return the trunk that the request comes by, proved.

        Raises `BadMessageError`, 401 or 403, while it is not.
        """
        trunk = self.of(peer)
        if trunk is None and self._by_account:
            trunk = self._of_account(request)
        account = "" if trunk is None else trunk.settings.account
        if account:
            try:
                trusted = self._core.trusts(peer)
                self._digest.check(request, account, peer.host, now, rewritten=trusted)
            except (ProofFailedError, OtherResourceError) as error:
                self._core.out.append(failed_proof(request, account, peer, error))
                raise
        return trunk

    def ha1(self, account: str, realm: str, algorithm: str) -> str | None:
        """Return what a trunk's digest is checked by (`Credentials`)."""
        trunk = self._by_account.get(account)
        if trunk is None:
            return None
        return ha1(account, realm, trunk.settings.account_password, algorithm)

    def _of_account(self, request: Request) -> Trunk | None:
        """Return the trunk that a request from an unknown address says it is from.

        Before the first challenge only the user in From can say it, then the credentials do.
        """
        if b"authorization" in request.headers:
            for fields in read_digests(request, b"authorization"):
                trunk = self._by_account.get(fields.get("username", ""))
                if trunk is not None:
                    return trunk
        return self._by_account.get(request.from_.user_text())

    def _of_network(self, host: str) -> Trunk | None:
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:
            return None
        return next((trunk for network, trunk in self._networks if address in network), None)
