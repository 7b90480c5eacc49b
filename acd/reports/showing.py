"""A report's cells as people read them: units, dates in the centre's zone, nothing superfluous."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from .currencies import minor_digits
from .pages import Part
from .report import Column, Report, Row, Unit, Value
from .request import EPOCH

LOCALES = ("zh", "en")

NONE = "–"
"Stands where there is nothing to say."

CLOCK_FROM_S = 3_600.0
"A column that reaches an hour is shown in hours, minutes and seconds; below, seconds are usual."

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"They move a terminal's cursor or break a line; names from outside may hold them."

Show = Callable[[Value], str]


def local(us: int, zone: ZoneInfo) -> datetime:
    """Return microseconds since 1970 as a time of the zone."""
    return (EPOCH + timedelta(microseconds=us)).astimezone(zone)


def days(report: Report) -> str:
    """Return the period as its days: "2026-11-23", "2026-11-01 … 2026-11-28"."""
    zone = ZoneInfo(report.timezone)
    begin, end = local(report.from_us, zone), local(report.to_us, zone)
    if begin.time() != time() or end.time() != time():
        return f"{begin:%Y-%m-%d %H:%M} … {end:%Y-%m-%d %H:%M}"
    last = end.date() - timedelta(days=1)
    return f"{last}" if begin.date() >= last else f"{begin.date()} … {last}"


def heading(report: Report, locale: str) -> str:
    """Return the report's title with days and zone."""
    return f"{report.title.of(locale)} {days(report)} ({report.timezone})"


def shown_columns(report: Report) -> list[int]:
    """Return which columns people are shown: not quiet ones, details, lone currencies."""
    currencies = {column.currency for column in report.columns if column.currency}
    return [
        at
        for at, column in enumerate(report.columns)
        if column.name not in currencies
        and not column.detail
        and not (column.quiet and not any(row[at] for row in _lines(report)))
    ]


def shown_cells(report: Report, at: int, locale: str) -> list[str]:
    """Return one column's cells as texts, that of the totals behind them where there are some."""
    column = report.columns[at]
    values = [row[at] for row in _lines(report)]
    if column.unit is Unit.MONEY:
        currencies = _currencies(report, column)
        return [_money(value, unit) for value, unit in zip(values, currencies, strict=True)]
    show = _show(column, values, report, locale)
    return [NONE if value is None or value == "" else show(value) for value in values]


def _lines(report: Report) -> tuple[Row, ...]:
    return report.rows if report.totals is None else (*report.rows, report.totals)


def totals_name(report: Report, locale: str) -> str:
    """Return what the line of totals is called."""
    lines = report.part.total if report.part else len(report.rows)
    return f"合计 {lines:,} 行" if locale == "zh" else f"All {lines:,} lines"


def part_words(part: Part, locale: str) -> str:
    """Return which lines these are, of how many."""
    first, last, total = part.first, part.last, part.total
    number, pages = part.page.number, part.pages
    if locale == "zh":
        return f"第 {first:,}–{last:,} 行，共 {total:,} 行（第 {number:,} 页，共 {pages:,} 页）。"
    return f"Lines {first:,}–{last:,} of {total:,} (page {number:,} of {pages:,})."


def clean(text: str) -> str:
    """Return a text from outside without what moves cursors or breaks lines."""
    return CONTROLS.sub("\ufffd", text)


def is_text(column: Column) -> bool:
    """Whether a column's cells are read from the left."""
    return column.unit in {Unit.TEXT, Unit.TIME, Unit.BOOLEAN}


def _show(column: Column, values: Sequence[Value], report: Report, locale: str) -> Show:
    match column.unit:
        case Unit.COUNT:
            return lambda value: f"{value:,.0f}"
        case Unit.NUMBER:
            return lambda value: f"{value:,.2f}"
        case Unit.RATE:
            return lambda value: f"{_float(value) * 100:.1f} %"
        case Unit.POINTS:
            return lambda value: f"{_float(value) * 100:+.1f}"
        case Unit.SECONDS:
            return _seconds(values)
        case Unit.TIME:
            return _times(values, report)
        case Unit.BOOLEAN:
            yes, no = ("是", "否") if locale == "zh" else ("yes", "no")
            return lambda value: yes if value else no
        case Unit.TEXT | Unit.MONEY:
            return lambda value: clean(str(value))


def _float(value: Value) -> float:
    return float(value or 0.0)


def _seconds(values: Sequence[Value]) -> Show:
    if max((abs(_float(value)) for value in values), default=0.0) < CLOCK_FROM_S:
        return lambda value: f"{value:.1f} s"
    return lambda value: clock(_float(value))


def clock(seconds: float) -> str:
    """Return a duration as h:mm:ss."""
    whole = round(abs(seconds))
    sign = "−" if seconds < 0 and whole else ""
    return f"{sign}{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _times(values: Sequence[Value], report: Report) -> Show:
    """Show as much of the times as tells them apart: days, or minutes, or seconds."""
    zone = ZoneInfo(report.timezone)
    form = time_form([int(value) for value in values if value is not None], report)
    return lambda value: f"{local(int(value or 0), zone):{form}}"


def time_form(times_us: Sequence[int], report: Report) -> str:
    """Return the `strftime` form that fits a column's times."""
    zone = ZoneInfo(report.timezone)
    times = [local(us, zone) for us in times_us]
    if all(at.time() == time() for at in times):
        return "%Y-%m-%d"
    clock_form = "%H:%M" if all(at.second == at.microsecond == 0 for at in times) else "%H:%M:%S"
    begin, end = local(report.from_us, zone), local(report.to_us, zone)
    one_day = end - begin <= timedelta(days=1, hours=2)  # a clock change makes a day longer
    inside = all(begin.date() == at.date() for at in times)
    return clock_form if one_day and inside else f"%Y-%m-%d {clock_form}"


def _currencies(report: Report, column: Column) -> list[str]:
    names = [each.name for each in report.columns]
    if column.currency not in names:
        return [""] * len(_lines(report))
    at = names.index(column.currency)
    return [str(row[at] or "") for row in _lines(report)]


def _money(value: Value, currency: str) -> str:
    if value is None:
        return NONE
    digits = minor_digits(currency)
    return clean(f"{_float(value) / 10**digits:,.{digits}f} {currency}".rstrip())


def iso(us: int, timezone: str) -> str:
    """Return a time as programs read it: ISO 8601 with the zone's offset."""
    return local(us, ZoneInfo(timezone)).isoformat()
