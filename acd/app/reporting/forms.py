"""A report in the form that somebody wants, as bytes."""

from collections.abc import Callable, Mapping

from acd.reports.data import as_csv, as_json
from acd.reports.report import Report
from acd.reports.request import RequestError
from acd.reports.showing import heading

Write = Callable[[Report, str], bytes]


def _json(report: Report, locale: str) -> bytes:
    return f"{as_json(report, locale)}\n".encode()


def _csv(report: Report, _locale: str) -> bytes:
    return as_csv(report).encode()


def _xlsx(report: Report, locale: str) -> bytes:
    from acd.reports.workbook import as_xlsx

    return as_xlsx(report, locale)


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
    "json": _json,
    "csv": _csv,
    "xlsx": _xlsx,
    "png": _png,
    "html": _html,
}
"""By name, which is also the usual ending of the file: (report, locale) -> its content.

Each may raise RequestError. They take processor time: a server calls them in another process."""
