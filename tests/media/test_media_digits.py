"""Key presses by RFC 4733: one report per press, whatever gets lost."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.media.digits import DIGITS, LOST_END_S, DigitReceiver, Press, digit_payloads


def heard(receiver: DigitReceiver, payloads: list[bytes], timestamp: int) -> list[Press]:
    presses: list[Press] = []
    for at, payload in enumerate(payloads):
        presses += receiver.on_packet(payload, timestamp, timestamp / 8000 + at * 0.02)
    return presses


@pytest.mark.parametrize("digit", DIGITS)
def test_every_key_is_reported_once_with_its_duration(digit: str) -> None:
    receiver = DigitReceiver()
    assert heard(receiver, digit_payloads(digit, 120), 800) == [(digit, 120)]
    assert receiver.next_deadline() == math.inf


def test_the_same_key_twice_is_two_presses() -> None:
    receiver = DigitReceiver()
    presses = heard(receiver, digit_payloads("5", 80), 0)
    presses += heard(receiver, digit_payloads("5", 80), 1600)
    assert presses == [("5", 80), ("5", 80)]


def test_a_lost_end_is_made_up_for_by_time() -> None:
    receiver = DigitReceiver()
    assert heard(receiver, digit_payloads("7", 100)[:-3], 0) == []
    deadline = receiver.next_deadline()
    assert deadline == pytest.approx(0.06 + LOST_END_S)
    assert receiver.on_time(deadline - 0.001) == ()
    assert receiver.on_time(deadline) == (("7", 80),)
    # Its end comes after all, and is not a second press.
    assert receiver.on_packet(digit_payloads("7", 100)[-1], 0, deadline + 0.1) == ()


def test_a_lost_end_is_made_up_for_by_the_next_press() -> None:
    receiver = DigitReceiver()
    heard(receiver, digit_payloads("1", 100)[:-3], 0)
    assert heard(receiver, digit_payloads("2", 100)[-1:], 1600) == [("1", 80), ("2", 100)]


def test_a_packet_that_was_overtaken_is_no_new_press() -> None:
    receiver = DigitReceiver()
    heard(receiver, digit_payloads("1", 100), 1600)
    heard(receiver, digit_payloads("2", 100), 3200)
    assert heard(receiver, digit_payloads("1", 100)[-1:], 1600) == []


@pytest.mark.parametrize("timestamp", [1600, 3200, 4000])
def test_another_source_counts_from_anywhere(timestamp: int) -> None:
    """The phone that the peer's exchange hands the call on to: its first key counts."""
    receiver = DigitReceiver()
    heard(receiver, digit_payloads("1", 100), 3200)
    presses: list[Press] = []
    for at, payload in enumerate(digit_payloads("2", 100)):
        presses += receiver.on_packet(payload, timestamp, 5 + at * 0.02, ssrc=77)
    assert presses == [("2", 100)]


def test_a_press_of_several_segments_is_one() -> None:
    """RFC 4733 2.5.1.3: a longer event goes on in a segment that begins where it ended."""
    receiver = DigitReceiver()
    whole = bytes([4, 10, 0xFF, 0xFF])
    assert receiver.on_packet(whole, 0, 0.0) == ()
    end = bytes([4, 0x8A, 0x01, 0x40])
    assert receiver.on_packet(end, 0xFFFF, 0.1) == (("4", (0xFFFF + 320) // 8),)


def test_other_events_and_short_payloads_are_nothing() -> None:
    receiver = DigitReceiver()
    assert receiver.on_packet(bytes([16, 0x8A, 0, 160]), 0, 0.0) == ()
    assert receiver.on_packet(b"\x01\x80", 0, 0.0) == ()


def test_payloads_of_a_press() -> None:
    """RFC 4733 2.5.1.4: the end three times, with the same duration."""
    payloads = digit_payloads("#", 60)
    assert [p[0] for p in payloads] == [11] * 5
    assert [p[1] >> 7 for p in payloads] == [0, 0, 1, 1, 1]
    assert [int.from_bytes(p[2:]) for p in payloads] == [160, 320, 480, 480, 480]


@given(
    st.lists(
        st.tuples(st.sampled_from(DIGITS), st.integers(40, 300), st.sets(st.integers(0, 16))),
        max_size=8,
    )
)
def test_a_press_of_which_anything_arrives_is_reported_once(
    presses: list[tuple[str, int, set[int]]],
) -> None:
    receiver, expected, found = DigitReceiver(), [], []
    for number, (digit, duration_ms, lost) in enumerate(presses):
        timestamp = number * 8000
        now = timestamp / 8000
        if receiver.next_deadline() <= now:
            found += receiver.on_time(now)
        kept = [p for at, p in enumerate(digit_payloads(digit, duration_ms)) if at not in lost]
        found += heard(receiver, kept, timestamp)
        expected += [digit] if kept else []
    found += receiver.on_time(1e9)
    assert [digit for digit, _ in found] == expected
