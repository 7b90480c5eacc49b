"""What ranking gained, as a report."""

from collections.abc import Iterable

import msgspec

from .report import Column, Comparison, Report, Unit, Words
from .routing import RoutingGain

REMARK = Words(
    en="gain = conversion of the ranked calls − of those held out, with its interval of 95 %"
    " (Newcombe 1998, method 10)",
    zh="提升 = 优选路由的成交率 − 对照组的成交率, 附 95 % 置信区间 (Newcombe 1998, 方法 10)",
)


def _column(
    name: str, en: str, zh: str, unit: Unit, *, quiet: bool = False, currency: str = ""
) -> Column:
    return Column(name=name, title=Words(en, zh), unit=unit, quiet=quiet, currency=currency)


COLUMNS = (
    _column("queue", "Queue", "队列", Unit.TEXT),
    _column("ranked", "Ranked calls", "优选接起量", Unit.COUNT),
    _column("ranked_orders", "Orders", "订单", Unit.COUNT),
    _column("ranked_conversion", "Conversion", "成交率", Unit.RATE),
    _column("hold_out", "Hold-out calls", "对照接起量", Unit.COUNT),
    _column("hold_out_orders", "Orders", "订单", Unit.COUNT),
    _column("hold_out_conversion", "Conversion", "成交率", Unit.RATE),
    _column("gain", "Gain, points", "提升, 百分点", Unit.POINTS),
    _column("gain_low", "from", "下限", Unit.POINTS),
    _column("gain_high", "to", "上限", Unit.POINTS),
    _column("pending", "Not classed yet", "待归类", Unit.COUNT, quiet=True),
    _column("unmeasured", "Unmeasured", "无成交数据", Unit.COUNT, quiet=True),
    _column("currency", "Currency", "币种", Unit.TEXT, quiet=True),
    *(
        _column(name, en, zh, Unit.MONEY, quiet=True, currency="currency")
        for name, en, zh in (
            ("ranked_value", "Value per call", "单通价值"),
            ("hold_out_value", "Of hold-out", "对照单通价值"),
            ("value_gain", "Gain in value", "价值提升"),
            ("value_gain_low", "from", "下限"),
            ("value_gain_high", "to", "上限"),
        )
    ),
)


def routing_report(
    gains: Iterable[RoutingGain], *, from_us: int, to_us: int, timezone: str
) -> Report:
    """Return the gains as a report, by queue."""
    return Report(
        name="routing",
        title=Words(en="What ranking gained", zh="优选路由效果"),
        from_us=from_us,
        to_us=to_us,
        timezone=timezone,
        columns=COLUMNS,
        rows=tuple(msgspec.structs.astuple(gain) for gain in gains),
        remarks=(REMARK,),
        definitions={"interval": "newcombe_10_95"},
        charts=(Comparison(title=Words(en="Gain", zh="成交率提升"), of="queue", y="gain"),),
    )
