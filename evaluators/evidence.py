"""What a measure of a run is made of, sample by sample: from it come intervals and paired tests.

Two kinds: :class:`Means`, a measure that is a mean over units (samples, frames, batches), and :class:`Pixels`, a measure of
one confusion matrix over the whole dataset. Both hold several runs of one system (seeds); its number is their mean.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .detection import confusion_matrix, margin_measures, margins
from .intervals import Interval, bootstrap_statistic, group_sums, sample_groups
from .outcome import Array, nanmean, ratio
from .protocols import CONFUSION
from .results import ProtocolResult, Result
from .significance import paired_bootstrap, paired_permutation, swap_test

MOST_CLASSES = 1000
SAME = 1e-4  # a stored number and the one from its counts differ by no more (official sums are float32), or they do not belong


@dataclass(frozen=True)
class Difference:
    """How far one system is above another, on the same units."""

    value: float
    low: float
    high: float
    p: float  # two-sided; NaN where there is none
    units: int
    adjusted: float = float("nan")  # p, by Holm, where several systems are compared with one


@dataclass(frozen=True, eq=False)
class Means:
    """A mean over units."""

    kind: str  # samples, frames or objects, batches

    units: tuple[str, ...]
    groups: Array  # int (units,): the sample of each unit
    values: Array  # float64 (units, runs), NaN where a unit has no number

    @property
    def made_of(self) -> str:
        """As it is told."""
        return f"mean over {len(self.units):,} {self.kind}"

    def numbers(self) -> tuple[float, ...]:
        """Of each run."""
        return tuple(nanmean(column) for column in self.values.T)

    def interval(self, rng: np.random.Generator) -> Interval:
        """95 % bootstrap over samples."""
        sums, counts = (
            np.stack(part, axis=1)  # (samples, runs)
            for part in zip(*(group_sums(column, self.groups) for column in self.values.T), strict=True)
        )
        if ((counts > 0).all(axis=1)).sum() < 2 or not np.isfinite(sums).all():
            return float("nan"), float("nan")
        return bootstrap_statistic(lambda drawn: ratio(drawn @ sums, drawn @ counts).mean(axis=1), len(sums), rng)

    def against(self, other: Means, seed: Sequence[int]) -> Difference:
        """This minus the other, on the units that both have; each unit's number is its mean over runs."""
        places = {unit: place for place, unit in enumerate(other.units)}
        pairs = np.array([(n, places[unit]) for n, unit in enumerate(self.units) if unit in places], int).reshape(-1, 2)
        a, b = self.values[pairs[:, 0]].mean(axis=1), other.values[pairs[:, 1]].mean(axis=1)
        groups = self.groups[pairs[:, 0]]
        found = paired_bootstrap(a, b, np.random.default_rng(seed), groups=groups)
        p = paired_permutation(a, b, np.random.default_rng(seed), groups=groups)
        return Difference(*found, p, int((~np.isnan(a - b)).sum()))


@dataclass(frozen=True, eq=False)
class Pixels:
    """A measure of the confusion matrix that all samples add up to."""

    units: tuple[str, ...]  # samples
    table: Array  # float64 (samples, runs, 3, classes): :func:`evaluators.detection.margins`
    rule: Mapping[str, Any]
    measure: str

    @property
    def made_of(self) -> str:
        """As it is told."""
        return f"pixels of all {len(self.units):,} samples"

    def of(self, totals: Array) -> Array:
        """The mean over runs, (draws,), from totals (draws, runs, 3, classes)."""
        return np.asarray(margin_measures(totals, self.rule)[self.measure].mean(axis=-1))

    def numbers(self) -> tuple[float, ...]:
        """Of each run."""
        return tuple(float(number) for number in margin_measures(self.table.sum(axis=0), self.rule)[self.measure])

    def drawn(self, weights: Array) -> Array:
        """The measure of weighted samples: weights (draws, samples) to (draws,)."""
        totals = weights @ self.table.reshape(len(self.table), -1)
        return self.of(totals.reshape(len(weights), *self.table.shape[1:]))

    def interval(self, rng: np.random.Generator) -> Interval:
        """95 % bootstrap over samples."""
        return bootstrap_statistic(self.drawn, len(self.units), rng)

    def against(self, other: Pixels, seed: Sequence[int]) -> Difference:
        """This minus the other, on the same samples. No p where they have different numbers of runs, which can't be swapped."""
        a, b = self._of_samples(other.units), other._of_samples(self.units)
        rng = np.random.default_rng(seed)
        low, high = bootstrap_statistic(lambda weights: a.drawn(weights) - b.drawn(weights), len(a.units), rng)
        p = float("nan")
        if a.table.shape == b.table.shape:
            p = swap_test(self.of, a.table, b.table, np.random.default_rng(seed))
        return Difference(float(np.mean(a.numbers()) - np.mean(b.numbers())), low, high, p, len(a.units))

    def _of_samples(self, samples: Collection[str]) -> Pixels:
        kept = sorted(set(samples) & set(self.units))
        places = {sample: place for place, sample in enumerate(self.units)}
        return replace(self, units=tuple(kept), table=self.table[[places[sample] for sample in kept]])


