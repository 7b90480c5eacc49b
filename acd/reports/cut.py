"""How figures of calls are cut, by period and dimensions: the columns that name a line."""

from collections.abc import Mapping

from msgspec import Struct

from .report import Chart, Column, Comparison, Trend, Unit, Value, Words
from .request import Period

DIMENSION_WORDS: Mapping[str, Words] = {
    "project": Words("Project", "项目"),
    "queue": Words("Queue", "队列"),
    "agent": Words("Agent", "工号"),
    "team": Words("Team", "班组"),
    "category": Words("Category", "产品类别"),
    "class": Words("Class", "来电类型"),
}

Group = tuple[str, ...]
"Value of each dimension."


class Cut(Struct, frozen=True, kw_only=True):
    """Which time is reported, in which lines."""

    from_us: int
    to_us: int
    timezone: str
    period: Period = Period.ALL
    by: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """Which line it is."""

    period_us: int | None = None
    "Begin of the period; None: the whole time."

    group: Group = ()


def key_columns(cut: Cut) -> tuple[Column, ...]:
    """Return the columns that name a line."""
    columns = [Column(name=name, title=DIMENSION_WORDS[name], unit=Unit.TEXT) for name in cut.by]
    if cut.period is not Period.ALL:
        columns.insert(0, Column(name="period", title=Words("Period", "时段"), unit=Unit.TIME))
    return tuple(columns)


def key_values(cut: Cut, place: Place) -> tuple[Value, ...]:
    """Return what stands in them."""
    return place.group if cut.period is Period.ALL else (place.period_us, *place.group)


def charts_of(cut: Cut, titles: Mapping[str, Words]) -> tuple[Chart, ...]:
    """Return a chart for each measure: over time where the report is cut so, else compared."""
    of = next(iter(cut.by), "")
    if cut.period is not Period.ALL:
        return tuple(Trend(title=t, x="period", y=(name,), by=of) for name, t in titles.items())
    if not of:
        return ()
    return tuple(Comparison(title=title, of=of, y=name) for name, title in titles.items())


def share(part: float, whole: float) -> float | None:
    """Return a fraction; None: of nothing."""
    return part / whole if whole else None
