"""How many interactions a second the shipper brings from a journal into the embedded Postgres.

Each call is a whole one: flow, queue, an offer with ten candidates, talk, wrap-up, disposition,
both streams' figures. Shipper and Postgres each have a core, as in production.

    PYTHONPATH=. python tests/bench/bench_shipping.py [CALLS]
"""

import argparse
import asyncio
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import uvloop

from acd.calls import events as ev
from acd.calls.ids import Uuid7Source
from acd.routing.model import Choice
from acd.storage.journal import Journal
from acd.storage.migrate import migrate
from acd.storage.postgres import EmbeddedPostgres
from acd.storage.shipper import Shipper
from acd.storage.shipper_process import tune_collector

GOAL = 1_200
"Interactions a second."

CALLS_PER_S = 200
AGENTS = 2_000
TALK_S, WRAP_UP_S = 5.0, 2.0
START_US = 1_790_000_000_000_000

Timed = tuple[float, ev.Event]


class Calls:
    """Makes calls as the server's events, in the order of time."""

    def __init__(self) -> None:
        self.at_s = 0.0
        bits = iter(range(1, sys.maxsize))
        self._new_id = Uuid7Source(
            lambda: (START_US + int(self.at_s * 1e6)) // 1000,
            lambda count: next(bits) << count // 2,
        )

    def timeline(self, calls: int) -> Iterator[Timed]:
        """Yield the events of so many overlapping calls."""
        for agent in range(1, AGENTS + 1):
            yield 0.0, ev.AgentStatusChanged(agent=f"a{agent:04}", status="ready")
            yield 0.0, ev.AgentStateChanged(agent=f"a{agent:04}", state="idle")
        waiting: list[tuple[float, int, ev.Event]] = []
        for number in range(calls):
            self.at_s = number / CALLS_PER_S
            waiting += [(at_s, number, event) for at_s, event in self._call(number, self.at_s)]
            if number % 1000 == 999 or number == calls - 1:
                waiting.sort(key=lambda item: item[0])
                until_s = self.at_s if number < calls - 1 else float("inf")
                ready = [item for item in waiting if item[0] <= until_s]
                waiting = waiting[len(ready) :]
                for at_s, _, event in ready:
                    yield at_s, event

    def _call(self, number: int, at_s: float) -> list[Timed]:
        call, leg, visit, offer, agent_leg = (self._new_id() for _ in range(5))
        agent, queue = f"a{number % AGENTS + 1:04}", ("sales", "service")[number % 2]
        caller = f"138{number * 7_919 % 10**8:08}"
        base = {"interaction": call}
        of_visit = base | {"visit": visit, "queue": queue}
        of_offer = of_visit | {"agent": agent, "leg": agent_leg}
        of_agent = {"agent": agent, "queue": queue, "interaction": call}
        standings = tuple(
            (k / 50 - 0.5, at_s - 12.0 - k, f"a{(number + k) % AGENTS + 1:04}") for k in range(10)
        )
        choice = Choice("top", "conversion", standings, 37, 1.0, at=at_s)
        rung, joined, over = at_s + 2.0, at_s + 4.0, at_s + 4.0 + TALK_S
        return [
            (at_s, ev.CallStarted(**base, leg=leg, sip_call_id=f"{leg}@10.0.0.1", caller=caller,
                called="4000", peer="udp:10.0.0.1:5060", trunk="carrier")),
            (at_s, ev.CallAnswered(**base, leg=leg)),
            (at_s, ev.FlowEntered(**base, flow="hotline", version="v1")),
            (at_s, ev.FlowStepTaken(**base, flow="hotline", node="hours", outcome="open")),
            (at_s + 0.5, ev.FlowStepTaken(**base, flow="hotline", node="welcome", outcome="done")),
            (at_s + 1.0, ev.FlowStepTaken(**base, flow="hotline", node="menu", outcome="1")),
            (at_s + 1.0, ev.QueueEntered(**of_visit, kind=queue, skill=queue)),
            (rung, ev.OfferMade(**of_offer, offer=offer, sip_call_id=f"{agent_leg}@acd",
                choice=choice)),
            (rung, ev.AgentStateChanged(**of_agent, state="offered")),
            (joined, ev.OfferEnded(**of_offer, offer=offer, outcome="answered", sip_status=200,
                ring_s=2.0)),
            (joined, ev.QueueLeft(**of_visit, reason="answered", waited_s=3.0, agent=agent)),
            (joined, ev.AgentConnected(**of_offer)),
            (joined, ev.AgentStateChanged(**of_agent, state="talking")),
            (over, ev.AgentDisconnected(**of_offer, talk_s=TALK_S, hold_s=0.0)),
            (over, ev.LegEnded(**base, leg=agent_leg, ended_by="server")),
            (over, ev.LegEnded(**base, leg=leg, ended_by="peer")),
            (over, ev.CallEnded(**base, ended_by="caller", reason="hangup")),
            (over, ev.AgentStateChanged(**of_agent, state="wrap_up")),
            (over, ev.StreamMeasured(**base, leg=leg, packets_received=250, packets_sent=250)),
            (over, ev.StreamMeasured(**base, leg=agent_leg, packets_received=250,
                packets_sent=250)),
            (over + 1, ev.DispositionEntered(**base, agent=agent, queue=queue,
                call_class="order", category="beauty", ordered=number % 3 == 0,
                order_id=f"O{number}", solved=True, amount=19_900, currency="CNY")),
            (over + WRAP_UP_S, ev.AgentStateChanged(agent=agent, state="idle")),
        ]  # fmt: skip


