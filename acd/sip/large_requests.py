"""Requests too large for UDP go over TCP (RFC 3261 section 18.1.1)."""

from msgspec import Struct, structs

from .core import Core
from .effects import Send
from .peer import Peer
from .writing import HopParts

MAX_UDP_BYTES = 1300
"""18.1.1: "If a request is within 200 bytes of the path MTU, or if it is larger than 1300 bytes
and the path MTU is unknown, the request MUST be sent using an RFC 2914 congestion controlled
transport protocol, such as TCP.\""""

REFUSED_S = 600.0
"A peer that took no TCP connection is spared further tries for this long."

MAX_REFUSED = 4096
"Such peers remembered, some 1 MB; beyond, the oldest is tried again."


class Fallback(Struct, frozen=True):
    """A request as it is sent when its connection does not come about, or is gone."""

    request: Send
    parts: HopParts | None
    "Those of an INVITE, for its ACK and CANCEL."


class LargeRequests:
    """Moves requests to TCP, and remembers who does not take it."""

    __slots__ = ("_core", "_refused")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._refused: dict[Peer, float] = {}  # TCP peer to when it may be tried again

    def over_tcp(self, request: Send, now: float) -> Send | None:
        """Return the request for TCP, with the Via and Contact that belong to it.

        None where it has to stay: it is not on UDP, we have no TCP, or the peer refused it.
        "any message size" works over UDP too as long as its fragments get through.
        """
        core, peer = self._core, request.peer
        if peer.transport != "udp" or not (core.listens("udp") and core.listens("tcp")):
            return None
        streamed = Peer("tcp", peer.host, peer.port)
        if self._refused.get(streamed, now) > now:
            return None
        udp, tcp = core.identity(peer), core.identity(streamed)
        # "If this causes a change in the transport protocol from the one indicated in the top
        # Via, the value in the top Via MUST be changed."
        head, blank, body = request.data.partition(b"\r\n\r\n")
        head = head.replace(udp.via_head, tcp.via_head, 1) + b"\r\n"
        head = head.replace(udp.contact, tcp.contact, 1)[:-2]
        return Send(streamed, head + blank + body)

    def parts_over_tcp(self, parts: HopParts, peer: Peer) -> HopParts:
        """Return the same for what CANCEL and ACK to this TCP peer are made of."""
        udp = self._core.identity(Peer("udp", peer.host, peer.port))
        tcp = self._core.identity(peer)
        return structs.replace(parts, via=parts.via.replace(udp.via_head, tcp.via_head, 1))

    def refused(self, peer: Peer, now: float) -> None:
        """Remember that the peer takes no TCP connection."""
        self._refused.pop(peer, None)
        if len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[peer] = now + REFUSED_S
