"""When reports are due, and that each run is made exactly once."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acd.reports.schedule import (
    ATTEMPTS_MAX,
    MISSED_MAX,
    NEVER,
    Every,
    Plan,
    Run,
    Schedule,
    due_at,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # a Wednesday, 09:00 in Shanghai


def plan(every: Every = Every.DAY, at: str = "07:30", zone: ZoneInfo = SHANGHAI) -> Plan:
    return Plan(every=every, at=time.fromisoformat(at), zone=zone)


def begun(*plans: Plan, now: datetime = NOW) -> Schedule:
    schedule = Schedule({})
    schedule.take({f"p{at}": one for at, one in enumerate(plans)}, now)
    return schedule


@pytest.mark.parametrize(
    ("every", "due", "first", "last"),
    [
        (Every.DAY, "2026-11-25T23:30", "2026-11-25", "2026-11-25"),
        (Every.WEEK, "2026-11-29T23:30", "2026-11-23", "2026-11-29"),
        (Every.MONTH, "2026-11-30T23:30", "2026-11-01", "2026-11-30"),
    ],
)
def test_a_new_plan_begins_with_the_next_period_that_ends(
    every: Every, due: str, first: str, last: str
) -> None:
    schedule = begun(plan(every))
    at = datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert schedule.next_deadline() == at
    assert schedule.on_time(at - timedelta(seconds=1)) == []
    run = Run(plan="p0", first=date.fromisoformat(first), last=date.fromisoformat(last))
    assert schedule.on_time(at) == [run]
    assert schedule.on_time(at) == []
    assert schedule.next_deadline() == NEVER
    schedule.on_made(run)
    assert schedule.next_deadline() > at


def test_what_was_missed_is_made_up_for_the_oldest_first() -> None:
    kept = begun(plan()).kept()
    assert kept == {"p0": date(2026, 11, 24)}
    later = Schedule(kept)
    back = NOW + timedelta(days=3)
    later.take({"p0": plan()}, back)
    made = []
    while runs := later.on_time(back):
        made.extend(run.last for run in runs)
        later.on_made(runs[0])
    assert made == [date(2026, 11, day) for day in (25, 26, 27)]
    assert later.next_deadline() > back


def test_after_a_very_long_absence_a_month_of_days_is_made_up_for() -> None:
    later = Schedule({"p0": date(2020, 1, 1)})
    later.take({"p0": plan()}, NOW)
    made = []
    while runs := later.on_time(NOW):
        made.extend(runs)
        later.on_made(runs[0])
    assert len(made) == MISSED_MAX
    assert made[-1].last == date(2026, 11, 24)


def test_a_failure_is_tried_again_ever_later_and_given_up_in_the_end() -> None:
    schedule = begun(plan())
    now = schedule.next_deadline()
    first = now
    pauses = []
    while True:
        (run,) = schedule.on_time(now)
        if schedule.on_failed(run, now):
            break
        pauses.append(schedule.next_deadline() - now)
        now = schedule.next_deadline()
    assert len(pauses) == ATTEMPTS_MAX - 1
    assert pauses[:3] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert max(pauses) == timedelta(hours=1)
    assert timedelta(hours=15) < now - first < timedelta(hours=24)
    assert schedule.kept() == {"p0": date(2026, 11, 25)}


def test_the_centres_clock_counts_also_when_it_changes() -> None:
    summer = plan(at="02:30", zone=NEW_YORK)
    assert due_at(summer, date(2026, 3, 6)) == datetime(2026, 3, 7, 7, 30, tzinfo=UTC)
    # 02:30 is skipped on 8 March; on 1 November 01:30 comes twice.
    assert due_at(summer, date(2026, 3, 7)) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    twice = plan(at="01:30", zone=NEW_YORK)
    assert due_at(twice, date(2026, 10, 31)) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_a_plan_that_is_gone_is_forgotten_and_one_that_changes_goes_on() -> None:
    schedule = begun(plan())
    now = schedule.next_deadline()
    (run,) = schedule.on_time(now)
    schedule.take({}, now)
    schedule.on_made(run)
    assert schedule.on_failed(run, now)
    assert (schedule.kept(), schedule.next_deadline()) == ({}, NEVER)
    weekly = Schedule({"p0": date(2026, 11, 24)})
    weekly.take({"p0": plan(Every.WEEK)}, NOW)
    assert weekly.next_deadline() == datetime(2026, 12, 6, 23, 30, tzinfo=UTC)


class Machine(RuleBasedStateMachine):
    """Any sequence of passing time, successes, failures and restarts."""

    @initialize(every=st.sampled_from(Every), hour=st.integers(0, 23))
    def begin(self, every: Every, hour: int) -> None:
        self.plans = {"p": Plan(every=every, at=time(hour), zone=NEW_YORK)}
        self.now = datetime(2026, 2, 27, 12, tzinfo=UTC)
        self.schedule = Schedule({})
        self.schedule.take(self.plans, self.now)
        self.running: list[Run] = []
        self.covered: list[Run] = []

    @rule(hours=st.integers(0, 24 * 9))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.running += self.schedule.on_time(self.now)

    @rule()
    def it_is_made(self) -> None:
        for run in self.running:
            self.schedule.on_made(run)
        self.covered += self.running
        self.running = []

    @rule()
    def it_fails(self) -> None:
        for run in self.running:
            if self.schedule.on_failed(run, self.now):
                self.covered.append(run)
        self.running = []

    @rule()
    def the_server_restarts(self) -> None:
        self.schedule = Schedule(self.schedule.kept())
        self.schedule.take(self.plans, self.now)
        self.running = []

    @invariant()
    def every_run_comes_once_and_in_order_without_a_gap(self) -> None:
        if not hasattr(self, "covered"):
            return
        for before, after in zip(self.covered, self.covered[1:], strict=False):
            assert after.first > before.last
            gap = (after.first - before.last).days - 1
            assert gap == 0 or (self.now.date() - before.last).days > MISSED_MAX
        for run in self.covered + self.running:
            assert run.first <= run.last
            assert due_at(self.plans["p"], run.last) <= self.now

    @invariant()
    def it_never_sleeps_over_something_due(self) -> None:
        if hasattr(self, "running") and not self.running:
            assert self.schedule.next_deadline() != NEVER


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase
