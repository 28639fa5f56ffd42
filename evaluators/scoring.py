"""Scores of arrays: one record per sample, and any number of protocols from the same records.

    scorer = Scorer(["avs", "avsbench-object"], kind="soft")
    for id, pred, gt in batches:          # (frames, height, width) each
        scorer.update(id, pred, gt)
    scorer.merge(other)                   # of another process
    scorer.compute()["avs"]["J"]

The numbers do not depend on the order of updates and merges: samples are taken in order of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from . import array_scores, detection, frames, object_scores, semantic
from .activations import as_labels, as_probability, steppingstones_map
from .categories import BACKGROUND, VOID
from .counts import (
    LabelCounts,
    ObjectCounts,
    count_labels,
    count_objects,
    labels_of_objects,
    objects_of_labels,
    relabelled,
)
from .kinds import KINDS, LABELS, LOGITS, MASK
from .outcome import Array, Outcome
from .protocols import (
    CONFUSION,
    DAVIS,
    FRAMES,
    GT_FRAMES,
    LOCALIZATION,
    NULL,
    OBJECT,
    ROBUST,
    SALIENCY,
    SEMANTIC,
    Protocol,
    find_protocol,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SampleCounts:
    """All that is kept of one sample; what no chosen protocol needs is None."""

    objects: ObjectCounts | None = None
    labels: LabelCounts | None = None
    sequences: Mapping[str, Any] | None = None  # DAVIS: boundary.SequenceScores by task
    images: Sequence[Any] | None = None  # saliency.ImageScores, a frame each
    heat: Mapping[str, Array] | None = None  # localization: cIoU of each frame, by rule

    def as_objects(self) -> ObjectCounts:
        """Sounding or not; from the label maps where there is nothing else."""
        return self.objects or self._made_objects

    def as_labels(self) -> LabelCounts:
        """Label counts; background and sounding where there are no categories."""
        return self.labels or self._made_labels

    @cached_property
    def _made_objects(self) -> ObjectCounts:
        return objects_of_labels([there(self.labels)])[0]

    @cached_property
    def _made_labels(self) -> LabelCounts:
        return labels_of_objects(there(self.objects))

    def as_sequences(self) -> Mapping[str, Any]:
        """DAVIS's scores by task."""
        return there(self.sequences)

    def as_images(self) -> Sequence[Any]:
        """Saliency scores of each frame."""
        return there(self.images)

    def as_heat(self) -> Mapping[str, Array]:
        """cIoU of each frame, by rule."""
        return there(self.heat)


Record = TypeVar("Record")


def there(record: Record | None) -> Record:
    """The record, which a protocol needs."""
    if record is None:
        raise ValueError("these predictions are of a kind that this protocol doesn't score")
    return record


Fold = Callable[[Sequence[str], Sequence[Any], Mapping[str, Any]], Outcome]


FOLDS: Mapping[str, tuple[str, Fold]] = {  # family: what it needs of a sample, and how many samples become numbers
    FRAMES: ("labels", frames.fold),
    OBJECT: ("objects", object_scores.fold_batches),
    ROBUST: ("objects", object_scores.fold_robust),
    NULL: ("objects", object_scores.fold_null),
    GT_FRAMES: ("objects", object_scores.fold_frames_with_gt),
    SEMANTIC: ("labels", semantic.fold),
    CONFUSION: ("labels", detection.fold),
    DAVIS: ("sequences", array_scores.fold_sequences),
    SALIENCY: ("images", array_scores.fold_images),
    LOCALIZATION: ("heat", array_scores.fold_heat),
}


def fold(protocol: Protocol, ids: Sequence[str], samples: Sequence[SampleCounts]) -> Outcome:
    """What a protocol says of samples. Raises ValueError where the samples can't give it, saying why."""
    needed, function = FOLDS[protocol.family]
    records = [getattr(sample, f"as_{needed}")() for sample in samples]
    if not records:
        raise ValueError("there are no samples")
    return function(ids, records, protocol.rule)


def count_sample(
    pred: Array,
    gt: Array,
    protocols: Sequence[Protocol],
    *,
    kind: str,
    categories: int = 0,
    full: float = 255,
    valid: Array | None = None,
    values: tuple[Mapping[int, int], Mapping[int, int]] = ({}, {}),
) -> SampleCounts:
    """Counts of one sample for the given protocols.

    pred (frames, height, width), or (frames, channels, height, width) for scores of categories; gt (frames, height, width).
    ``kind`` of the prediction: mask (not 0), soft (float in [0, 1], or ``uint8``/``uint16`` standing for v / ``full``),
    logits, labels. ``categories``: how many indices the gt has, background included; 0 for a gt that is sounding or not:
    bool, integers (not 0), or float weights in [0, 1]. In a gt of labels 255 is void and -1 not labelled; a prediction of
    255 is background.
    ``valid`` bool (frames,): False for frames that a loader added. ``values``: what the labels in pred and gt stand for,
    where they are not indices. Raises ValueError for labels that stand for nothing.
    """
    families = {protocol.family for protocol in protocols}
    if categories and (kind == LABELS or pred.ndim == 4):
        labels = pred if kind == LABELS else as_labels(pred)
        counts = _without_void(count_labels(zip(labels, gt, strict=True), valid))
        counts = relabelled(counts, gt=values[1], pred=values[0])
        _check_labels(counts, categories)
        rows = [protocol for protocol in protocols if protocol.family == DAVIS]  # the others are of soft maps
        if not rows:
            return SampleCounts(labels=counts)
        maps = mapped(labels, values[0]), mapped(gt, values[1])
        return SampleCounts(labels=counts, **array_scores.observe(*maps, rows))
    truth = _truth(gt, categories)
    soft, others = _soft(pred, kind)
    objects = count_objects(zip(soft, truth, strict=True), full=full, others=others)
    if not families & array_scores.FAMILIES:
        return SampleCounts(objects)
    return SampleCounts(objects, **array_scores.observe(soft, truth, protocols, full=full))


