"""What is drawn of a report: valid Vega-Lite with the report's own figures."""

from typing import Any

import altair as alt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import BEGIN_US, DAY_US, EVERY_UNIT, OUTLIERS, agents, column, quarters, report

from acd.reports.charts_labels import place
from acd.reports.charts_report import specs, together
from acd.reports.charts_spread import box_of
from acd.reports.report import (
    Comparison,
    Dispersion,
    HeatMap,
    Histogram,
    Quadrants,
    Report,
    Trend,
    Unit,
    Words,
)

T = Words(en="Title", zh="标题")


def drawn(told: Report, locale: str = "en") -> list[dict[str, Any]]:
    """Return the specifications, each checked against the schema."""
    found = specs(told, locale)
    for spec in found:
        alt.Chart.from_dict(spec, validate=True)
    return found


def values(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["data"]["values"]


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("told", [quarters(), agents()], ids=["quarters", "agents"])
def test_every_chart_is_what_the_schema_wants(told: Report, locale: str) -> None:
    found = drawn(told, locale)
    assert [spec["title"] for spec in found] == [chart.title.of(locale) for chart in told.charts]
    alt.VConcatChart.from_dict(together(found, "All"), validate=True)


def test_a_trend_has_a_point_per_row_and_breaks_over_the_night() -> None:
    level, offered = drawn(quarters(days=2))[0]["vconcat"]
    points = values(offered)
    assert len([point for point in points if point["y"] is not None]) == 2 * 48 * 2
    assert [point["line"] for point in points if point["y"] is None] == ["sales", "service"]
    assert offered["encoding"]["color"]["scale"]["domain"] == ["sales", "service"]
    assert level["encoding"]["y"]["axis"]["format"] == ".0%"
    # 09:00 in Shanghai stands at 09:00, wherever the page is read.
    assert points[0]["x"] == (BEGIN_US + 8 * 3_600_000_000 + 9 * 3_600_000_000) // 1000


def test_a_trend_of_one_thing_joins_measures_of_one_unit() -> None:
    told = report(
        (column("at", Unit.TIME), column("a", Unit.COUNT), column("b", Unit.COUNT), SHARE),
        (BEGIN_US, 1, 2, 0.5),
        (BEGIN_US + DAY_US, 3, 4, None),
        days=2,
        charts=(Trend(title=T, x="at", y=("a", "share", "b")),),
    )
    counts, shares = drawn(told)[0]["vconcat"]
    assert {point["line"] for point in values(counts)} == {"A", "B"}
    assert [point["y"] for point in values(shares)] == [0.5, None]


SHARE = column("share", Unit.RATE)


def test_of_many_groups_the_largest_are_drawn_and_it_says_so() -> None:
    told = quarters(days=1, queues=tuple(f"queue-{at:02}" for at in range(14)))
    (trend, *_) = drawn(told)
    assert trend["title"]["subtitle"] == "10 of 14 are drawn"
    assert len({point["line"] for point in values(trend["vconcat"][0])}) == 10
    assert drawn(told, "zh")[0]["title"]["subtitle"] == "只画 14 个中的 10 个"


def test_a_comparison_adds_counts_up_and_puts_the_longest_first() -> None:
    rows = [("a", 1), ("b", 5), ("a", 2), (None, 1)]
    told = report(
        (column("name", Unit.TEXT), column("calls", Unit.COUNT)),
        *rows,
        charts=(Comparison(title=T, of="name", y="calls"),),
    )
    (spec,) = drawn(told)
    assert [(point["name"], point["value"]) for point in values(spec)] == [
        ("b", 5),
        ("a", 3),
        ("–", 1),
    ]
    assert values(spec)[0]["told"] == "b: 5"


def test_rates_are_never_added_up() -> None:
    told = report(
        (column("name", Unit.TEXT), SHARE),
        ("a", 0.5),
        ("a", 0.5),
        charts=(Comparison(title=T, of="name", y="share"),),
    )
    assert drawn(told) == []


def test_a_heat_map_has_a_cell_per_quarter_hour_and_day() -> None:
    spec = drawn(quarters(days=3), "zh")[1]
    assert len(values(spec)) == 3 * 48
    first = values(spec)[0]
    both = sum(row[2] for row in quarters(days=3).rows[:2])
    assert (first["x"], first["y"], first["colour"]) == ("09:00", "2026-11-23 周一", both)
    assert first["told"] == f"2026-11-23 周一 09:00: {both}"


def test_a_heat_map_leaves_room_for_quarter_hours_without_calls() -> None:
    told = report(
        (column("at", Unit.TIME), column("calls", Unit.COUNT)),
        (BEGIN_US, 1),
        (BEGIN_US + 3_600_000_000 + 900_000_000, 2),
        charts=(HeatMap(title=T, x="at", y="at", colour="calls"),),
    )
    (spec,) = drawn(told)
    domain = spec["encoding"]["x"]["scale"]["domain"]
    assert domain == ["00:00", "00:15", "00:30", "00:45", "01:00", "01:15"]


def test_money_is_drawn_in_whole_units() -> None:
    told = report(
        EVERY_UNIT.columns,
        *EVERY_UNIT.rows,
        charts=(Histogram(title=T, x="cash"), Comparison(title=T, of="name", y="cash")),
    )
    histogram, comparison = drawn(told)
    assert values(histogram) == [{"x": 142.86}]
    assert values(comparison)[0]["text"] == "142.86"


def test_quadrants_have_medians_as_lines_and_name_the_outliers() -> None:
    (spec, _) = drawn(agents())
    down, across, dots, *names = spec["layer"]
    conversions = sorted(row[4] for row in agents().rows)
    assert values(down) == [{"x": (conversions[19] + conversions[20]) / 2}]
    assert list(values(across)[0]) == ["y"]
    assert len(values(dots)) == 40
    assert {point["name"] for layer in names for point in values(layer)} == set(OUTLIERS)


def test_a_few_points_without_outliers_are_all_named() -> None:
    columns = (column("name", Unit.TEXT), column("a", Unit.COUNT), column("b", Unit.COUNT))
    chart = Quadrants(title=T, x="a", y="b", label="name")
    (spec,) = drawn(report(columns, ("x", 1, 2), ("y", 1, 2), ("z", None, 1), charts=(chart,)))
    assert {point["name"] for layer in spec["layer"][3:] for point in values(layer)} == {"x", "y"}


def test_a_box_is_tukeys_and_who_lies_outside_has_a_name() -> None:
    box = box_of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 30.0])
    assert (box.low, box.first, box.median, box.third, box.high) == (1, 3, 5, 7, 8)
    assert box.is_outlier(30.0)
    assert not box.is_outlier(8.0)
    assert box_of([4.0]).median == 4.0
    *_, points, names = drawn(agents())[1]["layer"]
    assert {point["name"] for point in values(points)} >= set(OUTLIERS)
    assert {point["name"] for point in values(names)} >= set(OUTLIERS)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_box_holds_at_least_half_of_the_values(found: list[float]) -> None:
    box = box_of(found)
    assert box.first <= box.median <= box.third
    assert box.low <= box.high
    inside = [value for value in found if not box.is_outlier(value)]
    assert 2 * len(inside) >= len(found)


