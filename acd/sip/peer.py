"""Where a message came from and where its answers go."""

from typing import NamedTuple

SECURE = frozenset({"tls", "wss"})
"Transports that nobody on the way can read: those that a SIPS URI may come by."


WEBSOCKET = frozenset({"ws", "wss"})
"Transports whose connections only the other side can open (RFC 7118)."


class Peer(NamedTuple):
    """A transport address of the other side.

    For all but UDP the address names the connection: the one that was accepted from this address
    or opened to it. The transport layer opens one where none stands, except for WebSocket, which
    only the other side can open.
    """

    transport: str
    'Lower case: "udp", "tcp", "tls", "ws" or "wss".'

    host: str
    "IP address as text, never a name."

    port: int
