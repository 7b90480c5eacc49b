"""Our registration at a trunk's registrar: at whichever of its gateways answers."""

from msgspec.structs import replace

from .core import Core
from .gateways import GatewayMonitor
from .message import Response
from .peer import Peer
from .registration import Registration
from .settings import RegistrationSettings
from .transactions import Transactions
from .trunk import Trunk
from .trunk_settings import TrunkRegistration as Wanted

RETRY_S, MAX_RETRY_S = 5.0, 300.0
"A trunk without registration loses calls: it is tried sooner and more often than a phone would."


class TrunkRegistration(Registration):
    """Keeps the trunk's word of whether we are registered up to date."""

    __slots__ = ("_trunk",)

    def __init__(
        self, core: Core, transactions: Transactions, trunk: Trunk, wanted: Wanted, peer: Peer
    ) -> None:
        settings = trunk.settings
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        domain = wanted.domain or settings.domain or host
        self._trunk = trunk
        super().__init__(
            core,
            transactions,
            RegistrationSettings(
                id=f"trunk {settings.name}",
                registrar=f"sip:{domain}",
                peer=peer,
                account=wanted.user,
                password=settings.password,
                username=settings.username,
                contact_user=wanted.contact,
                expires_s=wanted.expires_s,
                retry_s=RETRY_S,
                max_retry_s=MAX_RETRY_S,
                retry_refused=True,
            ),
        )

    def begin(self, now: float) -> None:
        """Register with the gateway that served last, or with the next that is not resting."""
        gateways, peer = self._trunk.gateways, self._settings.peer
        known = gateways.of(peer)
        if known is None or not known.usable:
            candidate = next(gateways.order(), None)
            if candidate is not None:
                self._settings = replace(self._settings, peer=candidate.monitor.peer)
                self._contact = self._contact_at(candidate.monitor.peer)
        super().begin(now)

    def on_response(self, response: Response, now: float) -> None:
        """Take the registrar's answer."""
        if response.status >= 200 and (known := self._of_peer()) is not None:
            known.answered(now)
        super().on_response(response, now)

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed: the next try is another gateway's."""
        if (known := self._of_peer()) is not None:
            known.failed(now)
        super().on_failure(status, now)

    def _of_peer(self) -> GatewayMonitor | None:
        return self._trunk.gateways.of(self._settings.peer)

    def _succeeded(self, response: Response, now: float) -> None:
        super()._succeeded(response, now)
        self._trunk.registered = not self._leaving

    def _failed(self, status: int, reason: str, retry_after_s: int, now: float) -> None:
        super()._failed(status, reason, retry_after_s, now)
        self._trunk.registered = False
