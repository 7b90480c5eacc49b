"""The world of the router alone: every caller ends somewhere, agents do what they were told."""

from itertools import count
from math import inf
from random import Random

from acd.routing.events import LeaveReason
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueProfile, Status
from acd.routing.router import Router
from acd.simulation.floor_world import Arrival, FloorWorld, Handling

ALL = (LayerProfile(name="all", order="longest_idle"),)


class People:
    """Keeps what happened as (what, call, when)."""

    def __init__(self, ring_s=0.0):
        self.ring_s = ring_s
        self.log = []

    def handle(self, arrival, agent):
        return Handling(arrival.work_s, self.ring_s)

    def answered(self, arrival, offer, now):
        self.log.append(("answered", arrival.call, now))

    def ended(self, arrival, agent, now):
        self.log.append(("ended", arrival.call, now))

    def left(self, arrival, reason, now):
        self.log.append((reason, arrival.call, now))


def world(people, agents=1, **fields):
    ids = count()
    queue = QueueProfile(**{"name": "q", "skill": "q", "layers": ALL, "wrap_up_s": 0.0, **fields})
    numbers = [f"{index}" for index in range(agents)]
    profiles = [
        AgentProfile(number=number, name="", account="", skills={"q": Grade.A})
        for number in numbers
    ]
    router = Router(agents=profiles, queues=[queue], new_id=lambda: f"o{next(ids)}")
    made = FloorWorld(router, people)
    made.log_in(numbers)
    return made


def call(name, at_s, work_s=10.0, patience_s=inf):
    return Arrival(call=name, at_s=at_s, queue="q", work_s=work_s, patience_s=patience_s)


def test_a_caller_waits_for_the_agent_or_hangs_up():
    people = People()
    world(people).run([call("a", 1.0), call("b", 2.0, patience_s=5.0), call("c", 3.0)])
    assert people.log == [
        ("answered", "a", 1.0),
        (LeaveReason.ABANDONED, "b", 7.0),
        ("ended", "a", 11.0),
        ("answered", "c", 11.0),
        ("ended", "c", 21.0),
    ]


def test_a_phone_that_nobody_answers_leaves_the_caller_waiting_until_the_queue_gives_up():
    people = People(ring_s=inf)
    world(people, max_wait_s=60.0).run([call("a", 0.0)])
    assert people.log == [(LeaveReason.TIMED_OUT, "a", 60.0)]


def test_ringing_and_wrap_up_take_their_time_and_a_full_line_refuses():
    people = People(ring_s=2.0)
    made = world(people, wrap_up_s=30.0, max_length=1)
    made.at(5.0, lambda: people.log.append(("five", "", made.now)))
    made.run([call("a", 0.0), call("b", 1.0), call("c", 3.0), call("d", 4.0)])
    assert people.log == [
        (LeaveReason.REFUSED_FULL, "b", 1.0),
        ("answered", "a", 2.0),
        (LeaveReason.REFUSED_FULL, "d", 4.0),
        ("five", "", 5.0),
        ("ended", "a", 12.0),
        ("answered", "c", 44.0),
        ("ended", "c", 54.0),
    ]


def test_of_several_phones_that_ring_the_first_to_be_answered_counts():
    people = People(ring_s=0.0)
    layers = (LayerProfile(name="all", order="longest_idle", ring="all"),)
    world(people, agents=3, layers=layers).run([call("a", 1.0), call("b", 2.0)])
    assert [what for what, _, _ in people.log] == ["answered", "answered", "ended", "ended"]
    people.log.clear()
    people.ring_s = 4.0
    world(people, agents=3, layers=layers).run([call("a", 1.0), call("b", 2.0)])
    # All phones rang for a; b is offered to the two that are left when it is answered.
    assert people.log[:2] == [("answered", "a", 5.0), ("answered", "b", 9.0)]


def test_it_stops_at_a_time_and_goes_on_later():
    people = People()
    made = world(people)
    made.run([call("a", 1.0)], until_s=5.0)
    assert people.log == [("answered", "a", 1.0)]
    made.take(made.router.set_status("0", Status.AWAY, "", "agent", made.now))
    made.run([])
    assert people.log[-1] == ("ended", "a", 11.0)


def test_of_many_callers_none_is_lost_and_none_served_twice():
    random = Random(3)
    people = People()
    arrivals, at_s = [], 0.0
    for index in range(5_000):
        at_s += random.expovariate(1.0)
        work_s, patience_s = random.expovariate(1 / 10.0), random.expovariate(1 / 10.0)
        arrivals.append(call(f"{index}", at_s, work_s, patience_s))
    world(people, agents=10).run(arrivals)
    finals = [name for what, name, _ in people.log if what != "ended"]
    assert sorted(finals, key=int) == [arrival.call for arrival in arrivals]
    served = sum(what == "answered" for what, _, _ in people.log)
    assert sum(what == "ended" for what, _, _ in people.log) == served < 5_000
