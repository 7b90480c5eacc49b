"""What ranking gained: the calls that were ranked against those held out from it, per queue.

Compared are all answered calls of sales queues by whether they were drawn into the hold-out share
when they came (`hold_out` in queues.yaml), however they were served in the end: only so are the
two groups alike but for the routing. Conversion is orders / answered, as in the KPIs; calls that
nobody has classed yet count as answered without an order in both, and are told.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from .intervals import mean_difference, newcombe


class Group(Struct, frozen=True, kw_only=True):
    """The answered calls of one queue that were ranked, or that were held out."""

    queue: str
    hold_out: bool
    answered: int = 0
    orders: int = 0
    pending: int = 0
    "Answered and not classed yet."

    unmeasured: int = 0
    "Answered by longest idle because no outcome was known to rank by."


class Amounts(Struct, frozen=True, kw_only=True):
    """What the orders of a group that stand, placed or signed, are worth in one currency."""

    queue: str
    hold_out: bool
    currency: str
    orders: int = 0
    "Whose amount is known."

    amount: float = 0.0
    "Sum of them, in minor units."

    squares: float = 0.0
    "Sum of the squares of what each call's are worth."


class RoutingGain(Struct, frozen=True, kw_only=True):
    """One queue's figures; the names are those of JSON and CSV. None: nothing to divide by."""

    queue: str
    ranked: int = 0
    "Answered calls that were ranked."

    ranked_orders: int = 0
    ranked_conversion: float | None = None
    hold_out: int = 0
    "Answered calls of the hold-out share."

    hold_out_orders: int = 0
    hold_out_conversion: float | None = None
    gain: float | None = None
    "Difference of the two conversions."

    gain_low: float | None = None
    gain_high: float | None = None
    "Ends of its interval of 95 %."

    pending: int = 0
    unmeasured: int = 0
    currency: str = ""
    "Of most orders; others are left out of the values."

    ranked_value: float | None = None
    "Value per answered call, in the currency's minor units."

    hold_out_value: float | None = None
    value_gain: float | None = None
    value_gain_low: float | None = None
    value_gain_high: float | None = None


def routing_gains(groups: Iterable[Group], amounts: Iterable[Amounts] = ()) -> list[RoutingGain]:
    """Return each queue's gain, by queue name."""
    by_key = {(group.queue, group.hold_out): group for group in groups}
    worth: dict[str, list[Amounts]] = {}
    for each in amounts:
        worth.setdefault(each.queue, []).append(each)
    return [
        _gain(
            by_key.get((queue, False), Group(queue=queue, hold_out=False)),
            by_key.get((queue, True), Group(queue=queue, hold_out=True)),
            worth.get(queue, []),
        )
        for queue in sorted({queue for queue, _ in by_key})
    ]


def _gain(ranked: Group, held: Group, worth: list[Amounts]) -> RoutingGain:
    conversion, other = _conversion(ranked), _conversion(held)
    gain = RoutingGain(
        queue=ranked.queue,
        ranked=ranked.answered,
        ranked_orders=ranked.orders,
        ranked_conversion=conversion,
        hold_out=held.answered,
        hold_out_orders=held.orders,
        hold_out_conversion=other,
        pending=ranked.pending + held.pending,
        unmeasured=ranked.unmeasured,
    )
    if conversion is not None and other is not None:
        low, high = newcombe(ranked.orders, ranked.answered, held.orders, held.answered)
        gain = replace(gain, gain=conversion - other, gain_low=low, gain_high=high)
    return _with_values(gain, worth) if worth else gain


def _conversion(group: Group) -> float | None:
    return group.orders / group.answered if group.answered else None


def _with_values(gain: RoutingGain, worth: list[Amounts]) -> RoutingGain:
    orders: dict[str, int] = {}
    for each in worth:
        orders[each.currency] = orders.get(each.currency, 0) + each.orders
    currency = max(sorted(orders), key=orders.__getitem__)
    sums = {
        each.hold_out: (each.amount, each.squares) for each in worth if each.currency == currency
    }
    ranked = (float(gain.ranked), *sums.get(False, (0.0, 0.0)))
    held = (float(gain.hold_out), *sums.get(True, (0.0, 0.0)))
    value = ranked[1] / ranked[0] if ranked[0] else None
    other = held[1] / held[0] if held[0] else None
    gain = replace(gain, currency=currency, ranked_value=value, hold_out_value=other)
    if value is None or other is None:
        return gain
    low, high = mean_difference(ranked, held)
    return replace(gain, value_gain=value - other, value_gain_low=low, value_gain_high=high)
