"""Charts of how far values lie apart: boxes with their outliers, and the four-quadrant plot."""

from statistics import median, quantiles
from typing import Any

from msgspec import Struct

from .charts_data import DESCRIBED, Data, axis, left_out, names, title, told
from .charts_labels import Label, place
from .charts_style import BLUE, GREY, HEIGHT, ORANGE, WIDTH
from .report import Dispersion, Quadrants, Unit

Spec = dict[str, Any]

WHISKER = 1.5
"Of the distance between the quartiles: Tukey, Exploratory Data Analysis, 1977."

BOXES_MAX = 30
"More boxes beside each other cannot be compared; the highest medians are drawn."

NAMES_MAX = 30
"Names in one plot; more would cover the points."

BOX_PX = 26


class Box(Struct, frozen=True, kw_only=True):
    """Tukey's five figures of one group."""

    low: float
    "Lowest value that is no outlier."

    first: float
    median: float
    third: float
    high: float

    def is_outlier(self, value: float) -> bool:
        """Whether a value lies beyond the whiskers."""
        return not self.low <= value <= self.high


def box_of(values: list[float]) -> Box:
    """Return the five figures; quartiles as R's type 7 has them, as spreadsheets do."""
    if len(values) == 1:
        values = values * 2
    first, middle, third = quantiles(values, n=4, method="inclusive")
    reach = WHISKER * (third - first)
    inside = [value for value in values if first - reach <= value <= third + reach]
    return Box(low=min(inside), first=first, median=middle, third=third, high=max(inside))


def dispersion(chart: Dispersion, data: Data) -> Spec | None:
    """Return a box per group; who lies beyond the whiskers is a point with a name."""
    if not data.has(chart.of, chart.y, chart.label):
        return None
    points = _points(chart, data)
    groups: dict[str, list[float]] = {}
    for group, value, _ in points:
        groups.setdefault(group, []).append(value)
    if not groups:
        return None
    boxes = {group: box_of(values) for group, values in groups.items()}
    order = sorted(boxes, key=lambda group: (-boxes[group].median, group))
    shown = order[:BOXES_MAX]
    outliers = [
        {
            "group": group,
            "value": value,
            "name": name,
            "told": f"{name or group}: {told(data, chart.y, value)}",
        }
        for group, value, name in points
        if group in shown and boxes[group].is_outlier(value)
    ]
    return {
        "title": title(chart.title.of(data.locale), left_out(len(shown), len(order), data.locale)),
        "width": WIDTH,
        "height": BOX_PX * max(3, len(shown)),
        "layer": _box_layers(data, chart.y, shown, boxes, outliers),
    }


def _points(chart: Dispersion, data: Data) -> list[tuple[str, float, str]]:
    groups, values = names(data, chart.of), data.values(chart.y)
    labels = names(data, chart.label) if chart.label else [""] * len(groups)
    return [
        (group, float(value), label)
        for group, value, label in zip(groups, values, labels, strict=True)
        if value is not None
    ]


def _box_layers(
    data: Data, measure: str, shown: list[str], boxes: dict[str, Box], outliers: list[Spec]
) -> list[Spec]:
    figures = [
        {
            "group": group,
            "told": f"{group}: {_five(data, measure, boxes[group])}",
            **{name: getattr(boxes[group], name) for name in Box.__struct_fields__},
        }
        for group in shown
    ]
    y = {"field": "group", "type": "nominal", "sort": shown, "title": None}

    def along(field: str) -> Spec:
        return {
            "field": field,
            "type": "quantitative",
            "axis": axis(data, measure),
            "scale": {"zero": False, "nice": True},
        }

    boxed = {"values": figures}
    points = {"x": along("value"), "y": y}
    return [
        {
            "data": boxed,
            "mark": {"type": "rule", "color": GREY, "aria": False},
            "encoding": {"x": along("low"), "x2": {"field": "high"}, "y": y},
        },
        {
            "data": boxed,
            "mark": {"type": "bar", "color": BLUE, "opacity": 0.75, "height": {"band": 0.55}},
            "encoding": {**DESCRIBED, "x": along("first"), "x2": {"field": "third"}, "y": y},
        },
        {
            "data": boxed,
            "mark": {
                "type": "tick",
                "color": "white",
                "thickness": 2,
                "height": {"band": 0.55},
                "aria": False,
            },
            "encoding": {"x": along("median"), "y": y},
        },
        {
            "data": {"values": outliers},
            "mark": {"type": "point", "color": ORANGE, "filled": True, "size": 36},
            "encoding": {**points, **DESCRIBED},
        },
        {
            "data": {"values": outliers[:NAMES_MAX]},
            "mark": {"type": "text", "dy": -8, "fontSize": 10, "aria": False},
            "encoding": {**points, "text": {"field": "name"}},
        },
    ]


