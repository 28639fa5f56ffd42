"""What folding the counts of many samples by one rule gives, and the pieces that the folds share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Statistic = Callable[[Array], Array]  # weights (resamples, samples) to values (resamples,)


@dataclass(frozen=True, eq=False)
class Outcome:
    """Numbers of one protocol, and what their confidence intervals can be drawn from."""

    measures: Mapping[str, float]
    units: tuple[str, ...] = ()  # what ``values`` has one number for
    values: Mapping[str, Array] = field(
        default_factory=dict
    )  # measure to (units,), of measures that are means over units
    statistics: Mapping[str, Statistic] = field(default_factory=dict)  # of the others, from weights of samples
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    note: str = ""


def shared_statistics(compute: Callable[[Array], Mapping[str, Array]], names: Iterable[str]) -> dict[str, Statistic]:
    """A statistic for each name, all from one call of ``compute`` per array of weights."""
    last: list[Any] = [None, {}]

    def value(weights: Array, name: str) -> Array:
        if last[0] is not weights:
            last[:] = weights, compute(weights)
        found: Array = last[1][name]
        return found

    return {name: partial(value, name=name) for name in names}


def nanmean(values: Array) -> float:
    """Mean of what is not NaN, float64; NaN where all is."""
    kept = values[~np.isnan(values)]
    return float(kept.mean(dtype=np.float64)) if len(kept) else float("nan")


def ratio(above: Array, below: Array, otherwise: float = float("nan")) -> Array:
    """above / below in float64, ``otherwise`` where below is 0."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    quotient: Array = np.where(below == 0, otherwise, above / np.where(below == 0, 1, below))
    return quotient
