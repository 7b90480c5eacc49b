"""KPIs per queue: their definitions, as a function of the CDR's rows.

A visit belongs to the period in which it was offered, that is, in which it entered the queue,
wherever it ends. Always: offered = answered + short_abandons + abandons + exited + callbacks +
overflowed + timed_out + refused_full + empty + closed + faulted + waiting. Visits of customers who
are called back are in none of it: they were offered once. Rates are fractions; `None` stands
where there is nothing to divide by. `acd/storage/migrations` (0002, 0005, 0008) say it in SQL.
"""

from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from acd.calls.cdr_rows import (
    AgentStateInterval,
    Disposition,
    QueueVisit,
    TalkSegment,
    Transfer,
)


class ServiceLevel(Enum):
    """Which service level is meant; they differ by several points and are never mixed."""

    OFFERED = "offered"
    "Answered within the threshold / offered."

    OFFERED_WITHOUT_SHORT_ABANDONS = "offered_without_short_abandons"
    "Answered within the threshold / (offered − short abandons)."

    ANSWERED = "answered"
    "Answered within the threshold / answered."

    ABANDONS_MET = "abandons_met"
    "(Answered within the threshold + abandoned within it, short or not) / offered."


class QueueKpi(Struct, frozen=True, kw_only=True):
    """One queue's figures for a period; the names are those of JSON and of the columns."""

    queue: str
    offered: int = 0
    "Calls that asked for an agent."

    answered: int = 0
    short_abandons: int = 0
    "Callers who hung up within the queue's short-abandon threshold."

    abandons: int = 0
    "All other callers who hung up waiting."

    exited: int = 0
    "Left by a digit."

    callbacks: int = 0
    overflowed: int = 0
    timed_out: int = 0
    refused_full: int = 0
    empty: int = 0
    "Refused or led out: nobody served the queue."

    closed: int = 0
    "Refused or led out: the queue was closed in an emergency."

    faulted: int = 0
    "Cut by a fault; also whatever has no name of its own."

    waiting: int = 0
    orders: int = 0
    answer_rate: float | None = None
    "接通率: answered / offered."

    service_level: float | None = None
    "规定期间接通率, by the definition asked for."

    service_level_definition: str = ServiceLevel.OFFERED.value
    abandon_rate: float | None = None
    "放弃率: abandons / offered; short abandons are not in it."

    asa_s: float | None = None
    "平均应答速度: Σ wait of the answered / answered; the wait in this queue alone."

    aht_s: float | None = None
    "平均处理时长: (talk + hold + after-call work) / answered."

    conversion_rate: float | None = None
    "成交率: orders / answered calls, of sales visits alone."


PARTS = (
    "answered",
    "short_abandons",
    "abandons",
    "exited",
    "callbacks",
    "overflowed",
    "timed_out",
    "refused_full",
    "empty",
    "closed",
    "faulted",
    "waiting",
)
"The parts that offered is the sum of."

_PART_OF_OUTCOME = {
    "answered": "answered",
    "short_abandon": "short_abandons",
    "abandoned": "abandons",
    "exited": "exited",
    "callback": "callbacks",
    "overflowed": "overflowed",
    "timed_out": "timed_out",
    "refused_full": "refused_full",
    "empty": "empty",
    "closed": "closed",
    "waiting": "waiting",
}


class _Tally(Struct):
    """Sums of one queue."""

    parts: dict[str, int]
    in_time: int = 0
    abandons_in_time: int = 0
    sales: int = 0
    sales_orders: int = 0
    orders: int = 0
    waited_s: float = 0.0
    handled_s: float = 0.0


class _Consequences(Struct):
    """What followed from visits, by visit id."""

    handled_s: dict[str, float]
    ordered: set[str]


def queue_kpis(
    visits: Iterable[QueueVisit],
    talks: Iterable[TalkSegment] = (),
    states: Iterable[AgentStateInterval] = (),
    dispositions: Iterable[Disposition] = (),
    transfers: Iterable[Transfer] = (),
    *,
    from_us: int,
    to_us: int,
    service_level: ServiceLevel = ServiceLevel.OFFERED,
) -> list[QueueKpi]:
    """Return the figures of the visits that entered in [from_us, to_us), by queue name.

    `visits` has to hold all visits of an interaction, those outside of the period too: an order
    and after-call work belong to the last visit that their agent answered, be it in the
    consultation before an attended transfer (`transfers`).
    """
    visits = list(visits)
    answered = _Answered(visits, transfers)
    consequences = _consequences(answered, talks, states, dispositions)
    tallies: dict[str, _Tally] = {}
    for visit in visits:
        if from_us <= visit.entered_us < to_us and not visit.callback:
            tally = tallies.setdefault(visit.queue, _Tally(dict.fromkeys(PARTS, 0)))
            _count(tally, visit, consequences)
    return [_kpi(queue, tallies[queue], service_level) for queue in sorted(tallies)]


