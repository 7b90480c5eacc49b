"""Requests out of words."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from acd.reports.asking import Wish, request_of
from acd.reports.request import (
    Period,
    Request,
    RequestError,
    borders,
    refuse_others,
    whole_number,
)

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 23)


def asked(**words: object) -> Request:
    return request_of(Wish(**words), today=TODAY, zone=ZONE)


def test_without_words_it_is_today() -> None:
    request = asked()
    assert (request.first, request.last, request.period) == (TODAY, TODAY, Period.ALL)
    assert [at.isoformat() for at in borders(request)] == [
        "2026-11-22T16:00:00+00:00",
        "2026-11-23T16:00:00+00:00",
    ]


def test_all_words() -> None:
    request = asked(
        first="2026-11-01",
        last="yesterday",
        day="today",
        per="week",
        by=("queue,agent", "team"),
        only=("queue=sales, team=a=b", "project="),
        options={"service_level": "answered", "days": ""},
    )
    assert (request.first, request.last) == (date(2026, 11, 1), date(2026, 11, 22))
    assert (request.period, request.by) == (Period.WEEK, ("queue", "agent", "team"))
    assert request.only == {"queue": "sales", "team": "a=b", "project": ""}
    assert request.options == {"service_level": "answered"}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("day", {"day": "someday"}),
        ("from", {"last": "today"}),
        ("from", {"first": "2026-13-01"}),
        ("to", {"first": "today", "last": "yesterday"}),
        ("from", {"first": "0001-01-01"}),
        ("per", {"per": "fortnight"}),
        ("by", {"by": ("queue,colour",)}),
        ("only", {"only": ("queue",)}),
        ("only", {"only": ("colour=red",)}),
        ("only", {"only": ("queue=sales", "queue=service")}),
        ("only", {"only": ("queue=sales,team=a,queue=",)}),
        ("day", {"day": "0001-01-01"}),
        ("day", {"day": "1971-12-31"}),
        ("to", {"first": "2026-01-01", "last": "9999-12-31"}),
        ("day", {"day": "2200-01-01"}),
        ("page", {"page": "1" * 5_000, "lines": "10"}),
        ("lines", {"lines": "9" * 5_000}),
        ("lines", {"lines": "²"}),
    ],
)
def test_what_is_wrong_is_named(field: str, words: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:
        asked(**words)
    assert caught.value.field == field


@pytest.mark.parametrize("day", ["1972-01-01", "2199-12-31"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Africa/Monrovia"])
def test_the_first_and_the_last_day_have_borders(day: str, zone: str) -> None:
    request = request_of(Wish(day=day), today=TODAY, zone=ZoneInfo(zone))
    begin, end = borders(request)
    assert 23 <= (end - begin).total_seconds() / 3600 <= 25


def test_what_is_said_twice_counts_once() -> None:
    request = asked(by=("queue,agent", "queue"), only=("queue=sales", "queue=sales"))
    assert (request.by, request.only) == (("queue", "agent"), {"queue": "sales"})


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1),
        ("31", 31),
        ("0", None),
        ("32", None),
        ("-1", None),
        ("٣", None),
        ("1" * 5_000, None),
    ],
)
def test_whole_numbers_are_read_strictly(text: str, number: int | None) -> None:
    assert whole_number(text, 31) == number


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("by", {"by": ("agent",)}),
        ("only", {"only": ("agent=1",)}),
        ("per", {"per": "day"}),
        ("options", {"options": {"colour": "red"}}),
    ],
)
def test_a_report_refuses_what_it_does_not_have(field: str, words: dict[str, object]) -> None:
    known = {"by": ("queue",), "only": ("queue",), "options": ("service_level",)}
    refuse_others(asked(by=("queue",), only=("queue=a",)), "kpi", **known)
    with pytest.raises(RequestError, match="the report kpi knows") as caught:
        refuse_others(asked(**words), "kpi", **known)
    assert caught.value.field == field
