"""The gateways of a trunk: which of them are alive, and in which order a call tries them.

    UNKNOWN ── answer ──▶ UP ── failure ──▶ RESTING
       ▲                  ▲                  │  │ an answer to OPTIONS
       └── rest is over ──┼──────────────────┘  │
           (no OPTIONS)   └─────────────────────┘

A gateway that told us by Retry-After to stay away is not asked anything before that time.
Everything that changes a gateway's health is in this file.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import TypeVar

from msgspec import Struct

from .peer import Peer
from .transaction import Machine
from .trunk_settings import Gateway, GatewayState, Health

T = TypeVar("T")

LONGEST_REST_S = 3600.0
"However long a Retry-After is: who set it wrongly must not lose us for a day."

PING_SPREAD = 0.1
"Pings are sent up to this share early or late, so that many servers' do not fall together."

FIRST_PING_S = 1.0
"The first ping follows within so many seconds: a start must not be a burst."

_UNKNOWN, _UP, _RESTING = Health.UNKNOWN, Health.UP, Health.RESTING


class Located(Struct, frozen=True):
    """One address of a gateway, with its place in RFC 3263's order."""

    peer: Peer

    rank: tuple[int, ...] = ()
    "NAPTR order and preference, SRV priority: lower comes first."

    weight: int = 0
    "Of SRV: the share within one rank."


class GatewayMonitor(Machine):
    """Health of one address. `ping(self, now)` sends an OPTIONS; its outcome comes back here."""

    __slots__ = (
        "_asked_at",
        "_away_until",
        "_interval_s",
        "_patience_at",
        "_patience_s",
        "_ping",
        "_ping_at",
        "_random",
        "_rest_s",
        "_rest_until",
        "_watch",
        "failures",
        "health",
        "peer",
        "round_trip_s",
    )

    def __init__(
        self,
        peer: Peer,
        *,
        interval_s: float,
        patience_s: float,
        rest_s: float,
        ping: Callable[["GatewayMonitor", float], None],
        random: Callable[[], float],
        watch: Callable[[Machine], None],
        now: float,
    ) -> None:
        super().__init__()
        self.peer = peer
        self.health = _UNKNOWN
        self.failures = 0
        "Since it was made; never reset."
        self.round_trip_s: float | None = None
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._rest_s = rest_s
        self._ping = ping
        self._random = random
        self._watch = watch
        self._ping_at = now + random() * FIRST_PING_S if interval_s > 0 else math.inf
        self._patience_at = math.inf
        self._rest_until = math.inf
        self._away_until = -math.inf
        self._asked_at: float | None = None  # the OPTIONS whose transaction is under way
        self._arm()

    @property
    def usable(self) -> bool:
        """Calls may try it."""
        return self.health is not _RESTING

    def answered(self, now: float) -> None:
        """Learn that the gateway said something, to whatever request."""
        if now < self._away_until:
            return
        self.health = _UP
        self._rest_until = math.inf
        self._arm()

    def failed(self, now: float) -> None:
        """Leave it alone for a while: it did not answer, or cannot be reached."""
        self.failures += 1
        self.health = _RESTING
        self._rest_until = max(now + self._rest_s, self._away_until)
        self._arm()

    def sent_away(self, retry_after_s: float, now: float) -> None:
        """Take the Retry-After of a 503.

        RFC 3261 21.5.4: "It SHOULD NOT forward any other requests to that server for the duration
        specified in the Retry-After header field, if present."
        """
        self.failures += 1
        self.health = _RESTING
        self._rest_until = self._away_until = now + min(retry_after_s, LONGEST_REST_S)
        self._arm()

    def pinged(self, now: float, *, answered: bool) -> None:
        """Take the end of the OPTIONS transaction."""
        asked_at, self._asked_at = self._asked_at, None
        self._patience_at = math.inf
        if answered and asked_at is not None:
            self.round_trip_s = now - asked_at
            self.answered(now)
        elif self.health is not _RESTING:
            self.failed(now)
        self._arm()

    def stop(self) -> None:
        """Ask no more: the trunk is gone."""
        self._interval_s = 0.0
        self._ping_at = self._patience_at = self._rest_until = math.inf
        self.deadline = math.inf

    def on_time(self, now: float) -> None:
        """Ping, lose patience with a ping, or end the rest."""
        if now >= self._patience_at:
            self._patience_at = math.inf
            if self.health is not _RESTING:
                self.failed(now)
        if now >= self._rest_until:
            self._rest_until = math.inf
            if self._interval_s > 0:
                self._ping_at = now  # only an answer proves that it is back
            else:
                self.health = _UNKNOWN
        if now >= self._ping_at:
            self._send_ping(now)
        self._arm()

    def state(self, name: str) -> GatewayState:
        """Return the view of it."""
        return GatewayState(name, self.peer, self.health, self.failures, self.round_trip_s)

    def _send_ping(self, now: float) -> None:
        spread = 1 + PING_SPREAD * (2 * self._random() - 1)
        self._ping_at = max(now + self._interval_s * spread, self._away_until)
        # While the last OPTIONS is still being repeated, one more would tell nothing new.
        if self._asked_at is None and now >= self._away_until:
            self._asked_at = now
            self._patience_at = now + self._patience_s
            self._ping(self, now)

    def _arm(self) -> None:
        self.deadline = min(self._ping_at, self._patience_at, self._rest_until)
        self._watch(self)


