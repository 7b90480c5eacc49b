"""Opening hours: weekly spans, holidays and special days in a time zone.

A span may run past midnight ("22:00-06:00"): its rest belongs to the day on which it began. A
special day replaces what the week says for that date, and a holiday too (in China a Sunday is
often a working day so that the holiday week gets longer).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .document import IvrError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60

MAX_HOLIDAY_RANGE_DAYS = 366
"A range that is longer is a mistyped year."

Spans = tuple[tuple[int, int], ...]
"Minutes since local midnight, from and until; until is above 1,440 when it runs past midnight."


class ScheduleError(IvrError):
    """Text that is no span, day or date; `hint` says what would be right."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} ({hint})")


class Opening(Enum):
    """What a schedule says of a moment."""

    OPEN = "open"
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """A compiled schedule."""

    zone: ZoneInfo
    weekly: tuple[Spans, ...]
    "From Monday to Sunday."

    holidays: frozenset[date]
    special_days: Mapping[date, Spans]

    def at(self, moment: datetime) -> Opening:
        """Return what holds at this moment (with time zone)."""
        local = moment.astimezone(self.zone)
        today = local.date()
        minute = local.hour * 60 + local.minute
        if any(begin <= minute < end for begin, end in self._spans(today)):
            return Opening.OPEN
        yesterday = self._spans(today - timedelta(days=1))
        if any(minute + DAY_MINUTES < end for _, end in yesterday):
            return Opening.OPEN
        holiday = today in self.holidays and today not in self.special_days
        return Opening.HOLIDAY if holiday else Opening.CLOSED

    def is_open(self, moment: datetime) -> bool:
        """Return whether it is open at this moment (with time zone)."""
        return self.at(moment) is Opening.OPEN

    def _spans(self, day: date) -> Spans:
        special = self.special_days.get(day)
        if special is not None:
            return special
        return () if day in self.holidays else self.weekly[day.weekday()]


def parse_zone(name: str) -> ZoneInfo:
    """Return a zone of the IANA database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ScheduleError(f"unknown time zone {name!r}", 'as "Asia/Shanghai"') from None


def parse_days(text: str) -> Iterable[int]:
    """Return the days of "mon", "mon-fri" (may wrap: "sat-mon") or "daily", Monday as 0."""
    if text == "daily":
        return range(7)
    first, dash, last = text.partition("-")
    if not dash:
        last = first
    if first not in DAYS or last not in DAYS:
        raise ScheduleError(f"unknown day {text!r}", "mon, tue … sun, mon-fri or daily")
    begin, end = DAYS.index(first), DAYS.index(last)
    return [(begin + offset) % 7 for offset in range((end - begin) % 7 + 1)]


_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


def parse_span(text: str) -> tuple[int, int]:
    """Return begin and end of "09:00-18:00" in minutes; an earlier end is the next day's."""
    found = _SPAN.fullmatch(text.strip())
    hint = 'as "09:00-18:00" in 24 hours, "00:00-24:00" for the whole day'
    if found is None:
        raise ScheduleError(f"{text!r} is no span of time", hint)
    hour, minute, end_hour, end_minute = map(int, found.groups())
    begin, end = hour * 60 + minute, end_hour * 60 + end_minute
    if minute > 59 or end_minute > 59 or begin >= DAY_MINUTES or end > DAY_MINUTES:
        raise ScheduleError(f"{text!r} is outside the day", hint)
    return begin, end if end > begin else end + DAY_MINUTES


def parse_date(text: str) -> date:
    """Return the date of "2026-10-01"."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ScheduleError(f"{text!r} is no date", 'as "2026-10-01"') from None


def parse_dates(text: str) -> list[date]:
    """Return the dates of "2026-10-01" or "2026-10-01..2026-10-07"."""
    first_text, _, last_text = text.partition("..")
    first = parse_date(first_text.strip())
    last = parse_date(last_text.strip()) if last_text else first
    days = (last - first).days
    if not 0 <= days <= MAX_HOLIDAY_RANGE_DAYS:
        raise ScheduleError(f"{text!r} is no range of dates", 'as "2026-10-01..2026-10-07"')
    return [first + timedelta(days=day) for day in range(days + 1)]
