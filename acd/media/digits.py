"""Key presses in RTP (RFC 4733): recognising the peer's and making our own."""

import math
import struct

from acd.sdp.codec import CLOCK_RATE_HZ

from .rtp import TIMESTAMP_MASK

DIGITS = "0123456789*#ABCD"
"By event code (RFC 4733 section 3.2)."

LOST_END_S = 0.2
"""After so long without an update the key counts as released: four of the 50 ms that RFC 4733
2.5.1.2 recommends between updates, so that three lost in a row are not taken for the end."""

END_REPEATS = 3
""""The final packet ... SHOULD be sent a total of three times" (RFC 4733 2.5.1.4)."""

MAX_DURATION_UNITS = 0xFFFF
"The largest duration one packet can tell, 8.2 s; a longer press goes on as a next segment."

OVERTAKEN_UNITS = 2 * CLOCK_RATE_HZ
"""A press that began up to 2 s before the one known was overtaken by it on the way and has been
reported; a timestamp further back is another source's."""

_PAYLOAD = struct.Struct(">BBH")
_END = 0x80
_VOLUME_DBM0 = 10
"Stands as -10 dBm0: a loud, unclipped key tone, should a gateway make one of it."

_MS_UNITS = CLOCK_RATE_HZ // 1000


Press = tuple[str, int]
"A digit and how long it was held, in ms."


class DigitReceiver:
    """Turns event packets into one report per key press, at its end.

    The end is the first packet with the end bit; if all of these are lost, the begin of another
    press or the deadline LOST_END_S after the last packet.
    """

    __slots__ = (
        "_carried_units",
        "_deadline",
        "_duration_units",
        "_ended",
        "_event",
        "_ssrc",
        "_timestamp",
    )

    def __init__(self) -> None:
        self._ssrc = -1
        self._timestamp = -1
        self._event = 0
        self._duration_units = 0
        self._carried_units = 0
        self._ended = True
        self._deadline = math.inf

    def next_deadline(self) -> float:
        return self._deadline

    def on_time(self, now: float) -> tuple[Press, ...]:
        """Report a press whose end was lost."""
        return (self._end(),) if now >= self._deadline else ()

    def on_packet(
        self, payload: bytes, timestamp: int, now: float, ssrc: int = 0
    ) -> tuple[Press, ...]:
        """Take a packet's payload, RTP timestamp and source; return the presses that it ends.

        These are two if the packet is all that arrived of its press and the former's end was lost.
        """
        if len(payload) < _PAYLOAD.size:
            return ()
        event, flags, duration = _PAYLOAD.unpack_from(payload)
        if event >= len(DIGITS):
            return ()  # hook flash, fax and modem tones
        ended: tuple[Press, ...] = ()
        if ssrc != self._ssrc:
            # A phone that took the call over counts from anywhere, zero as a rule: nothing of its
            # is a repeat, or was overtaken.
            self._ssrc, self._timestamp = ssrc, -1
        if timestamp != self._timestamp:
            age = (self._timestamp - timestamp) & TIMESTAMP_MASK
            if self._timestamp >= 0 and age < OVERTAKEN_UNITS:
                return ()
            ended = self._begin(event, timestamp)
        elif self._ended:
            return ()  # a repeat of the end
        self._duration_units = max(self._duration_units, duration)
        if flags & _END:
            return (*ended, self._end())
        self._deadline = now + LOST_END_S
        return ended

    def _begin(self, event: int, timestamp: int) -> tuple[Press, ...]:
        """Start a press; return the former one if nothing has told its end yet."""
        segment = (timestamp - self._timestamp) & TIMESTAMP_MASK
        ended: tuple[Press, ...] = ()
        if self._ended:
            self._carried_units = 0
        elif event == self._event and segment == self._duration_units == MAX_DURATION_UNITS:
            self._carried_units += segment  # the next segment of a long press
        else:
            ended = (self._end(),)
            self._carried_units = 0
        self._timestamp, self._event = timestamp, event
        self._duration_units, self._ended = 0, False
        return ended

    def _end(self) -> Press:
        self._ended = True
        self._deadline = math.inf
        duration_ms = (self._carried_units + self._duration_units) // _MS_UNITS
        return DIGITS[self._event], duration_ms


def digit_payloads(digit: str, duration_ms: int, packet_ms: int = 20) -> list[bytes]:
    """Return the payloads of one press, one per `packet_ms`, then the end END_REPEATS times.

    All belong to the RTP timestamp of the press's begin; only the first has the marker bit.
    """
    event = DIGITS.index(digit)
    units = min(max(duration_ms, packet_ms) * _MS_UNITS, MAX_DURATION_UNITS)
    step = packet_ms * _MS_UNITS
    payloads = [_PAYLOAD.pack(event, _VOLUME_DBM0, at) for at in range(step, units, step)]
    return payloads + [_PAYLOAD.pack(event, _END | _VOLUME_DBM0, units)] * END_REPEATS
