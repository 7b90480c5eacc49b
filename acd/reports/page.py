"""A report as one page that needs no network: charts, table, definitions, remarks."""

from collections.abc import Iterable, Sequence
from html import escape

from .page_style import SCRIPT, STYLE
from .report import Report, Unit, Value
from .showing import days, is_text, shown_cells, shown_columns

ROWS_MAX = 5_000
"More make a page slow; whoever needs them all takes a workbook or CSV."

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"The page fetches nothing and sends nothing, whatever stands in its texts."

LEFT_OUT = {
    "en": "The first {:,} of {:,} rows; all of them are in the workbook and in CSV.",
    "zh": "仅列前 {:,} 行，共 {:,} 行；全部数据请用 XLSX 或 CSV。",
}


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
<div class="wide">{_table(report, locale)}</div>
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
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _head(report: Report, at: int, locale: str) -> str:
    column = report.columns[at]
    kind = ' class="text"' if is_text(column) else ""
    return (
        f'<th scope="col"{kind} title="{escape(column.name)}">'
        f"<button>{escape(column.title.of(locale))}</button></th>"
    )


def _cells(report: Report, at: int, locale: str) -> Iterable[str]:
    column = report.columns[at]
    kind = ' class="text"' if is_text(column) else ""
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
