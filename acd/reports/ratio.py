"""Rates as what they are made of: sums of measures over sums of measures.

Said once, and computed for one cell or for whole columns of cells at once, with the same result
to the last bit: a long report has hundreds of thousands of lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import add

from msgspec import Struct

from .measures import Measures

Columns = Mapping[str, Sequence[float]]
"Measures by name, `offered` too; a value per line."


class Ratio(Struct, frozen=True):
    """One rate, or mean."""

    part: tuple[str, ...]
    "Measures whose sum is divided …"

    whole: tuple[str, ...]
    "… by the sum of these."

    def of(self, measures: Measures) -> float | None:
        """Return its value for one cell; None where there is nobody to divide by."""
        whole = _sum(measures, self.whole)
        return _sum(measures, self.part) / whole if whole else None

    def column(self, columns: Columns) -> list[float | None]:
        """Return its value for each line."""
        pairs = zip(_added(columns, self.part), _added(columns, self.whole), strict=True)
        return [part / whole if whole else None for part, whole in pairs]


def _sum(measures: Measures, names: tuple[str, ...]) -> float:
    sums: Iterable[float] = (getattr(measures, name) for name in names)
    return reduce(add, sums)


def _added(columns: Columns, names: tuple[str, ...]) -> Sequence[float]:
    """Return the columns' sum, added in their order as `_sum` does."""
    found = columns[names[0]]
    for name in names[1:]:
        found = list(map(add, found, columns[name]))
    return found
