"""Long reports by pages: which lines, what is said of them, and that no figure changes."""

import io
import json
import re
from datetime import date
from zoneinfo import ZoneInfo

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import BEGIN_US, EVERY_UNIT, column, quarters, report
from rich.console import Console

from acd.app.reporting.forms import FORMS, WRITERS
from acd.reports.asking import Wish, request_of
from acd.reports.kpi import ABANDON_RATE, AHT_S, ANSWER_RATE, ASA_S, CONVERSION_RATE
from acd.reports.measures import MEASURES, Measures
from acd.reports.page import as_page
from acd.reports.pages import Page, Part
from acd.reports.paging import cut
from acd.reports.report import Comparison, Report, Unit, Words
from acd.reports.request import Request, RequestError
from acd.reports.service_level import DEFINITIONS
from acd.reports.table import for_terminal

counts = st.integers(1, 40)

LONG = report(
    (column("name", Unit.TEXT), column("calls", Unit.COUNT), column("lost", Unit.COUNT)),
    *((f"q{number}", number, 0) for number in range(1, 13)),
    charts=(Comparison(title=Words("Calls", "呼入量"), of="name", y="calls"),),
)


@given(counts, st.integers(0, 200))
def test_pages_hold_every_line_once(lines: int, total: int) -> None:
    pages = Part(page=Page(lines=lines), total=total).pages
    parts = [Part(page=Page(number=at + 1, lines=lines), total=total) for at in range(pages)]
    seen = [line for part in parts for line in range(part.first, part.last + 1) if line]
    assert seen == list(range(1, total + 1))
    assert [part.next for part in parts] == [*range(2, pages + 1), None]
    assert parts[0].is_all == (total <= lines)


@given(counts)
def test_a_report_is_the_sum_of_its_pages(lines: int) -> None:
    pages = [cut(LONG, Page(number=1, lines=lines))]
    while (following := pages[-1].part.next) is not None:
        pages.append(cut(LONG, Page(number=following, lines=lines)))
    assert tuple(row for one in pages for row in one.rows) == LONG.rows
    for one in pages:
        assert one.drawn == (() if one.part.is_all else (LONG,))


def test_beyond_the_last_page_there_is_nothing() -> None:
    with pytest.raises(RequestError, match="4: there are 12 lines, thus 3 pages of 5") as caught:
        cut(LONG, Page(number=4, lines=5))
    assert caught.value.field == "page"


def asked(wish: Wish, form: str = "csv", usual: int | None = None) -> Request:
    zone = ZoneInfo("Asia/Shanghai")
    return request_of(wish, today=date(2026, 11, 29), zone=zone, form=form, lines=usual)


@pytest.mark.parametrize(
    ("wish", "form", "usual", "page"),
    [
        (Wish(), "csv", None, None),
        (Wish(), "table", 500, Page(lines=500)),
        (Wish(lines="20"), "table", 500, Page(lines=20)),
        (Wish(lines="all"), "table", 500, None),
        (Wish(page="3"), "table", 500, Page(number=3, lines=500)),
        (Wish(page="3"), "csv", None, Page(number=3, lines=1_000)),
        (Wish(page="1"), "csv", None, Page(lines=1_000)),
        (Wish(page="1", lines="all"), "json", 1_000, None),
        (Wish(), "png", None, Page(lines=1)),
    ],
)
def test_which_lines_are_meant(
    wish: Wish, form: str, usual: int | None, page: Page | None
) -> None:
    request = asked(wish, form, usual)
    assert request.page == page
    assert request.is_drawn == (form == "png")


@pytest.mark.parametrize(
    ("wish", "form", "field", "said"),
    [
        (Wish(page="0"), "table", "page", "0: expected a page's number, from 1"),
        (Wish(page="two"), "json", "page", "expected a page's number"),
        (Wish(page="２"), "json", "page", "expected a page's number"),
        (Wish(page="2", lines="all"), "csv", "page", "all lines are one page"),
        (Wish(lines="0"), "csv", "lines", "from 1 to 100,000, or all"),
        (Wish(lines="100001"), "csv", "lines", "from 1 to 100,000"),
        (Wish(lines="5001"), "html", "lines", "from 1 to 5,000"),
        (Wish(lines="all"), "html", "lines", "from 1 to 5,000"),
        (Wish(page="2"), "png", "page", "a picture shows all lines"),
        (Wish(lines="2"), "png", "lines", "a picture shows all lines"),
    ],
)
def test_a_page_that_cannot_be_is_named(wish: Wish, form: str, field: str, said: str) -> None:
    with pytest.raises(RequestError, match=re.escape(said)) as caught:
        asked(wish, form)
    assert caught.value.field == field


