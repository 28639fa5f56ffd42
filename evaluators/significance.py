"""Is one system better than another? Paired tests on the same samples, and the spread over seeds.

The bootstrap draws the samples again, the same for both systems, and gives an interval of the difference. The permutation
test asks how often a difference at least as large appears, in either direction, when each sample's two outcomes are given to
the systems by the toss of a coin. Source: Efron and Tibshirani (1993), chapters 13 and 15; Phipson and Smyth, Permutation
P-values Should Never Be Zero (2010), for p = (1 + as large) / (1 + tosses); Holm (1979) for several comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from .intervals import CELLS, RESAMPLES, bootstrap, group_sums
from .outcome import nanmean

PERMUTATIONS = 10_000
EXACT = 14  # at most so many samples that differ: all 2**14 assignments are gone through instead of drawing some
ROUNDING = 1e-12  # differences that are closer than this share of what they are made of are the same

Array = np.ndarray[Any, np.dtype[Any]]


def paired_bootstrap(
    a: Array, b: Array, rng: np.random.Generator, resamples: int = RESAMPLES, groups: Array | None = None
) -> tuple[float, float, float]:
    """Mean of a - b over units, and its 95 % interval: difference, low, high.

    a, b (units,): both systems' numbers for the same units; units that are NaN in either are left out. ``groups`` as in
    :func:`evaluators.intervals.bootstrap`.
    """
    differences = _differences(a, b)
    return (nanmean(differences), *bootstrap(differences, rng, resamples, groups))


def paired_permutation(
    a: Array, b: Array, rng: np.random.Generator, permutations: int = PERMUTATIONS, groups: Array | None = None
) -> float:
    """Two-sided p of "the mean of a - b is 0": each unit's (or group's) difference keeps or changes its sign.

    a, b (units,) as in :func:`paired_bootstrap`. NaN where no unit has both numbers, or one is infinite. Exact where at most
    14 units differ.
    """
    sums, counts = group_sums(_differences(a, b), groups)
    if not counts.any() or not np.isfinite(sums).all():
        return float("nan")
    sums = sums[sums != 0]
    total, slack = sums.sum(), ROUNDING * np.abs(sums).sum()
    swaps = _swaps(len(sums), len(sums), rng, permutations)
    return _p((total - 2 * (swapped @ sums) for swapped in swaps), abs(total) - slack, len(sums) <= EXACT)


def _differences(a: Array, b: Array) -> Array:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a and b must be (units,) of one length, found {a.shape} and {b.shape}")
    with np.errstate(invalid="ignore"):  # inf - inf
        return np.asarray(a - b)


def swap_test(
    statistic: Callable[[Array], Array],
    a: Array,
    b: Array,
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> float:
    """Two-sided p of "both systems have the same number", for a number of the whole dataset, such as mIoU.

    a, b (samples, ...): each sample's counts under each system. ``statistic`` maps totals over samples, float64
    (swaps, ...), to numbers (swaps,). In each swap the two systems exchange the counts of a random half of the samples.
    NaN where a system has no number; a swap in which one has none counts against the difference.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same samples and counts, found {a.shape} and {b.shape}")
    shape, a, b = a.shape[1:], a.reshape(len(a), -1), b.reshape(len(b), -1)
    totals, moved = (a.sum(axis=0), b.sum(axis=0)), (b - a)[(a != b).any(axis=1)]

    def numbers(swapped: Array) -> tuple[Array, Array]:
        change = swapped @ moved
        first, second = (np.reshape(total, (-1, *shape)) for total in (totals[0] + change, totals[1] - change))
        return statistic(first), statistic(second)

    one, other = (float(number[0]) for number in numbers(np.zeros((1, len(moved)))))
    if np.isnan(one - other):
        return float("nan")
    threshold = abs(one - other) - ROUNDING * max(abs(one), abs(other))
    swaps = _swaps(len(moved), max(moved.shape), rng, permutations)
    return _p((np.subtract(*numbers(swapped)) for swapped in swaps), threshold, len(moved) <= EXACT)


def _p(differences: Iterable[Array], threshold: float, exact: bool) -> float:
    """Share of the swaps' differences that are not below the threshold, on either side."""
    large = swaps = 0
    for part in differences:
        large += int((~(np.abs(part) < threshold)).sum())
        swaps += len(part)
    return large / swaps if exact else (1 + large) / (1 + swaps)


def _swaps(units: int, width: int, rng: np.random.Generator, permutations: int) -> Iterator[Array]:
    """Which units change sides: float64 0 or 1 (at most CELLS / width, units) at a time; all ways where they are few."""
    exact, step = units <= EXACT, max(1, CELLS // max(width, 1))
    swaps = 2**units if exact else permutations
    for start in range(0, swaps, step):
        rows = min(step, swaps - start)
        if exact:
            yield (np.arange(start, start + rows)[:, None] >> np.arange(units) & 1).astype(np.float64)
        else:
            yield rng.integers(0, 2, (rows, units), np.uint8).astype(np.float64)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p values of several comparisons, raised so that the chance of one false finding among all stays as low as each says.

    The smallest is multiplied by their number m, the next by m - 1, ..., none below the one before nor above 1. NaN stays.
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p == p)
    result, largest = [float("nan")] * len(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        result[place] = largest
    return tuple(result)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (divided by n - 1) over seeds; the deviation of one run is NaN."""
    numbers = np.asarray(values, np.float64)
    if not len(numbers):
        return float("nan"), float("nan")
    deviation = numbers.std(ddof=1) if len(numbers) > 1 else float("nan")
    return float(numbers.mean()), float(deviation)
