"""A queue's line of waiting calls, in the order in which they are served."""

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable

from msgspec import Struct

from .activation import Activation, RecentCalls
from .announcing import CallAnnouncement
from .demand import Demand
from .model import LayerProfile, QueueProfile, WaitingCall
from .occupancy import Limits, Shares, limits_of
from .pace import Pace
from .places import Place, expected_place, position
from .policy import ALL, ONE, PROGRESSIVELY, Admission, rings_several
from .pool import IdlePool
from .rank import QueueRank
from .refitting import Refit

Head = tuple[float, float, str, Demand, bool]
"""A place, the demand of the call that stands there, and whether it is held out."""

Urgency = tuple[float, float, str]
"""Place among the calls of all queues: (−effective priority at this moment, first enqueue time,
call). Calls at their starvation bound have −inf: they go first, by first enqueue time."""


FoundPools = dict[Demand, list[IdlePool | None]]

NOBODY: frozenset[str] = frozenset()


class Waiting(Struct, eq=False):
    """A call in a queue, waiting or being offered: a `deadlines.Due`."""

    call: WaitingCall
    queue: "Queue"
    demand: Demand
    place: Place
    entered_at: float
    leaves_at: float
    position_at: float = math.inf
    due_at: float = math.inf
    reserved: bool = False
    "Whether it waits for its preferred agents alone."

    reserved_until: float = -math.inf
    "Until then, as long as it is reserved."

    offer: str = ""
    "The offer that rings, of several the one made first; empty: none does."

    others: tuple[str, ...] = ()
    "Offers that ring beside it (`ringing`), in the order in which they were made."

    step_at: float = -math.inf
    "From then on a layer that rings progressively may let a further phone ring."

    lined_up_at: float = math.inf
    "Since when it waits because no agent was free; inf: one was, at once."

    aside: bool = False
    "Not open to any agent's offers: it is being offered, or reserved."

    hold_out: bool = False
    overtook_s: float = 0.0
    "How much later than the head of the line it came that it was last paired ahead of."

    passed_over: frozenset[str] = NOBODY
    "Agents to whom an offer of this call came to nothing."

    @classmethod
    def of(cls, call: WaitingCall, queue: "Queue", demand: Demand, now: float) -> "Waiting":
        """Take a call for this queue, in no line yet."""
        profile = queue.profile
        entered_at = now if call.entered_at is None else call.entered_at
        every_s = profile.position_every_s
        return cls(
            call,
            queue,
            demand,
            (call.enqueued_at * queue.ageing - call.priority, call.enqueued_at, call.call),
            entered_at,
            entered_at + profile.max_wait_s,
            now + every_s if every_s else math.inf,
        )

    @property
    def name(self) -> str:
        """What is due; most calls are answered without ever being."""
        return f"1 call {self.call.call}"

    def take(self, value: CallAnnouncement, queue: "Queue", demand: Demand) -> None:
        """Go on from where the call is said to be; it must be in no line."""
        self.call, self.queue, self.demand = value.call, queue, demand
        self.place = queue.place_of(value.call)
        self.entered_at, self.leaves_at = value.entered_at, value.leaves_at
        self.position_at, self.lined_up_at = value.position_at, value.lined_up_at
        self.reserved = value.reserved_until > -math.inf
        self.reserved_until = value.reserved_until
        self.hold_out = value.hold_out
        self.passed_over = frozenset(value.passed_over)
        self.step_at = value.step_at

    @property
    def category(self) -> str:
        """As the router knows it: empty when no agent differs in it."""
        return self.demand.category

    def is_due(self, layer: LayerProfile, now: float) -> bool:
        """Whether this layer lets a further phone ring by now."""
        if layer.ring == ONE or now < self.call.enqueued_at + layer.after_s:
            return False
        return layer.ring == ALL or now >= self.step_at

    def may_grow(self, now: float) -> bool:
        """Whether a further phone may ring at all.

        After the maximum wait the last phones ring out, so that the call is led on some day.
        """
        return (
            not self.reserved
            and 1 + len(self.others) < self.queue.profile.ring_at_most
            and now < self.leaves_at
        )

    def next_ring(self, now: float) -> float:
        """When it may ring on further phones by itself: a layer opens, or a step is due.

        What is due already waits for an agent who frees up.
        """
        if not self.may_grow(now):
            return math.inf
        due_at = math.inf
        for layer in self.queue.profile.layers:
            if layer.ring == ONE:
                continue
            at = self.call.enqueued_at + layer.after_s
            if layer.ring == PROGRESSIVELY:
                at = max(at, self.step_at)
            if at > now:
                due_at = min(due_at, at)
        return due_at if due_at < self.leaves_at else math.inf

    def urgency(self, now: float) -> Urgency:
        """Place among all queues' calls at this moment; smaller is served first."""
        return self.queue.urgency(self.place, now)


