"""Where a message came from and where its answers go."""

from typing import NamedTuple


class Peer(NamedTuple):
    """A transport address of the other side.

    For stream transports the address names the connection: the one that was accepted from this
    address or opened to it. The transport layer opens a connection where none stands.
    """

    transport: str
    'Lower case: "udp" or "tcp".'

    host: str
    "IP address as text, never a name."

    port: int
