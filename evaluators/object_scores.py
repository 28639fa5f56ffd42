"""Folds of sounding-or-not counts: the rules of AVSBench-object, Ref-AVS, AVSBench-Robust and DeepAVFusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import fscore, region
from .counts import HALF, ObjectCounts
from .outcome import Array, Outcome, nanmean, ratio
from .thresholds import CUTS

Rule = Mapping[str, Any]


def fold_batches(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """J, F and their mean as AVSBench takes them: a number for each batch of ``rule["batch"]`` samples, then their mean.

    F is the maximum over 255 thresholds of the batch's mean curve over its frames with a gt; a batch with none scores 0 and
    is counted. ``rule``: batch, cut (0.5 or 0.4), beta2 (0.3 or 0.09), map ("probability" or "2*l1-l0").
    """
    size = rule["batch"]
    batches = [range(start, min(start + size, len(samples))) for start in range(0, len(samples), size)]
    j = _batch_j(samples, batches, CUTS.index(rule["cut"]))
    f = np.array([_batch_f([samples[n] for n in batch], rule) for batch in batches])
    measures = {"J": region.running_mean_float32(j), "F": float(f.mean())}
    measures["J&F"] = (measures["J"] + measures["F"]) / 2
    units = tuple("+".join(ids[n] for n in batch) for batch in batches)
    hard = all(sample.hard for sample in samples)
    note = "F from hard masks: every threshold cuts alike, so it is not the F of a soft map" if hard else ""
    return Outcome(measures, units, {"J": j.astype(np.float64), "F": f, "J&F": (j + f) / 2}, note=note)


def _batch_j(samples: Sequence[ObjectCounts], batches: Sequence[range], cut: int) -> Array:
    """J of each batch, float32."""
    columns = (
        np.concatenate(parts)
        for parts in zip(*((one.hit[:, cut], one.area[:, cut], one.gt, one.pixels) for one in samples), strict=True)
    )
    frames = region.avsbench_j(*columns)
    ends = np.cumsum([0, *(len(one.gt) for one in samples)])
    return np.array([region.mean_float32(frames[ends[batch.start] : ends[batch.stop]]) for batch in batches])


def _batch_f(batch: Sequence[ObjectCounts], rule: Rule) -> float:
    frames = sum(int((one.gt > 0).sum()) for one in batch)
    if not frames:
        return 0.0
    beta = fscore.BETAS2.index(rule["beta2"])
    curves = [_curves(one, rule)[beta] for one in batch]
    total = curves[0] if len(curves) == 1 else np.sum(curves, axis=0, dtype=np.float64).astype(np.float32)
    return float((total / np.float32(frames)).max())


def _curves(sample: ObjectCounts, rule: Rule) -> Array:
    if rule["map"] == "probability":
        return sample.curves
    if sample.other_curves is None:
        raise ValueError("this protocol takes F from sigmoid(2 * l1 - l0): give two-channel logits")
    return sample.other_curves


def fold_robust(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """AVSBench-Robust's FPR: share of pixels predicted, mean over the frames of a batch, then over batches. The gt is not used."""
    batches = [samples[start : start + rule["batch"]] for start in range(0, len(samples), rule["batch"])]
    values = np.array(
        [
            region.mean_float32(
                np.concatenate([region.false_positive_rate(one.area[:, HALF], one.pixels) for one in batch])
            )
            for batch in batches
        ]
    )
    units = tuple("+".join(ids[start : start + rule["batch"]]) for start in range(0, len(ids), rule["batch"]))
    return Outcome({"FPR": region.running_mean_float32(values)}, units, {"FPR": values.astype(np.float64)})


def fold_null(ids: Sequence[str], samples: Sequence[ObjectCounts], rule: Rule) -> Outcome:
    """Ref-AVS's S for references to nothing: sqrt(predicted / all) pooled over a batch, then the mean. The gt is not used."""
    starts = range(0, len(samples), rule["batch"])
    values = np.array(
        [
            region.null_s(
                np.concatenate([one.area[:, HALF] for one in samples[start : start + rule["batch"]]]),
                np.concatenate([one.pixels for one in samples[start : start + rule["batch"]]]),
            )
            for start in starts
        ]
    )
    units = tuple("+".join(ids[start : start + rule["batch"]]) for start in starts)
    return Outcome({"S": float(values.mean())}, units, {"S": values})


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
