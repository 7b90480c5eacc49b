"""What dashboards are made of: panels, variables, and the grid they stand in.

Fields are those of Grafana's dashboard schema, version 39 (Grafana 11 and later).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from acd.reports.report import Words

Json = dict[str, object]

SCHEMA_VERSION = 39
PROMETHEUS = {"type": "prometheus", "uid": "${metrics}"}
POSTGRES = {"type": "grafana-postgresql-datasource", "uid": "${records}"}
"Both are variables of the dashboard: whoever has several servers chooses one."

GRID_COLUMNS = 24
RATE, SECONDS, COUNT = "percentunit", "s", "none"
"Grafana's units: a fraction shown per cent, seconds, a plain number."


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture."""

    kind: str
    "timeseries, stat, table or barchart."

    title: Words
    unit: str = COUNT
    queries: tuple[str, ...]
    legends: tuple[str, ...] = ()
    "One per query of Prometheus: what its lines are called."

    width: int = 8
    height: int = 8
    note: Words | None = None
    "What the reader has to know, behind the panel's (i)."

    stacked: bool = False
    bars: bool = False
    red_below: float | None = None
    red_from: float | None = None
    "Where a value turns red; the alarms' thresholds."

    columns: Mapping[str, tuple[Words, str]] = field(default_factory=dict)
    "Of a table or a row of figures: column -> title and unit."

    series: bool = False
    "A query of Postgres that gives time, metric and value."

    sql: bool = False


@dataclass(frozen=True)
class Row:
    """Panels under one head line."""

    title: Words
    panels: tuple[Panel, ...]


def dashboard(  # one keyword per part of a dashboard
    *,
    uid: str,
    title: Words,
    locale: str,
    zone: str,
    rows: Iterable[Row],
    variables: Sequence[Json],
    period: tuple[str, str],
    refresh: str,
) -> Json:
    """Return a dashboard in one language; `period` is what it shows at first."""
    return {
        "uid": f"{uid}-{locale}",
        "title": title.of(locale),
        "tags": ["acd"],
        "timezone": zone,
        "editable": True,
        "graphTooltip": 1,
        "refresh": refresh,
        "schemaVersion": SCHEMA_VERSION,
        "time": {"from": period[0], "to": period[1]},
        "templating": {"list": list(variables)},
        "annotations": {"list": []},
        "panels": _laid_out(rows, locale),
    }


def _laid_out(rows: Iterable[Row], locale: str) -> list[Json]:
    """Place panels from left to right, a new line where one does not fit."""
    placed: list[Json] = []
    ids = count(1)
    y = 0
    for row in rows:
        placed.append(
            {
                "id": next(ids),
                "type": "row",
                "title": row.title.of(locale),
                "collapsed": False,
                "gridPos": {"h": 1, "w": GRID_COLUMNS, "x": 0, "y": y},
                "panels": [],
            }
        )
        y, x, line = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > GRID_COLUMNS:
                y, x, line = y + line, 0, 0
            place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            placed.append({"id": next(ids), "gridPos": place, **_panel(panel, locale)})
            x, line = x + panel.width, max(line, panel.height)
        y += line
    return placed


def _panel(panel: Panel, locale: str) -> Json:
    source = POSTGRES if panel.sql else PROMETHEUS
    made: Json = {
        "type": panel.kind,
        "title": panel.title.of(locale),
        "datasource": source,
        "targets": [
            _sql_target(panel, query, number) if panel.sql else _metric_target(panel, number)
            for number, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel, locale)},
        "options": OPTIONS[panel.kind],
    }
    return made | ({"description": panel.note.of(locale)} if panel.note else {})


def _metric_target(panel: Panel, number: int) -> Json:
    return {
        "refId": "ABCDEFGH"[number],
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "expr": panel.queries[number],
        "legendFormat": panel.legends[number] if panel.legends else "__auto",
        "range": panel.kind != "stat",
        "instant": panel.kind == "stat",
    }


