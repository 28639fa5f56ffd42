"""Confidence intervals: the percentile bootstrap, 95 %.

Units (videos, images) are drawn with replacement, as many as there are, the number is computed again, and this is done many
times; the interval is from the 2.5 % to the 97.5 % quantile of those numbers. A drawing is a vector of weights: how often
each unit was drawn. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.

With few units (say under 20) such intervals are too narrow. They tell what another draw of the test set would change, not
what another training run would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .outcome import ratio

RESAMPLES = 2000
COVERED = 0.95
CELLS = 1 << 20  # weights that are held at once, so that memory stays flat

Array = np.ndarray[Any, np.dtype[Any]]
Statistic = Callable[[Array], Array]  # weights float64 (draws, units) to numbers (draws,)
Interval = tuple[float, float]  # low, high; NaN where there is none


def bootstrap(
    values: Array, rng: np.random.Generator, resamples: int = RESAMPLES, groups: Array | None = None
) -> Interval:
    """Interval of the mean of ``values`` (units,), which leaves out NaN.

    ``groups`` int (units,): units of one group are drawn together, as frames of one video must be, since they are alike; see
    :func:`sample_groups`. NaN, NaN where fewer than two units (or groups) have a number, or one is infinite.
    """
    sums, counts = group_sums(values, groups)
    if (counts > 0).sum() < 2 or not np.isfinite(sums).all():
        return float("nan"), float("nan")
    return bootstrap_statistic(lambda drawn: ratio(drawn @ sums, drawn @ counts), len(sums), rng, resamples)


def bootstrap_statistic(
    statistic: Statistic, units: int, rng: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """Interval of any number that can be computed from weights, such as the mIoU of a weighted sum of confusion matrices.

    ``statistic`` maps weights float64 (draws, units) to numbers (draws,). Draws in which it is NaN are left out.
    """
    return bootstrap_all({"": statistic}, units, rng, resamples)[""]


def bootstrap_all(
    statistics: Mapping[str, Statistic], units: int, rng: np.random.Generator, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """Intervals of several numbers from the same drawings, which cost more than the numbers."""
    if units < 2:
        return {name: (float("nan"), float("nan")) for name in statistics}
    parts: dict[str, list[Array]] = {name: [] for name in statistics}
    for drawn in weights(units, rng, resamples):
        for name, statistic in statistics.items():
            parts[name].append(np.asarray(statistic(drawn), np.float64))
    return {name: quantiles(np.concatenate(drawn)) for name, drawn in parts.items()}


def weights(units: int, rng: np.random.Generator, resamples: int) -> Iterator[Array]:
    """Drawings, float64 (at most CELLS / units, units) at a time: how often each unit was drawn; a row adds up to ``units``."""
    step = max(1, CELLS // units)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(0, units, (rows, units))
        drawn += np.arange(rows)[:, None] * units
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def quantiles(numbers: Array) -> Interval:
    """The middle 95 % of the numbers that are not NaN."""
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return float(low), float(high)


def group_sums(values: Array, groups: Array | None = None) -> tuple[Array, Array]:
    """Sum and number of the values of each group that are not NaN, float64 (groups,) each; every unit by itself without groups."""
    values = np.asarray(values, np.float64)
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    if groups is None:
        return filled, known.astype(np.float64)
    if np.shape(groups) != values.shape:
        raise ValueError(f"values and groups must have one shape, found {values.shape} and {np.shape(groups)}")
    return np.bincount(groups, filled), np.bincount(groups, known.astype(np.float64))


def sample_groups(units: Sequence[str], samples: Sequence[str]) -> Array:
    """Number of the sample that each unit belongs to, int (units,), counted from 0 in order of the units.

    A unit is a sample, a part of one, ``<sample>:<number>``, or a batch, ``<sample>+<sample>``, which stands for itself.
    """
    known, numbers = set(samples), dict[str, int]()
    names = (unit if unit in known or (head := unit.rpartition(":")[0]) not in known else head for unit in units)
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
