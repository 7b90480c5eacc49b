"""Customers whose number was erased, so that no record that is shipped later brings it back.

The journal cannot be changed; it holds the number until its segments are deleted. What is shipped
again from it, after a backup was restored or by `acd records replay`, passes through here. The
file knows no number: only its hash, and what stands in its place.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from acd.calls.cdr_rows import Callback, Interaction, Leg, Row, Transfer

from .customer_keys import CustomerKeys, customer_number
from .errors import ErasureError
from .private_file import replace_private

FILE = "erased.json"


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


class Eraser:
    """Takes erased customers' numbers out of rows before they are stored."""

    def __init__(self, keys: CustomerKeys, erasures: tuple[Erasure, ...]) -> None:
        self._keys = keys
        self._by_key = {one.customer_key: one for one in erasures}

    def clean(self, row: Row) -> None:
        """Take the number out of a row, if its customer was erased after it."""
        if not self._by_key:
            return
        match row:
            case Interaction():
                self._clean_interaction(row)
            case Leg() | Callback():
                if self._erased(row.number, row.started_us):
                    row.number = ""
            case Transfer():
                if self._erased(row.target, row.started_us):
                    row.target = ""
            case _:
                pass  # holds no number

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
