"""Cutting rows of calls by period and dimension, in SQL.

The queries name the row `r`: its `started_at` and the columns below. Parameters 1 to 3 are begin,
end and the zone's name; those of the dimensions that are selected by follow `first`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from acd.reports.cut import Place
from acd.reports.days import day_borders
from acd.reports.request import Period, microseconds

COLUMNS: Mapping[str, str] = {
    "project": "r.project",
    "queue": "r.queue",
    "agent": "r.agent",
    "team": "CASE WHEN r.agent = '' THEN '' ELSE agent_team_at(r.agent, r.started_at) END",
    "category": "r.category",
    "class": "r.call_class",
}
"Dimensions; which of them a row has is the report's affair."

_BEGINS: Mapping[Period, Callable[[date], bool]] = {
    Period.DAY: lambda _: True,
    Period.WEEK: lambda day: day.weekday() == 0,
    Period.MONTH: lambda day: day.day == 1,
    Period.QUARTER: lambda day: day.day == 1 and day.month % 3 == 1,
    Period.YEAR: lambda day: day.day == day.month == 1,
}
"Which days begin a period."


class Cutting(Struct, frozen=True, kw_only=True):
    """How rows are cut and selected."""

    from_at: datetime
    to_at: datetime
    zone: ZoneInfo
    period: Period = Period.ALL
    by: tuple[str, ...] = ()
    only: Mapping[str, str] = {}

    @property
    def key_list(self) -> list[str]:
        """The columns that name a line, the period first."""
        return [self._period(), *(COLUMNS[name] for name in self.by)]

    @property
    def keys(self) -> str:
        """The same as a list in SQL."""
        return ", ".join(self.key_list)

    @property
    def numbers(self) -> str:
        """Those columns by number, to group and order by."""
        return ", ".join(str(number) for number in range(1, len(self.by) + 2))

    def conditions(self, first: int = 4) -> str:
        """Return what rows have to fulfil; its parameters begin at `first`."""
        selected = [
            f"{COLUMNS[name]} = ${number}" for number, name in enumerate(self.only, start=first)
        ]
        # Every parameter has to have a use, or the database cannot tell its type.
        return " AND ".join(["$3::text IS NOT NULL", *selected])

    def arguments(self, *more: object) -> list[object]:
        """Return the parameters: begin, end, zone, `more`, and what is selected by."""
        return [self.from_at, self.to_at, self.zone.key, *more, *self.only.values()]

    def group(self, moment: str, begins: str) -> str:
        """Return what is the same for moments of a period alone, and found quicker than its name.

        `moment` is a column, `begins` the parameter that is `begins`.
        """
        if "team" in self.by or "team" in self.only:  # which changes at any moment
            return moment
        if self.period is Period.ALL:
            return f"{moment} IS NULL"
        if self.period in _BEGINS:
            return f"width_bucket({moment}, {begins})"
        return f"quarter_of({moment})"

    @property
    def begins(self) -> list[datetime]:
        """When periods of a day and longer begin, after the first one."""
        found = [self.from_at]
        begins_one = _BEGINS.get(self.period)
        if begins_one is None:
            return found
        day = self.from_at.astimezone(self.zone).date() + timedelta(days=1)
        while (begin := day_borders(day, self.zone)[0]) < self.to_at:
            if begins_one(day):
                found.append(begin)
            day += timedelta(days=1)
        return found

    def place(self, row: asyncpg.Record) -> Place:
        """Return which line a row of the answer is."""
        return Place(self._begin_us(row[0]), tuple(row)[1 : len(self.by) + 1])

    def _period(self) -> str:
        match self.period:
            case Period.ALL:
                return "NULL::timestamptz"
            case Period.QUARTER_HOUR:
                return "quarter_of(r.started_at)"
            case Period.HOUR:
                return "date_trunc('hour', r.started_at, $3)"
            case _:
                return f"date_trunc('{self.period.value}', r.started_at AT TIME ZONE $3)::date"

    def _begin_us(self, begin: datetime | date | None) -> int | None:
        if begin is None:
            return None
        if isinstance(begin, datetime):
            return microseconds(begin.astimezone(UTC))
        return microseconds(day_borders(begin, self.zone)[0])
