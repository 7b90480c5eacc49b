"""Telephone numbers: any way of writing to E.164 (ITU-T), and back to what a trunk wants.

What is no full number - an extension, 110, 95588 - stays as it is written: only the network it is
dialled in knows what it means.
"""

import re
from functools import lru_cache

import phonenumbers
from msgspec import Struct

FULL_DIGITS = 9
"""A possible number with as many national digits is taken for full though no list has its range
yet: ranges are opened faster than lists are updated. Service numbers (95588) are shorter."""

_WRITTEN = re.compile(r"\+?[0-9 ()./-]+")

LONGEST = 40
"Characters; E.164 has 15 digits, and people write spaces, hyphens and prefixes around them."


class NumberFormat(Struct, frozen=True, kw_only=True):
    """How full numbers are written to a trunk; the last two steps change short ones, too."""

    style: str = "e164"
    '"e164": +8675512345678; "plain": the same without +; "national": 075512345678.'

    international: str = "00"
    "Prefix of other countries' numbers in the national style."

    strip: str = ""
    "Digits to take off the front, if they are there."

    prefix: str = ""
    "Digits to put in front then."


def to_e164(number: str, country: str) -> str:
    """Return the number as E.164 with +, or unchanged when it is none that can be dialled abroad.

    `country` is the ISO 3166 region that numbers without country code belong to.
    """
    if len(number) > LONGEST or not _WRITTEN.fullmatch(number):
        return number  # a name: the numbers within it are not meant
    return _to_e164(number, country)


@lru_cache(4096)  # a busy hour's callers; a parse costs some 50 µs
def _to_e164(number: str, country: str) -> str:
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return number
    if not _is_full(parsed):
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def ways_of_writing(number: str, country: str) -> set[str]:
    """Return a number as it is written and dialled: from abroad with + and 00, at home without.

    An extension is written in one way. The digits alone are only this country's numbers: +1
    3812345678 without its + would be somebody's in China.
    """
    e164 = to_e164(number, country)
    if not e164.startswith("+"):
        return {number}
    ways = {number, e164, f"00{e164[1:]}"}
    code = str(country_code(country))
    if e164.startswith(f"+{code}"):
        national = e164[1 + len(code) :]
        ways |= {e164[1:], national, f"0{national}"}
    return ways


def country_code(country: str) -> int:
    """Return the code that stands behind the + of this country's numbers."""
    return int(phonenumbers.country_code_for_region(country))


def is_of_its_country(e164: str, country: str) -> bool:
    """Tell whether a number under this country's code can be one of its numbers.

    False for digits that its exchanges would take for something else: a prefix that leads abroad
    or to another carrier, or too few. Of other countries' numbers nothing is known: True.
    """
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return True
    if parsed.country_code != country_code(country):
        return True
    written = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if written != e164 or not _is_full(parsed):
        return False
    # What no list has must not begin like a prefix: with 0 (Italy's numbers are listed), or 17909.
    digits = phonenumbers.national_significant_number(parsed)
    return phonenumbers.is_valid_number(parsed) or to_e164(digits, country) == e164


def _is_full(number: phonenumbers.PhoneNumber) -> bool:
    return phonenumbers.is_valid_number(number) or (
        phonenumbers.is_possible_number(number)
        and len(phonenumbers.national_significant_number(number)) >= FULL_DIGITS
    )


@lru_cache(4096)
def for_trunk(number: str, country: str, form: NumberFormat) -> str:
    """Return the number as the trunk wants it; `country` as in `to_e164`."""
    full = to_e164(number, country)
    if full.startswith("+"):
        full = _styled(full, country, form)
    if form.strip:
        full = full.removeprefix(form.strip)
    return form.prefix + full


def is_country(code: str) -> bool:
    """Tell whether numbering plans know this ISO 3166 region."""
    return code in phonenumbers.SUPPORTED_REGIONS


def _styled(e164: str, country: str, form: NumberFormat) -> str:
    if form.style == "plain":
        return e164[1:]
    if form.style != "national":
        return e164
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164  # a foreign switch's own idea of a number with +
    if parsed.country_code != country_code(country):
        return form.international + e164[1:]
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(char for char in national if char.isdigit())
