"""Which source address a stream takes packets from, and where it sends to.

Phones behind NAT announce an address nobody can reach, so the first packet's source is
believed (symmetric RTP, RFC 4961; the "latching" of RFC 7362). Believing every source would let
anyone who guesses a port be heard, so once settled no other is taken.
"""

from enum import Enum, auto
from functools import lru_cache
from ipaddress import IPv6Address

SETTLE_S = 2.0
"""How long the address that the SDP names may still take the stream over from a stranger that
was faster: longer than any first packet is late, short enough to leave nothing to win later."""

Address = tuple[str, int]
"Host and port; what an IPv6 socket receives from has flow and scope behind them."

CANONICAL_HOSTS = 4_096
"Texts of IPv6 addresses remembered: the phones of a large centre."


@lru_cache(CANONICAL_HOSTS)
def _canonical(host: str) -> str:
    """Return an IPv6 address as the kernel writes it: descriptions may spell it otherwise."""
    try:
        return str(IPv6Address(host))
    except ValueError:
        return host


class Verdict(Enum):
    """What to do with a packet."""

    ACCEPTED = auto()
    FOREIGN = auto()
    "Drop it and count it."
    EARLY = auto()
    "Drop it: the peer's description is not known yet, or a moved peer's old packets drain."


class Latch:
    """Learns the source of one stream; `source` is None until it is known."""

    __slots__ = ("_former", "_settles_at", "_told", "source")

    def __init__(self) -> None:
        self.source: Address | None = None
        self._told: Address | None = None
        self._former: Address | None = None
        self._settles_at = 0.0

    @property
    def destination(self) -> Address | None:
        """Where to send to: the learnt source, until then what the SDP says."""
        return self.source or self._told

    def expect(self, told: Address, now: float) -> None:
        """Take an address from the peer's SDP. A new one starts the learning again.

        The same address again, as in a session refresh or a hold without 0.0.0.0, changes
        nothing: otherwise each refresh would open the door to strangers.
        """
        if ":" in told[0]:
            told = (_canonical(told[0]), told[1])
        if told == self._told:
            return
        self._former, self.source = self.source, None
        self._told = told
        self._settles_at = now + SETTLE_S

    def judge(self, source: Address, now: float) -> Verdict:
        """Say whether a packet from `source` is the peer's, and learn from it."""
        if source == self.source:
            return Verdict.ACCEPTED
        if self._told is None:
            return Verdict.EARLY
        if self.source is None:
            if source == self._former and source[:2] != self._told and now < self._settles_at:
                return Verdict.EARLY
            self._settle(source, now)
            return Verdict.ACCEPTED
        if (
            now < self._settles_at
            and source[0] == self._told[0]
            and self.source[0] != self._told[0]
        ):
            self._settle(source, now)
            return Verdict.ACCEPTED
        return Verdict.FOREIGN

    def _settle(self, source: Address, now: float) -> None:
        self.source = source
        self._former = None
        self._settles_at = now + SETTLE_S
