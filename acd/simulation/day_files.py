"""Arrivals and shifts as CSV (RFC 4180, UTF-8, with a head line), read line by line.

Times are written in one way throughout a file: `2026-11-23T09:00:05` with or without an offset,
`09:00:05` (hours beyond 23 are the next day's), or seconds since midnight. All become seconds
since midnight of the first day.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, tzinfo
from math import inf, isfinite

from msgspec import Struct
from msgspec.structs import replace

LONGEST_DAYS = 366
"A year; the trend by quarter-hour has 35,136 lines then."

LONGEST_LINE = 10_000
"Characters of one line: ten short columns; more is not such a file."

ARRIVALS_NEEDED = ("time", "queue")
ARRIVALS_MORE = ("service_s", "patience_s", "category", "priority", "caller")
SHIFTS_NEEDED = ("agent", "from", "to")
SHIFTS_MORE = ("conversion",)

_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?")


class DayFileError(Exception):
    """A file of arrivals or shifts is wrong; the message says where and what would be right."""


class Caller(Struct, frozen=True, kw_only=True):
    """One line of arrivals. None: the file does not say."""

    at_s: float
    queue: str
    service_s: float | None = None
    patience_s: float | None = None
    category: str = ""
    priority: int = 0
    caller: str = ""


class Shift(Struct, frozen=True, kw_only=True):
    """An agent's time on duty, from log-in to log-out."""

    agent: str
    from_s: float
    to_s: float
    conversion: float | None = None
    "Share of this agent's sales calls that end in an order; None: the file does not say."


class Times:
    """Reads times, and keeps midnight of the first day."""

    def __init__(self, zone: tzinfo) -> None:
        self.first_day: datetime | None = None
        "Midnight in the centre's zone; None as long as times have no date."

        self._zone = zone

    def seconds(self, text: str) -> float:
        """Return seconds since midnight of the first day; ValueError says what would be right."""
        clock = _CLOCK.fullmatch(text)
        if clock:
            return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3] or 0)
        try:
            return float(text)
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError("2026-11-23T09:00:05, 09:00:05, or seconds since midnight") from None
        moment = (
            moment.astimezone(self._zone) if moment.tzinfo else moment.replace(tzinfo=self._zone)
        )
        if self.first_day is None:
            self.first_day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        return (moment - self.first_day).total_seconds()


def read_arrivals(
    lines: Iterable[str], name: str, *, queues: Collection[str], times: Times
) -> Iterator[Caller]:
    """Yield the callers in the order of the file, which has to be that of time.

    Columns: `time`, `queue`; where wanted `service_s` (talk), `patience_s`, `category`,
    `priority`, `caller`. An empty field of these is one that the file does not say.
    """
    before_s = -inf
    for where, row in _rows(lines, name, ARRIVALS_NEEDED, ARRIVALS_MORE):
        at_s = _time(row["time"], "time", where, times)
        if at_s < before_s:
            raise DayFileError(f"{where}: {row['time']} is before the line above; sort by time")
        if at_s > LONGEST_DAYS * 86_400:
            raise DayFileError(f"{where}: {row['time']} is later than {LONGEST_DAYS} days")
        before_s = at_s
        if row["queue"] not in queues:
            known = ", ".join(sorted(queues))
            raise DayFileError(
                f"{where}: queue {row['queue']!r} is not configured; one of {known}"
            )
        yield Caller(
            at_s=at_s,
            queue=row["queue"],
            service_s=_figure(row, "service_s", where, low=0.0),
            patience_s=_figure(row, "patience_s", where, low=0.0),
            category=row.get("category", ""),
            priority=int(_figure(row, "priority", where, low=-100.0, high=100.0, whole=True) or 0),
            caller=row.get("caller", ""),
        )


