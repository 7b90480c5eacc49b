"""Paid time (付薪时长), which utilisation is divided by, out of one of three sources.

What the records know is the time logged in; a centre that plans its shifts or has a time clock
knows more. Stretches of paid time are cut where the report's periods are, and where the agent
came into another team or project, as the agents' own times are (`acd.reports.agent_times`).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from math import inf
from zoneinfo import ZoneInfo

from msgspec import Struct

from .agent_kpi import AgentSums, AwayTimes, logged_in_s
from .agent_times import QUARTER_US
from .cells import begin_of
from .cut import Cut, Group
from .report import Words
from .request import EPOCH, Period
from .shift_plan import AWAY, Planned

HOUR_US = 4 * QUARTER_US
DIMENSIONS = ("agent", "team", "project")
"What paid time can be cut by: nobody is paid for one queue alone."

Key = tuple[int | None, Group]
"Begin of the period (None: the whole time), and the value of each dimension."


class PaidSource(Enum):
    """Where paid time is known from."""

    LOGGED_IN = "logged_in"
    SHIFTS = "shifts"
    "The plan, shifts.csv."

    TIMESHEET = "timesheet"
    "What the time clock or the staff office says was paid, timesheet.csv."


class PaidRule(Struct, frozen=True, kw_only=True):
    """What counts as paid."""

    source: PaidSource = PaidSource.LOGGED_IN
    unpaid_away: tuple[str, ...] = ()
    "Reasons of being away that are not paid. A timesheet has left them out already."

    @property
    def definitions(self) -> dict[str, str]:
        """The rule for programs."""
        named = {"paid_time": self.source.value}
        return named | {"unpaid_away": ", ".join(self._left_out)} if self._left_out else named

    @property
    def words(self) -> Words:
        """The rule for people."""
        en, zh = _SOURCES[self.source]
        if self._left_out:
            en += f", without away for {', '.join(self._left_out)}"
            zh += f"，不含离座：{'、'.join(self._left_out)}"
        return Words(
            f"Utilisation = (handling time + available time) / paid time; paid is {en}",
            f"人工利用率 =（处理时长 + 空闲时长）/ 付薪时长；付薪时长取{zh}",
        )

    @property
    def _left_out(self) -> tuple[str, ...]:
        return () if self.source is PaidSource.TIMESHEET else self.unpaid_away


_SOURCES: Mapping[PaidSource, tuple[str, str]] = {
    PaidSource.LOGGED_IN: ("the time logged in", "签入时长"),
    PaidSource.SHIFTS: (
        "the time planned in shifts.csv, as far as it is over",
        " shifts.csv 的排班时长（只计已过去的部分）",
    ),
    PaidSource.TIMESHEET: (
        "what timesheet.csv says, as far as it is over",
        " timesheet.csv 的考勤时长（只计已过去的部分）",
    ),
}


class Paid(Struct, frozen=True, kw_only=True, gc=False):
    """A stretch of time that an agent is paid for."""

    agent: str
    begin_us: int
    end_us: int


class Membership(Struct, frozen=True, kw_only=True):
    """From when on an agent was in a team and project."""

    agent: str
    from_us: int
    team: str
    project: str


def paid_while_logged_in_s(sums: AgentSums, away: AwayTimes, rule: PaidRule) -> float:
    """Return paid time where it is the time logged in."""
    return logged_in_s(sums) - sum(away.get(reason, 0.0) for reason in rule.unpaid_away)


def paid_of_plan(plan: Iterable[Planned], rule: PaidRule) -> Iterator[Paid]:
    """Return what of a shift plan is paid: all of it but the breaks that are not."""
    for one in plan:
        if one.status != AWAY or one.reason not in rule.unpaid_away:
            yield Paid(agent=one.agent, begin_us=one.begin_us, end_us=one.end_us)


def paid_times(
    stretches: Iterable[Paid],
    memberships: Iterable[Membership],
    cut: Cut,
    *,
    only: Mapping[str, str] | None = None,
    now_us: int,
) -> dict[Key, float]:
    """Return the seconds paid within the time, by period and group; up to now.

    `cut.by` and `only` name what is in DIMENSIONS. `memberships` may be left out where neither
    names team or project.
    """
    period_at = _periods(cut)
    groups = _Groups(memberships, cut.by, only or {})
    found: dict[Key, int] = defaultdict(int)
    for one in stretches:
        at_us, end_us = max(one.begin_us, cut.from_us), min(one.end_us, cut.to_us, now_us)
        while at_us < end_us:
            period_us, period_end_us = period_at(at_us)
            group, group_end_us = groups.at(one.agent, at_us)
            stop_us = int(min(end_us, period_end_us, group_end_us))
            if group is not None:
                found[period_us, group] += stop_us - at_us
            at_us = stop_us
    return {key: lasted_us / 1e6 for key, lasted_us in found.items()}


Until = float
"Microseconds; infinite: to the end."


def _periods(cut: Cut) -> Callable[[int], tuple[int | None, Until]]:
    """Return what finds the period that holds a moment, and its end."""
    zone = ZoneInfo(cut.timezone)
    match cut.period:
        case Period.ALL:
            return lambda _: (None, inf)
        case Period.QUARTER_HOUR:
            # Zones keep whole quarter-hours to UTC's (acd.reports.days.has_quarter_hours).
            return lambda at_us: _step(at_us - at_us % QUARTER_US, QUARTER_US)
        case Period.HOUR:
            return lambda at_us: _step(begin_of(at_us, Period.HOUR, zone) or 0, HOUR_US)
        case _:
            return _periods_of_days(cut, zone)


def _periods_of_days(cut: Cut, zone: ZoneInfo) -> Callable[[int], tuple[int | None, Until]]:
    begins = _begins(cut, zone)

    def of_days(at_us: int) -> tuple[int | None, Until]:
        number = bisect_right(begins, at_us)
        return begins[number - 1], begins[number] if number < len(begins) else inf

    return of_days


def _step(begin_us: int, length_us: int) -> tuple[int | None, Until]:
    return begin_us, begin_us + length_us


def _begins(cut: Cut, zone: ZoneInfo) -> list[int]:
    """Return when the periods of a day and more begin that reach into the time."""
    first = (EPOCH + timedelta(microseconds=cut.from_us)).astimezone(zone)
    days = (cut.to_us - cut.from_us) // (24 * HOUR_US) + 2
    # At noon, which no zone's clocks leave out.
    noon = first.replace(hour=12, minute=0, second=0, microsecond=0)
    moments = (noon + timedelta(days=number) for number in range(days))
    found = {begin_of(_us(moment.timestamp()), cut.period, zone) for moment in moments}
    return sorted(begin for begin in found if begin is not None)


def _us(timestamp_s: float) -> int:
    return int(timestamp_s) * 1_000_000


class _Groups:
    """Which group an agent's time belongs to."""

    def __init__(
        self, memberships: Iterable[Membership], by: tuple[str, ...], only: Mapping[str, str]
    ) -> None:
        self._by = by
        self._only = only
        self._known: dict[str, list[Membership]] = defaultdict(list)
        self._unchanging: dict[str, Group | None] = {}
        if {*by, *only} - {"agent"}:
            for one in memberships:
                self._known[one.agent].append(one)

    def at(self, agent: str, at_us: int) -> tuple[Group | None, Until]:
        """Return the group, None where it is not asked for, and until when it holds."""
        changes = self._known.get(agent)
        if changes is None:
            if agent not in self._unchanging:
                self._unchanging[agent] = self._group(agent, "", "main")
            return self._unchanging[agent], inf
        # A quarter-hour belongs to who its agent was at its end.
        number = bisect_right(changes, at_us, key=_quarter)
        until = _quarter(changes[number]) if number < len(changes) else inf
        if not number:
            return self._group(agent, "", "main"), until
        return self._group(agent, changes[number - 1].team, changes[number - 1].project), until

    def _group(self, agent: str, team: str, project: str) -> Group | None:
        values = {"agent": agent, "team": team, "project": project}
        if any(values[name] != value for name, value in self._only.items()):
            return None
        return tuple(values[name] for name in self._by)


def _quarter(one: Membership) -> int:
    return one.from_us - one.from_us % QUARTER_US
