"""What is kept of a sample: pixel counts, from which every protocol takes its number.

Two records, and each can stand in for the other: :class:`ObjectCounts` (sounding or not, at many thresholds) and
:class:`LabelCounts` (which category was taken for which).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from . import fscore
from .categories import VOID
from .histograms import label_histogram, level_histogram
from .thresholds import CUTS, Scale, float_levels, float_scale, integer_scale

Array = np.ndarray[Any, np.dtype[Any]]
HALF = CUTS.index(0.5)
_UNKNOWN = 1 << 16  # beyond every label


@dataclass(frozen=True, eq=False)
class ObjectCounts:
    """Pixel counts of one sample whose gt says what sounds and what doesn't; float64, since official code can make gt fractional."""

    pixels: Array  # (frames,) without void
    gt: Array  # (frames,) in the gt
    area: Array  # (frames, len(CUTS)) predicted at p > CUTS[k]
    hit: Array  # (frames, len(CUTS)) those of them in the gt
    curves: (
        Array  # float32 (len(BETAS2), 255): sum of the frames' F at AVSBench's thresholds, frames without gt left out
    )
    best: Array  # (frames,) DeepAVFusion's F of each frame, NaN without gt
    other_curves: Array | None = None  # as ``curves``, of the second map that Stepping-Stones takes F from
    hard: bool = False  # the prediction had no values between 0 and 1


@dataclass(frozen=True, eq=False)
class LabelCounts:
    """Joint histogram of one sample's label maps."""

    rows: Array  # int64 (n, 4): frame, gt index, pred index, pixels; VOID and -1 in gt mean "not labelled"
    frames: int
    valid: Array  # bool (frames,): False for frames that the official AVSS loader adds


def scale_and_levels(pred: Array, full: float = 255) -> tuple[Scale, Array]:
    """Levels of a soft mask and their scale. bool, ``uint8`` and ``uint16`` stand for v / full; floats are probabilities."""
    if pred.dtype == np.bool_:
        return integer_scale(1), pred.view(np.uint8)
    if pred.dtype in (np.uint8, np.uint16):
        return integer_scale(int(full)), pred
    return float_scale(), float_levels(pred.astype(np.float32, copy=False))


def count_objects(
    frames: Iterable[tuple[Array, Array]], *, full: float = 255, others: Array | None = None
) -> ObjectCounts:
    """Counts of the frames (pred, gt) of one sample.

    pred (height, width): bool, ``uint8`` or ``uint16`` standing for v / ``full``, or float in [0, 1]. gt the same shape:
    bool, float in [0, 1], or ``uint8`` 0, 1 and 255 for void (left out). ``others``: Stepping-Stones' maps, one a frame.
    """
    tables, other_tables = [], []
    scale = other_scale = integer_scale(1)
    for number, (pred, gt) in enumerate(frames):
        other = None if others is None else others[number]
        if gt.dtype == np.uint8:
            pred, gt, other = _without_void(pred, gt, other)
        scale, levels = scale_and_levels(pred, full)
        tables.append(level_histogram(levels, gt, scale.size))
        if other is not None:
            other_scale, levels = scale_and_levels(other, full)
            other_tables.append(level_histogram(levels, gt, other_scale.size))
    if not tables:
        raise ValueError("a sample has no frames")
    counts = _objects(np.array(tables), scale)
    return (
        replace(counts, other_curves=_objects(np.array(other_tables), other_scale).curves) if other_tables else counts
    )


def _without_void(pred: Array, gt: Array, other: Array | None) -> tuple[Array, Array, Array | None]:
    void = gt == VOID
    if not void.any():
        return pred, gt != 0, other
    kept = ~void
    return pred[kept], gt[kept] != 0, None if other is None else other[kept]


def _objects(tables: Array, scale: Scale) -> ObjectCounts:
    """The record from histograms (frames, 2, levels): all pixels and those of the gt."""
    above = np.zeros((*tables.shape[:2], tables.shape[2] + 1))  # at or above each level, and one beyond the last
    above[..., :-1] = np.cumsum(tables[..., ::-1], axis=-1)[..., ::-1]
    area, hit = above[:, 0], above[:, 1]
    gt = hit[:, 0]
    curves, best = _frame_scores(area, hit, gt, scale)
    total = _summed(curves[:, gt > 0])
    hard = not tables[:, 0, 1:-1].any()
    pixels, gt = area[:, 0].copy(), gt.copy()  # no views, which would keep all levels in memory
    return ObjectCounts(pixels, gt, area[:, scale.cuts], hit[:, scale.cuts], total, best, None, hard)


def _frame_scores(area: Array, hit: Array, gt: Array, scale: Scale) -> tuple[Array, Array]:
    """Curves (betas, frames, 255) and best F (frames,), meaningless and NaN in frames without gt."""
    curves = fscore.curves(area.take(scale.curve, axis=1), hit.take(scale.curve, axis=1), gt)
    best = fscore.best_of_frames(area.take(scale.fine, axis=1), hit.take(scale.fine, axis=1), gt)
    return curves, np.where(gt > 0, best, np.nan)


