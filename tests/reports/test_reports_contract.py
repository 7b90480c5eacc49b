"""Scores of a performance contract, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.contract import (
    Band,
    Contract,
    Measure,
    Tier,
    scored,
    tier_factor,
    traffic_index,
)
from acd.reports.contract_report import (
    AgentMonth,
    Frame,
    PayBasis,
    contract_report,
    pay_report,
)
from acd.reports.paid_time import PaidRule, PaidSource
from acd.reports.report import Column, Unit, Words

CSAT = Measure(name="csat", weight=60, floor=0.7, target=0.9)
COST = Measure(name="cost", weight=40, floor=12, target=8, cap=120)
CONTRACT = Contract(
    name="sales",
    title=Words("Sales", "销售"),
    measures=(CSAT, COST),
    bands=(Band(start=0, name="low"), Band(start=75, name="fair"), Band(start=90, name="good")),
)


@pytest.mark.parametrize(
    ("measure", "value", "score"),
    [
        (CSAT, 0.7, 0),
        (CSAT, 0.8, 50),
        (CSAT, 0.9, 100),
        (CSAT, 1.0, 100),
        (CSAT, 0.5, 0),
        (COST, 12, 0),
        (COST, 9, 75),
        (COST, 7.2, 120),
        (COST, 1, 120),
        (COST, 20, 0),
        (CSAT, None, None),
    ],
)
def test_score_of_a_value(measure, value, score):
    assert measure.score(value) == (None if score is None else pytest.approx(score))


def test_total_is_the_weighted_mean():
    found = scored(CONTRACT, {"csat": 0.8, "cost": 9})
    assert found.scores == pytest.approx((50, 75))
    assert found.total == pytest.approx(0.6 * 50 + 0.4 * 75)
    assert found.measured_weight == 100
    assert found.band == "low"
    assert scored(CONTRACT, {"csat": 0.9, "cost": 10}).band == "fair"
    assert scored(CONTRACT, {"csat": 0.9, "cost": 8}).band == "good"


def test_what_was_not_measured_takes_no_part_and_is_told():
    found = scored(CONTRACT, {"cost": 9})
    assert found.values == (None, 9)
    assert found.total == pytest.approx(75)
    assert found.measured_weight == 40
    nothing = scored(CONTRACT, {})
    assert (nothing.total, nothing.measured_weight, nothing.band) == (None, 0, "")


def test_tiers_and_traffic_index():
    tiers = (Tier(start=0.5, factor=1.0), Tier(start=1.0, factor=1.1))
    assert traffic_index(1_230, 30, 1_000) == pytest.approx(1.2)
    assert traffic_index(10, 0, 0) is None
    assert tier_factor(tiers, 0.4) is None
    assert tier_factor(tiers, 0.5) == 1.0
    assert tier_factor(tiers, 7) == 1.1
    assert tier_factor(tiers, None) is None


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0.1, 1e3), st.booleans())
def test_better_never_scores_less(first, second, width, less_is_better):
    low, high = sorted((first, second))
    sign = -1 if less_is_better else 1
    measure = Measure(name="m", weight=1, floor=0, target=sign * width)
    worse, better = (high, low) if less_is_better else (low, high)
    assert 0 <= measure.score(worse) <= measure.score(better) <= 100


FRAME = Frame(from_us=0, to_us=1, timezone="Asia/Shanghai")


def table(report):
    names = [column.name for column in report.columns]
    assert len(set(names)) == len(names)
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def test_the_contract_report_shows_every_number_behind_a_total():
    known = {"csat": Column(name="csat", title=Words("CSAT", "满意度"), unit=Unit.RATE)}
    months = [
        AgentMonth(month="2026-11", agent="8002", values={"csat": 0.8, "cost": 9}),
        AgentMonth(month="2026-11", agent="8001", values={"csat": 0.9, "cost": 8}),
        AgentMonth(month="2026-10", agent="8003", values={}),
    ]
    report = contract_report(CONTRACT, months, known, FRAME, PaidRule())
    rows = table(report)
    assert [row["agent"] for row in rows] == ["8003", "8001", "8002"]
    assert rows[1]["total"] == pytest.approx(100)
    assert (rows[2]["csat"], rows[2]["csat_score"]) == (0.8, pytest.approx(50))
    assert (rows[2]["cost"], rows[2]["cost_score"]) == (9, pytest.approx(75))
    assert rows[0]["total"] is None
    units = {column.name: column.unit for column in report.columns}
    assert (units["csat"], units["cost"]) == (Unit.RATE, Unit.NUMBER)
    assert "csat 60 (0.7 … 0.9)" in report.remarks[0].en
    assert "paid_time" not in report.definitions


def test_a_contract_by_utilisation_says_what_is_paid():
    lines = (Measure(name="utilisation", weight=100, floor=0.5, target=0.8),)
    paid = PaidRule(source=PaidSource.TIMESHEET)
    agreed = Contract(name="cs", title=Words("CS", "客服"), measures=lines)
    report = contract_report(agreed, [], {}, FRAME, paid)
    assert report.definitions["paid_time"] == "timesheet"
    assert report.remarks[-1] == paid.words


def test_the_basis_of_pay_has_index_and_tier():
    tiers = (Tier(start=0, factor=1.0), Tier(start=1.0, factor=1.1))
    months = [
        PayBasis(month="2026-11", agent="8001", team="b", handled=1_250, complaints=50),
        PayBasis(month="2026-11", agent="8002", team="a", handled=600),
    ]
    rows = table(pay_report(months, FRAME, unit_target=1_200, tiers=tiers))
    assert [row["agent"] for row in rows] == ["8002", "8001"]
    assert (rows[1]["traffic_index"], rows[1]["tier_factor"]) == (pytest.approx(1.0), 1.1)
    assert (rows[0]["traffic_index"], rows[0]["tier_factor"]) == (pytest.approx(0.5), 1.0)
    without = pay_report(months, FRAME, unit_target=0, tiers=tiers)
    assert {row["tier_factor"] for row in table(without)} == {None}
    assert "pay.unit_target" in without.remarks[0].en
