"""Days as the centre counts them: from midnight to midnight in its own time zone."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
"ISO 8601 has other forms; one is enough, and a slip in it is found."


class DayError(ValueError):
    """The text names no day."""


def parse_day(text: str, today: date) -> date:
    """Return the day meant by "today", "yesterday" or YYYY-MM-DD. Raises DayError."""
    if text == "today":
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    try:
        if DAY.match(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise DayError(f"{text}: expected today, yesterday or a date like {today}")


def day_borders(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return a day's midnights in a zone, as UTC; they need not be 24 hours apart."""
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=zone)
    return begin.astimezone(UTC), end.astimezone(UTC)


def has_quarter_hours(zone: tzinfo, years: range) -> bool:
    """Return whether the zone's offset is a multiple of 15 minutes in all these years.

    Those in use have been since 1972, when Liberia gave up 44 minutes and 30 seconds.
    """
    quarter = timedelta(minutes=15)
    moments = (datetime(year, month, 1, tzinfo=UTC) for year in years for month in range(1, 13))
    offsets = (moment.astimezone(zone).utcoffset() for moment in moments)
    return all(not (offset or timedelta()) % quarter for offset in offsets)
