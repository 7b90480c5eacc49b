"""What the SIP endpoint asks of the transport. Its other results are `acd.sip.events`."""

from msgspec import Struct

from .peer import Peer


class Send(Struct, frozen=True, gc=False):
    """Pass one message to the transport."""

    peer: Peer
    data: bytes


class Disconnect(Struct, frozen=True, gc=False):
    """Close the stream connection to the peer: what it carries is not SIP."""

    peer: Peer


Effect = Send | Disconnect
