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
    """J, F, their mean, FDR and the predicted share of the area, each a mean over samples; per category over its frames."""
    objects: dict[int, list[tuple[float, float]]] = {}  # category to J and F of each frame that has it
    rows = np.array([_sample(sample, objects) for sample in samples], np.float64).reshape(len(samples), 4)
    values = {
        "J": rows[:, 0],
        "F": rows[:, 1],
        "J&F": rows[:, :2].mean(axis=1),
        "FDR": rows[:, 2],
        "pred area": rows[:, 3],
    }
    silent = int(np.isnan(values["FDR"]).sum())
    note = f"FDR leaves out {silent} of {len(samples)} samples in which nothing is predicted" if silent else ""
    measures = {name: nanmean(column) for name, column in values.items()}
    per_class = {
        str(category): {
            "J": float(np.mean(scores, axis=0)[0]),
            "F": float(np.mean(scores, axis=0)[1]),
            "frames": len(scores),
        }
        for category, scores in sorted(objects.items())
    }
    return Outcome(measures, tuple(ids), values, per_class=per_class, note=note)


def _sample(sample: LabelCounts, objects: dict[int, list[tuple[float, float]]]) -> tuple[float, float, float, float]:
    """J, F, FDR and predicted share of one sample. Frames that only a loader added are left out."""
    frame, gt, pred, pixels = sample.rows.T
    kept = (gt != VOID) & (gt >= 0) & sample.valid[frame]
    frame, gt, pred, pixels = frame[kept], gt[kept], pred[kept], pixels[kept]
    scores = []
    for number in np.flatnonzero(sample.valid):
        here = frame == number
        categories, j, f = _frame(gt[here], pred[here], pixels[here])
        for category, *both in zip(categories.tolist(), j.tolist(), f.tolist(), strict=True):
            objects.setdefault(category, []).append((both[0], both[1]))
        scores.append((j.mean(), f.mean()) if len(j) else (1.0, 1.0))
    sounding = pred > 0
    predicted = pixels[sounding].sum()
    wrong = pixels[sounding & (pred != gt)].sum()
    area = ratio(predicted, pixels.sum(), 0.0)
    mean_j, mean_f = np.mean(scores, axis=0) if scores else (np.nan, np.nan)
    return float(mean_j), float(mean_f), float(ratio(wrong, predicted)), float(area)


def _frame(gt: Array, pred: Array, pixels: Array) -> tuple[Array, Array, Array]:
    """The categories that gt or prediction has in a frame, and J and F of each."""
    size = int(max(gt.max(initial=0), pred.max(initial=0))) + 1
    in_gt, in_pred = np.bincount(gt, pixels, size), np.bincount(np.maximum(pred, 0), pixels, size)
    same = gt == pred
    hit = np.bincount(gt[same], pixels[same], size)
    categories = np.flatnonzero(in_gt[1:] + in_pred[1:]) + 1
    counts = hit[categories], in_pred[categories], in_gt[categories]
    return categories, region.jaccard(*counts), fscore.f_of_counts(*counts)
