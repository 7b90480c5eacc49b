"""A network in memory that loses, doubles and reorders datagrams."""

from collections.abc import Callable

from msgspec import Struct

from acd.sip.effects import Effect, Send
from acd.sip.peer import Peer

from .clock import VirtualClock
from .randomness import Randomness

Receive = Callable[[bytes, Peer], None]


class NetworkFaults(Struct, frozen=True, kw_only=True):
    """Shares from 0 to 1, times in seconds."""

    lost: float = 0.0
    doubled: float = 0.0
    delay_min_s: float = 0.001
    delay_max_s: float = 0.02
    "Datagrams take a time between the two, each its own: so they overtake each other."


class Network:
    """Carries datagrams between hosts by address."""

    def __init__(self, faults: NetworkFaults, clock: VirtualClock, randomness: Randomness) -> None:
        self.carried = self.lost = 0
        self._faults = faults
        self._clock = clock
        self._randomness = randomness
        self._hosts: dict[Peer, Receive] = {}

    def join(self, address: Peer, receive: Receive) -> None:
        """Let a host receive what is sent to this address."""
        self._hosts[address] = receive

    def send(self, effects: list[Effect], source: Peer) -> None:
        """Carry what a host sends, each datagram with its own fate."""
        for effect in effects:
            if not isinstance(effect, Send):
                continue
            self.carried += 1
            copies = 1 + (self._randomness.random() < self._faults.doubled)
            for _ in range(copies):
                self._carry(effect, source)

    def _carry(self, effect: Send, source: Peer) -> None:
        receive = self._hosts.get(effect.peer)
        if receive is None or self._randomness.random() < self._faults.lost:
            self.lost += 1
            return
        delay_s = self._randomness.uniform(self._faults.delay_min_s, self._faults.delay_max_s)
        self._clock.after(delay_s, lambda: receive(effect.data, source))
