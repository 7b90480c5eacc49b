"""The intervals against the worked examples of the papers that they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.reports.intervals import mean_difference, newcombe, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17, 857–872, 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("successes", "trials", "others", "other_trials", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17, 873–890, 1998, table II, method 10
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombe(successes, trials, others, other_trials, low, high):
    found = newcombe(successes, trials, others, other_trials)
    assert found == pytest.approx((low, high), abs=5e-5)


counts = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, counts)
def test_the_difference_lies_within_its_interval_and_the_other_way_round_is_its_mirror(one, other):
    low, high = newcombe(*one, *other)
    difference = one[0] / one[1] - other[0] / other[1]
    assert -1.0 - 1e-9 <= low <= difference + 1e-12
    assert difference - 1e-12 <= high <= 1.0 + 1e-9
    assert newcombe(*other, *one) == pytest.approx((-high, -low))


def test_without_calls_everything_is_possible():
    assert wilson(0, 0) == (0.0, 1.0)
    assert newcombe(3, 5, 0, 0) == (-1.0, 1.0)


def test_the_difference_of_means():
    # 1…5: mean 3, variance 2.5; 2, 4, 6, 8: mean 5, variance 20/3.
    #   −2 ± 1.959964·√(2.5/5 + (20/3)/4) = −2 ± 2.88499
    first = (5.0, 15.0, 55.0)
    second = (4.0, 20.0, 120.0)
    assert mean_difference(first, second) == pytest.approx((-4.88499, 0.88499), abs=1e-4)
