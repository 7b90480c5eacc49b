"""A floor of agents with a clock of its own: what the rules of the router are told on."""

from itertools import count

from acd.routing.events import (
    AgentStateChanged,
    AgentStatusChanged,
    Event,
    OfferMade,
    OfferOutcome,
    OfferWithdrawn,
)
from acd.routing.model import (
    AgentProfile,
    Grade,
    LayerProfile,
    QueueProfile,
    State,
    Status,
    WaitingCall,
)
from acd.routing.router import Router

ANYBODY = LayerProfile(name="anybody", order="longest_idle")
BY_RANK = LayerProfile(name="by rank", order="conversion")


def agent(number, *, skill="sales", grade=Grade.A, **fields):
    fields.setdefault("name", f"Agent {number}")
    fields.setdefault("skills", {skill: grade})
    return AgentProfile(number=number, account=f"sip{number}", **fields)


def queue(name="sales", **fields):
    fields.setdefault("skill", name)
    fields.setdefault("layers", (ANYBODY,))
    fields.setdefault("wrap_up_s", 30.0)
    return QueueProfile(name=name, **fields)


class World:
    """The router with time, and shorthands that keep every event in `log`."""

    def __init__(self, agents, queues, *, random=None, ids_from=1, **more):
        ids = count(ids_from)
        self.router = Router(
            agents=agents, queues=queues, new_id=lambda: f"offer{next(ids)}", random=random, **more
        )
        self.now = 1000.0
        self.log: list[Event] = []

    def keep(self, events):
        self.log.extend(events)
        return events

    def wait(self, seconds):
        """Let time go by, striking every deadline exactly when it is due."""
        until = self.now + seconds
        events = []
        while (due_at := self.router.next_deadline()) <= until:
            self.now = max(self.now, due_at)
            events += self.keep(self.router.on_time(self.now))
        self.now = until
        return events

    def log_in(self, *numbers):
        """One after another, a second apart: the first has been idle longest."""
        for number in numbers:
            self.keep(self.router.set_reachable(number, True, self.now))
            self.keep(self.router.set_status(number, Status.READY, "", "agent", self.now))
            self.now += 1.0

    def status(self, number, status, reason="", by="agent"):
        return self.keep(self.router.set_status(number, status, reason, by, self.now))

    def reachable(self, number, reachable):
        return self.keep(self.router.set_reachable(number, reachable, self.now))

    def call(self, call, queue="sales", **fields):
        fields.setdefault("enqueued_at", self.now)
        waiting = WaitingCall(call=call, interaction=f"i-{call}", queue=queue, **fields)
        return self.keep(self.router.enqueue(waiting, self.now))

    def leave(self, call):
        return self.keep(self.router.leave(call, self.now))

    def answer(self, offer):
        return self.keep(self.router.offer_answered(offer, self.now))

    def fail(self, offer, outcome=OfferOutcome.NO_ANSWER):
        return self.keep(self.router.offer_failed(offer, outcome, self.now))

    def release(self, number):
        return self.keep(self.router.release(number, self.now))

    def configure(self, agents, queues):
        return self.keep(self.router.configure(agents, queues, self.now))

    def talk(self, call, number, **fields):
        """A call that this agent, the only one idle, takes."""
        made = only_offer(self.call(call, **fields))
        assert made.agent == number
        self.answer(made.offer)

    def state(self, number) -> State:
        return self.router.agent_view(number).state

    def states(self, number):
        """The state track so far."""
        return [
            event.state
            for event in self.log
            if isinstance(event, AgentStateChanged) and event.agent == number
        ]


def offers(events):
    return [event for event in events if isinstance(event, OfferMade)]


def only_offer(events) -> OfferMade:
    (made,) = offers(events)
    return made


def offered_to(events):
    """(call, agent) of every offer made."""
    return [(event.call, event.agent) for event in offers(events)]


def withdrawn(events):
    return [(event.call, event.outcome) for event in events if isinstance(event, OfferWithdrawn)]


def statuses(events):
    return [
        (event.agent, event.status, event.reason, event.by)
        for event in events
        if isinstance(event, AgentStatusChanged)
    ]
