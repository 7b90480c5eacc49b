"""Reports as JSON and CSV: what programs read."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import EVERY_UNIT, column, report

from acd.reports.data import as_csv, as_json
from acd.reports.report import Unit


def test_json_has_the_period_the_definitions_and_the_rows() -> None:
    told = json.loads(as_json(EVERY_UNIT, "zh"))
    assert list(told) == [
        *("report", "title", "from", "to", "timezone"),
        *("definitions", "remarks", "columns", "rows"),
    ]
    assert (told["report"], told["title"], told["timezone"]) == (
        "sample",
        "样本",
        "Asia/Shanghai",
    )
    assert (told["from"], told["to"]) == ("2026-11-23T00:00:00+08:00", "2026-11-24T00:00:00+08:00")
    assert told["definitions"] == {"share": "plain"}
    assert told["remarks"] == ["占比 = 部分 / 全部"]
    assert told["columns"][6] == {
        "name": "cash",
        "title": "中cash",
        "unit": "money",
        "currency": "currency",
    }
    sales, other = told["rows"]
    assert sales == {
        "name": "sales",
        "calls": 12_345,
        "score": 1.5,
        "talk_s": 7.25,
        "share": 460 / 510,
        "gain": -0.0524,
        "cash": 14_286,
        "currency": "CNY",
        "at": "2026-11-23T10:01:01.500000+08:00",
        "odd": True,
        "faulted": 0,
    }
    assert (other["name"], other["share"], other["odd"]) == ("=1+1", None, False)


def test_csv_has_the_same_names_and_values() -> None:
    sales, other = csv.DictReader(io.StringIO(as_csv(EVERY_UNIT)))
    assert list(sales) == [each.name for each in EVERY_UNIT.columns]
    assert (sales["calls"], float(sales["share"])) == ("12345", 460 / 510)
    assert (sales["at"], sales["odd"]) == ("2026-11-23T10:01:01.500000+08:00", "true")
    assert (other["name"], other["share"], other["odd"]) == ("'=1+1", "", "false")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("+8613800000001", "+8613800000001"),
        ("-5", "-5"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("@SUM(1)", "'@SUM(1)"),
        ("-2+3", "'-2+3"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ('李, "明"\n=x', '李, "明"\n=x'),
        ("", ""),
    ],
)
def test_no_text_in_csv_is_a_formula(text: str, written: str) -> None:
    told = as_csv(report((column("name", Unit.TEXT),), (text,)))
    assert list(csv.reader(io.StringIO(told, newline="")))[1] == [written]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_whatever_a_text_is_csv_keeps_rows_and_columns(texts: list[tuple[str, str]]) -> None:
    told = as_csv(report((column("a", Unit.TEXT), column("b", Unit.TEXT)), *texts))
    rows = list(csv.reader(io.StringIO(told, newline="")))[1:]
    assert [[cell.removeprefix("'") for cell in row] for row in rows] == [
        [cell.removeprefix("'") for cell in row] for row in texts
    ]
    for row in rows:
        for cell in row:
            plain = cell.lstrip("+-").replace(".", "", 1).isdigit()
            assert plain or cell[:1] not in set("=+-@\t\r\n＝＋－＠")
