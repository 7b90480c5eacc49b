"""Workbooks, read back by another program's eyes."""

import io
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from report_samples import EVERY_UNIT, agents, column, quarters, report

from acd.reports.report import Report, Unit, Value
from acd.reports.request import EPOCH, RequestError
from acd.reports.showing import minor_digits
from acd.reports.workbook import ROWS_MAX, as_xlsx


def opened(told: Report, locale: str = "en") -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(as_xlsx(told, locale)))


def expected(told: Report, row: tuple[Value, ...], at: int) -> object:
    """Return what a cell has to hold, computed otherwise than by the writer."""
    value, unit = row[at], told.columns[at].unit
    if value is None or value == "":
        return None
    if unit is Unit.MONEY:
        names = [each.name for each in told.columns]
        currency = row[names.index(told.columns[at].currency)]
        return value / 10 ** minor_digits(str(currency))
    if unit is Unit.TIME:
        at_utc = EPOCH + timedelta(microseconds=int(value))
        return at_utc.astimezone(ZoneInfo(told.timezone)).replace(tzinfo=None)
    return value


@pytest.mark.parametrize(
    "told", [EVERY_UNIT, quarters(), agents()], ids=["units", "quarters", "agents"]
)
def test_every_cell_holds_the_reports_value(told: Report) -> None:
    figures = opened(told).worksheets[0]
    assert figures.max_row == len(told.rows) + 1
    for number, row in enumerate(told.rows, start=2):
        for at, each in enumerate(told.columns):
            cell, wanted = figures.cell(number, at + 1).value, expected(told, row, at)
            if isinstance(wanted, datetime):
                assert isinstance(cell, datetime)
                assert abs(cell - wanted) < timedelta(milliseconds=1), each.name
            elif isinstance(wanted, float):
                assert cell == pytest.approx(wanted, rel=1e-12), each.name
            else:
                assert cell == wanted, each.name
                assert type(cell) is type(wanted), each.name


def test_units_have_the_formats_of_spreadsheets() -> None:
    figures = opened(EVERY_UNIT).worksheets[0]
    formats = {
        each.name: figures.cell(2, at).number_format
        for at, each in enumerate(EVERY_UNIT.columns, start=1)
    }
    assert formats["calls"] == "#,##0"
    assert formats["share"] == "0.0%"
    assert formats["cash"] == "#,##0.00"
    assert formats["at"] == "yyyy-mm-dd hh:mm:ss"
    assert figures.cell(1, 4).value == "Talk_s (s)"


def test_no_text_becomes_a_formula_or_a_link() -> None:
    texts = ["=1+1", "@SUM(A1)", "https://example.com/", "a\x00b\x1b", "x" * 40_000]
    told = report((column("name", Unit.TEXT),), *((text,) for text in texts))
    cells = [row[0] for row in opened(told).worksheets[0].iter_rows(min_row=2)]
    assert [cell.data_type for cell in cells] == ["s"] * 5
    assert [cell.value for cell in cells[:4]] == [*texts[:3], "a\ufffdb\ufffd"]
    assert len(cells[4].value) == 32_767
    assert all(cell.hyperlink is None for cell in cells)


def test_the_head_is_frozen_and_filters() -> None:
    figures, remarks = opened(EVERY_UNIT, "zh").worksheets
    assert (figures.title, remarks.title) == ("数据", "说明")
    assert figures.freeze_panes == "B2"
    assert figures.auto_filter.ref == "A1:K3"
    assert figures["A1"].value == "中name"


def test_the_remarks_say_what_the_figures_mean() -> None:
    remarks = opened(EVERY_UNIT).worksheets[1]
    lines = [(row[0], row[1]) for row in remarks.iter_rows(values_only=True)]
    assert ("Period", "2026-11-23") in lines
    assert ("Time zone", "Asia/Shanghai") in lines
    assert ("share", "plain") in lines
    assert (None, "Share = part / whole") in lines
    assert ("Talk_s (s)", "talk_s") in lines


def test_the_same_report_makes_the_same_file() -> None:
    assert as_xlsx(EVERY_UNIT, "en") == as_xlsx(EVERY_UNIT, "en")


def test_more_than_a_sheet_holds_is_refused() -> None:
    class Many(tuple[tuple[int], ...]):
        __slots__ = ()

        def __len__(self) -> int:
            return ROWS_MAX + 1

    with pytest.raises(RequestError, match="take csv") as caught:
        as_xlsx(report((column("a", Unit.COUNT),), rows=Many()), "en")
    assert caught.value.field == "format"
