"""Calls over a network that drops, doubles and reorders datagrams, between SIPp and the server.

All repeat five times as soon as the RFC wants it (T1 100 ms), so that the tails end within the
patience of a test. The bigger run with the RFC's own times takes some three minutes:

    ACD_LOSS_CALLS=400 ACD_LOSS_T1_MS=500 pytest -s --timeout=600 tests/system/test_system_loss.py
"""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from lossy import LossyProxy, Weather
from lossy_load import Group, LossyLoad
from server import Server, Site, until

CALLS = int(os.environ.get("ACD_LOSS_CALLS", "60"))
"Of each group."

T1_MS = int(os.environ.get("ACD_LOSS_T1_MS", "100"))
SEED = int(os.environ.get("ACD_LOSS_SEED", "1"))
RATE = 30

HOLD_MS = 60 * T1_MS
"Callers' patience: INVITE and 200 of the agent's leg may each need four tries (1 + 2 + 4 + 8 T1)."

AGENTS = CALLS
"Nobody waits for an agent: what is late here is late by the network."

TAIL_S = 40 + 64 * T1_MS / 1000
"A BYE that nobody answers is repeated for 64*T1 (timer F)."

GROUPS = {
    0.1: (Group("4510", tuple(f"b{number:04}" for number in range(AGENTS))), 0.995),
    0.3: (Group("4530", tuple(f"c{number:04}" for number in range(AGENTS))), 0.97),
}
"By the share of datagrams lost, doubled and reordered: who is behind it, and what must complete."


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Server]:
    with (
        site.edit("agents.yaml") as agents,
        site.edit("queues.yaml") as queues,
        site.edit("numbers.yaml") as numbers,
        site.edit("server.yaml") as settings,
    ):
        settings["sip"]["digest_algorithms"] = ["MD5"]  # SIPp 3.6 knows no other
        settings["sip"]["registrar"]["qualify_s"] = 0  # an OPTIONS would be the call it waits for
        settings["sip"]["t1_s"] = T1_MS / 1000
        settings["media"]["workers"] = 1 + 4 * CALLS // 1000  # of 1000 streams each
        agents["ranges"] = []
        for group, _ in GROUPS.values():
            name = f"q{group.number}"
            numbers["numbers"][group.number] = {"queue": name}
            agents["ranges"].append(
                {
                    "first": group.agents[0],
                    "last": group.agents[-1],
                    "password": "{number}",
                    "skills": {name: "A"},
                }
            )
            queues["queues"][name] = {
                "skill": name,
                "layers": [{"name": "all", "order": "longest_idle"}],
                "wrap_up_s": 0,
                "music": "",
                "position_every_s": 0,
                "miss": {"away_after_misses": 0},
            }
    site.move_rtp(12 * CALLS + 200)
    server = Server(site)
    yield server.start()
    server.close()


def gauge(server: Server, name: str) -> int:
    found = re.search(rf"^{re.escape(name)} (\S+)$", server.get("/metrics")[1], re.M)
    assert found, f"no {name} at /metrics"
    return int(float(found[1]))


def test_calls_complete_and_nothing_is_left(server: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        loads = {}
        for share, (group, _) in GROUPS.items():
            proxy = stack.enter_context(LossyProxy(server.sip(), SEED))
            load = loads[share] = LossyLoad(proxy, group, tmp_path / group.number, T1_MS)
            stack.callback(load.stop)
            load.register()
            load.start_agents()
            proxy.weather = Weather.bad(share)
        callers = [load.start_callers(CALLS, RATE, HOLD_MS) for load in loads.values()]
        for caller in callers:
            caller.wait(300)
        for what in ("acd_calls_active", "acd_sip_legs", 'acd_sip_transactions{state="running"}'):
            until(lambda name=what: gauge(server, name) == 0, f"{what} 0", within_s=TAIL_S)
        assert gauge(server, "acd_media_streams") == 0
        until(lambda: gauge(server, "acd_journal_lag_records") == 0, "records")
    for share, load in loads.items():
        check(server, load, share, GROUPS[share][1])


def check(server: Server, load: LossyLoad, share: float, least: float) -> None:
    """Compare what the callers, the agents and the records say of a group's calls."""
    dialled = load.group.number
    seen = load.proxy.seen
    for what in ("lost", "doubled", "reordered"):
        assert seen[what] > 0.5 * share * seen["datagrams"], "the network was not bad at all"
    interactions = server.query("SELECT * FROM interactions WHERE called = $1", dialled)
    talks = server.query(
        "SELECT t.* FROM talk_segments t JOIN interactions i USING (interaction)"
        " WHERE called = $1 ORDER BY t.began_at",
        dialled,
    )
    complete = min(load.succeeded(), len({talk["interaction"] for talk in talks}))
    print(f"{share:.0%} bad: {complete} of {CALLS} calls complete; {dict(seen)}")
    assert complete >= least * CALLS
    assert len(interactions) <= CALLS
    assert all(row["ended_at"] for row in interactions), "a call without an end"
    assert len({row["sip_call_id"] for row in interactions}) == len(interactions)
    assert len({talk["interaction"] for talk in talks}) == len(talks), "a call with two agents"
    for phone in {talk["agent"] for talk in talks}:
        own = [talk for talk in talks if talk["agent"] == phone]
        for before, after in pairwise(own):
            assert before["ended_at"] <= after["began_at"], "an agent in two calls"
    answered = load.heard("C")
    assert len(answered) == len(set(answered)), "two phones of one call answered"
    offers = server.query(
        "SELECT outcome, count(*) FROM offers o JOIN interactions i USING (interaction)"
        " WHERE called = $1 GROUP BY outcome",
        dialled,
    )
    print({row["outcome"]: row["count"] for row in offers})
