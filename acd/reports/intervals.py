"""Confidence intervals of shares and of the difference of two, without tables or libraries."""

from math import sqrt

Z_95 = 1.959964
"97.5 % of a normal distribution lie below it: two-sided intervals of 95 %."


def wilson(successes: float, trials: float, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Kept within 0–1 by itself, and not empty at 0 or `trials` successes.
    """
    if trials <= 0.0:
        return 0.0, 1.0
    share = successes / trials
    shrink = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / shrink
    half = z * sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def newcombe(
    successes: float, trials: float, others: float, other_trials: float, z: float = Z_95
) -> tuple[float, float]:
    """Return the interval of successes/trials − others/other_trials for independent samples.

    Method 10 of Newcombe, Statistics in Medicine 17, 873–890, 1998: the two score intervals,
    joined by their squares; its coverage holds where the plain one fails, at few or no successes.
    """
    if trials <= 0.0 or other_trials <= 0.0:
        return -1.0, 1.0
    share, other = successes / trials, others / other_trials
    low, high = wilson(successes, trials, z)
    other_low, other_high = wilson(others, other_trials, z)
    difference = share - other
    down = sqrt((share - low) ** 2 + (other_high - other) ** 2)
    up = sqrt((high - share) ** 2 + (other - other_low) ** 2)
    return difference - down, difference + up


def mean_difference(
    first: tuple[float, float, float], second: tuple[float, float, float], z: float = Z_95
) -> tuple[float, float]:
    """Return the interval of the difference of two means, each sample as (n, Σx, Σx²).

    Normal approximation with each sample's own variance (Welch, Biometrika 34, 1947, at degrees
    of freedom that do not matter from some dozens on).
    """
    parts = []
    for n, total, squares in (first, second):
        mean = total / n
        variance = max(0.0, squares / n - mean * mean) * n / max(1.0, n - 1.0)
        parts.append((mean, variance / n))
    difference = parts[0][0] - parts[1][0]
    half = z * sqrt(parts[0][1] + parts[1][1])
    return difference - half, difference + half
