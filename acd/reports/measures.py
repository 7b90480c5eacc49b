"""What is counted of queue visits: sums that may be added in any order, and nothing else.

Each cell of a report is the sum of its visits' measures, be it a quarter-hour of one queue or the
house's year; rates are made of the sums at the very end (`acd.reports.service_level`,
`acd.reports.kpi`), never averaged.
"""

from math import inf
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import astuple

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

PART_OF_OUTCOME = {
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
"By `QueueVisit.outcome`; what has no name of its own is a fault."

FLOW_OUTS = (
    "exited",
    "callbacks",
    "overflowed",
    "timed_out",
    "refused_full",
    "empty",
    "closed",
)
"""Parts that left the queue neither answered nor by hanging up, but led on: Genesys' flow-outs.
Faults are none: nobody decided on them."""


_parts = attrgetter(*PARTS)


class Measures(Struct, frozen=True, kw_only=True):
    """Sums over queue visits."""

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
    in_time: int = 0
    "Answered within the queue's service-level threshold of that time."

    abandons_in_time: int = 0
    "Hung up within it, short abandons too."

    callbacks_in_time: int = 0
    "Took a call-back within it."

    flow_outs_in_time: int = 0
    "Were led on (`FLOW_OUTS`) within it."

    orders: int = 0
    "Answered visits whose disposition says ordered."

    sales: int = 0
    "Answered visits of queues of kind sales."

    sales_orders: int = 0
    "Those of them with an order."

    wait_s: float = 0.0
    "Of the answered; the wait in this queue alone."

    abandon_wait_s: float = 0.0
    "Of those who hung up, short abandons too."

    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    "All three of the answered."

    longest_wait_s: float = 0.0
    "Of the answered and of those who hung up. A maximum; it is merged as one."

    @property
    def offered(self) -> int:
        """呼入量: calls that asked for an agent, the sum of all parts."""
        return sum(_parts(self))

    def __add__(self, other: "Measures") -> "Measures":
        """Return the measures of the visits of both."""
        sums = [a + b for a, b in zip(astuple(self), astuple(other), strict=True)]
        sums[-1] = max(self.longest_wait_s, other.longest_wait_s)
        return Measures(**dict(zip(MEASURES, sums, strict=True)))


MEASURES = Measures.__struct_fields__
"Their names, in order; the last one is the only maximum."


class Visited(Struct, frozen=True, kw_only=True):
    """One visit with what followed from it, as far as it is counted."""

    outcome: str
    kind: str
    waited_s: float | None
    service_level_s: float
    ordered: bool = False
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0

    @property
    def handled_s(self) -> float:
        """Talk, hold and after-call work."""
        return self.talk_s + self.hold_s + self.wrap_up_s


def measures_of(visit: Visited) -> Measures:
    """Return one visit's measures."""
    part = PART_OF_OUTCOME.get(visit.outcome, "faulted")
    waited_s = inf if visit.waited_s is None else visit.waited_s
    in_time = int(waited_s <= visit.service_level_s)
    if part == "answered":
        return _answered(visit, in_time)
    if part in {"abandons", "short_abandons"}:
        return Measures(
            **{part: 1},
            abandons_in_time=in_time,
            abandon_wait_s=visit.waited_s or 0.0,
            longest_wait_s=visit.waited_s or 0.0,
        )
    if part in FLOW_OUTS:
        met_callbacks = in_time if part == "callbacks" else 0
        return Measures(**{part: 1}, flow_outs_in_time=in_time, callbacks_in_time=met_callbacks)
    return Measures(**{part: 1})


def _answered(visit: Visited, in_time: int) -> Measures:
    sales = int(visit.kind == "sales")
    ordered = int(visit.ordered)
    return Measures(
        answered=1,
        in_time=in_time,
        orders=ordered,
        sales=sales,
        sales_orders=sales * ordered,
        wait_s=visit.waited_s or 0.0,
        talk_s=visit.talk_s,
        hold_s=visit.hold_s,
        wrap_up_s=visit.wrap_up_s,
        longest_wait_s=visit.waited_s or 0.0,
    )
