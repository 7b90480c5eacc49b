"""Charts over time: trends as lines, and heat maps of quarter-hours by day."""

import re
from datetime import timedelta
from typing import Any

from .charts_data import DESCRIBED, Data, axis, left_out, names, summed, title, told, with_gaps
from .charts_style import BLUE, HEIGHT, PALETTE, WIDTH
from .report import HeatMap, Trend, Unit
from .request import EPOCH

Spec = dict[str, Any]

LINES_MAX = len(PALETTE)
"Of more groups the largest are drawn."

DAYS_MAX = 62
"Two months of rows in a heat map fill a screen; of more the last ones are drawn."

CELL_PX = 14

TICKS_MAX = 14
"Dates that stand beside each other in the width of a chart."

DAY_MS = 86_400_000

CLOCK = re.compile(r"[0-2][0-9]:[0-5][05]\Z")

WEEKDAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}


def trend(chart: Trend, data: Data) -> Spec | None:
    """Return lines over time, a panel for each unit, or for each measure of several groups."""
    if not data.has(chart.x, *chart.y, chart.by):
        return None
    groups = names(data, chart.by) if chart.by else [""] * len(data.report.rows)
    kept, note = _largest(groups, data, chart.y[0])
    panels = [
        _lines(data, chart.x, measures, groups, kept)
        for measures in _by_unit(data, chart.y, chart.by)
    ]
    panels = [panel for panel in panels if panel is not None]
    if not panels:
        return None
    return {
        "title": title(chart.title.of(data.locale), note),
        "vconcat": panels,
        "resolve": {"scale": {"color": "independent"}},
    }


def _by_unit(data: Data, measures: tuple[str, ...], by: str) -> list[list[str]]:
    """Return which measures share a panel: those of one unit, where colours are not groups."""
    if by:
        return [[name] for name in measures]
    panels: dict[Unit, list[str]] = {}
    for name in measures:
        panels.setdefault(data.column(name).unit, []).append(name)
    return list(panels.values())


def _largest(groups: list[str], data: Data, measure: str) -> tuple[list[str], str]:
    """Return the groups to draw, by name, and a note where there are more."""
    sizes: dict[str, float] = {}
    for group, value in zip(groups, data.values(measure), strict=True):
        sizes[group] = sizes.get(group, 0.0) + float(value or 0.0)
    kept = sorted(sorted(sizes, key=lambda group: -sizes[group])[:LINES_MAX])
    return kept, left_out(len(kept), len(sizes), data.locale)


def _lines(
    data: Data, x: str, measures: list[str], groups: list[str], kept: list[str]
) -> Spec | None:
    times = data.column(x).unit is Unit.TIME
    at = data.values(x) if times else names(data, x)
    by_group = any(groups)
    titles = [data.column(name).title.of(data.locale) for name in measures]
    values = [
        {"x": where, "y": value, "line": group if by_group else line}
        for name, line in zip(measures, titles, strict=True)
        for where, group, value in zip(at, groups, data.values(name), strict=True)
        if group in kept and where is not None
    ]
    if all(point["y"] is None for point in values):
        return None
    if times:
        values = with_gaps(values)
    lines = kept if by_group else titles
    encoding: Spec = {
        "x": _time_axis(data, [int(point["x"] or 0) for point in values])
        if times
        else {"field": "x", "type": "ordinal", "title": None, "sort": None},
        "y": {"field": "y", "type": "quantitative", "axis": _shared_axis(data, measures)},
    }
    if len(lines) > 1:
        encoding["color"] = {
            "field": "line",
            "type": "nominal",
            "scale": {"domain": lines, "range": list(PALETTE)},
            "legend": {"title": None, "orient": "top", "columns": 5, "symbolType": "stroke"},
        }
    points = len(values) <= 40 * len(lines)
    mark = {
        "type": "line",
        "color": BLUE,
        "point": points,
        "interpolate": "linear",
        "strokeWidth": 1.5,
    }
    return {
        "data": {"values": values},
        "mark": mark,
        "encoding": encoding,
        "width": WIDTH,
        "height": HEIGHT if len(measures) > 1 or by_group else HEIGHT * 3 // 4,
    }


