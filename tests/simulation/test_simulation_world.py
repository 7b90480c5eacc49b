"""The whole core on a virtual clock: nothing lost, nobody served twice, nothing left open."""

import random
import re
import runpy
from pathlib import Path

import pytest
import scenery
from msgspec.structs import replace

from acd.calls import events
from acd.calls.numbers import NumberPlan
from acd.media import commands
from acd.routing.model import Candidate, Choice, QueueProfile
from acd.routing.policy import WAYS
from acd.routing.waiting_rules import First
from acd.simulation.clock import VirtualClock
from acd.simulation.engine import SimulatedEngine
from acd.simulation.invariant import InvariantError
from acd.simulation.ledger import Ledger, StarvationBounds
from acd.simulation.scenario import Scenario
from acd.simulation.world import World

CALLS = 4_000
QUIET = Scenario(calls=CALLS, arrivals_per_s=0.5)
OVERLOADED = Scenario(calls=CALLS, arrivals_per_s=2.0, patience_mean_s=200.0)
BROKEN = Scenario(
    calls=CALLS,
    arrivals_per_s=0.6,
    no_answer=0.2,
    busy=0.1,
    rejected=0.1,
    unreachable=0.1,
    holds=0.5,
    media_refused=0.05,
    media_delay_s=3.0,
    media_lost_every_s=120.0,
    agent_changes_every_s=60.0,
)
DISASTERS = replace(
    BROKEN,
    answers_lost=0.05,
    phones_vanish=0.1,
    crashes_every_s=60.0,
    stalls_every_s=60.0,
    wall_jumps_every_s=60.0,
    reloads_every_s=60.0,
    hands_on=0.1,
    agent_dials=0.2,
)
"The server dies about a hundred times in a run, before steps of every kind."

RUSHED = Scenario(
    calls=CALLS, arrivals_per_s=5.0, patience_mean_s=6.0, talk_mean_s=2.0, ring_mean_s=1.0
)


def run(
    scenario: Scenario,
    seed: int,
    *,
    agents: int = 50,
    queues: tuple[QueueProfile, ...] | None = None,
    numbers: NumberPlan = scenery.NUMBERS,
) -> World:
    world = World(
        scenario,
        agents=scenery.agents(agents),
        queues=scenery.queues() if queues is None else queues,
        numbers=numbers,
        flows=scenery.flows(),
        randomness=random.Random(seed),
    )
    try:
        world.run()
    except Exception as error:
        error.add_note(f"scenario {scenario}, seed {seed}")
        raise
    return world


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", [QUIET, OVERLOADED, BROKEN, RUSHED])
def test_promises_hold_whatever_people_phones_and_media_do(scenario: Scenario, seed: int) -> None:
    ledger = run(scenario, seed).ledger
    assert ledger.started == ledger.ended == CALLS
    assert ledger.offered == sum(ledger.left.values())
    assert ledger.left["answered"] == ledger.offers["answered"] > 0
    assert ledger.wrap_ups > 0


