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


@pytest.mark.parametrize(
    ("text", "word"),
    [
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