Evidence = Means | Pixels
Runs = Sequence[tuple[Result, ProtocolResult]]  # of one system, and what one protocol says of each


@dataclass(frozen=True)
class Shared:
    """What all results of a comparison have."""

    samples: frozenset[str]
    units: frozenset[str]


def shared(runs: Runs) -> Shared:
    """The samples and units that all runs have."""
    (result, row), others = runs[0], runs[1:]
    samples = frozenset(result.samples).intersection(*(run.samples for run, _ in others))
    return Shared(samples, frozenset(row.units).intersection(*(other.units for _, other in others)))


def evidence(runs: Runs, only: Shared | None = None) -> dict[str, Evidence | None]:
    """What each measure of the runs of one system is made of, by measure; ``only`` of these samples and units.

    None where a result doesn't hold it, or what it holds doesn't give the number that it says.
    """
    found = _held(runs, only)
    singles = [(row, _held([(run, row)], None)) for run, row in runs]
    return {
        measure: found.get(measure) if all(_agrees(row, held, measure) for row, held in singles) else None
        for measure in runs[0][1].measures
    }


def _held(runs: Runs, only: Shared | None) -> dict[str, Evidence]:
    kept = only or shared(runs)
    return _means(runs, kept) | _pixels(runs, kept)


def _agrees(row: ProtocolResult, held: Mapping[str, Evidence], measure: str) -> bool:
    if measure not in held or measure not in row.measures:
        return False
    return np.allclose(held[measure].numbers(), row.measures[measure], rtol=0, atol=SAME, equal_nan=True)


def difference(a: Evidence | None, b: Evidence | None, seed: Sequence[int]) -> Difference | None:
    """How far a is above b, or None where a result doesn't hold what a test needs."""
    if isinstance(a, Means) and isinstance(b, Means):
        return a.against(b, seed)
    if isinstance(a, Pixels) and isinstance(b, Pixels):
        return a.against(b, seed)
    return None


def _means(runs: Runs, kept: Shared) -> dict[str, Evidence]:
    """By measure."""
    result, row = runs[0]
    units = tuple(unit for unit in row.units if unit in kept.units)
    groups, kind = sample_groups(units, result.samples), _kind(row.units, result.samples)
    if not units:
        return {}
    places = [{unit: place for place, unit in enumerate(each.units)} for _, each in runs]
    orders = [[place[unit] for unit in units] for place in places]
    found: dict[str, Evidence] = {}
    for measure in set(row.values).intersection(*(each.values for _, each in runs)):
        columns = [
            np.asarray(each.values[measure], np.float64)[order] for (_, each), order in zip(runs, orders, strict=True)
        ]
        found[measure] = Means(kind, units, groups, np.stack(columns, axis=1))
    return found


def _kind(units: Sequence[str], samples: Sequence[str]) -> str:
    known = set(samples)
    if all(unit in known for unit in units):
        return "samples"
    parts = all(unit in known or unit.rpartition(":")[0] in known for unit in units)
    return "frames or objects" if parts else "batches"


def _pixels(runs: Runs, kept: Shared) -> dict[str, Evidence]:
    """By measure; from counts per sample, so not for a rule that chooses frames (``multi-source``)."""
    result, row = runs[0]
    classes = row.rule.get("classes")
    if row.family != CONFUSION or row.rule.get("frames", "all") != "all":
        return {}
    if type(classes) is not int or not 0 < classes <= MOST_CLASSES:
        return {}
    samples = tuple(sample for sample in result.samples if sample in kept.samples)
    if not samples or any(sample not in run.confusions for run, _ in runs for sample in samples):
        return {}
    table = np.array([[_margins(run.confusions[sample], classes) for run, _ in runs] for sample in samples], np.float64)
    return {name: Pixels(samples, table, row.rule, name) for name in margin_measures(table[0], row.rule)}


def _margins(rows: Sequence[tuple[int, int, int]], classes: int) -> Array:
    return margins(confusion_matrix(np.array(rows, np.int64).reshape(-1, 3), classes))
