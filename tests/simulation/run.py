"""Simulate many calls from the command line, with every promise checked on the way.

    python tests/simulation/run.py --calls 100000 --seed 1 [--wire] [--broken]

`--calls` counts the callers who come; more calls follow from them. Prints what became of all the
calls, and how long it took. A broken promise ends it with the seed.
"""

import argparse
import math
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import scenery

from acd.routing.waiting_rules import First
from acd.simulation.invariant import InvariantError
from acd.simulation.ledger import Ledger
from acd.simulation.network import NetworkFaults
from acd.simulation.scenario import Scenario
from acd.simulation.wire_world import WireWorld
from acd.simulation.world import World

AGENTS = 200
ARRIVALS_PER_S = 2.2
"What two hundred agents serve with some waiting: a talk and its wrap-up take a good minute."

TOLD_EVERY_S = 1.0


def scenario(calls: int, *, broken: bool, wire: bool) -> Scenario:
    if wire:
        return Scenario(calls=calls, arrivals_per_s=2.0, numbers=("4001", "4002"), media_refused=0)
    if not broken:
        return Scenario(calls=calls, arrivals_per_s=ARRIVALS_PER_S)
    return Scenario(
        calls=calls,
        arrivals_per_s=ARRIVALS_PER_S,
        no_answer=0.2,
        busy=0.1,
        rejected=0.1,
        unreachable=0.1,
        holds=0.5,
        media_refused=0.05,
        media_delay_s=3.0,
        media_lost_every_s=600.0,
        agent_changes_every_s=60.0,
        answers_lost=0.02,
        phones_vanish=0.02,
        crashes_every_s=1_800.0,
        stalls_every_s=900.0,
        wall_jumps_every_s=1_200.0,
        reloads_every_s=600.0,
        hands_on=0.05,
        agent_dials=0.05,
        keys="1122390#*3#",
        callers=2_000,
    )


def progress(world: World | WireWorld, callers: int) -> Callable[[int], None]:
    """Return what tells now and then how far it is: by the callers, since calls follow calls."""
    told_at = began_at = time.monotonic()

    def tell(ended: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at >= TOLD_EVERY_S:
            told_at, passed_s, come = now, now - began_at, world.callers_come
            left_min = passed_s * (callers - come) / come / 60 if come else math.inf
            print(
                f"\r{come:>9,} of {callers:,} callers, {ended:,} calls ended, "
                f"{ended / passed_s:,.0f}/s, {left_min:,.0f} min to go ",
                end="",
                file=sys.stderr,
            )

    return tell


def simulate(arguments: argparse.Namespace) -> tuple[World | WireWorld, Ledger]:
    """Run it; return the world and its ledger."""
    called_back = arguments.broken and not arguments.wire
    of_stage = {
        "agents": scenery.agents(AGENTS),
        "queues": scenery.waiting_queues(First.AGENT) if called_back else scenery.queues(),
        "numbers": scenery.CALLING_OUT if called_back else scenery.NUMBERS,
        "flows": scenery.flows(),
        "randomness": random.Random(arguments.seed),
    }
    day = scenario(arguments.calls, broken=arguments.broken, wire=arguments.wire)
    faults = NetworkFaults(lost=arguments.lost, doubled=arguments.lost, delay_max_s=0.3)
    world = WireWorld(day, faults, **of_stage) if arguments.wire else World(day, **of_stage)
    world.on_ended = progress(world, arguments.calls)
    return world, world.run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--calls",
        type=int,
        default=100_000,
        help="callers who come; with --broken each leads to some 1.3 calls, as agents dial too,"
        " hand on and call back",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--broken",
        action="store_true",
        help="phones, people and media fail often, and callers want to be called back",
    )
    parser.add_argument("--wire", action="store_true", help="SIP by bytes over a bad network")
    parser.add_argument("--lost", type=float, default=0.05, help="share of datagrams, with --wire")
    arguments = parser.parse_args()
    began = time.perf_counter(), time.process_time()
    try:
        world, ledger = simulate(arguments)
    except InvariantError as error:
        print(f"\nseed {arguments.seed}: {error}", file=sys.stderr)
        return 1
    wall_s, cpu_s = time.perf_counter() - began[0], time.process_time() - began[1]
    print(file=sys.stderr)
    for what, counted in (
        ("calls ended", ledger.outcomes),
        ("queue visits", ledger.left),
        ("offers", ledger.offers),
        ("call-backs", ledger.promises.outcomes),
        ("misfortunes", world.misfortunes.counted if isinstance(world, World) else Counter()),
    ):
        shares = ", ".join(f"{reason} {count:,}" for reason, count in counted.most_common())
        if shares:
            print(f"{what:>14}: {shares}")
    calls, simulated_s = ledger.started, world.clock.now
    print(
        f"{world.callers_come:,} callers, {calls:,} calls of {simulated_s / 3600:,.1f} simulated "
        f"hours in {wall_s:.1f} s "
        f"({cpu_s:.1f} s CPU, {cpu_s / calls * 1e6:.0f} µs per call), every promise kept"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
