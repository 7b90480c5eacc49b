"""Numbers: to E.164 and back to what a trunk wants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.sip.phone_numbers import NumberFormat, for_trunk, is_country, to_e164


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("13800138000", "+8613800138000"),
        ("013800138000", "+8613800138000"),
        ("0755 1234-5678", "+8675512345678"),
        ("8675512345678", "+8675512345678"),
        ("008613800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("0012125551234", "+12125551234"),
        ("4008001234", "+864008001234"),
        # A range that lists may not have yet.
        ("19900000000", "+8619900000000"),
    ],
)
def test_full_numbers_however_written(written, full):
    assert to_e164(written, "CN") == full


NO_FULL_NUMBERS = ["110", "120", "95588", "4000", "1001", "*11", "", "anonymous", "gw13800138000"]


@pytest.mark.parametrize("short", NO_FULL_NUMBERS)
def test_what_is_no_full_number_stays(short):
    assert to_e164(short, "CN") == short


@pytest.mark.parametrize(
    ("style", "near", "far"),
    [
        ("e164", "+8675512345678", "+12125551234"),
        ("plain", "8675512345678", "12125551234"),
        ("national", "075512345678", "0012125551234"),
    ],
)
def test_styles(style, near, far):
    form = NumberFormat(style=style)
    assert for_trunk("+8675512345678", "CN", form) == near
    assert for_trunk("+12125551234", "CN", form) == far


def test_strip_and_prefix_come_last_and_count_for_short_numbers_too():
    form = NumberFormat(style="national", strip="0", prefix="9")
    assert for_trunk("+8675512345678", "CN", form) == "975512345678"
    assert for_trunk("110", "CN", form) == "9110"


def test_countries():
    assert is_country("CN")
    assert not is_country("XX")


@given(st.text(max_size=60))
def test_any_text_is_taken(number):
    full = to_e164(number, "CN")
    assert full == number or full.startswith("+")
    assert to_e164(full, "CN") == full
    for style in ("e164", "plain", "national"):
        for_trunk(number, "CN", NumberFormat(style=style))
