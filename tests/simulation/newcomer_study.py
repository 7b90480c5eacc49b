"""What exploration is for: how soon a good new agent is found, and what looking costs.

    .venv/bin/python tests/simulation/newcomer_study.py [--populations 10] [--json FILE]

The floor of `rank_study.py`, but a tenth of the agents, those who have been there longest, go
after every 6,000 calls, and as many new ones come of whom nothing is known. All ways of routing
see the same callers and the same people. Good is a newcomer who sells 0.84 standard deviations
above the mean, as one in five does; occupancies are those in the thousands of the centre's calls
since the newcomer came. Results go to standard output and, with --json, to a file, from which a
stopped run goes on.
"""

import argparse
from collections.abc import Iterator
from itertools import count, pairwise
from math import sqrt
from pathlib import Path
from random import Random
from statistics import fmean, stdev

from rank_study import AGENTS, CATEGORIES, TIME_PRICE, WARM_UP, Job, callers, run_all

from acd.routing.events import LeaveReason, OfferMade
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    QueueKind,
    QueueProfile,
    Status,
)
from acd.routing.router import Router
from acd.simulation.floor_world import Arrival, FloorWorld, Handling

CALLS = 60_000
EVERY_CALLS = 6_000
"Between two changes of staff: at load 0.7 some nine hours, a long day."

CHANGE = len(AGENTS) // 10
LOADS = (0.4, 0.7)
PART_CALLS = 1_000
PARTS = EVERY_CALLS // PART_CALLS
GOOD = 0.65 + 0.84 * 0.08
POOR = 0.65 - 0.84 * 0.08
FOUND = 0.5
"A good newcomer who is busy for less than half of the time by the end was not found."

WAYS = ("none", "ucb", "thompson")


class Sellers:
    """Who sells how well, those who come later too; drawn from the seed."""

    def __init__(self, seed: int) -> None:
        random = Random(f"sellers {seed}")
        changes = CALLS // EVERY_CALLS - 1
        self.comers = [
            [f"{2001 + each * CHANGE + n}" for n in range(CHANGE)] for each in range(changes)
        ]
        self.all = [*AGENTS, *(agent for comers in self.comers for agent in comers)]
        self.conversion: dict[tuple[str, str], float] = {}
        self.mean: dict[str, float] = {}
        for agent in self.all:
            base = random.gauss(0.65, 0.08)
            values = [min(1.0, max(0.0, base + random.gauss(0.0, 0.06))) for _ in CATEGORIES]
            self.conversion |= {
                (agent, each): value for each, value in zip(CATEGORIES, values, strict=True)
            }
            self.mean[agent] = fmean(values)