class Queue:
    """One skill group's line. Calls being offered keep their place in it."""

    __slots__ = (
        "_found",
        "_lines",
        "_openings_s",
        "_unoffered",
        "activations",
        "admission",
        "ageing",
        "calls",
        "first_figure",
        "front",
        "in_order_until",
        "limits",
        "pace",
        "pools",
        "priority",
        "profile",
        "rank",
        "recent",
        "refit",
        "retired",
        "ringing",
        "rings",
        "shares",
    )

    def __init__(self, profile: QueueProfile, rank: QueueRank) -> None:
        self.profile = profile
        self.rank = rank
        self.retired = False
        "No longer configured: takes no new call, and is gone when the line is empty."

        self.calls: dict[str, Waiting] = {}
        self.pools: dict[tuple[int, Demand, str], IdlePool] = {}
        "By layer, demand and order; those that calls have asked for."

        self._found: tuple[FoundPools, FoundPools] = ({}, {})
        "The same for who calls, one for each layer: outside the hold-out share, and in it."

        self.admission = Admission(profile)
        self.shares = Shares()
        self.limits: Limits | None = None
        self.activations: dict[str, Activation] = {}
        "By group, of those that some layer names."

        self.recent = RecentCalls()
        self.refit = Refit(profile.name)
        self.rings = False
        "Some layer rings several phones for one call."

        self.ringing: dict[str, Waiting] = {}
        "Of such a queue the calls that ring, by queue visit."

        self._lines: defaultdict[int, list[Place]] = defaultdict(list)
        """All calls by their own priority, of which there are few; within one they stand in the
        order in which they came."""

        self._unoffered: dict[tuple[int, Demand, bool], list[Place]] = {}
        self.front: list[Head] = []
        "First place open to offers of each group, in the line's order."

        self.first_figure = math.inf
        "Figure of the first of these; inf: there is none."

        self.in_order_until = math.inf
        "Until then none of these is at its starvation bound."

        self.ageing = 0.0
        "Priority gained per second of wait."

        self.priority = 0
        self.pace = Pace()
        self._openings_s: tuple[float, ...] = ()
        self.reconfigure(profile, rank)

    def reconfigure(self, profile: QueueProfile, rank: QueueRank) -> None:
        """Go on under another profile; the line stays as it is."""
        self.profile = profile
        self.rank = rank
        self.retired = False
        self.close_pools()
        self.rings = rings_several(profile)
        self.ringing = {
            call: waiting for call, waiting in self.calls.items() if self.rings and waiting.offer
        }
        self.priority = profile.priority
        self.limits = limits_of(profile, self.shares)
        self._name_groups(profile)
        self._openings_s = tuple(sorted({layer.after_s for layer in profile.layers}))
        ageing = 1.0 / profile.ageing_s if profile.ageing_s else 0.0
        if ageing != self.ageing:
            self.ageing = ageing
            for waiting in self.calls.values():
                waiting.place = self.place_of(waiting.call)
            self._lines.clear()
            for place, priority in sorted(
                (waiting.place, waiting.call.priority) for waiting in self.calls.values()
            ):
                self._lines[priority].append(place)

    def close_pools(self) -> None:
        """Let the lists of idle agents go: they are of another configuration, or other groups."""
        self.pools = {}
        self._found = ({}, {})

    def found_pools(self, waiting: Waiting) -> list[IdlePool | None]:
        """Return the list of idle agents of each layer, as far as one like this has asked for it.

        Who looks one up in `pools` notes it here.
        """
        of_demand = self._found[waiting.hold_out]
        found = of_demand.get(waiting.demand)
        if found is None:
            found = of_demand[waiting.demand] = [None] * len(self.profile.layers)
        return found

    def _name_groups(self, profile: QueueProfile) -> None:
        """Keep what is activated of the groups that the profile still names."""
        rules = {rule.group: rule for rule in profile.activations}
        kept = self.activations
        self.activations = {
            group: kept.get(group) or Activation(profile.name, group)
            for layer in profile.layers
            for group in layer.groups
        }
        for group, activation in self.activations.items():
            activation.rule = rules.get(group)
        self.admit_active()

    def admit_active(self) -> None:
        """Go on with the groups that are activated now; pools of before are not to be used."""
        active = {group for group, activation in self.activations.items() if activation.on}
        self.admission = Admission(self.profile, active)

    def place_of(self, call: WaitingCall) -> Place:
        """Return the call's place in the line."""
        return (call.enqueued_at * self.ageing - call.priority, call.enqueued_at, call.call)

    def urgency(self, place: Place, now: float) -> Urgency:
        """Return what a place in this line is worth among those of other lines."""
        figure, enqueued_at, call = place
        if now >= enqueued_at + self.profile.starvation_s:
            return (-math.inf, enqueued_at, call)
        return (figure - now * self.ageing - self.priority, enqueued_at, call)

    def classify(self, demand_of: Callable[["Queue", WaitingCall], Demand]) -> None:
        """Sort the waiting calls anew after demands came to mean something else."""
        self._unoffered, self.front, self.in_order_until = {}, [], math.inf
        self.first_figure = math.inf
        for waiting in self.calls.values():
            waiting.demand = demand_of(self, waiting.call)
            if not waiting.offer:
                self.put_back(waiting)

    def __len__(self) -> int:
        return len(self.calls)

    def add(self, waiting: Waiting, *, aside: bool = False) -> None:
        """Line up; `aside`: open to no agent's offers before `put_back`."""
        self.calls[waiting.call.call] = waiting
        insort(self._lines[waiting.call.priority], waiting.place)
        if aside:
            waiting.aside = True
        else:
            self.put_back(waiting)

    def remove(self, waiting: Waiting) -> None:
        """Leave the line for good."""
        if not waiting.offer:
            self.take(waiting)
        waiting.aside = False
        del self.calls[waiting.call.call]
        line = self._lines[waiting.call.priority]
        del line[bisect_left(line, waiting.place)]
        if not line:
            del self._lines[waiting.call.priority]

    def reprioritise(self, waiting: Waiting, call: WaitingCall, demand: Demand) -> None:
        """Move to the place that the call has with another priority, offered or not."""
        self.remove(waiting)
        waiting.call, waiting.demand = call, demand
        waiting.place = self.place_of(waiting.call)
        self.calls[waiting.call.call] = waiting
        insort(self._lines[call.priority], waiting.place)
        if waiting.offer:
            waiting.aside = True
        else:
            self.put_back(waiting)

    def take(self, waiting: Waiting) -> None:
        """Being offered from now on; the place in the line is kept."""
        if waiting.aside:
            return
        waiting.aside, place = True, waiting.place
        group = (waiting.call.priority, waiting.demand, waiting.hold_out)
        places = self._unoffered[group]
        if places[0] is not place:
            del places[bisect_left(places, place)]
            return
        del places[0], self.front[bisect_left(self.front, place)]
        if places:
            insort(self.front, (*places[0], waiting.demand, waiting.hold_out))
        else:
            del self._unoffered[group]
        self.first_figure = self.front[0][0] if self.front else math.inf

    def offer(self, waiting: Waiting, now: float) -> None:
        """Take the call, and note whether anybody is left for whom no agent is free."""
        if not waiting.aside:
            self.take(waiting)
        waits = bool(self._unoffered)
        if waits is not self.pace.waits:
            self.pace.note(waits, now)

    def put_back(self, waiting: Waiting) -> None:
        """Open to offers again: of all agents, or as long as it is reserved of the preferred."""
        if waiting.reserved:
            waiting.aside = True
            return
        waiting.aside = False
        group = (waiting.call.priority, waiting.demand, waiting.hold_out)
        places = self._unoffered.get(group)
        if places is None:
            places = self._unoffered[group] = []
        insort(places, waiting.place)
        if places[0] is waiting.place:
            if len(places) > 1:
                del self.front[bisect_left(self.front, places[1])]
            insort(self.front, (*waiting.place, waiting.demand, waiting.hold_out))
            self.first_figure = self.front[0][0]
            starving_at = waiting.place[1] + self.profile.starvation_s
            self.in_order_until = min(self.in_order_until, starving_at)

    def heads(self, now: float) -> list[Head]:
        """First place open to offers of each group, the most urgent by now first.

        An agent's layers differ by demand and by wait, and within one priority and demand the
        head has waited longest: so heads are all that an agent has to look at. Calls of the
        hold-out share are groups of their own: they keep strict order.
        """
        heads = self.front
        if now < self.in_order_until:
            return heads
        starvation_s = self.profile.starvation_s
        self.in_order_until = min([head[1] for head in heads], default=math.inf) + starvation_s
        if now < self.in_order_until:
            return heads
        return sorted(
            (-math.inf if now >= head[1] + starvation_s else head[0], *head[1:]) for head in heads
        )

    def count_recent(self, *, in_time: bool) -> None:
        """Note how a call ended, for rules on the service level, if there are any."""
        if self.profile.activations:
            kept = max(rule.last_calls for rule in self.profile.activations)
            self.recent.count(in_time, kept)

    def unoffered(self) -> list[Waiting]:
        """Every call open to offers, the reserved among them."""
        open_to_all = [
            self.calls[place[2]] for group in self._unoffered.values() for place in group
        ]
        reserved = [
            waiting for waiting in self.calls.values() if waiting.reserved and not waiting.offer
        ]
        return open_to_all + reserved

    def next_due(self, waiting: Waiting, now: float) -> float:
        """When the call needs the router's attention by itself."""
        due_at = waiting.position_at
        if waiting.offer:
            # A phone is ringing for the caller: the maximum wait can only strike after that.
            return min(due_at, waiting.next_ring(now)) if self.rings else due_at
        due_at = min(due_at, waiting.leaves_at)
        if waiting.reserved:
            return min(due_at, waiting.reserved_until)
        enqueued_at = waiting.call.enqueued_at
        for after_s in self._openings_s:
            if enqueued_at + after_s > now:
                return min(due_at, enqueued_at + after_s)
        return due_at

    def position(self, waiting: Waiting, now: float) -> int:
        """Place in the line by now; 1 is the head."""
        return position(self._lines.values(), waiting.place, self.profile.starvation_s, now)

    def expected_place(self, waiting: Waiting, now: float) -> int:
        """Place that the caller is told: who has gone before when it comes to the turn."""
        lines, place = self._lines, waiting.place
        if len(lines) == 1:
            return bisect_left(next(iter(lines.values())), place) + 1
        return expected_place(lines.values(), place, self.profile.starvation_s, self.pace, now)

    def oldest(self) -> float:
        """Since when the one in line has waited who has waited longest; inf: nobody waits.

        Who came first has not, where an agent talked to that caller meanwhile.
        """
        oldest = math.inf
        for line in self._lines.values():
            for _, enqueued_at, call in line:
                if enqueued_at >= oldest:
                    break
                oldest = min(oldest, enqueued_at + self.calls[call].call.served_s)
        return oldest

    def line_up(self, waiting: Waiting, now: float) -> None:
        """Note that no agent is free for the call."""
        waiting.lined_up_at = min(waiting.lined_up_at, now)
        self.pace.note(True, now)

    def note_pace(self, now: float) -> None:
        """Note whether anybody is left for whom no agent is free."""
        waits = bool(self._unoffered)
        if waits is not self.pace.waits:
            self.pace.note(waits, now)

    def count_answer(self, waiting: Waiting, now: float) -> None:
        """Measure the pace by a call that was answered and has left the line."""
        # Who found a free agent says nothing about how fast the line moves.
        if waiting.lined_up_at <= now:
            self.pace.count_answer(now - waiting.lined_up_at, now)

    def count_abandon(self, waiting: Waiting, now: float) -> None:
        """Measure how fast callers give up by one who has left the line."""
        if waiting.lined_up_at <= now:
            self.pace.count_abandon(now - waiting.lined_up_at)
        self.note_pace(now)

    def estimated_wait(self, waiting: Waiting, now: float) -> float | None:
        """Seconds until this call is answered at the line's pace; None: not yet known."""
        return self.pace.wait_s(self.expected_place(waiting, now))
