"""Opening hours: spans over midnight, holidays, special days, zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.ivr.schedule import (
    Opening,
    OpeningHours,
    ScheduleError,
    parse_dates,
    parse_days,
    parse_span,
    parse_zone,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")


def hours(
    weekly: str = "", *, holidays: str = "", special: dict[str, str] | None = None
) -> OpeningHours:
    spans = tuple(parse_span(text) for text in weekly.split())
    return OpeningHours(
        SHANGHAI,
        (spans,) * 5 + ((), ()),
        frozenset(parse_dates(holidays) if holidays else []),
        {
            date.fromisoformat(day): tuple(parse_span(text) for text in texts.split())
            for day, texts in (special or {}).items()
        },
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        ("2026-11-24 08:59", Opening.CLOSED),
        ("2026-11-24 09:00", Opening.OPEN),
        ("2026-11-24 11:59", Opening.OPEN),
        ("2026-11-24 12:00", Opening.CLOSED),
        ("2026-11-24 13:00", Opening.OPEN),
        ("2026-11-28 10:00", Opening.CLOSED),  # a Saturday
        ("2026-10-01 10:00", Opening.HOLIDAY),
        ("2026-10-07 23:59", Opening.HOLIDAY),
        ("2026-10-08 10:00", Opening.OPEN),
        ("2026-10-10 10:00", Opening.OPEN),  # a Saturday worked for the holiday
        ("2026-10-03 10:00", Opening.OPEN),  # special within the holiday
        ("2026-10-03 12:00", Opening.CLOSED),
        ("2026-12-31 10:00", Opening.CLOSED),  # special: closed
    ],
)
def test_hours_holidays_and_special_days(moment, opening):
    office = hours(
        "09:00-12:00 13:00-18:00",
        holidays="2026-10-01..2026-10-07",
        special={"2026-10-10": "09:00-18:00", "2026-10-03": "10:00-11:00", "2026-12-31": ""},
    )
    assert office.at(at(moment)) is opening


@pytest.mark.parametrize(
    ("time", "opening"),
    [
        ("08:29", Opening.CLOSED),
        ("08:30", Opening.OPEN),
        ("17:44", Opening.OPEN),
        ("17:45", Opening.CLOSED),
    ],
)
def test_hours_begin_and_end_at_their_minute(time, opening):
    assert hours("08:30-17:45").at(at(f"2026-11-24 {time}")) is opening


def test_a_span_past_midnight_belongs_to_the_day_it_began_on():
    night = hours("22:00-06:00", holidays="2026-11-25")
    assert night.at(at("2026-11-24 23:00")) is Opening.OPEN
    assert night.at(at("2026-11-25 05:59")) is Opening.OPEN
    assert night.at(at("2026-11-25 06:00")) is Opening.HOLIDAY
    assert night.at(at("2026-11-25 23:00")) is Opening.HOLIDAY
    assert night.at(at("2026-11-26 05:00")) is Opening.CLOSED
    assert night.at(at("2026-11-28 05:00")) is Opening.OPEN  # Friday's night
    assert night.at(at("2026-11-30 05:00")) is Opening.CLOSED  # Sunday has none


def test_the_moment_may_come_in_any_zone():
    office = hours("09:00-18:00")
    assert office.at(datetime(2026, 11, 24, 1, 0, tzinfo=UTC)) is Opening.OPEN
    assert office.at(datetime(2026, 11, 24, 10, 0, tzinfo=UTC)) is Opening.CLOSED


@given(st.integers(0, 7 * 24 * 60 - 1))
def test_round_the_clock_is_always_open(minute):
    whole = OpeningHours(SHANGHAI, ((parse_span("00:00-24:00"),),) * 7, frozenset(), {})
    moment = at("2026-11-23 00:00") + timedelta(minutes=minute)
    assert whole.at(moment) is Opening.OPEN


def test_days():
    assert list(parse_days("tue")) == [1]
    assert list(parse_days("mon-fri")) == [0, 1, 2, 3, 4]
    assert list(parse_days("sat-mon")) == [5, 6, 0]
    assert list(parse_days("daily")) == list(range(7))


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_days, "Monday"),
        (parse_days, "mon-"),
        (parse_days, "mon-fir"),
        (parse_days, ""),
        (parse_span, "09:00"),
        (parse_span, "09:60-10:00"),
        (parse_span, "24:00-25:00"),
        (parse_span, "23:00-24:01"),
        (parse_dates, "2026-13-01"),
        (parse_dates, "tomorrow"),
        (parse_dates, "2026-01-02..2026-01-01"),
        (parse_dates, "2026-01-01..2126-01-01"),
        (parse_zone, "Asia/Peking"),
        (parse_zone, "../etc/passwd"),
        (parse_zone, ""),
    ],
)
def test_what_is_no_day_span_date_or_zone_is_refused_with_a_hint(parse, text):
    with pytest.raises(ScheduleError) as raised:
        parse(text)
    assert raised.value.hint
