"""A report as a workbook (XLSX): numbers as numbers, so that people can compute on."""

import io
from collections.abc import Callable, Sequence
from typing import IO
from zoneinfo import ZoneInfo

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from .currencies import minor_digits
from .report import Column, Report, Row, Unit, Value
from .request import RequestError
from .showing import CONTROLS, days, heading, local, time_form

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

WIDE_ROWS = 200
"First rows that say how wide a column of texts is."

Write = Callable[[int, Value, Row], object]
"Writes a value of a row into the column that it is made for: (number of the row, value, row)."


class SheetWriter:
    """A workbook: a sheet of figures, and one of what they mean.

    Rows go to a file of their own as they come; so a long report takes no memory.
    """

    def __init__(self, report: Report, locale: str, file: IO[bytes]) -> None:
        self._report = report
        self._locale = locale
        self._book = Workbook(file, {"constant_memory": True})
        self._row = 0
        end = local(report.to_us, ZoneInfo(report.timezone)).replace(tzinfo=None)
        # The library would read the clock; the same figures make the same file.
        self._book.set_properties({"title": heading(report, locale), "created": end})
        self._figures, self._remarks = (self._book.add_worksheet(name) for name in SHEETS[locale])
        self._formats: dict[str, Format] = {}
        self._time_forms = dict.fromkeys(range(len(report.columns)), "")

    def begin(self) -> None:
        """Write the head."""
        head = self._book.add_format(
            {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1}
        )
        for at, column in enumerate(self._report.columns):
            self._figures.write_string(0, at, _title(column, self._locale), head)
        self._figures.freeze_panes(1, 1)
        self._figures.set_landscape()
        self._figures.fit_to_pages(1, 0)
        self._figures.repeat_rows(0)
        self._set_widths([])

    def lines(self, rows: Sequence[Row]) -> None:
        """Write some rows. Raises RequestError for more than a sheet can hold."""
        check_rows(self._row + len(rows))
        if self._row == 0:
            self._set_widths(rows[:WIDE_ROWS])
        writes = [self._writer(at, rows) for at in range(len(self._report.columns))]
        for number, row in enumerate(rows, start=self._row + 1):
            for write, value in zip(writes, row, strict=True):
                if value is not None and value != "":
                    write(number, value, row)
        self._row += len(rows)

    def end(self) -> None:
        """Write the second sheet, and the file."""
        if self._report.columns:
            self._figures.autofilter(0, 0, self._row, len(self._report.columns) - 1)
        _write_remarks(self._book, self._remarks, self._report, self._locale)
        self._book.close()

    def _set_widths(self, rows: Sequence[Row]) -> None:
        for at, column in enumerate(self._report.columns):
            title = _title(column, self._locale)
            self._figures.set_column(at, at, _width(title, [row[at] for row in rows], column))

    def _writer(self, at: int, rows: Sequence[Row]) -> Write:
        sheet, column = self._figures, self._report.columns[at]
        match column.unit:
            case Unit.TEXT:
                # Not `write`: it makes formulas and links of what looks like one.
                return lambda number, value, _row: sheet.write_string(number, at, _text(value))
            case Unit.BOOLEAN:
                return lambda number, value, _row: sheet.write_boolean(number, at, bool(value))
            case Unit.MONEY:
                return self._money_writer(at)
            case Unit.TIME:
                return self._time_writer(at, rows)
            case unit:
                shown = self._format(NUMBER_FORMATS[unit])
                return lambda number, value, _row: sheet.write_number(
                    number, at, float(value or 0.0), shown
                )

    def _time_writer(self, at: int, rows: Sequence[Row]) -> Write:
        times = {int(row[at] or 0) for row in rows if row[at] is not None}
        # Of what comes in several turns the finest form is the right one.
        form = max(self._time_forms[at], time_form(list(times), self._report), key=len)
        self._time_forms[at] = form
        shown, zone = self._format(TIME_FORMATS[form]), ZoneInfo(self._report.timezone)
        # Sheets know no zones: the time is that of the centre's clock.
        walls = {time: local(time, zone).replace(tzinfo=None) for time in times}
        return lambda number, value, _row: self._figures.write_datetime(
            number, at, walls[int(value or 0)], shown
        )

    def _money_writer(self, at: int) -> Write:
        names = [each.name for each in self._report.columns]
        currency = self._report.columns[at].currency
        of = names.index(currency) if currency in names else None

        def write(number: int, value: Value, row: Row) -> None:
            digits = minor_digits("" if of is None else str(row[of] or ""))
            shown = self._format("#,##0" if digits == 0 else f"#,##0.{'0' * digits}")
            self._figures.write_number(number, at, float(value or 0.0) / 10**digits, shown)

        return write

    def _format(self, form: str) -> Format:
        if form not in self._formats:
            self._formats[form] = self._book.add_format({"num_format": form})
        return self._formats[form]


def check_rows(count: int) -> None:
    """Raise RequestError for more rows than a sheet can hold."""
    if count > ROWS_MAX:
        raise RequestError(
            f"a sheet holds {ROWS_MAX:,} rows, not {count:,}; take csv, or fewer days",
            field="format",
        )


def as_xlsx(report: Report, locale: str) -> bytes:
    """Return the workbook. Raises RequestError for more rows than a sheet can hold."""
    check_rows(len(report.rows))
    content = io.BytesIO()
    writer = SheetWriter(report, locale, content)
    writer.begin()
    writer.lines(report.rows)
    writer.end()
    return content.getvalue()


def _title(column: Column, locale: str) -> str:
    form = UNIT_NAMES.get(column.unit, {}).get(locale, "{}")
    return form.format(column.title.of(locale))


def _text(value: Value) -> str:
    return CONTROLS.sub("\ufffd", str(value))[:TEXT_MAX]


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
