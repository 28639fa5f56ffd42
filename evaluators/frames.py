"""The default protocol ``avs``: one rule for masks and label maps that depends on no batch, order or choice of threshold.

In a frame, void pixels left out, the objects are the categories that the gt or the prediction has there (one category where
the gt says only what sounds). J and F are computed for each, averaged over the frame's objects, then over the sample's
frames, then over samples. A frame in which nothing sounds and nothing is predicted scores 1; a category that only one of the
two has scores 0. Soft masks are cut at p > 0.5. F is of pixels, beta squared 0.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import fscore, region
from .categories import VOID
from .counts import LabelCounts
from .outcome import Array, Outcome, nanmean, ratio


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """J, F, their mean, FDR and the predicted share of the area, each a mean over samples."""
    rows = np.array([_sample(sample) for sample in samples], np.float64).reshape(len(samples), 4)
    values = {
        "J": rows[:, 0],
        "F": rows[:, 1],
        "J&F": rows[:, :2].mean(axis=1),
        "FDR": rows[:, 2],
        "pred area": rows[:, 3],
    }
    silent = int(np.isnan(values["FDR"]).sum())
    note = f"FDR leaves out {silent} of {len(samples)} samples in which nothing is predicted" if silent else ""
    return Outcome({name: nanmean(column) for name, column in values.items()}, tuple(ids), values, note=note)


def _sample(sample: LabelCounts) -> tuple[float, float, float, float]:
    """J, F, FDR and predicted share of one sample. Frames that only a loader added are left out."""
    frame, gt, pred, pixels = sample.rows.T
    kept = (gt != VOID) & (gt >= 0) & sample.valid[frame]
    frame, gt, pred, pixels = frame[kept], gt[kept], pred[kept], pixels[kept]
    frames = np.flatnonzero(sample.valid)
    scores = np.array([_frame(*(column[frame == n] for column in (gt, pred, pixels))) for n in frames])
    sounding = pred > 0
    predicted = pixels[sounding].sum()
    wrong = pixels[sounding & (pred != gt)].sum()
    area = ratio(predicted, pixels.sum(), 0.0)
    j, f = scores.mean(axis=0) if len(scores) else (np.nan, np.nan)
    return float(j), float(f), float(ratio(wrong, predicted)), float(area)


def _frame(gt: Array, pred: Array, pixels: Array) -> tuple[float, float]:
    size = int(max(gt.max(initial=0), pred.max(initial=0))) + 1
    in_gt, in_pred = np.bincount(gt, pixels, size)[1:], np.bincount(np.maximum(pred, 0), pixels, size)[1:]
    same = gt == pred
    hit = np.bincount(gt[same], pixels[same], size)[1:]
    present = in_gt + in_pred > 0
    if not present.any():
        return 1.0, 1.0
    hit, in_pred, in_gt = hit[present], in_pred[present], in_gt[present]
    return float(region.jaccard(hit, in_pred, in_gt).mean()), float(fscore.f_of_counts(hit, in_pred, in_gt).mean())
