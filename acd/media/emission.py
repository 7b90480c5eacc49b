"""The one stream of packets that a peer hears, whatever it is made of.

Prompts, music, the other side of a bridge and its talk spurts follow each other under one SSRC
with sequence numbers and timestamps that only go forward, so that the peer's jitter buffer never
has to start anew (RFC 3550 section 5.1).
"""

from acd.sdp.codec import CLOCK_RATE_HZ

from .reception import MAX_DROPOUT, MAX_MISORDER
from .rtp import HEADER, MARKER, SEQUENCE_MASK, TIMESTAMP_MASK, VERSION_2

FRAME_SAMPLES = 160
"20 ms at 8 kHz; with G.711 also the bytes of a frame."

_pack = HEADER.pack


class Emission:
    """Numbers the packets sent to one peer.

    `frame` is for audio of our own, `relay` for packets of another stream, `event` for key
    presses of our own. A change between them is a new talk spurt: "the first packet of a
    talkspurt ... SHOULD be distinguished by setting the marker bit" (RFC 3551 section 4.1).
    """

    __slots__ = (
        "_highest",
        "_relayed",
        "_sent_at",
        "_sequence_shift",
        "_source",
        "_spurt",
        "_ssrc",
        "_timestamp",
        "_timestamp_shift",
        "sent",
    )

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        """Begin at these values, which "SHOULD be random" (RFC 3550 section 5.1)."""
        self.sent = 0
        self._ssrc = ssrc
        self._highest = (sequence - 1) & SEQUENCE_MASK  # of the last packet sent
        self._timestamp = (timestamp - FRAME_SAMPLES) & TIMESTAMP_MASK
        self._sent_at: float | None = None
        self._spurt = True
        # The relay's mapping from the source's numbers to ours; valid while _source is set.
        self._source = -1
        self._sequence_shift = 0
        self._timestamp_shift = 0
        self._relayed = 0  # numbers of ours used since the mapping was made

    def pause(self) -> None:
        """Say that what follows is a new talk spurt, of our own or of another source."""
        self._spurt = True
        self._source = -1

    def frame(self, payload: bytes, payload_type: int, now: float) -> bytes:
        """Return the packet for the next 20 ms of our own audio."""
        marker = 0
        if self._spurt:
            self._spurt = False
            self._source = -1
            self._timestamp = self._timestamp_at(now)
            marker = MARKER
        else:
            self._timestamp = (self._timestamp + FRAME_SAMPLES) & TIMESTAMP_MASK
        self._sent_at = now
        self.sent += 1
        highest = self._highest = (self._highest + 1) & SEQUENCE_MASK
        return (
            _pack(VERSION_2, payload_type | marker, highest, self._timestamp, self._ssrc) + payload
        )

    def event(self, payload: bytes, payload_type: int, now: float, *, first: bool) -> bytes:
        """Return a packet of a key press; all of one press carry the time of its begin.

        "The RTP timestamp ... reflects the measurement point for the current packet", which is
        the beginning of the event (RFC 4733 section 2.2.2); the first one has the marker.
        """
        marker = 0
        if first:
            self._timestamp = self._timestamp_at(now)
            self._sent_at = now
            marker = MARKER
        self._spurt = True  # the audio after it takes up the time that passed
        self._source = -1
        self.sent += 1
        self._highest = (self._highest + 1) & SEQUENCE_MASK
        header = _pack(
            VERSION_2, payload_type | marker, self._highest, self._timestamp, self._ssrc
        )
        return header + payload

    def relay(
        self, payload: bytes, second: int, sequence: int, timestamp: int, ssrc: int, now: float
    ) -> bytes | None:
        """Return the packet for one of another stream, in whose order and rhythm it is kept.

        `second` is the octet of marker and payload type, the latter already ours. None: it
        would come before what was sent from elsewhere.
        """
        ahead = (sequence + self._sequence_shift - self._highest) & SEQUENCE_MASK
        if ssrc != self._source or MAX_DROPOUT < ahead <= SEQUENCE_MASK - MAX_MISORDER:
            self._follow(sequence, timestamp, ssrc, now)
            second |= MARKER
            ahead = 1
        if ahead < MAX_DROPOUT + 1:
            self._highest = (self._highest + ahead) & SEQUENCE_MASK
            self._relayed += ahead
            self._timestamp = (timestamp + self._timestamp_shift) & TIMESTAMP_MASK
            self._sent_at = now
        elif SEQUENCE_MASK + 1 - ahead >= self._relayed:
            return None
        self.sent += 1
        return (
            _pack(
                VERSION_2,
                second,
                (sequence + self._sequence_shift) & SEQUENCE_MASK,
                (timestamp + self._timestamp_shift) & TIMESTAMP_MASK,
                self._ssrc,
            )
            + payload
        )

    def skip(self, sequence: int, ssrc: int) -> None:
        """Close the gap of a packet that is not relayed, which was nobody's loss."""
        ahead = (sequence + self._sequence_shift - self._highest) & SEQUENCE_MASK
        if ssrc == self._source and 0 < ahead <= MAX_DROPOUT:
            self._sequence_shift -= 1

    def _follow(self, sequence: int, timestamp: int, ssrc: int, now: float) -> None:
        """Map this packet of a new source to our next number and to the time that passed."""
        self._source = ssrc
        self._sequence_shift = self._highest + 1 - sequence
        self._timestamp_shift = self._timestamp_at(now) - timestamp
        self._relayed = 0
        self._spurt = True

    def _timestamp_at(self, now: float) -> int:
        """Return the timestamp of a spurt that begins now: at least a frame after the last."""
        if self._sent_at is None:
            return (self._timestamp + FRAME_SAMPLES) & TIMESTAMP_MASK
        passed = max(FRAME_SAMPLES, round((now - self._sent_at) * CLOCK_RATE_HZ))
        return (self._timestamp + passed) & TIMESTAMP_MASK
