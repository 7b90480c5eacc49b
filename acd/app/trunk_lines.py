"""The trunks as one running thing: the endpoint's, with DNS and certificates beside them."""

from pathlib import Path

import structlog

from acd.config import Config
from acd.net.dns import DnsResolver
from acd.net.driver import Driver
from acd.net.listener import SipTransports
from acd.net.tls import TlsDestination
from acd.sip.dns_records import Resolve, Resolved
from acd.sip.endpoint import Endpoint
from acd.sip.trunk_settings import GatewayState, TrunkState

log = structlog.get_logger(__name__)


class TrunkLines:
    """Keeps them together, and shows how they stand."""

    def __init__(self, endpoint: Endpoint, transports: SipTransports) -> None:
        self._endpoint = endpoint
        self._transports = transports
        self._driver: Driver | None = None
        self._config: Config | None = None
        self._up: dict[str, bool] = {}
        self._resolver = DnsResolver(self.resolved)

    def take(self, config: Config, driver: Driver) -> None:
        """Put the trunks of this configuration into service."""
        self._config, self._driver = config, driver
        dns = config.trunks.dns
        self._resolver.use(tuple((server.host, server.port) for server in dns.servers))
        driver.configure_trunks(config.trunk_settings())
        self._place()

    def ask(self, question: Resolve) -> None:
        """Ask DNS for the endpoint."""
        self._resolver.ask(question)

    def resolved(self, answer: Resolved) -> None:
        """Take what DNS said."""
        if self._driver is not None:
            self._driver.resolved(answer)
            self._place()
            self.look()

    def leave(self, driver: Driver) -> None:
        """End our registrations: the server stops."""
        driver.configure_trunks(())

    async def close(self) -> None:
        """Ask nothing more."""
        await self._resolver.close()

    def look(self) -> None:
        """Write which trunks went down or came back; to be called within a second after."""
        for trunk in self._endpoint.trunk_state():
            if self._up.get(trunk.name) is trunk.up:
                continue
            if trunk.up:
                log.info("trunk_up", trunk=trunk.name)
            elif trunk.name in self._up:
                log.warning("trunk_down", trunk=trunk.name, gateways=_told(trunk))
            self._up[trunk.name] = trunk.up

    # Views.

    def state(self) -> tuple[TrunkState, ...]:
        """Return how every trunk stands."""
        return self._endpoint.trunk_state()

    def details(self) -> dict[str, str]:
        """Return what /readyz shows."""
        return {trunk.name: "up" if trunk.up else "down" for trunk in self.state()}

    def rows(self) -> list[dict[str, object]]:
        """Return what the API shows."""
        return [
            {
                "trunk": trunk.name,
                "up": trunk.up,
                "channels_in_use": trunk.channels_in_use,
                "channels": trunk.channels,
                "registered": trunk.registered,
                "gateways": [_row(gateway) for gateway in trunk.gateways],
            }
            for trunk in self.state()
        ]

    def _place(self) -> None:
        """Tell the transports how TLS gateways prove themselves, before anything is sent there."""
        if self._config is None:
            return
        trunks, folder = self._config.trunks.trunks, self._config.folder
        for state in self.state():
            trunk = trunks.get(state.name)
            for gateway in state.gateways:
                if trunk is not None and gateway.peer.transport == "tls":
                    destination = TlsDestination(
                        # RFC 5922 4: the domain that was looked up, not where DNS led from there.
                        server_name=trunk.tls.server_name or gateway.name,
                        verify=trunk.tls.verify,
                        ca=_file(folder, trunk.tls.ca),
                    )
                    self._transports.set_tls_destination(gateway.peer, destination)


def _file(folder: Path, name: str) -> str:
    return str(folder / name) if name else ""


def _row(gateway: GatewayState) -> dict[str, object]:
    peer, round_trip_s = gateway.peer, gateway.round_trip_s
    host = f"[{peer.host}]" if ":" in peer.host else peer.host
    return {
        "gateway": gateway.name,
        "address": f"{peer.transport}:{host}:{peer.port}",
        "health": gateway.health.value,
        "failures": gateway.failures,
        "options_ms": None if round_trip_s is None else round(round_trip_s * 1000, 1),
    }


def _told(trunk: TrunkState) -> list[str]:
    return [f"{_row(gateway)['address']} {gateway.health.value}" for gateway in trunk.gateways]
