"""Who leaves the group's cloud: robust outliers among points of several coordinates.

A mean and a covariance are pulled by the very outliers that they should find. So the cloud is
fitted to its densest part alone: the minimum covariance determinant (Rousseeuw and Van Driessen,
"A fast algorithm for the minimum covariance determinant estimator", Technometrics 41, 1999), and a
point's squared robust distance is held against a quantile of chi-square. With too few points for
that, each coordinate is judged by itself: its robust z-score (x - median) / Qn (Rousseeuw and
Croux, "Alternatives to the median absolute deviation", JASA 88, 1993). Of ten usual agents with
four coordinates each, 3.5 median absolute deviations flag 6.6 % for nothing, 3.5 Qn 0.5 %.
"""

import math
import statistics
import warnings
from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

POINTS_PER_COORDINATE = 5
"Fewer, and the covariance is not trusted (Rousseeuw and Van Zomeren 1990: n > 5 p)."

CLOUD_LEVEL = 0.99
"Share of a normal group that stays inside: of 100 usual agents, one is called out for nothing."

Z_LIMIT = 3.5
"""Of a robust z-score: with 6 to 40 usual points of four coordinates at most one in a hundred is
beyond it (the limit that Iglewicz and Hoaglin give for theirs, 1993)."""

QN_TO_SIGMA = 2.2219
"""Qn as the standard deviation of the normal. Its correction of small samples is left out, so that
they are judged more carefully."""

MEAN_DEVIATION_TO_SIGMA = 1.253314
"sqrt(pi / 2): mean absolute deviation to standard deviation, where most values are equal."

SEED = 0
"Of the subsets that the estimator draws: the same points always give the same answer."


class Method(Enum):
    """By which statistic the points were judged."""

    MCD = "mcd"
    "Robust distance; `CloudPoint.distance` is compared with the cut-off."

    ROBUST_Z = "robust_z"
    "The largest robust z-score of a coordinate."


class CloudPoint(Struct, frozen=True, kw_only=True):
    """One point's judgement."""

    distance: float
    "Robust distance (MCD) or largest absolute robust z-score."

    z: tuple[float, ...]
    "Robust z-score of each coordinate, signed: in which direction it is far."

    outlier: bool

    @property
    def furthest(self) -> int:
        """Return the coordinate in which the point is furthest from the median."""
        return max(range(len(self.z)), key=lambda index: abs(self.z[index]))


class Cloud(Struct, frozen=True, kw_only=True):
    """What was found."""

    method: Method
    cutoff: float
    points: tuple[CloudPoint, ...]


def robust_z(values: Sequence[float]) -> tuple[float, ...]:
    """Return the robust z-scores; all 0 where the values do not differ."""
    median = statistics.median(values)
    scale = _qn(values)
    if scale == 0.0:
        deviations = [abs(value - median) for value in values]
        scale = statistics.fmean(deviations) * MEAN_DEVIATION_TO_SIGMA
    if scale == 0.0:
        return (0.0,) * len(values)
    return tuple((value - median) / scale for value in values)


def _qn(values: Sequence[float]) -> float:
    """Return Qn: the k-th smallest distance of two points, k = C(n // 2 + 1, 2), as a sigma."""
    import numpy as np

    half = len(values) // 2 + 1
    order = half * (half - 1) // 2
    data = np.asarray(values, dtype=float)
    one, other = np.triu_indices(len(values), 1)
    if order == 0 or order > len(one):
        return 0.0
    distances = np.partition(np.abs(data[one] - data[other]), order - 1)
    return float(distances[order - 1]) * QN_TO_SIGMA


def cloud(points: Sequence[Sequence[float]], *, level: float = CLOUD_LEVEL) -> Cloud:
    """Judge points that all have the same coordinates; finite numbers, at least one point.

    A coordinate in which the points hardly differ takes no part in the distance. Raises ValueError
    for a point with another number of coordinates or one that is not finite.
    """
    _check(points)
    scores = [robust_z(column) for column in zip(*points, strict=True)]
    z = list(zip(*scores, strict=True))
    spread = [index for index, score in enumerate(scores) if _is_spread(score)]
    if len(points) > POINTS_PER_COORDINATE * len(spread) and len(spread) > 1:
        # In z-scores the coordinates are alike in size; the estimator itself does not mind.
        distances = _robust_distances([[row[index] for index in spread] for row in z])
        if distances is not None:
            cutoff = _chi_quantile(level, len(spread))
            return _judged(Method.MCD, cutoff, z, distances)
    return _judged(Method.ROBUST_Z, Z_LIMIT, z, [max(map(abs, row)) for row in z])


def _check(points: Sequence[Sequence[float]]) -> None:
    width = len(points[0])
    for point in points:
        if len(point) != width:
            raise ValueError(f"a point has {len(point)} coordinates, the first one {width}")
        if not all(map(math.isfinite, point)):
            raise ValueError(f"{tuple(point)} is no point: finite numbers are wanted")


def _is_spread(scores: Sequence[float]) -> bool:
    """Return whether more than half of the points differ in it, else a plane holds the cloud."""
    return statistics.median(map(abs, scores)) > 0.0


def _robust_distances(points: list[list[float]]) -> list[float] | None:
    """Return distances from the cloud's densest part; None where that part is flat."""
    # Half a second of imports that only this report needs.
    import numpy as np
    from sklearn.covariance import MinCovDet

    data = np.asarray(points, dtype=float)
    with warnings.catch_warnings():
        # It warns of a flat cloud, or of a flat part of it, and goes on with nonsense.
        warnings.simplefilter("error", UserWarning)
        try:
            squared = MinCovDet(random_state=SEED).fit(data).mahalanobis(data)
        except (UserWarning, ValueError, np.linalg.LinAlgError):
            return None
    return [math.sqrt(max(0.0, value)) for value in squared.tolist()]


def _chi_quantile(level: float, degrees: int) -> float:
    """Return the root of the quantile of chi-square: the cut-off of a distance."""
    from scipy.stats import chi2

    return math.sqrt(float(chi2.ppf(level, degrees)))


def _judged(
    method: Method, cutoff: float, z: list[tuple[float, ...]], distances: list[float]
) -> Cloud:
    return Cloud(
        method=method,
        cutoff=cutoff,
        points=tuple(
            CloudPoint(distance=distance, z=row, outlier=distance > cutoff)
            for row, distance in zip(z, distances, strict=True)
        ),
    )
