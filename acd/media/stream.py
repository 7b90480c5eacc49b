"""The media of one leg: packets in, packets out, and what it plays. Knows no sockets.

The driver gives each packet that arrives to `on_packet` and sends what that returns to the
partner's `destination`; while `playing`, it calls `on_tick` for each 20 ms.
"""

import math

from acd.sdp.codec import Codec
from acd.sdp.offer_answer import UNSPECIFIED, Negotiated

from .digits import DigitReceiver, Press
from .emission import Emission
from .events import DigitPressed, Event, PlayFinished, StreamClosed
from .g711 import TRANSCODING
from .latch import Address, Latch, Verdict
from .playout import Playout
from .reception import Reception
from .rtp import HEADER, HEADER_BYTES, MARKER, VERSION_2, payload_of
from .sounds import Frames

RTCP_FIRST, RTCP_LAST = 192, 223
"Second octets that are RTCP packet types, should a peer multiplex it unasked (RFC 5761 4)."

_unpack = HEADER.unpack_from


class Outbox:
    """What streams have to tell, shared by those of one driver, who empties it."""

    __slots__ = ("events", "pressing")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.pressing: set[MediaStream] = set()
        "Those with a key down: `on_time` must be called at their `next_deadline`."


class MediaStream:
    """One leg's stream. `destination` is None as long as nothing may be sent.

    One that `waits` hears its peer, and sends nothing until `begin`.
    """

    __slots__ = (
        "_codec",
        "_digits",
        "_emission",
        "_event_type",
        "_latch",
        "_outbox",
        "_payload_type",
        "_played_codec",
        "_playout",
        "_received",
        "_received_event_type",
        "_reception",
        "_routes",
        "_sending",
        "_sends",
        "_waits",
        "foreign",
        "leg",
        "partner",
    )

    def __init__(
        self, leg: str, emission: Emission, outbox: Outbox, *, waits: bool = False
    ) -> None:
        self.leg = leg
        self.partner: MediaStream | None = None
        "Who hears this leg: the other side of a bridge, itself as an echo, or nobody."
        self.foreign = 0
        self._emission = emission
        self._outbox = outbox
        self._latch = Latch()
        self._reception = Reception()
        self._digits: DigitReceiver | None = None  # made by the first key: few legs press any
        self._playout: Playout | None = None
        self._played_codec = Codec.PCMA
        # As negotiated; before that nothing is sent and nothing understood.
        self._codec = Codec.PCMA
        self._payload_type = Codec.PCMA.value
        self._event_type: int | None = None
        self._received: tuple[tuple[int, Codec], ...] = ()
        self._received_event_type: int | None = None
        self._sends = False
        self._waits = waits
        self._sending = False  # agreed to, and no longer waiting
        # From a payload type that arrives to the partner's and the table in between.
        self._routes: dict[int, tuple[int, bytes | None]] = {}

    @property
    def destination(self) -> Address | None:
        return self._latch.destination if self._sending else None

    @property
    def playing(self) -> bool:
        return self._playout is not None

    @property
    def codec(self) -> Codec:
        """What this leg hears: sounds for it must be encoded so."""
        return self._codec

    @property
    def packets_late(self) -> int:
        return self._reception.late

    def negotiate(self, agreed: Negotiated, now: float) -> None:
        """Follow what offer and answer came to, the first time or again."""
        self._codec = agreed.codec
        self._payload_type = agreed.payload_type
        self._event_type = agreed.event_type
        self._received = agreed.received
        self._received_event_type = agreed.received_event_type
        self._sends = agreed.sending
        self._sending = self._sends and not self._waits
        if agreed.address not in UNSPECIFIED:
            self._latch.expect((agreed.address, agreed.port), now)
        self._route()
        if self.partner is not None and self.partner.partner is self:
            self.partner._route()

    def begin(self) -> None:
        """Wait no longer: the peer is there."""
        self._waits = False
        self._sending = self._sends

    def play(self, play: int, sounds: tuple[Frames, ...], *, loop: bool) -> None:
        """Play these, encoded in `codec`; in a bridge the other side is not heard meanwhile."""
        self._playout = Playout(play, sounds, loop=loop)
        self._played_codec = self._codec
        self._emission.pause()

    def stop_play(self) -> None:
        self._playout = None
        self._emission.pause()

    def bridge(self, other: "MediaStream") -> None:
        """Let both hear each other and nothing else."""
        self.unbridge()
        other.unbridge()
        self.partner, other.partner = other, self
        for stream in (self, other):
            stream.stop_play()
            stream._route()

    def echo(self) -> None:
        """Let the leg hear itself and nothing else."""
        self.unbridge()
        self.stop_play()
        self.partner = self
        self._route()

    def unbridge(self) -> None:
        """Take this leg and its partner apart; also ends an echo."""
        partner, self.partner = self.partner, None
        if partner is not None and partner.partner is self:
            partner.partner = None
            partner._emission.pause()
        self._emission.pause()

    def on_packet(self, packet: bytes, source: Address, now: float) -> bytes | None:
        """Take a packet that arrived; return the one to send to `partner`, if any."""
        if len(packet) < HEADER_BYTES:
            return None
        first, second, sequence, timestamp, ssrc = _unpack(packet)
        payload = packet[HEADER_BYTES:] if first == VERSION_2 else payload_of(packet)
        if payload is None or RTCP_FIRST <= second <= RTCP_LAST:
            return None
        if source != self._latch.source and not self._admit(source, now):
            return None
        payload_type = second & 0x7F
        if payload_type == self._received_event_type:
            self._reception.on_event_packet(sequence, ssrc)
            self._hear_key(payload, timestamp, ssrc, now)
        else:
            self._reception.on_packet(sequence, timestamp, ssrc, now)
        partner = self.partner
        if partner is None or partner._playout is not None or not partner._sending:
            return None
        route = self._routes.get(payload_type)
        if route is None:
            partner._emission.skip(sequence, ssrc)
            return None
        relayed_type, table = route
        if table is not None:
            payload = payload.translate(table)
        return partner._emission.relay(
            payload, relayed_type | second & MARKER, sequence, timestamp, ssrc, now
        )

    def on_tick(self, now: float) -> bytes | None:
        """Return the packet for the next 20 ms of what plays; at the end report that instead."""
        playout = self._playout
        if playout is None or self._waits:
            return None
        frame = playout.next_frame()
        if frame is None:
            self.stop_play()
            self._outbox.events.append(PlayFinished(self.leg, playout.play))
            return None
        if not self._sending:
            return None
        if self._played_codec is not self._codec:  # a re-offer changed it under way
            frame = frame.translate(TRANSCODING[self._played_codec, self._codec])
        return self._emission.frame(frame, self._payload_type, now)

    def next_deadline(self) -> float:
        return math.inf if self._digits is None else self._digits.next_deadline()

    def on_time(self, now: float) -> None:
        """Report a key whose release was lost."""
        if self._digits is not None:
            self._report(self._digits.on_time(now))

    def close(self) -> StreamClosed:
        """Leave the partner; return what was counted."""
        self.unbridge()
        self._playout = None
        self._outbox.pressing.discard(self)
        reception = self._reception
        return StreamClosed(
            self.leg,
            reception.received,
            self._emission.sent,
            reception.lost,
            reception.late,
            self.foreign,
            round(reception.jitter_ms, 3),
        )

    def _admit(self, source: Address, now: float) -> bool:
        verdict = self._latch.judge(source, now)
        if verdict is Verdict.FOREIGN:
            self.foreign += 1
        return verdict is Verdict.ACCEPTED

    def _hear_key(self, payload: bytes, timestamp: int, ssrc: int, now: float) -> None:
        if self._digits is None:
            self._digits = DigitReceiver()
        self._report(self._digits.on_packet(payload, timestamp, now, ssrc))
        if self._digits.next_deadline() < math.inf:
            self._outbox.pressing.add(self)

    def _report(self, presses: tuple[Press, ...]) -> None:
        for digit, duration_ms in presses:
            self._outbox.events.append(DigitPressed(self.leg, digit, duration_ms))

    def _route(self) -> None:
        """Work out how each payload type goes over to the partner."""
        partner = self.partner
        self._routes = {}
        if partner is None:
            return
        for payload_type, codec in self._received:
            table = None if codec is partner._codec else TRANSCODING[codec, partner._codec]
            self._routes[payload_type] = (partner._payload_type, table)
        if self._received_event_type is not None and partner._event_type is not None:
            self._routes[self._received_event_type] = (partner._event_type, None)
