"""What ranking by measured conversion earns, and what fairness costs, by the production router.

    .venv/bin/python tests/simulation/rank_study.py [--populations 20] [--processes 2]

Each population has 50 agents; conversion is a base from N(0.65, 0.08) per agent plus N(0, 0.06)
per agent and category, 4 categories. Calls come at random (Poisson) at a load, serve exp(180 s),
hang up after exp(240 s), 60,000 of them, the first 30 % warm-up. The router knows nothing when it
begins and learns each outcome as the talk ends. All ways of routing see the same callers, who hang
up, talk and would buy alike; compared is the conversion expected of the answered calls, that is
the mean of the conversions of the agents who took them, which leaves out the luck of the draw.
Results go to standard output and, with --json, to a file that `rank_charts.py` draws.
"""

import argparse
import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import count
from math import sqrt
from pathlib import Path
from random import Random
from statistics import mean, stdev

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import AgentProfile, Grade, LayerProfile, QueueKind, QueueProfile
from acd.routing.router import Router
from acd.simulation.floor_world import Arrival, FloorWorld, Handling

AGENTS = tuple(f"{1001 + index}" for index in range(50))
CATEGORIES = ("tv", "pans", "jewels", "tea")
SERVICE_S = 180.0
PATIENCE_S = 240.0
CALLS = 60_000
WARM_UP = 0.3
LOADS = (0.7, 0.85, 0.95, 1.1)
WINDOWS_S = {0.85: 20.0, 0.95: 20.0, 1.1: 60.0}
EXPLORATION = "none"
TIME_PRICE = "measured"

LONGEST_IDLE = "longest idle"
RANK = "rank"
PAIRING = "rank and pairing"

Job = tuple[int, float, str]
"Population, load and way."


class Population:
    """Who sells how well; drawn from the seed."""

    def __init__(self, seed: int) -> None:
        random = Random(f"population {seed}")
        self.conversion: dict[tuple[str, str], float] = {}
        for agent in AGENTS:
            base = random.gauss(0.65, 0.08)
            for category in CATEGORIES:
                value = base + random.gauss(0.0, 0.06)
                self.conversion[agent, category] = min(1.0, max(0.0, value))


def callers(seed: int, load: float, calls: int) -> Iterator[Arrival]:
    """Draw the callers; the same ones for every way of routing."""
    random = Random(f"callers {seed} {load}")
    rate = load * len(AGENTS) / SERVICE_S
    at_s = 0.0
    for index in range(calls):
        at_s += random.expovariate(rate)
        yield Arrival(
            call=f"{index}",
            at_s=at_s,
            queue="sales",
            category=random.choice(CATEGORIES),
            work_s=random.expovariate(1.0 / SERVICE_S),
            patience_s=random.expovariate(1.0 / PATIENCE_S),
        )


class Sales:
    """Answers, sells or not, and tells the router; counts from the end of the warm-up on."""

    def __init__(self, population: Population, seed: int, calls: int) -> None:
        self._conversion = population.conversion
        random = Random(f"luck {seed}").random
        self._luck = [random() for _ in range(calls)]
        self._first = int(calls * WARM_UP)
        self.router: Router
        self.began_s = 0.0
        self.offered = 0
        self.abandoned = 0
        self.waited_s = 0.0
        self.groups: dict[bool, list[float]] = {False: [0, 0.0], True: [0, 0.0]}
        "By hold-out: answered calls, and the sum of the conversions of who took them."
        self.busy_s = dict.fromkeys(AGENTS, 0.0)
        self.spared = 0

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        return Handling(arrival.work_s)

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        if int(arrival.call) < self._first:
            return
        self.began_s = self.began_s or now
        self.offered += 1
        self.waited_s += now - arrival.at_s
        group = self.groups[offer.choice.hold_out]
        group[0] += 1
        group[1] += self._conversion[offer.agent, arrival.category]
        self.busy_s[offer.agent] += arrival.work_s
        self.spared += offer.choice.spared > 0

    def ended(self, arrival: Arrival, agent: str, now: float) -> None:
        bought = self._luck[int(arrival.call)] < self._conversion[agent, arrival.category]
        self.router.record_outcome(agent, "sales", arrival.category, arrival.call, bought, now)

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None:
        if int(arrival.call) >= self._first:
            self.offered += 1
            self.abandoned += 1


def simulate(seed: int, load: float, calls: int = CALLS, **policy: object) -> dict:
    """Run one way of routing; `policy` are fields of the queue's profile, and `order`."""
    order = str(policy.pop("order", "conversion"))
    ids = count()
    agents = [
        AgentProfile(number=number, name=number, account=number, skills={"sales": Grade.A})
        for number in AGENTS
    ]
    queue = QueueProfile(
        name="sales",
        skill="sales",
        kind=QueueKind.SALES,
        layers=(LayerProfile(name="all", order=order),),
        wrap_up_s=0.0,
        max_wait_s=1e9,
        **policy,
    )
    random = Random(f"router {seed} {load}").random
    router = Router(agents=agents, queues=[queue], new_id=lambda: f"o{next(ids)}", random=random)
    people = Sales(Population(seed), seed, calls)
    people.router = router
    world = FloorWorld(router, people)
    world.log_in(AGENTS)
    world.run(callers(seed, load, calls))
    return _figures(people, world.now)


