"""Server and phones over a bad network: bytes both ways, lost, doubled and out of order."""

import random

import pytest
import scenery
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from acd.calls.dial_plan import CallClass, DialPlan, Rights
from acd.simulation.network import NetworkFaults
from acd.simulation.scenario import Scenario
from acd.simulation.wire_world import WireWorld

CALLS = 300
SCENARIO = Scenario(calls=CALLS, arrivals_per_s=0.8, numbers=("4001", "4002"), media_refused=0.0)


OWN_NUMBERS = ("1001", "1002", "1030", "13800138000", "110", "95588", "+8675587654321", "4711")
OWN = replace(SCENARIO, calls=150, own_calls_every_s=2.0, own_numbers=OWN_NUMBERS, no_answer=0.1)
PLAN = DialPlan(
    trunks=("nowhere", "carrier"), default=Rights(CallClass.NATIONAL), no_answer_s=30.0
)


def run(
    faults: NetworkFaults, seed: int, scenario: Scenario = SCENARIO, agents: int = 50
) -> WireWorld:
    world = WireWorld(
        scenario,
        faults,
        agents=scenery.agents(agents),
        queues=scenery.queues(),
        numbers=replace(scenery.NUMBERS, dial_plan=PLAN),
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


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3])
def test_agents_who_call_colleagues_and_outside_keep_every_promise(
    share: float, seed: int
) -> None:
    """One trunk is not there at all: each call outside begins with it, and takes the other."""
    faults = NetworkFaults(lost=share, doubled=share, delay_max_s=0.3)
    world = run(faults, seed, OWN)
    ledger = world.ledger
    assert ledger.started == ledger.ended
    assert ledger.directions["internal"] > 10
    assert ledger.directions["outbound"] > 30
    assert world.carrier.calls > 0.6 * ledger.directions["outbound"]
    assert ledger.left["answered"] == ledger.offers["answered"] > 0.5 * OWN.calls


FEW = replace(OWN, calls=12, own_calls_every_s=10.0)


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.5),
    st.floats(0.0, 2.0),
    st.floats(0.0, 0.5),
    st.integers(0, 2**32),
)
def test_whatever_the_network_does_every_call_has_an_end(
    lost: float, doubled: float, delay_s: float, no_answer: float, seed: int
) -> None:
    """The world itself looks whether an agent is in two calls and whether anything leaks."""
    faults = NetworkFaults(lost=lost, doubled=doubled, delay_max_s=delay_s)
    world = run(faults, seed, replace(FEW, no_answer=no_answer), agents=4)
    assert world.ledger.started == world.ledger.ended


def test_a_seed_decides_the_whole_run() -> None:
    faults = NetworkFaults(lost=0.2, doubled=0.2)
    first, second = run(faults, 5), run(faults, 5)
    assert first.clock.now == second.clock.now
    assert first.ledger.offers == second.ledger.offers
