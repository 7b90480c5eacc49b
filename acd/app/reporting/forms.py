"""A report in the form that somebody wants, as bytes."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Protocol

from acd.reports.data import CsvWriter, JsonWriter
from acd.reports.report import Report, Row
from acd.reports.request import RequestError
from acd.reports.showing import heading

Write = Callable[[Report, str], bytes]


class Writer(Protocol):
    """Writes a report into a file, some lines at a time."""

    def begin(self) -> None:
        """Write what stands above the lines."""

    def lines(self, rows: Sequence[Row], /) -> None:
        """Write some lines. May raise RequestError."""

    def end(self) -> None:
        """Write what stands below them."""


def _xlsx_writer(report: Report, locale: str, total: int, file: IO[bytes]) -> Writer:
    from acd.reports.workbook import SheetWriter, check_rows

    check_rows(total)
    return SheetWriter(report, locale, file)


WRITERS: Mapping[str, Callable[[Report, str, int, IO[bytes]], Writer]] = {
    "json": lambda report, locale, _total, file: JsonWriter(report, locale, file),
    "csv": lambda report, locale, _total, file: CsvWriter(report, locale, file),
    "xlsx": _xlsx_writer,
}
"""Forms that hold any number of lines: (report without its lines, locale, how many lines will
come, file) -> its writer. Each may raise RequestError."""


def _written(form: str) -> Write:
    def write(report: Report, locale: str) -> bytes:
        file = io.BytesIO()
        writer = WRITERS[form](report, locale, len(report.rows), file)
        writer.begin()
        writer.lines(report.rows)
        writer.end()
        return file.getvalue()

    return write


def _png(report: Report, locale: str) -> bytes:
    from acd.reports.charts_report import specs, together

    from .drawing import as_png

    charts = specs(report, locale)
    if not charts:
        raise RequestError(
            f"there is nothing to draw: the report {report.name} has no charts, or no figures"
            " in this period",
            field="format",
        )
    return as_png(together(charts, heading(report, locale)))


def _html(report: Report, locale: str) -> bytes:
    from acd.reports.charts_report import specs
    from acd.reports.page import as_page

    from .drawing import as_svgs

    return as_page(report, as_svgs(specs(report, locale)), locale).encode()


FORMS: Mapping[str, Write] = {
    **{form: _written(form) for form in WRITERS},
    "png": _png,
    "html": _html,
}
"""By name, which is also the usual ending of the file: (report, locale) -> its content.

Each may raise RequestError. They take processor time: a server calls them in another process."""
