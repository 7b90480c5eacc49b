"""Schedule adherence by hand, and what no plan can break."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.adherence import Planned, StatusSpan, adherence_report, adherences, kept_us
from acd.reports.agents_report import Person
from acd.reports.cut import Cut
from acd.reports.request import Period

MINUTE, DAY_MINUTES = 60_000_000, 1_440
CUT = Cut(from_us=0, to_us=2 * DAY_MINUTES * MINUTE, timezone="UTC", by=("agent",))
LATER = 10 * DAY_MINUTES * MINUTE
PEOPLE = {"1001": Person("王丽", "一组"), "1002": Person("李强", "一组")}


def planned(begin, end, status="ready", reason="", agent="1001"):
    return Planned(
        agent=agent, begin_us=begin * MINUTE, end_us=end * MINUTE, status=status, reason=reason
    )


def span(begin, end, status="ready", reason="", agent="1001"):
    return StatusSpan(
        agent=agent, begin_us=begin * MINUTE, end_us=end * MINUTE, status=status, reason=reason
    )


PLAN = [planned(540, 720), planned(720, 780, "away", "meal"), planned(780, 1_080)]
# Ten minutes late, five minutes of another break, five early from the meal.
MORNING = [
    span(550, 600),
    span(600, 605, "away", "break"),
    span(605, 725),
    span(725, 775, "away", "meal"),
    span(775, 1_080),
]


def lines(plan, spans, cut=CUT, now_us=LATER):
    return [
        (p.period_us, p.group, a) for p, a in adherences(plan, spans, PEOPLE, cut, now_us=now_us)
    ]


def test_a_day_by_hand():
    ((_, group, found),) = lines(PLAN, MORNING)
    assert group == ("1001",)
    assert found.scheduled_s == 540 * 60
    # 50 + 115 of the first 180 minutes, 50 of the 60, all of the last 300.
    assert found.adherent_s == (165 + 50 + 300) * 60
    assert found.adherence == pytest.approx(515 / 540)


def test_another_reason_is_no_meal_and_any_reason_is_away():
    assert kept_us(planned(0, 10, "away", "meal"), [span(0, 10, "away", "break")]) == 0
    assert kept_us(planned(0, 10, "away"), [span(0, 10, "away", "break")]) == 10 * MINUTE


def test_what_is_not_over_counts_up_to_now():
    ((_, _, found),) = lines(PLAN, MORNING, now_us=600 * MINUTE)
    assert (found.scheduled_s, found.adherent_s) == (60 * 60, 50 * 60)


def test_a_night_belongs_to_the_day_in_which_it_begins():
    night = [
        planned(DAY_MINUTES - 60, DAY_MINUTES + 60),
        planned(DAY_MINUTES + 120, DAY_MINUTES + 180),
    ]
    cut = Cut(from_us=0, to_us=CUT.to_us, timezone="UTC", period=Period.DAY, by=("team",))
    found = lines(night, [span(DAY_MINUTES - 60, DAY_MINUTES + 30)], cut)
    assert [(at, group, one.scheduled_s, one.adherent_s) for at, group, one in found] == [
        (0, ("一组",), 7_200, 5_400),
        (DAY_MINUTES * MINUTE, ("一组",), 3_600, 0),
    ]


def test_another_agents_status_does_not_help():
    ((_, _, found),) = lines([planned(0, 10)], [span(0, 10, agent="1002")])
    assert found.adherence == 0


def test_the_report_has_a_value_for_each_column():
    report = adherence_report(adherences(PLAN, MORNING, PEOPLE, CUT, now_us=LATER), CUT)
    assert [column.name for column in report.columns] == [
        "agent",
        "scheduled_s",
        "adherent_s",
        "adherence",
    ]
    assert all(len(row) == len(report.columns) for row in report.rows)


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 300)), max_size=8),
    st.lists(st.integers(0, 3_300), min_size=2, max_size=12, unique=True),
    st.integers(0, 4_000),
)
def test_nobody_keeps_more_than_was_scheduled(stretches, borders, now):
    plan = [planned(begin, begin + length) for begin, length in stretches]
    marks = sorted(borders)
    spans = [
        span(begin, end, "ready" if index % 2 else "away")
        for index, (begin, end) in enumerate(pairwise(marks))
    ]
    for _, _, found in lines(plan, spans, now_us=now * MINUTE):
        assert 0 <= found.adherent_s <= found.scheduled_s
