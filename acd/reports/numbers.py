"""Who sees telephone numbers whole, and what the others see: 138****5678.

Hidden are four digits, as on Chinese waybills and bills: who knows the customer recognises the
number, and nobody can call it. Short numbers (extensions, 110, 95588) are nobody's own and stay.
"""

import re
from collections.abc import Set as AbstractSet

from msgspec import Struct

HIDDEN = 4
SHORTEST = 7
"Digits of the shortest subscriber's number in China's plan (without area code)."

LAST = 4
"Digits shown at the end, of a number that is long enough."

STAR = "*"

_BEFORE, _AFTER = r"(?<![A-Za-z0-9_.+*-])", r"(?![A-Za-z0-9_*-]|\.[A-Za-z0-9_*])"
"""Digits within names, ids and addresses are no number. A full stop that ends the sentence is not
part of it, and neither are Chinese characters, between which there are no blanks."""

_MOBILE = r"(?:\+?86[ -]?)?1[0-9*]{2}[ -][0-9*]{4}[ -][0-9*]{4}"
_LANDLINE = r"0[0-9*]{2,3}[ -][0-9*]{7,8}"
"As people write numbers of China in groups; any digits between blanks would be dates, too."

_IN_TEXT = re.compile(rf"{_BEFORE}(?:{_MOBILE}|{_LANDLINE}|\+?[0-9*]{{7,15}}){_AFTER}")
"A number within a text; 15 digits are E.164's limit."


def masked(number: str) -> str:
    """Return a number with four of its digits hidden; one that is short or hidden, as it is.

    >>> masked("+8613812345678")
    '+86138****5678'
    """
    places = [at for at, char in enumerate(number) if char.isdecimal() or char == STAR]
    count = len(places)
    if count < SHORTEST:
        return number
    last = min(LAST, (count - HIDDEN + 1) // 2)
    hidden = set(places[count - last - HIDDEN : count - last])
    return "".join(STAR if at in hidden else char for at, char in enumerate(number))


def masked_text(text: str) -> str:
    """Return a text with the numbers in it masked."""
    return _IN_TEXT.sub(lambda found: masked(found[0]), text)


class NumberSight(Struct, frozen=True):
    """Which roles see numbers whole (`privacy.numbers_shown_to`).

    The one exception is the present call: who talks to a customer sees the number, whatever the
    role, for the phone shows it anyway.
    """

    shown_to: AbstractSet[str] = frozenset({"supervisor", "admin"})

    def number(self, number: str, role: str, *, present: bool = False) -> str:
        """Return a number as a role sees it; `present`: of the call that this agent is in now."""
        return number if present or role in self.shown_to else masked(number)

    def text(self, text: str, role: str) -> str:
        """Return a text that may name numbers as a role sees it."""
        return text if role in self.shown_to else masked_text(text)