def read_shifts(
    lines: Iterable[str], name: str, *, agents: Collection[str], times: Times
) -> Iterator[Shift]:
    """Yield the shifts. Columns: `agent`, `from`, `to`; where wanted `conversion` (0–1)."""
    for where, row in _rows(lines, name, SHIFTS_NEEDED, SHIFTS_MORE):
        if row["agent"] not in agents:
            raise DayFileError(f"{where}: agent {row['agent']!r} is not configured in agents.yaml")
        from_s = _time(row["from"], "from", where, times)
        to_s = _time(row["to"], "to", where, times)
        if to_s <= from_s:
            raise DayFileError(
                f"{where}: the shift ends at {row['to']}, not after {row['from']}; "
                "after midnight go on counting: 22:00,30:00"
            )
        yield Shift(
            agent=row["agent"],
            from_s=from_s,
            to_s=to_s,
            conversion=_figure(row, "conversion", where, low=0.0, high=1.0),
        )


def merged(shifts: Iterable[Shift]) -> list[Shift]:
    """Return the shifts by agent and time, those of one agent that touch or overlap as one.

    Of several conversions of one agent the last that was told holds.
    """
    found: list[Shift] = []
    told: dict[str, float] = {}
    for shift in shifts:
        if shift.conversion is not None:
            told[shift.agent] = shift.conversion
        found.append(shift)
    joined: list[Shift] = []
    for shift in sorted(found, key=lambda each: (each.agent, each.from_s)):
        last = joined[-1] if joined else None
        if last is not None and last.agent == shift.agent and shift.from_s <= last.to_s:
            joined[-1] = replace(last, to_s=max(last.to_s, shift.to_s))
        else:
            joined.append(replace(shift, conversion=told.get(shift.agent)))
    return joined


def _rows(
    lines: Iterable[str], name: str, needed: tuple[str, ...], more: tuple[str, ...]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield where each line is, and its fields by column."""
    reader = csv.reader(_bounded(lines, name), strict=True)
    columns: list[str] = []
    try:
        for fields in reader:
            where = f"{name}:{reader.line_num}"
            if not columns:
                columns = [field.strip().lstrip("\ufeff") for field in fields]
                _check_head(columns, where, needed, more)
            elif fields and len(fields) != len(columns):
                raise DayFileError(
                    f"{where}: {len(fields)} fields; {len(columns)}: {','.join(columns)}"
                )
            elif fields:
                yield where, dict(zip(columns, map(str.strip, fields), strict=True))
    except csv.Error as error:
        raise DayFileError(f"{name}:{reader.line_num}: no CSV: {error}") from error
    if not columns:
        raise DayFileError(f"{name}:1: empty; a head line with {','.join(needed)}")


def _bounded(lines: Iterable[str], name: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise DayFileError(f"{name}:{number}: a line of more than {LONGEST_LINE} characters")
        yield line


def _check_head(
    columns: list[str], where: str, needed: tuple[str, ...], more: tuple[str, ...]
) -> None:
    known = ", ".join((*needed, *more))
    for column in columns:
        if column not in (*needed, *more):
            raise DayFileError(f"{where}: column {column!r} is unknown; one of {known}")
        if columns.count(column) > 1:
            raise DayFileError(f"{where}: column {column!r} stands twice")
    for column in needed:
        if column not in columns:
            raise DayFileError(f"{where}: column {column!r} is missing; the first line names them")


def _time(text: str, column: str, where: str, times: Times) -> float:
    try:
        at_s = times.seconds(text)
    except ValueError as error:
        raise DayFileError(f"{where}: {column} is {text!r}; {error}") from None
    if not isfinite(at_s) or at_s < 0.0:
        raise DayFileError(f"{where}: {column} is {text!r}; not before the first day")
    return at_s


def _figure(
    row: dict[str, str],
    column: str,
    where: str,
    *,
    low: float,
    high: float = 1e9,
    whole: bool = False,
) -> float | None:
    text = row.get(column, "")
    if not text:
        return None
    read: Callable[[str], float] = int if whole else float
    try:
        value = read(text)
    except ValueError:
        value = inf
    if not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise DayFileError(f"{where}: {column} is {text!r}; {what} from {low:g} to {high:g}")
    return value
