"""What somebody asks for in words, as a `Request`: of the command line, HTTP and the schedule."""

from collections.abc import Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct

from .days import DayError, parse_day
from .request import DIMENSIONS, Period, Request, RequestError

DAYS_MAX = 366 * 10
"Ten years, longer than records are kept anywhere; a slip in a date is found, not computed."


class Wish(Struct, frozen=True, kw_only=True):
    """The words, as they were typed; empty: not said."""

    day: str = ""
    "today, yesterday or YYYY-MM-DD."

    first: str = ""
    "The same, first of several days; wins over `day`."

    last: str = ""
    "The last of them, included; today where nothing is said."

    per: str = ""
    "One of `Period`."

    by: tuple[str, ...] = ()
    "Dimensions, each also several with commas between them."

    only: tuple[str, ...] = ()
    "dimension=value, each also several with commas between them."

    options: Mapping[str, str] = {}
    "What one report alone knows; an empty value: not said."


def request_of(wish: Wish, *, today: date, zone: ZoneInfo, role: str = "admin") -> Request:
    """Return the request. Raises RequestError, which names the field."""
    first, last = _days(wish, today)
    return Request(
        first=first,
        last=last,
        zone=zone,
        period=_period(wish.per),
        by=tuple(_dimension(name, "by") for name in _split(wish.by)),
        only=dict(_selected(text) for text in _split(wish.only)),
        options={name: value for name, value in wish.options.items() if value},
        role=role,
    )


def _days(wish: Wish, today: date) -> tuple[date, date]:
    if not wish.first and not wish.last:
        day = _day("day", wish.day or "today", today)
        return day, day
    if not wish.first:
        raise RequestError("to wants from too, the first day", field="from")
    first, last = _day("from", wish.first, today), _day("to", wish.last or "today", today)
    if last < first:
        raise RequestError(f"{last} lies before {first}, the first day", field="to")
    if (last - first).days >= DAYS_MAX:
        raise RequestError(f"{first} to {last} are more than {DAYS_MAX} days", field="from")
    return first, last


def _day(field: str, text: str, today: date) -> date:
    try:
        return parse_day(text, today)
    except DayError as error:
        raise RequestError(str(error), field=field) from error


def _period(text: str) -> Period:
    try:
        return Period(text or "all")
    except ValueError:
        names = ", ".join(period.value for period in Period)
        raise RequestError(f"{text}: expected one of {names}", field="per") from None


def _split(texts: Iterable[str]) -> list[str]:
    return [part.strip() for text in texts for part in text.split(",") if part.strip()]


def _dimension(name: str, field: str) -> str:
    if name not in DIMENSIONS:
        raise RequestError(f"{name}: expected one of {', '.join(DIMENSIONS)}", field=field)
    return name


def _selected(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RequestError(f"{text}: expected dimension=value, such as queue=sales", field="only")
    return _dimension(name, "only"), value
