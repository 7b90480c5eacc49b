"""blacklist.yaml: callers who are not wanted."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .values import Section, fault


class BlockedNumber(Section):
    """One caller, or all whose numbers begin in this way."""

    number: Annotated[str, Field(pattern=r"^\+?[A-Za-z0-9._-]{1,63}\*?$")]
    "The caller's number, E.164 (+8613800138000) from trunks; a * at the end: all that begin so."

    reason: Annotated[str, Field(max_length=200)] = ""
    "Why; stands in the record of each refused call."

    status: Literal[403, 480, 486, 603] = 603
    "The SIP answer: 603 declined, 403 forbidden, 486 busy, 480 not available."

    flow: str = ""
    "An IVR flow that the caller gets instead, with a prompt that says why; empty: none."


class Blacklist(Section):
    """Callers from outside who are not wanted; our own accounts are not looked up here."""

    anonymous: Literal["accept", "refuse"] = "accept"
    "Callers who withhold their number: accept, or refuse with 433."

    blocked: Annotated[tuple[BlockedNumber, ...], Field(max_length=100_000)] = ()
    "Numbers and beginnings of numbers; the number itself counts before the longest beginning."

    @model_validator(mode="after")
    def _once(self) -> Self:
        counts = Counter(entry.number for entry in self.blocked)
        twice = sorted(number for number, count in counts.items() if count > 1)
        if twice:
            raise fault(f"{twice[0]} is blocked twice", "one entry per number")
        return self
