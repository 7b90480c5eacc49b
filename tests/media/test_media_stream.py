"""One leg's stream and two of them bridged, packet by packet, without sockets."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd.media.digits import digit_payloads
from acd.media.emission import Emission
from acd.media.events import DigitPressed, Event, PlayFinished
from acd.media.rtp import RtpPacket, parse
from acd.media.stream import MediaStream, Outbox
from acd.sdp.codec import Codec
from acd.sdp.offer_answer import Negotiated

A, B = ("192.0.2.1", 4000), ("192.0.2.2", 5000)


def agreed(
    address: tuple[str, int], codec: Codec = Codec.PCMA, events: int | None = 101, **changed: bool
) -> Negotiated:
    held = changed.get("held", False)
    return Negotiated(
        *address, codec, codec.value, events, ((codec.value, codec),), events, 20, held, not held
    )


class Pair:
    """Two streams with their peers' addresses."""

    def __init__(self, a: Negotiated, b: Negotiated) -> None:
        self.outbox = Outbox()
        self.a = MediaStream("a", Emission(1, 100, 0), self.outbox)
        self.b = MediaStream("b", Emission(2, 200, 0), self.outbox)
        self.a.negotiate(a, 0.0)
        self.b.negotiate(b, 0.0)

    @property
    def events(self) -> list[Event]:
        return self.outbox.events


def rtp(sequence: int, payload_type: int = 8, payload: bytes = b"\xd5" * 160) -> bytes:
    return bytes(RtpPacket(payload_type, sequence, sequence * 160, 7, payload))


def key_press(digit: str, sequence: int, payload_type: int) -> list[bytes]:
    """Return the packets of a key held 60 ms, all of the time of their begin."""
    return [
        bytes(RtpPacket(payload_type, sequence + at, sequence * 160, 7, payload, at == 0))
        for at, payload in enumerate(digit_payloads(digit, 60))
    ]


def read(data: bytes | None) -> RtpPacket:
    packet = parse(data or b"")
    assert packet is not None
    return packet


def test_a_bridge_transcodes_only_between_codecs() -> None:
    pair = Pair(agreed(A, Codec.PCMA), agreed(B, Codec.PCMU))
    pair.a.bridge(pair.b)
    to_b = read(pair.a.on_packet(rtp(1), A, 0.0))
    assert (to_b.payload_type, to_b.payload, to_b.ssrc) == (0, b"\xfe" * 160, 2)
    to_a = read(pair.b.on_packet(rtp(1, 0, b"\xfe" * 160), B, 0.0))
    assert (to_a.payload_type, to_a.payload, to_a.ssrc) == (8, b"\xd5" * 160, 1)
    # A re-offer may change the codec under way.
    pair.b.negotiate(agreed(B, Codec.PCMA), 1.0)
    same = read(pair.a.on_packet(rtp(2, 8, b"\x11" * 160), A, 1.0))
    assert (same.payload_type, same.payload) == (8, b"\x11" * 160)


def test_key_presses_are_reported_and_relayed_under_the_partners_number() -> None:
    pair = Pair(agreed(A, events=96), agreed(B, events=101))
    pair.a.bridge(pair.b)
    relayed = [
        read(pair.a.on_packet(packet, A, n * 0.02))
        for n, packet in enumerate(key_press("3", 0, 96))
    ]
    assert {packet.payload_type for packet in relayed} == {101}
    assert [packet.marker for packet in relayed] == [True, False, False, False, False]
    assert len({packet.timestamp for packet in relayed}) == 1
    assert [packet.payload for packet in relayed] == digit_payloads("3", 60)
    assert pair.events == [DigitPressed("a", "3", 60)]


