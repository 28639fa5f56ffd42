"""F of pixels, as AVSBench and its followers compute it: region precision and recall at many thresholds.

The AVSBench paper (Sec. 5.1) calls it contour accuracy; the code (avs_s4/utils/utility.py) has no contour in it, which is
why DAVIS's F (:mod:`evaluators.boundary`) is another number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BETA2 = 0.3  # beta squared, of AVSBench and all code
BETAS2 = (BETA2, 0.09)  # the second is what the AUSS paper's "beta = 0.3" says, taken by the letter

Floats = np.ndarray[Any, np.dtype[Any]]


def f_of_precision(precision: Floats, recall: Floats, beta2: float = BETA2) -> Floats:
    """(1 + beta2) P R / (beta2 P + R), in the precision of its arguments; 0 where it is not defined (P = R = 0, or NaN)."""
    one = precision.dtype.type
    with np.errstate(invalid="ignore", divide="ignore"):
        f: Floats = one(1 + beta2) * precision * recall / (one(beta2) * precision + recall)
    f[np.isnan(f)] = 0
    return f


def f_of_counts(hit: Floats, pred: Floats, gt: Floats, beta2: float = BETA2, *, both_empty: float = 1.0) -> Floats:
    """(1 + beta2) TP / ((1 + beta2) TP + beta2 FN + FP), float64: the same F from pixel counts, 1 exactly where all is right.

    ``hit`` pixels in both, ``pred`` and ``gt`` pixels in each. ``both_empty`` where neither has any; 0 where one has none.
    """
    hit = np.asarray(hit, np.float64)
    weighted = (1 + beta2) * hit
    below = weighted + beta2 * (gt - hit) + (pred - hit)
    f: Floats = np.where(below == 0, both_empty, weighted / np.where(below == 0, 1, below))
    return f


def curves(area: Floats, hit: Floats, gt: Floats) -> Floats:
    """F of frames at each threshold, float32 (len(BETAS2), frames, thresholds): AVSBench's ``_eval_pr`` and F, operation by operation.

    ``area`` (frames, thresholds) pixels that pass each threshold, ``hit`` those of them in the gt, ``gt`` (frames,) pixels of the gt.
    P = hit / (area + 1e-20), R = hit / (gt + 1e-20).
    """
    precision, recall = precision_recall(area, hit, gt, 1e-20)
    return np.stack([f_of_precision(precision, recall, beta2) for beta2 in BETAS2])


def best_of_frames(area: Floats, hit: Floats, gt: Floats) -> Floats:
    """Largest F of each frame over its thresholds, float32 (frames,), by DeepAVFusion (eval_avsegm.py): 1e-10 in each denominator."""
    precision, recall = precision_recall(area, hit, gt, 1e-10)
    below = np.float32(BETA2) * precision + recall + np.float32(1e-10)
    best: Floats = (np.float32(1 + BETA2) * precision * recall / below).max(axis=-1)
    return best


def precision_recall(area: Floats, hit: Floats, gt: Floats, tiny: float) -> tuple[Floats, Floats]:
    """Precision and recall of frames at each threshold, float32 (frames, thresholds); ``tiny`` is added to the denominators.

    ``area``, ``hit`` and ``gt`` as in :func:`curves`.
    """
    tp = hit.astype(np.float32)
    return tp / (area.astype(np.float32) + np.float32(tiny)), tp / (gt.astype(np.float32) + np.float32(tiny))[:, None]
