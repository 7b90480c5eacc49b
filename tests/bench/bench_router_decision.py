"""µs per decision of the router, median and p99, with many agents and with many calls.

    .venv/bin/python tests/bench/bench_router_decision.py [--calls CALLS] [--agents AGENTS …]

Budget: 20 µs median to pick an agent with 200 agents idle. "call → agent" times `enqueue` up to
its OfferMade with all agents idle; "agent → call" times `end_wrap_up` up to the OfferMade with
1,000 calls waiting; "whole call" is everything the router does for one call: enqueue, answer,
release, end of wrap-up. One sales queue in three layers, five product categories, each agent with
a measured conversion.
"""

import argparse
import gc
from collections.abc import Callable
from itertools import count
from random import Random
from statistics import median, quantiles
from time import perf_counter_ns

from acd.routing.events import OfferMade
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    QueueProfile,
    Status,
    WaitingCall,
)
from acd.routing.router import Router

CATEGORIES = ("tv", "pans", "jewels", "tea", "phones")
BUDGET_US = 20.0
BACKLOG = 1_000

SALES = QueueProfile(
    name="sales",
    skill="sales",
    layers=(
        LayerProfile(name="sellers", order="conversion", minimum_grade=Grade.AA),
        LayerProfile(
            name="experts", order="category_grade", minimum_category_grade=Grade.A, after_s=2.0
        ),
        LayerProfile(name="all", order="conversion", after_s=5.0),
    ),
)


class Floor:
    """A router with all its agents logged in, and a clock."""

    def __init__(self, agents: int) -> None:
        self.random = Random(7)
        ids = count()
        self.calls = count()
        self.now = 1000.0
        self.router = Router(
            agents=[self._profile(f"{index:05}") for index in range(agents)],
            queues=[SALES],
            new_id=lambda: f"o{next(ids)}",
        )
        for index in range(agents):
            self._learn(f"{index:05}")
            self.router.set_reachable(f"{index:05}", True, self.now)
            self.router.set_status(f"{index:05}", Status.READY, "", "agent", self.now)
            self.now += 0.01

    def _profile(self, number: str) -> AgentProfile:
        grades = {category: self.random.choice(list(Grade)) for category in CATEGORIES}
        return AgentProfile(
            number=number,
            name=number,
            account=number,
            skills={"sales": self.random.choice(list(Grade))},
            categories=grades,
        )

    def _learn(self, number: str) -> None:
        skill = self.random.betavariate(6, 6)
        for index in range(20):
            self.router.record_outcome(
                number,
                "sales",
                self.random.choice(CATEGORIES),
                f"{number}-{index}",
                self.random.random() < skill,
                float(index),
            )

    def call(self) -> WaitingCall:
        name = f"c{next(self.calls)}"
        self.now += 0.01
        return WaitingCall(
            call=name,
            interaction=name,
            queue="sales",
            enqueued_at=self.now,
            category=self.random.choice(CATEGORIES),
        )


def timed(act: Callable[[], list]) -> tuple[float, list]:
    begin = perf_counter_ns()
    events = act()
    return (perf_counter_ns() - begin) / 1000.0, events


def offer_in(events: list) -> OfferMade:
    (made,) = [event for event in events if isinstance(event, OfferMade)]
    return made


def many_agents(agents: int, calls: int) -> tuple[list[float], list[float]]:
    """Calls come one by one to a floor that is idle."""
    floor = Floor(agents)
    router = floor.router
    gc.freeze()
    decisions, whole = [], []
    for _ in range(calls):
        call = floor.call()
        decision_us, events = timed(lambda: router.enqueue(call, floor.now))  # noqa: B023 -- called at once
        made = offer_in(events)
        floor.now += 0.001
        answer_us, _ = timed(lambda: router.offer_answered(made.offer, floor.now))  # noqa: B023 -- called at once
        release_us, _ = timed(lambda: router.release(made.agent, floor.now))  # noqa: B023 -- called at once
        free_us, _ = timed(lambda: router.end_wrap_up(made.agent, floor.now))  # noqa: B023 -- called at once
        decisions.append(decision_us)
        whole.append(decision_us + answer_us + release_us + free_us)
    return decisions, whole


def many_calls(agents: int, calls: int) -> list[float]:
    """Agents free up one by one in front of a line that stays BACKLOG calls long."""
    floor = Floor(agents)
    router = floor.router
    busy = []
    while len(busy) < agents:
        made = [
            event
            for event in (
                *router.enqueue(floor.call(), floor.now),
                *router.on_time(floor.now),
            )
            if isinstance(event, OfferMade)
        ]
        for event in made:
            router.offer_answered(event.offer, floor.now)
            busy.append(event.agent)
    while sum(router.queue_lengths().values()) < BACKLOG:
        router.enqueue(floor.call(), floor.now)
    gc.freeze()
    decisions = []
    for index in range(calls):
        router.enqueue(floor.call(), floor.now)
        router.release(busy[index % agents], floor.now)
        number = busy[index % agents]
        us, events = timed(lambda: router.end_wrap_up(number, floor.now))  # noqa: B023 -- called at once
        router.offer_answered(offer_in(events).offer, floor.now)
        decisions.append(us)
    return decisions


def show(what: str, agents: int, figures_us: list[float]) -> None:
    p99 = quantiles(figures_us, n=100)[98]
    print(f"{what:<14}{agents:>8}{median(figures_us):>12.1f}{p99:>10.1f}{max(figures_us):>10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, nargs="+", default=[200, 10_000])
    options = parser.parse_args()
    print(f"{'':<14}{'agents':>8}{'median µs':>12}{'p99 µs':>10}{'max µs':>10}")
    for agents in options.agents:
        decisions, whole = many_agents(agents, options.calls)
        show("call → agent", agents, decisions)
        show("whole call", agents, whole)
        show("agent → call", agents, many_calls(agents, options.calls))
        if agents == 200:
            verdict = "within" if median(decisions) <= BUDGET_US else "OVER"
            print(f"  {verdict} the budget of {BUDGET_US:.0f} µs median")


if __name__ == "__main__":
    main()
