"""Timer values of RFC 3261 section 17 and their derived timers."""

from typing import Self

from msgspec import Struct


class SipTimers(Struct, frozen=True, kw_only=True):
    """Base intervals, in seconds; every other timer is derived from them (RFC 3261 table 4)."""

    t1_s: float = 0.5
    "Round-trip time estimate."

    t2_s: float = 4.0
    "Longest retransmit interval of non-INVITE requests and INVITE responses."

    t4_s: float = 5.0
    "Longest time a message stays in the network."

    timer_d_s: float = 32.0
    "Wait for response retransmits over an unreliable transport."

    @classmethod
    def of_t1(cls, t1_s: float) -> Self:
        """Return all timers in the RFC's proportions to T1."""
        return cls(t1_s=t1_s, t2_s=8 * t1_s, t4_s=10 * t1_s, timer_d_s=64 * t1_s)

    @property
    def timeout_s(self) -> float:
        """64*T1: timers B, F, H, J, L, M and the patience for an ACK and after a CANCEL."""
        return 64 * self.t1_s
