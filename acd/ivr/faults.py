"""Mistakes in documents: where each stands, what it is, and what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

Path = tuple[str | int, ...]
"Keys and indices from the top of the document down."

Data = dict[str, Any] | list[Any] | str | int | float | bool | None


class IvrError(Exception):
    """Root of this package's errors."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a file. Lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: str
    'Where in the document: "nodes.menu.timeout_s"; empty for the whole.'

    message: str
    hint: str = ""
    "What would be right."

    def __str__(self) -> str:
        """Return `file:line:column: message (hint)`."""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{hint}"


class DocumentError(IvrError):
    """The document cannot be used; `faults` are all its mistakes in the file's order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(
            sorted(faults, key=lambda fault: (fault.file, fault.line, fault.column))
        )
        super().__init__("\n".join(map(str, self.faults)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest known word, else some of the known ones."""
    names = sorted(set(known))
    if near := get_close_matches(word, names, n=1, cutoff=0.6):
        return f"did you mean {near[0]!r}?"
    if not names:
        return ""
    more = ", …" if len(names) > 12 else ""
    return f"known: {', '.join(names[:12])}{more}"
