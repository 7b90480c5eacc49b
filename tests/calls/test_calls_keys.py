"""A phone that tells its keys in RTP and by INFO presses each of them once."""

import pytest
from calls_stage import Stage, flows
from hypothesis import given
from hypothesis import strategies as st

from acd.calls import events
from acd.calls.keys import ECHO_S, Keys
from acd.media import events as media_in
from acd.sip import events as sip

RTP, INFO = media_in.DigitPressed, sip.InfoDigit

TWICE = """
flow: hotline
start: first
languages: [zh]
nodes:
  first: {type: menu, prompts: [menu], digits: {"1": second}, on_timeout: bye}
  second: {type: menu, prompts: [menu], digits: {"1": sales}, on_timeout: bye}
  sales: {type: queue, queue: sales, on_timeout: bye, on_full: bye}
  bye: {type: hangup, sounds: [bye]}
"""


@pytest.mark.parametrize("order", [(RTP, INFO), (INFO, RTP)])
def test_a_key_told_both_ways_chooses_once(order: tuple[type, type]) -> None:
    stage = Stage(book=flows(hotline=TWICE))
    caller = stage.calls("4000")
    tell = {RTP: stage.on_media, INFO: stage.on_sip}
    for way in order:
        tell[way](way(caller, "1", 100))
    assert not stage.all(events.QueueEntered)
    stage.wait(0.3)
    for way in order:
        tell[way](way(caller, "1", 100))
    assert len(stage.all(events.QueueEntered)) == 1


def test_the_same_key_twice_in_a_row_is_two_presses_either_way() -> None:
    for way in (RTP, INFO):
        keys = Keys()
        assert keys.are_new("1", way, 0.1, 0.0)
        assert keys.are_new("1", way, 0.1, 0.2)


def test_a_long_press_told_when_it_began_and_when_it_ended() -> None:
    keys = Keys()
    assert keys.are_new("5", INFO, 0.16, 10.0)
    assert not keys.are_new("5", RTP, 7.5, 17.6)
    assert keys.are_new("5", RTP, 0.1, 18.0)


def test_an_info_that_is_lost_does_not_swallow_the_next_press() -> None:
    keys = Keys()
    assert keys.are_new("1", INFO, 0.16, 0.0)
    assert not keys.are_new("1", RTP, 0.1, 0.1)
    assert keys.are_new("1", RTP, 0.1, 0.4)


def test_what_comes_much_later_is_another_press() -> None:
    keys = Keys()
    assert keys.are_new("1", INFO, 0.0, 0.0)
    assert keys.are_new("1", RTP, 0.1, ECHO_S + 0.2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("12#"), st.floats(0.05, 3.0), st.floats(0.04, 1.5), st.booleans()
        ),
        max_size=20,
    )
)
def test_every_press_told_both_ways_counts_once(
    presses: list[tuple[str, float, float, bool]],
) -> None:
    """Whatever the pauses, the lengths, and whether the INFO is sent at its begin or its end."""
    told: list[tuple[float, int, str, type, float]] = []
    at = 0.0
    for number, (key, pause_s, held_s, at_begin) in enumerate(presses):
        at += pause_s
        told.append((at if at_begin else at + held_s, number, key, INFO, 0.16))
        at += held_s
        told.append((at + 0.01, number, key, RTP, held_s))
    keys = Keys()
    counted = [
        key
        for now, _, key, way, duration_s in sorted(told, key=lambda one: one[:2])
        if keys.are_new(key, way, duration_s, now)
    ]
    assert counted == [key for key, *_ in presses]


@given(
    st.lists(st.tuples(st.sampled_from("12#"), st.floats(0.0, 2.0)), max_size=20),
    st.sampled_from([RTP, INFO]),
)
def test_who_uses_one_way_is_never_touched(presses: list[tuple[str, float]], way: type) -> None:
    keys, now = Keys(), 0.0
    for key, pause_s in presses:
        now += pause_s
        assert keys.are_new(key, way, 0.1, now)
