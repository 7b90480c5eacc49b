"""The production router against Erlang's formulas, and its estimated waits against the real ones.

    .venv/bin/python tests/simulation/theory.py --calls 2000000 --seed 1

Each point is a line of agents who take calls in order of arrival, at exponential gaps, talks and
patience, measured after a warm-up in batches, whose means give the confidence interval (batch
means: Law, Simulation Modeling and Analysis, 5th ed. 2015, section 9.5.3).
"""

import argparse
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from itertools import accumulate, count
from math import exp, inf, sqrt
from pathlib import Path
from statistics import fmean, stdev

sys.path.insert(0, str(Path(__file__).parents[2]))

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueProfile
from acd.routing.router import Router
from acd.simulation.erlang import Line, erlang_a, erlang_c
from acd.simulation.floor_world import Arrival, FloorWorld, Handling

BATCHES = 20
T_95, T_99 = 2.093, 2.861
"Student's t for 19 degrees of freedom, two-sided."

WARM_UP = 0.05
"Share of the calls that are not looked at: the line begins empty."

FROM_PLACE = 12
"Nearer to the head one call's wait scatters too much for any estimate."

QUEUE = QueueProfile(
    name="q",
    skill="q",
    layers=(LayerProfile(name="all", order="longest_idle"),),
    wrap_up_s=0.0,
    max_wait_s=1e9,
    max_length=1_000_000,
)


@dataclass(frozen=True)
class Point:
    """A line: its agents, calls a minute, mean talk, mean patience."""

    agents: int
    calls_per_min: float
    service_s: float
    patience_s: float = inf

    def theory(self) -> Line:
        rate = self.calls_per_min / 60
        if self.patience_s == inf:
            return erlang_c(self.agents, rate, self.service_s)
        return erlang_a(self.agents, rate, self.service_s, self.patience_s)

    def __str__(self) -> str:
        patience = "" if self.patience_s == inf else f", patience {self.patience_s:g} s"
        calls = f"{self.calls_per_min:g} calls/min of {self.service_s:g} s"
        return f"{self.agents} agents, {calls}{patience}"


POINTS = (
    Point(50, 48, 60),
    Point(50, 48, 60, 120),
    Point(12, 3, 200),
    Point(100, 36, 180, 90),
)


@dataclass
class Measured:
    """What became of the calls, in order of their arrival."""

    waits_s: list[float]
    waited: list[bool]
    abandoned: list[bool]
    guesses: list[tuple[int, float, float]] = field(default_factory=list)
    "Place, estimated and real wait of those who were answered."


def interval(figures: Sequence[float], t: float) -> tuple[float, float]:
    """Mean and half the width of its confidence interval, from the means of batches."""
    figures = figures[int(WARM_UP * len(figures)) :]
    size = len(figures) // BATCHES
    means = [fmean(figures[i * size : (i + 1) * size]) for i in range(BATCHES)]
    return fmean(means), t * stdev(means) / sqrt(BATCHES)


@dataclass(frozen=True)
class Guessing:
    """How good the estimated waits were."""

    count: int
    bias: float
    "Mean of the estimates over mean of the waits, less 1."

    median_error: float
    "Median of |estimate − wait| / wait."


def guessing(measured: Measured, patience_s: float) -> Guessing:
    """Compare estimates with the waits, as if nobody had given up.

    Of those who waited w, a share exp(−w / patience) stayed to be answered: each of them stands
    for exp(w / patience) callers. Without this, the callers with long waits would be missing.
    """
    pairs = [
        (guess_s, wait_s, exp(wait_s / patience_s))
        for place, guess_s, wait_s in measured.guesses
        if place >= FROM_PLACE
    ]
    guessed = sum(weight * guess_s for guess_s, _, weight in pairs)
    real = sum(weight * wait_s for _, wait_s, weight in pairs)
    errors = sorted((abs(guess_s - wait_s) / wait_s, weight) for guess_s, wait_s, weight in pairs)
    reached = list(accumulate(weight for _, weight in errors))
    middle = bisect_left(reached, reached[-1] / 2)
    return Guessing(len(pairs), guessed / real - 1.0, errors[middle][0])


