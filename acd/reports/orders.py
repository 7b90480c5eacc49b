"""Orders (订单): how many calls led to one, and what became of them.

An order counts for the day of the call that it came from, in the state that is latest by the
states' own time. Sent out is what was not cancelled; delivered what was signed for, also if it
came back later.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import TypeVar

from msgspec import Struct

from .cut import Cut, Place, charts_of, key_columns, key_values, share
from .report import Column, Report, Unit, Value, Words

DIMENSIONS = ("queue", "agent", "team", "category", "project")

STATES = ("placed", "cancelled", "signed", "refused", "returned")

Key = TypeVar("Key")


class OrderStep(Struct, frozen=True, kw_only=True):
    """A state that an order came into, as it was told."""

    call: str
    order_id: str
    state: str
    at_us: int
    entered_us: int
    key: str
    agent: str = ""
    queue: str = ""
    category: str = ""
    amount: int | None = None
    currency: str = ""
    said: bool = False
    "By an agent's disposition."


class Order(Struct, frozen=True, kw_only=True):
    """An order in its latest state."""

    call: str
    order_id: str
    state: str
    agent: str
    queue: str
    category: str
    amount: int | None
    currency: str


def orders_of(steps: Iterable[OrderStep]) -> list[Order]:
    """Put the steps of each order together, whenever and in which order they were told."""
    by_order: dict[tuple[str, str], list[OrderStep]] = {}
    steps = list(steps)
    numbered = {step.call for step in steps if not step.said}
    for step in steps:
        if step.order_id or step.call not in numbered:
            by_order.setdefault((step.call, step.order_id), []).append(step)
    return [_order(told) for told in by_order.values()]


def _order(told: list[OrderStep]) -> Order:
    told = sorted(told, key=lambda step: step.key)
    told.sort(key=lambda step: (step.at_us, step.entered_us), reverse=True)
    named = sorted(told, key=lambda step: not step.said)  # what the agent said of it goes first
    valued = next((step for step in told if step.amount is not None), told[0])
    return Order(
        call=told[0].call,
        order_id=told[0].order_id,
        state=told[0].state,
        agent=_first(named, "agent"),
        queue=_first(named, "queue"),
        category=_first(named, "category"),
        amount=valued.amount,
        currency=valued.currency if valued.amount is not None else "",
    )


def _first(steps: list[OrderStep], field: str) -> str:
    return next(filter(None, map(attrgetter(field), steps)), "")


class SalesCall(Struct, frozen=True, kw_only=True):
    """An answered call of a sales queue: one visit."""

    call: str
    queue: str
    agent: str
    category: str


class Worth(Struct, frozen=True):
    """Orders' amounts in one currency, in minor units."""

    orders: int = 0
    value: int = 0
    signed: int = 0

    def __add__(self, other: "Worth") -> "Worth":
        """Return that of both."""
        return Worth(
            self.orders + other.orders, self.value + other.value, self.signed + other.signed
        )


class OrderSums(Struct, frozen=True, kw_only=True):
    """What orders and answered sales calls add up to."""

    answered: int = 0
    converted: int = 0
    "Calls of sales queues that led to an order, or several."

    placed: int = 0
    "Orders on their way: neither cancelled nor delivered."

    cancelled: int = 0
    signed: int = 0
    refused: int = 0
    returned: int = 0
    values: Mapping[str, Worth] = {}
    "By currency."

    @property
    def orders(self) -> int:
        """All of them."""
        return self.placed + self.cancelled + self.signed + self.refused + self.returned

    @property
    def sent_out(self) -> int:
        """Orders that were not cancelled."""
        return self.orders - self.cancelled

    def __add__(self, other: "OrderSums") -> "OrderSums":
        """Return the sums of both; no call may have orders in both."""
        values = dict(self.values)
        for currency, worth in other.values.items():
            values[currency] = values.get(currency, Worth()) + worth
        counts = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("answered", "converted", *STATES)
        }
        return OrderSums(values=values, **counts)


def order_lines(
    orders: Iterable[Order], calls: Iterable[SalesCall], key: Callable[[Order | SalesCall], Key]
) -> dict[Key, OrderSums]:
    """Add orders and answered sales calls up by whatever they are grouped by."""
    calls = list(calls)
    sales = {call.queue for call in calls}
    answered: dict[Key, int] = {}
    for call in calls:
        answered[key(call)] = answered.get(key(call), 0) + 1
    groups: dict[Key, list[Order]] = {}
    for order in orders:
        groups.setdefault(key(order), []).append(order)
    return {
        group: _sums(groups.get(group, []), answered.get(group, 0), sales)
        for group in answered.keys() | groups.keys()
    }


