"""Outliers of a cloud: planted ones are found, usual ones stay, order and units do not matter."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.reports.cloud import Method, cloud, robust_z


def agents(count: int, seed: int) -> list[tuple[float, float, float]]:
    """Conversion, cancel rate and answered calls of usual agents; the first two hang together."""
    draw = random.Random(seed)
    points = []
    for _ in range(count):
        skill = draw.gauss(0, 1)
        points.append(
            (
                0.6 + 0.05 * skill + 0.01 * draw.gauss(0, 1),
                0.1 - 0.02 * skill + 0.01 * draw.gauss(0, 1),
                1_500 + 200 * draw.gauss(0, 1),
            )
        )
    return points


def test_planted_outlier_is_found_although_each_of_its_coordinates_is_usual():
    # Who converts most and is cancelled most: only the two together are odd.
    found = cloud([*agents(120, 1), (0.68, 0.13, 1_500)])
    assert found.method is Method.MCD
    assert found.points[-1].outlier
    assert max(map(abs, found.points[-1].z)) < 3.5


def test_usual_agents_stay_inside():
    flagged = sum(point.outlier for seed in range(6) for point in cloud(agents(200, seed)).points)
    # One in a hundred is expected of a normal group; the estimator is a little stricter.
    assert flagged < 0.03 * 6 * 200


def test_a_quarter_of_outliers_does_not_hide_each_other():
    crowd = [(0.30 + 0.001 * index, 0.45, 700 + index) for index in range(30)]
    found = cloud([*agents(90, 3), *crowd])
    assert all(point.outlier for point in found.points[90:])
    assert sum(point.outlier for point in found.points[:90]) <= 9


def test_few_agents_are_judged_by_each_coordinate_alone():
    points = [(0.6 + 0.01 * index, 0.1) for index in range(6)]
    found = cloud([*points, (0.1, 0.1)])
    assert found.method is Method.ROBUST_Z
    assert [point.outlier for point in found.points] == [False] * 6 + [True]
    assert found.points[-1].furthest == 0
    assert found.points[-1].z[0] < 0


def test_robust_z_by_hand():
    # Five points: the third smallest of their ten distances (1 1 1 1 2 2 3 96 ...), k = C(3, 2).
    assert robust_z([1, 2, 3, 4, 100]) == pytest.approx(
        [-2 / 2.2219, -1 / 2.2219, 0, 1 / 2.2219, 97 / 2.2219]
    )


def test_qn_of_normal_values_is_their_standard_deviation():
    draw = random.Random(7)
    values = [draw.gauss(10, 2) for _ in range(1_000)]
    assert robust_z(values)[0] == pytest.approx((values[0] - 10) / 2, abs=0.15)


def test_values_that_hardly_differ_have_the_mean_deviation():
    # Most are equal: Qn is 0, mean deviation 10 / 5 = 2.
    assert robust_z([5, 5, 5, 5, 15]) == pytest.approx([0, 0, 0, 0, 10 / (2 * 1.253314)])
    assert robust_z([5, 5]) == (0.0, 0.0)
    assert robust_z([5]) == (0.0,)


def test_a_coordinate_without_spread_takes_no_part():
    points = [(a, b, 0.0) for a, b, _ in agents(60, 4)]
    assert cloud(points).points[0].z[2] == 0.0
    assert cloud(points).method is Method.MCD


def test_a_flat_cloud_is_judged_by_coordinates():
    points = [(float(index), 2.0 * index) for index in range(40)]
    assert cloud(points).method is Method.ROBUST_Z


@pytest.mark.parametrize("bad", [[(1.0,), (1.0, 2.0)], [(1.0,), (float("nan"),)]])
def test_what_is_no_point_is_named(bad):
    with pytest.raises(ValueError, match=r"coordinates|no point"):
        cloud(bad)


@settings(max_examples=15)
@given(st.permutations(range(40)), st.floats(0.01, 100), st.floats(-1_000, 1_000))
def test_order_and_units_do_not_matter(order, scale, shift):
    points = agents(40, 5)
    plain = cloud(points)
    other = cloud([(points[i][0] * scale + shift, points[i][1], points[i][2]) for i in order])
    assert other.method is plain.method
    for place, index in enumerate(order):
        assert other.points[place].z == pytest.approx(plain.points[index].z, rel=1e-5, abs=1e-5)
