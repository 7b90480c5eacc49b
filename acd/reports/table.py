"""KPI figures as people and programs read them: a table, JSON, CSV."""

import csv
import io
from collections.abc import Callable, Iterable

import msgspec
from rich.console import Console
from rich.table import Table

from .kpi import QueueKpi
from .service_level import DEFINITIONS, ServiceLevel

LOCALES = ("zh", "en")

UNLIMITED_WIDTH = 1_000
"Wider than any table here."


def _count(value: int) -> str:
    return str(value)


def _per_cent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


_COLUMNS: tuple[tuple[str, str, str, Callable[..., str]], ...] = (
    ("offered", "Offered", "呼入量", _count),
    ("answered", "Answered", "接起量", _count),
    ("short_abandons", "Short abandons", "短时放弃", _count),
    ("abandons", "Abandons", "放弃量", _count),
    ("exited", "Exited", "按键退出", _count),
    ("callbacks", "Callbacks", "预约回呼", _count),
    ("overflowed", "Overflowed", "溢出", _count),
    ("timed_out", "Timed out", "超时", _count),
    ("refused_full", "Refused", "队满", _count),
    ("empty", "Nobody there", "无人值守", _count),
    ("closed", "Closed", "紧急关闭", _count),
    ("faulted", "Faulted", "故障", _count),
    ("waiting", "Waiting", "排队中", _count),
    ("answer_rate", "Answer rate", "接通率", _per_cent),
    ("service_level", "Service level", "规定期间接通率", _per_cent),
    ("abandon_rate", "Abandon rate", "放弃率", _per_cent),
    ("asa_s", "ASA", "平均应答速度", _seconds),
    ("aht_s", "AHT", "平均处理时长", _seconds),
    ("orders", "Orders", "订单", _count),
    ("conversion_rate", "Conversion", "成交率", _per_cent),
)
"Field, heading in English, heading in Chinese, how it is shown."

_ALWAYS = frozenset({"offered", "answered", "short_abandons", "abandons", "waiting", "orders"})
"Counts shown even where all are 0; the others only when something happened."


def as_table(kpis: Iterable[QueueKpi], *, title: str, locale: str = "en") -> Table:
    """Return a table for the terminal: rates in per cent, "–" for none, unused counts left out."""
    rows = list(kpis)
    chinese = locale == "zh"
    shown = [
        column
        for column in _COLUMNS
        if column[3] is not _count
        or column[0] in _ALWAYS
        or any(getattr(row, column[0]) for row in rows)
    ]
    table = Table(title=title)
    table.add_column("队列" if chinese else "Queue", no_wrap=True)
    for _, english, other, _ in shown:
        table.add_column(other if chinese else english, justify="right")
    for row in rows:
        table.add_row(row.queue, *(show(getattr(row, field)) for field, _, _, show in shown))
    if rows:
        definition = DEFINITIONS[ServiceLevel(rows[0].service_level_definition)].words.of(locale)
        name = "规定期间接通率" if chinese else "Service level"
        table.caption = f"{name} = {definition}"
    return table


def fitting(table: Table, console: Console) -> Table:
    """Return the table, turned by a quarter when only so it fits the console's width."""
    if _fits(table, console):
        return table
    turned = Table(title=table.title, caption=table.caption)
    first, *others = table.columns
    turned.add_column(first.header, no_wrap=True)
    for name in first.cells:
        turned.add_column(name, justify="right", no_wrap=True)
    for column in others:
        turned.add_row(column.header, *column.cells)
    # With many queues neither fits; then the one whose headings can be broken is read more easily.
    return turned if _fits(turned, console) else table


def _fits(table: Table, console: Console) -> bool:
    unlimited = console.options.update(max_width=UNLIMITED_WIDTH)
    return console.measure(table, options=unlimited).maximum <= console.width


def as_json(rows: Iterable[msgspec.Struct]) -> str:
    """Return a JSON list, one object per queue; rates are fractions, null for none."""
    return msgspec.json.format(msgspec.json.encode(list(rows)), indent=2).decode()


def as_csv(rows: Iterable[msgspec.Struct], kind: type[msgspec.Struct] = QueueKpi) -> str:
    """Return CSV (RFC 4180) with a head line of the JSON's names; empty for none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(kind.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(row) for row in rows)
    return text.getvalue()
