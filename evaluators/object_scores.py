"""Folds of sounding-or-not counts: the rules of AVSBench-object, Ref-AVS, AVSBench-Robust and DeepAVFusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import fscore, region
from .counts import HALF, ObjectCounts
from .outcome import Array, Outcome, nanmean, ratio
from .thresholds import CUTS, integer_scale

Rule = Mapping[str, Any]


def fold_batches(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """J, F and their mean as AVSBench takes them: a number for each batch of ``rule["batch"]`` samples, then their mean.

    F is the maximum over 255 thresholds of the batch's mean curve over its frames with a gt; a batch with none scores 0 and
    is counted. ``rule``: batch, cut (0.5 or 0.4), beta2 (0.3 or 0.09), map ("probability" or "2*l1-l0").
    """
    batches = _batches(samples, rule)
    cut = CUTS.index(rule["cut"])
    hit, pred = (np.concatenate([getattr(one, name)[:, cut] for one in samples]) for name in ("hit", "area"))
    gt, pixels = (np.concatenate([getattr(one, name) for one in samples]) for name in ("gt", "pixels"))
    j = region.means_of_parts(region.avsbench_j(hit, pred, gt, pixels), _ends(samples, batches))
    f = _batch_f(samples, batches, rule)
    measures = {"J": region.running_mean_float32(j), "F": float(f.mean())}
    measures["J&F"] = (measures["J"] + measures["F"]) / 2
    hard = all(sample.hard for sample in samples)
    note = "F from hard masks: every threshold cuts alike, so it is not the F of a soft map" if hard else ""
    values = {"J": j.astype(np.float64), "F": f, "J&F": (j + f) / 2}
    return Outcome(measures, _units(ids, batches), values, note=note)


def _batches(samples: Sequence[ObjectCounts], rule: Rule) -> list[range]:
    size = rule["batch"]
    return [range(start, min(start + size, len(samples))) for start in range(0, len(samples), size)]


def _units(ids: Sequence[str], batches: Sequence[range]) -> tuple[str, ...]:
    return tuple("+".join(ids[batch.start : batch.stop]) for batch in batches)


def _ends(samples: Sequence[ObjectCounts], batches: Sequence[range]) -> Array:
    """Where the frames of each batch begin and end, among those of all samples."""
    ends = np.cumsum([0, *(len(one.gt) for one in samples)])
    return ends[[0, *(batch.stop for batch in batches)]]


def _batch_f(samples: Sequence[ObjectCounts], batches: Sequence[range], rule: Rule) -> Array:
    """Largest value of each batch's mean curve, float64."""
    beta = fscore.BETAS2.index(rule["beta2"])
    curves = np.stack([_curves(one, rule)[beta] for one in samples])
    frames = np.array([(one.gt > 0).sum() for one in samples])
    if rule["batch"] > 1:
        starts = [batch.start for batch in batches]
        curves = np.add.reduceat(curves.astype(np.float64), starts).astype(np.float32)
        frames = np.add.reduceat(frames, starts)
    best = (curves / np.maximum(frames, 1).astype(np.float32)[:, None]).max(axis=1)
    return np.where(frames > 0, best, np.float32(0)).astype(np.float64)


def _curves(sample: ObjectCounts, rule: Rule) -> Array:
    if rule["map"] == "probability":
        two = sample.curves.shape[1] == 2
        return sample.curves.take(integer_scale(1).curve, axis=1) if two else sample.curves
    if sample.other_curves is None:
        raise ValueError("this protocol takes F from sigmoid(2 * l1 - l0): give two-channel logits")
    return sample.other_curves


def fold_robust(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """AVSBench-Robust's FPR: share of pixels predicted, mean over the frames of a batch, then over batches. The gt is not used."""
    batches = _batches(samples, rule)
    pred, pixels = (
        np.concatenate([one.area[:, HALF] for one in samples]),
        np.concatenate([one.pixels for one in samples]),
    )
    values = region.means_of_parts(region.false_positive_rate(pred, pixels), _ends(samples, batches))
    return Outcome(
        {"FPR": region.running_mean_float32(values)}, _units(ids, batches), {"FPR": values.astype(np.float64)}
    )


def fold_null(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """Ref-AVS's S for references to nothing: sqrt(predicted / all) pooled over a batch, then the mean. The gt is not used."""
    batches = _batches(samples, rule)
    starts = [batch.start for batch in batches]
    pred, pixels = (
        np.add.reduceat([column.sum() for column in columns], starts)
        for columns in ([one.area[:, HALF] for one in samples], [one.pixels for one in samples])
    )
    values = region.null_s(pred, pixels).astype(np.float64)
    return Outcome({"S": float(values.mean())}, _units(ids, batches), {"S": values})


def fold_frames_with_gt(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """DeepAVFusion (eval_avsegm.py): frames without gt are left out of everything; mIoU, precision and recall are means over
    background and foreground; F is each frame's own maximum over 256 thresholds.
    """
    hit, area = (np.concatenate([getattr(one, name)[:, HALF] for one in samples]) for name in ("hit", "area"))
    gt, pixels, best = (np.concatenate([getattr(one, name) for one in samples]) for name in ("gt", "pixels", "best"))
    kept = gt > 0
    hit, area, gt, pixels, best = hit[kept], area[kept], gt[kept], pixels[kept], best[kept]
    units = tuple(f"{name}:{number}" for name, one in zip(ids, samples, strict=True) for number in range(len(one.gt)))
    # foreground, background: (2, frames)
    inter = np.stack([hit, pixels - area - gt + hit])
    pred, truth = np.stack([area, pixels - area]), np.stack([gt, pixels - gt])
    union = pred + truth - inter
    tables = {"mIoU": inter / (1e-10 + union), "precision": inter / (1e-10 + pred), "recall": inter / (1e-10 + truth)}
    measures: dict[str, float] = {}
    for name, table in tables.items():
        foreground, background = ratio(table.sum(axis=1), (union > 0).sum(axis=1))
        measures[name] = nanmean(np.array([background, foreground]))
        measures[f"{name} foreground"] = float(foreground)
    measures["F"] = nanmean(best)
    values = {"mIoU foreground": tables["mIoU"][0], "F": best}
    return Outcome(measures, tuple(unit for unit, keep in zip(units, kept, strict=True) if keep), values)
