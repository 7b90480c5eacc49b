"""Numbers are hidden from who need not know them, in the way that people know from waybills."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.numbers import HIDDEN, SHORTEST, NumberSight, masked, masked_text

NUMBERS = st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True)
ANY_TEXT = st.text(alphabet=string.digits + string.ascii_letters + "+-() *.@ü电١", max_size=30)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13812345678", "138****5678"),
        ("+8613812345678", "+86138****5678"),
        ("075512345678", "0755****5678"),
        ("0755-1234567", "075*-***4567"),
        ("8765432", "8****32"),
        ("95588", "95588"),
        ("1001", "1001"),
        ("anonymous", "anonymous"),
        ("", ""),
    ],
)
def test_numbers_as_people_know_them(number: str, shown: str) -> None:
    assert masked(number) == shown


@given(NUMBERS)
def test_four_digits_are_hidden_and_the_rest_stands(number: str) -> None:
    shown = masked(number)
    digits = number.lstrip("+")
    hidden = shown.count("*")
    assert hidden == (HIDDEN if len(digits) >= SHORTEST else 0)
    assert len(shown) == len(number)
    assert all(after in {before, "*"} for before, after in zip(number, shown, strict=True))


@given(ANY_TEXT)
def test_masking_twice_hides_no_more(text: str) -> None:
    assert masked(masked(text)) == masked(text)
    assert masked_text(masked_text(text)) == masked_text(text)


@given(NUMBERS.filter(lambda number: 7 <= len(number.lstrip("+")) <= 15), st.sampled_from(" ,:;("))
def test_a_number_within_a_text_is_masked_alike(number: str, before: str) -> None:
    assert masked_text(f"call{before}{number} please") == f"call{before}{masked(number)} please"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("asked by 13812345678.", "asked by 138****5678."),
        ("客户13812345678来电", "客户138****5678来电"),
        ("电话：+86 138 1234 5678，急", "电话：+86 138 **** 5678，急"),
        ("138-1234-5678 or 0755-12345678", "138-****-5678 or 0755-****5678"),
        ("<sip:13812345678@10.0.0.1:5060>", "<sip:138****5678@10.0.0.1:5060>"),
    ],
)
def test_a_number_is_found_however_the_text_goes_on(text: str, shown: str) -> None:
    assert masked_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "01a22743-a919-7001-a07d-843812345678",
        "2026-11-29 10:15:00",
        "192.168.100.200",
        "1,234,567.00",
        "0198f7a2-1234567",
        "v1.2345678",
        "leg1234567",
        "12345678901234567890",
        "99 to 1001",
    ],
)
def test_digits_of_other_things_stay(text: str) -> None:
    assert masked_text(text) == text


def test_who_sees_what() -> None:
    stock, strict = NumberSight(), NumberSight(frozenset())
    for role in ("agent", "analyst", "", "unknown"):
        assert stock.number("13812345678", role) == "138****5678"
        assert stock.number("13812345678", role, present=True) == "13812345678"
        assert stock.text("to 13812345678", role) == "to 138****5678"
    for role in ("supervisor", "admin"):
        assert stock.number("13812345678", role) == "13812345678"
        assert stock.text("to 13812345678", role) == "to 13812345678"
        assert strict.number("13812345678", role) == "138****5678"
