"""J and F of AVSBench-semantic: per frame and category, averaged over the frames that have the category, then over categories.

Source: AVSBench avss/utils/compute_color_metrics.py and avss/test.py; variants of COMBO-AVS, AVSegFormer and Stepping-Stones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import fscore
from .counts import LabelCounts
from .outcome import Array, Outcome

SPACING = 2.220446049250313e-16  # in the official denominator of J


def class_counts(rows: Array, frames: int, classes: int) -> tuple[Array, Array, Array]:
    """Pixels in both, in the prediction and in the gt: float64 (frames, classes) each.

    A pixel with gt -1 has no prediction; one with another value outside the classes (255) belongs to no gt class,
    but its prediction counts, as in the official code.
    """
    frame, gt, pred, pixels = rows.T
    known = (pred >= 0) & (pred < classes) & (gt >= 0)
    labelled = (gt >= 0) & (gt < classes)
    size = frames * classes

    def add(kept: Array, label: Array) -> Array:
        return np.bincount(frame[kept] * classes + label[kept], pixels[kept], size).reshape(frames, classes)

    return add(known & (gt == pred), pred), add(known, pred), add(labelled, gt)


def class_scores(inter: Array, pred: Array, gt: Array) -> tuple[Array, Array]:
    """J = I / (U + 2.2e-16) and F = 1.3 P R / (0.3 P + R), 0 where P or R is not defined; float64, any shape."""
    iou = inter / (pred + gt - inter + SPACING)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = inter / pred, inter / gt
    return iou, fscore.f_of_precision(precision, recall)


def sums(sample: LabelCounts, classes: int, padding: bool) -> Array:
    """Of one sample: sum of J, sum of F and number of frames of each category, float64 (3, classes)."""
    inter, pred, gt = class_counts(sample.rows, sample.frames, classes)
    iou, f = class_scores(inter, pred, gt)
    table = np.stack([iou, f, (pred + gt - inter > 0).astype(np.float64)])  # (3, frames, classes)
    total: Array = (table if padding else table[:, sample.valid]).sum(axis=1)
    return total


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """Means over all categories, a category that never occurs counting 0, beside the variants that are printed.

    ``rule``: classes; padding (True: frames that the official loader adds are scored as well); background ("drop last" as
    AVSBench, which takes index 70 for the background, or "drop first", as Stepping-Stones, which is right).
    """
    table = np.array([sums(sample, rule["classes"], rule["padding"]) for sample in samples])  # (samples, 3, classes)
    measures = _measures(table.sum(axis=0), rule)
    statistics = {name: partial(_resampled, table=table, rule=rule, name=name) for name in measures}
    j, f, counts = table.sum(axis=0)
    per_class = {
        str(index): {"J": j[index] / counts[index], "F": f[index] / counts[index], "frames": counts[index]}
        for index in np.flatnonzero(counts)
    }
    return Outcome(measures, statistics=statistics, per_class=per_class)


def _measures(table: Array, rule: Mapping[str, Any]) -> dict[str, Any]:
    """From sums (..., 3, classes) to measures (...)."""
    counts = table[..., 2, :]
    per_class = table[..., :2, :] / np.where(counts == 0, 1, counts)[..., None, :]  # (..., 2, classes)
    without = per_class[..., :-1] if rule["background"] == "drop last" else per_class[..., 1:]
    present = np.maximum((counts > 0).sum(axis=-1), 1)
    measures = {}
    for place, name in enumerate("JF"):
        measures[name] = per_class[..., place, :].mean(axis=-1)
        measures[f"{name} no background"] = without[..., place, :].mean(axis=-1)
        measures[f"{name} present"] = per_class[..., place, :].sum(axis=-1) / present
    measures["J&F"] = (measures["J"] + measures["F"]) / 2
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in measures.items()}


def _resampled(weights: Array, table: Array, rule: Mapping[str, Any], name: str) -> Array:
    """A measure of weighted samples: weights (resamples, samples) to (resamples,)."""
    shape = (len(weights), *table.shape[1:])
    values: Array = _measures((weights @ table.reshape(len(table), -1)).reshape(shape), rule)[name]
    return values