class Floor:
    """Answers, sells or not, tells the router, and changes the staff."""

    def __init__(self, sellers: Sellers, seed: int, arrivals: list[Arrival]) -> None:
        self.sellers = sellers
        self.router: Router
        self.world: FloorWorld
        random = Random(f"luck {seed}").random
        self._luck = [random() for _ in arrivals]
        self._arrivals = arrivals
        self._first = int(len(arrivals) * WARM_UP)
        self.answered_calls = self.offered = self.abandoned = 0
        self.sold = 0.0
        self._came: dict[str, int] = {}
        self.busy_s: dict[str, list[float]] = {}
        "By newcomer, in each part of the time since."

    def change(self, index: int) -> None:
        """Let the longest-serving go, and the next newcomers come."""
        world, router, sellers = self.world, self.router, self.sellers
        for agent in sellers.all[index * CHANGE : (index + 1) * CHANGE]:
            world.take(router.set_status(agent, Status.LOGGED_OUT, "", "agent", world.now))
        for agent in sellers.comers[index]:
            self._came[agent] = (index + 1) * EVERY_CALLS
            self.busy_s[agent] = [0.0] * PARTS
        world.log_in(sellers.comers[index])

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        return Handling(arrival.work_s)

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        index = int(arrival.call)
        if index >= self._first:
            self.offered += 1
            self.answered_calls += 1
            self.sold += self.sellers.conversion[offer.agent, arrival.category]
        came = self._came.get(offer.agent)
        if came is not None and (part := (index - came) // PART_CALLS) < PARTS:
            self.busy_s[offer.agent][max(0, part)] += arrival.work_s

    def ended(self, arrival: Arrival, agent: str, now: float) -> None:
        bought = self._luck[int(arrival.call)] < self.sellers.conversion[agent, arrival.category]
        self.router.record_outcome(agent, "sales", arrival.category, arrival.call, bought, now)

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None:
        if int(arrival.call) >= self._first:
            self.offered += 1
            self.abandoned += 1

    def occupancies(self) -> list[tuple[float, list[float]]]:
        """Return each newcomer's mean conversion, and the occupancy in each part."""
        found = []
        for agent, busy in self.busy_s.items():
            begin = self._came[agent]
            times = [self._at(begin + part * PART_CALLS) for part in range(PARTS + 1)]
            spans = [late - early for early, late in pairwise(times)]
            parts = [work / span for work, span in zip(busy, spans, strict=True)]
            found.append((self.sellers.mean[agent], parts))
        return found

    def _at(self, index: int) -> float:
        return self._arrivals[min(index, len(self._arrivals) - 1)].at_s


def simulate(seed: int, load: float, exploration: str) -> dict:
    """Run one way of exploring through one population and its changes."""
    sellers = Sellers(seed)
    arrivals = list(callers(seed, load, CALLS))
    floor = Floor(sellers, seed, arrivals)
    ids = count()
    queue = QueueProfile(
        name="sales",
        skill="sales",
        kind=QueueKind.SALES,
        layers=(LayerProfile(name="all", order="conversion"),),
        wrap_up_s=0.0,
        max_wait_s=1e9,
        exploration=exploration,
        time_price=TIME_PRICE,
    )
    agents = [
        AgentProfile(number=each, name=each, account=each, skills={"sales": Grade.A})
        for each in sellers.all
    ]
    random = Random(f"router {seed} {load}").random
    floor.router = Router(
        agents=agents, queues=[queue], new_id=lambda: f"o{next(ids)}", random=random
    )
    floor.world = FloorWorld(floor.router, floor)
    floor.world.log_in(AGENTS)
    for index in range(len(sellers.comers)):
        at_s = arrivals[(index + 1) * EVERY_CALLS].at_s
        floor.world.at(at_s, lambda index=index: floor.change(index))
    floor.world.run(iter(arrivals))
    return {
        "conversion": floor.sold / floor.answered_calls,
        "abandoned": floor.abandoned / floor.offered,
        "newcomers": floor.occupancies(),
    }


def study(job: Job) -> dict:
    seed, load, way = job
    return {"seed": seed, "load": load, "way": way, **simulate(seed, load, way)}


def jobs(seeds: range, ways: tuple[str, ...], loads: tuple[float, ...]) -> Iterator[Job]:
    for seed in seeds:
        for load in loads:
            for way in ways:
                yield seed, load, way


def error(values: list[float]) -> float:
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0


def curve(rows: list[dict], low: float, high: float) -> list[list[float]]:
    """Return the occupancies of newcomers who sell between these, part by part."""
    tracks = [busy for row in rows for mean, busy in row["newcomers"] if low <= mean < high]
    return [list(part) for part in zip(*tracks, strict=True)]


def show(results: list[dict]) -> None:
    for load in sorted({each["load"] for each in results}):
        at_load = [each for each in results if each["load"] == load]
        base = {each["seed"]: each["conversion"] for each in at_load if each["way"] == "none"}
        print(f"load {load}")
        for way in dict.fromkeys(each["way"] for each in at_load):
            rows = [each for each in at_load if each["way"] == way]
            lost = [
                100.0 * (each["conversion"] - base[each["seed"]])
                for each in rows
                if each["seed"] in base
            ]
            good, poor = curve(rows, GOOD, 2.0), curve(rows, -1.0, POOR)
            unfound = fmean([busy < FOUND for busy in good[-1]])
            print(
                f"  {way:<10} conversion {100 * fmean(each['conversion'] for each in rows):.2f},"
                f" against none {fmean(lost):+.2f} ± {error(lost):.2f}; {len(good[0])} good: "
                + " ".join(f"{fmean(part):.2f}" for part in good)
                + f" (± {error(good[0]):.2f}), not found {unfound:.2f}; {len(poor[0])} poor: "
                + " ".join(f"{fmean(part):.2f}" for part in poor)
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--populations", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="first population's seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write every run's figures to this file")
    parser.add_argument("--ways", nargs="+", default=WAYS)
    parser.add_argument("--loads", nargs="+", type=float, default=LOADS)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.populations)
    wanted = jobs(seeds, tuple(options.ways), tuple(options.loads))
    show(run_all(wanted, study, processes=options.processes, kept=options.json))


if __name__ == "__main__":
    main()
