"""The four-quadrant report: who is called out, why, and who is not judged."""

import random

from acd.reports.cloud import Method
from acd.reports.quadrant import AgentFigures, judge, quadrant_report


def group(count, seed=1):
    draw = random.Random(seed)
    return [
        AgentFigures(
            agent=f"{8000 + index}",
            team="north" if index % 2 else "south",
            answered=int(draw.gauss(900, 100)),
            orders=300,
            conversion_rate=draw.gauss(0.35, 0.03),
            cancel_rate=draw.gauss(0.08, 0.01),
            collected=draw.gauss(5e7, 5e6),
            currency="CNY",
        )
        for index in range(count)
    ]


def cheat(**changes):
    figures = {
        "agent": "9999",
        "answered": 900,
        "orders": 500,
        "conversion_rate": 0.36,
        "cancel_rate": 0.30,
        "collected": 5e7,
        "currency": "CNY",
    }
    return AgentFigures(**(figures | changes))


def cells(report, name):
    index = [column.name for column in report.columns].index(name)
    return [row[index] for row in report.rows]


def whole(judgement):
    return quadrant_report(
        judgement, from_us=0, to_us=1, timezone="Asia/Shanghai", least_answered=30
    )


def test_an_agent_whose_orders_are_cancelled_heads_the_list():
    judgement = judge([*group(60), cheat()])
    assert judgement.method is Method.MCD
    report = whole(judgement)
    assert cells(report, "agent")[0] == "9999"
    assert cells(report, "outlier")[0] is True
    assert cells(report, "coordinate")[0] == "cancel_rate"
    assert cells(report, "z")[0] > 5
    assert "minimum covariance determinant" in report.remarks[0].en
    assert all(len(row) == len(report.columns) for row in report.rows)


def test_who_has_few_calls_is_shown_and_not_judged():
    judgement = judge([*group(40), cheat(agent="9", answered=3, conversion_rate=1.0)])
    last = next(entry for entry in judgement.agents if entry.figures.agent == "9")
    assert last.outlier is None
    assert last.distance is None
    assert "9" in cells(whole(judgement), "agent")


def test_few_agents_are_no_group():
    judgement = judge(group(4))
    assert judgement.method is None
    assert all(entry.outlier is None for entry in judgement.agents)
    assert "too few" in whole(judgement).remarks[0].en


def test_a_small_group_is_judged_by_each_coordinate():
    flagged = 0
    for seed in range(40):
        judgement = judge([*group(8, seed), cheat()])
        assert judgement.method is Method.ROBUST_Z
        outliers = [entry.figures.agent for entry in judgement.agents if entry.outlier]
        assert "9999" in outliers
        flagged += len(outliers) - 1
    # The planted one shifts the median a little; without it, it is one in a hundred.
    assert flagged <= 0.03 * 8 * 40


def test_one_agent_without_orders_hides_nobody_else():
    nothing = {"cancel_rate": None, "collected": None, "currency": ""}
    idle = cheat(agent="7777", orders=0, conversion_rate=0.0, **nothing)
    judgement = judge([*group(60), cheat(), idle])
    assert judgement.coordinates == ("conversion_rate", "cancel_rate", "answered", "collected")
    report = whole(judgement)
    outliers = dict(zip(cells(report, "agent"), cells(report, "coordinate"), strict=True))
    assert outliers["9999"] == "cancel_rate"
    assert outliers["7777"] in {"conversion_rate", "collected"}
    shown = dict(zip(cells(report, "agent"), cells(report, "cancel_rate"), strict=True))
    assert shown["7777"] is None


def test_a_rate_that_most_lack_is_no_coordinate():
    idle = [
        cheat(agent=f"7{n}", orders=0, cancel_rate=None, collected=None, currency="")
        for n in range(10)
    ]
    assert "cancel_rate" in judge([*group(11), *idle]).coordinates
    assert "cancel_rate" not in judge([*group(10), *idle]).coordinates
    unknown = cheat(agent="1", orders=5, cancel_rate=None)
    assert "cancel_rate" not in judge([*group(30), unknown]).coordinates


def test_two_currencies_are_not_compared():
    mixed = [*group(30), cheat(currency="USD")]
    assert "collected" not in judge(mixed).coordinates
    assert "collected" in judge(group(30)).coordinates


def test_without_amounts_there_is_no_picture_of_cash():
    bare = [cheat(agent=str(index), collected=None, currency="") for index in range(30)]
    report = whole(judge(bare))
    assert [chart.y for chart in report.charts] == ["cancel_rate", "conversion_rate"]
    assert judge(bare).coordinates == ("conversion_rate", "cancel_rate", "answered")
