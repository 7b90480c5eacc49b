"""A day of given callers through the production router, on a virtual clock.

What the file of arrivals does not say is drawn: talk times, patience. The router is the one that
serves; queues and agents are the operator's own.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from math import inf, log, sqrt

from msgspec import Struct
from msgspec.structs import replace

from acd.calls.contacts import Contacts
from acd.routing.events import AgentStateChanged, Event, LeaveReason, OfferMade
from acd.routing.model import AgentProfile, QueueKind, QueueProfile, Status, WaitingCall
from acd.routing.router import Router

from .day_figures import DayFigures
from .day_files import Caller, Shift, merged
from .floor_world import Arrival, FloorWorld, Handling
from .randomness import Randomness

TOLD_EVERY = 500
"Callers between two words about the progress: some ten in a second."


class DaySettings(Struct, frozen=True, kw_only=True):
    """What is drawn where the files say nothing. Times in seconds."""

    talk_mean_s: float = 180.0
    talk_spread: float = 1.0
    """Deviation of talk times over their mean, lognormal as measured ones are (Brown et al.,
    Statistical Analysis of a Telephone Call Center, JASA 100, 2005); None of it below: 0."""

    exponential_talk: bool = False
    "Exponential talk times instead, as theory has them."

    patience_mean_s: float = 240.0
    "Exponential; inf: nobody gives up."

    ring_mean_s: float = 3.0
    "Until an agent answers: evenly between half of it and one and a half."

    conversion: float | None = None
    """Share of sales calls that end in an order, for agents of whom neither the shifts nor a rank
    set by hand says it; None: no order of theirs is simulated."""


class _Open(Struct):
    """A caller under way."""

    caller: Caller
    entered_s: float
    visited: tuple[str, ...]
    talk_s: float
    gives_up_s: float
    "When the patience ends."


class Day:
    """One run. Callers are read as time goes on, so that a file of any length will do."""

    def __init__(
        self,
        *,
        agents: tuple[AgentProfile, ...],
        queues: tuple[QueueProfile, ...],
        shifts: Iterable[Shift] | None,
        settings: DaySettings,
        randomness: Randomness,
        contacts: Contacts | None = None,
        on_progress: Callable[[float, int], None] = lambda at_s, callers: None,
    ) -> None:
        """`shifts` None: everybody is there from the first caller to the last.

        `contacts` remembers who talked to whom, for queues that prefer agents; None: nobody does.
        `on_progress` hears now and then what time it is and how many callers have come.
        """
        self._settings = settings
        self._randomness = randomness
        self._on_progress = on_progress
        self._profiles = {agent.number: agent for agent in agents}
        # Announcements do not change who is served when.
        self._queues = {queue.name: replace(queue, position_every_s=0.0) for queue in queues}
        self._contacts = Contacts(kept_s=0.0, maximum=0) if contacts is None else contacts
        self._contacts.manage({n: agent.number for agent in agents for n in agent.customers})
        sales = {name: queue.kind is QueueKind.SALES for name, queue in self._queues.items()}
        self.figures = DayFigures(tuple(self._profiles), sales)
        offers = count()
        self.router = Router(
            agents=agents,
            queues=self._queues.values(),
            new_id=lambda: f"offer {next(offers)}",
            random=randomness.random,
        )
        self._world = _DayWorld(self.router, self)
        self._world.figures = self.figures
        self._shifts = None if shifts is None else merged(shifts)
        self._conversions = {
            shift.agent: shift.conversion
            for shift in self._shifts or ()
            if shift.conversion is not None
        }
        self._open: dict[str, _Open] = {}
        spread = log(1.0 + settings.talk_spread**2)
        self._talk = log(settings.talk_mean_s) - spread / 2.0, sqrt(spread)

    def run(self, callers: Iterable[Caller]) -> DayFigures:
        """Let all callers come and go."""
        world = self._world
        for shift in self._shifts or ():
            world.at(shift.from_s, lambda agent=shift.agent: world.log_in((agent,)))  # type: ignore[misc]  # mypy cannot infer it
            world.at(shift.to_s, lambda agent=shift.agent: self._log_out(agent))  # type: ignore[misc]  # mypy cannot infer it
        world.run(self._arrivals(callers))
        self.figures.close(world.now)
        return self.figures

    def _log_out(self, agent: str) -> None:
        world = self._world
        world.take(self.router.set_status(agent, Status.LOGGED_OUT, "", "agent", world.now))

    # --- callers ---

    def _arrivals(self, callers: Iterable[Caller]) -> Iterator[Arrival]:
        for number, caller in enumerate(callers):
            if not number and self._shifts is None:
                self._world.at(caller.at_s, lambda: self._world.log_in(self._profiles))
            self.figures.callers = number + 1
            if number % TOLD_EVERY == 0:
                self._on_progress(caller.at_s, number)
            patience_s = self._patience_s(caller)
            talk_s = self._talk_s() if caller.service_s is None else caller.service_s
            arrival = _Open(caller, caller.at_s, (caller.queue,), talk_s, caller.at_s + patience_s)
            self._open[str(number)] = arrival
            yield self._arrival(str(number), arrival)

    def _arrival(self, call: str, open_: _Open) -> Arrival:
        caller = open_.caller
        return Arrival(
            call=call,
            at_s=open_.entered_s,
            queue=open_.visited[-1],
            patience_s=max(0.0, open_.gives_up_s - open_.entered_s),
            first_at_s=caller.at_s,
            category=caller.category,
            priority=caller.priority,
            work_s=open_.talk_s,
        )

    def with_wishes(self, call: WaitingCall, now: float) -> WaitingCall:
        """Return the call with what its queue and its caller's number make of it."""
        queue, number = self._queues[call.queue], self._open[call.call].caller.caller
        requires = queue.requires
        return replace(
            call,
            caller=number,
            skills=requires.skills,
            language=requires.language,
            region=requires.region,
            tags=requires.tags,
            preferred=self._contacts.preferred(number, queue.prefers, now),
            visits=self._contacts.visits(number, now),
        )

    def _patience_s(self, caller: Caller) -> float:
        if caller.patience_s is not None:
            return caller.patience_s
        mean_s = self._settings.patience_mean_s
        return inf if mean_s == inf else self._randomness.expovariate(1.0 / mean_s)

    def _talk_s(self) -> float:
        if self._settings.exponential_talk:
            return self._randomness.expovariate(1.0 / self._settings.talk_mean_s)
        return self._randomness.lognormvariate(*self._talk)

    # --- People ---

    def handle(self, arrival: Arrival, agent: str) -> Handling:
        """Ring for a moment; talk as long as the call takes."""
        ring_s = self._settings.ring_mean_s * self._randomness.uniform(0.5, 1.5)
        return Handling(arrival.work_s, ring_s)

    def answered(self, arrival: Arrival, offer: OfferMade, now: float) -> None:
        """Count the wait, and remember who talks to whom."""
        number = self._open[arrival.call].caller.caller
        self._contacts.talked(number, offer.agent, arrival.call, now)
        queue = self._queues[arrival.queue]
        waited_s = now - arrival.at_s
        in_time = waited_s <= queue.service_level_s
        self.figures.queues[queue.name].count("answered", arrival.at_s, waited_s, in_time)
        self.figures.agents[offer.agent].handled += 1

    def ended(self, arrival: Arrival, agent: str, now: float) -> None:
        """Draw whether a sales call ends in an order, and let the router learn it."""
        del self._open[arrival.call]
        queue = self._queues[arrival.queue]
        conversion = self._conversion(agent, queue)
        if conversion is None:
            return
        ordered = self._randomness.random() < conversion
        category = arrival.category or queue.category
        self.router.record_outcome(agent, queue.name, category, arrival.call, ordered, now)
        if ordered:
            self.figures.queues[queue.name].count_order(arrival.at_s)
            self.figures.agents[agent].orders += 1

    def _conversion(self, agent: str, queue: QueueProfile) -> float | None:
        if queue.kind is not QueueKind.SALES:
            return None
        known = self._conversions.get(agent)
        by_hand = self._profiles[agent].rank.get(queue.name)
        return (
            known
            if known is not None
            else by_hand
            if by_hand is not None
            else self._settings.conversion
        )

    def left(self, arrival: Arrival, reason: LeaveReason, now: float) -> None:
        """Count it, and line up again where the queue overflows."""
        queue = self._queues[arrival.queue]
        waited_s = now - arrival.at_s
        overflow = queue.overflow
        part = reason.value
        if reason is LeaveReason.ABANDONED:
            part = "short_abandons" if waited_s <= queue.short_abandon_s else "abandons"
        elif reason is LeaveReason.TIMED_OUT and overflow and (overflow.queue or overflow.flow):
            part = "overflowed"
        self.figures.queues[queue.name].count(part, arrival.at_s, waited_s, False)
        open_ = self._open.pop(arrival.call)
        target = overflow.queue if overflow else ""
        if reason is LeaveReason.ABANDONED or not target or target in open_.visited:
            return
        call = f"{arrival.call}+"
        open_.entered_s, open_.visited = now, (*open_.visited, target)
        self._open[call] = open_
        self._world.at(now, lambda: self._world.arrive(self._arrival(call, open_)))


class _DayWorld(FloorWorld):
    """A floor whose agents' times are booked."""

    figures: DayFigures

    def __init__(self, router: Router, day: Day) -> None:
        super().__init__(router, day)
        self._day = day

    def call_of(self, arrival: Arrival) -> WaitingCall:
        return self._day.with_wishes(super().call_of(arrival), self.now)

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, AgentStateChanged):
                self.figures.enter(event, self.now)
        super().take(events)
