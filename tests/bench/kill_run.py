#!/usr/bin/env python3
"""Kill the server under load, again and again on one state, and count whether a record is missing.

    PYTHONPATH=tests/system .venv/bin/python tests/bench/kill_run.py --kills 200

25 calls a second by SIPp all the while, through the time without a server too. One kill in six
comes while the server starts, when it closes what the one before left open.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from counted import CountedLoad, check_records, counted_site, settled
from lossy_load import free_port
from server import Server, Site

AGENTS = 100
READY_S = 180
"A start on a machine that is busy with other things."


def kill_again_and_again(
    server: Server, load: CountedLoad, kills: int, seed: int, *, longest_s: float
) -> None:
    """Kill and start the server so often; it runs when this returns."""
    rng = random.Random(seed)
    for number in range(1, kills + 1):
        if rng.random() < 1 / 6:
            server.kill9()
            server.launch()
            time.sleep(rng.uniform(0.1, 1.5))
        else:
            time.sleep(rng.uniform(0.2, longest_s))
        server.kill9()
        server.launch()
        server.wait_ready(READY_S)
        assert load.alive, "SIPp has ended"
        if number % 10 == 0:
            print(f"{number} kills, {len(load.callers('D'))} calls finished", flush=True)


def run(kills: int, seed: int, rate: int, longest_s: float) -> int:
    """Do it all; 1 if anything is missing."""
    site = Site()
    counted_site(site, AGENTS)
    began = time.monotonic()
    server = Server(site, address=f"127.0.0.1:{free_port()}").start()
    load = CountedLoad(server.sip(), Path(tempfile.mkdtemp(prefix="acd-kills-")), AGENTS)
    try:
        load.register()
        load.start_agents()
        load.start_callers(rate)
        kill_again_and_again(server, load, kills, seed, longest_s=longest_s)
        load.end_calls()
        settled(server)
        account = check_records(server, load)
    finally:
        load.stop()
        server.close()
        site.remove()
    print(f"{kills} kills in {time.monotonic() - began:.0f} s, seed {seed}\n{account}")
    return int(bool(account.faults))


def main() -> int:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rate", type=int, default=25, help="calls a second")
    parser.add_argument(
        "--longest-s", type=float, default=4.0, help="the longest life of a server"
    )
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return run(options.kills, options.seed, options.rate, options.longest_s)


if __name__ == "__main__":
    sys.exit(main())
