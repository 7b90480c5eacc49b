"""Percentiles from a sketch: near the true ones, however it was put together."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.sketch import (
    GAMMA,
    NOTHING,
    RELATIVE_ERROR,
    SMALLEST_S,
    Sketch,
    bucket_of,
    value_of,
)

WEEK_S = 7 * 86_400.0
seconds = st.floats(0.0, WEEK_S)
shares = st.floats(0.0, 1.0)


def true_quantile(values: list[float], share: float) -> float:
    return sorted(values)[floor(1.0 + share * (len(values) - 1)) - 1]


@given(st.lists(seconds, min_size=1, max_size=200), shares)
def test_a_quantile_is_within_the_stated_error(values, share) -> None:
    true = true_quantile(values, share)
    told = Sketch.of(values).quantile(share)
    assert told is not None
    if true < SMALLEST_S:
        assert told == 0.0
    else:
        assert abs(told - true) <= true * (RELATIVE_ERROR + 1e-9)


@given(st.lists(st.lists(seconds, max_size=30), max_size=8), shares)
def test_sketches_of_parts_make_the_sketch_of_the_whole(parts, share) -> None:
    whole = Sketch.of([value for part in parts for value in part])
    merged = sum(map(Sketch.of, reversed(parts)), Sketch())
    assert merged == whole
    assert merged.quantile(share) == whole.quantile(share)
    assert merged.total == sum(map(len, parts))


@given(seconds)
def test_a_bucket_holds_its_value(value) -> None:
    bucket = bucket_of(value)
    if value < SMALLEST_S:
        assert bucket == NOTHING
        return
    assert GAMMA ** (bucket - 1) * (1 - 1e-12) <= value <= GAMMA**bucket * (1 + 1e-12)
    assert abs(value_of(bucket) - value) <= value * (RELATIVE_ERROR + 1e-9)


def test_borders() -> None:
    assert bucket_of(1.0) == 0
    assert bucket_of(SMALLEST_S) == -345
    assert bucket_of(WEEK_S) == 666
    assert Sketch().quantile(0.5) is None
    with pytest.raises(ValueError, match="expected 0 to 1"):
        Sketch.of([1.0]).quantile(1.5)


def test_percentiles_of_a_hundred_waits() -> None:
    sketch = Sketch.of(float(wait) for wait in range(1, 101))
    told = [sketch.quantile(share) for share in (0.5, 0.8, 0.9, 0.95, 1.0)]
    assert told == pytest.approx([50, 80, 90, 95, 100], rel=RELATIVE_ERROR)
