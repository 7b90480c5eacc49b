"""A report's charts as Vega-Lite specifications: what is drawn, not how it becomes a picture.

Plain dictionaries, as the schema has them (https://vega.github.io/schema/vega-lite/v6.json).
"""

from typing import Any

from .charts_data import DESCRIBED, Data, axis, left_out, names, summed, title, told
from .charts_spread import dispersion, quadrants
from .charts_style import BLUE, FONTS, HEIGHT, PALETTE, WIDTH
from .charts_time import heat_map, trend
from .report import (
    Chart,
    Comparison,
    Dispersion,
    HeatMap,
    Histogram,
    Quadrants,
    Report,
    Trend,
    Unit,
)

Spec = dict[str, Any]

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

BARS_MAX = 30
"More bars are a table; the longest are drawn."

BAR_PX = 20


def specs(report: Report, locale: str) -> list[Spec]:
    """Return one specification for each chart that has something to show."""
    found = []
    for one in report.drawn or (report,):
        data = Data(one, locale)
        found += [_drawn(chart, data) for chart in one.charts]
    return [_finished(spec) for spec in found if spec is not None]


def together(charts: list[Spec], heading: str) -> Spec:
    """Return the charts above each other as one picture."""
    shared = {key: charts[0][key] for key in ("$schema", "config")}
    inner = [{key: spec[key] for key in spec if key not in shared} for spec in charts]
    return {
        **shared,
        "title": {
            "text": heading,
            "fontSize": 16,
            "anchor": "start",
            "frame": "bounds",
            "offset": 16,
        },
        "vconcat": inner,
        "resolve": {"scale": {"color": "independent"}},
        "spacing": 28,
    }


def _drawn(chart: Chart, data: Data) -> Spec | None:
    match chart:
        case Trend():
            return trend(chart, data)
        case Comparison():
            return _comparison(chart, data)
        case Histogram():
            return _histogram(chart, data)
        case Dispersion():
            return dispersion(chart, data)
        case Quadrants():
            return quadrants(chart, data)
        case HeatMap():
            return heat_map(chart, data)


def _finished(spec: Spec) -> Spec:
    config = {
        "font": FONTS,
        "background": "white",
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 11,
            "titleFontSize": 11,
            "labelLimit": 200,
            "labelFlush": False,
            "labelOverlap": "greedy",
            "labelSeparation": 8,
        },
        "legend": {"labelFontSize": 11, "titleFontSize": 11},
        "title": {"fontSize": 13, "anchor": "start", "frame": "group", "offset": 8},
        "range": {"category": list(PALETTE)},
    }
    return {"$schema": SCHEMA, "config": config, **spec}


def _comparison(chart: Comparison, data: Data) -> Spec | None:
    if not data.has(chart.of, chart.y):
        return None
    found = summed(names(data, chart.of), data.values(chart.y), data.column(chart.y).unit)
    if not found:
        return None
    order = sorted(found, key=lambda name: (-found[name], name))
    shown = order[:BARS_MAX]
    note = left_out(len(shown), len(order), data.locale)
    texts = {name: told(data, chart.y, found[name]) for name in shown}
    values = [
        {
            "name": name,
            "value": found[name],
            "text": texts[name],
            "told": f"{name}: {texts[name]}",
        }
        for name in shown
    ]
    shared = {
        "y": {"field": "name", "type": "nominal", "sort": None, "title": None},
        "x": {"field": "value", "type": "quantitative", "axis": axis(data, chart.y)},
    }
    return {
        "title": title(chart.title.of(data.locale), note),
        "data": {"values": values},
        "width": WIDTH,
        "height": BAR_PX * max(2, len(shown)),
        "encoding": shared,
        "layer": [
            {
                "mark": {"type": "bar", "color": BLUE, "height": {"band": 0.7}},
                "encoding": DESCRIBED,
            },
            {
                "mark": {
                    "type": "text",
                    "align": "left",
                    "dx": 4,
                    "fontSize": 11,
                    "aria": False,
                },
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def _histogram(chart: Histogram, data: Data) -> Spec | None:
    if not data.has(chart.x):
        return None
    values = [{"x": value} for value in data.values(chart.x) if value is not None]
    if not values:
        return None
    rate = data.column(chart.x).unit is Unit.RATE
    bins: Spec = {"step": chart.step} if chart.step else {"maxbins": 20}
    if rate:
        bins["extent"] = [0, 1]
    how_many = {"en": "Count", "zh": "个数"}[data.locale]
    return {
        "title": title(chart.title.of(data.locale)),
        "data": {"values": values},
        "mark": {"type": "bar", "color": BLUE},
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "bin": bins,
                "title": data.title(chart.x),
                "axis": axis(data, chart.x),
            },
            "y": {
                "aggregate": "count",
                "type": "quantitative",
                "title": how_many,
                "axis": {"tickMinStep": 1},
            },
        },
        "width": WIDTH,
        "height": HEIGHT,
    }
