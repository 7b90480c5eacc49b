"""KPIs of agents: their definitions, as functions of sums that may be added in any order.

Rates are fractions; None stands where there is nothing to divide by. Times are those of the two
tracks (`acd.reports.agent_times`), split at quarter-hours; calls belong to the quarter-hour in
which they entered the queue, so that over a short period times and calls may be each other's
neighbours'. Over a day that evens out.
"""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import astuple

from .contract import traffic_index as traffic_index


class AgentSums(Struct, kw_only=True):
    """Sums of times and counts, of one agent or of many."""

    ready_s: float = 0.0
    away_s: float = 0.0
    available_s: float = 0.0
    idle_s: float = 0.0
    ringing_s: float = 0.0
    talk_s: float = 0.0
    hold_s: float = 0.0
    wrap_up_s: float = 0.0
    paused_s: float = 0.0
    cool_down_s: float = 0.0
    offers: int = 0
    missed_offers: int = 0
    handled: int = 0
    own_calls: int = 0
    sales: int = 0
    orders: int = 0
    sales_orders: int = 0
    complaints: int = 0
    queue_handling_s: float = 0.0
    "Talk, hold and after-call work of calls that came through a queue."

    def __add__(self, other: "AgentSums") -> "AgentSums":
        """Return the sums of both."""
        sums = (a + b for a, b in zip(astuple(self), astuple(other), strict=True))
        return AgentSums(**dict(zip(SUMS, sums, strict=True)))


SUMS = AgentSums.__struct_fields__
AwayTimes = Mapping[str, float]
"Seconds away, by reason."


def handling_s(of: AgentSums) -> float:
    """Return talk, hold and after-call work, own calls too."""
    return of.talk_s + of.hold_s + of.wrap_up_s


def logged_in_s(of: AgentSums) -> float:
    """Return the time in status ready or away."""
    return of.ready_s + of.away_s


def occupancy(of: AgentSums) -> float | None:
    """Return 在线繁忙度: handling time / (handling time + available time)."""
    return _rate(handling_s(of), handling_s(of) + of.available_s)


def utilisation(of: AgentSums, paid_s: float) -> float | None:
    """Return 人工利用率: (handling time + available time) / paid time.

    Handling time is handled x (talk + hold + after-call work averages). What is paid says
    `acd.reports.paid_time`; who works longer than that is above 1.
    """
    return _rate(handling_s(of) + of.available_s, paid_s)


def aht_s(of: AgentSums) -> float | None:
    """Return 平均处理时长: (talk + hold + after-call work) of queues' calls / handled."""
    return _rate(of.queue_handling_s, of.handled)


def offer_answer_rate(of: AgentSums) -> float | None:
    """Return handled / (handled + missed offers).

    Offers that ended otherwise (the caller left, a colleague took it, the phone was out of reach)
    say nothing of the agent.
    """
    return _rate(of.handled, of.handled + of.missed_offers)


def conversion_rate(of: AgentSums) -> float | None:
    """Return 成交率: orders / handled sales calls."""
    return _rate(of.sales_orders, of.sales)


def _rate(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
