"""A report as one page that needs no network: charts, table, definitions, remarks."""

from collections.abc import Iterable, Sequence
from html import escape

from .page_style import SCRIPT, STYLE
from .pages import BROWSER_LINES_MAX
from .report import Column, Report, Unit, Value
from .showing import days, is_text, part_words, shown_cells, shown_columns, totals_name

ROWS_MAX = BROWSER_LINES_MAX
"Whoever needs them all takes a workbook or CSV."

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"The page fetches nothing and sends nothing, whatever stands in its texts."

LEFT_OUT = {
    "en": "The first {:,} of {:,} rows; all of them are in the workbook and in CSV.",
    "zh": "仅列前 {:,} 行，共 {:,} 行；全部数据请用 XLSX 或 CSV。",
}


OTHER_PAGES = {
    "en": "Others: page {} (--page, over HTTP page=); all lines are in the workbook and in CSV.",
    "zh": "其他页请指定页码 {}（命令行 --page，HTTP page=）；全部数据请用 XLSX 或 CSV。",
}

CHARTS_ARE_WHOLE = {"en": " The charts are of all lines.", "zh": "图表按全部数据绘制。"}


def as_page(report: Report, charts: Sequence[str], locale: str) -> str:
    """Return the page; `charts` are the report's pictures as SVG."""
    title = escape(report.title.of(locale))
    when = f"{escape(days(report))} · {escape(report.timezone)}"
    figures = "".join(f"<figure>{chart}</figure>\n" for chart in charts)
    language = "zh-CN" if locale == "zh" else "en"
    return f"""<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{title} {escape(days(report))}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{title}</h1>
<p class="when">{when}</p>
<section class="charts">
{figures}</section>
{_part(report, locale)}<div class="wide">{_table(report, locale)}</div>
{_remarks(report, locale)}
<div id="tip" hidden></div>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _table(report: Report, locale: str) -> str:
    shown = shown_columns(report)
    heads = "".join(_head(report, at, locale) for at in shown)
    cells = [_cells(report, at, locale) for at in shown]
    rows = "\n".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    foot = _totals(report, shown, locale)
    head = f"<thead><tr>{heads}</tr></thead>"
    return f"<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n{foot}</table>"


def _totals(report: Report, shown: list[int], locale: str) -> str:
    """Return the line below the others: the figures of all that there are."""
    if report.totals is None:
        return ""
    texts = [shown_cells(report, at, locale)[-1] for at in shown]
    texts[0] = totals_name(report, locale)
    cells = "".join(
        f"<td{_kind(report.columns[at])}>{escape(text)}</td>"
        for at, text in zip(shown, texts, strict=True)
    )
    return f"<tfoot><tr>{cells}</tr></tfoot>\n"


def _part(report: Report, locale: str) -> str:
    """Return which lines these are, where they are not all, and how the others are had."""
    part = report.part
    if part is None or part.is_all:
        return ""
    drawn = CHARTS_ARE_WHOLE[locale] if report.drawn else ""
    others = OTHER_PAGES[locale].format(part.next or 1)
    return f'<p class="part"><b>{part_words(part, locale)}</b> {others}{drawn}</p>\n'


def _head(report: Report, at: int, locale: str) -> str:
    column = report.columns[at]
    kind = _kind(column)
    return (
        f'<th scope="col"{kind} title="{escape(column.name)}">'
        f"<button>{escape(column.title.of(locale))}</button></th>"
    )


def _kind(column: Column) -> str:
    return ' class="text"' if is_text(column) else ""


def _cells(report: Report, at: int, locale: str) -> Iterable[str]:
    column = report.columns[at]
    kind = _kind(column)
    texts = shown_cells(report, at, locale)[:ROWS_MAX]
    for row, text in zip(report.rows, texts, strict=False):
        yield f"<td{kind}{_sort_value(row[at], column.unit)}>{escape(text)}</td>"


def _sort_value(value: Value, unit: Unit) -> str:
    """Return what a cell is sorted by; nothing where there is nothing to say."""
    if value is None:
        return ""
    if unit is Unit.BOOLEAN:
        value = int(bool(value))
    return f' data-v="{escape(str(value))}"'


def _remarks(report: Report, locale: str) -> str:
    remarks = [remark.of(locale) for remark in report.remarks]
    if len(report.rows) > ROWS_MAX:
        remarks.append(LEFT_OUT[locale].format(ROWS_MAX, len(report.rows)))
    if not remarks:
        return ""
    items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
    return f'<ul class="remarks">{items}</ul>'
