"""One measure of two results on the samples that both have: their values, and the paired difference with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .detection import confusion_matrix, margin_measures, margins
from .errors import DataError
from .intervals import Statistic, bootstrap_all, group_sums, sample_groups
from .outcome import Array, ratio
from .protocols import CONFUSION
from .results import ProtocolResult, Result

AVS, AREA = "avs", "pred area"  # the protocol and measure that say how much is predicted, a share of the pixels
NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A number of 0 to 1, or a difference of two, with its 95 % bootstrap interval; NaN where there is none."""

    value: float = NAN
    low: float = NAN
    high: float = NAN

    @property
    def differs(self) -> bool:
        """Whether there is an interval, and 0 is outside."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Paired:
    """A measure on the base, on the variant, and base minus variant."""

    base: Estimate
    score: Estimate
    fall: Estimate


UNKNOWN = Estimate()
UNPAIRED = Paired(UNKNOWN, UNKNOWN, UNKNOWN)


def protocol_of(result: Result, name: str) -> ProtocolResult:
    """What a protocol says in a result. Raises ``DataError`` ``listen-protocol`` where it isn't there."""
    for row in result.protocols:
        if row.name == name and not row.missing:
            return row
    why = next((row.missing for row in result.protocols if row.name == name), "score again with it")
    known = ", ".join(row.name for row in result.protocols if not row.missing) or "none"
    raise DataError("listen-protocol", result.name, f"has no numbers of protocol {name}, has {known}: {why}")


def pair_measure(base: Result, other: Result, protocol: str, measure: str, seed: int) -> Paired:
    """Compare a measure that is a mean over samples, or one of a protocol with one confusion matrix.

    Raises ``DataError``: ``listen-protocol``, also where the rules differ; ``listen-measure`` for any other measure.
    """
    mine, theirs = protocol_of(base, protocol), protocol_of(other, protocol)
    if (mine.version, dict(mine.rule)) != (theirs.version, dict(theirs.rule)):
        raise DataError("listen-protocol", other.name, f"{protocol} has another version or rule than in {base.name}")
    if measure in mine.values and measure in theirs.values:
        units, statistics = _of_means(base, mine, theirs, measure)
    elif mine.family == CONFUSION and measure in mine.measures and mine.rule.get("frames", "all") == "all":
        units, statistics = _of_confusions(base, other, mine.rule, measure)
    else:
        known = ", ".join(mine.values) or (", ".join(mine.measures) if mine.family == CONFUSION else "none")
        raise DataError(
            "listen-measure", protocol, f"{measure} can't be paired sample by sample; those that can: {known}"
        )
    if not units:
        return UNPAIRED
    intervals = bootstrap_all(statistics, units, np.random.default_rng(seed))
    once = np.ones((1, units))
    return Paired(
        **{name: Estimate(float(function(once)[0]), *intervals[name]) for name, function in statistics.items()}
    )


def _of_means(
    base: Result, mine: ProtocolResult, theirs: ProtocolResult, measure: str
) -> tuple[int, Mapping[str, Statistic]]:
    """Means over the units (samples, or frames, drawn by sample) in which both are defined."""
    here, there = _by_unit(mine, measure), _by_unit(theirs, measure)
    units = [unit for unit in here if unit in there and np.isfinite(here[unit]) and np.isfinite(there[unit])]
    before, after = (np.array([column[unit] for unit in units], np.float64) for column in (here, there))
    groups = sample_groups(units, base.samples)
    columns = {"base": before, "score": after, "fall": before - after}
    sums = {name: group_sums(values, groups) for name, values in columns.items()}
    return len(sums["fall"][0]), {name: _mean(*parts) for name, parts in sums.items()}


def _by_unit(row: ProtocolResult, measure: str) -> dict[str, float]:
    return dict(zip(row.units, row.values[measure], strict=True))


def _mean(sums: Array, counts: Array) -> Statistic:
    return lambda drawn: ratio(drawn @ sums, drawn @ counts)


def _of_confusions(
    base: Result, other: Result, rule: Mapping[str, Any], measure: str
) -> tuple[int, Mapping[str, Statistic]]:
    """The measure of the summed confusion matrices of the samples that both have."""
    ids = [id for id in base.samples if id in base.confusions and id in other.confusions]
    before, after = (_statistic(result, ids, rule, measure) for result in (base, other))
    return len(ids), {"base": before, "score": after, "fall": lambda drawn: before(drawn) - after(drawn)}


def _statistic(result: Result, ids: list[str], rule: Mapping[str, Any], measure: str) -> Statistic:
    classes = int(rule["classes"])
    rows = [np.array(result.confusions[id], np.int64).reshape(-1, 3) for id in ids]
    table = np.array([margins(confusion_matrix(part, classes)) for part in rows]).reshape(len(ids), 3 * classes)

    def value(drawn: Array) -> Array:
        return margin_measures((drawn @ table).reshape(len(drawn), 3, classes), rule)[measure]

    return value


def fingerprints(result: Result, *, with_gt: bool) -> dict[str, tuple[Any, ...]]:
    """All that a result holds of each sample's prediction; equal predictions have equal ones.

    ``with_gt`` False: only what doesn't depend on the gt.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for id, rows in result.confusions.items():
        pred: dict[int, int] = {}
        for _, index, pixels in rows:
            pred[index] = pred.get(index, 0) + pixels
        found[id] = tuple(sorted(map(tuple, rows))) if with_gt else tuple(sorted(pred.items()))
    if with_gt or not found:
        rows_of = [row for row in result.protocols if row.name == AVS and AREA in row.values]
        for row in rows_of:
            names = list(row.values) if with_gt else [AREA]
            for place, id in enumerate(row.units):
                found[id] = (*found.get(id, ()), *(repr(float(row.values[name][place])) for name in names))
    return found
