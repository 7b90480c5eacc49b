"""A report as programs read it: JSON and CSV, by the columns' names and in their units."""

import csv
import io
import re

import msgspec

from .report import Column, Report, Unit, Value
from .showing import iso

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""What makes spreadsheet programs read a text as a formula (OWASP, "CSV Injection"), the
full-width ones in Chinese and Japanese settings."""

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?\Z")
"A telephone number or an amount computes nothing; dialling programs want it as it is."


def as_json(report: Report, locale: str = "en") -> str:
    """Return one JSON object: period, definitions, remarks, columns, and rows as objects.

    Rates are fractions, money is minor units, times are ISO 8601 with the centre's offset, null
    stands for none.
    """
    names = [column.name for column in report.columns]
    told = {
        "report": report.name,
        "title": report.title.of(locale),
        "from": iso(report.from_us, report.timezone),
        "to": iso(report.to_us, report.timezone),
        "timezone": report.timezone,
        "definitions": dict(report.definitions),
        "remarks": [remark.of(locale) for remark in report.remarks],
        "columns": [_column(column, locale) for column in report.columns],
        "rows": [dict(zip(names, _plain(report, row), strict=True)) for row in report.rows],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def as_csv(report: Report) -> str:
    """Return CSV (RFC 4180): a head line of the columns' names, values as in JSON, empty for none.

    A text that a spreadsheet program would compute gets an apostrophe in front.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(column.name for column in report.columns)
    for row in report.rows:
        writer.writerow(_for_csv(value) for value in _plain(report, row))
    return text.getvalue()


def _column(column: Column, locale: str) -> dict[str, str]:
    told = {"name": column.name, "title": column.title.of(locale), "unit": column.unit.value}
    return {**told, "currency": column.currency} if column.currency else told


def _plain(report: Report, row: tuple[Value, ...]) -> list[Value]:
    return [
        iso(int(value), report.timezone)
        if column.unit is Unit.TIME and value is not None
        else value
        for column, value in zip(report.columns, row, strict=True)
    ]


def _for_csv(value: Value) -> Value:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value[:1] and value[0] in FORMULA_STARTS:
        return value if PLAIN_NUMBER.match(value) else f"'{value}"
    return value
