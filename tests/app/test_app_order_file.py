"""Orders out of a shop's file: encodings, names of columns, times, amounts, mistakes by line."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from acd.app.entry_times import AHEAD, BEHIND, time_fault
from acd.app.order_file import OrderFileError, decoded, read_orders

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=ZONE)
CHINESE = """订单号,状态,时间,通话编号,金额,币种,备注
A-1,已下单,2026-11-28 10:15,01a2,"1,299.50",,加急
A-2,签收,2026-11-28T02:15:00+00:00,,,,
"""


def read(text: str):
    return read_orders(text, zone=ZONE, currency="CNY", now=NOW)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_as_excel_writes_it(encoding: str) -> None:
    taken, wrong = read(decoded(CHINESE.encode(encoding)))
    assert wrong == []
    placed, signed = (line.entry for line in taken)
    assert (placed.order_id, placed.state, placed.interaction) == ("A-1", "placed", "01a2")
    assert (placed.amount, placed.currency) == (129950, "CNY")
    assert placed.at == "2026-11-28T10:15:00+08:00"
    assert (signed.state, signed.amount, signed.at_us) == ("signed", None, placed.at_us)


def test_a_mark_at_the_files_begin_is_no_part_of_the_first_name() -> None:
    for encoding, named in (("utf-16", ""), ("utf-8-sig", "utf-8"), ("gb18030", "gb18030")):
        text = decoded(("\ufeff" * (named == "gb18030") + CHINESE).encode(encoding), named)
        assert len(read(text)[0]) == 2, encoding


def test_english_names_semicolons_and_a_key_of_ones_own() -> None:
    taken, wrong = read("Order;Status;Time;Key\nA;CANCELLED;2026/11/28 10:15:30;k1\n")
    assert wrong == []
    assert (taken[0].entry.state, taken[0].entry.key) == ("cancelled", "k1")


def test_the_same_line_has_the_same_key_and_a_corrected_one_another() -> None:
    head = "order,state,at,amount\n"
    lines = ("A,placed,2026-11-28 10:15,10", "A,placed,2026-11-28 10:15,11")
    (one,), _ = read(head + lines[0])
    (same,), _ = read(head + lines[0] + "\n")
    (other,), _ = read(head + lines[1])
    assert one.entry.key == same.entry.key != other.entry.key


def test_currencies_have_their_own_minor_units() -> None:
    head = "order,state,at,amount,currency\n"
    rows = "A,placed,2026-11-28 10:15,1999,JPY\nB,placed,2026-11-28 10:15,1.999,KWD\n"
    taken, wrong = read(head + rows)
    assert wrong == []
    assert [line.entry.amount for line in taken] == [1999, 1999]


def test_every_mistake_is_told_with_its_line() -> None:
    text = """order,state,at,amount
A,lost,2026-11-28 10:15,
B,placed,yesterday,
,placed,2026-11-28 10:15,
D,placed,2026-11-28 10:15,12.345
E,placed,2026-11-28 10:15,many
F,placed,2026-11-28 10:15
G,placed,2026-11-28 10:15,-1

H,placed,2026-11-28 10:15,1
"""
    taken, wrong = read(text)
    assert [line.entry.order_id for line in taken] == ["H"]
    assert [one.line for one in wrong] == [2, 3, 4, 5, 6, 7, 8]
    words = ("state 'lost'", "at 'yesterday'", "order_id is empty", "more than 2 digits")
    words += ("a number like", "has 3 cells", "amount")
    for one, word in zip(wrong, words, strict=True):
        assert word in one.text


AMOUNTS = {
    "199": 19900,
    "1,299.50": 129950,
    "¥1,234,567.8": 123456780,
    "0.10": 10,
    "5.000": 500,
    "1,5": "must be a number like",
    "1,29.50": "must be a number like",
    "1.299,50": "must be a number like",
    "-1": "must be a number like",
    "1e5": "must be a number like",
    "1e999999999": "must be a number like",
    "NaN": "must be a number like",
    "1_000": "must be a number like",
    "$5": "is not in CNY",
    "12.345": "more than 2 digits",
    "999,999,999,999": "less than or equal",
}


@pytest.mark.parametrize(("text", "expected"), AMOUNTS.items())
def test_an_amount_is_what_it_says_or_is_refused(text: str, expected: int | str) -> None:
    taken, wrong = read(f'order,state,at,amount\nA,placed,2026-11-28 10:15,"{text}"\n')
    if isinstance(expected, int):
        assert [line.entry.amount for line in taken] == [expected]
    else:
        assert taken == []
        assert expected in wrong[0].text


def test_a_currency_has_to_exist() -> None:
    head = "order,state,at,amount,currency\n"
    lines = [f"A,placed,2026-11-28 10:15,1,{code}" for code in ("RMB", "usd", "XXX", "KMF")]
    taken, wrong = read(head + "\n".join(lines))
    assert [(line.entry.amount, line.entry.currency) for line in taken] == [
        (100, "USD"),
        (1, "KMF"),
    ]
    assert [one.line for one in wrong] == [2, 4]
    assert "CNY: not 'RMB'" in wrong[0].text


def test_an_hour_that_the_clocks_left_out_is_no_time_and_of_a_doubled_one_the_first_counts() -> (
    None
):
    berlin = ZoneInfo("Europe/Berlin")
    head = "order,state,at\n"
    rows = "A,placed,2026-03-29 02:30\nB,placed,2026-10-25 02:30\nC,placed,2026-03-29T02:30\n"
    taken, wrong = read_orders(head + rows, zone=berlin, currency="EUR", now=NOW)
    assert [line.entry.at for line in taken] == ["2026-10-25T02:30:00+02:00"]
    assert [one.line for one in wrong] == [2, 4]
    assert "does not exist in Europe/Berlin" in wrong[0].text


def test_a_quote_too_many_costs_its_line_and_no_other() -> None:
    text = """order,state,at,note

