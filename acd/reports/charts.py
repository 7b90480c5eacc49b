"""Charts as Vega-Lite specifications (altair): what is drawn, not how it becomes a picture.

The title row and axes are in Chinese or English; figures are those of the reports. Rendering is
the command line's.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
from msgspec import Struct

from .charts_style import BLUE, FONTS, GREY, HEIGHT, ORANGE, WIDTH
from .charts_values import QuarterHour

PER_CENT = alt.Axis(format="%")

Spec = dict[str, Any]


class TrendWords(Struct, frozen=True):
    """What a trend says in one language."""

    title: str
    offered: str
    service_level: str
    abandon_rate: str
    asa: str
    time: str


_TREND = {
    "en": TrendWords(
        "Service level and waits by quarter-hour",
        "Calls offered",
        "Service level",
        "Abandon rate",
        "Average wait, s",
        "Time of day",
    ),
    "zh": TrendWords(
        "每刻钟服务水平与等待",
        "呼入量",
        "规定期间接通率",
        "放弃率",
        "平均应答速度（秒）",
        "时间",
    ),
}

_OCCUPANCY = {
    "en": ("Occupancy of the agents", "Occupancy", "Agents"),
    "zh": ("座席在线繁忙度分布", "在线繁忙度", "座席数"),
}


def trend(quarters: Sequence[QuarterHour], *, locale: str = "en") -> Spec:
    """Return rates, waits and calls over the day, one above the other."""
    words = _TREND[locale]
    data = alt.InlineData(values=[_point(quarter) for quarter in quarters])
    base = alt.Chart(data).properties(width=WIDTH, height=HEIGHT)
    time = alt.X("at:T", title=words.time, axis=alt.Axis(format="%H:%M", labelOverlap=True))
    rates = (
        base.transform_fold(["service_level", "abandon_rate"], as_=["rate", "share"])
        .transform_filter("isValid(datum.share)")
        .mark_line(point=True, interpolate="step-after")
        .encode(
            time,
            alt.Y(
                "share:Q", title=None, axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
            ),
            alt.Color(
                "rate:N",
                title=None,
                scale=alt.Scale(domain=["service_level", "abandon_rate"], range=[BLUE, ORANGE]),
                legend=alt.Legend(
                    orient="top",
                    labelExpr=f"datum.label == 'service_level' ? '{words.service_level}'"
                    f" : '{words.abandon_rate}'",
                ),
            ),
        )
    )
    waits = base.mark_line(point=True, interpolate="step-after", color=BLUE).encode(
        time, alt.Y("asa_s:Q", title=words.asa)
    )
    calls = base.mark_bar(color=GREY).encode(time, alt.Y("offered:Q", title=words.offered))
    return _finished(alt.vconcat(rates, waits, calls.properties(height=HEIGHT // 2)), words.title)


def _point(quarter: QuarterHour) -> dict[str, Any]:
    return {
        "at": quarter.at,
        "offered": quarter.offered,
        "service_level": quarter.service_level,
        "abandon_rate": quarter.abandon_rate,
        "asa_s": quarter.asa_s,
    }


def occupancy(occupancies: Sequence[float], *, locale: str = "en") -> Spec:
    """Return how many agents were how busy."""
    title, share, agents = _OCCUPANCY[locale]
    data = alt.InlineData(values=[{"occupancy": value} for value in occupancies])
    chart = (
        alt.Chart(data)
        .mark_bar(color=BLUE)
        .encode(
            alt.X(
                "occupancy:Q",
                bin=alt.Bin(step=0.05, extent=[0, 1]),
                title=share,
                axis=PER_CENT,
                scale=alt.Scale(domain=[0, 1]),
            ),
            alt.Y("count():Q", title=agents, axis=alt.Axis(tickMinStep=1)),
        )
        .properties(width=WIDTH, height=HEIGHT)
    )
    return _finished(alt.vconcat(chart), title)


def together(*specs: Spec) -> Spec:
    """Return one page of several charts."""
    first, *_ = specs
    shared = {name: first[name] for name in ("$schema", "config")}
    inner = ({k: v for k, v in spec.items() if k not in shared} for spec in specs)
    return {**shared, "vconcat": list(inner)}


def _finished(chart: alt.VConcatChart, title: str) -> Spec:
    named = chart.properties(title=title).configure(font=FONTS, background="white")
    spec: Spec = named.to_dict()
    return spec
