"""Server and phones over a bad network: bytes both ways, lost, doubled and out of order."""

import random

import pytest
import scenery

from acd.simulation.network import NetworkFaults
from acd.simulation.scenario import Scenario
from acd.simulation.wire_world import WireWorld

CALLS = 300
SCENARIO = Scenario(calls=CALLS, arrivals_per_s=0.8, numbers=("4001", "4002"), media_refused=0.0)


def run(faults: NetworkFaults, seed: int) -> WireWorld:
    world = WireWorld(
        SCENARIO,
        faults,
        agents=scenery.agents(50),
        queues=scenery.queues(),
        numbers=scenery.NUMBERS,
        flows=scenery.flows(),
        randomness=random.Random(seed),
    )
    try:
        world.run()
    except Exception as error:
        error.add_note(f"{faults}, seed {seed}")
        raise
    return world


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("share", "completed"),
    [(0.0, 1.0), (0.1, 0.995), (0.3, 0.97)],
    ids=["clean", "10 % lost and doubled", "30 % lost and doubled"],
)
def test_calls_complete_and_nothing_leaks(share: float, completed: float, seed: int) -> None:
    """A call completes when the caller got through and both sides' legs ended in good order."""
    faults = NetworkFaults(lost=share, doubled=share, delay_max_s=0.3)
    world = run(faults, seed)
    ledger = world.ledger
    assert ledger.started == ledger.ended
    assert ledger.outcomes["hangup"] >= completed * CALLS
    assert ledger.left["answered"] > 0.5 * CALLS
    assert world.cut_by_network <= (1 - completed) * CALLS


def test_a_seed_decides_the_whole_run() -> None:
    faults = NetworkFaults(lost=0.2, doubled=0.2)
    first, second = run(faults, 5), run(faults, 5)
    assert first.clock.now == second.clock.now
    assert first.ledger.offers == second.ledger.offers
