"""What somebody wants reported: which days, cut how, of what, in whose eyes."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from zoneinfo import ZoneInfo

from msgspec import Struct


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


class RequestError(ValueError):
    """What was wished for cannot be reported; the text says what would be right."""
