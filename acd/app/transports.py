"""The SIP transports as the configuration wants them, and their certificates as files change."""

import asyncio
import hashlib
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import structlog

from acd.config import Address
from acd.config.server import Sip
from acd.net.listener import SipTransports, TransportError, TransportStatistics
from acd.telemetry.metrics import TransportState

from .state import StartError
from .watching import watch

log = structlog.get_logger(__name__)

Bound = tuple[str, str, int]
Advertised = dict[str, tuple[str, int]]

ANY_HOSTS = frozenset({"0.0.0.0", "::"})


def listeners(sip: Sip, instead: Address | None) -> list[Bound]:
    """Return where to listen; `instead` takes the place of all UDP and TCP addresses."""
    wanted = {
        "udp": (instead,) if instead else sip.udp,
        "tcp": (instead,) if instead else sip.tcp,
        "tls": sip.tls,
        "ws": sip.ws,
        "wss": sip.wss,
    }
    return [
        (transport, address.host, address.port)
        for transport, addresses in wanted.items()
        for address in addresses
    ]


def advertised(bound: Iterable[Bound], sip: Sip) -> tuple[Advertised, Advertised]:
    """Return the address per transport that phones are told, and the one for IPv6 phones.

    Of each, the first one bound counts. On a server that has IPv6 only, both are the same.
    """
    plain: Advertised = {}
    v6: Advertised = {}
    for transport, host, port in bound:
        setting, name = _advertised_host(sip, host)
        if name in ANY_HOSTS:
            raise StartError(
                f"sip.{setting} must name this server's address when it listens on "
                f"{name}: phones have to be told where to answer"
            )
        (v6 if ":" in host else plain).setdefault(transport, (name, port))
    return v6 | plain, v6


def _advertised_host(sip: Sip, host: str) -> tuple[str, str]:
    """Return the setting that names a listener's host, and the name."""
    if ":" not in host:
        return "advertised_host", sip.advertised_host or host
    name = sip.advertised_host_v6
    if not name and not _is_address(sip.advertised_host):
        name = sip.advertised_host
    return "advertised_host_v6", name or host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def transport_state(counted: TransportStatistics) -> TransportState:
    """Return what the metrics show of the transports."""
    return TransportState(
        connections=counted.connections,
        refused=counted.refused,
        cut=counted.cut,
        handshakes_failed=counted.handshakes_failed,
        datagrams_dropped=counted.datagrams_dropped,
    )


class CertificateWatch:
    """Takes changed certificate files into service; a broken one leaves the former there."""

    def __init__(self, transports: SipTransports, files: tuple[Path, ...]) -> None:
        self._transports = transports
        self._files = files
        self._taken = self._read()
        self.faults: tuple[str, ...] = ()
        "What is wrong with the files as they are now."

    async def run(self) -> None:
        """Watch until cancelled; without files there is nothing to watch."""
        if self._files:
            await watch(self._folders, self.look, below=False)

    def _folders(self) -> set[Path]:
        # Renewed certificates often come by a link that points elsewhere all at once.
        return {folder for path in self._files for folder in (path.parent, path.resolve().parent)}

    async def look(self) -> None:
        """Take the files into service if they have changed, or were broken."""
        content = await asyncio.to_thread(self._read)
        if content == self._taken and not self.faults:
            return
        try:
            self._transports.reload_certificates()
        except TransportError as error:
            self.faults = (str(error),)
            log.error("certificate_refused", reason=str(error), serving="the one before")  # noqa: TRY400 - the reason says it all
            return
        self._taken, self.faults = content, ()
        log.info("certificate_reloaded", files=[str(path) for path in self._files])

    def _read(self) -> tuple[bytes, ...]:
        return tuple(_digest(path) for path in self._files)


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""
