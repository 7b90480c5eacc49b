"""What a chart is drawn of: a report's columns as points, units as axes show them."""

from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise, zip_longest
from typing import Any
from zoneinfo import ZoneInfo

from .currencies import minor_digits
from .report import Column, Report, Unit, Value
from .request import microseconds
from .showing import clean, is_text, local, shown_cells

Point = dict[str, Any]

ADDABLE = frozenset({Unit.COUNT, Unit.SECONDS, Unit.MONEY})
"Sums of these mean something; a mean of rates would be of nothing."

GAP = 1.6
"Of the usual distance: months differ by a tenth, and a clock change makes a day an hour longer."

AXIS_TITLES = {
    Unit.SECONDS: {"en": "{}, s", "zh": "{}（秒）"},
    Unit.POINTS: {"en": "{}, points", "zh": "{}（百分点）"},
}


class Data:
    """A report's rows for charts, in one language."""

    def __init__(self, report: Report, locale: str) -> None:
        self.report = report
        self.locale = locale
        self._at = {column.name: at for at, column in enumerate(report.columns)}

    def has(self, *names: str) -> bool:
        """Whether the report has all of these columns; an empty name is no column."""
        return all(not name or name in self._at for name in names)

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return self.report.columns[self._at[name]]

    def values(self, name: str) -> list[Value]:
        """Return a column's values as an axis takes them: times in milliseconds, money whole."""
        column = self.column(name)
        values = [row[self._at[name]] for row in self.report.rows]
        if column.unit is Unit.TIME:
            return [None if value is None else self._wall_ms(int(value)) for value in values]
        if column.unit is Unit.MONEY:
            return [
                None if value is None else float(value) / 10**digits
                for value, digits in zip(values, self._digits(column), strict=True)
            ]
        return values

    def texts(self, name: str) -> list[str]:
        """Return a column's cells as people read them."""
        return shown_cells(self.report, self._at[name], self.locale)

    def title(self, name: str) -> str:
        """Return a column's title with its unit, for an axis."""
        column = self.column(name)
        title = column.title.of(self.locale)
        form = AXIS_TITLES.get(column.unit)
        # A title that names its unit needs no second one.
        return form[self.locale].format(title) if form and "," not in title else title

    def _wall_ms(self, us: int) -> int:
        # As if the centre's clock showed UTC: whoever opens the chart sees the centre's time.
        wall = local(us, ZoneInfo(self.report.timezone)).replace(tzinfo=UTC)
        return microseconds(wall) // 1000

    def _digits(self, column: Column) -> list[int]:
        if column.currency not in self._at:
            return [2] * len(self.report.rows)
        at = self._at[column.currency]
        return [minor_digits(str(row[at] or "")) for row in self.report.rows]


def axis(data: Data, name: str) -> dict[str, Any]:
    """Return how a measure's axis is labelled."""
    match data.column(name).unit:
        case Unit.RATE:
            return {"format": ".0%", "tickCount": 10, "title": data.title(name)}
        case Unit.POINTS:
            return {"labelExpr": "format(datum.value * 100, '+')", "title": data.title(name)}
        case Unit.COUNT:
            return {"format": ",.0f", "tickMinStep": 1, "title": data.title(name)}
        case _:
            return {"title": data.title(name)}


def summed(keys: Sequence[Any], values: Sequence[Value], unit: Unit) -> dict[Any, float] | None:
    """Return the values by key, None left out; sums where a key has several, if these mean any.

    None: a key has several values that cannot be added up.
    """
    found: dict[Any, float] = {}
    for key, value in zip(keys, values, strict=True):
        if value is None:
            continue
        if key in found and unit not in ADDABLE:
            return None
        found[key] = found.get(key, 0.0) + float(value)
    return found


def names(data: Data, name: str) -> list[str]:
    """Return the cells of a text column, "–" for an empty one."""
    if is_text(data.column(name)) and data.column(name).unit is not Unit.TEXT:
        return data.texts(name)
    return [clean(str(value)) if value not in {None, ""} else "–" for value in data.values(name)]


DESCRIBED = {"description": {"field": "told"}}
"What is read out for a mark, and shown by the page under the pointer."


def title(text: str, note: str = "") -> str | Point:
    """Return a chart's title, with a smaller line below where something is left out."""
    return {"text": text, "subtitle": note} if note else text


def left_out(shown: int, of: int, locale: str) -> str:
    """Return what to say where not all are drawn, else nothing."""
    if shown >= of:
        return ""
    return f"只画 {of} 个中的 {shown} 个" if locale == "zh" else f"{shown} of {of} are drawn"


def with_gaps(points: list[Point]) -> list[Point]:
    """Return a trend's points with an empty one after each that the next does not follow.

    Nights and closed days are no slow change from the last call of one day to the first of the
    next: the line breaks there. The usual distance is the least one of any line.
    """
    lines: dict[str, list[Point]] = {}
    for point in points:
        lines.setdefault(point["line"], []).append(point)
    for line in lines.values():
        line.sort(key=lambda point: point["x"])
    distances = [b["x"] - a["x"] for line in lines.values() for a, b in pairwise(line)]
    usual = min((distance for distance in distances if distance > 0), default=0)
    found = []
    for name, line in lines.items():
        for point, following in zip_longest(line, line[1:]):
            found.append(point)
            if following and following["x"] - point["x"] > usual * GAP:
                found.append({"x": point["x"] + usual, "y": None, "line": name})
    return found


def told(data: Data, name: str, value: float) -> str:
    """Return a measure's value, as an axis takes it, for people."""
    match data.column(name).unit:
        case Unit.RATE:
            return f"{value * 100:.1f} %"
        case Unit.POINTS:
            return f"{value * 100:+.1f}"
        case Unit.COUNT:
            return f"{value:,.0f}"
        case Unit.MONEY | Unit.NUMBER:
            return f"{value:,.2f}"
        case _:
            return f"{value:,.1f}"
