"""What is kept of a sample: pixel counts, from which every protocol takes its number.

Two records, and each can stand in for the other: :class:`ObjectCounts` (sounding or not, at many thresholds) and
:class:`LabelCounts` (which category was taken for which).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import fscore
from .categories import VOID
from .histograms import label_histogram, level_histogram
from .thresholds import CURVE, CUTS, Scale, float_levels, float_scale, integer_scale

Array = np.ndarray[Any, np.dtype[Any]]
HALF = CUTS.index(0.5)


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
    rows, curves, other_curves = [], _no_curves(), _no_curves()
    hard = True
    for number, (pred, gt) in enumerate(frames):
        other = None if others is None else others[number]
        if gt.dtype == np.uint8:
            pred, gt, other = _without_void(pred, gt, other)
        scale, levels = scale_and_levels(pred, full)
        total, hit = level_histogram(levels, gt, scale.size)
        hard = hard and not total[1:-1].any()
        row, frame_curves = _frame(total, hit, scale)
        rows.append(row)
        curves += frame_curves
        if other is not None:
            scale, levels = scale_and_levels(other, full)
            other_curves += _frame(*level_histogram(levels, gt, scale.size), scale)[1]
    table = np.array(rows, np.float64).reshape(len(rows), -1)  # (frames, 3 + 2 cuts)
    pixels, gt_pixels, best = table[:, 0], table[:, 1], table[:, 2]
    area, hits = np.split(table[:, 3:], 2, axis=1)
    return ObjectCounts(pixels, gt_pixels, area, hits, curves, best, None if others is None else other_curves, hard)


def _without_void(pred: Array, gt: Array, other: Array | None) -> tuple[Array, Array, Array | None]:
    void = gt == VOID
    if not void.any():
        return pred, gt != 0, other
    kept = ~void
    return pred[kept], gt[kept] != 0, None if other is None else other[kept]


def _frame(total: Array, hit: Array, scale: Scale) -> tuple[list[float], Array]:
    """Pixels, gt, best F, areas and hits at the cuts; and the curves, zeros without gt."""
    above, hits = _from(total), _from(hit)  # at or above each level, and one beyond the last
    gt = hits[0]
    curves, best = _no_curves(), np.nan
    if gt > 0:
        curves = fscore.curves(above[scale.curve], hits[scale.curve], gt)
        best = fscore.best_of_frame(above[scale.fine], hits[scale.fine], gt)
    return [above[0], gt, best, *above[scale.cuts], *hits[scale.cuts]], curves


def _no_curves() -> Array:
    return np.zeros((len(fscore.BETAS2), CURVE), np.float32)


def _from(histogram: Array) -> Array:
    return np.append(np.cumsum(histogram[::-1])[::-1], 0.0)


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
    rows = counts.rows.copy()
    for column, values, what in ((1, gt, "gt"), (2, pred, "pred")):
        if values:
            found, places = np.unique(rows[:, column], return_inverse=True)
            unknown = [int(value) for value in found if int(value) not in values]
            if unknown:
                raise ValueError(f"{what} holds the labels {unknown}, which stand for no category")
            rows[:, column] = np.array([values[int(value)] for value in found], np.int64)[places.ravel()]
    return LabelCounts(rows, counts.frames, counts.valid)


def objects_of_labels(counts: LabelCounts) -> ObjectCounts:
    """Every category but the background taken together, as a hard mask; pixels without a label are left out."""
    scale, result = integer_scale(1), []
    curves = _no_curves()
    frame, gt, pred, pixels = counts.rows.T
    labelled = (gt != VOID) & (gt >= 0)
    codes = (frame * 4 + 2 * (gt > 0) + (pred > 0))[labelled]
    tables = np.bincount(codes, pixels[labelled], minlength=4 * counts.frames).reshape(counts.frames, 2, 2)
    for table in tables:  # (gt, pred)
        row, frame_curves = _frame(table.sum(axis=0), table[1], scale)
        result.append(row)
        curves += frame_curves
    numbers = np.array(result, np.float64).reshape(counts.frames, -1)
    area, hit = np.split(numbers[:, 3:], 2, axis=1)
    return ObjectCounts(numbers[:, 0], numbers[:, 1], area, hit, curves, numbers[:, 2], None, True)


def labels_of_objects(counts: ObjectCounts) -> LabelCounts:
    """Background 0 and sounding 1, the prediction cut at p > 0.5."""
    hit, area = counts.hit[:, HALF], counts.area[:, HALF]
    cells = {(1, 1): hit, (0, 1): area - hit, (1, 0): counts.gt - hit, (0, 0): counts.pixels - counts.gt - area + hit}
    rows = [
        (frame, gt, pred, pixels)
        for (gt, pred), column in cells.items()
        for frame, pixels in enumerate(np.rint(column).astype(np.int64).tolist())
        if pixels
    ]
    table = np.array(sorted(rows), np.int64).reshape(-1, 4)
    return LabelCounts(table, len(counts.gt), np.ones(len(counts.gt), bool))
