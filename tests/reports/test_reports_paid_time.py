"""Paid time by hand, against a count minute by minute, and in the report of agents."""

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.agent_kpi import AgentSums, utilisation
from acd.reports.agents_report import AgentLine, AgentsWish, agents_report, with_paid_time
from acd.reports.cells import begin_of
from acd.reports.cut import Cut
from acd.reports.paid_time import (
    Membership,
    Paid,
    PaidRule,
    PaidSource,
    paid_of_plan,
    paid_times,
    paid_while_logged_in_s,
)
from acd.reports.request import Period, microseconds
from acd.reports.shift_plan import Planned

MINUTE, HOUR = 60_000_000, 3_600_000_000
BERLIN = ZoneInfo("Europe/Berlin")
NOON = microseconds(datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN))
"Of the day before the one with 25 hours, a Saturday."

LATER = NOON + 100 * 24 * HOUR
MEAL_FREE = PaidRule(unpaid_away=("meal", "break"))


def berlin(by: tuple[str, ...] = ("agent",), period: Period = Period.ALL, days: int = 4) -> Cut:
    begin = datetime(2026, 10, 24, tzinfo=BERLIN)
    return Cut(
        from_us=microseconds(begin),
        to_us=microseconds(begin + timedelta(days=days)),
        timezone=BERLIN.key,
        period=period,
        by=by,
    )


def paid(begin_h: float, end_h: float, agent: str = "1001") -> Paid:
    """Hours after noon."""
    return Paid(agent=agent, begin_us=NOON + int(begin_h * HOUR), end_us=NOON + int(end_h * HOUR))


def joined(at_h: float, team: str, project: str = "main", agent: str = "1001") -> Membership:
    return Membership(agent=agent, from_us=NOON + int(at_h * HOUR), team=team, project=project)


# --- the three sources ---


def test_time_logged_in_without_breaks_that_are_not_paid():
    sums = AgentSums(ready_s=6_000.0, away_s=3_000.0)
    away = {"meal": 1_800.0, "break": 600.0, "training": 600.0}
    assert paid_while_logged_in_s(sums, away, PaidRule()) == 9_000.0
    assert paid_while_logged_in_s(sums, away, MEAL_FREE) == 6_600.0
    assert paid_while_logged_in_s(sums, {}, MEAL_FREE) == 9_000.0


def test_a_plan_is_paid_but_for_its_unpaid_breaks():
    def planned(at_h: int, status: str, reason: str = "") -> Planned:
        begin_us = NOON + at_h * HOUR
        return Planned(
            agent="1001", begin_us=begin_us, end_us=begin_us + HOUR, status=status, reason=reason
        )

    plan = [
        planned(0, "ready"),
        planned(1, "away", "meal"),
        planned(2, "away", "training"),
        planned(3, "away"),
    ]
    assert [*paid_of_plan(plan, MEAL_FREE)] == [paid(0, 1), paid(2, 3), paid(3, 4)]
    assert len([*paid_of_plan(plan, PaidRule())]) == 4


def test_the_rule_is_named_for_people_and_programs():
    shifts = PaidRule(source=PaidSource.SHIFTS, unpaid_away=("meal",))
    assert shifts.definitions == {"paid_time": "shifts", "unpaid_away": "meal"}
    assert "shifts.csv" in shifts.words.en
    assert shifts.words.en.endswith("without away for meal")
    assert shifts.words.zh.endswith("不含离座：meal")
    # A timesheet says what was paid: whoever wrote it has left the breaks out.
    sheet = PaidRule(source=PaidSource.TIMESHEET, unpaid_away=("meal",))
    assert sheet.definitions == {"paid_time": "timesheet"}
    assert "meal" not in sheet.words.en + sheet.words.zh
    assert PaidRule().words.zh.endswith("付薪时长取签入时长")


# --- cut by time and group ---


def test_a_night_is_cut_at_midnight_and_has_its_hour_twice():
    night = [paid(10, 19)]  # 22:00 to 06:00, with the hour from two to three twice
    days = paid_times(night, (), berlin(period=Period.DAY), now_us=LATER)
    assert sorted(days.values()) == [2 * 3600.0, 7 * 3600.0]
    hours = paid_times(night, (), berlin(period=Period.HOUR), now_us=LATER)
    assert [*hours.values()] == [3600.0] * 9
    weeks = paid_times([paid(30, 40)], (), berlin(period=Period.WEEK), now_us=LATER)
    assert sorted(weeks.values()) == [3 * 3600.0, 7 * 3600.0]


def test_only_what_lies_within_the_time_and_is_over_counts():
    cut = berlin(days=1)
    stretches = [paid(-20, -10), paid(8, 20), paid(30, 40)]
    assert paid_times(stretches, (), cut, now_us=LATER) == {(None, ("1001",)): 6 * 3600.0}
    assert paid_times(stretches, (), cut, now_us=NOON + 9 * HOUR) == {
        (None, ("1001",)): 3 * 3600.0
    }
    assert paid_times([paid(8, 20)], (), cut, now_us=NOON) == {}


