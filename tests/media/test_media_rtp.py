"""RTP packets, what a receiver counts, and the one stream that a peer hears."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.media.emission import FRAME_SAMPLES, Emission
from acd.media.reception import Reception
from acd.media.rtp import RtpPacket, parse

PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 127),
    sequence=st.integers(0, 65535),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
)


@given(PACKETS)
def test_what_is_built_reads_back(packet: RtpPacket) -> None:
    assert parse(bytes(packet)) == packet


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    packet = parse(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


def test_sources_extension_and_padding_are_left_out() -> None:
    """RFC 3550 5.1 and 5.3.1: CSRC list, header extension of 2 words, padding of 3 octets."""
    header = bytes([0x80 | 0x20 | 0x10 | 2, 8]) + bytes(10) + b"CSR1CSR2"
    extension = b"\xbe\xde\x00\x02" + b"EXTENDED"
    packet = parse(header + extension + b"audio" + b"\0\0\3")
    assert packet is not None
    assert packet.payload == b"audio"
    assert parse(header + extension[:3]) is None
    assert parse(header + extension + b"\xff") is None
    assert parse(b"\x00" * 20) is None  # STUN


def count(*sequences: int, step_s: float = 0.02) -> Reception:
    reception = Reception()
    for at, sequence in enumerate(sequences):
        reception.on_packet(sequence & 0xFFFF, 160 * sequence % 2**32, 5, 10.0 + at * step_s)
    return reception


@pytest.mark.parametrize(
    ("sequences", "lost", "late"),
    [
        ((1, 2, 3), 0, 0),
        ((1, 2, 5), 2, 0),
        ((65534, 65535, 65536, 65537), 0, 0),
        ((1, 3, 2, 4), 0, 1),
        ((1, 2, 2, 3), 0, 0),
        ((1, 2, 20000, 20001), 0, 0),
        ((1, 4, 20000, 20003), 4, 0),
    ],
)
def test_loss_is_the_gaps_within_a_run(sequences: tuple[int, ...], lost: int, late: int) -> None:
    """RFC 3550 A.1: a jump beyond MAX_DROPOUT is a restart; A.3: lost = expected - received."""
    reception = count(*sequences)
    assert (reception.lost, reception.late) == (lost, late)
    assert reception.received == len(sequences)


def test_jitter_is_nothing_for_an_even_stream_and_grows_with_unevenness() -> None:
    assert count(*range(100)).jitter_ms == pytest.approx(0, abs=0.001)
    # A.8: J += (|D| - J) / 16; a constant |D| of 10 ms is what J tends to.
    assert count(*range(300), step_s=0.03).jitter_ms == pytest.approx(10, abs=0.01)


def test_jitter_survives_the_wrap_of_the_timestamp() -> None:
    reception = Reception()
    for at in range(10):
        timestamp = (2**32 - 800 + 160 * at) % 2**32
        reception.on_packet(at, timestamp, 5, at * 0.02)
    assert reception.jitter_ms == pytest.approx(0, abs=0.001)


def test_key_presses_count_but_measure_no_jitter() -> None:
    reception = count(1, 2)
    for sequence in range(3, 9):
        reception.on_event_packet(sequence, 5)
    reception.on_packet(9, 160 * 9, 5, 10.16)
    assert (reception.received, reception.lost) == (9, 0)
    assert reception.jitter_ms == pytest.approx(0, abs=0.001)


def emission() -> Emission:
    return Emission(ssrc=99, sequence=65_534, timestamp=2**32 - 320)


def read(data: bytes | None) -> RtpPacket:
    packet = parse(data or b"")
    assert packet is not None
    return packet


def test_frames_follow_each_other_over_the_wrap() -> None:
    out = emission()
    packets = [read(out.frame(b"x" * 160, 8, n * 0.02)) for n in range(5)]
    assert [p.sequence for p in packets] == [65534, 65535, 0, 1, 2]
    assert [p.timestamp for p in packets] == [2**32 - 320, 2**32 - 160, 0, 160, 320]
    assert [p.marker for p in packets] == [True, False, False, False, False]
    assert {p.ssrc for p in packets} == {99}


def test_a_pause_shows_in_the_timestamp_not_in_the_sequence() -> None:
    out = emission()
    before = read(out.frame(b"x", 8, 0.0))
    out.pause()
    after = read(out.frame(b"x", 8, 1.5))
    assert (after.sequence - before.sequence) % 65536 == 1
    assert (after.timestamp - before.timestamp) % 2**32 == 12_000
    assert after.marker


def test_the_relay_keeps_loss_and_order_of_its_source() -> None:
    out = emission()
    out.frame(b"x", 8, 0.0)
    arrived = [10, 11, 14, 13, 15]
    relayed = [read(out.relay(b"y", 8, s, s * 160, 7, 0.02 * s)) for s in arrived]
    base = relayed[0].sequence
    assert base == 65_535
    assert [(p.sequence - base) % 65536 for p in relayed] == [0, 1, 4, 3, 5]
    assert [p.marker for p in relayed] == [True, False, False, False, False]
    assert [(p.timestamp - relayed[0].timestamp) % 2**32 for p in relayed] == [
        (s - 10) * 160 for s in arrived
    ]


def test_the_relay_drops_what_precedes_its_first_packet() -> None:
    """Its number would be that of a prompt's packet, sent before."""
    out = emission()
    out.frame(b"x", 8, 0.0)
    assert out.relay(b"y", 8, 10, 1600, 7, 0.02) is not None
    assert out.relay(b"y", 8, 9, 1440, 7, 0.02) is None
    assert out.relay(b"y", 8, 11, 1760, 7, 0.04) is not None
    assert out.sent == 3


def test_a_packet_not_relayed_leaves_no_gap() -> None:
    out = emission()
    first = read(out.relay(b"y", 8, 10, 1600, 7, 0.0))
    out.skip(11, 7)
    out.skip(12, 7)
    second = read(out.relay(b"y", 8, 13, 2080, 7, 0.06))
    assert (second.sequence - first.sequence) % 65536 == 1
    assert (second.timestamp - first.timestamp) % 2**32 == 480


SOURCES = st.tuples(
    st.sampled_from(["frame", "pause", "relay", "event"]),
    st.integers(1, 3),  # ssrc
    st.integers(0, 4),  # step of the source's sequence
    st.floats(0, 0.5),
)


@given(st.lists(SOURCES, max_size=60), st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_whatever_the_sources_numbers_go_forward(
    steps: list[tuple[str, int, int, float]], sequence: int, timestamp: int
) -> None:
    out = Emission(1, sequence, timestamp)
    now, sources, sent = 0.0, {1: 65_530, 2: 100, 3: 40_000}, []
    for kind, ssrc, ahead, passed in steps:
        now += passed
        if kind == "pause":
            out.pause()
        elif kind == "frame":
            sent.append(out.frame(b"f", 8, now))
        elif kind == "event":
            sent.append(out.event(b"e", 101, now, first=True))
        else:
            sources[ssrc] += ahead + 1
            number = sources[ssrc]
            packet = out.relay(b"r", 8, number & 0xFFFF, number * 160 % 2**32, ssrc, now)
            assert packet is not None
            sent.append(packet)
    packets = [read(data) for data in sent]
    assert out.sent == len(packets)
    assert {p.ssrc for p in packets} <= {1}
    for one, following in pairwise(packets):
        assert 1 <= (following.sequence - one.sequence) % 65536 <= 5
        assert FRAME_SAMPLES <= (following.timestamp - one.timestamp) % 2**32 < 2**31
