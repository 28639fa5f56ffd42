"""Measures of one confusion matrix over the whole dataset: mIoU, accuracy, FDR and F of CAVP and VPO.

Source: CAVP utils/eval_utils.py (``MIoU``, ``ForegroundDetect``); CAVP paper, Sec. 4 and Table 2. All are per dataset: pixels
are added up over all frames before anything is divided, so large objects and long videos weigh more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from .categories import VOID
from .counts import LabelCounts
from .outcome import Array, Outcome, ratio, shared_statistics
from .semantic import SPACING
from .stacked import Stacked, stack


def confusion_matrix(rows: Array, classes: int) -> Array:
    """Pixels of each gt (row) and pred (column) index, int64 (classes, classes).

    ``rows`` int64 (n, 3): gt, pred, pixels. Pixels whose gt is no index (255 void, -1) are left out; predictions outside too.
    """
    gt, pred, pixels = rows.T
    kept = (gt >= 0) & (gt < classes) & (pred >= 0) & (pred < classes)
    flat = np.bincount(gt[kept] * classes + pred[kept], pixels[kept], classes**2)
    return flat.reshape(classes, classes).astype(np.int64)


def margins(matrix: Array) -> Array:
    """What all measures are made of: pixels right, predicted and in the gt of each category, (..., 3, classes)."""
    return np.stack([np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-2), matrix.sum(axis=-1)], axis=-2)


def class_measures(margin: Array) -> dict[str, Array]:
    """Per category, float64 (..., classes), from (..., 3, classes): IoU, FDR = FP / (FP + TP), F1, F0.3, precision, recall.

    F = (1 + beta2) TP / ((1 + beta2) TP + beta2 FN + FP). IoU is 0 for a category that nobody has, the others NaN where
    their denominator is 0: FDR leaves out what is never predicted, even if it is in the gt.
    """
    tp, pred, gt = (margin[..., row, :].astype(np.float64) for row in range(3))
    fp, fn = pred - tp, gt - tp
    measures = {"IoU": tp / (SPACING + tp + fp + fn), "FDR": ratio(fp, pred)}
    for name, beta2 in (("F1", 1.0), ("F0.3", 0.3)):
        measures[name] = ratio((1 + beta2) * tp, (1 + beta2) * tp + beta2 * fn + fp)
    measures["precision"], measures["recall"] = ratio(tp, pred), ratio(tp, gt)
    return measures


def confusion_measures(matrix: Array, rule: Mapping[str, Any]) -> dict[str, Array]:
    """mIoU, accuracy, FDR, F1 and F0.3, float64 (...), of matrices (..., classes, classes); see :func:`margin_measures`."""
    return margin_measures(margins(matrix), rule)


def margin_measures(margin: Array, rule: Mapping[str, Any]) -> dict[str, Array]:
    """The same from (..., 3, classes).

    mIoU is the mean over all categories, absent ones being 0 (``rule["absent"]`` "zero", as CAVP) or left out ("skip");
    FDR and F are means over those where they are defined. ``rule["background"]`` False leaves index 0 out of the means.
    """
    first = 0 if rule.get("background", True) else 1
    per_class = {name: values[..., first:] for name, values in class_measures(margin).items()}
    iou = per_class["IoU"]
    if rule.get("absent", "zero") == "skip":
        iou = np.where(margin[..., 1, first:] + margin[..., 2, first:] > 0, iou, np.nan)
    measures = {"mIoU": _nanmean(iou), "accuracy": margin[..., 0, :].sum(-1) / (SPACING + margin[..., 2, :].sum(-1))}
    return measures | {name: _nanmean(per_class[name]) for name in ("FDR", "F1", "F0.3")}


def _nanmean(values: Array) -> Array:
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))


def multi_source_frames(table: Stacked, threshold: int = 100) -> Array:
    """CAVP's "multi-source" frames, bool (frames,): more than two label values, void being one, cover over ``threshold`` pixels each."""
    label = np.where(table.gt == VOID, -1, table.gt) + 1
    width = int(label.max(initial=0)) + 1
    keys, places = np.unique(table.frame * width + label, return_inverse=True)
    large = np.bincount(places.ravel(), table.pixels) > threshold
    return np.bincount(keys[large] // width, minlength=len(table.valid)) > 2


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """All frames' pixels in one matrix. ``rule``: classes, background, absent, frames ("all" or "multi-source")."""
    table = _margins(samples, rule)
    total = table.sum(axis=0)  # (samples, 3, classes) -> (3, classes)
    measures = {name: float(value) for name, value in margin_measures(total, rule).items()}
    columns = class_measures(total)
    per_class = {
        str(index): {name: float(values[index]) for name, values in columns.items()}
        for index in np.flatnonzero(total[1] + total[2])
    }
    statistics = shared_statistics(partial(_resampled, table=table, rule=rule), measures)
    return Outcome(measures, statistics=statistics, per_class=per_class)


def _margins(samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Array:
    """Pixels right, predicted and in the gt of each sample and category, float64 (samples, 3, classes)."""
    table, classes = stack(samples), rule["classes"]
    kept = table.valid[table.frame]
    if rule["frames"] == "multi-source":
        kept &= multi_source_frames(table)[table.frame]
    inside = (table.gt >= 0) & (table.gt < classes) & (table.pred >= 0) & (table.pred < classes)
    table = table.kept(kept & inside)
    size = len(samples) * classes
    first = table.sample * classes
    right = table.pixels * (table.gt == table.pred)
    columns = ((table.gt, right), (table.pred, table.pixels), (table.gt, table.pixels))
    return np.stack(
        [np.bincount(first + label, pixels, size).reshape(-1, classes) for label, pixels in columns], axis=1
    )


def _resampled(weights: Array, table: Array, rule: Mapping[str, Any]) -> dict[str, Array]:
    """All measures of weighted samples: weights (resamples, samples) to (resamples,) each."""
    margin = (weights @ table.reshape(len(table), -1)).reshape(len(weights), *table.shape[1:])
    return margin_measures(margin, rule)
