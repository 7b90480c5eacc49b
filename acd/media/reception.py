"""What a receiver counts about one peer: loss and jitter (RFC 3550 A.1, A.3, A.8)."""

from acd.sdp.codec import CLOCK_RATE_HZ

from .rtp import SEQUENCE_MASK, TIMESTAMP_MASK

MAX_DROPOUT = 3000
"A larger jump forward is a restart of the sender, not a loss (RFC 3550 A.1)."

MAX_MISORDER = 100
"A larger step back likewise (RFC 3550 A.1)."

MAX_TRANSIT_STEP = 10 * CLOCK_RATE_HZ
"A timestamp that leaps by more than 10 s says nothing about jitter: a new talk's base."


class Reception:
    """Counts over one stream of packets, across restarts and changes of the peer's SSRC.

    `lost` is expected minus received within each run of one source, never negative.
    """

    __slots__ = (
        "_base",
        "_highest",
        "_jitter_units",
        "_lost_before",
        "_run_received",
        "_ssrc",
        "_transit",
        "late",
        "received",
    )

    def __init__(self) -> None:
        self.received = 0
        self.late = 0
        "Came behind a packet with a higher number."
        self._ssrc = -1
        self._base = 0
        self._highest = 0  # extended by cycles: does not wrap
        self._run_received = 0
        self._lost_before = 0
        self._jitter_units = 0.0
        self._transit: float | None = None

    @property
    def lost(self) -> int:
        return self._lost_before + self._lost_in_run()

    @property
    def jitter_ms(self) -> float:
        return self._jitter_units * 1000 / CLOCK_RATE_HZ

    def on_packet(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Count a packet that arrived at `now` (seconds)."""
        self._count(sequence, ssrc)
        transit = now * CLOCK_RATE_HZ - timestamp
        previous, self._transit = self._transit, transit
        if previous is not None:
            step = abs(transit - previous)
            if step > MAX_TRANSIT_STEP:
                # Also where the 32-bit timestamp wraps around.
                step = abs((transit - previous + (1 << 31)) % (TIMESTAMP_MASK + 1) - (1 << 31))
                if step > MAX_TRANSIT_STEP:
                    return
            self._jitter_units += (step - self._jitter_units) / 16

    def on_event_packet(self, sequence: int, ssrc: int) -> None:
        """Count a packet of a key press, whose timestamp stands still: no measure of jitter."""
        self._count(sequence, ssrc)
        self._transit = None

    def _count(self, sequence: int, ssrc: int) -> None:
        self.received += 1
        ahead = (sequence - self._highest) & SEQUENCE_MASK
        if ssrc != self._ssrc:
            self._begin_run(sequence, ssrc)
        elif ahead < MAX_DROPOUT:
            self._highest += ahead
        elif ahead > SEQUENCE_MASK - MAX_MISORDER:
            self.late += 1
        else:
            self._begin_run(sequence, ssrc)
        self._run_received += 1

    def _begin_run(self, sequence: int, ssrc: int) -> None:
        self._lost_before += self._lost_in_run()
        self._ssrc = ssrc
        self._base = self._highest = sequence
        self._run_received = 0
        self._transit = None

    def _lost_in_run(self) -> int:
        if self._run_received == 0:
            return 0
        return max(0, self._highest - self._base + 1 - self._run_received)
