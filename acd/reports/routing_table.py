"""What ranking gained, as a table for people."""

from collections.abc import Callable, Iterable

from rich.table import Table

from .routing import RoutingGain

_CAPTION = (
    "gain = conversion of the ranked calls − of those held out, with its interval of 95 %"
    " (Newcombe 1998, method 10)",
    "提升 = 优选路由的成交率 − 对照组的成交率, 附 95 % 置信区间 (Newcombe 1998, 方法 10)",
)


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _gain(row: RoutingGain) -> str:
    if row.gain is None or row.gain_low is None or row.gain_high is None:
        return "–"
    low, high = row.gain_low * 100, row.gain_high * 100
    return f"{row.gain * 100:+.1f} ({low:+.1f} … {high:+.1f})"


def _value(value: float | None, currency: str) -> str:
    # Every currency in use here has hundredths; JSON and CSV have the minor units themselves.
    return "–" if value is None else f"{value / 100:,.2f} {currency}"


def _value_gain(row: RoutingGain) -> str:
    if row.value_gain is None or row.value_gain_low is None or row.value_gain_high is None:
        return "–"
    ends = f"{row.value_gain_low / 100:+,.2f} … {row.value_gain_high / 100:+,.2f}"
    return f"{row.value_gain / 100:+,.2f} ({ends})"


_COLUMNS: tuple[tuple[str, str, Callable[[RoutingGain], str]], ...] = (
    ("Ranked calls", "优选接起量", lambda row: str(row.ranked)),
    ("Conversion", "成交率", lambda row: _per_cent(row.ranked_conversion)),
    ("Hold-out calls", "对照接起量", lambda row: str(row.hold_out)),
    ("Conversion", "成交率", lambda row: _per_cent(row.hold_out_conversion)),
    ("Gain, points", "提升, 百分点", _gain),
)
_PENDING = ("Not classed yet", "待归类", lambda row: str(row.pending))
_UNMEASURED = ("Unmeasured", "无成交数据", lambda row: str(row.unmeasured))
_VALUES: tuple[tuple[str, str, Callable[[RoutingGain], str]], ...] = (
    ("Value per call", "单通价值", lambda row: _value(row.ranked_value, row.currency)),
    ("Of hold-out", "对照单通价值", lambda row: _value(row.hold_out_value, row.currency)),
    ("Gain in value", "价值提升", _value_gain),
)


def as_table(rows: Iterable[RoutingGain], *, title: str, locale: str = "en") -> Table:
    """Return a table for the terminal; what no queue has is left out, "–" stands for none."""
    rows = list(rows)
    chinese = locale == "zh"
    columns = list(_COLUMNS)
    if any(row.pending for row in rows):
        columns.append(_PENDING)
    if any(row.unmeasured for row in rows):
        columns.append(_UNMEASURED)
    if any(row.currency for row in rows):
        columns.extend(_VALUES)
    table = Table(title=title, caption=_CAPTION[chinese])
    table.add_column("队列" if chinese else "Queue", no_wrap=True)
    for english, other, _ in columns:
        table.add_column(other if chinese else english, justify="right")
    for row in rows:
        table.add_row(row.queue, *(show(row) for _, _, show in columns))
    return table
