"""The one heap of deadlines."""

import math

from hypothesis import given
from hypothesis import strategies as st

from acd.routing.deadlines import COMPACT_ABOVE, Deadlines, Timed


def test_nothing_is_due_when_nothing_is_armed():
    deadlines = Deadlines()
    assert deadlines.next() == math.inf
    assert deadlines.pop_due(math.inf) is None


def test_what_is_taken_is_disarmed():
    deadlines, timed = Deadlines(), Timed()
    deadlines.arm(timed, 5.0)
    assert deadlines.pop_due(4.9) is None
    assert deadlines.pop_due(5.0) is timed
    assert timed.due_at == math.inf
    assert deadlines.pop_due(5.0) is None


def test_re_arming_for_ever_does_not_fill_the_heap():
    deadlines, timed = Deadlines(), Timed()
    for index in range(10 * COMPACT_ABOVE):
        deadlines.arm(timed, float(index + 1))
    assert len(deadlines._heap) <= COMPACT_ABOVE + 1
    assert deadlines.next() == 10.0 * COMPACT_ABOVE


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([1.0, 2.0, 3.0, 4.0, math.inf]))),
    st.sampled_from([0.0, 1.5, 2.0, 9.0]),
)
def test_exactly_what_is_due_comes_up_once_and_in_order(arms, now):
    deadlines = Deadlines()
    timed = [Timed() for _ in range(5)]
    for index, due_at in arms:
        deadlines.arm(timed[index], due_at)
    assert deadlines.next() == min(each.due_at for each in timed)
    due = {id(each): each.due_at for each in timed if each.due_at <= now}
    came = []
    while (each := deadlines.pop_due(now)) is not None:
        came.append(id(each))
    assert sorted(came) == sorted(due)
    assert [due[each] for each in came] == sorted(due.values())
    assert deadlines.next() == min(each.due_at for each in timed)


@given(st.permutations(["agent 1", "agent 2", "call 1"]))
def test_of_equal_times_the_name_decides_and_not_who_was_armed_first(names):
    deadlines = Deadlines()
    for name in names:
        deadlines.arm(Timed(name), 1.0)
    came = [deadlines.pop_due(1.0).name for _ in names]
    assert came == sorted(names)
