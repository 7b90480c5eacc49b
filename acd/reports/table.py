"""A report as a table for the terminal."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .pages import Part
from .report import Report
from .showing import heading, is_text, part_words, shown_cells, shown_columns, totals_name

UNLIMITED_WIDTH = 1_000
"Wider than any table here."


def for_terminal(
    report: Report, console: Console, locale: str, title: str | None = None
) -> Iterator[RenderableType]:
    """Yield the table, turned where only so it fits, which lines it has, and the remarks."""
    yield fitting(as_table(report, locale, title), console)
    if report.part is not None and not report.part.is_all:
        yield Text(f"{part_words(report.part, locale)} {_more(report.part, locale)}", style="bold")
    for remark in report.remarks:
        yield Text(remark.of(locale), style="dim")


def as_table(report: Report, locale: str = "en", title: str | None = None) -> Table:
    """Return a table: units as people expect them, "–" for none, quiet columns left out."""
    table = Table(title=Text(heading(report, locale) if title is None else title))
    shown = shown_columns(report)
    for place, at in enumerate(shown):
        column = report.columns[at]
        table.add_column(
            Text(column.title.of(locale)),
            justify="left" if is_text(column) else "right",
            no_wrap=place == 0,
        )
    cells = [shown_cells(report, at, locale) for at in shown]
    if report.totals is not None:
        cells[0][-1] = totals_name(report, locale)
    for number, row in enumerate(zip(*cells, strict=True), start=1):
        # Text: what stands in brackets in a name is no mark-up.
        table.add_row(*(Text(cell) for cell in row), end_section=number == len(report.rows))
    return table


def _more(part: Part, locale: str) -> str:
    """Return how the other lines are had."""
    following = part.next or 1
    if locale == "zh":
        return f"其他页：--page {following}；全部数据：--output FILE.csv 或 FILE.xlsx。"
    return f"Others: --page {following}; all of them: --output FILE.csv or FILE.xlsx."


def fitting(table: Table, console: Console) -> Table:
    """Return the table, turned by a quarter when only so it fits the console's width."""
    if _fits(table, console) or not table.row_count:
        return table
    turned = Table(title=table.title, caption=table.caption)
    first, *others = table.columns
    turned.add_column(first.header, no_wrap=True)
    for name in first.cells:
        turned.add_column(name, justify="right", no_wrap=True)
    for column in others:
        turned.add_row(column.header, *column.cells)
    # With many queues neither fits; then the one whose headings can be broken is read more easily.
    return turned if _fits(turned, console) else table


def _fits(table: Table, console: Console) -> bool:
    unlimited = console.options.update(max_width=UNLIMITED_WIDTH)
    return console.measure(table, options=unlimited).maximum <= console.width
