"""Percentiles that can be added up: a sketch of values in buckets whose borders grow by a factor.

After Masson, Rim, Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees", Proc. VLDB Endowment 12 (12), 2019. Any quantile of values from
`SMALLEST_S` on is off by at most `RELATIVE_ERROR` of itself, however many sketches were merged.
Buckets are not collapsed: a week in seconds lies in bucket 666, so a sketch has some thousand
buckets at most. The database counts by the same numbers (`kpi_bucket` in acd/storage/migrations).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil, floor, log

from msgspec import Struct

RELATIVE_ERROR = 0.01
"1 %: a wait of 20 s is told as 19.8 to 20.2 s."

GAMMA = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR)
"Bucket i holds the values of (GAMMA^(i − 1), GAMMA^i]."

LN_GAMMA = log(GAMMA)

SMALLEST_S = 0.001
"What is shorter, 1 ms, counts as nothing: no telephone tells it apart."

NOTHING = -1_000
"The bucket of what is shorter than `SMALLEST_S`, which itself lies in bucket −345."


def bucket_of(seconds: float) -> int:
    """Return the number of a value's bucket."""
    return NOTHING if seconds < SMALLEST_S else ceil(log(seconds) / LN_GAMMA)


def value_of(bucket: int) -> float:
    """Return what stands for a bucket's values: off from any of them by `RELATIVE_ERROR`."""
    return 0.0 if bucket == NOTHING else 2.0 * GAMMA**bucket / (GAMMA + 1.0)


class Sketch(Struct, frozen=True):
    """How many values lie in which bucket."""

    counts: Mapping[int, int] = {}

    @classmethod
    def of(cls, values: Iterable[float]) -> "Sketch":
        """Return the sketch of some values, in seconds."""
        return cls(Counter(map(bucket_of, values)))

    @property
    def total(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    def __add__(self, other: "Sketch") -> "Sketch":
        """Return the sketch of the values of both."""
        counts = Counter(self.counts)
        counts.update(other.counts)
        return Sketch(counts)

    def quantile(self, share: float) -> float | None:
        """Return the lower quantile, the value of rank ⌊1 + share · (n − 1)⌋; None of nothing."""
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share {share}: expected 0 to 1")
        rank = floor(1.0 + share * (self.total - 1))
        passed = 0
        for bucket in sorted(self.counts):
            passed += self.counts[bucket]
            if passed >= rank:
                return value_of(bucket)
        return None
