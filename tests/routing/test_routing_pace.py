"""The measured pace of a line, and the wait that it means."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.routing.pace import Pace


def line(agents: int, *, every_s: float, answers: int = 50, abandons: int = 0) -> Pace:
    """A line in which somebody always waits and one is answered every so often."""
    pace = Pace()
    pace.change_staff(agents, 0.0)
    pace.note(True, 0.0)
    for index in range(1, answers + 1):
        pace.count_answer(30.0, index * every_s)
        if index <= abandons:
            pace.count_abandon(30.0)
    return pace


def test_a_place_is_so_many_answers_away() -> None:
    assert line(10, every_s=6.0).wait_s(5) == pytest.approx(30.0)


def test_agents_who_come_and_go_change_the_pace_at_once() -> None:
    pace = line(10, every_s=6.0)
    pace.change_staff(-5, 300.0)
    assert pace.wait_s(5) == pytest.approx(60.0)
    pace.change_staff(-5, 300.0)
    assert pace.wait_s(5) is None
    pace.change_staff(20, 300.0)
    assert pace.wait_s(5) == pytest.approx(15.0)


def test_time_in_which_nobody_waits_says_nothing() -> None:
    pace = line(10, every_s=6.0)
    pace.note(False, 300.0)
    pace.note(True, 9_000.0)
    pace.count_answer(30.0, 9_006.0)
    assert pace.wait_s(5) == pytest.approx(30.0)


def test_nothing_is_known_before_the_first_answer() -> None:
    pace = Pace()
    pace.change_staff(10, 0.0)
    pace.note(True, 0.0)
    assert pace.wait_s(1) is None


@pytest.mark.parametrize("place", [1, 2, 12, 200])
@pytest.mark.parametrize("abandons", [0, 1, 10, 50])
def test_those_ahead_who_give_up_shorten_the_wait(place: int, abandons: int) -> None:
    """The sum over the places ahead, to half a per cent."""
    pace = line(10, every_s=6.0, abandons=abandons)
    # Abandons and waits are forgotten alike, except that the last come after the last answer.
    give_up = pace._abandons / pace._queued_s
    exact = sum(1 / (1 / 6.0 + j * give_up) for j in range(place))
    assert pace.wait_s(place) == pytest.approx(exact, rel=5e-3)


def test_the_last_answers_count_most() -> None:
    pace = line(10, every_s=6.0, answers=300)
    for index in range(1, 901):
        pace.count_answer(30.0, 1_800.0 + index * 3.0)
    assert pace.wait_s(10) == pytest.approx(30.0, rel=0.1)


STEPS = st.one_of(
    st.tuples(st.just("note"), st.booleans()),
    st.tuples(st.just("staff"), st.integers(0, 50)),
    st.tuples(st.just("answer"), st.floats(0, 1e5)),
    st.tuples(st.just("abandon"), st.floats(0, 1e5)),
)


@given(st.lists(st.tuples(st.floats(0, 1e5), STEPS), max_size=60))
def test_whatever_happens_the_wait_is_unknown_or_a_time_that_grows_with_the_place(steps) -> None:
    pace, staff, now = Pace(), 0, 0.0
    for gap_s, (what, value) in steps:
        now += gap_s
        match what:
            case "note":
                pace.note(value, now)
            case "staff":
                pace.change_staff(value - staff, now)
                staff = value
            case "answer":
                pace.count_answer(value, now)
            case _:
                pace.count_abandon(value)
        waits_s = [pace.wait_s(place) for place in (1, 2, 10, 1_000)]
        known = [wait_s for wait_s in waits_s if wait_s is not None]
        assert len(known) in {0, 4}
        assert all(0.0 < wait_s < math.inf for wait_s in known)
        assert known == sorted(known)
