"""How right the places and waits are that callers are told, where calls differ in priority.

    .venv/bin/python tests/simulation/places.py [--calls 12000] [--seed 1]

30 agents of 180 s a talk, hours at load 1.1 in turn with hours at 0.8, so that waits pass the
starvation bound of 300 s now and then; three in ten callers go before the others by a priority
higher by 5, in one line or in a queue of their own that the same agents serve; nobody hangs up.
Each caller is told every 30 s. Held against it is what came: how many calls of the line went
before this one from then on, and how long it still waited. Beside it stand the place by priority
alone, and the one at that moment, with who is at the bound by then. Wrong is a place that is off
by more than two and a fifth.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from itertools import count
from random import Random
from statistics import fmean, median

from msgspec import Struct

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueProfile
from acd.routing.router import Router
from acd.simulation.floor_world import Arrival, FloorWorld, Handling

AGENTS = tuple(f"{1001 + index}" for index in range(30))
SERVICE_S = 180.0
LOADS = (1.1, 0.8)
HOUR_S = 3600.0
IMPORTANT = 0.3
PRIORITY = 5
TOLD_EVERY_S = 30.0
FROM_PLACE = 12
"Nearer to the head one call's wait scatters too much for any estimate."


def queue(name: str, priority: int) -> QueueProfile:
    return QueueProfile(
        name=name,
        skill="sales",
        layers=(LayerProfile(name="all", order="longest_idle"),),
        priority=priority,
        wrap_up_s=0.0,
        max_wait_s=1e9,
        max_length=1_000_000,
        starvation_s=300.0,
    )


def callers(seed: int, calls: int, *, apart: bool) -> Iterator[Arrival]:
    """Draw the callers; `apart`: the important ones have their own queue."""
    random = Random(f"callers {seed}")
    at_s = 0.0
    for index in range(calls):
        load = LOADS[int(at_s / HOUR_S) % 2]
        at_s += random.expovariate(load * len(AGENTS) / SERVICE_S)
        important = random.random() < IMPORTANT
        yield Arrival(
            call=f"{index:06}",
            at_s=at_s,
            queue="vip" if important and apart else "sales",
            priority=PRIORITY if important and not apart else 0,
            work_s=random.expovariate(1.0 / SERVICE_S),
        )


class Told(Struct):
    """What one caller was told, and then what came."""

    place: int
    by_now: int
    by_priority: int
    wait_s: float | None
    at_s: float
    answered: int
    "Calls of the line until then."

    came: int = 0
    came_s: float = 0.0


class Listeners:
    """Tells the callers, and looks what comes."""

    def __init__(self, arrivals: Iterator[Arrival]) -> None:
        ids = count()
        self.router = Router(
            agents=[
                AgentProfile(number=each, name=each, account=each, skills={"sales": Grade.A})
                for each in AGENTS
            ],
            queues=[queue("sales", 0), queue("vip", PRIORITY)],
            new_id=lambda: f"o{next(ids)}",
        )
        self.heard: dict[bool, list[Told]] = {False: [], True: []}
        "By whether the caller is important."

        self._waiting: dict[str, tuple[Arrival, list[Told]]] = {}
        self._answered: Counter[str] = Counter()
        self._world = FloorWorld(self.router, self)
        self._world.on_waiting = self._waits
        self._world.log_in(AGENTS)
        self._world.run(arrivals)

    def _waits(self, arrival: Arrival, now: float) -> None:
        self._waiting[arrival.call] = arrival, []
        self._tell(arrival)

    def _tell(self, arrival: Arrival) -> None:
        if arrival.call not in self._waiting:
            return
        now, mine = self._world.now, (-arrival.priority, arrival.at_s)
        told = Told(
            place=self.router.expected_place(arrival.call, now),
            by_now=self.router.position(arrival.call, now),
            by_priority=1
            + sum(
                each.queue == arrival.queue and (-each.priority, each.at_s) < mine
                for each, _ in self._waiting.values()
            ),
            wait_s=self.router.estimated_wait(arrival.call, now),
            at_s=now,
            answered=self._answered[arrival.queue],
        )
        self._waiting[arrival.call][1].append(told)
        self._world.at(now + TOLD_EVERY_S, lambda: self._tell(arrival))

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        return Handling(arrival.work_s)

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        _, heard = self._waiting.pop(arrival.call, (arrival, []))
        for told in heard:
            told.came = self._answered[arrival.queue] - told.answered + 1
            told.came_s = now - told.at_s
        self.heard[arrival.priority > 0 or arrival.queue == "vip"] += heard
        self._answered[arrival.queue] += 1

    def ended(self, arrival: Arrival, agent: str, now: float) -> None: ...

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None: ...


def off(pairs: list[tuple[int, int]]) -> str:
    """Say how far these places are from those that came."""
    wrong = fmean(abs(told - came) > max(2.0, 0.2 * came) for told, came in pairs)
    either_way = fmean(abs(told - came) for told, came in pairs)
    return (
        f"off by {fmean(told - came for told, came in pairs):+.1f}, "
        f"{either_way:.1f} either way, {100 * wrong:.0f} % wrong"
    )


def show(heard: list[Told]) -> None:
    print("   by priority:", off([(each.by_priority, each.came) for each in heard]))
    print("   by now:     ", off([(each.by_now, each.came) for each in heard]))
    print("   told:       ", off([(each.place, each.came) for each in heard]))
    waits = [
        (each.wait_s, each.came_s)
        for each in heard
        if each.wait_s is not None and each.place >= FROM_PLACE and each.came_s > 0.0
    ]
    if waits:
        bias = sum(wait for wait, _ in waits) / sum(came for _, came in waits) - 1.0
        error = median(abs(wait - came) / came for wait, came in waits)
        print(
            f"   waits from place {FROM_PLACE} on: {len(waits):,}, bias {100 * bias:+.0f} %, "
            f"median error {100 * error:.0f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for apart in (False, True):
        listeners = Listeners(callers(options.seed, options.calls, apart=apart))
        for important, heard in listeners.heard.items():
            who = "important" if important else "others"
            mean_place = fmean(each.came for each in heard)
            print(
                f"{'two queues' if apart else 'one line'}, {who}: {len(heard):,} announcements, "
                f"mean place {mean_place:.0f}, mean wait {fmean(e.came_s for e in heard):.0f} s"
            )
            show(heard)


if __name__ == "__main__":
    main()
