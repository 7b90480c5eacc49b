"""Values in the text format of Postgres' COPY (its manual, "COPY", File Formats).

Made here by the row, for the driver encodes value by value: that took a quarter of the shipping's
time. Text, for a whole row is one formatting then: the binary format wants each value's length.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

NULL = "\x1a"
"""Stands for NULL. The columns of text know none: where a text should be just this character, the
database refuses the row, which is then stored with care (`Writer.write`)."""

RECENT_MOMENTS = 32_768
"""Times whose text is kept: those of a batch of 2,000 interactions, some eight of each, twice. The
tables are written one after the other, and all of them have an interaction's start."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@lru_cache(RECENT_MOMENTS)
def moment_text(wall_us: int | None) -> str:
    """Return a wall time. Raises OverflowError for one that the driver could not read back."""
    if wall_us is None:
        return NULL
    second, rest_us = divmod(wall_us, _SECOND_US)
    return f"{_second_text(second)}.{rest_us:06}+00"


@lru_cache(RECENT_MOMENTS)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat(" ").removesuffix("+00:00")


def nullable_text(value: float | bool | None) -> str:
    """Return a number or a truth value that may be NULL."""
    return NULL if value is None else str(value)


def array_text(values: Iterable[str]) -> str:
    """Return an array of texts (the manual's "Arrays", Array Input and Output Syntax)."""
    quoted = (value.replace("\\", r"\\").replace('"', r"\"") for value in values)
    return "{" + ",".join(f'"{value}"' for value in quoted) + "}"


def lines(rows: Iterable[tuple[Any, ...]], columns: int) -> str:
    """Return rows of so many values, each of which `%s` formats as COPY wants it.

    Few texts hold a character that has to be escaped: it is seen by counting those of all rows.
    """
    line = "\t".join(["%s"] * columns) + "\n"
    values = list(rows)
    text = "".join([line % row for row in values])
    plain = (
        text.count("\t") == len(values) * (columns - 1)
        and text.count("\n") == len(values)
        and "\\" not in text
        and "\r" not in text
    )
    return text if plain else "".join([line % _escaped(row) for row in values])


def _escaped(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v.translate(_ESCAPES) if isinstance(v, str) else v for v in row)
