"""Region measures from pixel counts: J as official codes compute it, Ref-AVS's S, AVSBench-Robust's FPR."""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[Any]]


def jaccard(hit: Floats, pred: Floats, gt: Floats, *, both_empty: float = 1.0) -> Floats:
    """J = |pred and gt| / |pred or gt| from pixel counts, float64; ``both_empty`` where neither has a pixel."""
    union = np.asarray(pred, np.float64) + gt - hit
    empty = union == 0
    j: Floats = np.where(empty, both_empty, np.asarray(hit, np.float64) / np.where(empty, 1, union))
    return j


def avsbench_j(hit: Floats, pred: Floats, gt: Floats, pixels: Floats) -> Floats:
    """J of each frame, float32 (frames,), by AVSBench's rule (avs_s4/utils/utility.py, ``mask_iou``).

    I / (U + 1e-7); in a frame without gt the background is compared instead: I = pixels in neither, U = all pixels.
    So an empty prediction of an empty frame scores 1, and false pixels there cost little.
    """
    empty = gt == 0
    inter = np.where(empty, pixels - pred, hit).astype(np.float32)
    union = np.where(empty, pixels, pred + gt - hit).astype(np.float32)
    return inter / (union + np.float32(1e-7))


def mean_float32(values: Floats) -> Floats:
    """``torch.sum(values) / n`` of each row, float32 (rows,) from (rows, n): below 8 values torch adds in four lanes, which the last bit shows."""
    count = values.shape[1]
    if count < 8:
        total = np.zeros(len(values), np.float32)
        for lane in range(min(4, count)):
            total += values[:, lane::4].sum(axis=1, dtype=np.float32)
    else:
        total = values.sum(axis=1, dtype=np.float64).astype(np.float32)
    mean: Floats = total / np.float32(count)
    return mean


def means_of_parts(values: Floats, ends: Floats) -> Floats:
    """:func:`mean_float32` of values[ends[0]:ends[1]], values[ends[1]:ends[2]], ...: float32 (parts,)."""
    sizes = np.diff(ends)
    means = np.empty(len(sizes), np.float32)
    for size in np.unique(sizes):
        parts = np.flatnonzero(sizes == size)
        means[parts] = mean_float32(values[ends[parts][:, None] + np.arange(size)])
    return means


def running_mean_float32(values: Floats) -> float:
    """Mean as AVSBench's ``AverageMeter`` keeps it: one float32 sum, a batch after the other."""
    return float(np.cumsum(values, dtype=np.float32)[-1] / np.float32(len(values)))


def false_positive_rate(pred: Floats, pixels: Floats) -> Floats:
    """AVSBench-Robust's FPR of each frame: share of pixels predicted, whatever the gt, float32."""
    return pred.astype(np.float32) / (pixels.astype(np.float32) + np.float32(1e-7))


def null_s(pred: Floats, pixels: Floats) -> Floats:
    """Ref-AVS's S on null references: sqrt(predicted pixels / pixels), float32, from counts pooled over a batch."""
    return np.sqrt(np.asarray(pred, np.float32) / np.asarray(pixels, np.float32))
