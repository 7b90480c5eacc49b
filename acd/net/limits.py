"""What connections may take, all together and each: limits, and who holds a place."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from acd.sip.sources import Networks, source_of

from .whole_ms import first_at

CutCause = Literal["idle", "slow_message", "not_reading", "unframeable"]
"Why this server ended a connection: silence, a message that never got complete, …"


class StreamLimits(Struct, frozen=True, kw_only=True):
    """What one server grants to all TCP, TLS and WebSocket connections and to each one."""

    connections: int = 4_096
    "Twice 2,000 seats: every phone reconnecting while its old connection is not yet known dead."

    connections_per_host: int = 1_024
    "An office of 1,000 phones behind one NAT; a quarter of all, so that no host takes them all."

    exempt: tuple[str, ...] = ()
    "Networks whose hosts may have any number of them: `acd.sip.sources.Networks`."

    handshakes: int = 64
    "TLS handshakes at once, some 2 ms of CPU each: others wait that are accepted meanwhile."

    handshakes_per_host: int = 16
    "A quarter of those: a host that connects and says nothing holds up itself alone."

    handshake_s: float = 5.0
    "A TLS handshake is two round trips; this is what a lost segment may add to them."

    write_buffer_bytes: int = 262_144
    "Bytes waiting per connection, some 300 messages: more means that the peer reads nothing."

    connect_s: float = 5.0
    "A connection that is not up by then, TLS included, has lost its SYN three times (1 + 2 s)."

    message_s: float = 32.0
    "A message must be complete this long after its first byte (64*T1, RFC 3261 table 4)."

    idle_s: float = 3_900.0
    "Silence after which a connection is closed: the usual hour of a registration and a margin."

    ping_s: float = 30.0
    "WebSocket pings: more often than the minute after which proxies take a connection for dead."

    close_s: float = 5.0
    "How long a closed connection may take to send what is still waiting."


class Place:
    """The right to one connection, until it is freed."""

    __slots__ = ("_places", "host", "transport")

    def __init__(self, places: "Places", transport: str, host: str) -> None:
        self._places: Places | None = places
        self.transport = transport
        self.host = host

    def free(self) -> None:
        """Give the place back; a second time does nothing."""
        if self._places is not None:
            self._places.give_back(self)
            self._places = None


class Places:
    """Counts connections per transport and per host, and says when there are too many."""

    def __init__(
        self,
        limits: StreamLimits,
        is_banned: Callable[[str], bool] = lambda _host: False,
    ) -> None:
        self._limits = limits
        self._exempt = Networks(limits.exempt)
        self._is_banned = is_banned
        self._hosts: Counter[str] = Counter()
        self._total = 0
        self.open: Counter[str] = Counter()
        "By transport, those being opened or in a handshake too."
        self.refused: Counter[tuple[str, ...]] = Counter()
        "By transport and cause: full (the table is), host_full (it has too many), banned."
        self.cut: Counter[tuple[str, ...]] = Counter()
        "By transport and `CutCause`."
        self.handshakes_failed: Counter[tuple[str, ...]] = Counter()
        'By transport and direction: "in" for accepted connections, "out" for our own.'

    def __len__(self) -> int:
        return self._total

    def take(self, transport: str, host: str, *, accepted: bool) -> Place | None:
        """Return a place, or None: the refusal is counted.

        Connections that we open need room in the table only. What counts as one host is
        `source_of`.
        """
        key = source_of(host)
        if accepted and self._is_banned(host):
            self.refused[transport, "banned"] += 1
            return None
        if self._total >= self._limits.connections:
            self.refused[transport, "full"] += 1
            return None
        if (
            accepted
            and self._hosts[key] >= self._limits.connections_per_host
            and host not in self._exempt
        ):
            self.refused[transport, "host_full"] += 1
            return None
        self._total += 1
        self._hosts[key] += 1
        self.open[transport] += 1
        return Place(self, transport, key)

    def give_back(self, place: Place) -> None:
        """Take a place back (`Place.free`)."""
        self._total -= 1
        self.open[place.transport] -= 1
        self._hosts[place.host] -= 1
        if not self._hosts[place.host]:
            del self._hosts[place.host]


class Patience:
    """One timer for a deadline that moves away with every message: it is armed anew only then."""

    __slots__ = ("_loop", "_on_over", "_timer", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop, on_over: Callable[[], None]) -> None:
        self._loop = loop
        self._on_over = on_over
        self._timer: asyncio.TimerHandle | None = None
        self.deadline = 0.0
        "May be set to a later time; `until` is for a nearer one."

    def until(self, deadline: float) -> None:
        """Let it be over at this time."""
        self.deadline = deadline
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(first_at(deadline), self._look)

    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        if self._loop.time() < self.deadline:
            self.until(self.deadline)
        else:
            self._timer = None
            self._on_over()