def _figures(people: Sales, now: float) -> dict:
    answered = sum(group[0] for group in people.groups.values())
    sold = sum(group[1] for group in people.groups.values())
    occupancy = sorted(busy / (now - people.began_s) for busy in people.busy_s.values())
    kept, held = people.groups[False], people.groups[True]
    return {
        "conversion": sold / answered,
        "abandoned": people.abandoned / people.offered,
        "wait_s": people.waited_s / answered,
        "occupancy": occupancy,
        "spared": people.spared / answered,
        "ranked": kept[1] / kept[0] if kept[0] else None,
        "hold_out": held[1] / held[0] if held[0] else None,
    }


RANKED: dict[str, object] = {"exploration": EXPLORATION, "time_price": TIME_PRICE}

GAINS: dict[str, dict[str, object]] = {
    LONGEST_IDLE: {"order": "longest_idle"},
    RANK: RANKED,
    PAIRING: RANKED,
}
"The ways of routing whose gain is compared at all loads; pairing with the window of the load."

PRICES: dict[str, dict[str, object]] = {
    **{f"cap {cap:.2f}": {**RANKED, "occupancy_cap": cap} for cap in (0.95, 0.90, 0.85)},
    "hold-out 0.10": {**RANKED, "hold_out": 0.1},
}
"What fairness costs, at the load of PRICED."

PRICED = 0.7

EXPLORED: dict[str, dict[str, object]] = {
    f"{way}, {exploration}": {**RANKED, "exploration": exploration}
    for way in (RANK, PAIRING)
    for exploration in ("ucb", "thompson")
}
"What exploration costs where all agents are new at once, at the loads of EXPLORED_AT."

EXPLORED_AT = {RANK: 0.7, PAIRING: 0.85}


def jobs(seeds: range) -> Iterator[Job]:
    """Name every run by population, load and way: gains first, then prices, then exploration."""
    for seed in seeds:
        for load in LOADS:
            for way in GAINS:
                if way != PAIRING or load in WINDOWS_S:
                    yield seed, load, way
    for seed in seeds:
        for way in PRICES:
            yield seed, PRICED, way
    for seed in seeds:
        for way in EXPLORED:
            yield seed, EXPLORED_AT[way.partition(",")[0]], way


def study(job: Job, calls: int) -> dict:
    """Run one way of routing through one population at one load."""
    seed, load, way = job
    policy = {**GAINS, **PRICES, **EXPLORED}[way]
    if way.startswith(PAIRING):
        policy = {**policy, "fairness_window_s": WINDOWS_S[load]}
    figures = simulate(seed, load, calls, **policy)
    return {"seed": seed, "load": load, "way": way, **figures}


def lifts(results: list[dict], load: float, way: str) -> list[float]:
    """Return the gain in points over longest idle, population by population."""
    found = {
        (each["seed"], each["way"]): each["conversion"] for each in results if each["load"] == load
    }
    seeds = sorted({seed for seed, _ in found})
    return [
        100.0 * (found[seed, way] - found[seed, LONGEST_IDLE])
        for seed in seeds
        if (seed, way) in found
    ]


def show(results: list[dict]) -> None:
    """Print the mean gain with its standard error, and what else was seen."""
    head = f"{'load':>5} {'way':<18}{'gain':>7} {'± s.e.':>7}{'abandoned':>11}{'wait':>8}"
    print(head + f"{'occupancy of the least and most busy':>40}")
    for load in LOADS:
        names = dict.fromkeys(each["way"] for each in results if each["load"] == load)
        for way in names:
            rows = [each for each in results if each["load"] == load and each["way"] == way]
            gains = lifts(results, load, way)
            error = stdev(gains) / sqrt(len(gains)) if len(gains) > 1 else 0.0
            least = mean(each["occupancy"][0] for each in rows)
            most = mean(each["occupancy"][-1] for each in rows)
            print(
                f"{load:>5} {way:<18}{mean(gains):>+7.2f} {error:>7.2f}"
                f"{100 * mean(each['abandoned'] for each in rows):>9.2f} %"
                f"{mean(each['wait_s'] for each in rows):>6.1f} s{least:>34.2f}{most:>6.2f}"
            )


def run_all(
    wanted: Iterable[Job], run: Callable[[Job], dict], *, processes: int, kept: Path | None
) -> list[dict]:
    """Run what is wanted and not known yet; return all results, kept in a file after each."""
    results: list[dict] = []
    if kept and kept.exists():
        results = json.loads(kept.read_text())  # go on where an earlier run stopped
    known = {(each["seed"], each["load"], each["way"]) for each in results}
    with ProcessPoolExecutor(processes, initializer=gc.disable) as pool:
        running = [pool.submit(run, job) for job in wanted if job not in known]
        for done, future in enumerate(as_completed(running), start=1):
            results.append(future.result())
            print(f"{done} of {len(running)}", file=sys.stderr, flush=True)
            if kept:
                results.sort(key=lambda each: (each["seed"], each["load"]))
                kept.write_text(json.dumps(results))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--populations", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="first population's seed")
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every run's figures to this file")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.populations)
    run = partial(study, calls=options.calls)
    show(run_all(jobs(seeds), run, processes=options.processes, kept=options.json))


if __name__ == "__main__":
    main()
