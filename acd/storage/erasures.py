"""Customers whose number was erased, so that no record that is shipped later brings it back.

The journal cannot be changed; it holds the number until its segments are deleted. What is shipped
again from it, after a backup was restored or by `acd records replay`, passes through here. The
file knows no number: only its hash, and what stands in its place.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from acd.calls.cdr_rows import (
    AuditEntry,
    Callback,
    Closure,
    CsatAnswer,
    FlowStep,
    Interaction,
    Leg,
    Row,
    Transfer,
)

from .customer_keys import CustomerKeys, customer_number
from .errors import ErasureError
from .private_file import replace_private

FILE = "erased.json"

LONGEST = 20
"Characters of a number: E.164 has 15 digits, before them a prefix to dial abroad."


class Erasure(Struct, frozen=True):
    """One customer."""

    customer_key: str
    "Hash of the number, which interactions had before."

    pseudonym: str
    "What they have since: contacts of one customer stay together, and nobody knows whose."

    before_us: int
    "Contacts that began before this wall time; whoever calls again is known anew."


def read_erasures(path: Path) -> tuple[Erasure, ...]:
    """Return the customers erased so far. Raises ErasureError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Erasure, ...])
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError) as error:
        raise ErasureError(
            f"{path}: {error}; put a copy of it back: without it erased numbers could come again"
        ) from error


def add_erasures(path: Path, new: tuple[Erasure, ...]) -> None:
    """Note further customers. Raises ErasureError."""
    kept = {one.customer_key: one for one in (*read_erasures(path), *new)}
    try:
        replace_private(path, msgspec.json.format(msgspec.json.encode(list(kept.values()))))
    except OSError as error:
        raise ErasureError(f"{path}: {error.strerror}") from error


BETWEEN = r"[ .()-]{0,2}"
"What people write between a number's digits: 138 1234 5678, (0755) 1234-5678."

_RUN = re.compile(rf"\+?\d(?:{BETWEEN}\d){{6,}}")
_DIGITS = re.compile(r"\+?\d+")


def pattern_of(numbers: Iterable[str]) -> str:
    """Return an expression for these numbers in a text, for Postgres and Python alike.

    What stands within more digits is another number.
    """
    longest_first = sorted(numbers, key=lambda number: (-len(number), number))
    written = (BETWEEN.join(map(re.escape, number)) for number in longest_first)
    return rf"(?<![0-9])(?:{'|'.join(written)})(?![0-9])"


_NUMBERS: Mapping[type[Row], str] = {Leg: "number", Callback: "number", Transfer: "target"}
"Fields that hold nothing but a number."

_TEXTS: Mapping[type[Row], tuple[str, ...]] = {
    Interaction: ("detail",),
    FlowStep: ("note",),
    Closure: ("reason",),
    CsatAnswer: ("comment",),
    AuditEntry: ("subject", "before", "after", "why"),
}
"Fields in which somebody may have written one."


class Eraser:
    """Takes erased customers' numbers out of rows before they are stored."""

    def __init__(self, keys: CustomerKeys, erasures: tuple[Erasure, ...]) -> None:
        self._keys = keys
        self._by_key = {one.customer_key: one for one in erasures}

    def clean(self, row: Row) -> None:
        """Take the number out of a row, if its customer was erased after it."""
        if not self._by_key:
            return
        kind = type(row)
        if isinstance(row, Interaction):
            self._clean_interaction(row)
        if (field := _NUMBERS.get(kind)) and self._erased(getattr(row, field), _at_us(row)):
            setattr(row, field, "")
        for field in _TEXTS.get(kind, ()):
            setattr(row, field, self._without(getattr(row, field), _at_us(row)))

    def _clean_interaction(self, row: Interaction) -> None:
        customer = customer_number(row.direction, row.caller, row.number)
        erasure = self._erased(customer, row.started_us)
        if erasure is None:
            return
        row.customer_key = erasure.pseudonym
        if row.direction != "outbound":
            row.caller = row.caller_name = ""
        else:
            row.called = ""
        row.number = ""

    def _erased(self, number: str, started_us: int) -> Erasure | None:
        found = self._by_key.get(self._keys.of(number))
        return found if found is not None and started_us < found.before_us else None

    def _without(self, text: str, at_us: int) -> str:
        """Return a text without the erased numbers in it."""
        if _RUN.search(text) is None:
            return text
        found = {
            number
            for run in _RUN.findall(text)
            for number in _parts(run)
            if self._erased(number, at_us)
        }
        return re.sub(pattern_of(found), "", text) if found else text


def _at_us(row: Row) -> int:
    """Return when a row was told; its call's start may still have to be looked up."""
    at_us: int = getattr(row, "entered_us" if isinstance(row, CsatAnswer) else "started_us")
    return at_us


def _parts(run: str) -> Iterator[str]:
    """Yield the numbers that digits with blanks between them may be: each stretch of them."""
    pieces = _DIGITS.findall(run)
    for begin in range(len(pieces)):
        for end in range(begin + 1, len(pieces) + 1):
            number = "".join(pieces[begin:end])
            if len(number) > LONGEST:
                break
            yield number
            yield number.removeprefix("+")
