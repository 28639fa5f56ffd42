"""The default protocol ``avs``: one rule for masks and label maps that depends on no batch, order or choice of threshold.

In a frame, void pixels left out, the objects are the categories that the gt or the prediction has there (one category where
the gt says only what sounds). J and F are computed for each, averaged over the frame's objects, then over the sample's
frames, then over samples. A frame in which nothing sounds and nothing is predicted scores 1; a category that only one of the
two has scores 0. Soft masks are cut at p > 0.5. F is of pixels, beta squared 0.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import fscore, region
from .categories import VOID
from .counts import LabelCounts
from .outcome import Array, Outcome, nanmean, ratio


def fold(ids: Sequence[str], samples: Sequence[LabelCounts], rule: Mapping[str, Any]) -> Outcome:
    """J, F, their mean, FDR and the predicted share of the area, each a mean over samples; per category over its frames."""
    counts = _Objects.of(samples)
    j, f = (_means(scores, counts.frame, counts.frames) for scores in (counts.j, counts.f))
    j, f = (np.where(np.isnan(scores), 1.0, scores) for scores in (j, f))  # a frame without objects
    values = {"J": _means(j, counts.sample, len(samples)), "F": _means(f, counts.sample, len(samples))}
    values["J&F"] = (values["J"] + values["F"]) / 2
    values["FDR"], values["pred area"] = counts.false, counts.area
    silent = int(np.isnan(counts.false).sum())
    note = f"FDR leaves out {silent} of {len(samples)} samples in which nothing is predicted" if silent else ""
    per_class = {
        str(category): {"J": nanmean(counts.j[here]), "F": nanmean(counts.f[here]), "frames": int(here.sum())}
        for category in np.unique(counts.category)
        for here in [counts.category == category]
    }
    measures = {name: nanmean(column) for name, column in values.items()}
    return Outcome(measures, tuple(ids), values, per_class=per_class, note=note)


@dataclass(frozen=True, eq=False)
class _Objects:
    """All objects of all frames, one after the other, and what is counted per sample."""

    frame: Array  # of each object, counted through all samples
    category: Array
    j: Array
    f: Array
    frames: int
    sample: Array  # of each frame
    false: Array  # (samples,) share of the predicted pixels that is wrong, NaN where nothing is predicted
    area: Array  # (samples,) share of the pixels that is predicted

    @classmethod
    def of(cls, samples: Sequence[LabelCounts]) -> _Objects:
        """Frames that only a loader added, and pixels without a label, are left out."""
        frames = np.array([sample.frames for sample in samples])
        valid = np.concatenate([sample.valid for sample in samples])
        rows = np.concatenate([sample.rows for sample in samples])
        sample = np.repeat(np.arange(len(samples)), [len(one.rows) for one in samples])
        frame = rows[:, 0] + (np.cumsum(frames) - frames)[sample]
        gt, pred, pixels = rows[:, 1:].T
        kept = (gt != VOID) & (gt >= 0) & valid[frame]
        sample, frame, gt, pred, pixels = sample[kept], frame[kept], gt[kept], np.maximum(pred[kept], 0), pixels[kept]
        width = int(max(gt.max(initial=0), pred.max(initial=0))) + 1
        keys, places = np.unique(np.concatenate([frame * width + gt, frame * width + pred]), return_inverse=True)
        in_gt, in_pred = places.ravel()[: len(gt)], places.ravel()[len(gt) :]
        sizes = [np.bincount(place, pixels, len(keys)) for place in (in_gt, in_pred)]
        hit = np.bincount(in_gt, np.where(gt == pred, pixels, 0), len(keys))
        objects = keys % width > 0
        counts = hit[objects], sizes[1][objects], sizes[0][objects]
        total, predicted, wrong = (
            np.bincount(sample, np.where(which, pixels, 0), len(samples))
            for which in (pred >= 0, pred > 0, (pred > 0) & (pred != gt))
        )
        return cls(
            keys[objects] // width, keys[objects] % width, region.jaccard(*counts), fscore.f_of_counts(*counts),
            len(valid), np.where(valid, np.repeat(np.arange(len(samples)), frames), -1),
            ratio(wrong, predicted), ratio(predicted, total, 0.0),
        )  # fmt: skip


def _means(values: Array, group: Array, groups: int) -> Array:
    """Mean of the values of each group; NaN where it has none. Group -1 is left out."""
    kept = group >= 0
    return ratio(np.bincount(group[kept], values[kept], groups), np.bincount(group[kept], minlength=groups))
