"""Cutting a report into pages, where the database has not done so already."""

from msgspec.structs import replace

from .pages import Page, Part
from .report import Report
from .request import RequestError


def part_of(page: Page, total: int) -> Part:
    """Return which lines of `total` a page holds. Raises RequestError beyond the last page."""
    part = Part(page=page, total=total)
    if page.number > part.pages:
        raise RequestError(
            f"{page.number:,}: there are {total:,} lines, thus {part.pages:,} pages"
            f" of {page.lines:,}",
            field="page",
        )
    return part


def cut(report: Report, page: Page) -> Report:
    """Return a page of a report that is whole. Its charts stay those of all lines."""
    part = part_of(page, len(report.rows))
    if part.is_all:
        return replace(report, part=part)
    rows = report.rows[page.skipped : page.skipped + page.lines]
    return replace(report, rows=rows, part=part, drawn=(report,))
