"""What somebody asks for in words, as a `Request`: of the command line, HTTP and the schedule."""

from collections.abc import Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from msgspec import Struct

from .days import DayError, parse_day
from .pages import ANSWER_LINES, BROWSER_LINES_MAX, PAGE_LINES_MAX, Page
from .request import DIMENSIONS, Period, Request, RequestError, whole_number

DAYS_MAX = 366 * 10
"Ten years, longer than records are kept anywhere; a slip in a date is found, not computed."


DRAWN = frozenset({"html", "png"})
"Forms that have charts."

PAGES_MAX = 999_999_999
"A billion pages are a slip."

FIRST_DAY = date(1972, 1, 1)
"""Days before it are a slip: there were no records, and a zone's midnights need not lie at whole
quarter-hours (`acd.reports.days`)."""

LAST_DAY = date(2199, 12, 31)
"Days after it are one, too."


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

    page: str = ""
    "Number of the page, from 1."

    lines: str = ""
    'Lines on each, or "all".'


def request_of(
    wish: Wish,
    *,
    today: date,
    zone: ZoneInfo,
    role: str = "admin",
    form: str = "",
    lines: int | None = None,
) -> Request:
    """Return the request. Raises RequestError, which names the field.

    `lines` is how long a page is where nobody says; None: all lines.
    """
    first, last = _days(wish, today)
    return Request(
        first=first,
        last=last,
        zone=zone,
        period=_period(wish.per),
        by=_dimensions(_split(wish.by)),
        only=_selection(_split(wish.only)),
        options={name: value for name, value in wish.options.items() if value},
        role=role,
        page=_page(wish, form, lines),
        is_drawn=form in DRAWN,
    )


def _page(wish: Wish, form: str, usual: int | None) -> Page | None:
    """Return which lines are wanted; where a page is asked for, it is one, whatever the form."""
    if form == "png":
        if wish.page or wish.lines:
            raise RequestError("a picture shows all lines", field="page" if wish.page else "lines")
        return Page(lines=1)
    lines = _lines(wish.lines, form) if wish.lines else usual
    if lines is None and wish.page and not wish.lines:
        lines = ANSWER_LINES
    if lines is None:
        if wish.page not in {"", "1"}:
            raise RequestError(f"{wish.page}: all lines are one page", field="page")
        return None
    number = whole_number(wish.page or "1", PAGES_MAX)
    if number is None:
        raise RequestError(f"{wish.page}: expected a page's number, from 1", field="page")
    return Page(number=number, lines=lines)


def _lines(text: str, form: str) -> int | None:
    most = BROWSER_LINES_MAX if form == "html" else PAGE_LINES_MAX
    if text == "all" and form != "html":
        return None
    lines = whole_number(text, most)
    if lines is None:
        every = "" if form == "html" else ", or all"
        raise RequestError(f"{text}: expected lines from 1 to {most:,}{every}", field="lines")
    return lines


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
        day = parse_day(text, today)
    except DayError as error:
        raise RequestError(str(error), field=field) from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise RequestError(f"{day}: expected a day from {FIRST_DAY} to {LAST_DAY}", field=field)
    return day


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


def _dimensions(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_dimension(name, "by") for name in names))


def _selection(texts: Iterable[str]) -> dict[str, str]:
    """Return what is selected. Two values of one dimension are none: no call has both."""
    chosen: dict[str, str] = {}
    for name, value in map(_selected, texts):
        if chosen.setdefault(name, value) != value:
            raise RequestError(
                f"{name}: {chosen[name]} or {value}? One value is wanted;"
                f" leave it out and say by {name} for a row of each",
                field="only",
            )
    return chosen


def _selected(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RequestError(f"{text}: expected dimension=value, such as queue=sales", field="only")
    return _dimension(name, "only"), value