def test_key_presses_stop_before_a_partner_that_takes_none() -> None:
    pair = Pair(agreed(A), agreed(B, events=None))
    pair.a.bridge(pair.b)
    before = read(pair.a.on_packet(rtp(1), A, 0.02))
    for n, packet in enumerate(key_press("3", 2, 101)):
        assert pair.a.on_packet(packet, A, 0.04 + n * 0.02) is None
    after = read(pair.a.on_packet(rtp(7), A, 0.14))
    assert (after.sequence - before.sequence) % 65536 == 1
    assert pair.events == [DigitPressed("a", "3", 60)]


def test_a_release_that_was_lost_is_reported_in_time() -> None:
    pair = Pair(agreed(A), agreed(B))
    pair.a.on_packet(rtp(1, 101, digit_payloads("8", 100)[0]), A, 1.0)
    assert pair.outbox.pressing == {pair.a}
    pair.a.on_time(pair.a.next_deadline())
    assert pair.events == [DigitPressed("a", "8", 20)]
    assert pair.a.next_deadline() == math.inf


def test_playing_ends_with_a_report_and_goes_on_under_hold() -> None:
    pair = Pair(agreed(A), agreed(B, held=True))
    frames = (b"x" * 160, b"y" * 160)
    for stream in (pair.a, pair.b):
        stream.play(4, (frames,), loop=False)
    sent = [read(pair.a.on_tick(n * 0.02)).payload for n in range(2)]
    assert sent == list(frames)
    assert [pair.b.on_tick(n * 0.02) for n in range(2)] == [None, None]
    assert pair.b.destination is None
    assert pair.a.on_tick(0.04) is None
    assert pair.b.on_tick(0.04) is None
    assert pair.events == [PlayFinished("a", 4), PlayFinished("b", 4)]
    assert not pair.a.playing


def test_a_change_of_codec_reaches_what_plays() -> None:
    pair = Pair(agreed(A, Codec.PCMA), agreed(B))
    pair.a.play(1, ((b"\xd5" * 160,) * 2,), loop=True)
    assert read(pair.a.on_tick(0.0)).payload == b"\xd5" * 160
    pair.a.negotiate(agreed(A, Codec.PCMU), 0.01)
    packet = read(pair.a.on_tick(0.02))
    assert (packet.payload_type, packet.payload) == (0, b"\xfe" * 160)


def test_a_bridge_ends_what_played_and_an_announcement_interrupts_it() -> None:
    pair = Pair(agreed(A), agreed(B))
    pair.a.play(1, ((b"x" * 160,),), loop=True)
    pair.a.bridge(pair.b)
    assert not pair.a.playing
    first = read(pair.b.on_packet(rtp(1), B, 0.0))
    pair.a.play(2, ((b"x" * 160,),), loop=False)
    assert pair.b.on_packet(rtp(2), B, 0.02) is None
    spoken = read(pair.a.on_tick(0.02))
    assert pair.a.on_tick(0.04) is None
    again = read(pair.b.on_packet(rtp(3), B, 0.06))
    assert [first.sequence, spoken.sequence, again.sequence] == [100, 101, 102]
    assert again.marker
    assert pair.events == [PlayFinished("a", 2)]


def test_a_third_party_frees_the_former_partner() -> None:
    pair = Pair(agreed(A), agreed(B))
    third = MediaStream("c", Emission(3, 0, 0), pair.outbox)
    third.negotiate(agreed(("192.0.2.3", 6000)), 0.0)
    pair.a.bridge(pair.b)
    pair.a.bridge(third)
    assert pair.b.partner is None
    assert pair.b.on_packet(rtp(1), B, 0.0) is None
    assert read(pair.a.on_packet(rtp(1), A, 0.0)).ssrc == 3
    third.close()
    assert pair.a.partner is None


