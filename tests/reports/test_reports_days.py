"""Days as the centre counts them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from acd.reports.days import DayError, day_borders, parse_day


def test_days_are_those_of_the_centre() -> None:
    shanghai = ZoneInfo("Asia/Shanghai")
    begin, end = day_borders(date(2026, 11, 23), shanghai)
    assert begin == datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert end == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    begin, end = day_borders(date(2026, 10, 25), ZoneInfo("Europe/Berlin"))
    assert (end - begin).total_seconds() == 25 * 3600
    assert parse_day("yesterday", date(2026, 3, 1)) == date(2026, 2, 28)
    with pytest.raises(DayError, match="expected today"):
        parse_day("someday", date(2026, 3, 1))
