"""ms of CPU per slice of a refit, median / longest of each kind: calls wait behind one at most.

    PYTHONPATH=. .venv/bin/python tests/bench/bench_refit.py [--agents AGENTS …] [--outcomes N]

One sales queue with all the agents and five categories, its price measured, half of them idle;
`--outcomes` (20) of each agent are known when the prior falls due. Budget: 5 ms. What is printed
is the process' CPU, which other work on the machine stretches: so each line begins with how long
an empty loop of 100,000 turns took just then.
"""

import argparse
from collections import defaultdict
from statistics import median
from time import process_time

from bench_router_decision import CATEGORIES, Floor

from acd.app.tuning import tune_collector
from acd.routing.model import LayerProfile, QueueProfile

BUDGET_MS = 5.0
LOOP = 100_000
ROUNDS = 3

QUEUES = (
    QueueProfile(
        name="sales",
        skill="sales",
        layers=(LayerProfile(name="all", order="conversion"),),
        exploration="ucb",
        time_price="measured",
    ),
)


class OneQueue(Floor):
    """All agents in one queue, whose calls have asked for every category."""

    queues = QUEUES

    def __init__(self, agents: int, outcomes: int) -> None:
        self.outcomes = outcomes
        super().__init__(agents)
        for category in CATEGORIES:
            self.ask(category)
        for number in self.router.agent_numbers()[1::2]:
            self.router.engage(number, f"t{number}", "", "", self.now)
        self.now += 3600.0  # half of them talk and stay so: their time has a price

    def _learn(self, number: str) -> None:
        for _ in range(self.outcomes // 20):
            super()._learn(number)

    def ask(self, category: str) -> None:
        """Let a call come and go, so that its list is there."""
        call = self.call()
        self.router.enqueue(call, self.now)
        self.router.leave(call.call, self.now)

    def fall_due(self, turn: int) -> None:
        """Have so many outcomes come that the prior is old, and a decision that notices it."""
        for index in range(self.outcomes * len(self.router.agent_numbers()) // 15):
            self.router.record_outcome(
                f"{index % len(self.router.agent_numbers()):05}",
                "sales",
                CATEGORIES[index % 5],
                f"more {turn} {index}",
                index % 3 == 0,
                100.0 + turn,
            )
        self.now += 301.0  # the price of time is due again, too
        self.ask("tv")


def slices(floor: OneQueue) -> dict[str, list[float]]:
    """Return ms of CPU of each slice, by what it was."""
    taken_ms: defaultdict[str, list[float]] = defaultdict(list)
    queue = floor.router._dispatch.queues["sales"]
    rank, lists = queue.rank, queue.pools.values()
    until = floor.now + 60.0
    while (due_at := floor.router.next_deadline()) <= until:
        stale, begun = rank.stale, any(pool.pending for pool in lists)
        priced = rank.price is not None and due_at >= rank.price.due_at
        outdated = any(pool.outdated for pool in lists)
        what = "list" if begun else "list's begin" if outdated else "the rest"
        what = "fit" if stale else "price" if priced else what
        begin = process_time()
        floor.router.on_time(due_at)
        taken = (process_time() - begin) * 1000.0
        if what == "fit" and not rank.stale:
            what = "fit's end"
        taken_ms[what].append(taken)
    return taken_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", type=int, nargs="+", default=[500, 2_000, 10_000])
    parser.add_argument("--outcomes", type=int, default=20)
    options = parser.parse_args()
    for agents in options.agents:
        floor = OneQueue(agents, options.outcomes)
        tune_collector()
        for turn in range(ROUNDS):
            begin = process_time()
            for _ in range(LOOP):
                pass
            loop_ms = (process_time() - begin) * 1000.0
            floor.fall_due(turn)
            found = slices(floor)
            shown = ", ".join(
                f"{len(each)} × {what} {median(each):.1f} / {max(each):.1f}"
                for what, each in found.items()
            )
            print(f"{agents} agents, loop {loop_ms:.1f} ms: {shown}")


if __name__ == "__main__":
    main()