def _sql_target(panel: Panel, query: str, number: int) -> Json:
    return {
        "refId": "ABCDEFGH"[number],
        "datasource": POSTGRES,
        "editorMode": "code",
        "rawQuery": True,
        "rawSql": query,
        "format": "time_series" if panel.series else "table",
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    elif panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    made: Json = {
        "unit": panel.unit,
        "thresholds": {"mode": "absolute", "steps": steps},
        "color": {"mode": "palette-classic" if panel.kind in DRAWN else "thresholds"},
    }
    if panel.unit == RATE:
        made |= {"min": 0, "max": 1}
    if panel.kind == "timeseries":
        made["custom"] = {
            "drawStyle": "bars" if panel.bars else "line",
            "fillOpacity": 60 if panel.bars else 30 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "spanNulls": False,
        }
    return made


def _overrides(panel: Panel, locale: str) -> list[Json]:
    return [
        {
            "matcher": {"id": "byName", "options": column},
            "properties": [
                {"id": "displayName", "value": title.of(locale)},
                {"id": "unit", "value": unit},
            ],
        }
        for column, (title, unit) in panel.columns.items()
    ]


DRAWN = ("timeseries", "barchart")

OPTIONS: Mapping[str, Json] = {
    "timeseries": {
        "legend": {
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
            "calcs": [],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    },
    "table": {"frameIndex": 0, "showHeader": True},
    "barchart": {
        "orientation": "auto",
        "xTickLabelRotation": 0,
        "xTickLabelSpacing": 0,
        "stacking": "none",
        "showValue": "auto",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "barRadius": 0,
        "fullHighlight": False,
        "legend": {
            "displayMode": "list",
            "placement": "bottom",
            "showLegend": True,
            "calcs": [],
        },
        "tooltip": {"mode": "single", "sort": "none"},
    },
}


# --- variables ---


def source_variable(name: str, plugin: str, label: Words, locale: str) -> Json:
    """Return the choice among data sources of one kind."""
    return {
        "type": "datasource",
        "name": name,
        "label": label.of(locale),
        "query": plugin,
        "hide": 0,
        "multi": False,
        "includeAll": False,
    }


def metric_variable(name: str, query: str, label: Words, locale: str) -> Json:
    """Return the choice among a label's values in Prometheus."""
    return {
        "type": "query",
        "name": name,
        "label": label.of(locale),
        "datasource": PROMETHEUS,
        "query": {"qryType": 1, "query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": "All", "value": "$__all"},
    }


def sql_variable(
    name: str, query: str, label: Words, locale: str, *, multi: bool, all_value: str | None
) -> Json:
    """Return the choice among what a query of Postgres gives."""
    made: Json = {
        "type": "query",
        "name": name,
        "label": label.of(locale),
        "datasource": POSTGRES,
        "query": query,
        "refresh": 2,
        "sort": 1,
        "multi": multi,
        "includeAll": True,
        "current": {"selected": True, "text": "All", "value": "$__all"},
    }
    return made if all_value is None else made | {"allValue": all_value}


def choice_variable(name: str, values: Mapping[str, Words], label: Words, locale: str) -> Json:
    """Return the choice among values; the first one holds at the start."""
    options: list[Json] = [
        {"selected": number == 0, "text": words.of(locale), "value": value}
        for number, (value, words) in enumerate(values.items())
    ]
    return {
        "type": "custom",
        "name": name,
        "label": label.of(locale),
        "query": ", ".join(f"{words.of(locale)} : {value}" for value, words in values.items()),
        "multi": False,
        "includeAll": False,
        "options": options,
        "current": options[0],
    }


def text_variable(name: str, value: str, label: Words, locale: str) -> Json:
    """Return a field to type into."""
    held = {"selected": True, "text": value, "value": value}
    return {
        "type": "textbox",
        "name": name,
        "label": label.of(locale),
        "query": value,
        "current": held,
        "options": [held],
    }
