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


def curves(area: Floats, hit: Floats, gt: float) -> Floats:
    """F of one frame at each threshold, float32 (len(BETAS2), thresholds): AVSBench's ``_eval_pr`` and F, operation by operation.

    ``area`` pixels that pass each threshold, ``hit`` those of them in the gt, ``gt`` pixels of the gt.
    P = hit / (area + 1e-20), R = hit / (gt + 1e-20).
    """
    tiny = np.float32(1e-20)
    tp = hit.astype(np.float32)
    precision, recall = tp / (area.astype(np.float32) + tiny), tp / (np.float32(gt) + tiny)
    return np.stack([f_of_precision(precision, recall, beta2) for beta2 in BETAS2])


def best_of_frame(area: Floats, hit: Floats, gt: float) -> float:
    """Largest F of one frame over the given thresholds as DeepAVFusion has it (eval_avsegm.py): 1e-10 in each denominator."""
    tiny, tp = np.float32(1e-10), hit.astype(np.float32)
    precision, recall = tp / (area.astype(np.float32) + tiny), tp / (np.float32(gt) + tiny)
    below = np.float32(BETA2) * precision + recall + tiny
    return float((np.float32(1 + BETA2) * precision * recall / below).max())
