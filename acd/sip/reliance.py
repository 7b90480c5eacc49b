"""Which connections something here counts on.

The end of a connection has to be told to calls, transactions and bindings, and finding those is a
walk through all of them. Strangers open and close connections for nothing: theirs end unnoticed.
"""

from collections.abc import Callable, Iterable

from .peer import Peer

MAX_PEERS = 65_536
"Then those are sorted out on which nothing counts any more; some 10 MB, ten times the phones."


class Reliance:
    """Peers on TCP, TLS and WebSocket whose connection's end matters, and some where it did."""

    __slots__ = ("_limit", "_peers", "truth")

    def __init__(self, limit: int = MAX_PEERS) -> None:
        self._limit = limit
        self._peers: set[Peer] = set()
        self.truth: Callable[[], Iterable[Peer]] = tuple
        "Finds by a walk through everything who is counted on."

    def __len__(self) -> int:
        return len(self._peers)

    def note(self, peer: Peer) -> None:
        """Count on the connection to a peer. For UDP, which has none, this need not be called."""
        if len(self._peers) >= self._limit and peer not in self._peers:
            self._peers = {relied for relied in self.truth() if relied.transport != "udp"}
            # So that a server which really has so many does not walk each time.
            self._limit = max(self._limit, 2 * len(self._peers))
        self._peers.add(peer)

    def ended(self, peer: Peer) -> bool:
        """Forget a peer whose connection is gone; return whether anybody has to be told."""
        if peer.transport == "udp":
            return True
        if peer in self._peers:
            self._peers.discard(peer)
            return True
        return False
