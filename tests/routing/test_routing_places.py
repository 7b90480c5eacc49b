"""The places that callers are told, against a line that is served at an even pace."""

from math import inf
from random import Random
from statistics import fmean

from hypothesis import given
from hypothesis import strategies as st

from acd.routing.demand import Demand
from acd.routing.model import LayerProfile, QueueProfile, WaitingCall
from acd.routing.pace import Pace
from acd.routing.queue import Queue, Waiting
from acd.routing.rank import Measure, QueueRank

GAP_S = 10.0
"From one answer to the next."


def line_of(calls, *, ageing_s=0.0, starvation_s=inf, now=0.0, known=True) -> Queue:
    """A line of (came at, priority), and its pace if that is known."""
    profile = QueueProfile(
        name="sales",
        skill="sales",
        layers=(LayerProfile(name="all", order="longest_idle"),),
        ageing_s=ageing_s,
        starvation_s=starvation_s,
    )
    queue = Queue(profile, QueueRank(Measure(half_life_s=1.0)))
    for index, (came_at, priority) in enumerate(calls):
        call = WaitingCall(
            call=f"{index:02}",
            interaction="",
            queue="sales",
            enqueued_at=float(came_at),
            priority=priority,
        )
        queue.add(Waiting.of(call, queue, Demand(""), now))
    if known:
        queue.pace = Pace()
        queue.pace.change_staff(1, 0.0)
        queue.pace.note(True, 0.0)
        queue.pace.count_answer(0.0, GAP_S)
    return queue


def told(queue: Queue, now: float) -> dict[str, int]:
    return {name: queue.expected_place(each, now) for name, each in queue.calls.items()}


def came(queue: Queue, now: float) -> dict[str, int]:
    """Serve the most urgent call at each gap, nobody comes: in which place each one was."""
    left, places = dict(queue.calls), {}
    for place in range(1, len(left) + 1):
        at = now + place * GAP_S
        name, _ = min(left.items(), key=lambda each, at=at: each[1].urgency(at))
        places[name] = place
        del left[name]
    return places


def test_whoever_reaches_the_bound_before_goes_first() -> None:
    plain, important = [(0, 0)] * 4, [(130, 5)] * 3
    queue = line_of(plain + important, starvation_s=160.0, now=130.0)
    # Two of the important ones are served before 160 s, when it is the turn of the four.
    assert told(queue, 130.0) == {"04": 1, "05": 2, "00": 3, "01": 4, "02": 5, "03": 6, "06": 7}
    by_now = sorted(queue.calls, key=lambda name: queue.position(queue.calls[name], 130.0))
    assert by_now == ["04", "05", "06", "00", "01", "02", "03"]


def test_without_a_pace_it_is_the_place_by_now() -> None:
    queue = line_of([(0, 0), (130, 5)], starvation_s=131.0, known=False)
    assert told(queue, 130.0) == {"00": 2, "01": 1}
    assert told(queue, 131.0) == {"00": 1, "01": 2}


CALLS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 2)), min_size=1, max_size=40)


@given(CALLS, st.sampled_from([0.0, 37.3]), st.sampled_from([30.0, 200.0, 301.0, 400.0, 1e9]))
def test_the_place_told_is_the_one_that_comes(calls, ageing_s, starvation_s) -> None:
    now = 300.0
    queue = line_of(calls, ageing_s=ageing_s, starvation_s=starvation_s, now=now)
    places, expected = came(queue, now), told(queue, now)
    for name, waiting in queue.calls.items():
        if now + GAP_S * places[name] < waiting.call.enqueued_at + starvation_s:
            assert expected[name] == places[name]
        else:
            older = [each for each in queue.calls.values() if each.place[1:] < waiting.place[1:]]
            ahead = [each for each in queue.calls.values() if each.place < waiting.place]
            assert len(older) < expected[name] <= len({*older, *ahead}) + 1


def test_who_waits_for_the_own_bound_is_told_nearly_the_place_that_comes() -> None:
    pick, now = Random(1), 300.0
    told_off, by_now_off = [], []
    for _ in range(150):
        calls = [
            (pick.randrange(300), pick.choice((0, 0, 0, 1, 2))) for _ in range(pick.randrange(50))
        ]
        starvation_s = pick.choice((301.0, 400.0, 500.0))
        queue = line_of(calls, starvation_s=starvation_s, now=now)
        places, expected = came(queue, now), told(queue, now)
        for name, waiting in queue.calls.items():
            if now + GAP_S * places[name] >= waiting.call.enqueued_at + starvation_s:
                told_off.append(abs(expected[name] - places[name]))
                by_now_off.append(abs(queue.position(waiting, now) - places[name]))
    assert fmean(told_off) < 0.5
    assert fmean(by_now_off) > 5.0