def test_an_echo_ends_with_unbridge() -> None:
    pair = Pair(agreed(A), agreed(B))
    pair.a.echo()
    assert read(pair.a.on_packet(rtp(5), A, 0.0)).ssrc == 1
    pair.a.unbridge()
    assert pair.a.on_packet(rtp(6), A, 0.0) is None


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x80\x08", b"\x00\x01" + bytes(30), b"\x80\xc8" + bytes(26)],
    ids=["empty", "short", "STUN", "RTCP"],
)
def test_what_is_no_rtp_is_dropped_and_teaches_no_address(packet: bytes) -> None:
    pair = Pair(agreed(A), agreed(B))
    pair.a.bridge(pair.b)
    assert pair.a.on_packet(packet, ("203.0.113.9", 1), 0.0) is None
    assert pair.a.destination == A
    assert pair.a.close().packets_received == 0


def test_before_the_answer_nothing_is_sent_nor_believed() -> None:
    stream = MediaStream("x", Emission(1, 0, 0), Outbox())
    stream.play(1, ((b"x" * 160,),), loop=True)
    assert stream.destination is None
    assert stream.on_tick(0.0) is None
    assert stream.on_packet(rtp(1), A, 0.0) is None
    assert stream.destination is None


def waiting(outbox: Outbox) -> MediaStream:
    """Return a stream whose peer has not shown yet that it is there."""
    stream = MediaStream("w", Emission(9, 900, 0), outbox, waits=True)
    stream.negotiate(agreed(A), 0.0)
    return stream


def test_what_plays_waits_for_the_peer_and_then_begins_with_its_first_frame() -> None:
    stream = waiting(Outbox())
    frames = (b"x" * 160, b"y" * 160)
    stream.play(4, (frames,), loop=False)
    assert [stream.on_tick(at * 0.02) for at in range(50)] == [None] * 50
    assert stream.playing
    stream.begin()
    packets = [read(stream.on_tick(1.0 + at * 0.02)) for at in range(2)]
    assert [packet.payload for packet in packets] == list(frames)
    assert packets[0].marker
    assert stream.on_tick(1.04) is None
    assert not stream.playing


def test_whom_it_is_joined_with_is_heard_from_then_on() -> None:
    pair = Pair(agreed(A), agreed(B))
    stream = waiting(pair.outbox)
    stream.bridge(pair.b)
    assert pair.b.on_packet(rtp(1), B, 0.0) is None
    assert read(stream.on_packet(rtp(1), A, 0.0)).ssrc == 2, "it is heard itself"
    stream.begin()
    assert read(pair.b.on_packet(rtp(2), B, 0.02)).ssrc == 9


def test_to_begin_ends_no_hold() -> None:
    pair = Pair(agreed(A, held=True), agreed(B))
    pair.a.begin()
    assert pair.a.destination is None
    pair.b.begin()
    assert pair.b.destination == B


@given(
    st.lists(
        st.sampled_from(("play", "stop", "echo", "bridge", "part", "hear", "hold", "resume")),
        max_size=12,
    )
)
def test_nothing_leaves_before_it_begins_whatever_is_asked_for(asked: list[str]) -> None:
    pair = Pair(agreed(A), agreed(B))
    stream, other = waiting(pair.outbox), pair.b
    ways = {
        "play": lambda: stream.play(1, ((b"x" * 160,),), loop=True),
        "stop": stream.stop_play,
        "echo": stream.echo,
        "bridge": lambda: stream.bridge(other),
        "part": stream.unbridge,
        "hear": lambda: stream.on_packet(rtp(0), A, 0.0),
        "hold": lambda: stream.negotiate(agreed(A, held=True), 0.0),
        "resume": lambda: stream.negotiate(agreed(A), 0.0),
    }
    for at, what in enumerate(asked):
        ways[what]()
        assert stream.on_tick(at * 0.02) is None
        assert stream.destination is None
        heard = (stream.on_packet(rtp(at), A, 0.0), other.on_packet(rtp(at), B, 0.0))
        assert all(read(data).ssrc != 9 for data in heard if data is not None)


def test_the_end_tells_what_was_counted() -> None:
    pair = Pair(agreed(A), agreed(B))
    pair.a.echo()
    for sequence in (1, 2, 5, 4):
        pair.a.on_packet(rtp(sequence), A, sequence * 0.02)
    pair.a.on_packet(rtp(9), B, 0.3)
    closed = pair.a.close()
    assert (closed.packets_received, closed.packets_sent) == (4, 4)
    assert (closed.packets_lost, closed.packets_late, closed.packets_foreign) == (1, 1, 1)