def _shared_axis(data: Data, measures: list[str]) -> Spec:
    told = axis(data, measures[0])
    if len(measures) > 1:
        told["title"] = None  # the legend says which line is what
    return told


def _time_axis(data: Data, times_ms: list[int]) -> Spec:
    days = (data.report.to_us - data.report.from_us) / 86_400e6
    date_form = "%Y-%m-%d" if days > 300 else "%m-%d"
    told: Spec = {"format": date_form}
    if all(ms % DAY_MS == 0 for ms in times_ms):
        # Whole days: a label where there is a point, none in the middle of a day.
        distinct = sorted(set(times_ms))
        told["values"] = distinct[:: -(-len(distinct) // TICKS_MAX)]
    elif days <= 1.1:
        told["format"] = "%H:%M"
    elif days <= 8:
        told["format"] = f"{date_form} %H:%M"
    return {
        "field": "x",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc"},
        "axis": told,
    }


def heat_map(chart: HeatMap, data: Data) -> Spec | None:
    """Return a rectangle per quarter-hour (across) and day (down)."""
    if not data.has(chart.x, chart.y, chart.colour):
        return None
    across, down = _clock_times(data, chart.x), _days(data, chart.y)
    keys = list(zip(across, down, strict=True))
    found = summed(keys, data.values(chart.colour), data.column(chart.colour).unit)
    if not found:
        return None
    rows = list(dict.fromkeys(sorted(down) if data.column(chart.y).unit is Unit.TIME else down))
    kept = rows[-DAYS_MAX:]
    note = left_out(len(kept), len(rows), data.locale)
    values = [
        {"x": x, "y": y, "colour": value, "told": f"{y} {x}: {told(data, chart.colour, value)}"}
        for (x, y), value in sorted(found.items())
        if y in set(kept)
    ]
    columns = _every_column({point["x"] for point in values})
    return {
        "title": title(chart.title.of(data.locale), note),
        "data": {"values": values},
        "mark": {"type": "rect", "stroke": "white", "strokeWidth": 0.5},
        "encoding": {
            **DESCRIBED,
            "x": {
                "field": "x",
                "type": "ordinal",
                "title": None,
                "scale": {"domain": columns},
                "axis": {
                    "values": [text for text in columns if text.endswith(":00")] or columns,
                    "labelAngle": 0,
                },
            },
            "y": {
                "field": "y",
                "type": "ordinal",
                "title": None,
                "sort": None,
                "scale": {"domain": kept},
                "axis": {"labelOverlap": False},
            },
            "color": {
                "field": "colour",
                "type": "quantitative",
                "scale": {"scheme": "blues"},
                "legend": {**axis(data, chart.colour), "orient": "right"},
            },
        },
        "width": WIDTH,
        "height": CELL_PX * max(3, len(kept)),
    }


def _clock_times(data: Data, name: str) -> list[str]:
    if data.column(name).unit is not Unit.TIME:
        return names(data, name)
    return [
        "–" if ms is None else f"{int(ms) // 3_600_000 % 24:02}:{int(ms) // 60_000 % 60:02}"
        for ms in data.values(name)
    ]


def _days(data: Data, name: str) -> list[str]:
    if data.column(name).unit is not Unit.TIME:
        return names(data, name)
    return ["–" if ms is None else _day(int(ms), data.locale) for ms in data.values(name)]


def _day(wall_ms: int, locale: str) -> str:
    day = (EPOCH + timedelta(milliseconds=wall_ms)).date()
    return f"{day} {WEEKDAYS[locale][day.weekday()]}"


def _every_column(found: set[str]) -> list[str]:
    """Return all quarter-hours (or hours) from the first to the last: a gap is a gap in time."""
    clock = [int(text[:2]) * 60 + int(text[3:]) for text in found if CLOCK.match(text)]
    if len(clock) < len(found):
        return sorted(found)
    step = 15 if any(minute % 60 for minute in clock) else 60
    return [f"{at // 60:02}:{at % 60:02}" for at in range(min(clock), max(clock) + 1, step)]
