"""Frames as RFC 6455 section 5.2 draws them, in whatever pieces they come."""

from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from acd.net.websocket_frames import FrameWatch

REQUEST = b"GET / HTTP/1.1\r\nHost: acd\r\nUpgrade: websocket\r\n\r\n"

TEXT, BINARY, MORE, CLOSE, PING = 0x81, 0x82, 0x80, 0x88, 0x89
FIRST, MIDDLE = 0x01, 0x00
"Of a message in fragments."


def frame(first: int, length: int, *, masked: bool = True, spare: int = 0) -> bytes:
    """Return a frame; its length takes no more bytes than it needs, or one form longer."""
    form = (length > 125) + (length > 65_535)
    form = max(form, spare)
    mask = 0x80 if masked else 0
    if form == 0:
        head = bytes([first, mask | length])
    elif form == 1:
        head = bytes([first, mask | 126]) + length.to_bytes(2)
    else:
        head = bytes([first, mask | 127]) + length.to_bytes(8)
    return head + b"\x81" * (4 * masked + length)


def upgraded() -> FrameWatch:
    watch = FrameWatch()
    watch.feed(REQUEST, 0.0)
    return watch


LENGTHS = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 128, 255, 256, 65_535, 65_536])
MESSAGES = st.lists(
    st.tuples(LENGTHS, st.lists(st.tuples(LENGTHS, st.booleans()), max_size=3), st.integers(0, 2)),
    max_size=4,
)
CUTS = st.lists(st.integers(0, 300_000), max_size=20)


def stream(messages: list) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the bytes of these messages, and where each begins and is complete."""
    data, places = b"", []
    for length, rest, spare in messages:
        begins = len(data)
        data += frame(FIRST if rest else BINARY, length, spare=spare)
        for at, (more, pinged) in enumerate(rest):
            data += frame(PING, 5) if pinged else b""
            data += frame(MORE if at == len(rest) - 1 else MIDDLE, more)
        places.append((begins, len(data)))
    return data, places


@given(MESSAGES, CUTS)
def test_it_knows_after_any_byte_since_when_a_message_is_under_way(
    messages: list, cuts: list[int]
) -> None:
    """The clock shows how many bytes had come with the piece before."""
    data, places = stream(messages)
    pieces = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    watch, at, came_at = upgraded(), 0, {}
    for place in pieces:
        watch.feed(data[at:place], float(at))
        came_at |= dict.fromkeys(range(at, place), float(at))
        at = place
        under_way = [begins for begins, ends in places if begins < place < ends]
        assert watch.began_at == (came_at[under_way[0]] if under_way else inf)
        assert watch.heard is (place > 0)
    assert not watch.unmasked


def test_a_ping_alone_has_its_time_and_wins_none_for_a_message() -> None:
    watch = upgraded()
    watch.feed(frame(PING, 5)[:3], 1.0)
    assert watch.began_at == 1.0
    watch.feed(frame(PING, 5)[3:], 2.0)
    assert watch.began_at == inf
    watch.feed(frame(FIRST, 10), 3.0)
    for at in range(4, 100):
        watch.feed(frame(PING, 5) + frame(MIDDLE, 1), float(at))
        assert watch.began_at == 3.0
    watch.feed(frame(MORE, 1) + b"\x82", 100.0)
    assert watch.began_at == 100.0


@pytest.mark.parametrize("first", [TEXT, BINARY, FIRST, PING, CLOSE])
@pytest.mark.parametrize("length", [0, 1, 126, 70_000])
def test_one_frame_without_mask_is_enough(first: int, length: int) -> None:
    watch = upgraded()
    watch.feed(frame(TEXT, 3), 0.0)
    assert not watch.unmasked
    watch.feed(frame(first, length, masked=False), 0.0)
    assert watch.unmasked


@given(st.integers(0, len(REQUEST)), st.integers(0, 20))
@example(len(REQUEST) - 2, 0)
def test_frames_begin_behind_the_request_wherever_that_is_cut(cut: int, early: int) -> None:
    data = REQUEST + frame(BINARY, 14)
    watch = FrameWatch()
    watch.feed(data[:cut], 1.0)
    assert not watch.heard
    watch.feed(data[cut : len(REQUEST) + early], 2.0)
    assert (watch.heard, watch.began_at) == (early > 0, 2.0 if 0 < early < 20 else inf)
    watch.feed(data[len(REQUEST) + early :], 3.0)
    assert (watch.heard, watch.began_at, watch.unmasked) == (True, inf, False)


@given(st.binary(max_size=200), st.integers(1, 50))
def test_nonsense_is_no_fault_of_ours_and_pieces_change_nothing(data: bytes, step: int) -> None:
    whole, pieces = upgraded(), upgraded()
    whole.feed(data, 0.0)
    for at in range(0, len(data), step):
        pieces.feed(data[at : at + step], 0.0)
    seen = [(watch.heard, watch.began_at, watch.unmasked) for watch in (whole, pieces)]
    assert seen[0] == seen[1]
