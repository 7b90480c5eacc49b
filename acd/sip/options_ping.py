"""OPTIONS as a sign of life (RFC 3261 section 11): any answer but 503 says that one is there."""

from .core import Core
from .effects import Send
from .gateways import GatewayMonitor
from .message import Response
from .transactions import Transactions
from .writing import ACCEPT_LINE, HopParts, one_line

_UNREACHED = frozenset({408, 503})
"Answers of a proxy in front that did not reach the gateway, or of one that takes no calls."


class OptionsPing:
    """Pings the gateways of one trunk."""

    __slots__ = ("_core", "_domain", "_transactions")

    def __init__(self, core: Core, transactions: Transactions, domain: str) -> None:
        self._core = core
        self._transactions = transactions
        self._domain = domain

    def send(self, monitor: GatewayMonitor, now: float) -> None:
        """Send one OPTIONS; `monitor` hears of its end."""
        core, peer = self._core, monitor.peer
        identity = core.identity(peer)
        branch = b"z9hG4bK" + core.token()
        host = f"[{peer.host}]" if ":" in peer.host else peer.host
        place = self._domain or f"{host}:{peer.port}"
        uri = f"sip:{place}".encode()
        parts = HopParts(
            uri,
            b"%b%b\r\n" % (identity.via_head, branch),
            b"<sip:acd@%b>;tag=%b" % (identity.host, core.token()),
            one_line(core.new_id()),
            1,
        )
        extra = identity.contact + ACCEPT_LINE + core.product_lines[1]
        request = Send(peer, parts.request(b"OPTIONS", b"<%b>" % uri, extra))
        user = _Pinged(monitor)
        self._transactions.begin_client_request(branch, b"OPTIONS", request, user, now)


class _Pinged:
    """Takes what becomes of one OPTIONS."""

    __slots__ = ("_monitor",)

    def __init__(self, monitor: GatewayMonitor) -> None:
        self._monitor = monitor

    def on_response(self, response: Response, now: float) -> None:
        """Take a final answer."""
        if response.status >= 200:
            self._monitor.pinged(now, answered=response.status not in _UNREACHED)

    def on_failure(self, status: int, now: float) -> None:
        """No answer came, or the transport failed."""
        del status
        self._monitor.pinged(now, answered=False)
