"""What somebody wants reported: which days, cut how, of what, in whose eyes."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from msgspec import Struct

from .days import day_borders
from .pages import Page

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Period(Enum):
    """Into which stretches of time the days are cut; all begin in the centre's zone."""

    QUARTER_HOUR = "quarter_hour"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    "From Monday (ISO 8601)."

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"
    "Not at all."


DIMENSIONS = (
    "project",
    "queue",
    "agent",
    "team",
    "skill",
    "category",
    "class",
    "region",
    "trunk",
    "flow_version",
)
"What figures can be grouped and selected by."


class Request(Struct, frozen=True, kw_only=True):
    """What somebody wants reported."""

    first: date
    last: date
    "The last day, included."

    zone: ZoneInfo
    period: Period = Period.ALL
    by: tuple[str, ...] = ()
    "Dimensions that make rows; empty: the report's usual ones."

    only: Mapping[str, str] = {}
    "Dimension -> value: nothing else counts."

    options: Mapping[str, str] = {}
    'What one report alone knows, such as {"service_level": "answered"}.'

    role: str = "admin"
    "Who reads it: numbers are masked for all but those who may see them."

    page: Page | None = None
    "Which lines; None: all."

    is_drawn: bool = False
    "Whether somebody looks at its charts: where lines are many, they want sums of their own."


class RequestError(ValueError):
    """What was wished for cannot be reported; the text says what would be right."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field
        'Which part of the wish is at fault: "day", "by" … as parameters are named.'


def borders(request: Request) -> tuple[datetime, datetime]:
    """Return begin and end of the request's days, as UTC."""
    return day_borders(request.first, request.zone)[0], day_borders(request.last, request.zone)[1]


def refuse_others(
    request: Request,
    report: str,
    *,
    by: Collection[str] = (),
    only: Collection[str] = (),
    per: Collection[Period] = (Period.ALL,),
    options: Collection[str] = (),
) -> None:
    """Raise RequestError where the request wants of a report what it does not have."""
    for field, wanted, known in (
        ("by", request.by, by),
        ("only", request.only, only),
        ("per", (request.period.value,), [period.value for period in per]),
        ("options", request.options, options),
    ):
        for name in wanted:
            if name not in known:
                choice = ", ".join(known) or "nothing"
                raise RequestError(f"{name}: the report {report} knows {choice} here", field=field)


def whole_number(text: str, most: int) -> int | None:
    """Return a number from 1 to `most` in plain digits; None: the text is none."""
    # Its length first: Python refuses to read numbers of thousands of digits.
    if len(text) > len(str(most)) or not text.isascii() or not text.isdecimal():
        return None
    return int(text) if 1 <= int(text) <= most else None


def microseconds(at: datetime) -> int:
    """Return a time that has a zone as microseconds since 1970 in UTC, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)
