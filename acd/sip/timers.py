"""Timer values of RFC 3261 section 17 and their derived timers."""

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

    @property
    def timeout_s(self) -> float:
        """64*T1: timers B, F, H, J, L, M and the patience for an ACK and after a CANCEL."""
        return 64 * self.t1_s
