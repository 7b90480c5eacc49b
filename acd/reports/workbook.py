"""A report as a workbook (XLSX): numbers as numbers, so that people can compute on."""

import io
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from .report import Column, Report, Unit, Value
from .request import RequestError
from .showing import CONTROLS, days, heading, local, minor_digits, time_form

ROWS_MAX = 1_048_575
"Of a sheet, its head left out (Excel specifications and limits)."

TEXT_MAX = 32_767
"Characters of a cell (the same)."

WIDTH_MAX = 40
"Characters; wider columns push the others off the screen."

NUMBER_FORMATS = {
    Unit.COUNT: "#,##0",
    Unit.NUMBER: "#,##0.00",
    Unit.SECONDS: "#,##0.0",
    Unit.RATE: "0.0%",
    Unit.POINTS: "+0.0%;-0.0%;0.0%",
}
"A rate stays a fraction in the cell."

TIME_FORMATS = {
    "%Y-%m-%d": "yyyy-mm-dd",
    "%H:%M": "yyyy-mm-dd hh:mm",
    "%H:%M:%S": "yyyy-mm-dd hh:mm:ss",
    "%Y-%m-%d %H:%M": "yyyy-mm-dd hh:mm",
    "%Y-%m-%d %H:%M:%S": "yyyy-mm-dd hh:mm:ss",
}

UNIT_NAMES = {
    Unit.SECONDS: {"en": "{} (s)", "zh": "{}（秒）"},
}

SHEETS = {"en": ("Figures", "Remarks"), "zh": ("数据", "说明")}

WORDS = {
    "en": {"period": "Period", "zone": "Time zone", "column": "Column", "name": "Name"},
    "zh": {"period": "时段", "zone": "时区", "column": "列", "name": "字段名"},
}

Write = Callable[[Worksheet, int, int, Value], object]


def as_xlsx(report: Report, locale: str) -> bytes:
    """Return the workbook: a sheet of figures, and one of what they mean.

    Raises RequestError for more rows than a sheet can hold.
    """
    if len(report.rows) > ROWS_MAX:
        raise RequestError(
            f"a sheet holds {ROWS_MAX:,} rows, not {len(report.rows):,}; take csv, or fewer days",
            field="format",
        )
    content = io.BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        end = local(report.to_us, ZoneInfo(report.timezone)).replace(tzinfo=None)
        # The library would read the clock; the same figures make the same file.
        book.set_properties({"title": heading(report, locale), "created": end})
        figures, remarks = (book.add_worksheet(name) for name in SHEETS[locale])
        _write_figures(book, figures, report, locale)
        _write_remarks(book, remarks, report, locale)
    return content.getvalue()


def _write_figures(book: Workbook, sheet: Worksheet, report: Report, locale: str) -> None:
    head = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    for at, column in enumerate(report.columns):
        title = _title(column, locale)
        sheet.write_string(0, at, title, head)
        write = _writer(book, report, at)
        for row, values in enumerate(report.rows, start=1):
            if values[at] not in {None, ""}:
                write(sheet, row, at, values[at])
        sheet.set_column(at, at, _width(title, [row[at] for row in report.rows[:200]], column))
    sheet.freeze_panes(1, 1)
    if report.columns:
        sheet.autofilter(0, 0, len(report.rows), len(report.columns) - 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _title(column: Column, locale: str) -> str:
    form = UNIT_NAMES.get(column.unit, {}).get(locale, "{}")
    return form.format(column.title.of(locale))


def _writer(book: Workbook, report: Report, at: int) -> Write:
    column = report.columns[at]
    match column.unit:
        case Unit.TEXT:
            # Not `write`: it makes formulas and links of what looks like one.
            return lambda sheet, row, at, value: sheet.write_string(row, at, _text(value))
        case Unit.BOOLEAN:
            return lambda sheet, row, at, value: sheet.write_boolean(row, at, bool(value))
        case Unit.MONEY:
            return _money_writer(book, report, column)
        case Unit.TIME:
            times = [int(row[at] or 0) for row in report.rows if row[at] is not None]
            shown = book.add_format({"num_format": TIME_FORMATS[time_form(times, report)]})
            zone = ZoneInfo(report.timezone)
            return lambda sheet, row, at, value: sheet.write_datetime(
                row, at, _wall(int(value or 0), zone), shown
            )
        case unit:
            shown = book.add_format({"num_format": NUMBER_FORMATS[unit]})
            return lambda sheet, row, at, value: sheet.write_number(
                row, at, float(value or 0.0), shown
            )


def _money_writer(book: Workbook, report: Report, column: Column) -> Write:
    names = [each.name for each in report.columns]
    of = names.index(column.currency) if column.currency in names else None
    formats: dict[int, Format] = {}

    def write(sheet: Worksheet, row: int, at: int, value: Value) -> None:
        currency = "" if of is None else str(report.rows[row - 1][of] or "")
        digits = minor_digits(currency)
        if digits not in formats:
            form = "#,##0" if digits == 0 else f"#,##0.{'0' * digits}"
            formats[digits] = book.add_format({"num_format": form})
        sheet.write_number(row, at, float(value or 0.0) / 10**digits, formats[digits])

    return write


def _text(value: Value) -> str:
    return CONTROLS.sub("\ufffd", str(value))[:TEXT_MAX]


def _wall(us: int, zone: ZoneInfo) -> datetime:
    """Return the time as the centre's clock shows it; sheets know no zones."""
    return local(us, zone).replace(tzinfo=None)


def _width(title: str, values: list[Value], column: Column) -> int:
    widest = max((len(word) for word in title.split()), default=0)
    if column.unit is Unit.TIME:
        widest = max(widest, 19)
    if column.unit is Unit.TEXT:
        widest = max([widest, *(_columns(str(value)) for value in values if value is not None)])
    return min(WIDTH_MAX, max(8, widest + 2, _columns(title) // 2 + 2))


def _columns(text: str) -> int:
    """Return how wide a text is; Chinese characters take two columns."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in text)


def _write_remarks(book: Workbook, sheet: Worksheet, report: Report, locale: str) -> None:
    bold = book.add_format({"bold": True})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    words = WORDS[locale]
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 1, 100)
    lines: list[tuple[str, str]] = [
        (report.title.of(locale), ""),
        (words["period"], days(report)),
        (words["zone"], report.timezone),
        *report.definitions.items(),
        *(("", remark.of(locale)) for remark in report.remarks),
        ("", ""),
        (words["column"], words["name"]),
        *((_title(column, locale), column.name) for column in report.columns),
    ]
    for row, (what, text) in enumerate(lines):
        for at, (words_of, form) in enumerate(((what, bold), (text, wrapped))):
            if words_of:
                sheet.write_string(row, at, words_of, form)