def count_labels(frames: Iterable[tuple[Array, Array]], valid: Array | None = None) -> LabelCounts:
    """Counts of the frames (pred, gt) of one sample: integer label maps of one shape, in one index space."""
    return labels_of_rows([label_histogram(pred, gt) for pred, gt in frames], valid)


def labels_of_rows(frames: Sequence[Array], valid: Array | None = None) -> LabelCounts:
    """The record of frames whose rows (gt, pred, pixels) are known, int64 (pairs, 3) each."""
    parts = [np.concatenate([np.full((len(rows), 1), number), rows], axis=1) for number, rows in enumerate(frames)]
    table = np.concatenate(parts) if parts else np.zeros((0, 4), np.int64)
    return LabelCounts(table, len(parts), np.ones(len(parts), bool) if valid is None else np.asarray(valid, bool))


def relabelled(counts: LabelCounts, gt: Mapping[int, int], pred: Mapping[int, int]) -> LabelCounts:
    """The same counts in other label numbers; an empty mapping changes nothing. Raises ValueError for a label that a mapping lacks."""
    if not gt and not pred:
        return counts
    rows = counts.rows.copy()
    for column, values, what in ((1, gt, "gt"), (2, pred, "pred")):
        if values:
            labels = rows[:, column]
            known = (labels >= 0) & (labels < _UNKNOWN)
            table = _table(tuple(values.items()))
            rows[:, column] = np.where(known, table[np.where(known, labels, _UNKNOWN)], _UNKNOWN)
            if (rows[:, column] == _UNKNOWN).any():
                unknown = np.unique(labels[rows[:, column] == _UNKNOWN]).tolist()
                raise ValueError(f"{what} holds the labels {unknown}, which stand for no category")
    return LabelCounts(rows, counts.frames, counts.valid)


@cache
def _table(values: tuple[tuple[int, int], ...]) -> Array:
    table = np.full(_UNKNOWN + 1, _UNKNOWN)
    table[[value for value, _ in values]] = [index for _, index in values]
    return table


def objects_of_labels(samples: Sequence[LabelCounts]) -> list[ObjectCounts]:
    """Every category but the background taken together, as a hard mask; pixels without a label are left out."""
    frames = [sample.frames for sample in samples]
    first = np.cumsum([0, *frames])
    rows = np.concatenate([sample.rows for sample in samples])
    frame, gt, pred, pixels = rows.T
    frame = frame + np.repeat(first[:-1], [len(sample.rows) for sample in samples])
    labelled = (gt != VOID) & (gt >= 0)
    codes = (frame * 4 + 2 * (gt > 0) + (pred > 0))[labelled]
    cells = np.bincount(codes, pixels[labelled], minlength=4 * first[-1]).reshape(-1, 2, 2)  # (frames, gt, pred)
    area = np.stack([cells.sum(axis=(1, 2)), cells[:, :, 1].sum(axis=1)], axis=1)  # all pixels, the predicted ones
    hit = np.stack([cells[:, 1].sum(axis=1), cells[:, 1, 1]], axis=1)
    # a hard mask has two levels: its curve has one value at threshold 0 and another at all that follow
    two = Scale(2, *(np.array([0, 1]) for _ in range(3)))
    curves, best = _frame_scores(area, hit, hit[:, 0], two)
    curves = np.where(hit[:, :1] > 0, curves, np.float32(0))
    cuts = np.ones(len(CUTS), np.intp)
    return [
        ObjectCounts(
            area[a:b, 0], hit[a:b, 0], area[a:b, cuts], hit[a:b, cuts],
            _summed(curves[:, a:b]), best[a:b], None, True,
        )
        for a, b in pairwise(first)
    ]  # fmt: skip


def _summed(curves: Array) -> Array:
    """Sum over the frames (axis 1), one after the other, in float32."""
    total = np.zeros((curves.shape[0], curves.shape[2]), np.float32)
    for frame in range(curves.shape[1]):
        total += curves[:, frame]
    return total


def labels_of_objects(counts: ObjectCounts) -> LabelCounts:
    """Background 0 and sounding 1, the prediction cut at p > 0.5."""
    hit, area, gt = counts.hit[:, HALF], counts.area[:, HALF], counts.gt
    cells = np.stack([counts.pixels - gt - area + hit, area - hit, gt - hit, hit], axis=1)  # (frames, 2 gt + pred)
    frames = np.repeat(np.arange(len(gt)), 4)
    places = np.tile(np.arange(4), len(gt))
    rows = np.stack([frames, places >> 1, places & 1, np.rint(cells).astype(np.int64).ravel()], axis=1)
    return LabelCounts(rows[rows[:, 3] > 0], len(gt), np.ones(len(gt), bool))
