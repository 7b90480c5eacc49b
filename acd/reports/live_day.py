"""Today's figures per queue as the events come in: a fold that is never behind.

The figures are those of the records for the same period (`acd.reports.kpi`); a test holds the two
against each other. Visits belong to the day of the centre's zone in which they entered their
queue; at its midnight everything starts anew, and what waited then counts no more. Late
dispositions, and orders that others tell, correct the visit that they belong to.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar

from msgspec import Struct

from acd.calls import events as ev
from acd.calls.journal import Record

from .kpi import QueueKpi, queue_kpi
from .measures import FLOW_OUTS, MEASURES, PART_OF_OUTCOME, Measures
from .service_level import ServiceLevel

VISITS_KEPT = 500_000
"Visits of a day that a disposition can still correct: 2,000 seats with 100 calls, over twice."

LOOSE_KEPT = 10_000
"Wrap-ups of calls that are not known yet, while the start still restores them."

DayOf = Callable[[int], tuple[int, int]]
"Wall time (µs) -> begin and end of its day."


class LiveVisit(Struct, gc=False):
    """One visit of today."""

    visit: str
    interaction: str
    queue: str
    kind: str
    service_level_s: float
    is_counted: bool = True
    "False: of a customer who is called back, who was offered before."

    agent: str = ""
    "Who answered; empty: nobody yet."

    orders: int = 0
    "Dispositions that say ordered."


class EndedVisit(Struct, frozen=True, kw_only=True):
    """One visit of today that ended before this start of the server, as the records have it."""

    visit: str
    interaction: str
    queue: str
    kind: str
    outcome: str
    waited_s: float
    service_level_s: float
    agent: str
    callback: bool
    talk_s: float
    hold_s: float


class Earlier(Struct, frozen=True, kw_only=True):
    """What happened today before this start of the server."""

    begin_us: int
    "Of the day."

    visits: Iterable[EndedVisit]
    "In the order in which they entered."

    wrap_ups: Iterable[tuple[str, str, str, float]] = ()
    "Interaction, queue, agent, seconds."

    dispositions: Iterable[tuple[str, str, str, bool]] = ()
    "Interaction, agent, queue, ordered."

    orders: Iterable[tuple[str, str, str]] = ()
    "Interaction, agent and queue of orders that others told, in the order in which they came."

    consults: Iterable[tuple[str, str]] = ()
    "Interaction, and the one of a consultation that was joined to it."


class _Tally(Struct):
    """Measures that are counted up."""

    answered: int = 0
    short_abandons: int = 0
    abandons: int = 0
    exited: int = 0
    callbacks: int = 0
    overflowed: int = 0
    timed_out: int = 0
    refused_full: int = 0
    empty: int = 0
    closed: int = 0
    faulted: int = 0
    waiting: int = 0
    in_time: int = 0
    abandons_in_time: int = 0
    callbacks_in_time: int = 0
    flow_outs_in_time: int = 0
    orders: int = 0
    sales: int = 0
    sales_orders: int = 0
    wait_s: float = 0.0
    abandon_wait_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    longest_wait_s: float = 0.0


assert _Tally.__struct_fields__ == MEASURES


class LiveDay:
    """Today so far. Calls of one interaction and agent are told by their last visit."""

    _last: dict[tuple[str, str, str], LiveVisit]
    "By interaction, agent and queue; queue empty: in whichever."

    _told: dict[tuple[str, str], str]
    "Queue that was told with the latest order, by interaction and agent."

    def __init__(self, day_of: DayOf, wall_us: int) -> None:
        self._day_of = day_of
        self.restored = False
        "Whether what happened before this start of the server is in."
        self.touched: set[str] = set()
        "Queues whose figures or line have changed; whoever shows them empties it."
        self._loose: list[tuple[str, str, str, float]] = []
        self._begin(wall_us)

    # --- what the caller asks ---

    @property
    def begin_us(self) -> int:
        """Begin of today."""
        return self._begin_us

    @property
    def end_us(self) -> int:
        """When it ends."""
        return self._end_us

    def turn(self, wall_us: int) -> bool:
        """Start anew if a new day has begun; return whether it has."""
        if wall_us < self._end_us:
            return False
        self._begin(wall_us)
        return True

    def figures(self, definition: ServiceLevel = ServiceLevel.OFFERED) -> dict[str, QueueKpi]:
        """Return each queue that had calls today."""
        return {
            name: queue_kpi(name, _measures(tally), definition)
            for name, tally in self._tallies.items()
        }

    def figure(self, queue: str, definition: ServiceLevel = ServiceLevel.OFFERED) -> QueueKpi:
        """Return one queue's."""
        return queue_kpi(queue, _measures(self._tallies.get(queue, _Tally())), definition)

    def handled(self, agent: str) -> int:
        """Return how many visits of today the agent has answered."""
        return self._handled.get(agent, 0)

    # --- what happens ---

    def apply(self, record: Record) -> None:
        """Take a record of one of `KINDS`."""
        if record.wall_us >= self._end_us:
            self._begin(record.wall_us)
        self.KINDS[type(record.event)](self, record, record.event)

    def restore(self, earlier: Earlier) -> None:
        """Add what happened before this start; nothing if that was another day."""
        self.restored = True
        loose, self._loose = self._loose, []
        if earlier.begin_us != self._begin_us:
            return
        last: dict[tuple[str, str, str], LiveVisit] = {}
        for one in earlier.visits:
            visit = LiveVisit(
                *(one.visit, one.interaction, one.queue, one.kind, one.service_level_s),
                is_counted=not one.callback,
            )
            self._end_visit(visit, one.outcome, one.waited_s)
            if one.outcome == "answered":
                visit.agent = one.agent
                self._handled[one.agent] = self._handled.get(one.agent, 0) + 1
                self._visits[one.visit] = visit
                self._add_talk(visit, one.talk_s, one.hold_s)
                last[one.interaction, one.agent, one.queue] = visit
                last[one.interaction, one.agent, ""] = visit
        # What this start has seen of the same interaction came later.
        self._last = last | self._last
        for interaction, consult in earlier.consults:
            self._consults.setdefault(interaction, []).append(consult)
        for interaction, agent, queue, ordered in earlier.dispositions:
            self._dispositions.setdefault((interaction, agent), (queue, ordered))
        for interaction, queue, agent, seconds in [*earlier.wrap_ups, *loose]:
            self._add_wrap_up(interaction, queue, agent, seconds)
        # What this start was told came later, too; of calls of other days nothing is kept.
        told = {(one, agent): queue for one, agent, queue in earlier.orders} | self._told
        self._told = {key: queue for key, queue in told.items() if self._answered(*key)}
        for key in self._dispositions.keys() | self._told.keys():
            self._settle(*key)

    def _begin(self, wall_us: int) -> None:
        self._begin_us, self._end_us = self._day_of(wall_us)
        self._tallies: dict[str, _Tally] = {}
        self._handled: dict[str, int] = {}
        self._visits: dict[str, LiveVisit] = {}
        self._last = {}
        self._consulting: dict[str, str] = {}
        self._consults: dict[str, list[str]] = {}
        self._dispositions: dict[tuple[str, str], tuple[str, bool]] = {}
        self._told = {}
        self._ordered: dict[tuple[str, str], list[LiveVisit]] = {}
        self._wrapping: dict[str, tuple[str, str, float]] = {}

    def _tally(self, queue: str) -> _Tally:
        """Return a queue's counts, which are going to change."""
        self.touched.add(queue)
        tally = self._tallies.get(queue)
        if tally is None:
            tally = self._tallies[queue] = _Tally()
        return tally

    # --- visits ---

    def _entered(self, _: Record, event: ev.QueueEntered) -> None:
        if len(self._visits) >= VISITS_KEPT:
            self._forget()
        visit = LiveVisit(
            *(event.visit, event.interaction, event.queue, event.kind, event.service_level_s),
            is_counted=not event.callback,
        )
        self._visits[event.visit] = visit
        self.touched.add(event.queue)
        if visit.is_counted:
            self._tally(event.queue).waiting += 1

    def _left(self, _: Record, event: ev.QueueLeft) -> None:
        self.touched.add(event.queue)
        visit = self._visits.get(event.visit)
        if visit is None:
            return  # of yesterday
        if visit.is_counted:
            self._tally(visit.queue).waiting -= 1
        self._end_visit(visit, event.reason, event.waited_s)
        if event.reason != "answered":
            del self._visits[event.visit]
            return
        interaction, agent = event.interaction, event.agent
        visit.agent = agent
        self._handled[agent] = self._handled.get(agent, 0) + 1
        self._last[interaction, agent, visit.queue] = visit
        self._last[interaction, agent, ""] = visit
        if (interaction, agent) in self._dispositions or (interaction, agent) in self._told:
            self._settle(interaction, agent)

    def _end_visit(self, visit: LiveVisit, outcome: str, waited_s: float) -> None:
        if not visit.is_counted:
            return
        tally = self._tally(visit.queue)
        part = PART_OF_OUTCOME.get(outcome, "faulted")
        setattr(tally, part, getattr(tally, part) + 1)
        in_time = waited_s <= visit.service_level_s
        if part == "answered":
            tally.in_time += in_time
            tally.sales += visit.kind == "sales"
            tally.wait_s += waited_s
        elif part in {"abandons", "short_abandons"}:
            tally.abandons_in_time += in_time
            tally.abandon_wait_s += waited_s
        elif part in FLOW_OUTS:
            tally.flow_outs_in_time += in_time
            tally.callbacks_in_time += in_time and part == "callbacks"
            return
        else:
            return
        tally.longest_wait_s = max(tally.longest_wait_s, waited_s)

    def _forget(self) -> None:
        """Drop the oldest visit; it stays counted, and nothing corrects it any more."""
        visit = self._visits.pop(next(iter(self._visits)))
        self._last.pop((visit.interaction, visit.agent, visit.queue), None)
        self._last.pop((visit.interaction, visit.agent, ""), None)
        self._dispositions.pop((visit.interaction, visit.agent), None)
        self._told.pop((visit.interaction, visit.agent), None)
        self._ordered.pop((visit.interaction, visit.agent), None)

    # --- what follows from them ---

    def _parted(self, _: Record, event: ev.AgentDisconnected) -> None:
        visit = self._visits.get(event.visit)
        if visit is not None:
            self._add_talk(visit, event.talk_s, event.hold_s)

    def _add_talk(self, visit: LiveVisit, talk_s: float, hold_s: float) -> None:
        if visit.is_counted:
            tally = self._tally(visit.queue)
            tally.talk_s += talk_s
            tally.hold_s += hold_s

    def _state(self, record: Record, event: ev.AgentStateChanged) -> None:
        over = self._wrapping.pop(event.agent, None) if self._wrapping else None
        if over is not None:
            interaction, queue, began_s = over
            seconds = round(max(0.0, record.mono_s - began_s), 6)
            self._add_wrap_up(interaction, queue, event.agent, seconds)
        if event.state == "wrap_up" and event.queue:
            self._wrapping[event.agent] = event.interaction, event.queue, record.mono_s

    def _add_wrap_up(self, interaction: str, queue: str, agent: str, seconds: float) -> None:
        found = self._found(interaction, queue, agent)
        for visit in found:
            if visit.is_counted:
                self._tally(visit.queue).wrap_up_s += seconds
        if not found and not self.restored and len(self._loose) < LOOSE_KEPT:
            self._loose.append((interaction, queue, agent, seconds))

    def _disposed(self, _: Record, event: ev.DispositionEntered) -> None:
        self._dispositions[event.interaction, event.agent] = event.queue, event.ordered
        self._settle(event.interaction, event.agent)

    def _order_told(self, _: Record, event: ev.OrderChanged) -> None:
        interaction, agent = event.interaction, event.agent
        if not interaction or not agent:
            return
        # Most that a shop tells is of earlier days; before those are in, nobody knows.
        if self._answered(interaction, agent) or (
            not self.restored and len(self._told) < LOOSE_KEPT
        ):
            self._told[interaction, agent] = event.queue
            self._settle(interaction, agent)

    def _answered(self, interaction: str, agent: str) -> bool:
        """Return whether the agent has answered in the interaction, or in one that joined it."""
        return bool(self._found(interaction, "", agent))

    def _settle(self, interaction: str, agent: str) -> None:
        """Have the agent's order count where it belongs, and nowhere else.

        An order that was told without a disposition counts as one that names its queue.
        """
        for visit in self._ordered.pop((interaction, agent), ()):
            visit.orders -= 1
            if not visit.orders:
                self._count_order(visit, -1)
        told = self._told.get((interaction, agent))
        queue, ordered = self._dispositions.get((interaction, agent), (told or "", False))
        if not ordered and told is None:
            return
        found = self._found(interaction, queue, agent)
        for visit in found:
            visit.orders += 1
            if visit.orders == 1:
                self._count_order(visit, 1)
        self._ordered[interaction, agent] = found

    def _count_order(self, visit: LiveVisit, change: int) -> None:
        if visit.is_counted:
            tally = self._tally(visit.queue)
            tally.orders += change
            tally.sales_orders += change * (visit.kind == "sales")

    def _found(self, interaction: str, queue: str, agent: str) -> list[LiveVisit]:
        """Return the agent's last visit in the interaction, else those of joined consultations."""
        own = self._last.get((interaction, agent, queue))
        if own is not None:
            return [own]
        consults = self._consults.get(interaction, ())
        visits = (self._last.get((consult, agent, queue)) for consult in consults)
        return [visit for visit in visits if visit is not None]

    # --- transfers ---

    def _transfer_requested(self, _: Record, event: ev.TransferRequested) -> None:
        if event.consult:
            self._consulting[event.transfer] = event.consult

    def _transfer_completed(self, _: Record, event: ev.TransferCompleted) -> None:
        consult = self._consulting.pop(event.transfer, None)
        if consult is not None:
            self._consults.setdefault(event.interaction, []).append(consult)

    def _transfer_failed(self, _: Record, event: ev.TransferFailed) -> None:
        self._consulting.pop(event.transfer, None)

    KINDS: ClassVar[dict[type, Callable[..., None]]] = {
        ev.QueueEntered: _entered,
        ev.QueueLeft: _left,
        ev.AgentDisconnected: _parted,
        ev.AgentStateChanged: _state,
        ev.DispositionEntered: _disposed,
        ev.OrderChanged: _order_told,
        ev.TransferRequested: _transfer_requested,
        ev.TransferCompleted: _transfer_completed,
        ev.TransferFailed: _transfer_failed,
    }
    "The kinds of events that change figures."


def _measures(tally: _Tally) -> Measures:
    return Measures(**{name: getattr(tally, name) for name in MEASURES})