@pytest.mark.parametrize("seed", range(2))
def test_promises_hold_whatever_befalls_the_server(seed: int) -> None:
    """Deaths at each step of an offer, clock steps, stalls, reloads, phones gone in mid-offer."""
    world = run(replace(DISASTERS, calls=CALLS // 2), seed)
    ledger, counted = world.ledger, world.misfortunes.counted
    assert ledger.started == ledger.ended > CALLS // 2
    assert ledger.offered == sum(ledger.left.values())
    assert ledger.outcomes["restart"] > 50
    assert {step for step in counted if step.startswith("died")} >= {
        "died before OfferMade",
        "died before InviteLeg",
        "died before AgentConnected",
        "died before Bridge",
    }
    assert min(counted[what] for what in ("reloaded", "stood still", "wall clock jumped")) > 20


@pytest.mark.parametrize("ring", WAYS[1:])
@pytest.mark.parametrize("scenario", [QUIET, BROKEN, DISASTERS])
def test_promises_hold_where_several_phones_ring(scenario: Scenario, ring: str) -> None:
    """One answer per call, one end per offer, and no agent worse off for having rung in vain."""
    world = run(replace(scenario, calls=CALLS // 4), 3, queues=scenery.queues(ring=ring))
    ledger = world.ledger
    assert ledger.started == ledger.ended
    assert ledger.offered == sum(ledger.left.values())
    # The server may die between the two records of an answer.
    deaths = sum(n for what, n in world.misfortunes.counted.items() if what.startswith("died"))
    assert 0 <= ledger.offers["answered"] - ledger.left["answered"] <= deaths
    assert ledger.left["answered"] > 0
    assert ledger.rung_together > 50
    assert ledger.offers["answered_elsewhere"] > 50


@pytest.mark.parametrize("ring", WAYS)
def test_promises_hold_under_all_that_a_policy_knows(ring: str) -> None:
    """But the order of the line: preferred agents, rules and pairing choose among its calls."""
    scenario = replace(DISASTERS, calls=1_000, callers=40, crashes_every_s=300.0)
    queues = scenery.choosy_queues(ring)
    world = run(scenario, 5, agents=30, queues=queues, numbers=scenery.CALLING_OUT)
    ledger = world.ledger
    assert ledger.started == ledger.ended > 1_000
    assert ledger.offered == sum(ledger.left.values())
    assert ledger.left["answered"] > 50
    assert ledger.layers["preferred"] > 10
    assert min(ledger.layers[name] for name in ("top", "near", "mobile", "borrowed")) > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", [QUIET, BROKEN])
def test_callers_who_are_handed_on_are_nobodys_twice(scenario: Scenario, seed: int) -> None:
    """Blind and attended, while phones, media and people fail: one record per interaction."""
    scenario = replace(scenario, calls=CALLS // 2, hands_on=0.4)
    ledger = run(scenario, seed).ledger
    assert ledger.started == ledger.ended > CALLS // 2
    assert ledger.transfers["blind completed"] > 20
    assert ledger.transfers["attended completed"] > 20
    assert ledger.outcomes["transferred"] == ledger.transfers["attended completed"]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", [QUIET, BROKEN])
def test_agents_who_dial_themselves_are_left_alone_and_never_stuck(
    scenario: Scenario, seed: int
) -> None:
    scenario = replace(scenario, calls=CALLS // 2, agent_dials=0.5, agent_changes_every_s=60.0)
    ledger = run(scenario, seed).ledger
    assert ledger.own_calls > CALLS // 4
    assert ledger.started == ledger.ended == CALLS // 2 + ledger.own_calls
    assert ledger.left["answered"] == ledger.offers["answered"] > 0
    assert ledger.wrap_ups > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scenario", [RUSHED, BROKEN])
def test_several_devices_ring_together_and_one_takes_the_call(
    scenario: Scenario, seed: int
) -> None:
    ledger = run(replace(scenario, calls=CALLS // 2, devices=3), seed).ledger
    assert ledger.started == ledger.ended == CALLS // 2
    assert ledger.left["answered"] == ledger.offers["answered"] > 0
    assert ledger.forked > 0


IMPATIENT = replace(QUIET, calls=CALLS // 4, arrivals_per_s=1.5, keys="1122390#*3#", callers=200)
"Three agents too few, and callers who press what leads out of the line."


@pytest.mark.parametrize("first", First)
@pytest.mark.parametrize(
    "scenario",
    [
        IMPATIENT,
        replace(IMPATIENT, media_refused=0.05, media_delay_s=3.0, media_lost_every_s=120.0),
        replace(IMPATIENT, crashes_every_s=60.0, stalls_every_s=60.0),
        replace(DISASTERS, calls=CALLS // 4, keys=IMPATIENT.keys, callers=200, arrivals_per_s=1.5),
    ],
    ids=["quiet", "media", "crashes", "disasters"],
)
def test_call_backs_end_once_and_keep_their_place(first: First, scenario: Scenario) -> None:
    world = run(scenario, 3, queues=scenery.waiting_queues(first), numbers=scenery.CALLING_OUT)
    ledger, promises = world.ledger, world.ledger.promises
    deaths = sum(n for what, n in world.misfortunes.counted.items() if what.startswith("died"))
    ended = sum(promises.outcomes.values())
    assert ledger.left["exited"] > 50
    assert ledger.left["callback"] > 50
    assert promises.outcomes["reached"] > 20
    assert promises.outcomes["not_reached"] > 0
    # A step that kills the server is saved as a whole or not at all.
    assert ended == promises.asked - promises.merged - promises.lost + promises.again
    assert promises.lost + promises.again <= deaths


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_every_promise_holds_over_a_hundred_thousand_calls_of_every_kind(seed: int) -> None:
    """Callers who want to be called back, hand-ons, own calls, and all that befalls a server.

    Each of the three is a third of them, so that they run beside each other.
    """
    long = replace(
        DISASTERS, calls=22_000, keys=IMPATIENT.keys, callers=2_200, crashes_every_s=600.0
    )
    queues = scenery.waiting_queues(First.AGENT)
    world = run(long, seed, queues=queues, numbers=scenery.CALLING_OUT)
    ledger, promises = world.ledger, world.ledger.promises
    assert ledger.started == ledger.ended > 33_400
    assert ledger.offered == sum(ledger.left.values())
    assert min(promises.outcomes[how] for how in ("reached", "not_reached", "expired")) > 100
    assert sum(ledger.transfers.values()) > 100
    assert min(ledger.outcomes["restart"], ledger.own_calls) > 500


def test_a_seed_decides_the_whole_day() -> None:
    scenario = replace(QUIET, calls=CALLS // 2)
    first, second = (run(scenario, 7) for _ in range(2))
    assert first.clock.now == second.clock.now
    assert first.ledger.outcomes == second.ledger.outcomes
    assert first.ledger.offers == second.ledger.offers


def test_more_agents_lose_fewer_callers() -> None:
    few, many = (run(OVERLOADED, 3, agents=n).ledger.left for n in (20, 100))
    assert many["abandoned"] < few["abandoned"]


def test_overload_overflows_and_refuses() -> None:
    left = run(OVERLOADED, 1).ledger.left
    assert left["overflowed"] > 0
    assert left["timed_out"] > 0


# --- the ledger itself: each planted breach is found ---

STARTED = events.CallStarted(
    interaction="i", leg="l", sip_call_id="c", caller="", called="4000", peer="udp:x:1"
)
LEG_ENDED = events.LegEnded(interaction="i", leg="l", ended_by="peer")
ENDED = events.CallEnded(interaction="i", ended_by="caller", reason="hangup")
IDLE = Candidate("1001", 0.5, 10.0)


OWN = replace(STARTED, account="phone1001")


def entered(visit: str, **more: object) -> events.QueueEntered:
    return events.QueueEntered(interaction="i", visit=visit, queue="q", kind="sales", **more)


def status(value: str, agent: str = "1001") -> events.AgentStatusChanged:
    return events.AgentStatusChanged(agent=agent, status=value)


def state(value: str, agent: str = "1001") -> events.AgentStateChanged:
    return events.AgentStateChanged(agent=agent, state=value, queue="q", interaction="i")


READY = [status("ready"), state("offered")]


def offer(
    visit: str, agent: str = "1001", name: str = "o", others: tuple[Candidate, ...] = ()
) -> events.OfferMade:
    candidates = (Candidate(agent, IDLE.score, IDLE.idle_s), *others)
    return events.OfferMade(
        interaction="i",
        visit=visit,
        queue="q",
        offer=name,
        agent=agent,
        leg=f"leg {name}",
        sip_call_id="a",
        choice=Choice("all", "longest_idle", (), len(candidates), told=candidates),
    )


def connected(agent: str = "1001") -> events.AgentConnected:
    return events.AgentConnected(interaction="i", visit="v", queue="q", agent=agent, leg="a")


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ([STARTED, STARTED], "started twice"),
        ([STARTED, ENDED, ENDED], "without start or twice"),
        ([STARTED, LEG_ENDED, LEG_ENDED], "leg ended twice"),
        ([STARTED, entered("v"), entered("v")], "entered twice"),
        ([STARTED, offer("v")], "does not wait"),
        ([STARTED, *READY, entered("v"), offer("v"), offer("v", "1002", "p")], "does not wait"),
        (
            [STARTED, *READY, entered("v"), entered("w"), offer("v"), offer("w", name="p")],
            "two calls",
        ),
        ([STARTED, entered("v"), connected(), connected()], "in two calls"),
        (
            [STARTED, *READY, entered("v"), entered("w", waited_before_s=-5.0), offer("w")],
            "overtaken",
        ),
        ([STARTED, entered("v"), connected(), offer("v")], "while talking"),
        ([STARTED, entered("v"), status("ready"), state("wrap_up"), offer("v")], "not offered"),
        ([STARTED, entered("v"), status("away"), state("offered"), offer("v")], "not ready"),
        (
            [STARTED, *READY, entered("v"), offer("v", others=(Candidate("1002", 0.6, 1.0),))],
            "1002 was better",
        ),
        (
            [STARTED, *READY, entered("v"), offer("v", others=(Candidate("1002", 0.5, 11.0),))],
            "1002 was better",
        ),
        ([state("wrap_up"), state("idle")], "cut short"),
        ([OWN, *READY, entered("v"), offer("v")], "in an own one"),
        ([state("offered"), state("idle")], "a call that is none"),
    ],
)
def test_the_ledger_finds(planted: list[events.Event], found: str) -> None:
    ledger = Ledger({"q": 30.0}, {"phone1001": "1001"})
    for event in planted[:-1]:
        ledger.take(event, 10.0)
    with pytest.raises(InvariantError, match=found):
        ledger.take(planted[-1], 10.1)


def test_the_ledger_finds_an_offer_that_never_ends() -> None:
    ledger = Ledger()
    for event in (STARTED, *READY, entered("v"), offer("v")):
        ledger.take(event, 10.0)
    ended = events.OfferEnded(
        interaction="i",
        visit="v",
        queue="q",
        offer="o",
        agent="1001",
        leg="leg o",
        outcome="busy",
        ring_s=91.0,
    )
    with pytest.raises(InvariantError, match=r"an offer of 91\.0 s"):
        ledger.take(ended, 101.0)


@pytest.mark.parametrize(("agent", "waited_s"), [("1001", 60.0), ("1001", 41.0), ("1005", 60.0)])
def test_the_ledger_finds_who_is_overtaken_beyond_the_bound(agent: str, waited_s: float) -> None:
    """Across queues; only by agents who could have taken the call."""
    agents, queues = scenery.agents(10), scenery.queues()
    ledger = Ledger(bounds=StarvationBounds(agents, queues))
    waits = events.QueueEntered(interaction="i", visit="v", queue="sales", kind="sales")
    later = replace(waits, visit="w", queue="service", kind="service")
    for event, at in ((STARTED, 0.0), (waits, 0.0), (later, 30.0)):
        ledger.take(event, at)
    for event in (status("ready", agent), state("offered", agent)):
        ledger.take(event, waited_s)
    with pytest.raises(InvariantError, match="v starves"):
        ledger.take(replace(offer("w", agent), queue="service"), waited_s)


def test_before_the_bound_another_queue_may_go_first() -> None:
    ledger = Ledger(bounds=StarvationBounds(scenery.agents(10), scenery.queues()))
    waits = events.QueueEntered(interaction="i", visit="v", queue="sales", kind="sales")
    later = replace(waits, visit="w", queue="service", kind="service")
    for event, at in ((STARTED, 0.0), (waits, 0.0), (later, 30.0)):
        ledger.take(event, at)
    for event in (*READY, replace(offer("w"), queue="service")):
        ledger.take(event, 39.0)


def test_a_wrap_up_may_end_early_by_the_agents_wish_or_in_its_time() -> None:
    ledger = Ledger({"q": 30.0})
    ledger.take(state("wrap_up"), 10.0)
    ledger.ends_wrap_up("1001")
    ledger.take(state("idle"), 11.0)
    ledger.take(state("wrap_up"), 20.0)
    ledger.take(state("idle"), 50.0)
    assert ledger.wrap_ups == 1


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ([STARTED, LEG_ENDED], "calls never ended"),
        ([STARTED, ENDED], "legs never ended"),
        ([STARTED, entered("v"), LEG_ENDED, ENDED], "visits never left"),
        ([STARTED, *READY, entered("v"), LEG_ENDED, offer("v")], "legs never ended"),
        ([STARTED, entered("v"), LEG_ENDED, connected(), ENDED], "never left"),
    ],
)
def test_the_ledger_finds_at_the_end(planted: list[events.Event], found: str) -> None:
    ledger = Ledger()
    for event in planted:
        ledger.take(event, 10.0)
    with pytest.raises(InvariantError, match=found):
        ledger.check_closed()


# --- the media of the simulation: it finds crossed and leaking streams by itself ---


def engine() -> SimulatedEngine:
    return SimulatedEngine(QUIET, VirtualClock(), random.Random(1), lambda event: None)


def test_the_engine_finds_crossed_calls() -> None:
    crossed = engine()
    crossed.open |= {"a", "b", "c"}
    crossed.execute(commands.Bridge("a", "b"))
    with pytest.raises(InvariantError, match="bridged with two others"):
        crossed.execute(commands.Bridge("a", "c"))


def test_the_engine_finds_a_stream_opened_twice_and_one_that_is_none() -> None:
    confused = engine()
    confused.open.add("a")
    with pytest.raises(InvariantError, match="opened twice"):
        confused.execute(commands.OpenStream("a", b""))
    with pytest.raises(InvariantError, match="has no stream"):
        confused.execute(commands.Bridge("a", "b"))


# --- from the command line ---


@pytest.mark.parametrize("kind", [[], ["--broken"], ["--wire"]], ids=["plain", "broken", "wire"])
def test_the_command_line(
    kind: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["run.py", "--calls", "150", "--seed", "2", *kind])
    script = runpy.run_path(str(Path(__file__).with_name("run.py")))
    assert script["main"]() == 0
    said = capsys.readouterr().out
    # Agents call too, when much is to go wrong.
    assert re.match(r"150 callers, 1[5-9]\d calls of", said.splitlines()[-1])
    assert "every promise kept" in said