def arrivals(point: Point, calls: int, randomness: random.Random) -> Iterator[Arrival]:
    """Poisson arrivals with exponential talks and patience."""
    draw = randomness.expovariate
    at_s = 0.0
    for index in range(calls):
        at_s += draw(point.calls_per_min / 60)
        yield Arrival(
            call=str(index),
            at_s=at_s,
            queue="q",
            patience_s=inf if point.patience_s == inf else draw(1 / point.patience_s),
            work_s=draw(1 / point.service_s),
        )


class Crowd:
    """Callers and agents; writes down what becomes of them."""

    def __init__(self, point: Point, calls: int, seed: int) -> None:
        self.measured = Measured([0.0] * calls, [False] * calls, [False] * calls)
        self._arrivals = arrivals(point, calls, random.Random(seed))
        self._guesses: dict[str, tuple[int, float]] = {}
        agents = [f"{i:03}" for i in range(point.agents)]
        ids = count()
        self._router = Router(
            agents=[
                AgentProfile(number=name, name=name, account=name, skills={"q": Grade.A})
                for name in agents
            ],
            queues=[QUEUE],
            new_id=lambda: f"o{next(ids)}",
        )
        self._world = FloorWorld(self._router, self)
        self._world.on_waiting = self._waits
        self._world.log_in(agents)

    def run(self) -> Measured:
        self._world.run(self._arrivals)
        return self.measured

    def _waits(self, arrival: Arrival, now: float) -> None:
        self.measured.waited[int(arrival.call)] = True
        guess_s = self._router.estimated_wait(arrival.call, now)
        if guess_s is not None:
            self._guesses[arrival.call] = (self._router.position(arrival.call, now), guess_s)

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        return Handling(arrival.work_s)

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        self.measured.waits_s[int(arrival.call)] = wait_s = now - arrival.at_s
        guess = self._guesses.pop(arrival.call, None)
        if guess is not None:
            self.measured.guesses.append((*guess, wait_s))

    def ended(self, arrival: Arrival, agent: str, now: float) -> None:
        pass

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None:
        self.measured.waits_s[int(arrival.call)] = now - arrival.at_s
        self.measured.abandoned[int(arrival.call)] = True
        self._guesses.pop(arrival.call, None)


def by_hand(point: Point, calls: int, seed: int) -> Measured:
    """Serve the same callers without a router: first come, first served, by a heap of agents.

    Kiefer and Wolfowitz 1955: a call waits until the first of the agents is free, and takes that
    agent's time only if its caller is still there.
    """
    measured = Measured([0.0] * calls, [False] * calls, [False] * calls)
    free_at = [0.0] * point.agents
    for index, arrival in enumerate(arrivals(point, calls, random.Random(seed))):
        wait_s = max(0.0, free_at[0] - arrival.at_s)
        measured.waited[index] = wait_s > 0.0
        measured.abandoned[index] = wait_s > arrival.patience_s
        measured.waits_s[index] = min(wait_s, arrival.patience_s)
        if wait_s <= arrival.patience_s:
            heapreplace(free_at, arrival.at_s + wait_s + arrival.work_s)
    return measured


def show(point: Point, calls: int, seed: int) -> None:
    began = time.process_time()
    measured = Crowd(point, calls, seed).run()
    cpu_s = time.process_time() - began
    line = point.theory()
    print(f"{point} ({cpu_s / calls * 1e6:.0f} µs CPU per call)")
    for name, theory, figures in (
        ("P(wait)", line.wait_probability, measured.waited),
        ("mean wait, s", line.mean_wait_s, measured.waits_s),
        ("abandoned", line.abandoned, measured.abandoned),
    ):
        mean, half = interval(figures, T_95)
        verdict = "" if abs(mean - theory) <= half else "  outside"
        print(f"  {name:<14} theory {theory:9.4f}   simulated {mean:9.4f} ± {half:.4f}{verdict}")
    guesses = guessing(measured, point.patience_s)
    print(
        f"  estimated wait from place {FROM_PLACE} on, {guesses.count:,} calls: "
        f"bias {guesses.bias:+.1%}, median error {guesses.median_error:.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000_000, help="for each point")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for point in POINTS:
        show(point, options.calls, options.seed)


if __name__ == "__main__":
    main()