def with_all_queues(kpis: Iterable[QueueKpi], queues: Iterable[str]) -> list[QueueKpi]:
    """Return the figures, with queues that had no call as zeros, by queue name."""
    found = {kpi.queue: kpi for kpi in kpis}
    names = sorted(found.keys() | set(queues))
    return [found.get(name) or QueueKpi(queue=name) for name in names]


class _Answered:
    """Which visit an agent's part of an interaction belongs to."""

    def __init__(self, visits: list[QueueVisit], transfers: Iterable[Transfer]) -> None:
        self.visits: set[str] = set()
        self._last: dict[tuple[str, str, str], str] = {}
        self._consults: dict[str, list[str]] = defaultdict(list)
        for visit in sorted(visits, key=lambda visit: (visit.entered_us, visit.visit)):
            if visit.outcome == "answered":
                self.visits.add(visit.visit)
                self._last[visit.interaction, visit.queue, visit.agent] = visit.visit
                self._last[visit.interaction, "", visit.agent] = visit.visit
        for transfer in transfers:
            if transfer.consult and transfer.outcome == "completed":
                self._consults[transfer.interaction].append(transfer.consult)

    def last(self, interaction: str, queue: str, agent: str) -> list[str]:
        """Return the agent's last visit in the interaction, else those of joined consultations.

        `queue` empty: in whichever queue.
        """
        own = self._last.get((interaction, queue, agent))
        if own is not None:
            return [own]
        consults = self._consults.get(interaction, ())
        found = (self._last.get((consult, queue, agent)) for consult in consults)
        return [visit for visit in found if visit is not None]


def _consequences(
    answered: _Answered,
    talks: Iterable[TalkSegment],
    states: Iterable[AgentStateInterval],
    dispositions: Iterable[Disposition],
) -> _Consequences:
    handled_s: dict[str, float] = defaultdict(float)
    for talk in talks:
        if talk.visit in answered.visits:
            handled_s[talk.visit] += talk.talk_s + talk.hold_s
    for state in states:
        if state.state == "wrap_up" and state.queue:
            for visit in answered.last(state.interaction, state.queue, state.agent):
                handled_s[visit] += state.duration_s or 0.0
    ordered = {
        visit
        for entry in dispositions
        if entry.ordered
        for visit in answered.last(entry.interaction, entry.queue, entry.agent)
    }
    return _Consequences(handled_s, ordered)


def _count(tally: _Tally, visit: QueueVisit, consequences: _Consequences) -> None:
    part = _PART_OF_OUTCOME.get(visit.outcome, "faulted")
    tally.parts[part] += 1
    in_time = visit.waited_s is not None and visit.waited_s <= visit.service_level_s
    if part in {"abandons", "short_abandons"}:
        tally.abandons_in_time += in_time
    if part != "answered":
        return
    ordered = visit.visit in consequences.ordered
    tally.in_time += in_time
    tally.orders += ordered
    if visit.kind == "sales":
        tally.sales += 1
        tally.sales_orders += ordered
    tally.waited_s += visit.waited_s or 0.0
    tally.handled_s += consequences.handled_s.get(visit.visit, 0.0)


def _kpi(queue: str, tally: _Tally, definition: ServiceLevel) -> QueueKpi:
    parts = tally.parts
    offered, answered = sum(parts.values()), parts["answered"]
    met, of = tally.in_time, offered
    match definition:
        case ServiceLevel.OFFERED:
            pass
        case ServiceLevel.OFFERED_WITHOUT_SHORT_ABANDONS:
            of = offered - parts["short_abandons"]
        case ServiceLevel.ANSWERED:
            of = answered
        case ServiceLevel.ABANDONS_MET:
            met += tally.abandons_in_time
    return QueueKpi(
        queue=queue,
        offered=offered,
        **parts,
        orders=tally.orders,
        answer_rate=_rate(answered, offered),
        service_level=_rate(met, of),
        service_level_definition=definition.value,
        abandon_rate=_rate(parts["abandons"], offered),
        asa_s=_rate(tally.waited_s, answered),
        aht_s=_rate(tally.handled_s, answered),
        conversion_rate=_rate(tally.sales_orders, tally.sales),
    )


def _rate(part: float, whole: int) -> float | None:
    return part / whole if whole else None
