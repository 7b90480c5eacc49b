"""What every report is: columns that know their unit, rows, remarks, and what is drawn of it.

A report is a value without a language: its words are there in Chinese and English, and whoever
writes it (table, JSON, CSV, XLSX, picture, page) chooses. Programs read `Column.name`, people read
`Column.title`.
"""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from .pages import Part

Value = str | int | float | bool | None
"A cell. None: there is nothing to say, such as a rate of nothing."

Row = tuple[Value, ...]
"A line: one value per column."


class Words(Struct, frozen=True):
    """One text in both languages of the screens."""

    en: str
    zh: str

    def of(self, locale: str) -> str:
        """Return the text of a locale ("zh", "en")."""
        return self.zh if locale == "zh" else self.en


class Unit(Enum):
    """What a column's values are; how people are shown them follows from it."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    SECONDS = "seconds"

    RATE = "rate"
    "A fraction, 0 to 1; per cent on screens alone."

    POINTS = "points"
    "Difference of two rates, a fraction; percentage points with their sign on screens alone."

    MONEY = "money"
    "Minor units; the currency stands in the column that `Column.currency` names."

    TIME = "time"
    "Microseconds since 1970 in UTC; ISO 8601 with the report's zone when written."

    BOOLEAN = "boolean"


class Column(Struct, frozen=True, kw_only=True):
    """One column."""

    name: str
    "Key in JSON, head in CSV: the field's standard term, unit last."

    title: Words
    unit: Unit
    quiet: bool = False
    "Left out of tables for people where it is 0 or None in every row."

    detail: bool = False
    "Ids and the like: for programs and sheets, left out of tables for people."

    currency: str = ""
    "Name of the column with the ISO 4217 code, of money."


class Trend(Struct, frozen=True, kw_only=True):
    """Lines over time: a point per row, one line per measure and group."""

    title: Words
    x: str
    y: tuple[str, ...]
    by: str = ""


class Comparison(Struct, frozen=True, kw_only=True):
    """Bars beside each other, the longest first."""

    title: Words
    of: str
    y: str


class Histogram(Struct, frozen=True, kw_only=True):
    """How often which value occurs."""

    title: Words
    x: str
    step: float = 0.0
    "Width of a bin in the column's unit; 0: chosen by the values."


class Dispersion(Struct, frozen=True, kw_only=True):
    """The spread of a measure per group: median, quartiles, whiskers, outliers as points."""

    title: Words
    of: str
    y: str
    label: str = ""
    "Column whose value names the outliers."


class Quadrants(Struct, frozen=True, kw_only=True):
    """Points in a plane that two lines (the group's medians) cut into four; outliers are named."""

    title: Words
    x: str
    y: str
    label: str
    size: str = ""
    outlier: str = ""
    "Boolean column: who is named."


class HeatMap(Struct, frozen=True, kw_only=True):
    """A colour per quarter-hour of the day (across) and day or weekday (down)."""

    title: Words
    x: str
    y: str
    colour: str


Chart = Trend | Comparison | Histogram | Dispersion | Quadrants | HeatMap
"What can be drawn; all name columns of their report."


class Report(Struct, frozen=True, kw_only=True):
    """One report."""

    name: str
    'As the command names it: "kpi", "agents" …'

    title: Words
    from_us: int
    to_us: int
    "The period, [from, to), microseconds since 1970 in UTC."

    timezone: str
    "IANA name: the centre's, in which days begin and times are shown."

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    remarks: tuple[Words, ...] = ()
    "Definitions used, what is missing, by which statistic: shown under every form of it."

    definitions: Mapping[str, str] = {}
    'For programs, such as {"service_level": "offered"}.'

    charts: tuple[Chart, ...] = ()

    part: Part | None = None
    "Which lines the rows are; None: all that there are."

    totals: Row | None = None
    "The figures of all lines together, where the rows are a part of them."

    drawn: "tuple[Report, ...]" = ()
    "What the charts are drawn of, where that is not the rows: each with its own charts."
