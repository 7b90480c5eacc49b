"""A report whose lines come some at a time, for files that hold all of them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from acd.reports.report import Report, Row


@dataclass(frozen=True, slots=True)
class Stream:
    """One report; its lines are to be read while the database's connection is there."""

    report: Report
    "All but the lines."

    total: int
    "How many lines will come."

    rows: AsyncIterator[Sequence[Row]]


async def at_once(rows: Sequence[Row]) -> AsyncIterator[Sequence[Row]]:
    """Yield rows that are there already."""
    yield rows