def _sums(orders: list[Order], answered: int, sales: set[str]) -> OrderSums:
    values: dict[str, Worth] = {}
    for order in orders:
        if order.amount is not None:
            one = values.get(order.currency, Worth())
            signed = order.amount if order.state == "signed" else 0
            values[order.currency] = Worth(
                one.orders + 1, one.value + order.amount, one.signed + signed
            )
    states = [order.state for order in orders]
    return OrderSums(
        answered=answered,
        converted=len({order.call for order in orders if order.call and order.queue in sales}),
        values=values,
        **{state: states.count(state) for state in STATES},
    )


def main_currency(lines: Iterable[OrderSums]) -> str:
    """Return the currency of most orders; empty: no order has an amount."""
    orders: dict[str, int] = {}
    for sums in lines:
        for currency, worth in sums.values.items():
            orders[currency] = orders.get(currency, 0) + worth.orders
    return min(orders, key=lambda currency: (-orders[currency], currency), default="")


Measure = tuple[Column, Callable[[OrderSums], Value]]


def _count(name: str, en: str, zh: str, *, quiet: bool = False) -> Measure:
    column = Column(name=name, title=Words(en, zh), unit=Unit.COUNT, quiet=quiet)
    return column, attrgetter(name)


def _rate(name: str, en: str, zh: str, part: str, whole: str) -> Measure:
    column = Column(name=name, title=Words(en, zh), unit=Unit.RATE)
    return column, lambda sums: share(getattr(sums, part), getattr(sums, whole))


_MEASURES: tuple[Measure, ...] = (
    _count("answered", "Sales calls", "销售接听量"),
    _count("converted", "Calls with order", "成交通话"),
    _rate("conversion_rate", "Conversion", "成交率", "converted", "answered"),
    _count("orders", "Orders", "订单"),
    _count("placed", "Under way", "在途"),
    _count("cancelled", "Cancelled", "取消"),
    _count("signed", "Signed", "签收"),
    _count("refused", "Refused", "拒收"),
    _count("returned", "Returned", "退货", quiet=True),
    _rate("cancel_rate", "Cancel rate", "取消率", "cancelled", "orders"),
    _rate("refused_rate", "Refused rate", "拒收率", "refused", "sent_out"),
    (
        Column(
            name="delivery_success_rate", title=Words("Delivery success", "妥投率"), unit=Unit.RATE
        ),
        lambda sums: share(sums.signed + sums.returned, sums.sent_out),
    ),
)
_VALUES = (
    Column(name="value", title=Words("Value", "订单金额"), unit=Unit.MONEY, currency="currency"),
    Column(
        name="value_signed",
        title=Words("Value signed", "签收金额"),
        unit=Unit.MONEY,
        currency="currency",
    ),
    Column(name="currency", title=Words("Currency", "币种"), unit=Unit.TEXT),
    Column(
        name="other_currencies",
        title=Words("In other currencies", "其他币种订单"),
        unit=Unit.COUNT,
        quiet=True,
    ),
)
REMARKS = (
    Words(
        "Orders count for the day of their call, in their latest state; conversion = calls of"
        " sales queues with an order / answered ones; cancel rate = cancelled / orders; delivery"
        " success = (signed + returned) / (orders - cancelled), with those under way",
        "订单按通话日期统计，取最新状态；成交率 = 有订单的销售通话 / 销售接听量；"
        "取消率 = 取消 / 订单；妥投率 =（签收 + 退货）/（订单 − 取消），含在途",
    ),
)


def orders_report(lines: Mapping[Place, OrderSums], cut: Cut, currency: str = "") -> Report:
    """Return the lines as a report, in the order given; values in the currency of most orders."""
    currency = currency or main_currency(lines.values())
    return Report(
        name="orders",
        title=Words("Orders", "订单"),
        from_us=cut.from_us,
        to_us=cut.to_us,
        timezone=cut.timezone,
        columns=(*key_columns(cut), *(column for column, _ in _MEASURES), *_VALUES),
        rows=tuple(
            (
                *key_values(cut, place),
                *(value(sums) for _, value in _MEASURES),
                *_values(sums, currency),
            )
            for place, sums in lines.items()
        ),
        remarks=REMARKS,
        definitions={"currency": currency, "sent_out": "orders-cancelled"},
        charts=charts_of(
            cut,
            {
                "conversion_rate": Words("Conversion", "成交率"),
                "cancel_rate": Words("Cancel rate", "取消率"),
                "delivery_success_rate": Words("Delivery success", "妥投率"),
            },
        ),
    )


def _values(sums: OrderSums, currency: str) -> tuple[Value, ...]:
    worth = sums.values.get(currency)
    others = sum(one.orders for name, one in sums.values.items() if name != currency)
    if worth is None:
        return None, None, "", others
    return worth.value, worth.signed, currency, others
