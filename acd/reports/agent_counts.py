"""What agents did by quarter-hour: calls handled, offers, orders; a function of the CDR's rows.

A call counts in the quarter-hour in which its visit entered the queue, an offer in that in which
the phone began to ring. Unlike a queue's figures, visits of customers who are called back are
counted: they are work. The same in SQL: `agent_count_parts` in acd/storage/migrations.
"""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from acd.calls.cdr_rows import Disposition, Offer, OrderEvent, QueueVisit, TalkSegment, Transfer

from .agent_times import QUARTER_US, Key
from .visits import counted_visits

MISSED = frozenset({"no_answer", "busy", "rejected"})
"Outcomes of offers that the agent did not take. What never reached the phone is no one's fault."


class AgentCounts(Struct, kw_only=True):
    """One agent's counts of one quarter-hour and queue."""

    offers: int = 0
    "Phones that rang, or were called, for this agent."

    missed_offers: int = 0
    handled: int = 0
    "Queue visits that the agent answered."

    own_calls: int = 0
    "Talks that came through no queue: own calls, calls handed on to the agent's number."

    sales: int = 0
    "Handled ones of queues of kind sales."

    orders: int = 0
    sales_orders: int = 0
    complaints: int = 0
    "Handled ones whose disposition has the class complaint."


def agent_counts(
    visits: Iterable[QueueVisit],
    offers: Iterable[Offer] = (),
    talks: Iterable[TalkSegment] = (),
    dispositions: Iterable[Disposition] = (),
    transfers: Iterable[Transfer] = (),
    orders: Iterable[OrderEvent] = (),
) -> dict[Key, AgentCounts]:
    """Return the counts by quarter-hour, agent and queue."""
    found: dict[Key, AgentCounts] = defaultdict(AgentCounts)
    all_visits = [replace(visit, callback=False) for visit in visits]
    for visit in counted_visits(
        all_visits, dispositions=dispositions, transfers=transfers, orders=orders
    ):
        if visit.outcome != "answered":
            continue
        counts = found[_quarter(visit.entered_us), visit.agent, visit.queue]
        sale = visit.kind == "sales"
        counts.handled += 1
        counts.sales += sale
        counts.orders += visit.ordered
        counts.sales_orders += sale and visit.ordered
        counts.complaints += visit.call_class == "complaint"
    for offer in offers:
        counts = found[_quarter(offer.offered_us), offer.agent, offer.queue]
        counts.offers += 1
        counts.missed_offers += offer.outcome in MISSED
    for talk in talks:
        if not talk.visit:
            found[_quarter(talk.began_us), talk.agent, ""].own_calls += 1
    return dict(found)


def _quarter(at_us: int) -> int:
    return at_us // QUARTER_US * QUARTER_US