class Source:
    """A journal that gets its calls in parts."""

    def __init__(self, folder: Path, calls: int) -> None:
        self._at_s = 0.0
        self._timeline = Calls().timeline(calls)
        self.journal = Journal.open(
            folder, node="bench", boot="boot", wall_us=lambda: START_US + int(self._at_s * 1e6),
            on_alarm=print,
        )  # fmt: skip

    def write(self, events: int | None = None) -> None:
        """Write so many more events, by default all."""
        for at_s, event in itertools.islice(self._timeline, events):
            self._at_s = at_s
            self.journal.append([event], self._at_s)


async def ship(journal: Journal, dsn: str) -> None:
    """Bring all that stands in the journal into the tables."""
    shipper = Shipper(journal, dsn, on_alarm=print, customer_key=b"k" * 32)
    task = asyncio.create_task(shipper.run())
    await shipper.drain()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def cpu_s(pids: list[int]) -> float:
    """Return user and system time of processes and of the children that they have reaped."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *(int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


async def measure(calls: int, folder: Path) -> bool:
    """Ship them, print the figures; whether the goal is met."""
    postgres = EmbeddedPostgres(folder, on_event=print)
    dsn = await postgres.start()
    try:
        connection = await asyncpg.connect(dsn)
        await migrate(connection)
        source = Source(folder / "journal", calls)
        # Schema, partitions and agents' first rows are made once, and are not what is measured.
        source.write(2 * AGENTS + calls)
        await ship(source.journal, dsn)
        before = await connection.fetchval("SELECT count(*) FROM interactions")
        source.write()
        assert postgres.pid is not None
        began = time.monotonic()
        ours_s, theirs_s = time.process_time(), cpu_s(children(postgres.pid))
        await ship(source.journal, dsn)
        took_s = time.monotonic() - began
        ours_s = time.process_time() - ours_s
        theirs_s = cpu_s(children(postgres.pid)) - theirs_s
        stored = await connection.fetchval("SELECT count(*) FROM interactions")
        assert stored == calls, f"{stored} of {calls} arrived"
        source.journal.close()
        await connection.close()
    finally:
        await postgres.stop()
    count = stored - before
    rate = count / took_s
    print(
        f"{count} interactions in {took_s:.1f} s\n"
        f"CPU per interaction: shipper {1e6 * ours_s / count:.0f} µs,"
        f" Postgres {1e6 * theirs_s / count:.0f} µs\n"
        f"shipping: {rate:.0f} interactions/s (goal {GOAL})"
    )
    return rate >= GOAL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("calls", nargs="?", type=int, default=60_000)
    options = parser.parse_args()
    tune_collector()  # as in the shipper's process
    with tempfile.TemporaryDirectory(prefix="acd-shipping-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded Postgres belongs to another account
        return 0 if uvloop.run(measure(options.calls, folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
