"""Seeded calls as the call centre's events, for the journal, the CDR, the shipper and the KPIs."""

import random
from collections.abc import Iterator

from acd.calls import events as ev
from acd.routing.model import Choice

QUEUES = {"sales": "sales", "service": "service"}
LEFT = (
    *("abandoned", "short_abandon", "timed_out", "exited", "callback", "refused_full", "empty"),
    *("closed", "faulted"),
)


class Traffic:
    """Makes calls; each is a list of (seconds since the call's start, event)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        self._seed = seed

    def new_id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._seed}-{self._number:06d}"

    def call(self) -> list[tuple[float, ev.Event]]:
        rng, call = self._random, self.new_id("call")
        leg, now = self.new_id("leg"), 0.0
        out: list[tuple[float, ev.Event]] = [
            (0.0, started(call, leg)),
            (0.1, ev.CallAnswered(interaction=call, leg=leg)),
            (0.2, ev.FlowEntered(interaction=call, flow="hotline", version="v1")),
            (
                0.4,
                ev.FlowStepTaken(interaction=call, flow="hotline", node="menu", outcome="1"),
            ),
        ]
        now, ended_by = 0.5, "caller"
        queues = rng.choice([("sales",), ("service",), ("sales", "service"), ()])
        for index, queue in enumerate(queues):
            overflows = index + 1 < len(queues)
            now, answered = self._visit(out, call, queue, now, overflows=overflows)
            ended_by = "agent" if answered else "caller"
        now += 0.1
        out += (
            (now, ev.LegEnded(interaction=call, leg=leg, ended_by="peer")),
            (now, ev.CallEnded(interaction=call, ended_by=ended_by, reason="hangup")),
            (now, ev.StreamMeasured(interaction=call, leg=leg, packets_received=50)),
        )
        return out

    def _visit(self, out, call, queue, now, *, overflows):
        rng, visit = self._random, self.new_id("visit")
        entered = ev.QueueEntered(
            interaction=call,
            visit=visit,
            queue=queue,
            kind=QUEUES[queue],
            callback=rng.random() < 0.1,
        )
        out.append((now, entered))
        wait_s = round(rng.choice([0.1, 3.0, 19.9, 20.0, 20.1, 80.0]), 3)
        if overflows:
            reason = "overflowed"
        else:
            reason = rng.choice(LEFT) if rng.random() < 0.4 else "answered"
        agent = rng.choice(["1001", "1002", "1003"]) if reason == "answered" else ""
        offer, leg = self.new_id("offer"), self.new_id("leg")
        if agent:
            out.append((now + wait_s - 0.05, offered(call, visit, queue, offer, agent, leg)))
        now += wait_s
        left = ev.QueueLeft(
            interaction=call, visit=visit, queue=queue, reason=reason, waited_s=wait_s, agent=agent
        )
        if not agent:
            out.append((now, left))
            return now, False
        ids = {"interaction": call, "visit": visit, "queue": queue, "agent": agent, "leg": leg}
        talk_s, hold_s = rng.choice([(1.0, 0.0), (60.0, 10.0)])
        wrap_up_s = rng.choice([0.0, 5.0, 30.0])
        state = {"agent": agent, "queue": queue, "interaction": call}
        out += (
            (now, ev.OfferEnded(**ids, offer=offer, outcome="answered", ring_s=0.05)),
            (now, left),
            (now, ev.AgentConnected(**ids)),
            (now, ev.AgentStateChanged(state="talking", **state)),
        )
        now += talk_s + hold_s
        out += (
            (now, ev.AgentDisconnected(**ids, talk_s=talk_s, hold_s=hold_s)),
            (now, ev.LegEnded(interaction=call, leg=leg, ended_by="peer")),
            (now, ev.AgentStateChanged(state="wrap_up", **state)),
            (now + wrap_up_s / 2, self._disposition(call, agent, queue)),
            (now + wrap_up_s, ev.AgentStateChanged(agent=agent, state="idle")),
        )
        return now, True

    def _disposition(self, call, agent, queue):
        rng = self._random
        return ev.DispositionEntered(
            interaction=call,
            agent=agent,
            queue=rng.choice([queue, ""]),
            call_class="order",
            ordered=rng.random() < 0.5,
            solved=rng.choice([None, True, False]),
        )


def started(call: str, leg: str, **more: object) -> ev.CallStarted:
    fields = {"sip_call_id": f"{call}@phone", "caller": "13800000000", "called": "4000"}
    fields |= {"peer": "udp:127.0.0.1:5070", **more}
    return ev.CallStarted(interaction=call, leg=leg, **fields)


def offered(call, visit, queue, offer, agent, leg) -> ev.OfferMade:
    choice = Choice("best", "conversion", ((-0.4, 8.0, agent),), 1, at=20.0)
    return ev.OfferMade(
        interaction=call,
        visit=visit,
        queue=queue,
        offer=offer,
        agent=agent,
        leg=leg,
        sip_call_id=f"{leg}@acd",
        choice=choice,
    )


def timeline(seed: int, calls: int, every_s: float = 1.0) -> Iterator[tuple[float, ev.Event]]:
    """Yield the events of overlapping calls in the order of their time."""
    traffic = Traffic(seed)
    events = [
        (index * every_s + offset_s, event)
        for index in range(calls)
        for offset_s, event in traffic.call()
    ]
    return iter(sorted(events, key=lambda pair: pair[0]))