class Candidate(Struct, frozen=True):
    """One address that a call may try."""

    gateway: Gateway
    monitor: GatewayMonitor


class GatewaySet:
    """All addresses of one trunk's gateways."""

    __slots__ = ("_located", "_random")

    def __init__(self, random: Callable[[], float]) -> None:
        self._located: dict[Gateway, tuple[tuple[Located, GatewayMonitor], ...]] = {}
        self._random = random

    def place(
        self,
        gateway: Gateway,
        located: Iterable[Located],
        monitor: Callable[[Peer], GatewayMonitor],
    ) -> None:
        """Replace the addresses of one gateway; `monitor` returns the one who watches a peer.

        Addresses that no gateway has any more are watched no longer.
        """
        former = dict(self.monitors_by_peer())
        self._located[gateway] = tuple((entry, monitor(entry.peer)) for entry in located)
        for peer in former.keys() - dict(self.monitors_by_peer()).keys():
            former[peer].stop()

    def take_over(self, former: "GatewaySet", gateways: Iterable[Gateway]) -> None:
        """Begin with what a set before knew of these gateways."""
        self._located = {
            gateway: former._located[gateway] for gateway in gateways if gateway in former._located
        }

    def monitors_by_peer(self) -> Iterator[tuple[Peer, GatewayMonitor]]:
        """Yield each address with who watches it."""
        return ((monitor.peer, monitor) for _, monitor in self.monitors())

    def monitors(self) -> Iterator[tuple[Gateway, GatewayMonitor]]:
        """Yield each address once, with the gateway that it belongs to."""
        seen: set[Peer] = set()
        for gateway, entries in self._located.items():
            for entry, monitor in entries:
                if entry.peer not in seen:
                    seen.add(entry.peer)
                    yield gateway, monitor

    def of(self, peer: Peer) -> GatewayMonitor | None:
        """Return who watches this address."""
        return next((m for _, m in self.monitors() if m.peer == peer), None)

    @property
    def usable(self) -> bool:
        """Some address may be tried."""
        return any(monitor.usable for _, monitor in self.monitors())

    def order(self, *, resting: bool = False) -> Iterator[Candidate]:
        """Yield the addresses to try: by priority, weighted at random, without those that rest.

        `resting` lets these follow at the end, for a call that must not fail for nothing.
        """
        candidates = list(self._in_order())
        yield from (candidate for candidate in candidates if candidate.monitor.usable)
        if resting:
            yield from (candidate for candidate in candidates if not candidate.monitor.usable)

    def _in_order(self) -> Iterator[Candidate]:
        seen: set[Peer] = set()
        gateways = weighted(
            self._located, lambda g: (g.priority,), lambda g: g.weight, self._random
        )
        for gateway in gateways:
            entries = weighted(
                self._located[gateway],
                lambda entry: entry[0].rank,
                lambda entry: entry[0].weight,
                self._random,
            )
            for entry, monitor in entries:
                if entry.peer not in seen:
                    seen.add(entry.peer)
                    yield Candidate(gateway, monitor)


def weighted(
    entries: Iterable[T],
    rank: Callable[[T], tuple[int, ...]],
    weight: Callable[[T], int],
    random: Callable[[], float],
) -> list[T]:
    """Return the entries by rank, and within one rank in RFC 2782's random order of weights.

    `random` returns numbers from 0 up to, not including, 1.
    """
    # "arrange all SRV RRs (that have not been ordered yet) in any order, except that all those
    # with weight 0 are placed at the beginning of the list."
    pool = sorted(entries, key=lambda entry: (rank(entry), weight(entry) > 0))
    ordered: list[T] = []
    while pool:
        lowest = rank(pool[0])
        peers = [entry for entry in pool if rank(entry) == lowest]
        # "Then choose a uniform random number between 0 and the sum computed (inclusive), and
        # select the RR whose running sum value is the first in the selected order which is
        # greater than or equal to the random number selected."
        point = int(random() * (sum(map(weight, peers)) + 1))
        for at, running in enumerate(accumulate(map(weight, peers))):
            if running >= point:
                ordered.append(pool.pop(at))
                break
    return ordered
