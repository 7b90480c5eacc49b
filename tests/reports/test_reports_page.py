"""The page: what a browser makes of it, in Chromium, and that it fetches nothing."""

import re
import struct
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import EVERY_UNIT, OUTLIERS, agents, column, quarters, report

from acd.app.reporting.forms import FORMS
from acd.reports.page import ROWS_MAX, as_page
from acd.reports.report import Report, Unit
from acd.reports.request import RequestError
from acd.reports.showing import shown_cells, shown_columns

LIMIT_S = 60


class Seen(HTMLParser):
    """What stands in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.marks: list[str] = []
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        told = dict(attrs)
        if told.get("role") == "graphics-symbol":
            self.marks.append(told.get("aria-label") or "")
        if tag == "tr":
            self.rows.append([])
        self._cell = tag in {"td", "th", "button"}
        if tag == "td" or tag == "th":
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[-1][-1] += data


def test_the_table_has_what_people_are_shown() -> None:
    seen = Seen(as_page(EVERY_UNIT, [], "zh"))
    shown = [shown_cells(EVERY_UNIT, at, "zh") for at in shown_columns(EVERY_UNIT)]
    assert seen.rows[1:] == [list(row) for row in zip(*shown, strict=True)]
    assert ("lang", "zh-CN") in seen.attributes


def test_texts_from_outside_stay_texts() -> None:
    told = report((column("name", Unit.TEXT),), ('</td><script>alert("1")</script>"&',))
    page = as_page(told, [], "en")
    assert page.count("<script>") == 1
    assert Seen(page).rows[1] == ['</td><script>alert("1")</script>"&']


def test_a_very_long_table_is_cut_and_says_so() -> None:
    told = report((column("a", Unit.COUNT),), *((at,) for at in range(ROWS_MAX + 1)))
    page = as_page(told, [], "en")
    assert page.count("<tr>") == ROWS_MAX + 1
    assert "The first 5,000 of 5,001 rows" in page


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_page_holds_all_it_needs(locale: str) -> None:
    page = FORMS["html"](quarters(), locale).decode()
    fetched = re.findall(r"""(?:src|href|srcset)=|url\((?!#chart)|@import|<link|<iframe""", page)
    assert fetched == []
    named = re.findall(r' id="(\w+-\w+)"', page)
    assert len(named) == len(set(named)) > 0
    assert set(re.findall(r"url\(#([^)]*)\)", page)) == set(named)
    assert "default-src 'none'" in page


def test_a_picture_has_all_charts_and_says_when_there_are_none() -> None:
    picture = FORMS["png"](agents(), "zh")
    width, height = struct.unpack(">II", picture[16:24])
    assert picture.startswith(b"\x89PNG")
    assert (width > 1_500, height > 1_200) == (True, True)
    with pytest.raises(RequestError, match="there is nothing to draw"):
        FORMS["png"](EVERY_UNIT, "zh")


def in_chromium(page: bytes, script: str = "") -> tuple[Seen, bytes, list[str]]:
    """Return what Chromium has made of the page, a picture of it, and what its console says."""
    with tempfile.TemporaryDirectory(prefix="acd-page-") as name:
        folder = Path(name)
        (folder / "page.html").write_bytes(page + f"<script>{script}</script>".encode())
        done = subprocess.run(
            [
                *("chromium", "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr"),
                *("--window-size=1240,1800", f"--user-data-dir={folder / 'profile'}"),
                *("--dump-dom", f"--screenshot={folder / 'page.png'}"),
                (folder / "page.html").as_uri(),
            ],
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
        console = re.findall(r"CONSOLE[^\n]*", done.stderr.decode(errors="replace"))
        return Seen(done.stdout.decode()), (folder / "page.png").read_bytes(), console


def bars(told: Report) -> int:
    return len({row[1] for row in told.rows})


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_chromium_shows_the_charts(locale: str) -> None:
    told = quarters(days=3)
    seen, picture, console = in_chromium(FORMS["html"](told, locale))
    assert console == []
    assert seen.tags.count("svg") == len(told.charts)
    queues = [mark for mark in seen.marks if re.fullmatch(r"(sales|service): [\d,]+", mark)]
    assert len(queues) == bars(told)
    quarter_hours = [mark for mark in seen.marks if re.match(r"2026-11-2\d \S+ \d\d:\d\d: ", mark)]
    assert len(quarter_hours) == 3 * 48
    assert len(seen.rows) == len(told.rows) + 1
    assert len(picture) > 50_000  # an empty page has some 10 kB


def test_chromium_names_the_outliers_and_sorts_the_table() -> None:
    click = "document.querySelectorAll('thead button')[3].click();"
    seen, _, console = in_chromium(FORMS["html"](agents(), "zh"), click)
    assert console == []
    assert all(any(mark.startswith(f"{name}: ") for mark in seen.marks) for name in OUTLIERS)
    answered = [int(row[3]) for row in seen.rows[1:]]
    assert answered == sorted(answered, reverse=True)
    assert ("aria-sort", "descending") in seen.attributes


def test_an_error_of_the_page_would_be_seen() -> None:
    _, _, console = in_chromium(FORMS["html"](EVERY_UNIT, "en"), "nobody.knows();")
    assert "nobody is not defined" in console[0]