def test_names_beside_each_other_do_not_cover_each_other() -> None:
    crowd = [(100.0 + 30 * at, 100.0, f"agent {at}") for at in range(4)]
    sides = place(crowd, 760, 440)
    assert len({(side.dx, side.dy) for side in sides}) > 1
    (alone,) = place([(100.0, 100.0, "agent")], 760, 440)
    assert (alone.dx, alone.dy, alone.align) == (9, 0, "left")
    (edge,) = place([(755.0, 100.0, "agent")], 760, 440)
    assert edge.align == "right"


def test_nothing_is_drawn_of_nothing() -> None:
    charts = (
        Trend(title=T, x="at", y=("calls",)),
        Comparison(title=T, of="name", y="calls"),
        Histogram(title=T, x="calls"),
        Dispersion(title=T, of="name", y="calls"),
        Quadrants(title=T, x="calls", y="score", label="name"),
        HeatMap(title=T, x="at", y="at", colour="calls"),
    )
    assert drawn(report(EVERY_UNIT.columns, charts=charts)) == []
    nothing = (None,) * len(EVERY_UNIT.columns)
    assert drawn(report(EVERY_UNIT.columns, nothing, charts=charts)) == []
    assert drawn(report((column("other", Unit.COUNT),), (1,), charts=charts)) == []


def test_days_are_labelled_by_their_dates_and_not_by_noons() -> None:
    told = report(
        (column("at", Unit.TIME), column("calls", Unit.COUNT)),
        *((BEGIN_US + day * DAY_US, day) for day in range(40)),
        days=40,
        charts=(Trend(title=T, x="at", y=("calls",)),),
    )
    axis = drawn(told)[0]["vconcat"][0]["encoding"]["x"]["axis"]
    assert axis["format"] == "%m-%d"
    midnight_ms = BEGIN_US // 1000 + 8 * 3_600_000
    assert axis["values"] == [midnight_ms + day * 86_400_000 for day in range(0, 40, 3)]