def second(lines: int = 5) -> Report:
    """Return the second page of the long one, with totals."""
    page = cut(LONG, Page(number=2, lines=lines))
    return msgspec.structs.replace(page, totals=(None, 78, 2))


def shown(told: Report, locale: str) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    for part in for_terminal(told, console, locale):
        console.print(part)
    return console.export_text()


def test_a_table_says_which_lines_it_has_and_sums_up_all() -> None:
    text = shown(second(), "en")
    assert "Lines 6–10 of 12 (page 2 of 3). Others: --page 3;" in text
    assert re.search(r"All 12 lines +│ +78 │ +2 ", text)
    assert "q6 " in text
    assert "q5 " not in text
    zh = shown(second(), "zh")
    assert "第 6–10 行，共 12 行（第 2 页，共 3 页）。" in zh
    assert "合计 12 行" in zh
    assert "Lines" not in shown(cut(LONG, Page()), "en")


@pytest.mark.parametrize(
    ("locale", "said", "name"),
    [
        ("en", "Lines 6–10 of 12 (page 2 of 3).", "All 12 lines"),
        ("zh", "第 6–10 行，共 12 行（第 2 页，共 3 页）。", "合计 12 行"),
    ],
)
def test_a_page_for_browsers_says_so_too_and_draws_all_lines(
    locale: str, said: str, name: str
) -> None:
    page = FORMS["html"](second(), locale).decode()
    assert said in page
    assert f'<tfoot><tr><td class="text">{name}</td><td>78</td><td>2</td></tr></tfoot>' in page
    assert page.count("<tr>") == 1 + 5 + 1
    # The bars of lines that stand on other pages are there.
    assert "q1: 1" in page
    assert "q12: 12" in page
    whole = as_page(LONG, [], locale)
    assert 'class="part"' not in whole
    assert "<tfoot>" not in whole


def test_json_tells_the_page_and_the_next_one() -> None:
    told = json.loads(FORMS["json"](second(), "en"))
    assert told["page"] == {
        "number": 2,
        "pages": 3,
        "next": 3,
        "first_line": 6,
        "last_line": 10,
        "lines": 12,
    }
    assert told["totals"] == {"name": None, "calls": 78, "lost": 2}
    assert [row["calls"] for row in told["rows"]] == [6, 7, 8, 9, 10]
    last = json.loads(FORMS["json"](cut(LONG, Page(number=3, lines=5)), "en"))
    assert last["page"]["next"] is None
    assert "totals" not in last


@pytest.mark.parametrize("form", ["csv", "json", "xlsx"])
@pytest.mark.parametrize("told", [EVERY_UNIT, quarters(), LONG], ids=["units", "quarters", "long"])
def test_lines_that_come_in_turns_make_the_same_file(form: str, told: Report) -> None:
    file = io.BytesIO()
    writer = WRITERS[form](told, "zh", len(told.rows), file)
    writer.begin()
    for at in range(0, len(told.rows), 5):
        writer.lines(told.rows[at : at + 5])
    writer.end()
    if form == "xlsx":
        found, whole = (
            list(openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].values)
            for content in (file.getvalue(), FORMS[form](told, "zh"))
        )
        assert found == whole
    else:
        assert file.getvalue() == FORMS[form](told, "zh")


def test_a_sheet_that_comes_in_turns_shows_the_finest_times() -> None:
    times = report((column("at", Unit.TIME),), days=3)
    file = io.BytesIO()
    writer = WRITERS["xlsx"](times, "en", 2, file)
    writer.begin()
    writer.lines([(BEGIN_US + 3_600_000_000,)])
    writer.lines([(BEGIN_US + 1_000_000,)])
    writer.lines([(BEGIN_US,)])
    writer.end()
    sheet = openpyxl.load_workbook(file).worksheets[0]
    forms = [sheet.cell(row, 1).number_format for row in (2, 3, 4)]
    assert forms == ["yyyy-mm-dd hh:mm", "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss"]


sums = st.integers(0, 50)
seconds = st.floats(0, 1e5, allow_nan=False)


@given(
    st.lists(
        st.fixed_dictionaries(
            {name: seconds if name.endswith("_s") else sums for name in MEASURES}
        ),
        max_size=5,
    )
)
def test_a_rate_of_columns_is_that_of_each_cell(lines: list[dict[str, float]]) -> None:
    cells = [Measures(**line) for line in lines]
    columns = {name: [line[name] for line in lines] for name in MEASURES}
    columns["offered"] = [cell.offered for cell in cells]
    rates = [ANSWER_RATE, ABANDON_RATE, ASA_S, AHT_S, CONVERSION_RATE]
    for rate in (*rates, *(one.ratio for one in DEFINITIONS.values())):
        assert rate.column(columns) == [rate.of(cell) for cell in cells]
