"""The media side of the built-in phone (`acd phone`, `acd demo`, tests): one RTP socket."""

import array
import asyncio
import math
import secrets
import socket
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from time import monotonic
from typing import cast

from acd.media.digits import DIGITS, DigitReceiver, digit_payloads
from acd.media.emission import FRAME_SAMPLES, Emission
from acd.media.errors import MediaError
from acd.media.g711 import SAMPLE_BYTES, SILENCE, decode
from acd.media.playout import PlayoutClock
from acd.media.reception import Reception
from acd.media.rtp import parse
from acd.media.sounds import frames_of
from acd.media.wav import read_wav, write_wav
from acd.sdp.codec import CLOCK_RATE_HZ, Codec
from acd.sdp.offer_answer import Capabilities, Negotiated, answer_offer, make_offer, read_answer

MAX_RECORDED_BYTES = 600 * CLOCK_RATE_HZ * SAMPLE_BYTES
"Ten minutes; what comes after them is counted, not kept."

MAX_DIGITS_WAITING = 64
"Keys pressed ahead, more than any menu takes."

TONE_AMPLITUDE = 8000
"A quarter of full scale, about -12 dBm0."


class PhoneMediaError(MediaError):
    """The phone cannot do what was asked, by its user's mistake."""


class PhoneMedia(asyncio.DatagramProtocol):
    """Sends a frame every 20 ms from the moment the session is agreed, and hears the peer.

    Frames are those of `play_wav` or `play_tone`, else silence; keys take their place while
    they are held. Use: `await PhoneMedia.open(host)`, then `offer` and `accept`, or `answer`.
    """

    def __init__(self, host: str, codecs: tuple[Codec, ...]) -> None:
        self.agreed: Negotiated | None = None
        self.reception = Reception()
        self.heard_digits: list[str] = []
        "Keys that the peer pressed."
        self._capabilities = Capabilities(
            address=host, port=0, session_id=secrets.randbits(31), codecs=codecs
        )
        self._offer = b""
        self._transport: asyncio.DatagramTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._emission = Emission(secrets.randbits(32), secrets.randbits(16), secrets.randbits(32))
        self._clock = PlayoutClock()
        self._timer: asyncio.TimerHandle | None = None
        self._samples = b""
        self._source: Iterator[bytes] = iter(())
        self._loop_source = False
        self._keys: deque[tuple[bytes, bool]] = deque()
        self._receiver = DigitReceiver()
        self._recorded = bytearray()
        self._playing_done = asyncio.Event()
        self._keys_done = asyncio.Event()
        self._closed = asyncio.Event()
        self._arrived = asyncio.Event()

    @classmethod
    async def open(
        cls, host: str, port: int = 0, codecs: tuple[Codec, ...] = (Codec.PCMA, Codec.PCMU)
    ) -> "PhoneMedia":
        """Bind an RTP port, any free one for 0; raise `OSError`."""
        loop = asyncio.get_running_loop()
        phone = cls(host, codecs)
        bound = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
        )
        bound.setblocking(False)
        try:
            bound.bind((host, port))
            await loop.create_datagram_endpoint(lambda: phone, sock=bound)
        except OSError:
            bound.close()
            raise
        phone._capabilities = Capabilities(
            address=host,
            port=bound.getsockname()[1],
            session_id=phone._capabilities.session_id,
            codecs=codecs,
        )
        return phone

    @property
    def port(self) -> int:
        return self._capabilities.port

    @property
    def packets_sent(self) -> int:
        return self._emission.sent

    def offer(self) -> bytes:
        """Return our session description for an INVITE."""
        self._offer = make_offer(self._capabilities)
        return self._offer

    def accept(self, answer: bytes) -> None:
        """Take the peer's answer to `offer` and begin; raise `SdpError`."""
        self._begin(read_answer(self._offer, answer))

    def answer(self, offer: bytes) -> bytes:
        """Answer the peer's offer and begin; raise `SdpError`."""
        body, agreed = answer_offer(offer, self._capabilities)
        self._begin(agreed)
        return body

    def play_wav(self, data: bytes, *, loop: bool = False) -> None:
        """Send the sound of this WAVE file instead of silence; raise `SoundError`."""
        self._play(read_wav(data), loop=loop)

    def play_tone(self, frequency_hz: float) -> None:
        """Send this tone until something else is played."""
        # A second holds whole periods of every whole frequency, so its loop has no clicks.
        self._play(tone(frequency_hz, 1.0), loop=True)

    async def played(self) -> None:
        """Wait for the end of a sound that is not looped."""
        await self._playing_done.wait()

    def press(self, digits: str, duration_ms: int = 100, pause_ms: int = 100) -> None:
        """Press these keys one after the other; raise `PhoneMediaError`."""
        unknown = set(digits) - set(DIGITS)
        if unknown:
            raise PhoneMediaError(f"no keys {''.join(sorted(unknown))!r}; keys are {DIGITS}")
        if self.agreed is not None and self.agreed.event_type is None:
            raise PhoneMediaError("the peer takes no telephone-event (RFC 4733) for keys")
        payloads = [digit_payloads(digit, duration_ms) for digit in digits]
        waiting = len(self._keys) // (len(payloads[0]) if payloads else 1)
        if waiting + len(digits) > MAX_DIGITS_WAITING:
            raise PhoneMediaError(f"more than {MAX_DIGITS_WAITING} keys are waiting")
        for press in payloads:
            self._keys.extend((payload, at == 0) for at, payload in enumerate(press))
            self._keys.extend([(b"", False)] * (pause_ms // 20))
        self._keys_done.clear()

    async def pressed(self) -> None:
        """Wait until all keys have been sent."""
        if self._keys:
            await self._keys_done.wait()

    async def until(self, reached: Callable[["PhoneMedia"], bool]) -> None:
        """Wait until this holds, looked at after each packet that arrives."""
        while not reached(self):
            self._arrived.clear()
            await self._arrived.wait()

    def recorded_wav(self) -> bytes:
        """Return what was heard so far."""
        return write_wav(bytes(self._recorded))

    def recorded_samples(self) -> bytes:
        """Return what was heard so far as 16-bit samples at 8 kHz."""
        return bytes(self._recorded)

    def forget_recorded(self) -> None:
        """Begin the recording anew."""
        self._recorded.clear()

    async def close(self) -> None:
        """Stop sending and give the port back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is no DatagramTransport by class before 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = parse(data)
        if packet is None or self.agreed is None:
            return
        self._arrived.set()
        now = monotonic()
        if packet.payload_type == self.agreed.received_event_type:
            self.reception.on_event_packet(packet.sequence, packet.ssrc)
            presses = self._receiver.on_packet(packet.payload, packet.timestamp, now)
            self.heard_digits += [digit for digit, _ in presses]
            return
        self.reception.on_packet(packet.sequence, packet.timestamp, packet.ssrc, now)
        codec = dict(self.agreed.received).get(packet.payload_type)
        if codec is not None and len(self._recorded) < MAX_RECORDED_BYTES:
            self._recorded += decode(packet.payload, codec)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def _begin(self, agreed: Negotiated) -> None:
        changed = self.agreed is None or agreed.codec is not self.agreed.codec
        self.agreed = agreed
        if changed and self._samples:
            self._play(self._samples, loop=self._loop_source)
        if self._timer is None:
            self._clock.start(monotonic())
            self._timer = self._loop.call_later(0, self._tick)

    def _play(self, samples: bytes, *, loop: bool) -> None:
        """Keep the samples until the codec is known, then the frames."""
        self._samples, self._loop_source = samples, loop
        self._playing_done.clear()
        if self.agreed is not None:
            frames = frames_of(samples, self.agreed.codec)
            self._source = chain.from_iterable(repeat(frames)) if loop and frames else iter(frames)

    def _tick(self) -> None:
        now = monotonic()
        for _ in range(self._clock.on_time(now)):
            self._send_next(now)
        wait_s = max(0.0, self._clock.next_deadline() - monotonic())
        # Timers of whole milliseconds (uvloop's) may fire early by a part of one.
        self._timer = self._loop.call_later(math.ceil(wait_s * 1000) / 1000, self._tick)

    def _send_next(self, now: float) -> None:
        agreed, transport = self.agreed, self._transport
        if agreed is None or transport is None:
            return
        payload, first = self._keys.popleft() if self._keys else (b"", False)
        if payload and agreed.event_type is not None:
            packet = self._emission.event(payload, agreed.event_type, now, first=first)
        else:
            packet = self._emission.frame(self._next_frame(agreed.codec), agreed.payload_type, now)
        if not self._keys:
            self._keys_done.set()
        if agreed.sending:
            transport.sendto(packet, (agreed.address, agreed.port))

    def _next_frame(self, codec: Codec) -> bytes:
        frame = next(self._source, None)
        if frame is None:
            self._playing_done.set()
            return SILENCE[codec] * FRAME_SAMPLES
        return frame


def tone(frequency_hz: float, duration_s: float) -> bytes:
    """Return a sine as 16-bit samples at 8 kHz in the machine's byte order."""
    step = 2 * math.pi * frequency_hz / CLOCK_RATE_HZ
    samples = range(round(duration_s * CLOCK_RATE_HZ))
    return array.array(
        "h", (round(TONE_AMPLITUDE * math.sin(step * n)) for n in samples)
    ).tobytes()