def _without_void(counts: LabelCounts) -> LabelCounts:
    """Void in a prediction is nothing predicted: only the gt may say what isn't scored."""
    void = counts.rows[:, 2] == VOID
    if not void.any():
        return counts
    rows = counts.rows.copy()
    rows[void, 2] = BACKGROUND
    return replace(counts, rows=rows)


def _check_labels(counts: LabelCounts, categories: int) -> None:
    """Raise ValueError for labels beyond the categories; in the gt, void and -1 are no labels."""
    for column, what, allowed in ((1, "gt", {VOID, -1}), (2, "the prediction", set[int]())):
        wrong = {label for label in counts.rows[:, column].tolist() if not 0 <= label < categories} - allowed
        if wrong:
            raise ValueError(
                f"{what} holds the labels {sorted(wrong)}; there are {categories} categories, 0 to {categories - 1}"
            )


def mapped(labels: Array, values: Mapping[int, int]) -> Array:
    """Label maps in index space; unknown labels become background, no values change nothing."""
    if not values:
        return labels
    table = np.zeros(256, np.uint8)
    table[list(values)] = list(values.values())
    return table[labels]


def _truth(gt: Array, categories: int) -> Array:
    """bool or float weights; ``uint8`` 0, 1 and void where labels are taken together."""
    if categories:
        return np.where((gt == VOID) | (gt < 0), VOID, gt > 0).astype(np.uint8)
    return gt if gt.dtype.kind in "fb" else gt != 0


def _soft(pred: Array, kind: str) -> tuple[Array, Array | None]:
    """The soft (or bool) mask, and Stepping-Stones' map where there is one."""
    if kind == LOGITS:
        return as_probability(pred), steppingstones_map(pred)
    if kind in (MASK, LABELS):
        return pred != 0, None
    return pred, None


class Scorer:
    """Streaming scores: update with arrays, merge with others, compute when wanted."""

    def __init__(
        self,
        protocols: str | Sequence[str | Protocol] = "avs",
        *,
        kind: str = "soft",
        categories: int = 0,
        full: float = 255,
    ) -> None:
        """``kind``, ``categories`` and ``full`` as in :func:`count_sample`."""
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, found {kind!r}")
        names = [protocols] if isinstance(protocols, str) else protocols
        rows = [find_protocol(name) if isinstance(name, str) else name for name in names]
        self.protocols = tuple(for_categories(row, categories) for row in rows)
        self.kind, self.categories, self.full = kind, categories, full
        self.samples: dict[str, SampleCounts] = {}

    def update(self, id: str, pred: Array, gt: Array, *, valid: Array | None = None) -> None:
        """Count one sample: (height, width) or (frames, height, width) each; see :func:`count_sample`.

        Raises ValueError for an id that was there before, shapes that differ, NaN, and values out of range.
        """
        if id in self.samples:
            raise ValueError(f"sample {id!r} was counted before; give each sample its own id")
        pred, gt = np.asarray(pred), np.asarray(gt)
        if gt.ndim == 2:
            pred, gt = pred[None], gt[None]
        check_arrays(id, pred, gt, self.kind)
        self.samples[id] = count_sample(
            pred, gt, self.protocols, kind=self.kind, categories=self.categories, full=self.full, valid=valid
        )

    def merge(self, other: Scorer) -> None:
        """Take over the samples of another scorer of the same settings. Raises ValueError where both have a sample."""
        mine, theirs = (
            ([row.name for row in one.protocols], one.kind, one.categories, one.full) for one in (self, other)
        )
        if mine != theirs:
            raise ValueError(f"only scorers of the same settings merge, found {mine} and {theirs}")
        both = sorted(self.samples.keys() & other.samples.keys())
        if both:
            raise ValueError(f"{len(both)} samples are in both scorers: {', '.join(both[:5])}")
        self.samples.update(other.samples)

    def compute(self) -> dict[str, dict[str, float]]:
        """Measures of each protocol, by its name."""
        ids = sorted(self.samples)
        return {row.name: dict(fold(row, ids, [self.samples[id] for id in ids]).measures) for row in self.protocols}


def for_categories(protocol: Protocol, categories: int) -> Protocol:
    """The protocol with the number of categories that the data has."""
    if "classes" not in protocol.rule:
        return protocol
    return replace(protocol, rule={**protocol.rule, "classes": categories or 2})


def check_arrays(id: str, pred: Array, gt: Array, kind: str) -> None:
    """Raise ValueError, in one line, for arrays that can't be compared."""
    if pred.shape[0] != gt.shape[0] or pred.shape[-2:] != gt.shape[-2:] or pred.ndim not in (3, 4) or gt.ndim != 3:
        raise ValueError(
            f"sample {id!r}: pred {pred.shape} and gt {gt.shape} must be (frames, height, width) of one size"
        )
    if pred.dtype.kind == "f":
        if np.isnan(pred).any():
            raise ValueError(f"sample {id!r}: the prediction holds NaN")
        if kind == "soft" and (pred.min(initial=0) < 0 or pred.max(initial=0) > 1):
            raise ValueError(
                f"sample {id!r}: soft masks lie in [0, 1], found {pred.min():g} to {pred.max():g}; are these logits?"
            )