def test_a_team_has_what_its_agents_were_paid_in_it():
    # In a quarter-hour that one begins with, one belongs to whom one came to in it.
    members = [
        joined(-99, "north"),
        joined(2.1, "south", "shop"),
        joined(0, "north", agent="1002"),
    ]
    stretches = [paid(0, 4), paid(0, 1, "1002"), paid(0, 1, "1003")]
    teams = paid_times(stretches, members, berlin(("team",)), now_us=LATER)
    assert teams == {
        (None, ("north",)): 3 * 3600.0,
        (None, ("south",)): 2 * 3600.0,
        (None, ("",)): 3600.0,
    }
    chosen = paid_times(
        stretches, members, berlin(()), only={"team": "south", "project": "shop"}, now_us=LATER
    )
    assert chosen == {(None, ()): 2 * 3600.0}
    one = paid_times(stretches, (), berlin(()), only={"agent": "1003"}, now_us=LATER)
    assert one == {(None, ()): 3600.0}


spans = st.tuples(st.integers(-4_000, 9_000), st.integers(1, 1_500), st.sampled_from("ab"))
changes = st.tuples(st.sampled_from("ab"), st.integers(-2_000, 7_000), st.sampled_from(["x", "y"]))


@given(
    st.lists(spans, max_size=5),
    st.lists(changes, max_size=4),
    st.sampled_from([*Period]),
    st.sampled_from([(), ("agent",), ("team",), ("agent", "team")]),
    st.sampled_from([{}, {"team": "x"}, {"agent": "a", "team": ""}]),
    st.integers(-3_000, 9_000),
)
def test_every_minute_is_where_it_belongs(spans, changes, period, by, only, now):
    """Minute by minute: whose it is at the end of its quarter-hour, in which period it lies."""
    cut = berlin(by, period)
    members = sorted(
        (
            Membership(agent=agent, from_us=NOON + at * MINUTE, team=team, project="main")
            for agent, at, team in changes
        ),
        key=lambda one: one.from_us,
    )
    stretches = [
        Paid(agent=agent, begin_us=NOON + at * MINUTE, end_us=NOON + (at + length) * MINUTE)
        for at, length, agent in spans
    ]
    now_us = NOON + now * MINUTE
    wanted: Counter = Counter()
    for one in stretches:
        for at_us in range(one.begin_us, min(one.end_us, now_us), MINUTE):
            if not cut.from_us <= at_us < cut.to_us:
                continue
            quarter_end = at_us - at_us % (15 * MINUTE) + 15 * MINUTE
            teams = [m.team for m in members if m.agent == one.agent and m.from_us < quarter_end]
            values = {"agent": one.agent, "team": teams[-1] if teams else ""}
            if all(values[name] == value for name, value in only.items()):
                begin = begin_of(at_us, period, BERLIN)
                wanted[begin, tuple(values[name] for name in by)] += 60
    assert paid_times(stretches, members, cut, only=only, now_us=now_us) == wanted


# --- in the report ---


def line(group: tuple[str, ...], **sums: float) -> AgentLine:
    return AgentLine(period_us=None, group=group, sums=AgentSums(**sums), away={"meal": 900.0})


def shown(lines: list[AgentLine], rule: PaidRule) -> list[dict[str, object]]:
    wish = AgentsWish(from_us=0, to_us=1, timezone="UTC", paid=rule)
    report = agents_report(lines, {}, wish)
    names = [column.name for column in report.columns]
    assert names.index("paid_s") == names.index("logged_in_s") + 1
    assert report.definitions.items() >= rule.definitions.items()
    assert rule.words in report.remarks
    return [dict(zip(names, row, strict=True)) for row in report.rows]


def test_who_is_paid_and_not_there_has_a_line_and_uses_nothing():
    rule = PaidRule(source=PaidSource.SHIFTS)
    lines = [
        line(("1001",), ready_s=3_600.0, available_s=1_800.0, talk_s=900.0),
        line(("1003",), ready_s=600.0, available_s=600.0),
    ]
    paid_s = {(None, ("1002",)): 7_200.0, (None, ("1001",)): 5_400.0}
    wang, chen, li = shown(with_paid_time(lines, rule, paid_s), rule)
    assert (wang["agent"], wang["paid_s"], wang["utilisation"]) == ("1001", 5_400, 0.5)
    assert (chen["agent"], chen["paid_s"], chen["utilisation"]) == ("1002", 7_200, 0.0)
    assert (chen["logged_in_s"], chen["occupancy"]) == (0, None)
    # Here without being paid: there is nothing to divide by.
    assert (li["agent"], li["paid_s"], li["utilisation"]) == ("1003", 0, None)


def test_paid_is_what_one_was_logged_in_unless_said_otherwise():
    lines = [line(("1001",), ready_s=2_700.0, away_s=900.0, available_s=1_350.0)]
    (plain,) = shown(with_paid_time(lines, PaidRule(), {}), PaidRule())
    assert (plain["paid_s"], plain["utilisation"]) == (3_600, 0.375)
    (less,) = shown(with_paid_time(lines, MEAL_FREE, {}), MEAL_FREE)
    assert (less["logged_in_s"], less["paid_s"], less["utilisation"]) == (3_600, 2_700, 0.5)


def test_more_than_what_is_paid_is_above_one():
    assert utilisation(AgentSums(talk_s=90.0, available_s=60.0), 100.0) == pytest.approx(1.5)
    assert utilisation(AgentSums(talk_s=90.0), 0.0) is None


def test_by_queue_there_is_no_paid_time():
    wish = AgentsWish(from_us=0, to_us=1, timezone="UTC", by=("queue",), of_calls=True)
    report = agents_report([line(("sales",))], {}, wish)
    assert "paid_s" not in {column.name for column in report.columns}
    assert "paid_time" not in report.definitions
