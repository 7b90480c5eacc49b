"""The built-in phone's media, two of them back to back on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from time import monotonic

import pytest

from acd.media.digits import DIGITS
from acd.media.g711 import decode, encode
from acd.media.rtp import RtpPacket, parse
from acd.media.wav import read_wav, write_wav
from acd.net.media_phone import MAX_DIGITS_WAITING, PhoneMedia, PhoneMediaError, tone
from acd.sdp.codec import Codec
from acd.sdp.errors import SdpUnusableError

HOST = "127.0.0.1"
LIMIT_S = 30.0


@asynccontextmanager
async def connected(codec: Codec) -> AsyncIterator[tuple[PhoneMedia, PhoneMedia]]:
    one, other = await PhoneMedia.open(HOST), await PhoneMedia.open(HOST, codecs=(codec,))
    try:
        async with asyncio.timeout(LIMIT_S):
            one.accept(other.answer(one.offer()))
            yield one, other
    finally:
        await one.close()
        await other.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", list(Codec))
async def test_a_sound_arrives_as_the_codec_leaves_it(codec: Codec) -> None:
    async with connected(codec) as (one, other):
        samples = tone(440, 0.2)
        one.play_wav(write_wav(samples))
        await one.played()
        await other.until(lambda phone: phone.reception.received >= one.packets_sent)
        heard = read_wav(other.recorded_wav())
        assert decode(encode(samples, codec), codec) in heard
        assert other.reception.lost == 0


@pytest.mark.asyncio
async def test_keys_arrive_in_order_and_silence_follows() -> None:
    async with connected(Codec.PCMA) as (one, other):
        one.press(DIGITS[:4], duration_ms=60, pause_ms=40)
        await one.pressed()
        await other.until(lambda phone: "".join(phone.heard_digits) == DIGITS[:4])
        sent = other.reception.received
        await other.until(lambda phone: phone.reception.received >= sent + 3)
        assert other.reception.lost == 0


@pytest.mark.asyncio
async def test_what_the_user_may_not_press() -> None:
    async with connected(Codec.PCMA) as (one, other):
        with pytest.raises(PhoneMediaError, match="no keys 'x'"):
            one.press("1x")
        with pytest.raises(PhoneMediaError, match=str(MAX_DIGITS_WAITING)):
            one.press("1" * (MAX_DIGITS_WAITING + 1))
        one.accept(other.answer(one.offer()).replace(b"telephone-event", b"CN"))
        with pytest.raises(PhoneMediaError, match="takes no telephone-event"):
            one.press("1")


@pytest.mark.asyncio
async def test_a_refusal_is_an_error_of_the_session() -> None:
    phone = await PhoneMedia.open(HOST)
    with pytest.raises(SdpUnusableError):
        phone.accept(phone.offer().replace(b"m=audio %d" % phone.port, b"m=audio 0"))
    await phone.close()


class Arrivals(asyncio.DatagramProtocol):
    """Notes when which packet came, until some thirty in a row came in their own time.

    A busy machine delays packets, and those that wait come together.
    """

    def __init__(self) -> None:
        self.packets: list[tuple[float, RtpPacket]] = []
        self.complete = asyncio.Event()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = parse(data)
        assert packet is not None
        self.packets.append((monotonic(), packet))
        last = self.packets[-31:]
        if len(last) == 31 and last[-1][0] - last[0][0] == pytest.approx(0.6, abs=0.1):
            self.complete.set()


@pytest.mark.asyncio
async def test_packets_leave_every_20_ms() -> None:
    arrivals = Arrivals()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: arrivals, local_addr=(HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    phone = await PhoneMedia.open(HOST)
    offer = f"v=0\r\nc=IN IP4 {HOST}\r\nm=audio {port} RTP/AVP 0\r\n".encode()
    began = monotonic()
    phone.answer(offer)
    async with asyncio.timeout(LIMIT_S):
        await arrivals.complete.wait()
    await phone.close()
    transport.close()
    packets = [packet for _, packet in arrivals.packets]
    for one, following in pairwise(packets):
        assert (following.sequence - one.sequence) % 65536 == 1
        assert (following.timestamp - one.timestamp) % 2**32 == 160
    took_s = arrivals.packets[-1][0] - began
    assert took_s >= 0.02 * (len(packets) - 1), "never faster than it is spoken"