A,placed,2026-11-28 10:15,"over
two lines"
B,placed,2026-11-28 10:15,"so "called""
C,placed,2026-11-28 10:15,
D,placed,2026-11-28 10:15,"never closed
E,placed,2026-11-28 10:15,
"""
    for line_end in ("\n", "\r\n", "\r"):
        taken, wrong = read(text.replace("\n", line_end))
        assert [(line.line, line.entry.order_id) for line in taken] == [
            *((3, "A"), (6, "C"), (8, "E")),
        ]
        assert [one.line for one in wrong] == [5, 7]
        assert all("the line is no CSV" in one.text for one in wrong)


def test_a_nul_is_told_with_its_line() -> None:
    taken, wrong = read(
        "order,state,at\nA\0B,placed,2026-11-28 10:15\nC,placed,2026-11-28 10:15\n"
    )
    assert [line.entry.order_id for line in taken] == ["C"]
    assert (wrong[0].line, wrong[0].text) == (2, "order_id must hold no control characters")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("\n\n", "missing: order_id"),
        ('"order,state\n', "1: "),
        ("", "missing: order_id"),
        ("order,state\n", "missing: at"),
        ("order,state,status,at\n", "state: two columns"),
    ],
)
def test_a_first_line_that_names_no_columns_is_refused(text: str, word: str) -> None:
    with pytest.raises(OrderFileError, match=word):
        read(text)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(OrderFileError, match="name the encoding"):
        decoded(b"order,state\n\xff\xff\xff")
    with pytest.raises(OrderFileError, match="no encoding klingon"):
        decoded(b"order", "klingon")


@pytest.mark.parametrize(
    ("at", "word"),
    [
        ("2026-11-29 12:05", ""),
        ("2026-11-29 12:06", "at 2026-11-29T12:06:00+08:00 lies ahead"),
        ("2026-11-29T05:06:00Z", "it must have been by 2026-11-29T12:00:00+08:00"),
        ("9999-12-31 23:59", "lies ahead"),
        ("9999-12-31T23:59:00-12:00", "lies ahead"),
        ("2025-10-25 12:00", ""),
        ("2025-10-25 11:59", "within the last 400 days, from 2025-10-25T12:00:00+08:00 on"),
        ("0001-01-01 00:00", "too long ago"),
        ("0001-01-01T00:00:00+14:00", "too long ago"),
    ],
)
def test_a_state_has_been_and_not_long_ago(at: str, word: str) -> None:
    taken, wrong = read(f"order,state,at\nA,placed,{at}\nB,placed,2026-11-29 11:00\n")
    assert [line.entry.order_id for line in taken] == (["B"] if word else ["A", "B"])
    assert [one.line for one in wrong] == [2] * bool(word)
    assert all(word in one.text for one in wrong)


def test_the_limits_themselves_are_allowed() -> None:
    assert time_fault(NOW + AHEAD, NOW, ZONE) == time_fault(NOW - BEHIND, NOW, ZONE) == ""
    tick = timedelta(microseconds=1)
    assert "lies ahead" in time_fault(NOW + AHEAD + tick, NOW, ZONE)
    assert "too long ago" in time_fault(NOW - BEHIND - tick, NOW, ZONE)
