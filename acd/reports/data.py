"""A report as programs read it: JSON and CSV, by the columns' names and in their units."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from .report import Column, Report, Row, Unit, Value
from .showing import iso

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""What makes spreadsheet programs read a text as a formula (OWASP, "CSV Injection"), the
full-width ones in Chinese and Japanese settings."""

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?\Z")
"A telephone number or an amount computes nothing; dialling programs want it as it is."


class Writable(Protocol):
    """A file to write into."""

    def write(self, content: bytes, /) -> object:
        """Write the content."""


class JsonWriter:
    """One JSON object: period, definitions, remarks, columns, and rows as objects, one a line.

    Rates are fractions, money is minor units, times are ISO 8601 with the centre's offset, null
    stands for none.
    """

    def __init__(self, report: Report, locale: str, file: Writable) -> None:
        self._report = report
        self._locale = locale
        self._write = file.write
        self._names = [column.name for column in report.columns]
        self._between = b"\n    "

    def begin(self) -> None:
        """Write what stands before the rows."""
        told = msgspec.json.encode(_told(self._report, self._locale))
        head = msgspec.json.format(told, indent=2)
        self._write(head.removesuffix(b"\n}") + b',\n  "rows": [')

    def lines(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        encode = msgspec.json.Encoder().encode
        for row in zip(*_plain(self._report, rows), strict=True):
            self._write(self._between)
            self._write(encode(dict(zip(self._names, row, strict=True))))
            self._between = b",\n    "

    def end(self) -> None:
        """Write what stands behind them."""
        self._write(b"\n  ]\n}\n")


class CsvWriter:
    """CSV (RFC 4180): a head line of the columns' names, values as in JSON, empty for none.

    A text that a spreadsheet program would compute gets an apostrophe in front.
    """

    def __init__(self, report: Report, _locale: str, file: Writable) -> None:
        self._report = report
        self._write = file.write

    def begin(self) -> None:
        """Write the head line."""
        self._rows([[column.name for column in self._report.columns]])

    def lines(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        columns = _plain(self._report, rows)
        for at, column in enumerate(self._report.columns):
            if column.unit in {Unit.TEXT, Unit.BOOLEAN}:
                columns[at] = _each(_for_csv, columns[at])
        self._rows(zip(*columns, strict=True))

    def end(self) -> None:
        """Nothing stands behind them."""

    def _rows(self, rows: Iterable[Iterable[Value]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._write(text.getvalue().encode())


def as_json(report: Report, locale: str = "en") -> str:
    """Return a report as JSON."""
    return _whole(JsonWriter, report, locale).rstrip("\n")


def as_csv(report: Report) -> str:
    """Return a report as CSV."""
    return _whole(CsvWriter, report, "")


def _whole(
    writer_of: Callable[[Report, str, Writable], JsonWriter | CsvWriter],
    report: Report,
    locale: str,
) -> str:
    file = io.BytesIO()
    writer = writer_of(report, locale, file)
    writer.begin()
    writer.lines(report.rows)
    writer.end()
    return file.getvalue().decode()


def _told(report: Report, locale: str) -> dict[str, object]:
    """Return all but the rows."""
    told: dict[str, object] = {
        "report": report.name,
        "title": report.title.of(locale),
        "from": iso(report.from_us, report.timezone),
        "to": iso(report.to_us, report.timezone),
        "timezone": report.timezone,
        "definitions": dict(report.definitions),
        "remarks": [remark.of(locale) for remark in report.remarks],
        "columns": [_column(column, locale) for column in report.columns],
    }
    part = report.part
    if part is not None:
        told["page"] = {
            "number": part.page.number,
            "pages": part.pages,
            "next": part.next,
            "first_line": part.first,
            "last_line": part.last,
            "lines": part.total,
        }
    if report.totals is not None:
        names = [column.name for column in report.columns]
        [totals] = zip(*_plain(report, [report.totals]), strict=True)
        told["totals"] = dict(zip(names, totals, strict=True))
    return told


def _column(column: Column, locale: str) -> dict[str, str]:
    told = {"name": column.name, "title": column.title.of(locale), "unit": column.unit.value}
    return {**told, "currency": column.currency} if column.currency else told


def _plain(report: Report, rows: Sequence[Row]) -> list[Sequence[Value]]:
    """Return the rows' columns, times as texts."""
    columns: list[Sequence[Value]] = list(zip(*rows, strict=True)) or [() for _ in report.columns]
    for at, column in enumerate(report.columns):
        if column.unit is Unit.TIME:
            columns[at] = _each(lambda value: _time(value, report.timezone), columns[at])
    return columns


def _each(told: Callable[[Value], Value], values: Sequence[Value]) -> list[Value]:
    """Return what is told for each value; the same days, agents and times come over and over."""
    known = {value: told(value) for value in set(values)}
    return list(map(known.__getitem__, values))


def _time(value: Value, timezone: str) -> Value:
    return None if value is None else iso(int(value), timezone)


def _for_csv(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] and value[0] in FORMULA_STARTS:
        return value if PLAIN_NUMBER.match(value) else f"'{value}"
    return value