class BridgeMachine(RuleBasedStateMachine):
    """Nobody's partner is one-sided, and what each peer is sent only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(agreed(A), agreed(B, Codec.PCMU))
        self.heard: dict[str, list[RtpPacket]] = {"a": [], "b": []}
        self.step = 0

    @property
    def now(self) -> float:
        return self.step * 0.02

    def deliver(self, to: MediaStream | None, packet: bytes | None) -> None:
        if packet is not None:
            assert to is not None
            assert to.destination is not None
            self.heard[to.leg].append(read(packet))

    @rule(from_a=st.booleans(), ahead=st.integers(1, 4))
    def audio(self, from_a: bool, ahead: int) -> None:
        self.step += ahead
        stream, peer = (self.pair.a, A) if from_a else (self.pair.b, B)
        packet = rtp(self.step, stream.codec.value)
        self.deliver(stream.partner, stream.on_packet(packet, peer, self.now))

    @rule()
    def key(self) -> None:
        self.step += 1
        packet = rtp(self.step, 101, digit_payloads("1", 40)[-1])
        self.deliver(self.pair.a.partner, self.pair.a.on_packet(packet, A, self.now))

    @rule()
    def stranger(self) -> None:
        self.step += 1
        self.audio(True, 1)
        foreign = self.pair.a.foreign
        assert self.pair.a.on_packet(rtp(self.step), ("203.0.113.66", 1), self.now) is None
        assert self.pair.a.foreign == foreign + 1

    @rule(frames=st.integers(0, 4), loop=st.booleans())
    def play(self, frames: int, loop: bool) -> None:
        self.pair.a.play(self.step, ((b"x" * 160,) * frames,), loop=loop)

    @rule()
    def tick(self) -> None:
        self.step += 1
        self.deliver(self.pair.a, self.pair.a.on_tick(self.now))

    @rule()
    def stop(self) -> None:
        self.pair.a.stop_play()

    @rule()
    def bridge(self) -> None:
        self.pair.a.bridge(self.pair.b)

    @rule()
    def echo(self) -> None:
        self.pair.b.echo()

    @rule()
    def unbridge(self) -> None:
        self.pair.a.unbridge()

    @rule(held=st.booleans(), codec=st.sampled_from(Codec))
    def reoffer(self, held: bool, codec: Codec) -> None:
        self.pair.b.negotiate(agreed(B, codec, held=held), self.now)

    @invariant()
    def partners_agree(self) -> None:
        for stream in (self.pair.a, self.pair.b):
            assert stream.partner is None or stream.partner.partner is stream

    @invariant()
    def numbers_go_forward(self) -> None:
        for packets in self.heard.values():
            assert len({packet.ssrc for packet in packets}) <= 1
            for one, following in pairwise(packets[-3:]):
                assert 0 < (following.sequence - one.sequence) % 65536 < 32768
                assert 0 < (following.timestamp - one.timestamp) % 2**32 < 2**31


TestBridgeMachine = BridgeMachine.TestCase
TestBridgeMachine.settings = settings(max_examples=40, stateful_step_count=40)


def test_a_key_of_a_phone_that_took_the_call_over_is_heard() -> None:
    """Its RTP counts anew, and so a little behind the former phone's."""
    pair = Pair(agreed(A), agreed(B))
    for ssrc, digit in ((1, "3"), (2, "4")):
        for number, payload in enumerate(digit_payloads(digit, 60)):
            packet = RtpPacket(101, number, 8000 // ssrc, ssrc, payload)
            pair.a.on_packet(bytes(packet), A, ssrc + number * 0.02)
    assert pair.events == [DigitPressed("a", "3", 60), DigitPressed("a", "4", 60)]
