"""µs per decision of the router, set off against how slow the machine is in the same moment.

    PYTHONPATH=. .venv/bin/python tests/bench/bench_router_turns.py [--agents AGENTS]
        [--rounds ROUNDS] [--against TREE]

Budget: 20 µs median, 100 µs p99 with 10,000 agents, 200 queues, 10,000 calls waiting. Decisions
of the centre of `bench_router_decision.py` and an empty loop come in turns, 200 decisions each
time; each is divided by what the loop around it took, over what it takes on the machine that the
budget is for. The loop knows nothing of memory: caches that others use make decisions slower and
not the loop. `--against` has a router of another working tree decide in the same turns, in a
process of its own: where the machine swings, only the ratio of the two counts.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter_ns

import bench_router_decision as bench

TURNS_OF_LOOP = 10_000
REFERENCE_LOOP_NS = 57.0
"A turn of the loop on the machine that the budget is for: 3 million of them in 0.17 s."

DECISIONS = 200
KINDS = {"comes": "a call comes", "frees": "an agent frees up"}
HERE = Path(__file__).parents[2]


def slowness() -> float:
    """How many times as long as there a turn of the empty loop takes at this moment."""
    taken_ns = []
    for _ in range(3):
        begin, total = perf_counter_ns(), 0
        for index in range(TURNS_OF_LOOP):
            total += index & 7
        taken_ns.append(perf_counter_ns() - begin)
    return median(taken_ns) / TURNS_OF_LOOP / REFERENCE_LOOP_NS


def decide(agents: int) -> None:
    """Decide as often as the other end of the pipe asks for it, and say what that took."""
    centre = bench.Centre(agents, agents)
    bench.calls_come(centre, bench.WARM_UP)
    busy: list[str] = []
    for line in sys.stdin:
        kind = line.strip()
        if kind == "frees" and not busy:
            busy = bench.fill(centre)
            bench.agents_free_up(centre, busy, bench.ROUNDS * agents, in_turn=True)
        before = slowness()
        figures_us = (
            bench.calls_come(centre, DECISIONS)
            if kind == "comes"
            else bench.agents_free_up(centre, busy, DECISIONS)
        )
        print(json.dumps([(before + slowness()) / 2, figures_us]), flush=True)


@contextmanager
def deciding(tree: Path, agents: int) -> Iterator[subprocess.Popen[str]]:
    """Have a process with the router of this working tree."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--agents", str(agents), "--decide"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tree)},
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def ask(process: subprocess.Popen[str], kind: str) -> tuple[float, list[float]]:
    """Have the process decide DECISIONS times: how slow the machine was, and µs of each."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{kind}\n")
    process.stdin.flush()
    slow, figures_us = json.loads(process.stdout.readline())
    return slow, figures_us


def in_turns(processes: dict[str, subprocess.Popen[str]], kind: str, rounds: int) -> None:
    """Let the processes decide one after the other, and show what it took them."""
    raw_us: dict[str, list[float]] = {name: [] for name in processes}
    set_off_us: dict[str, list[float]] = {name: [] for name in processes}
    slow = []
    for _ in range(rounds):
        for name, process in processes.items():
            slowness_then, figures_us = ask(process, kind)
            slow.append(slowness_then)
            raw_us[name] += figures_us
            set_off_us[name] += [figure / slowness_then for figure in figures_us]
    for name in processes:
        print(
            f"{KINDS[kind]:<20}{name:<12}{median(raw_us[name]):>10.1f}"
            f"{median(set_off_us[name]):>12.1f}{quantiles(set_off_us[name], n=100)[98]:>10.1f}"
            f"{median(slow):>10.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--against", type=Path, help="another working tree")
    parser.add_argument("--decide", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.decide:
        decide(options.agents)
        return
    print(f"{'':<32}{'as taken':>10}{'set off':>12}{'':>10}{'machine':>10}")
    print(f"{'':<32}{'median µs':>10}{'median µs':>12}{'p99 µs':>10}{'slower':>10}")
    with deciding(HERE, options.agents) as here:
        processes = {"here": here}
        if options.against is None:
            for kind in KINDS:
                in_turns(processes, kind, options.rounds)
            return
        with deciding(options.against, options.agents) as there:
            for kind in KINDS:
                in_turns({"there": there, "here": here}, kind, options.rounds)


if __name__ == "__main__":
    main()
