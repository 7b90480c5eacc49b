"""A report in the form that somebody wants, as bytes."""

from collections.abc import Callable, Mapping

from acd.reports.data import as_csv, as_json
from acd.reports.report import Report

FORMS: Mapping[str, Callable[[Report, str], bytes]] = {
    "json": lambda report, locale: f"{as_json(report, locale)}\n".encode(),
    "csv": lambda report, _locale: as_csv(report).encode(),
}
"By name, which is also the usual ending of the file: (report, locale) -> its content."
