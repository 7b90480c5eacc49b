"""The figures that a cell has: each a column, and how a cell, or a column of cells, makes it."""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter

from msgspec import Struct

from .cells import Cell
from .kpi import ABANDON_RATE, AHT_S, ANSWER_RATE, ASA_S, CONVERSION_RATE
from .ratio import Columns, Ratio
from .report import Column, Unit, Value, Words
from .service_level import DEFINITIONS, ServiceLevel


class Measure(Struct, frozen=True):
    """One column of figures and how a cell makes it."""

    column: Column
    value: Callable[[Cell], Value]
    values: Callable[[Columns], Sequence[Value]] | None = None
    "The same for columns of cells at once; None: it takes more than their measures."


def _measure(name: str, en: str, zh: str, unit: Unit, value: Callable[[Cell], Value]) -> Measure:
    return Measure(Column(name=name, title=Words(en, zh), unit=unit), value)


def _count(name: str, en: str, zh: str, *, quiet: bool = False) -> Measure:
    column = Column(name=name, title=Words(en, zh), unit=Unit.COUNT, quiet=quiet)
    return Measure(column, attrgetter(f"measures.{name}"), itemgetter(name))


def _ratio(name: str, en: str, zh: str, unit: Unit, ratio: Ratio) -> Measure:
    column = Column(name=name, title=Words(en, zh), unit=unit)
    return Measure(column, lambda cell: ratio.of(cell.measures), ratio.column)


VOLUMES = (
    _count("offered", "Offered", "呼入量"),
    _count("answered", "Answered", "接起量"),
    _count("short_abandons", "Short abandons", "短时放弃"),
    _count("abandons", "Abandons", "放弃量"),
    _count("exited", "Exited", "按键退出", quiet=True),
    _count("callbacks", "Callbacks", "预约回呼", quiet=True),
    _count("overflowed", "Overflowed", "溢出", quiet=True),
    _count("timed_out", "Timed out", "超时", quiet=True),
    _count("refused_full", "Refused", "队满", quiet=True),
    _count("empty", "Nobody there", "无人值守", quiet=True),
    _count("closed", "Closed", "紧急关闭", quiet=True),
    _count("faulted", "Faulted", "故障", quiet=True),
    _count("waiting", "Waiting", "排队中"),
)

OFFERED_RATE = _ratio("answer_rate", "Answer rate", "接通率", Unit.RATE, ANSWER_RATE)

REST = (
    _ratio("abandon_rate", "Abandon rate", "放弃率", Unit.RATE, ABANDON_RATE),
    _ratio("asa_s", "ASA", "平均应答速度", Unit.SECONDS, ASA_S),
    _ratio("aht_s", "AHT", "平均处理时长", Unit.SECONDS, AHT_S),
)

SALES = (
    _count("orders", "Orders", "订单"),
    _ratio("conversion_rate", "Conversion", "成交率", Unit.RATE, CONVERSION_RATE),
)


def _wait(name: str, share: float) -> Measure:
    per_cent = f"{share:.0%}"
    return _measure(
        name,
        f"Wait {per_cent}",
        f"等待 {per_cent}",
        Unit.SECONDS,
        lambda cell: cell.waits.quantile(share),
    )


def _handle(name: str, share: float) -> Measure:
    per_cent = f"{share:.0%}"
    return _measure(
        name,
        f"Handle time {per_cent}",
        f"处理 {per_cent}",
        Unit.SECONDS,
        lambda cell: cell.handles.quantile(share),
    )


def _longest(cell: Cell) -> Value:
    return cell.measures.longest_wait_s if cell.measures.offered else None


PERCENTILES = (
    _wait("wait_p50_s", 0.5),
    _wait("wait_p80_s", 0.8),
    _wait("wait_p90_s", 0.9),
    _wait("wait_p95_s", 0.95),
    _measure("longest_wait_s", "Longest wait", "最长等待", Unit.SECONDS, _longest),
    _handle("handle_p50_s", 0.5),
    _handle("handle_p90_s", 0.9),
)


def _level(level: ServiceLevel, name: str) -> Measure:
    suffix = "" if name == "service_level" else f" ({level.value})"
    return _ratio(
        name,
        f"Service level{suffix}",
        f"规定期间接通率{suffix}",
        Unit.RATE,
        DEFINITIONS[level].ratio,
    )


def levels_of(levels: Sequence[ServiceLevel]) -> tuple[Measure, ...]:
    """Return a column for each definition; the first one is plainly the service level."""
    first, *others = levels
    more = (_level(level, f"service_level_{level.value}") for level in others)
    return (_level(first, "service_level"), *more)