def _five(data: Data, measure: str, box: Box) -> str:
    figures = (box.low, box.first, box.median, box.third, box.high)
    return " | ".join(told(data, measure, figure) for figure in figures)


def quadrants(chart: Quadrants, data: Data) -> Spec | None:
    """Return points in the plane, the medians as lines, and the outliers' names."""
    if not data.has(chart.x, chart.y, chart.label, chart.size, chart.outlier):
        return None
    points = _plane(chart, data)
    if not points:
        return None
    x = _scaled(data, chart.x, [point["x"] for point in points])
    y = _scaled(data, chart.y, [point["y"] for point in points])
    position = {"x": {"field": "x", **x}, "y": {"field": "y", **y}}
    medians = {
        name: {"value": median(point[name] for point in points), "axis": told}
        for name, told in (("x", x), ("y", y))
    }
    return {
        "title": title(chart.title.of(data.locale)),
        "width": WIDTH,
        "height": HEIGHT * 2,
        "layer": [
            *(_median_line(name, told["value"], told["axis"]) for name, told in medians.items()),
            _dots(data, chart, points, position),
            *_name_layers(points, position),
        ],
    }


def _plane(chart: Quadrants, data: Data) -> list[Spec]:
    labels = names(data, chart.label)
    outliers = data.values(chart.outlier) if chart.outlier else [False] * len(labels)
    sizes = data.values(chart.size) if chart.size else [None] * len(labels)
    return [
        {
            "x": float(x),
            "y": float(y),
            "name": name,
            "outlier": bool(out),
            "size": size,
            "told": f"{name}: {told(data, chart.x, float(x))}, {told(data, chart.y, float(y))}",
        }
        for x, y, name, out, size in zip(
            data.values(chart.x), data.values(chart.y), labels, outliers, sizes, strict=True
        )
        if x is not None and y is not None
    ]


def _scaled(data: Data, measure: str, values: list[float]) -> Spec:
    low, high = min(values), max(values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    domain = [low - room, high + room]
    if data.column(measure).unit in {Unit.RATE, Unit.COUNT, Unit.SECONDS} and low >= 0:
        domain[0] = max(0.0, domain[0])
    return {
        "type": "quantitative",
        "axis": axis(data, measure),
        "scale": {"domain": domain, "nice": False, "zero": False},
    }


def _median_line(name: str, value: float, told: Spec) -> Spec:
    return {
        "data": {"values": [{name: value}]},
        "mark": {"type": "rule", "color": GREY, "strokeDash": [5, 4]},
        "encoding": {name: {"field": name, **told}},
    }


def _dots(data: Data, chart: Quadrants, points: list[Spec], position: Spec) -> Spec:
    encoding: Spec = {
        **position,
        **DESCRIBED,
        "color": {
            "field": "outlier",
            "type": "nominal",
            "scale": {"domain": [False, True], "range": [BLUE, ORANGE]},
            "legend": None,
        },
    }
    if chart.size:
        encoding["size"] = {
            "field": "size",
            "type": "quantitative",
            "scale": {"range": [20, 320]},
            "legend": {"title": data.title(chart.size), "symbolFillColor": GREY},
        }
    return {
        "data": {"values": points},
        "mark": {"type": "point", "filled": True, "opacity": 0.7, "size": 60},
        "encoding": encoding,
    }


def _name_layers(points: list[Spec], position: Spec) -> list[Spec]:
    """Return the names of the outliers, or of all where these are few and no outlier is known."""
    named = [point for point in points if point["outlier"]]
    if not named and len(points) <= NAMES_MAX // 2:
        named = points
    domains = [position[name]["scale"]["domain"] for name in ("x", "y")]
    at = [
        (
            (point["x"] - domains[0][0]) / (domains[0][1] - domains[0][0]) * WIDTH,
            (1 - (point["y"] - domains[1][0]) / (domains[1][1] - domains[1][0])) * HEIGHT * 2,
            str(point["name"]),
        )
        for point in named[:NAMES_MAX]
    ]
    layers: dict[Label, list[Spec]] = {}
    for point, label in zip(named, place(at, WIDTH, HEIGHT * 2), strict=False):
        layers.setdefault(label, []).append(point)
    return [
        {
            "data": {"values": values},
            "mark": {
                "type": "text",
                "dx": label.dx,
                "dy": label.dy,
                "align": label.align,
                "fontSize": 11,
                "aria": False,
            },
            "encoding": {**position, "text": {"field": "name"}},
        }
        for label, values in layers.items()
    ]
