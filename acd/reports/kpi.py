"""KPIs per queue: rates of sums, as a function of the CDR's rows.

A visit belongs to the period in which it was offered, that is, in which it entered the queue,
wherever it ends. Always: offered = answered + short_abandons + abandons + exited + callbacks +
overflowed + timed_out + refused_full + empty + closed + faulted + waiting. Visits of customers who
are called back are in none of it: they were offered once. Rates are fractions; `None` stands
where there is nothing to divide by. docs/kpi.md has them all, with sources and variants.
"""

from collections.abc import Iterable

from msgspec import Struct

from acd.calls.cdr_rows import (
    AgentStateInterval,
    Disposition,
    OrderEvent,
    QueueVisit,
    TalkSegment,
    Transfer,
)

from .measures import PARTS as PARTS
from .measures import Measures, measures_of
from .ratio import Ratio
from .service_level import ServiceLevel as ServiceLevel
from .service_level import service_level as level_of
from .visits import counted_visits


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


ANSWER_RATE = Ratio(("answered",), ("offered",))
"接通率."

ABANDON_RATE = Ratio(("abandons",), ("offered",))
"放弃率; short abandons are not in it."

ASA_S = Ratio(("wait_s",), ("answered",))
"平均应答速度: Σ wait of the answered / answered."

AHT_S = Ratio(("talk_s", "hold_s", "wrap_up_s"), ("answered",))
"平均处理时长: (talk + hold + after-call work) / answered."

CONVERSION_RATE = Ratio(("sales_orders",), ("sales",))
"成交率: orders / answered, of sales visits alone."


def queue_kpis(
    visits: Iterable[QueueVisit],
    talks: Iterable[TalkSegment] = (),
    states: Iterable[AgentStateInterval] = (),
    dispositions: Iterable[Disposition] = (),
    transfers: Iterable[Transfer] = (),
    orders: Iterable[OrderEvent] = (),
    *,
    from_us: int,
    to_us: int,
    service_level: ServiceLevel = ServiceLevel.OFFERED,
) -> list[QueueKpi]:
    """Return the figures of the visits that entered in [from_us, to_us), by queue name.

    `visits` has to hold all visits of an interaction, those outside of the period too
    (`acd.reports.visits.counted_visits`).
    """
    sums: dict[str, Measures] = {}
    counted = counted_visits(visits, talks, states, dispositions, transfers, orders=orders)
    for visit in counted:
        if from_us <= visit.entered_us < to_us:
            sums[visit.queue] = sums.get(visit.queue, Measures()) + measures_of(visit)
    return [queue_kpi(queue, sums[queue], service_level) for queue in sorted(sums)]


def with_all_queues(kpis: Iterable[QueueKpi], queues: Iterable[str]) -> list[QueueKpi]:
    """Return the figures, with queues that had no call as zeros, by queue name."""
    found = {kpi.queue: kpi for kpi in kpis}
    names = sorted(found.keys() | set(queues))
    return [found.get(name) or QueueKpi(queue=name) for name in names]


def queue_kpi(
    queue: str, measures: Measures, definition: ServiceLevel = ServiceLevel.OFFERED
) -> QueueKpi:
    """Return a queue's figures out of its sums."""
    return QueueKpi(
        queue=queue,
        offered=measures.offered,
        **{part: getattr(measures, part) for part in PARTS},
        orders=measures.orders,
        answer_rate=ANSWER_RATE.of(measures),
        service_level=level_of(measures, definition),
        service_level_definition=definition.value,
        abandon_rate=ABANDON_RATE.of(measures),
        asa_s=ASA_S.of(measures),
        aht_s=AHT_S.of(measures),
        conversion_rate=CONVERSION_RATE.of(measures),
    )
