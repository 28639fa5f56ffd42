"""J and F of AVSBench-semantic: per frame and category, averaged over the frames that have the category, then over categories.

Source: AVSBench avss/utils/compute_color_metrics.py and avss/test.py; variants of COMBO-AVS, AVSegFormer and Stepping-Stones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from . import fscore, region
from .counts import LabelCounts
from .outcome import Array, Outcome, shared_statistics
from .stacked import areas, stack

SPACING = 2.220446049250313e-16  # in the official denominator of J


def class_scores(inter: Array, pred: Array, gt: Array) -> tuple[Array, Array]:
    """J = I / (U + 2.2e-16) and F = 1.3 P R / (0.3 P + R), 0 where P or R is not defined; float64, any shape."""
    iou = inter / (pred + gt - inter + SPACING)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = inter / pred, inter / gt
    return iou, fscore.f_of_precision(precision, recall)


def sums(samples: Sequence[LabelCounts], classes: int, padding: bool) -> Array:
    """Sum of J, sum of F and number of frames of each category, float64 (samples, 3, classes).

    A pixel with gt -1 has no prediction; one with another value outside the classes (255) belongs to no gt class, but its
    prediction counts, as in the official code.
    """
    table = stack(samples)
    if not padding:
        table = table.kept(table.valid[table.frame])
    known = (table.pred >= 0) & (table.pred < classes) & (table.gt >= 0)
    found = areas(table, known, (table.gt >= 0) & (table.gt < classes))
    iou, f = class_scores(found.hit, found.pred, found.gt)
    cells = table.sample_of_frame[found.frame] * classes + found.category
    columns = [np.bincount(cells, column, len(samples) * classes) for column in (iou, f, np.ones(len(iou)))]
    return np.stack(columns, axis=1).reshape(len(samples), classes, 3).transpose(0, 2, 1)


def frame_means(samples: Sequence[LabelCounts], classes: int) -> Array:
    """Mean of each frame's J over its categories that have a pixel in common, float64 (frames,); NaN where none has.

    What AVSBench prints per frame (``vid_miou_list``): a category that is missed or invented counts nothing.
    """
    table = stack(samples)
    known = (table.pred >= 0) & (table.pred < classes) & (table.gt >= 0)
    found = areas(table, known, (table.gt >= 0) & (table.gt < classes))
    iou, _ = class_scores(found.hit, found.pred, found.gt)
    frames = len(table.valid)
    with np.errstate(invalid="ignore"):
        means: Array = np.bincount(found.frame, iou, frames) / np.bincount(found.frame, iou != 0, frames)
    return means


def foreground_j(samples: Sequence[LabelCounts], background: int) -> Array:
    """J of each frame, everything but ``background`` taken together, float32 (frames,), by ``region.avsbench_j``'s rule.

    ``calc_binary_miou``: AVSBench takes the last index for the background, CAVP takes 0, which is right.
    """
    table = stack(samples)
    frames = len(table.valid)
    in_pred, in_gt = table.pred != background, table.gt != background
    hit, pred, gt = (
        np.bincount(table.frame[rows], table.pixels[rows], frames) for rows in (in_pred & in_gt, in_pred, in_gt)
    )
    return region.avsbench_j(hit, pred, gt, np.bincount(table.frame, table.pixels, frames))


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """Means over all categories, a category that never occurs counting 0, beside the variants that are printed.

    ``rule``: classes; padding (True: frames that the official loader adds are scored as well); background ("drop last" as
    AVSBench, which takes index 70 for the background, or "drop first", as Stepping-Stones, which is right).
    """
    table = sums(samples, rule["classes"], rule["padding"])
    measures = _measures(table.sum(axis=0), rule)
    statistics = shared_statistics(partial(_resampled, table=table, rule=rule), measures)
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


def _resampled(weights: Array, table: Array, rule: Mapping[str, Any]) -> dict[str, Any]:
    """All measures of weighted samples: weights (resamples, samples) to (resamples,) each."""
    shape = (len(weights), *table.shape[1:])
    return _measures((weights @ table.reshape(len(table), -1)).reshape(shape), rule)
